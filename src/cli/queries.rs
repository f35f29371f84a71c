//! `pragati queries`: lists the SQL files with their descriptions, or prints one.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use pragati::queries::{Queries, Query};
use serde::Serialize;

use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati queries                              all queries, each with the first line of its description
  pragati queries --format json                the same for a program, with parameters and whole descriptions
  pragati queries download_ratio_by_tenant     one of them, whole
  pragati queries --queries mine               with a site's own files";

/// List the SQL files, or print one of them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueriesArguments {
    /// layer/name of the query to print, or its name where no other layer has it
    name: Option<String>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    format: ListFormat,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Text,
    /// One array of objects
    Json,
}

/// A query in the list.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    description: String,
    parameters: Vec<String>,
    source: String,
}

impl From<Query> for Listed {
    fn from(query: Query) -> Self {
        Self {
            description: query.description(),
            parameters: query.parameters().into_iter().collect(),
            name: query.name,
            source: query.source,
        }
    }
}

pub fn run(arguments: QueriesArguments) -> anyhow::Result<()> {
    let queries = Queries::new(arguments.common.load()?.queries);
    let mut out = io::stdout().lock();
    if let Some(name) = &arguments.name {
        write!(out, "{}", queries.find(name)?.sql)?;
        return Ok(());
    }
    let all = queries.names("").into_iter().map(|name| queries.get(&name));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    match arguments.format {
        ListFormat::Text => {
            let widest = all.iter().map(|query| query.name.len()).max().unwrap_or(0);
            for query in &all {
                writeln!(out, "{:widest$}  {}", query.name, query.summary())?;
            }
        }
        ListFormat::Json => {
            let listed: Vec<Listed> = all.into_iter().map(Listed::from).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&listed)?)?;
        }
    }
    Ok(())
}
