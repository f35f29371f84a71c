//! `pragati report`: one batch's Course Progress Report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datafusion::execution::SendableRecordBatchStream;
use pragati::catalog::{Catalog, mapping_rules};
use pragati::config::Config;
use pragati::exports::Location;
use pragati::formats::Output;
use pragati::ids::{BatchId, SnapshotDate};
use pragati::nightly::Published;
use pragati::report::{CsvStyle, ReportFormat, report_of_batch, write_report};

use super::options::CommonOptions;
use super::progress;

const EXAMPLES: &str = "\
Examples:
  pragati report --exports exports --batch 0130320389509939204 -o report.csv
  pragati report --exports exports --batch 0130320389509939204 --format xlsx -o report.xlsx
  pragati report --reports reports --batch 0130320389509939204 -o report.csv
  pragati report --exports s3://bucket/exports --date 2026-11-22 --batch 0130320389509939204 | column -ts,

With --reports, the report is read from what `pragati nightly --out` wrote, in milliseconds; the bytes are the same.
--timezone, --same-tenant, report.unknown_users, the settings of the mapping ([staging_settings]) and its rules of
consent must then be those of the nightly run.";

/// Write one batch's Course Progress Report.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArguments {
    /// The batch
    #[arg(long, value_name = "ID")]
    batch: BatchId,
    /// Folder or URL of a nightly run's output to read the report from, instead of making it from the exports
    #[arg(long, value_name = "DIR|URL", conflicts_with = "exports")]
    reports: Option<String>,
    /// File to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = FormatArgument::Csv)]
    format: FormatArgument,
    /// Start the CSV with a byte-order mark, so that Excel shows Indian scripts [default: in files, not on standard output]
    #[arg(long, overrides_with = "no_bom")]
    bom: bool,
    /// Start the CSV without a byte-order mark
    #[arg(long)]
    no_bom: bool,
    /// Write cells that a spreadsheet would run as a formula as they are
    #[arg(long)]
    no_formula_escape: bool,
    /// Show External ID, School Name and Block Name only where the user's tenant is the batch's
    #[arg(long)]
    same_tenant: bool,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatArgument {
    Csv,
    Xlsx,
    /// The same columns with typed values, under the names that they have in SQL.
    Parquet,
}

impl From<FormatArgument> for ReportFormat {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Xlsx => Self::Xlsx,
            FormatArgument::Parquet => Self::Parquet,
        }
    }
}

pub async fn run(arguments: ReportArguments) -> anyhow::Result<()> {
    let mut config = arguments.common.load()?;
    config.report.same_tenant |= arguments.same_tenant;
    config.report.formula_escape &= !arguments.no_formula_escape;
    let mut output = Output::open(Some(&arguments.output), arguments.format != FormatArgument::Csv)?;
    config.report.bom = match (arguments.bom, arguments.no_bom) {
        (true, _) => true,
        (_, true) => false,
        _ => config.report.bom && !output.is_standard(),
    };
    let spinner = progress::spinner("making the report", arguments.common.is_quiet());
    let (rows, date) = match &arguments.reports {
        Some(reports) => published_rows(reports, &config, &arguments.batch).await?,
        None => {
            let catalog = Catalog::open(&config).await?;
            (report_of_batch(&catalog, &arguments.batch).await?, catalog.date)
        }
    };
    let style = CsvStyle::from(&config.report);
    let temp_folder = config.temp_folder();
    let count = write_report(rows, arguments.format.into(), style, &temp_folder, &mut output).await?;
    output.finish()?;
    spinner.finish_and_clear();
    tracing::info!("wrote {count} rows of the snapshot of {date}");
    Ok(())
}

async fn published_rows(
    reports: &str,
    config: &Config,
    batch: &BatchId,
) -> anyhow::Result<(SendableRecordBatchStream, SnapshotDate)> {
    let published = Published::open(Location::parse(reports)?, config.date).await?;
    published.check_settings(config, &mapping_rules(config)?)?;
    let rows = published.report_of_batch(batch).await?;
    Ok((rows, published.manifest().snapshot_date))
}
