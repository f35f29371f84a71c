//! `pragati ratio`: the download ratio.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use pragati::catalog::{Catalog, Names, Readings};
use pragati::engine::EngineError;
use pragati::formats::write_rows;
use pragati::ids::{IdError, SnapshotDate};
use pragati::ratio::{
    Days, Explanation, LeftOut, Level, Period, SENT_BY_SUBSCRIPTION, Subject, SubjectId, Window, download_ratio,
    download_ratio_of_days, download_ratio_over_time, explain,
};

use super::format::RowsOptions;
use super::log;
use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati ratio --exports exports
  pragati ratio --exports exports --level course --window 7d --format csv -o ratio.csv
  pragati ratio --exports exports --level all --by week --since 2026-10-01 --until 2026-10-31
  pragati ratio --exports exports --level tenant --since 2026-10-01 --until 2026-10-31
  pragati ratio --exports exports --explain course:do_31350000001

download_ratio = downloads / batches; NULL where there are no batches. What each column means: docs/ratio.md and
queries/metrics/download_ratio.sql. Where the exports have tables courses and tenants, the last columns are names.
With --events DIR, clicks and deliveries of `pragati serve` are counted too; sent_by_subscription are those
that nobody clicked for.";

/// Show the download ratio: times downloaded / batches.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RatioArguments {
    /// Over all courses together, for each course, each tenant, or each course within each tenant [default: all four]
    #[arg(long, value_enum)]
    level: Option<LevelArgument>,
    /// Days whose downloads count, up to the snapshot's own [default: all]
    #[arg(long, value_enum, conflicts_with_all = ["by", "since", "until"])]
    window: Option<WindowArgument>,
    /// A row for each day, week (from Monday) or month
    #[arg(long, value_enum, value_name = "PERIOD")]
    by: Option<PeriodArgument>,
    /// First local day whose downloads count, as YYYY-MM-DD [default: that of the first click]
    #[arg(long, value_name = "DATE", value_parser = local_day)]
    since: Option<NaiveDate>,
    /// Last local day whose downloads count, as YYYY-MM-DD [default: the snapshot's]
    #[arg(long, value_name = "DATE", value_parser = local_day)]
    until: Option<NaiveDate>,
    /// Show what makes the ratio of a course or tenant: its batches, and events that are not counted.
    /// course:ID or tenant:ID where both have the id; course: or tenant: for what has none
    #[arg(long, value_name = "COURSE|TENANT", conflicts_with_all = ["level", "by"])]
    explain: Option<SubjectId>,
    #[command(flatten)]
    rows: RowsOptions,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArgument {
    All,
    Course,
    Tenant,
    #[value(name = "tenant_course", alias = "tenant-course")]
    TenantCourse,
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
enum PeriodArgument {
    Day,
    Week,
    Month,
}

impl From<LevelArgument> for Level {
    fn from(level: LevelArgument) -> Self {
        match level {
            LevelArgument::All => Self::All,
            LevelArgument::Course => Self::Course,
            LevelArgument::Tenant => Self::Tenant,
            LevelArgument::TenantCourse => Self::TenantCourse,
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

impl From<PeriodArgument> for Period {
    fn from(period: PeriodArgument) -> Self {
        match period {
            PeriodArgument::Day => Self::Day,
            PeriodArgument::Week => Self::Week,
            PeriodArgument::Month => Self::Month,
        }
    }
}

fn local_day(text: &str) -> Result<NaiveDate, IdError> {
    text.parse().map(SnapshotDate::day)
}

pub async fn run(arguments: RatioArguments) -> anyhow::Result<()> {
    let config = arguments.common.load()?;
    let format = arguments.rows.format();
    let mut output = arguments.rows.open()?;
    let catalog = Catalog::open_for(&config, Readings::Several).await?;
    match &arguments.explain {
        Some(id) => {
            let (rows, summary) = explained(&arguments, &catalog, id).await?;
            write_rows(rows, format, &mut output).await?;
            output.finish()?;
            if !arguments.common.is_quiet() {
                log::say(&summary);
            }
        }
        None => {
            let rows = ratios(&arguments, &catalog, config.events.is_some()).await?;
            let rows = with_names(rows, Names::read(&catalog).await?);
            write_rows(rows, format, &mut output).await?;
            output.finish()?;
        }
    }
    Ok(())
}

/// The ratio's rows; with what subscriptions sent only where there are events that tell it.
async fn ratios(
    arguments: &RatioArguments,
    catalog: &Catalog,
    has_events: bool,
) -> anyhow::Result<SendableRecordBatchStream> {
    let level = arguments.level.map(Level::from);
    let ratios = match (arguments.by, arguments.days(catalog)?) {
        (Some(period), days) => {
            let days = days.map_or_else(|| Days::new(None, None, catalog.date), Ok)?;
            if days.since().is_none()
                && let Some(left_out) = LeftOut::find(catalog, &[]).await?
            {
                tracing::warn!("{left_out}; --since DATE shows them");
            }
            download_ratio_over_time(catalog, level, period.into(), &days).await?
        }
        (None, Some(days)) => download_ratio_of_days(catalog, level, &days).await?,
        (None, None) => download_ratio(catalog, level, Some(arguments.window())).await?,
    };
    let failed = || EngineError::running("the download ratio");
    let ratios = match has_events {
        true => ratios,
        false => ratios.drop_columns(&[SENT_BY_SUBSCRIPTION]).map_err(failed())?,
    };
    Ok(ratios.execute_stream().await.map_err(failed())?)
}

/// The rows with the names of courses and tenants as last columns, where the exports have them.
fn with_names(rows: SendableRecordBatchStream, names: Names) -> SendableRecordBatchStream {
    if names.are_none() {
        return rows;
    }
    let schema = names.schema_beside(&rows.schema());
    let named = rows.map(move |rows| Ok::<_, DataFusionError>(names.beside(&rows?)?));
    Box::pin(RecordBatchStreamAdapter::new(schema, named))
}

/// Prints the parts of a ratio, and a line with their sums.
async fn explained(
    arguments: &RatioArguments,
    catalog: &Catalog,
    id: &SubjectId,
) -> anyhow::Result<(SendableRecordBatchStream, String)> {
    let days = match arguments.days(catalog)? {
        Some(days) => days,
        None => arguments.window().days(catalog.date),
    };
    let mut explanation = explain(catalog, id, &days).await?;
    let rows = std::mem::take(&mut explanation.rows);
    let rows = MemoryStream::try_new(rows, explanation.schema.clone(), None)?;
    let names = Names::read(catalog).await?;
    let rows = with_names(Box::pin(rows), names.clone());
    Ok((rows, summary(&explanation, &names, &days)))
}

fn summary(explanation: &Explanation, names: &Names, days: &Days) -> String {
    let name = match &explanation.subject {
        Subject::Course(id) => id.as_deref().and_then(|id| names.of_course(id)),
        Subject::Tenant(id) => id.as_deref().and_then(|id| names.of_tenant(id)),
    };
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let since = days.since().map(|day| format!("from {day} ")).unwrap_or_default();
    let ratio = explanation
        .download_ratio()
        .map(|ratio| format!(" = {ratio:.3}"))
        .unwrap_or_default();
    format!(
        "{}{name}, {since}up to {}: {} downloads ({} requests) / {} batches{ratio}; batches downloaded: {}; events not counted: {}",
        explanation.subject,
        days.until(),
        explanation.downloads,
        explanation.requests,
        explanation.batches,
        explanation.batches_downloaded,
        explanation.not_counted,
    )
}

impl RatioArguments {
    fn window(&self) -> Window {
        self.window.map_or(Window::All, Window::from)
    }

    /// The requested days, if any; none of them is after the snapshot's.
    fn days(&self, catalog: &Catalog) -> anyhow::Result<Option<Days>> {
        if self.since.is_none() && self.until.is_none() {
            return Ok(None);
        }
        let days = Days::new(self.since, self.until, catalog.date)?;
        if self.until.is_some_and(|until| until > days.until()) {
            tracing::warn!("--until is after the snapshot's day; the last day is {}", days.until());
        }
        Ok(Some(days))
    }
}
