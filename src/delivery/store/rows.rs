//! Decodes rows. A row that no version of this program writes is an error.

use chrono::{DateTime, Utc};
use serde_json::Error as JsonError;
use sqlx::any::AnyRow;
use sqlx::error::BoxDynError;
use sqlx::{Error, Row};

use super::super::format::delivered_of;
use super::super::options::RequestOptions;
use super::super::person::{Person, Roles};
use super::super::request::{Bounce, Deliver, Failure, FailureCause, NoticeState, ReportFile, Request, Status};
use super::{EventKind, StoredEvent};
use crate::ids::TenantId;
use crate::language::Language;

/// The columns that [`request`] reads, as a literal, so that statements stay literals too.
macro_rules! request_columns {
    () => {
        "id, user_id, email, roles, language, batch_id, course_id, tenant_id, format, deliver, asked, status, failure_cause, failure_words, \
         notice, requested_at, deadline, finished_at, snapshot_date, file_path, file_name, file_rows, file_unknown_users, \
         file_bytes, file_sha256, file_consent_rules, attempts, handover_started_at, bounced_at, bounce_code, \
         bounce_words"
    };
}
pub(super) use request_columns;

/// An invalid value of a column.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is none of the known words")]
struct UnknownWord(String);

/// The request of a row of [`request_columns`].
pub fn request(row: &AnyRow) -> Result<Request, Error> {
    let snapshot_date = parsed(row, "snapshot_date")?;
    let cause: Option<String> = row.try_get("failure_cause")?;
    let bounce = bounce(row)?;
    let status = word(row, "status", Status::from_word)?;
    let status = match (status, &bounce) {
        (Status::Sent, Some(_)) => Status::Bounced,
        (status, _) => status,
    };
    let failure = match cause {
        Some(_) => Some(Failure {
            cause: word(row, "failure_cause", FailureCause::from_word)?,
            words: row.try_get::<Option<String>, _>("failure_words")?.unwrap_or_default(),
        }),
        None => bounce
            .as_ref()
            .filter(|_| status == Status::Bounced)
            .map(|bounce| Failure {
                cause: FailureCause::MailBounced,
                words: bounce.words.clone(),
            }),
    };
    let path: Option<String> = row.try_get("file_path")?;
    let file = match path {
        Some(path) => Some(ReportFile {
            snapshot_date,
            rows: count(row, "file_rows")?,
            unknown_users: count(row, "file_unknown_users")?,
            name: row.try_get("file_name")?,
            path,
            bytes: count(row, "file_bytes")?,
            sha256: row.try_get("file_sha256")?,
            consent_rules: row.try_get("file_consent_rules")?,
        }),
        None => None,
    };
    Ok(Request {
        id: parsed(row, "id")?,
        person: person(row)?,
        batch_id: parsed(row, "batch_id")?,
        course_id: row.try_get("course_id")?,
        tenant_id: tenant(row)?,
        format: word(row, "format", delivered_of)?,
        deliver: word(row, "deliver", Deliver::from_word)?,
        asked: asked(row)?,
        status,
        failure,
        notice: word(row, "notice", NoticeState::from_word)?,
        requested_at: time(row, "requested_at")?,
        deadline: time(row, "deadline")?,
        finished_at: optional_time(row, "finished_at")?,
        snapshot_date,
        attempts: small_count(row, "attempts")?,
        handover_started_at: optional_time(row, "handover_started_at")?,
        bounce,
        file,
    })
}

/// The person of a row that has `user_id`, `email`, `roles` and `language`.
pub fn person(row: &AnyRow) -> Result<Person, Error> {
    Ok(Person {
        user_id: parsed(row, "user_id")?,
        email: row.try_get("email")?,
        roles: roles(row)?,
        language: language(row)?,
    })
}

/// The bounce of a row, where a mail came back.
pub fn bounce(row: &AnyRow) -> Result<Option<Bounce>, Error> {
    let Some(at) = optional_time(row, "bounced_at")? else {
        return Ok(None);
    };
    Ok(Some(Bounce {
        at,
        code: row.try_get("bounce_code")?,
        words: row.try_get::<Option<String>, _>("bounce_words")?.unwrap_or_default(),
    }))
}

/// The event of a row.
pub fn event(row: &AnyRow) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        mid: row.try_get("mid")?,
        kind: word(row, "kind", EventKind::from_word)?,
        request_id: parsed(row, "request_id")?,
        is_by_subscription: count(row, "by_subscription")? == 1,
        event_time: time(row, "happened_at")?,
        user_id: parsed(row, "user_id")?,
        course_id: row.try_get("course_id")?,
        batch_id: row.try_get("batch_id")?,
        tenant_id: row.try_get("tenant_id")?,
    })
}

/// The roles as they are stored.
pub fn roles_text(roles: &Roles) -> Result<String, Error> {
    serde_json::to_string(roles).map_err(|error: JsonError| Error::Encode(error.into()))
}

/// A number as the database keeps it.
pub fn stored_count(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|error| Error::Encode(error.into()))
}

/// A number that cannot be negative.
pub fn count(row: &AnyRow, column: &'static str) -> Result<u64, Error> {
    let stored: i64 = row.try_get(column)?;
    u64::try_from(stored).map_err(in_column(column))
}

/// A number that stays small.
pub fn small_count(row: &AnyRow, column: &'static str) -> Result<u32, Error> {
    let stored: i64 = row.try_get(column)?;
    u32::try_from(stored).map_err(in_column(column))
}

/// A moment, where there is one.
pub fn optional_time(row: &AnyRow, column: &'static str) -> Result<Option<DateTime<Utc>>, Error> {
    let stored: Option<i64> = row.try_get(column)?;
    stored.map(|milliseconds| moment(column, milliseconds)).transpose()
}

/// A word of a fixed set.
pub fn word<T>(row: &AnyRow, column: &'static str, known: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    let stored: String = row.try_get(column)?;
    known(&stored).ok_or_else(|| in_column(column)(UnknownWord(stored)))
}

/// The error of a value that its column must not hold.
pub fn unknown_word(column: &'static str, stored: String) -> Error {
    in_column(column)(UnknownWord(stored))
}

/// Parses the text of a column.
pub fn parsed<T>(row: &AnyRow, column: &'static str) -> Result<T, Error>
where
    T: std::str::FromStr<Err: Into<BoxDynError>>,
{
    let stored: String = row.try_get(column)?;
    stored.parse().map_err(in_column(column))
}

/// A moment that is always there.
pub fn time(row: &AnyRow, column: &'static str) -> Result<DateTime<Utc>, Error> {
    moment(column, row.try_get(column)?)
}

fn moment(column: &'static str, milliseconds: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_millis(milliseconds)
        .ok_or_else(|| in_column(column)(UnknownWord(milliseconds.to_string())))
}

fn roles(row: &AnyRow) -> Result<Roles, Error> {
    let stored: String = row.try_get("roles")?;
    serde_json::from_str(&stored).map_err(in_column("roles"))
}

/// The person's language; `None` for one that only another version of this program has.
fn language(row: &AnyRow) -> Result<Option<Language>, Error> {
    let stored: Option<String> = row.try_get("language")?;
    Ok(stored.as_deref().and_then(Language::from_code))
}

/// What was asked for, of a row that has `asked`.
pub fn asked(row: &AnyRow) -> Result<RequestOptions, Error> {
    let stored: Option<String> = row.try_get("asked")?;
    RequestOptions::of_text(stored.as_deref()).map_err(in_column("asked"))
}

fn tenant(row: &AnyRow) -> Result<Option<TenantId>, Error> {
    let stored: Option<String> = row.try_get("tenant_id")?;
    stored
        .map(TenantId::try_from)
        .transpose()
        .map_err(in_column("tenant_id"))
}

fn in_column<E: Into<BoxDynError>>(column: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    }
}
