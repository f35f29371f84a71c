//! Mails that came back.

use chrono::{DateTime, Utc};

use super::super::request::{Bounce, RequestId};
use super::leases::storable;
use super::rows;
use super::{NotedBounce, Store, StoreError};

const DOING: &str = "noting a bounce";

/// The codes for which an address gets no more mails: no such mailbox, host or address, or moved. Other codes 5.1.x are
/// about the sender or ambiguous.
macro_rules! no_such_mailbox {
    () => {
        "bounce_code in ('5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10')"
    };
}

impl Store {
    /// Notes that a mail of a request came back. The first bounce of a request counts. A notice that is due is not sent
    /// any more: it would go to the same address.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_bounce(&self, id: RequestId, bounce: &Bounce) -> Result<NotedBounce, StoreError> {
        let noted = sqlx::query(
            "update requests set bounced_at = $2, bounce_code = $3, bounce_words = $4
            where id = $1 and bounced_at is null and deliver = 'email'
                and (status in ('sent', 'failed') or handover_started_at is not null)",
        )
        .bind(id.to_string())
        .bind(bounce.at.timestamp_millis())
        .bind(bounce.code.as_deref().map(storable))
        .bind(storable(&bounce.words))
        .execute(&self.writes)
        .await;
        if noted.map_err(self.failed(DOING))?.rows_affected() == 1 {
            return Ok(NotedBounce::Noted);
        }
        Ok(match self.find(id).await? {
            None => NotedBounce::NoSuchRequest,
            Some(request) if request.bounce.is_some() => NotedBounce::NotedBefore,
            Some(_) => NotedBounce::NotMailed,
        })
    }

    /// The last bounce of this address since `since` that says that there is no such mailbox.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn bounce_of_address(&self, email: &str, since: DateTime<Utc>) -> Result<Option<Bounce>, StoreError> {
        let found = sqlx::query(concat!(
            "select bounced_at, bounce_code, bounce_words from requests where email = $1 and bounced_at >= $2 and ",
            no_such_mailbox!(),
            " order by bounced_at desc limit 1"
        ))
        .bind(email)
        .bind(since.timestamp_millis())
        .fetch_optional(&self.reads)
        .await;
        let bounce = found.and_then(|row| match &row {
            Some(row) => rows::bounce(row),
            None => Ok(None),
        });
        bounce.map_err(self.failed("looking for bounces"))
    }

    /// Lets mails go to an address again whose mailbox is there now; returns how many bounces stood in the way.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_bounces(&self, email: &str) -> Result<u64, StoreError> {
        // The operator's spelling may differ in case.
        let forgotten = sqlx::query(concat!(
            "update requests set bounce_code = null where lower(email) = lower($1) and ",
            no_such_mailbox!()
        ))
        .bind(email)
        .execute(&self.writes)
        .await;
        Ok(forgotten.map_err(self.failed(DOING))?.rows_affected())
    }
}
