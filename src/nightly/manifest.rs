//! The manifest of a night's output: what was read, what was written, and how to verify each file.
//!
//! It is written last. Readers trust only the files that it lists.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::catalog::MappingUsed;
use crate::config::ReportConfig;
use crate::ids::SnapshotDate;
use crate::report::ConsentCounts;
use crate::telemetry::TelemetryFile;

/// The format of the manifest; incremented when a field changes its meaning.
pub const FORMAT_VERSION: u32 = 1;

/// The manifest of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The day of the snapshot.
    pub snapshot_date: SnapshotDate,
    /// The IANA time zone of the local dates.
    pub timezone: String,
    /// The report settings of the run.
    pub report: ReportConfig,
    /// Row counts.
    pub counts: Counts,
    /// Enrolments that no report can show, by reason and batch.
    pub rejected: Vec<Rejected>,
    /// The files of the output.
    pub files: Vec<FileEntry>,
    /// The files that were read.
    pub inputs: Vec<InputEntry>,
    /// The mapping's findings in the snapshot and its settings, where tables are mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<MappingUsed>,
    /// The digest of the consent rules of the reports, where consent was required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_rules: Option<String>,
    /// Remarks on files of the exports that were not read, or that are missing although other days have them.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The versions of the program and its engine.
    pub versions: Versions,
    /// When the run began and ended.
    pub timings: Timings,
    /// The basis: a digest of everything except the rows that reports depend on, such as settings, queries and
    /// versions. Files are taken over only from an output on the same basis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// The files that were taken over from an earlier output instead of being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<TakenOver>,
    /// The day of the output with which the table of changed batches compares; `None` where there was no earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_since: Option<SnapshotDate>,
}

/// Files that were taken over from an earlier output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// The day of that output.
    pub from: SnapshotDate,
    /// Number of files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Row counts. `enrolments_read` is the sum of all others but `reported_unknown_users`, `batches`, `empty_batches`,
/// `malformed_telemetry`, `left_out_by_day` and `consent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of `enrolments`.
    pub enrolments_read: u64,
    /// Rows of all reports.
    pub rows_reported: u64,
    /// Rows reported with blank details, because the user is not in `users`.
    pub reported_unknown_users: u64,
    /// Rejected rows without a user id.
    pub without_user_id: u64,
    /// Rejected rows without a batch id.
    pub without_batch_id: u64,
    /// Rows whose enrolment is not active.
    pub not_active: u64,
    /// Active rows that another row of the same user and batch replaced, whose unknown user was omitted as configured, or
    /// that consent leaves out.
    pub superseded_or_omitted: u64,
    /// Batches of the snapshot.
    pub batches: u64,
    /// Batches whose report has no rows.
    pub empty_batches: u64,
    /// Malformed lines of telemetry, and telemetry files that are cut off.
    #[serde(default)]
    pub malformed_telemetry: u64,
    /// Clicks and deliveries before 2000, which the ratio by day leaves out.
    #[serde(default)]
    pub left_out_by_day: u64,
    /// Counts of what consent changes, where it is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentCounts>,
}

/// Enrolments of one batch that were rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Which id is blank: `blank user_id` or `blank batch_id`.
    pub reason: String,
    /// The batch; `None` where the rows name none.
    pub batch_id: Option<String>,
    /// Number of rows.
    pub rows: u64,
}

/// One file of the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ListedFile")]
pub struct FileEntry {
    /// Relative to the folder that holds the manifest.
    pub path: String,
    /// What the file holds.
    #[serde(flatten)]
    pub content: Content,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// The content fingerprint of a report or a file of the mart, in hexadecimal; `None` for other files, and where it
    /// was not known before the rows were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum Content {
    /// The CSV of one batch.
    ReportCsv {
        /// The batch's id.
        batch_id: String,
        /// The batch's course, where it is known.
        course_id: Option<String>,
        /// The batch's tenant, where it is known.
        tenant_id: Option<String>,
        /// Rows with blank details, because the user is not in `users`.
        unknown_users: u64,
    },
    /// A part of the report mart, sorted by batch and user.
    ReportMart {
        /// The first batch in the file.
        first_batch_id: String,
        /// The last batch in the file.
        last_batch_id: String,
    },
    /// The download ratio over windows of time.
    DownloadRatio,
    /// The table over time windows as CSV.
    DownloadRatioCsv,
    /// The download ratio by day.
    DownloadRatioByDay,
    /// The table by day as CSV.
    DownloadRatioByDayCsv,
    /// The batches whose reports changed.
    ChangedBatches,
    /// The same as CSV.
    ChangedBatchesCsv,
}

impl FileEntry {
    /// Rows of a batch's report with blank details because the user is not in the export; `None` for another kind of
    /// file.
    pub fn unknown_users(&self) -> Option<u64> {
        match self.content {
            Content::ReportCsv { unknown_users, .. } => Some(unknown_users),
            _ => None,
        }
    }
}

/// An entry as it is deserialised: all fields side by side. A flattened enum would be buffered field by field before
/// its kind is known, which takes most of the time of reading a manifest of 100,000 batches.
#[derive(Deserialize)]
struct ListedFile {
    path: String,
    content: ListedContent,
    batch_id: Option<String>,
    course_id: Option<String>,
    tenant_id: Option<String>,
    #[serde(default)]
    unknown_users: u64,
    first_batch_id: Option<String>,
    last_batch_id: Option<String>,
    rows: u64,
    bytes: u64,
    sha256: String,
    fingerprint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListedContent {
    ReportCsv,
    ReportMart,
    DownloadRatio,
    DownloadRatioCsv,
    DownloadRatioByDay,
    DownloadRatioByDayCsv,
    ChangedBatches,
    ChangedBatchesCsv,
}

impl TryFrom<ListedFile> for FileEntry {
    type Error = String;

    fn try_from(file: ListedFile) -> Result<Self, String> {
        let needed = |field: Option<String>, name| field.ok_or_else(|| format!("{} has no {name}", file.path));
        let content = match file.content {
            ListedContent::ReportCsv => Content::ReportCsv {
                batch_id: needed(file.batch_id, "batch_id")?,
                course_id: file.course_id,
                tenant_id: file.tenant_id,
                unknown_users: file.unknown_users,
            },
            ListedContent::ReportMart => Content::ReportMart {
                first_batch_id: needed(file.first_batch_id, "first_batch_id")?,
                last_batch_id: needed(file.last_batch_id, "last_batch_id")?,
            },
            ListedContent::DownloadRatio => Content::DownloadRatio,
            ListedContent::DownloadRatioCsv => Content::DownloadRatioCsv,
            ListedContent::DownloadRatioByDay => Content::DownloadRatioByDay,
            ListedContent::DownloadRatioByDayCsv => Content::DownloadRatioByDayCsv,
            ListedContent::ChangedBatches => Content::ChangedBatches,
            ListedContent::ChangedBatchesCsv => Content::ChangedBatchesCsv,
        };
        Ok(Self {
            path: file.path,
            content,
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256,
            fingerprint: file.fingerprint,
        })
    }
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputEntry {
    /// The table that the file belongs to.
    pub table: String,
    /// Path or URL.
    pub file: String,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last change, by the store.
    pub modified: DateTime<Utc>,
}

/// The versions that made the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The version of Pragati.
    pub pragati: String,
    /// The version of DataFusion.
    pub datafusion: String,
    /// The edition of the time zone database, such as `2026f`; empty in manifests that do not say it.
    #[serde(default)]
    pub tz: String,
}

/// When the output was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// When the run began.
    pub started_at: DateTime<Utc>,
    /// When the manifest was written.
    pub finished_at: DateTime<Utc>,
    /// The time between both, in seconds.
    pub seconds: f64,
}

impl Timings {
    /// The timings of a run that started at `started_at` and ends now.
    pub fn since(started_at: DateTime<Utc>) -> Self {
        let finished_at = Utc::now();
        Self {
            started_at,
            finished_at,
            seconds: (finished_at - started_at).as_seconds_f64(),
        }
    }
}

impl InputEntry {
    /// The entry of an event file in `table`; its number of rows is known once it has been read.
    pub fn of_telemetry(table: &str, file: &TelemetryFile) -> Self {
        Self {
            table: table.to_owned(),
            file: file.place(),
            rows: file.outcome().map_or(0, |outcome| outcome.events),
            bytes: file.object.size,
            modified: file.object.last_modified,
        }
    }
}

impl From<&crate::catalog::Input> for InputEntry {
    fn from(input: &crate::catalog::Input) -> Self {
        Self {
            table: input.table.clone(),
            file: input.file.clone(),
            rows: input.inspected.rows,
            bytes: input.inspected.object.size,
            modified: input.inspected.object.last_modified,
        }
    }
}
