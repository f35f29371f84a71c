//! Leases: claiming a request, renewing the claim, and the steps that only its holder may store.
//!
//! A step is one statement that names the claim, so that it either counts or changes nothing. `due_at` is when a worker
//! may take a request up; while a lease runs, that is the lease's end, and so one look finds what waits, what was left
//! behind, and notices that are due.

use chrono::{DateTime, Utc};
use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use uuid::Uuid;

use super::super::request::{Failure, ReportFile, Request, RequestId, Status};
use super::rows::{self, request_columns};
use super::{Backend, Held, LEASE, Lease, LeaseToken, Store, StoreError, Work};

/// `claim` on one database; the others differ in how they pass over a row that somebody else is claiming.
macro_rules! claim {
    ($locking:literal) => {
        concat!(
            "update requests set
                status = case when status = 'failed' then 'failed' else 'running' end,
                attempts = attempts + 1,
                lost_leases = case when lease_token is null then lost_leases else lost_leases + 1 end,
                lease_owner = $1, lease_token = $2, due_at = $3
            where id = (select id from requests where due_at <= $4 order by is_sending, due_at, id limit 1 ",
            $locking,
            ") returning lost_leases, ",
            request_columns!()
        )
    };
}

impl Store {
    /// Takes up the request that is due longest: one that waits, one whose lease ran out, or a notice that is due;
    /// those that subscriptions made come after all others. The lease holds for [`LEASE`].
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn claim(&self, now: DateTime<Utc>) -> Result<Option<Lease>, StoreError> {
        let claim = Uuid::new_v4();
        let claimed = self.try_claim(claim, now).await.map_err(self.failed("claiming work"))?;
        let Some((request, lost_before)) = claimed else {
            return Ok(None);
        };
        if lost_before > 0 {
            tracing::warn!(
                "request {} is taken over: its worker ended without a word ({lost_before} in a row)",
                request.id
            );
        }
        Ok(Some(Lease {
            work: if request.status == Status::Failed {
                Work::Notify
            } else {
                Work::Deliver
            },
            token: LeaseToken {
                request: request.id,
                claim,
            },
            lost_before,
            request,
        }))
    }

    async fn try_claim(&self, claim: Uuid, now: DateTime<Utc>) -> Result<Option<(Request, u32)>, sqlx::Error> {
        let statement = match self.backend {
            Backend::Sqlite => claim!(""),
            Backend::Postgres => claim!("for update skip locked"),
        };
        let mut transaction = self.begin().await?;
        let found = sqlx::query(statement)
            .bind(&*self.owner)
            .bind(claim.to_string())
            .bind(end_of_lease(now))
            .bind(now.timestamp_millis())
            .fetch_optional(&mut *transaction)
            .await?;
        // Decoded before it is claimed, so that a damaged row is not claimed.
        let claimed = match &found {
            Some(row) => Some((rows::request(row)?, rows::small_count(row, "lost_leases")?)),
            None => None,
        };
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Renews a lease for another [`LEASE`].
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn renew(&self, token: &LeaseToken, now: DateTime<Utc>) -> Result<Held, StoreError> {
        let statement = "update requests set due_at = $3 where id = $1 and lease_token = $2";
        self.step(of_lease(statement, token).bind(end_of_lease(now))).await
    }

    /// Notes that the report's file is made.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn file_made(&self, token: &LeaseToken, file: &ReportFile) -> Result<Held, StoreError> {
        let noted = self.try_note_file(token, file).await;
        noted.map_err(self.failed("storing a step of a request"))
    }

    async fn try_note_file(&self, token: &LeaseToken, file: &ReportFile) -> Result<Held, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let statement = "update requests set snapshot_date = $3, file_path = $4, file_name = $5, file_rows = $6,
                file_unknown_users = $7, file_bytes = $8, file_sha256 = $9, file_consent_rules = $10
            where id = $1 and lease_token = $2 and status = 'running'";
        let stored = of_lease(statement, token)
            .bind(file.snapshot_date.to_string())
            .bind(&file.path)
            .bind(&file.name)
            .bind(rows::stored_count(file.rows)?)
            .bind(rows::stored_count(file.unknown_users)?)
            .bind(rows::stored_count(file.bytes)?)
            .bind(&file.sha256)
            .bind(file.consent_rules.as_deref())
            .execute(&mut *transaction)
            .await?;
        if stored.rows_affected() == 0 {
            return Ok(Held::No);
        }
        note_file(&file.path, Utc::now()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Held::Yes)
    }

    /// Notes that a report file is about to be written. One that no request names after a while is removed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_file(&self, path: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let noted = note_file(path, now).execute(&self.writes).await;
        noted.map(|_| ()).map_err(self.failed("noting a report file"))
    }

    /// Notes that the content of a mail, report or notice, is about to be handed over, and keeps the lease for another
    /// [`LEASE`]. Once noted, it is not noted again before the outcome is stored: where the mark is set already, the
    /// answer is no, and nothing may be sent.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start_handover(&self, token: &LeaseToken, now: DateTime<Utc>) -> Result<Held, StoreError> {
        let statement = "update requests set handover_started_at = $3, due_at = $4
            where id = $1 and lease_token = $2 and handover_started_at is null";
        let step = of_lease(statement, token)
            .bind(now.timestamp_millis())
            .bind(end_of_lease(now));
        self.step(step).await
    }

    /// Withdraws the note of a handover: the mail server refused the content explicitly, and another form of the mail
    /// will be offered.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take_back_handover(&self, token: &LeaseToken, now: DateTime<Utc>) -> Result<Held, StoreError> {
        let statement = "update requests set handover_started_at = null, due_at = $3
            where id = $1 and lease_token = $2 and status = 'running' and handover_started_at is not null";
        self.step(of_lease(statement, token).bind(end_of_lease(now))).await
    }

    /// Ends a delivery that succeeded, as `Sent` or `Ready`; the tables refuse any other status. That the report was
    /// handed over becomes an event in the same transaction.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn succeed(&self, token: &LeaseToken, status: Status, now: DateTime<Utc>) -> Result<Held, StoreError> {
        let stored = self.try_succeed(token, status, now).await;
        stored.map_err(self.failed("storing a step of a request"))
    }

    async fn try_succeed(&self, token: &LeaseToken, status: Status, now: DateTime<Utc>) -> Result<Held, sqlx::Error> {
        let mut transaction = self.begin().await?;
        let statement = "update requests set status = $3, finished_at = $4, due_at = null, lease_owner = null,
                lease_token = null, lost_leases = 0, handover_started_at = null
            where id = $1 and lease_token = $2 and status = 'running'";
        let stored = of_lease(statement, token)
            .bind(status.word())
            .bind(now.timestamp_millis())
            .execute(&mut *transaction)
            .await?;
        if stored.rows_affected() == 0 {
            return Ok(Held::No);
        }
        sqlx::query(
            "insert into events (mid, kind, request_id, user_id, batch_id, course_id, tenant_id, happened_at, by_subscription)
            select $2, $3, id, user_id, batch_id, course_id, tenant_id, finished_at,
                case when exists (select 1 from sendings where request_id = requests.id) then 1 else 0 end
            from requests where id = $1",
        )
        .bind(token.request.to_string())
        .bind(delivery_mid(token.request))
        .bind(status.word())
        .execute(&mut *transaction)
        .await?;
        // Of several batches, each was handed over. Those of a subscription are kept with it.
        sqlx::query(
            "insert into events (mid, kind, request_id, user_id, batch_id, course_id, tenant_id, happened_at, by_subscription)
            select $2 || ':' || further.batch_id, $3, requests.id, requests.user_id, further.batch_id, further.course_id,
                further.tenant_id, requests.finished_at, 1
            from requests
            join sending_batches as further on further.request_id = requests.id
            where requests.id = $1",
        )
        .bind(token.request.to_string())
        .bind(delivery_mid(token.request))
        .bind(status.word())
        .execute(&mut *transaction)
        .await?;
        // For a click on several batches, the click events have the course and tenant of each.
        sqlx::query(
            "insert into events (mid, kind, request_id, user_id, batch_id, course_id, tenant_id, happened_at)
            select $2 || ':' || clicked.batch_id, $3, requests.id, requests.user_id, clicked.batch_id, clicked.course_id,
                clicked.tenant_id, requests.finished_at
            from requests
            join (
                select batch_id, min(course_id) as course_id, min(tenant_id) as tenant_id
                from events
                where request_id = $1 and kind = 'click' and is_further = 1
                group by batch_id
            ) as clicked on clicked.batch_id <> requests.batch_id
            where requests.id = $1",
        )
        .bind(token.request.to_string())
        .bind(delivery_mid(token.request))
        .bind(status.word())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Held::Yes)
    }

    /// Puts the request back into the queue until `due`. The handover mark is removed, because the mail is known not to
    /// have arrived.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn try_again(&self, token: &LeaseToken, due: DateTime<Utc>) -> Result<Held, StoreError> {
        let statement = "update requests set status = 'queued', due_at = $3, lease_owner = null, lease_token = null,
                lost_leases = 0, handover_started_at = null
            where id = $1 and lease_token = $2 and status = 'running'";
        self.step(of_lease(statement, token).bind(due.timestamp_millis())).await
    }

    /// Ends a delivery that failed; a notice is due where `notify`, unless the request had one at an earlier end.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn fail(
        &self,
        token: &LeaseToken,
        failure: &Failure,
        notify: bool,
        now: DateTime<Utc>,
    ) -> Result<Held, StoreError> {
        let statement =
            "update requests set status = 'failed', failure_cause = $3, failure_words = $4, finished_at = $5,
                notice = case when $6 = 1 and notice = 'none' then 'due' else notice end,
                due_at = case when $6 = 1 and notice = 'none' then $5 end,
                lease_owner = null, lease_token = null, lost_leases = 0, handover_started_at = null
            where id = $1 and lease_token = $2 and status = 'running'";
        let step = of_lease(statement, token)
            .bind(failure.cause.word())
            .bind(storable(&failure.words))
            .bind(now.timestamp_millis())
            .bind(i64::from(notify));
        self.step(step).await
    }

    /// Notes that the notice was sent, or never will be.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_notice(&self, token: &LeaseToken, was_sent: bool) -> Result<Held, StoreError> {
        let statement = "update requests set notice = case when $3 = 1 then 'sent' else 'given_up' end, due_at = null,
                lease_owner = null, lease_token = null, lost_leases = 0, handover_started_at = null
            where id = $1 and lease_token = $2 and notice = 'due'";
        self.step(of_lease(statement, token).bind(i64::from(was_sent))).await
    }

    /// Notes that the notice could not be sent, and is known not to have arrived; it is due again at `due`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn notify_again(&self, token: &LeaseToken, due: DateTime<Utc>) -> Result<Held, StoreError> {
        let statement = "update requests set due_at = $3, lease_owner = null, lease_token = null, lost_leases = 0,
                handover_started_at = null
            where id = $1 and lease_token = $2 and notice = 'due'";
        self.step(of_lease(statement, token).bind(due.timestamp_millis())).await
    }

    /// Stores a step of the request of a lease; nothing changes where the lease is lost.
    async fn step(&self, step: Query<'_, Any, AnyArguments>) -> Result<Held, StoreError> {
        let stored = step.execute(&self.writes).await;
        let stored = stored.map_err(self.failed("storing a step of a request"))?;
        Ok(if stored.rows_affected() == 1 {
            Held::Yes
        } else {
            Held::No
        })
    }
}

fn note_file(path: &str, now: DateTime<Utc>) -> Query<'_, Any, AnyArguments> {
    sqlx::query(
        "insert into report_files (path, noted_at) values ($1, $2)
        on conflict (path) do update set noted_at = excluded.noted_at",
    )
    .bind(path)
    .bind(now.timestamp_millis())
}

/// A statement about the request ($1) as long as the claim ($2) holds it.
fn of_lease<'a>(statement: &'static str, token: &LeaseToken) -> Query<'a, Any, AnyArguments> {
    sqlx::query(statement)
        .bind(token.request.to_string())
        .bind(token.claim.to_string())
}

/// A report is handed over once, so its event is named by the request alone.
fn delivery_mid(request: RequestId) -> String {
    format!("PRAGATI:DELIVERED:{request}")
}

fn end_of_lease(now: DateTime<Utc>) -> i64 {
    (now + LEASE).timestamp_millis()
}

/// The text without NUL, which PostgreSQL's texts cannot have and a mail server's answer may.
pub(super) fn storable(words: &str) -> String {
    words.replace('\0', "")
}
