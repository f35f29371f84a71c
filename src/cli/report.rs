//! `pragati report`: the Course Progress Report of one batch or of several, whole or in parts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{ArgGroup, Args, ValueEnum};
use datafusion::execution::SendableRecordBatchStream;
use pragati::catalog::{Catalog, mapping_rules};
use pragati::config::Config;
use pragati::exports::Location;
use pragati::formats::{Output, OutputFolder};
use pragati::ids::{BatchId, SnapshotDate};
use pragati::nightly::Published;
use pragati::observability::{Work, observed};
use pragati::report::{
    Container, CsvStyle, ReportFilter, ReportFormat, SelectedBatch, Selection, SelectionWritten, SplitColumn,
    batches_of_course, batches_of_list, collect_parts, report_of_batches,
};

use super::failure::UsageError;
use super::log;
use super::options::CommonOptions;
use super::progress;
use super::report_filter::FilterOptions;

const EXAMPLES: &str = "\
Examples:
  pragati report --exports exports --batch 0130320389509939204 -o report.csv
  pragati report --exports exports --batch 0130320389509939204 --format xlsx -o report.xlsx
  pragati report --reports reports --batch 0130320389509939204 -o report.csv
  pragati report --exports s3://bucket/exports --date 2026-11-22 --batch 0130320389509939204 | column -ts,
  pragati report --exports exports --batch 0130320389509939204 --block 'Block 1' --completed no -o reminders.csv
  pragati report --exports exports --batch 0130320389509939204 --split-by block -o blocks.zip
  pragati report --exports exports --batch 0130320389509939204 --split-by block -o blocks/
  pragati report --exports exports --batch 0130320389509939204 --split-by block --format xlsx -o blocks.xlsx
  pragati report --exports exports --course do_31309287232935526411138 -o batches.zip
  pragati report --exports exports --course do_31309287232935526411138 --split-by district -o districts.zip

--split-by writes a file for each value, rows without one into _blank, and index.csv, which lists them: into a folder, into a
ZIP archive where the name ends with .zip, or as sheets of one workbook where it ends with .xlsx and --format is xlsx.
Several batches are a file each where the name ends with .zip; else they are one file with a column Batch.

With --reports, the report is read from what `pragati nightly --out` wrote, in milliseconds; the bytes are the same.
--timezone, --same-tenant, report.unknown_users, the settings of the mapping ([staging_settings]) and its rules of
consent must then be those of the nightly run.";

/// Write the Course Progress Report of one batch or of several.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").required(true))]
pub struct ReportArguments {
    /// Id of the batch; may be repeated
    #[arg(long, value_name = "ID", group = "what")]
    batch: Vec<BatchId>,
    /// All batches of this course
    #[arg(long, value_name = "ID", group = "what", conflicts_with = "batch")]
    course: Option<String>,
    /// Folder or URL of a nightly run's output to read the report from, instead of making it from the exports
    #[arg(long, value_name = "DIR|URL", conflicts_with = "exports")]
    reports: Option<String>,
    /// File to write, or folder with --split-by; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Format of the file
    #[arg(long, value_parser = format_parser(), default_value_t = ReportFormat::Csv)]
    format: ReportFormat,
    /// Write a file for each value of this column
    #[arg(long, value_enum, value_name = "COLUMN")]
    split_by: Option<SplitArgument>,
    /// Start the CSV with a byte-order mark, so that Excel shows Indian scripts [default: in files, not on standard output]
    #[arg(long, overrides_with = "no_bom")]
    bom: bool,
    /// Start the CSV without a byte-order mark
    #[arg(long)]
    no_bom: bool,
    /// Put no apostrophe before cells that a spreadsheet would run as a formula
    #[arg(long)]
    no_formula_escape: bool,
    /// Show External ID, School Name and Block Name only of users who belong to the batch's tenant
    #[arg(long)]
    same_tenant: bool,
    #[command(flatten)]
    filter: FilterOptions,
    #[command(flatten)]
    common: CommonOptions,
}

/// Takes the word of a format; help and completions list them all.
fn format_parser() -> ValueParser {
    let values = ReportFormat::ALL.iter();
    let values = values.map(|format| PossibleValue::new(format.word()).help(format.explanation()));
    let parser = PossibleValuesParser::new(values);
    ValueParser::new(parser.try_map(|word| ReportFormat::from_word(&word).ok_or("reports have no such format")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitArgument {
    Block,
    District,
    School,
    Organisation,
}

impl From<SplitArgument> for SplitColumn {
    fn from(split: SplitArgument) -> Self {
        match split {
            SplitArgument::Block => Self::Block,
            SplitArgument::District => Self::District,
            SplitArgument::School => Self::School,
            SplitArgument::Organisation => Self::Organisation,
        }
    }
}

/// Where the report goes.
enum Destination {
    File(Output, Container),
    Folder(OutputFolder),
}

impl Destination {
    fn is_standard(&self) -> bool {
        matches!(self, Self::File(output, _) if output.is_standard())
    }
}

/// The rows, and what they are of.
struct Found {
    rows: SendableRecordBatchStream,
    several: Vec<SelectedBatch>,
    date: SnapshotDate,
}

pub async fn run(arguments: ReportArguments) -> anyhow::Result<()> {
    let mut config = arguments.common.load()?;
    config.report.same_tenant |= arguments.same_tenant;
    config.report.formula_escape &= !arguments.no_formula_escape;
    let filter = arguments.filter.filter()?;
    let destination = arguments.destination()?;
    config.report.bom = match (arguments.bom, arguments.no_bom) {
        (true, _) => true,
        (_, true) => false,
        _ => config.report.bom && !destination.is_standard(),
    };
    let spinner = progress::spinner("making the report", arguments.common.is_quiet());
    let making = async {
        let found = match &arguments.reports {
            Some(reports) => arguments.published(reports, &config, &filter).await?,
            None => arguments.made(&config, &filter).await?,
        };
        let date = found.date;
        let selection = Selection {
            several: found.several,
            split_by: arguments.split_by.map(SplitColumn::from),
            container: match &destination {
                Destination::File(_, container) => *container,
                Destination::Folder(_) => Container::Zip,
            },
            format: arguments.format,
            style: CsvStyle::from(&config.report),
            temp_folder: config.temp_folder(),
            date: date.day(),
        };
        let written = write(selection, found.rows, destination).await?;
        anyhow::Ok((written, date))
    };
    let (written, date) = observed(Work::Report, making).await?;
    spinner.finish_and_clear();
    if written.rows == 0 && !filter.is_empty() && !arguments.common.is_quiet() {
        log::say("no row passes the filter; what was written has no rows");
    }
    tracing::info!("wrote {} rows of the snapshot of {date}", written.rows);
    Ok(())
}

async fn write(
    selection: Selection,
    rows: SendableRecordBatchStream,
    destination: Destination,
) -> anyhow::Result<SelectionWritten> {
    match destination {
        Destination::File(mut output, _) => {
            let written = selection.write(rows, &mut output).await?;
            output.finish()?;
            Ok(written)
        }
        Destination::Folder(folder) => {
            let options = selection
                .parts()
                .ok_or_else(|| UsageError("--split-by is missing".to_owned()))?;
            let written = collect_parts(rows, options).await?.write_folder(folder.path())?;
            folder.finish()?;
            Ok(SelectionWritten {
                rows: written.rows,
                parts: Some(written.parts),
            })
        }
    }
}

impl ReportArguments {
    fn is_of_several(&self) -> bool {
        self.course.is_some() || self.ids().len() > 1
    }

    /// The named batches, each once, in order.
    fn ids(&self) -> Vec<BatchId> {
        let ids: BTreeSet<&BatchId> = self.batch.iter().collect();
        ids.into_iter().cloned().collect()
    }

    fn destination(&self) -> anyhow::Result<Destination> {
        let is_binary = !self.format.is_text();
        let extension = self.output.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase);
        let is_zip = extension.as_deref() == Some("zip");
        let file = |container, is_binary| -> anyhow::Result<Destination> {
            let output = Output::open(Some(&self.output), is_binary)?;
            Ok(Destination::File(output, container))
        };
        if self.split_by.is_none() {
            return match is_zip && self.is_of_several() {
                true => file(Container::Zip, true),
                false => file(Container::File, is_binary),
            };
        }
        let format_of_file = ReportFormat::ALL
            .iter()
            .copied()
            .find(|format| extension.as_deref() == Some(format.extension()));
        match format_of_file {
            _ if is_zip => file(Container::Zip, true),
            Some(format) if format == self.format && format.parts() == Container::Workbook => {
                file(Container::Workbook, true)
            }
            Some(_) => Err(not_for_parts(&self.output)),
            _ if self.output.as_os_str() == "-" => Err(not_for_parts(&self.output)),
            _ => Ok(Destination::Folder(OutputFolder::open(&self.output)?)),
        }
    }

    async fn made(&self, config: &Config, filter: &ReportFilter) -> anyhow::Result<Found> {
        let catalog = Catalog::open(config).await?;
        let several = match &self.course {
            Some(course) => batches_of_course(&catalog, course).await?,
            None if self.is_of_several() => batches_of_list(&catalog, &self.ids()).await?,
            None => Vec::new(),
        };
        let rows = report_of_batches(&catalog, &self.ids_of(&several), filter).await?;
        Ok(Found {
            rows,
            several,
            date: catalog.date,
        })
    }

    async fn published(&self, reports: &str, config: &Config, filter: &ReportFilter) -> anyhow::Result<Found> {
        let published = Published::open(Location::parse(reports)?, config.date).await?;
        published.check_settings(config, &mapping_rules(config)?)?;
        let published = Arc::new(published);
        let several = match &self.course {
            Some(course) => published.batches_of_course(course)?,
            None if self.is_of_several() => unnamed(self.ids()),
            None => Vec::new(),
        };
        let rows = published.report_of_batches(&self.ids_of(&several), filter).await?;
        Ok(Found {
            rows,
            several,
            date: published.manifest().snapshot_date,
        })
    }

    /// The ids of several batches, or the one that was named.
    fn ids_of(&self, several: &[SelectedBatch]) -> Vec<BatchId> {
        match several {
            [] => self.ids(),
            several => several.iter().map(|batch| batch.batch_id.clone()).collect(),
        }
    }
}

/// Batches without names, which an output of a nightly run does not have.
fn unnamed(ids: Vec<BatchId>) -> Vec<SelectedBatch> {
    let unnamed = |batch_id| SelectedBatch {
        batch_id,
        batch_name: None,
    };
    ids.into_iter().map(unnamed).collect()
}

fn not_for_parts(place: &Path) -> anyhow::Error {
    let place = match place.to_str() {
        Some("-") => "standard output".to_owned(),
        _ => place.display().to_string(),
    };
    UsageError(format!(
        "--split-by writes several files, which {place} cannot hold; name a folder, a file that ends with .zip, or with --format xlsx \
         one that ends with .xlsx, with -o"
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_the_formats_and_explains_parquet() {
        let parser = format_parser();
        let values = parser.possible_values().expect("values");
        let listed: Vec<(String, Option<String>)> = values
            .map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string)))
            .collect();
        let explanation = "The same columns with typed values, under the names that they have in SQL";
        let expected = [("csv", None), ("xlsx", None), ("parquet", Some(explanation))];
        assert_eq!(
            listed,
            expected.map(|(word, help)| (word.to_owned(), help.map(str::to_owned)))
        );
    }
}
