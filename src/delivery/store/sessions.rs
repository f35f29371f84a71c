//! Sessions of people who signed in with a browser.
//!
//! They are in the store so that every process behind a load balancer knows them. A session is found by the hash of its
//! id; whoever reads the database can make no cookie of it. One that ended stays for a while, so that its sign-in cannot
//! be used again.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::person::Person;
use super::accept::is_conflict;
use super::rows;
use super::{Store, StoreError};
use crate::ids::UserId;
use crate::language::Language;

const DOING: &str = "looking after sessions";
/// A session that is used is noted so often.
const LEAST_BETWEEN_NOTES: TimeDelta = TimeDelta::seconds(60);
/// One that is over is kept for so long: longer than a sign-in may take, so that none is used a second time.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// A session that begins. Hashes are SHA-256, hexadecimal.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub id_hash: &'a str,
    /// The hash of the `state` of its sign-in.
    pub sign_in_hash: &'a str,
    pub person: &'a Person,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
}

impl Store {
    /// Stores a session; false where its sign-in made one already.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start_session(&self, new: NewSession<'_>) -> Result<bool, StoreError> {
        let roles = rows::roles_text(&new.person.roles).map_err(self.failed(DOING))?;
        let stored = sqlx::query(
            "insert into sessions (id_hash, sign_in_hash, user_id, email, roles, started_at, seen_at, ends_at, language)
            values ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
        )
        .bind(new.id_hash)
        .bind(new.sign_in_hash)
        .bind(new.person.user_id.as_str())
        .bind(new.person.email.as_deref())
        .bind(roles)
        .bind(new.starts_at.timestamp_millis())
        .bind(new.ends_at.timestamp_millis())
        .bind(new.person.language.map(Language::code))
        .execute(&self.writes)
        .await;
        match stored {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(self.failed(DOING)(error)),
        }
    }

    /// Whose session it is, where it has not ended: not signed out, not over, and used within `idle`. It is noted that it
    /// is used now.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn use_session(
        &self,
        id_hash: &str,
        idle: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Option<Person>, StoreError> {
        let found = sqlx::query(
            "select user_id, email, roles, language, seen_at from sessions
            where id_hash = $1 and ended_at is null and ends_at > $2 and seen_at > $3",
        )
        .bind(id_hash)
        .bind(now.timestamp_millis())
        .bind((now - idle).timestamp_millis())
        .fetch_optional(&self.reads)
        .await;
        let found = found.and_then(|row| match &row {
            Some(row) => Ok(Some((rows::person(row)?, rows::optional_time(row, "seen_at")?))),
            None => Ok(None),
        });
        let Some((person, seen_at)) = found.map_err(self.failed(DOING))? else {
            return Ok(None);
        };
        let between = LEAST_BETWEEN_NOTES.min(idle / 4);
        if seen_at.is_none_or(|seen_at| seen_at + between < now) {
            self.note_use(id_hash, now).await?;
        }
        Ok(Some(person))
    }

    async fn note_use(&self, id_hash: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        // Of several processes, the last use counts.
        let noted = sqlx::query("update sessions set seen_at = $2 where id_hash = $1 and seen_at < $2")
            .bind(id_hash)
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await;
        match noted {
            Ok(_) => Ok(()),
            // Another process notes the same at this moment.
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(self.failed(DOING)(error)),
        }
    }

    /// Ends a session; nothing happens where there is none.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_session(&self, id_hash: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let ended = sqlx::query("update sessions set ended_at = $2 where id_hash = $1 and ended_at is null")
            .bind(id_hash)
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await;
        ended.map(|_| ()).map_err(self.failed(DOING))
    }

    /// Ends all sessions of a person; returns how many had not ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_sessions_of(&self, user: &UserId, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let ended =
            sqlx::query("update sessions set ended_at = $2 where user_id = $1 and ended_at is null and ends_at > $2")
                .bind(user.as_str())
                .bind(now.timestamp_millis())
                .execute(&self.writes)
                .await;
        Ok(ended.map_err(self.failed(DOING))?.rows_affected())
    }

    /// Removes sessions that have been over for an hour; returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_old_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let removed = sqlx::query("delete from sessions where ends_at <= $1")
            .bind((now - KEPT).timestamp_millis())
            .execute(&self.writes)
            .await;
        Ok(removed.map_err(self.failed(DOING))?.rows_affected())
    }
}
