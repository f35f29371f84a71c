//! `pragati sql`: any SQL over the tables and views of a snapshot.

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use datafusion::sql::parser::{DFParser, Statement};
use pragati::catalog::Catalog;
use pragati::engine::EngineError;
use pragati::formats::{Format, write_rows};

use super::failure::UsageError;
use super::format::FormatArgument;
use super::options::CommonOptions;
use super::output::Output;

const EXAMPLES: &str = "\
Examples:
  pragati sql --exports exports -c 'show tables'
  pragati sql --exports exports -c 'select * from course_progress_report limit 5' --format csv
  pragati sql --exports exports -f question.sql --format parquet -o answer.parquet
  echo 'select count(*) from users' | pragati sql --exports exports";

/// Run SQL over the tables and views of a snapshot.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SqlArguments {
    /// SQL to run; may be repeated, and may hold several statements
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,
    /// File of SQL to run, after the commands; - for standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = FormatArgument::Table)]
    format: FormatArgument,
    /// File to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    common: CommonOptions,
}

pub async fn run(arguments: SqlArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let statements = statements(&arguments)?;
    let format = Format::from(arguments.format);
    if !format.is_text() && statements.len() != 1 {
        return Err(UsageError(format!(
            "a {} file holds one result, not {}; give one statement",
            if format == Format::Arrow { "Arrow" } else { "Parquet" },
            statements.len()
        ))
        .into());
    }
    let mut output = Output::open(Some(&arguments.output), !format.is_text())?;
    let catalog = Catalog::open(&config).await?;
    for statement in statements {
        let what = "query";
        let plan = catalog.session.state().statement_to_plan(statement).await;
        let plan = plan.map_err(EngineError::running(what))?;
        let frame = catalog
            .session
            .execute_logical_plan(plan)
            .await
            .map_err(EngineError::running(what))?;
        let rows = frame.execute_stream().await.map_err(EngineError::running(what))?;
        if rows.schema().fields().is_empty() {
            continue;
        }
        write_rows(rows, format, &mut output).await?;
    }
    output.finish()
}

/// Everything that was asked for, parsed before anything runs.
fn statements(arguments: &SqlArguments) -> anyhow::Result<Vec<Statement>> {
    let mut texts = arguments.command.clone();
    let reads_input = arguments.file.as_ref().is_some_and(|file| file.as_os_str() == "-");
    match &arguments.file {
        Some(file) if !reads_input => {
            let text = std::fs::read_to_string(file);
            texts.push(
                text.with_context(|| format!("{} cannot be read; check the path given with -f", file.display()))?,
            );
        }
        _ if reads_input || (texts.is_empty() && !io::stdin().is_terminal()) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read as text")?;
            texts.push(text);
        }
        _ => {}
    }
    let mut statements = Vec::new();
    for text in &texts {
        let parsed =
            DFParser::parse_sql(text).map_err(|error| UsageError(format!("SQL: {}", error.strip_backtrace())))?;
        statements.extend(parsed);
    }
    if statements.is_empty() {
        return Err(UsageError("no SQL given; use -c SQL, -f FILE or standard input".to_owned()).into());
    }
    Ok(statements)
}
