//! Deletes what is no longer needed.

use chrono::{DateTime, Utc};

use super::rows;
use super::{Store, StoreError};

/// Requests that are removed in one transaction, so that nobody waits long for it.
const REMOVED_AT_ONCE: i64 = 500;
const DOING: &str = "removing old requests";

impl Store {
    /// Removes requests that ended before `before`, with their events; one whose notice is due or whose events were not
    /// written before then stays. Returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_old(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let deleted = sqlx::query(
                "delete from requests where id in (
                    select id from requests
                    where finished_at < $1 and notice <> 'due'
                        and not exists (
                            select 1 from events
                            where events.request_id = requests.id and (written_at is null or written_at >= $1)
                        )
                    limit $2
                )",
            )
            .bind(before.timestamp_millis())
            .bind(REMOVED_AT_ONCE)
            .execute(&self.writes)
            .await;
            let deleted = deleted.map_err(self.failed(DOING))?.rows_affected();
            removed += deleted;
            if deleted == 0 {
                return Ok(removed);
            }
        }
    }

    /// The paths of report files that no request names, and that none was given since `noted_before`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unnamed_files(&self, noted_before: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query(
            "select path from report_files
            where noted_at < $1 and not exists (select 1 from requests where file_path = path)
            order by path",
        )
        .bind(noted_before.timestamp_millis())
        .fetch_all(&self.reads)
        .await;
        let paths = found.and_then(|found| found.iter().map(|row| rows::parsed(row, "path")).collect());
        paths.map_err(self.failed(DOING))
    }

    /// Forgets a report file that was removed, unless a request was given it meanwhile.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_file(&self, path: &str) -> Result<(), StoreError> {
        let forgotten = sqlx::query(
            "delete from report_files
            where path = $1 and not exists (select 1 from requests where file_path = report_files.path)",
        )
        .bind(path)
        .execute(&self.writes)
        .await;
        forgotten.map(|_| ()).map_err(self.failed(DOING))
    }
}
