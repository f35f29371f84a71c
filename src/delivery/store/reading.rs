//! Read-only queries of requests.

use chrono::{DateTime, Utc};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::super::options::RequestOptions;
use super::super::person::Person;
use super::super::request::{Deliver, FailureCause, Request, RequestId, Status};
use super::rows::{self, request_columns};
use super::{Page, QueueFigures, Store, StoreError};
use crate::ids::{BatchId, UserId};
use crate::report::ReportFormat;

/// Greater than every id.
const AFTER_ALL: &str = "g";

impl Store {
    /// The request of that id.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find(&self, id: RequestId) -> Result<Option<Request>, StoreError> {
        let statement = concat!("select ", request_columns!(), " from requests where id = $1");
        let found = sqlx::query(statement)
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await;
        let request = found.and_then(|row| row.as_ref().map(rows::request).transpose());
        request.map_err(self.failed("looking for a request"))
    }

    /// The requests of a person.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn requests_of(&self, user: &UserId, page: Page) -> Result<Vec<Request>, StoreError> {
        let statement = concat!(
            "select ",
            request_columns!(),
            " from requests where user_id = $1 and id < $2 order by id desc limit $3"
        );
        let found = sqlx::query(statement)
            .bind(user.as_str())
            .bind(end_of(page))
            .bind(i64::from(page.limit))
            .fetch_all(&self.reads)
            .await;
        self.all_requests(found)
    }

    /// Every request, or those of one status, for operators.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn requests(&self, status: Option<Status>, page: Page) -> Result<Vec<Request>, StoreError> {
        let query = match status {
            Some(status) => sqlx::query(concat!(
                "select ",
                request_columns!(),
                " from requests where id < $1 and status = $3
                    and (status <> 'sent' or (bounced_at is not null) = ($4 = 1))
                    order by id desc limit $2"
            ))
            .bind(end_of(page))
            .bind(i64::from(page.limit))
            .bind(stored_word(status))
            .bind(i64::from(status == Status::Bounced)),
            None => sqlx::query(concat!(
                "select ",
                request_columns!(),
                " from requests where id < $1 order by id desc limit $2"
            ))
            .bind(end_of(page))
            .bind(i64::from(page.limit)),
        };
        self.all_requests(query.fetch_all(&self.reads).await)
    }

    /// The queue as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn figures(&self) -> Result<QueueFigures, StoreError> {
        self.try_figures().await.map_err(self.failed("counting requests"))
    }

    async fn try_figures(&self) -> Result<QueueFigures, sqlx::Error> {
        let by_status = sqlx::query(
            "select word, count(*) as requests
            from (
                select case when status = 'sent' and bounced_at is not null then 'bounced' else status end as word
                from requests
            ) as words
            group by word",
        )
        .fetch_all(&self.reads)
        .await?;
        let by_cause = sqlx::query(
            "select failure_cause as word, count(*) as requests from requests where status = 'failed' group by failure_cause",
        )
        .fetch_all(&self.reads)
        .await?;
        let first = sqlx::query("select min(deadline) as deadline from requests where status in ('queued', 'running')")
            .fetch_one(&self.reads)
            .await?;
        let events = sqlx::query("select count(*) as events from events where written_at is null")
            .fetch_one(&self.reads)
            .await?;
        let first_deadline: Option<DateTime<Utc>> = rows::optional_time(&first, "deadline")?;
        Ok(QueueFigures {
            by_status: counted(&by_status, Status::ALL, Status::from_word)?,
            failed_by_cause: counted(&by_cause, FailureCause::ALL, FailureCause::from_word)?,
            first_deadline,
            events_to_write: rows::count(&events, "events")?,
        })
    }

    fn all_requests(&self, found: Result<Vec<AnyRow>, sqlx::Error>) -> Result<Vec<Request>, StoreError> {
        let requests = found.and_then(|found| found.iter().map(rows::request).collect());
        requests.map_err(self.failed("listing requests"))
    }
}

/// The person's request for that report which waits or is worked on, as a transaction sees it; there is one at most.
pub(super) async fn open_request(
    transaction: &mut Transaction<'static, Any>,
    person: &Person,
    batch: &BatchId,
    format: ReportFormat,
    deliver: Deliver,
    asked: &RequestOptions,
) -> Result<Option<Request>, sqlx::Error> {
    let found = sqlx::query(concat!(
        "select ",
        request_columns!(),
        " from requests where user_id = $1 and batch_id = $2 and format = $3 and deliver = $4
            and asked_digest = $5 and status in ('queued', 'running')"
    ))
    .bind(person.user_id.as_str())
    .bind(batch.as_str())
    .bind(format.word())
    .bind(deliver.word())
    .bind(asked.digest())
    .fetch_optional(&mut **transaction)
    .await?;
    found.as_ref().map(rows::request).transpose()
}

/// A bounced request is stored as a sent one with a bounce.
fn stored_word(status: Status) -> &'static str {
    match status {
        Status::Bounced => Status::Sent.word(),
        status => status.word(),
    }
}

fn end_of(page: Page) -> String {
    page.before.map_or(AFTER_ALL.to_owned(), |before| before.to_string())
}

/// The counts of all words, with zeros.
fn counted<T: Copy + PartialEq>(
    found: &[AnyRow],
    all: &[T],
    known: impl Fn(&str) -> Option<T>,
) -> Result<Vec<(T, u64)>, sqlx::Error> {
    let mut counts: Vec<(T, u64)> = all.iter().map(|&word| (word, 0)).collect();
    for row in found {
        let word = rows::word(row, "word", &known)?;
        let requests = rows::count(row, "requests")?;
        for (_, count) in counts.iter_mut().filter(|(counted, _)| *counted == word) {
            *count = requests;
        }
    }
    Ok(counts)
}
