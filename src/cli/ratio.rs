//! `pragati ratio`: the download ratio.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pragati::catalog::Catalog;
use pragati::engine::EngineError;
use pragati::formats::{Format, Output, write_rows};
use pragati::ratio::{Level, Window, download_ratio};

use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati ratio --exports exports
  pragati ratio --exports exports --level course --window 7d --format csv -o ratio.csv

download_ratio = downloads / batches; NULL where there are no batches. What each column means: queries/metrics/download_ratio.sql";

/// Show the download ratio: times downloaded / batches.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RatioArguments {
    /// Over all courses together, for each course, or for each tenant [default: all three]
    #[arg(long, value_enum)]
    level: Option<LevelArgument>,
    /// Days whose downloads count, up to the snapshot's own
    #[arg(long, value_enum, default_value_t = WindowArgument::All)]
    window: WindowArgument,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = FormatArgument::Table)]
    format: FormatArgument,
    /// File to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArgument {
    All,
    Course,
    Tenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WindowArgument {
    All,
    #[value(name = "1d")]
    OneDay,
    #[value(name = "7d")]
    SevenDays,
    #[value(name = "30d")]
    ThirtyDays,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArgument {
    Table,
    Csv,
    Json,
    Parquet,
}

impl From<LevelArgument> for Level {
    fn from(level: LevelArgument) -> Self {
        match level {
            LevelArgument::All => Self::All,
            LevelArgument::Course => Self::Course,
            LevelArgument::Tenant => Self::Tenant,
        }
    }
}

impl From<WindowArgument> for Window {
    fn from(window: WindowArgument) -> Self {
        match window {
            WindowArgument::All => Self::All,
            WindowArgument::OneDay => Self::OneDay,
            WindowArgument::SevenDays => Self::SevenDays,
            WindowArgument::ThirtyDays => Self::ThirtyDays,
        }
    }
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Table => Self::Table,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Json => Self::Json,
            FormatArgument::Parquet => Self::Parquet,
        }
    }
}

pub async fn run(arguments: RatioArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let format = Format::from(arguments.format);
    let mut output = Output::open(Some(&arguments.output), format == Format::Parquet)?;
    let catalog = Catalog::open(&config).await?;
    let level = arguments.level.map(Level::from);
    let ratios = download_ratio(&catalog, level, Some(arguments.window.into())).await?;
    let rows = ratios
        .execute_stream()
        .await
        .map_err(EngineError::running("the download ratio"))?;
    write_rows(rows, format, &mut output).await?;
    Ok(output.finish()?)
}
