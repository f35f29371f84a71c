//! Accepting a click in one transaction: rate limits, idempotency, deduplication of open requests, and the event of the
//! click.
//!
//! Accepting is serialised over all processes, so that limits are exact. Unique indexes enforce the same; where one is
//! violated because of a concurrent write, the transaction is retried.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Any, Row, Transaction};
use uuid::Uuid;

use super::super::request::{FurtherBatch, NewRequest, NoticeState, Request, RequestId, Status};
use super::reading::open_request;
use super::rows::{self, request_columns};
use super::{AcceptLimits, Accepted, Store, StoreError};
use crate::language::Language;

/// Attempts of one click before a conflict becomes an error.
const TRIES: u32 = 5;
/// The wait after the first conflict; it grows with each.
const AFTER_CONFLICT: Duration = Duration::from_millis(20);
/// The `Retry-After` of a full queue: by then it probably has room again.
const QUEUE_MOVES: Duration = Duration::from_secs(60);
const HOUR: TimeDelta = TimeDelta::hours(1);

impl Store {
    /// Stores a click, and a request where none is under way. It is on disk when this returns.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn accept(&self, new: NewRequest, limits: AcceptLimits) -> Result<Accepted, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_accept(&new, limits).await {
                Err(error) if tries < TRIES && is_conflict(&error) => {
                    tokio::time::sleep(AFTER_CONFLICT * tries).await;
                    tries += 1;
                }
                accepted => return accepted.map_err(self.failed("taking a request")),
            }
        }
    }

    async fn try_accept(&self, new: &NewRequest, limits: AcceptLimits) -> Result<Accepted, sqlx::Error> {
        let mut transaction = self.begin_alone().await?;
        if let Some(earlier) = request_of_key(&mut transaction, new).await? {
            return Ok(if is_same_request(&earlier, new) {
                Accepted::Repeated(earlier)
            } else {
                Accepted::KeyReused
            });
        }
        if let Some(retry_after) = wait_of_person(&mut transaction, new, limits.per_hour).await? {
            return Ok(Accepted::TooManyRequests { retry_after });
        }
        let open = open_request(
            &mut transaction,
            &new.person,
            &new.batch_id,
            new.format,
            new.deliver,
            &new.asked,
        );
        if let Some(open) = open.await? {
            insert_clicks(&mut transaction, new, open.id).await?;
            transaction.commit().await?;
            return Ok(Accepted::UnderWay(open));
        }
        if is_queue_full(&mut transaction, limits.queue).await? {
            return Ok(Accepted::QueueFull {
                retry_after: QUEUE_MOVES,
            });
        }
        let request = first_state(new);
        insert_request(&mut transaction, &request, &request.asked.digest(), false).await?;
        insert_clicks(&mut transaction, new, request.id).await?;
        transaction.commit().await?;
        Ok(Accepted::New(request))
    }
}

/// Whether the error is a conflict that a retry may resolve.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    /// PostgreSQL: serialization failure, deadlock. SQLite: busy, and busy with an outdated view.
    const CODES: [&str; 4] = ["40001", "40P01", "5", "517"];
    error.is_unique_violation() || error.code().is_some_and(|code| CODES.contains(&code.as_ref()))
}

type Writing = Transaction<'static, Any>;

/// The request that the same key of the same person led to.
async fn request_of_key(transaction: &mut Writing, new: &NewRequest) -> Result<Option<Request>, sqlx::Error> {
    let Some(key) = &new.idempotency_key else {
        return Ok(None);
    };
    let found = sqlx::query(concat!(
        "select ",
        request_columns!(),
        " from requests where id = (select request_id from events where user_id = $1 and idempotency_key = $2)"
    ))
    .bind(new.person.user_id.as_str())
    .bind(key)
    .fetch_optional(&mut **transaction)
    .await?;
    found.as_ref().map(rows::request).transpose()
}

/// Whether a call is the earlier one again. The batches of a course are those of the first call, whatever the course
/// has now.
fn is_same_request(earlier: &Request, new: &NewRequest) -> bool {
    let are_same_batches = match (&earlier.asked.course, &new.asked.course) {
        (Some(earlier), Some(new)) => earlier == new,
        _ => earlier.batch_id == new.batch_id && earlier.asked.batches == new.asked.batches,
    };
    are_same_batches
        && earlier.format == new.format
        && earlier.deliver == new.deliver
        && earlier.asked.is_as(&new.asked)
}

/// How long the person has to wait, where they have reached the limit of clicks in an hour.
async fn wait_of_person(
    transaction: &mut Writing,
    new: &NewRequest,
    per_hour: u32,
) -> Result<Option<Duration>, sqlx::Error> {
    if per_hour == 0 {
        return Ok(HOUR.to_std().ok());
    }
    let now = new.requested_at;
    // The oldest of the clicks that count towards the limit: when it is an hour old, the next click is allowed.
    let found = sqlx::query(
        "select happened_at from events where user_id = $1 and happened_at > $2 and kind = 'click' and is_further = 0
        order by happened_at desc limit 1 offset $3",
    )
    .bind(new.person.user_id.as_str())
    .bind((now - HOUR).timestamp_millis())
    .bind(i64::from(per_hour - 1))
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(row) = found else { return Ok(None) };
    let clicked_at: Option<DateTime<Utc>> = rows::optional_time(&row, "happened_at")?;
    let wait = clicked_at.map(|clicked_at| clicked_at + HOUR - now);
    // The clock of another machine may be ahead.
    Ok(wait.map(|wait| wait.to_std().unwrap_or(Duration::ZERO).max(Duration::from_secs(1))))
}

async fn is_queue_full(transaction: &mut Writing, limit: u32) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(
        "select count(*) as waiting
        from (select 1 as one from requests where status = 'queued' and is_sending = 0 limit $1) as queue",
    )
    .bind(i64::from(limit))
    .fetch_one(&mut **transaction)
    .await?;
    let waiting: i64 = row.try_get("waiting")?;
    Ok(waiting >= i64::from(limit))
}

/// A new request, before any work on it.
pub(super) fn first_state(new: &NewRequest) -> Request {
    Request {
        id: RequestId::new(),
        person: new.person.clone(),
        batch_id: new.batch_id.clone(),
        course_id: new.course_id.clone(),
        tenant_id: new.tenant_id.clone(),
        format: new.format,
        deliver: new.deliver,
        asked: new.asked.clone(),
        status: Status::Queued,
        failure: None,
        notice: NoticeState::None,
        requested_at: whole_milliseconds(new.requested_at),
        deadline: whole_milliseconds(new.deadline),
        finished_at: None,
        snapshot_date: new.snapshot_date,
        attempts: 0,
        handover_started_at: None,
        bounce: None,
        file: None,
    }
}

/// The time in whole milliseconds, as the database stores it.
fn whole_milliseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}

/// Stores a new request. While it is under way, no other of the person with this digest is made. Those that
/// subscriptions made come after clicks.
pub(super) async fn insert_request(
    transaction: &mut Writing,
    request: &Request,
    digest: &str,
    is_sending: bool,
) -> Result<(), sqlx::Error> {
    let requested_at = request.requested_at.timestamp_millis();
    sqlx::query(
        "insert into requests (id, user_id, email, roles, batch_id, course_id, tenant_id, format, deliver, status, notice,
            requested_at, deadline, snapshot_date, attempts, lost_leases, due_at, asked, asked_digest,
            language, is_sending)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, $15, $16, $17, $18, $19)",
    )
    .bind(request.id.to_string())
    .bind(request.person.user_id.as_str())
    .bind(request.person.email.as_deref())
    .bind(rows::roles_text(&request.person.roles)?)
    .bind(request.batch_id.as_str())
    .bind(request.course_id.as_deref())
    .bind(request.tenant_id.as_ref().map(|tenant| tenant.as_str()))
    .bind(request.format.word())
    .bind(request.deliver.word())
    .bind(request.status.word())
    .bind(request.notice.word())
    .bind(requested_at)
    .bind(request.deadline.timestamp_millis())
    .bind(request.snapshot_date.to_string())
    .bind(requested_at)
    .bind(request.asked.text())
    .bind(digest)
    .bind(request.person.language.map(Language::code))
    .bind(i64::from(is_sending))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The click as an event of each batch. The first has the key and counts for how often the person may click.
async fn insert_clicks(transaction: &mut Writing, new: &NewRequest, request: RequestId) -> Result<(), sqlx::Error> {
    let first = FurtherBatch {
        batch_id: new.batch_id.clone(),
        course_id: new.course_id.clone(),
        tenant_id: new.tenant_id.clone(),
    };
    insert_click(transaction, new, request, &first, false).await?;
    for batch in &new.further {
        insert_click(transaction, new, request, batch, true).await?;
    }
    Ok(())
}

async fn insert_click(
    transaction: &mut Writing,
    new: &NewRequest,
    request: RequestId,
    batch: &FurtherBatch,
    is_further: bool,
) -> Result<(), sqlx::Error> {
    let key = new.idempotency_key.as_deref().filter(|_| !is_further);
    sqlx::query(
        "insert into events (mid, kind, request_id, user_id, batch_id, course_id, tenant_id, idempotency_key, happened_at,
            is_further)
        values ($1, 'click', $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(format!("PRAGATI:{}", Uuid::now_v7()))
    .bind(request.to_string())
    .bind(new.person.user_id.as_str())
    .bind(batch.batch_id.as_str())
    .bind(batch.course_id.as_deref())
    .bind(batch.tenant_id.as_ref().map(|tenant| tenant.as_str()))
    .bind(key)
    .bind(new.requested_at.timestamp_millis())
    .bind(i64::from(is_further))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
