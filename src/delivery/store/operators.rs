//! What operators may do to a request by hand.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Any, Transaction};

use super::super::request::{FailureCause, Request, RequestId, Status};
use super::reading::open_request;
use super::rows::{self, request_columns};
use super::{Cancelled, Retried, Store, StoreError};

/// The age after which a request is not retried: the roles and the address from the login at the click may be outdated.
const RETRIED_WITHIN: TimeDelta = TimeDelta::days(7);

/// How often a retry is attempted again when the request that blocked it has ended meanwhile.
const TURNS: usize = 5;
const RETRYING: &str = "putting a request back into the queue";

/// What a requester reads of a request that an operator ended.
const CANCELLED: &str = "An operator of the service ended this request.";

impl Store {
    /// Puts a failed request back into the queue with a new deadline. What was counted and said of it starts anew; a notice
    /// that was sent is not sent again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn retry(
        &self,
        id: RequestId,
        now: DateTime<Utc>,
        deadline: DateTime<Utc>,
    ) -> Result<Retried, StoreError> {
        for _ in 0..TURNS {
            let retried = self.try_retry(id, now, deadline).await;
            if let Some(retried) = retried.map_err(self.failed(RETRYING))? {
                return Ok(retried);
            }
        }
        Err(StoreError::Unsettled {
            database: self.name.to_string(),
            doing: RETRYING,
        })
    }

    /// `None` where the blocking request has ended at this moment.
    async fn try_retry(
        &self,
        id: RequestId,
        now: DateTime<Utc>,
        deadline: DateTime<Utc>,
    ) -> Result<Option<Retried>, sqlx::Error> {
        // Like a click, this may create a second open request for the same report.
        let mut transaction = self.begin_alone().await?;
        let stored = sqlx::query(
            "update requests set status = 'queued', failure_cause = null, failure_words = null, finished_at = null,
                notice = case when notice = 'due' then 'none' else notice end, deadline = $2, due_at = $3, attempts = 0,
                lost_leases = 0, lease_owner = null, lease_token = null, bounced_at = null, bounce_code = null, bounce_words = null
            where id = $1 and status = 'failed' and failure_cause <> 'mail_unconfirmed' and handover_started_at is null
                and requested_at >= $4
                and not exists (
                    select 1 from requests as other
                    where other.user_id = requests.user_id and other.batch_id = requests.batch_id
                        and other.format = requests.format and other.deliver = requests.deliver
                        and other.asked_digest = requests.asked_digest
                        and other.status in ('queued', 'running')
                )",
        )
        .bind(id.to_string())
        .bind(deadline.timestamp_millis())
        .bind(now.timestamp_millis())
        .bind((now - RETRIED_WITHIN).timestamp_millis())
        .execute(&mut *transaction)
        .await?;
        if stored.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(Some(Retried::Queued));
        }
        let Some(request) = look_at(&mut transaction, id).await? else {
            return Ok(Some(Retried::NoSuchRequest));
        };
        let cause = request.failure.as_ref().map(|failure| failure.cause);
        Ok(match cause {
            // A mail that came back has a reason as well, and did not fail.
            _ if request.status != Status::Failed => Some(Retried::NotFailed(request.status)),
            Some(FailureCause::MailUnconfirmed) => Some(Retried::MayHaveArrived),
            _ if request.handover_started_at.is_some() => Some(Retried::NoticeUnderWay),
            _ if request.requested_at < now - RETRIED_WITHIN => Some(Retried::TooOld),
            _ => open_request(
                &mut transaction,
                &request.person,
                &request.batch_id,
                request.format,
                request.deliver,
                &request.asked,
            )
            .await?
            .map(|other| Retried::UnderWay(other.id)),
        })
    }

    /// Ends a request that waits or is worked on; a mail that is being handed over can no longer be held back.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cancel(&self, id: RequestId, now: DateTime<Utc>) -> Result<Cancelled, StoreError> {
        let cancelled = self.try_cancel(id, now).await;
        cancelled.map_err(self.failed("ending a request"))
    }

    async fn try_cancel(&self, id: RequestId, now: DateTime<Utc>) -> Result<Cancelled, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let stored = sqlx::query(
            "update requests set status = 'failed', failure_cause = $2, failure_words = $3, finished_at = $4, due_at = null,
                lost_leases = 0, lease_owner = null, lease_token = null
            where id = $1 and status in ('queued', 'running') and handover_started_at is null",
        )
        .bind(id.to_string())
        .bind(FailureCause::Cancelled.word())
        .bind(CANCELLED)
        .bind(now.timestamp_millis())
        .execute(&mut *transaction)
        .await?;
        if stored.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(Cancelled::Done);
        }
        let request = look_at(&mut transaction, id).await?;
        Ok(match request {
            None => Cancelled::NoSuchRequest,
            Some(request) if request.status.is_final() => Cancelled::Ended(request.status),
            Some(_) => Cancelled::BeingHandedOver,
        })
    }
}

async fn look_at(transaction: &mut Transaction<'static, Any>, id: RequestId) -> Result<Option<Request>, sqlx::Error> {
    let found = sqlx::query(concat!("select ", request_columns!(), " from requests where id = $1"))
        .bind(id.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    found.as_ref().map(rows::request).transpose()
}
