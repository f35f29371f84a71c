//! Schemas of the download ratio in the API's description. The rows themselves are written from columns.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ratio::Level;

/// Rows of the download ratio.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatioPage {
    /// The last day whose downloads count.
    pub as_of: NaiveDate,
    /// The day of the exports that the batches are of.
    pub snapshot_date: NaiveDate,
    /// How many rows there are on all pages.
    pub total: u64,
    pub rows: Vec<RatioRow>,
}

/// The download ratio of one course, tenant, or all, in one window or period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "level": "tenant", "course_id": null, "tenant_id": "tn", "time_window": "30d",
    "downloads": 12, "batches": 4, "download_ratio": 3.0, "batches_downloaded": 3, "coverage": 0.75,
    "requests": 10, "delivered": 9, "window_start": "2026-10-24", "window_end": "2026-11-22", "as_of": "2026-11-22",
    "revision": 1, "sent_by_subscription": 4
}))]
pub struct RatioRow {
    pub level: Level,
    pub course_id: Option<String>,
    pub tenant_id: Option<String>,
    /// `all`, `1d`, `7d`, `30d`; over time `day`, `week`, `month`.
    pub time_window: String,
    /// Distinct clicks on "Download File".
    pub downloads: i64,
    /// Batches of the snapshot.
    pub batches: i64,
    /// downloads / batches; none where there are no batches.
    pub download_ratio: Option<f64>,
    /// Batches with at least one download; over weeks and months only where at most one day of them has any.
    pub batches_downloaded: Option<i64>,
    /// batches_downloaded / batches.
    pub coverage: Option<f64>,
    /// Downloads, where repeated clicks of a person on a batch count once.
    pub requests: Option<i64>,
    /// Reports handed over, without those that subscriptions sent; none where that is not known.
    pub delivered: Option<i64>,
    /// The first day; none for all time.
    pub window_start: Option<NaiveDate>,
    /// The last day.
    pub window_end: NaiveDate,
    /// The day of the snapshot that the row was computed from.
    pub as_of: NaiveDate,
    /// Grows each time that a nightly run finds other figures; none where the row is not of a nightly run.
    pub revision: Option<i64>,
    /// Reports that subscriptions sent, which are in no other figure; none where that is not known.
    pub sent_by_subscription: Option<i64>,
    /// What the course is called; only where the exports have a table of names.
    pub course_name: Option<String>,
    /// What the tenant is called; only where the exports have a table of names.
    pub tenant_name: Option<String>,
}

/// Batches with their downloads.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchDownloadsPage {
    /// The last day whose downloads count.
    pub as_of: NaiveDate,
    /// The day of the exports that the batches are of.
    pub snapshot_date: NaiveDate,
    /// How many batches there are on all pages.
    pub total: u64,
    pub rows: Vec<BatchDownloads>,
}

/// How often one batch's report was downloaded.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "batch_id": "0130271096968396800", "batch_name": "Batch 1", "course_id": "do_31309287232935526411138", "tenant_id": "tn",
    "start_date": "2026-09-01", "end_date": null, "downloads": 0, "last_download": null, "as_of": "2026-11-22"
}))]
pub struct BatchDownloads {
    pub batch_id: String,
    pub batch_name: Option<String>,
    pub course_id: Option<String>,
    pub tenant_id: Option<String>,
    pub start_date: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    /// Distinct clicks on "Download File", of all time.
    pub downloads: i64,
    /// The day of the latest one.
    pub last_download: Option<NaiveDate>,
    pub as_of: NaiveDate,
    /// What the course is called; only where the exports have a table of names.
    pub course_name: Option<String>,
    /// What the tenant is called; only where the exports have a table of names.
    pub tenant_name: Option<String>,
}
