//! `pragati changes`: the batches whose reports changed between two nights.

use clap::Args;
use datafusion::arrow::array::RecordBatch;
use datafusion::physical_plan::memory::MemoryStream;
use pragati::config::DateChoice;
use pragati::exports::Location;
use pragati::formats::write_rows;
use pragati::ids::SnapshotDate;
use pragati::nightly::{Published, changes};

use super::failure::UsageError;
use super::format::RowsOptions;
use super::log;
use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati changes --reports reports
  pragati changes --reports reports --since 2026-11-15 --format csv -o changes.csv
  pragati changes --reports s3://bucket/reports --date 2026-11-22 --format json

One row for each batch whose report has changed: rows of the report before and after (empty where there was, or is,
no such batch), and people who were added, removed, or completed the course since. Without --since, the day is compared
with the output before it, as the nightly run did. Times within a day, and settings of reports, are no changes.";

/// Show which batches' reports changed, and by how many people.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ChangesArguments {
    /// Folder or URL of a nightly run's output [default: `out` under [nightly]]
    #[arg(long, value_name = "DIR|URL")]
    reports: Option<String>,
    /// Compare with the output of this day, as YYYY-MM-DD [default: the output before]
    #[arg(long, value_name = "DATE")]
    since: Option<SnapshotDate>,
    #[command(flatten)]
    rows: RowsOptions,
    #[command(flatten)]
    common: CommonOptions,
}

pub async fn run(arguments: ChangesArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let reports = arguments.reports.clone().or_else(|| config.nightly.out.clone());
    let reports = reports.ok_or_else(|| {
        UsageError("no nightly output given; use --reports DIR|URL, or `out` under [nightly]".to_owned())
    })?;
    let mut output = arguments.rows.open()?;
    let is_quiet = arguments.common.is_quiet();
    let rows = changed(&Location::parse(&reports)?, config.date, arguments.since, is_quiet).await?;
    let schema = rows.schema();
    let rows = MemoryStream::try_new(vec![rows], schema, None)?;
    write_rows(Box::pin(rows), arguments.rows.format(), &mut output).await?;
    output.finish()?;
    Ok(())
}

/// The table of the changed batches: that of the nightly run, where no day to compare with is given. A message says
/// where that run had no earlier output.
async fn changed(
    reports: &Location,
    date: DateChoice,
    since: Option<SnapshotDate>,
    is_quiet: bool,
) -> anyhow::Result<RecordBatch> {
    let new = Published::open(reports.clone(), date).await?;
    let Some(since) = since else {
        let rows = new.changed_batches().await?;
        if new.manifest().changes_since.is_none() && !is_quiet {
            let day = new.manifest().snapshot_date;
            log::say(&format!(
                "the nightly run of {day} had no earlier output to compare with"
            ));
        }
        return Ok(rows);
    };
    let as_of = new.manifest().snapshot_date;
    if since >= as_of {
        let problem = format!("--since {since} is not before {as_of}, the day that it is compared with");
        return Err(UsageError(problem).into());
    }
    let old = Published::open(reports.clone(), DateChoice::Day(since)).await?;
    Ok(changes::rows_between(&old, &new).await?)
}
