//! What the API shows of batches.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

/// A batch whose report the caller may have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "batch_id": "0130271096968396800",
    "batch_name": "Batch 1",
    "course_id": "do_31309287232935526411138",
    "course_name": "Child Rights & Safety",
    "tenant_id": "t1",
    "tenant_name": "Karnataka",
    "rows": 312,
    "learners": 312,
    "completed": 120,
    "average_progress": 61.5,
    "change": {"rows_before": 310, "added": 3, "removed": 1, "completed": 7},
    "downloads": null,
    "last_download": null
}))]
pub struct BatchView {
    pub batch_id: String,
    pub batch_name: Option<String>,
    pub course_id: Option<String>,
    /// The name of the course, where the exports have a table `courses`.
    pub course_name: Option<String>,
    pub tenant_id: Option<String>,
    /// The name of the tenant, where the exports have a table `tenants`.
    pub tenant_name: Option<String>,
    /// Rows of its report, where a nightly run counted them.
    pub rows: Option<u64>,
    /// Rows of its report; none until they are counted.
    pub learners: Option<u64>,
    /// Learners with a Completion Date.
    pub completed: Option<u64>,
    /// The average Course Progress in percent, with one digit; none where no learner has any.
    pub average_progress: Option<f64>,
    /// What changed in its report since `changes_since`; none where nothing did.
    pub change: Option<BatchChange>,
    /// How often its report was downloaded, for admins of the platform and of its tenant.
    pub downloads: Option<u64>,
    /// The day of the latest one.
    pub last_download: Option<NaiveDate>,
}

/// How a batch's report changed since the output of the nightly run before. Counts of people are none where they could
/// not be counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchChange {
    /// Rows of the earlier report; none where there was no such batch.
    pub rows_before: Option<u64>,
    /// People who are in the report and were not in the earlier one.
    pub added: Option<u64>,
    /// People who were in the earlier report and are not in this one.
    pub removed: Option<u64>,
    /// People who completed the course since.
    pub completed: Option<u64>,
}

/// Some of the batches whose reports the caller may have.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchPage {
    /// The day of the exports that these batches are in.
    pub snapshot_date: NaiveDate,
    /// Whether learners and their progress are counted yet.
    pub counted: bool,
    /// The day of the nightly output that changes are told since; none where they are not known.
    pub changes_since: Option<NaiveDate>,
    /// How many batches there are on all pages.
    pub total: u64,
    pub items: Vec<BatchView>,
    /// The `after` of the next page; none on the last one, and where another order or `offset` was asked for.
    pub next: Option<String>,
}
