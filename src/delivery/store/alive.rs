//! A lock file beside the SQLite database that a running service holds, so that the next one knows whether leases are
//! orphaned.
//!
//! The operating system releases the lock when the process ends, however it ends. Services on PostgreSQL run on several
//! machines and have no such lock; there, the leases of a killed service expire.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::connect::{Database, private_file};
use super::{Store, StoreError};

/// The extension of the file that is locked.
const EXTENSION: &str = "alive";

/// The held lock; it is released when this value is dropped.
#[derive(Debug)]
pub struct Alive {
    _locked: File,
}

impl Store {
    /// Takes the lock for this process. Where no other process holds it, all leases are orphans of killed services:
    /// they end now instead of expiring, and their requests are taken over at once. To be called before workers start.
    /// `None` where the database is shared, or its file system has no locks.
    ///
    /// # Errors
    /// Where the leases cannot be ended.
    pub async fn enter(&self, database: &Database, now: DateTime<Utc>) -> Result<Option<Alive>, StoreError> {
        let Database::Sqlite(path) = database else {
            return Ok(None);
        };
        let file = match lock_alone(&path.with_extension(EXTENSION)) {
            Ok((file, is_alone)) => {
                if is_alone {
                    self.end_leases(now).await?;
                }
                file
            }
            Err(error) => {
                tracing::debug!("work of a killed service waits for the end of its leases: {error}");
                return Ok(None);
            }
        };
        let marked = tokio::task::spawn_blocking(move || {
            // Another service that starts now may hold it alone for a moment.
            file.unlock()?;
            file.lock_shared()?;
            Ok::<_, io::Error>(file)
        });
        let marked = marked.await.map_err(io::Error::other).and_then(|locked| locked);
        Ok(marked.ok().map(|file| Alive { _locked: file }))
    }

    async fn end_leases(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("update subscriptions set lease_until = $1 where lease_token is not null and lease_until > $1")
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await
            .map_err(self.failed("taking over the work of a killed service"))?;
        let ended = sqlx::query("update requests set due_at = $1 where lease_token is not null and due_at > $1")
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await
            .map_err(self.failed("taking over the work of a killed service"))?;
        if ended.rows_affected() > 0 {
            tracing::info!(
                "{} requests of a service that was killed are taken over",
                ended.rows_affected()
            );
        }
        Ok(())
    }
}

/// The opened file, and whether the exclusive lock was taken: it is where no other process has it locked.
fn lock_alone(path: &Path) -> io::Result<(File, bool)> {
    let file = private_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok((file, true)),
        Err(TryLockError::WouldBlock) => Ok((file, false)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
