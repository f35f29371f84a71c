//! Generates made-up daily exports of a learning platform: what `pragati sample` writes and `sample_data/` holds.
//!
//! The same options give the same bytes on every machine. The last day is drawn at random; the days before it are
//! derived from it, with fewer users and enrolments and less progress. `people`, `batches`, `learning`, `clicks`, `named`
//! and `telemetry` make the tables, `plan` has what they share, `names` the words, `write` the files.

mod batches;
mod clicks;
mod draws;
mod learning;
mod named;
mod names;
mod people;
mod plan;
mod telemetry;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;

use batches::Batches;
use clicks::Clicks;
use learning::{Learning, LearningTables};
use people::People;
use plan::Plan;
use telemetry::{TELEMETRY, Telemetry};
use write::{TableWriter, day_folder, refuse_existing};

/// What to make.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// Users of the last day.
    pub users: usize,
    /// Rows of `enrolments` of the last day. From 1,000,000 on one batch has more than 100,000 of them,
    /// given as many users.
    pub enrolments: usize,
    /// Batches; where there are at least two, some stay empty.
    pub batches: usize,
    /// Consecutive days.
    pub days: usize,
    /// Lines of the platform's telemetry over all days; 0 for none.
    pub telemetry: usize,
    /// Another seed gives other data.
    pub seed: u64,
    /// The newest day.
    pub last_date: NaiveDate,
}

/// What was made: rows of the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleSummary {
    /// Rows of `users`.
    pub users: u64,
    /// Rows of `enrolments`.
    pub enrolments: u64,
    /// Rows of `course_progress`.
    pub course_progress: u64,
    /// Rows of `batches`.
    pub batches: u64,
    /// Events that arrived on the last day.
    pub download_events: u64,
    /// Enrolments of the batch that has most.
    pub largest_batch: u64,
    /// All days, oldest first.
    pub days: Vec<NaiveDate>,
}

/// Why no sample could be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum SampleError {
    /// The options ask for what cannot be.
    #[error("{0}")]
    Options(String),
    /// A day that would be written is there.
    #[error("{} is already there; remove it or choose another folder", path.display())]
    Exists { path: PathBuf },
    /// A file or folder could not be written.
    #[error("cannot write {}: {reason}; check permissions and free space", path.display())]
    Io { path: PathBuf, reason: io::Error },
    /// A Parquet file could not be written.
    #[error("cannot write {}: {reason}; check permissions and free space", path.display())]
    Parquet { path: PathBuf, reason: ParquetError },
    /// Rows do not fit their table: a mistake in this module.
    #[error("cannot build rows of {table}: {reason}; please report this")]
    Rows { table: &'static str, reason: ArrowError },
}

impl SampleError {
    fn io(path: &Path, reason: io::Error) -> SampleError {
        SampleError::Io {
            path: path.to_path_buf(),
            reason,
        }
    }

    fn parquet(path: &Path, reason: ParquetError) -> SampleError {
        SampleError::Parquet {
            path: path.to_path_buf(),
            reason,
        }
    }
}

/// Writes the exports of all days under `out`, one folder a table and day, oldest day first, and tells
/// `on_day` when a day is complete. Nothing is written when a day is already there.
///
/// ```no_run
/// # fn main() -> Result<(), pragati::sample::SampleError> {
/// use pragati::sample::{SampleOptions, generate};
/// let last_date = chrono::NaiveDate::MIN;
/// let options = SampleOptions { users: 300, enrolments: 1500, batches: 12, days: 2, telemetry: 0, seed: 7, last_date };
/// let summary = generate(&options, "exports".as_ref(), &mut |day| println!("{day}"))?;
/// assert_eq!(summary.enrolments, 1500);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The options cannot be met, a day is already there, or a file cannot be written.
pub fn generate(
    options: &SampleOptions,
    out: &Path,
    on_day: &mut dyn FnMut(NaiveDate),
) -> Result<SampleSummary, SampleError> {
    let plan = Plan::new(options)?;
    refuse_existing_days(&plan, out)?;
    let people = People::draw(&plan);
    let batches = Batches::draw(&plan, learning::different_learners(plan.enrolments))?;
    let sample = Sample {
        learning: Learning::draw(&plan, &people, &batches),
        clicks: Clicks::draw(&plan, &batches),
        plan: &plan,
        people: &people,
        batches: &batches,
    };
    let mut summary = sample.nothing_yet();
    let mut telemetry = Telemetry::new(&plan, &people, &batches, options.telemetry);
    for (day, &date) in plan.dates.iter().enumerate() {
        sample.write_day(day, out, &mut summary)?;
        if options.telemetry > 0 {
            telemetry.write_day(day, out)?;
        }
        on_day(date);
    }
    Ok(summary)
}

const USERS: &str = "users";
const ENROLMENTS: &str = "enrolments";
const COURSE_PROGRESS: &str = "course_progress";
const BATCHES: &str = "batches";
const DOWNLOAD_EVENTS: &str = "download_events";
const COURSES: &str = "courses";
const TENANTS: &str = "tenants";
/// The tables of every day; telemetry comes beside them where it is asked for.
const TABLES: [&str; 7] = [
    USERS,
    ENROLMENTS,
    COURSE_PROGRESS,
    BATCHES,
    DOWNLOAD_EVENTS,
    COURSES,
    TENANTS,
];

fn refuse_existing_days(plan: &Plan, out: &Path) -> Result<(), SampleError> {
    for table in TABLES.into_iter().chain([TELEMETRY]) {
        for &date in &plan.dates {
            refuse_existing(&day_folder(out, table, date))?;
        }
    }
    Ok(())
}

/// The drawn tables.
struct Sample<'a> {
    plan: &'a Plan,
    people: &'a People,
    batches: &'a Batches,
    learning: Learning<'a>,
    clicks: Clicks,
}

impl Sample<'_> {
    fn nothing_yet(&self) -> SampleSummary {
        SampleSummary {
            users: 0,
            enrolments: 0,
            course_progress: 0,
            batches: 0,
            download_events: 0,
            largest_batch: 0,
            days: self.plan.dates.clone(),
        }
    }

    /// Writes one day and stores its row counts in `summary`, in place of those of the day before.
    fn write_day(&self, day: usize, out: &Path, summary: &mut SampleSummary) -> Result<(), SampleError> {
        let create = |table, schema| TableWriter::create(out, table, self.plan.dates[day], schema);

        let mut users = create(USERS, people::schema())?;
        self.people.write_day(self.plan, day, &mut users)?;
        summary.users = users.finish()?;

        let mut batches = create(BATCHES, batches::schema())?;
        self.batches.write_day(self.plan, self.people, &mut batches)?;
        summary.batches = batches.finish()?;

        let mut enrolments = create(ENROLMENTS, learning::enrolments_schema())?;
        let mut progress = create(COURSE_PROGRESS, learning::progress_schema())?;
        let tables = LearningTables {
            enrolments: &mut enrolments,
            progress: &mut progress,
        };
        summary.largest_batch = self.learning.write_day(day, tables)?;
        summary.enrolments = enrolments.finish()?;
        summary.course_progress = progress.finish()?;

        let mut events = create(DOWNLOAD_EVENTS, clicks::schema())?;
        self.clicks
            .write_day(self.people, self.batches, self.plan, day, &mut events)?;
        summary.download_events = events.finish()?;

        let mut courses = create(COURSES, named::courses_schema())?;
        named::write_courses(self.batches, &mut courses)?;
        courses.finish()?;

        let mut tenants = create(TENANTS, named::tenants_schema())?;
        named::write_tenants(self.plan, &mut tenants)?;
        tenants.finish()?;
        Ok(())
    }
}

/// The type of timestamps in the exports.
fn utc_milliseconds() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn record_batch(table: &'static str, schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, SampleError> {
    RecordBatch::try_new(schema, columns).map_err(|reason| SampleError::Rows { table, reason })
}

#[cfg(test)]
mod tests;
