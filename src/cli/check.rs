//! `pragati check`: checks whether a snapshot keeps the contract.

use std::io::{self, Write};

use clap::Args;
use pragati::catalog::{Catalog, Readings};
use pragati::check::{Finding, Severity, check};

use super::options::CommonOptions;
use super::progress;
use super::table_or_json::{TableOrJson, print_json};

const EXAMPLES: &str = "\
Examples:
  pragati check --exports exports
  pragati check --exports exports --date 2026-11-22 --format json

Exit code 1 when a rule that must hold is broken. The rules are the SQL files in queries/checks/.";

/// Check a snapshot against every rule of the input contract.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArguments {
    /// Format of the output
    #[arg(long, value_enum, default_value_t = TableOrJson::Table)]
    format: TableOrJson,
    #[command(flatten)]
    common: CommonOptions,
}

/// The snapshot breaks rules that must hold.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot of {date} breaks {broken} of the rules that must hold; see the rows marked MUST above")]
struct BrokenRules {
    date: pragati::ids::SnapshotDate,
    broken: usize,
}

pub async fn run(arguments: CheckArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let spinner = progress::spinner("checking", arguments.common.is_quiet());
    let catalog = Catalog::open_for(&config, Readings::Several).await?;
    let findings = check(&catalog).await?;
    spinner.finish_and_clear();
    let mut out = io::stdout().lock();
    match arguments.format {
        TableOrJson::Table => {
            if let Some(mapping) = &catalog.mapping {
                writeln!(out, "{mapping}")?;
            }
            print_table(&mut out, &findings)?;
        }
        TableOrJson::Json => {
            let mapping = catalog.mapping.as_ref().map(Finding::of_mapping);
            let all: Vec<&Finding> = mapping.iter().chain(&findings).collect();
            print_json(&mut out, &all)?;
        }
    }
    out.flush()?;
    let broken = findings.iter().filter(|finding| finding.is_failure()).count();
    if broken > 0 {
        let date = catalog.date;
        return Err(BrokenRules { date, broken }.into());
    }
    Ok(())
}

fn print_table(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        let mark = match (finding.rows, finding.severity) {
            (0, _) => "ok",
            (_, Severity::Must) => "MUST",
            (_, Severity::Should) => "should",
        };
        writeln!(
            out,
            "{mark:6} {:>10}  {:36} {}",
            finding.rows, finding.rule, finding.description
        )?;
        for example in &finding.examples {
            writeln!(out, "{:20}for example {example}", "")?;
        }
    }
    Ok(())
}
