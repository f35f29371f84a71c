//! Links in mails that were revoked.

use chrono::{DateTime, Utc};

use super::super::request::RequestId;
use super::{Store, StoreError};

const DOING: &str = "looking after links";

impl Store {
    /// Revokes the signed link of a request, in all mails of it; false where there is no such request.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn revoke_link(&self, id: RequestId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        if self.find(id).await?.is_none() {
            return Ok(false);
        }
        let revoked = sqlx::query(
            "insert into revoked_links (request_id, revoked_at) values ($1, $2) on conflict (request_id) do nothing",
        )
        .bind(id.to_string())
        .bind(now.timestamp_millis())
        .execute(&self.writes)
        .await;
        revoked.map(|_| true).map_err(self.failed(DOING))
    }

    /// Whether the signed link of a request was revoked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn is_link_revoked(&self, id: RequestId) -> Result<bool, StoreError> {
        let found = sqlx::query("select 1 as one from revoked_links where request_id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await;
        Ok(found.map_err(self.failed(DOING))?.is_some())
    }
}
