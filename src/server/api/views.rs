//! What the API shows of requests.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::options::FilterView;
use crate::delivery::links::Links;
use crate::delivery::options::BatchFiles;
use crate::delivery::request::{Deliver, FailureCause, ReportFile, Request, RequestId, Status};
use crate::ids::BatchId;
use crate::report::{ReportFormat, SplitColumn};

/// Asks for the report of one batch or of several: by exactly one of `batch_id`, `batch_ids` and `course_id`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"batch_id": "0130271096968396800", "format": "csv", "deliver": "email"}))]
pub struct NewReport {
    /// The batch, by its id in the exports.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"\S")]
    pub batch_id: Option<BatchId>,
    /// Several batches.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 500)]
    pub batch_ids: Vec<BatchId>,
    /// All batches of a course whose reports you may have.
    pub course_id: Option<String>,
    pub format: ReportFormat,
    pub deliver: Deliver,
    /// Of several batches: `each` is a file for each in a ZIP archive (CSV) or a sheet for each in a workbook (XLSX),
    /// `one` is one file with a column `Batch`. Split by a column, the parts have rows of all batches and that column.
    pub files: Option<BatchFiles>,
    /// A file for each value of this column in a ZIP archive (CSV), or a sheet for each in a workbook (XLSX).
    pub split_by: Option<SplitColumn>,
    pub filter: Option<FilterView>,
}

/// A request for a report, as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44",
    "batch_id": "0130271096968396800",
    "course_id": "do_31309287232935526411138",
    "format": "csv",
    "deliver": "download",
    "status": "ready",
    "requested_at": "2026-11-23T04:30:00Z",
    "deadline": "2026-11-23T05:00:00Z",
    "finished_at": "2026-11-23T04:30:02Z",
    "snapshot_date": "2026-11-22",
    "failure": null,
    "file": {
        "name": "course-progress_Batch-1_2026-11-22.csv",
        "bytes": 48211,
        "rows": 312,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "ends_at": "2026-12-23T04:30:02Z",
        "link": "https://reports.example.org/api/v1/reports/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44/file"
    }
}))]
pub struct ReportRequest {
    pub id: RequestId,
    /// The batch; of several, the first.
    pub batch_id: String,
    pub course_id: Option<String>,
    pub format: ReportFormat,
    pub deliver: Deliver,
    /// Every batch, where several were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub batch_ids: Vec<String>,
    /// How several batches are put together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<BatchFiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_by: Option<SplitColumn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterView>,
    pub status: Status,
    /// UTC.
    pub requested_at: DateTime<Utc>,
    /// Until when the report is promised. UTC.
    pub deadline: DateTime<Utc>,
    /// When the request was sent, ready or failed. UTC.
    pub finished_at: Option<DateTime<Utc>>,
    /// The day of the exports that the report shows; until there is a file, the latest day at the time of the request.
    pub snapshot_date: NaiveDate,
    /// Why the request failed, where it did.
    pub failure: Option<FailureView>,
    /// The file, where it can be fetched.
    pub file: Option<FileView>,
    /// Whether a subscription of yours mails it to an officer, and not to you.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub to_officer: bool,
}

/// Why a request failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureView {
    pub cause: FailureCause,
    /// For a person to read.
    pub reason: String,
}

/// A report file that can be fetched.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileView {
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows below the header.
    pub rows: u64,
    /// SHA-256 of the bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// Until when it is kept. UTC.
    pub ends_at: DateTime<Utc>,
    /// Where to fetch it, with a login token: a URL, or a path where the service does not know its public address.
    pub link: String,
}

/// Some of the caller's requests, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportPage {
    pub items: Vec<ReportRequest>,
    /// The `before` of the next page; none on the last one.
    pub next: Option<RequestId>,
}

impl ReportRequest {
    /// The requester's view of a request at the time `now`, under these rules of consent.
    pub fn of(request: &Request, links: &Links, consent_rules: Option<&str>, now: DateTime<Utc>) -> Self {
        let file = match file_of(request, links, consent_rules, now) {
            FileState::There { file, ends_at } => Some(FileView {
                name: file.name.clone(),
                bytes: file.bytes,
                rows: file.rows,
                sha256: file.sha256.clone(),
                ends_at,
                link: links
                    .to_file(request)
                    .map_or_else(|| file_path(request.id), |link| link.url),
            }),
            FileState::NotYet | FileState::Never | FileState::Gone | FileState::OtherRules => None,
        };
        Self {
            id: request.id,
            batch_id: request.batch_id.to_string(),
            course_id: request.course_id.clone(),
            format: request.format,
            deliver: request.deliver,
            batch_ids: request.asked.batches.iter().map(ToString::to_string).collect(),
            files: (!request.asked.batches.is_empty()).then_some(request.asked.files),
            split_by: request.asked.split_by,
            filter: FilterView::of(&request.asked.filter),
            status: request.status,
            requested_at: request.requested_at,
            deadline: request.deadline,
            finished_at: request.finished_at,
            snapshot_date: request.snapshot_date.day(),
            failure: request.failure.as_ref().map(|failure| FailureView {
                cause: failure.cause,
                reason: failure.words.clone(),
            }),
            file,
            to_officer: false,
        }
    }
}

/// Whether a request's file can be downloaded.
#[derive(Debug, PartialEq, Eq)]
pub enum FileState<'a> {
    There {
        file: &'a ReportFile,
        ends_at: DateTime<Utc>,
    },
    /// The request is not finished.
    NotYet,
    /// The request failed before there was a file for the requester.
    Never,
    /// The file is not kept any more.
    Gone,
    /// The file was made under other rules of consent.
    OtherRules,
}

/// Whether a request's file can be downloaded at the time `now`, under these rules of consent. This includes a report
/// whose mail failed.
pub fn file_of<'a>(
    request: &'a Request,
    links: &Links,
    consent_rules: Option<&str>,
    now: DateTime<Utc>,
) -> FileState<'a> {
    if !request.status.is_final() {
        return FileState::NotYet;
    }
    let Some(file) = request.offered_file() else {
        return FileState::Never;
    };
    let ends_at = links.end_of(request);
    if ends_at <= now {
        return FileState::Gone;
    }
    if !file.follows(consent_rules) {
        return FileState::OtherRules;
    }
    FileState::There { file, ends_at }
}

/// The path of a request.
pub fn request_path(id: RequestId) -> String {
    format!("/api/v1/reports/{id}")
}

/// The path of a request's file.
pub fn file_path(id: RequestId) -> String {
    format!("{}/file", request_path(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServeConfig;
    use crate::delivery::request::Failure;

    fn request(status: Status, failure: Option<FailureCause>, file: bool) -> Request {
        let running = Request::running();
        Request {
            deliver: Deliver::Download,
            status,
            failure: failure.map(|cause| Failure {
                cause,
                words: "why".to_owned(),
            }),
            finished_at: status.is_final().then_some(running.requested_at),
            file: file.then(|| ReportFile {
                snapshot_date: "2025-11-24".parse().expect("a date"),
                rows: 1,
                unknown_users: 0,
                name: "a.csv".to_owned(),
                path: "a.csv".to_owned(),
                bytes: 1,
                sha256: "00".to_owned(),
                consent_rules: Some("rules".to_owned()),
            }),
            ..running
        }
    }

    #[test]
    fn a_file_can_be_fetched_when_it_is_there_and_meant_for_its_requester() {
        let links = Links::new(&ServeConfig::default()).expect("links");
        let state_under = |rules: Option<&str>, request: &Request, days: i64| {
            let now = request.requested_at + chrono::Duration::days(days);
            match file_of(request, &links, rules, now) {
                FileState::There { .. } => "there",
                FileState::NotYet => "not yet",
                FileState::Never => "never",
                FileState::Gone => "gone",
                FileState::OtherRules => "other rules",
            }
        };
        let state = |request: &Request, days| state_under(Some("rules"), request, days);
        let failed = |cause| request(Status::Failed, Some(cause), true);
        assert_eq!(state(&request(Status::Ready, None, true), 29), "there");
        assert_eq!(state(&request(Status::Sent, None, true), 30), "gone");
        let ready = request(Status::Ready, None, true);
        for rules in [None, Some("others")] {
            assert_eq!(state_under(rules, &ready, 29), "other rules");
            assert_eq!(state_under(rules, &ready, 30), "gone");
        }
        assert_eq!(state(&request(Status::Running, None, true), 0), "not yet");
        assert_eq!(state(&failed(FailureCause::MailRefused), 0), "there");
        assert_eq!(state(&failed(FailureCause::NotAllowed), 0), "never");
        assert_eq!(state(&failed(FailureCause::Cancelled), 0), "never");
        assert_eq!(
            state(&request(Status::Failed, Some(FailureCause::ReportFailed), false), 0),
            "never"
        );
    }
}
