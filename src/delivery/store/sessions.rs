//! Sessions of people who signed in with a browser.
//!
//! They are in the store so that every process behind a load balancer accepts them. A session is found by the hash of
//! its id, from which the cookie cannot be derived. A session that ended is kept for a while, so that its sign-in
//! cannot be replayed.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::person::Person;
use super::accept::is_conflict;
use super::rows;
use super::{Store, StoreError};
use crate::ids::UserId;
use crate::language::Language;

const DOING: &str = "looking after sessions";
/// The least time between two updates of a session's last use.
const LEAST_BETWEEN_NOTES: TimeDelta = TimeDelta::seconds(60);
/// How long a session that is over is kept: longer than a sign-in may take, so that none is replayed.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// How long the id of a used logout token is kept: longer than any logout token is accepted after it was issued.
const TOKENS_KEPT: TimeDelta = TimeDelta::hours(1);

/// A session that begins. Hashes are SHA-256, hexadecimal.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The hash of the session's id.
    pub id_hash: &'a str,
    /// The hash of the `state` of its sign-in.
    pub sign_in_hash: &'a str,
    /// The hash of the issuer's session (`sid`), where it names one.
    pub issuer_session_hash: Option<&'a str>,
    /// Who signed in.
    pub person: &'a Person,
    /// When they signed in.
    pub starts_at: DateTime<Utc>,
    /// When the session ends by itself.
    pub ends_at: DateTime<Utc>,
}

/// What became of a session that was to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum SessionStart {
    /// It is stored.
    Started,
    /// Its sign-in made a session already.
    SignInUsed,
    /// The issuer's session that it belongs to has ended.
    EndedAtIssuer,
}

/// A logout at the issuer, as a logout token says it: of one session (`sid`), of a person (`sub`), or of both. Hashes are
/// SHA-256, hexadecimal.
#[derive(Debug)]
pub struct LogoutAtIssuer<'a> {
    /// The hash of the token's id (`jti`).
    pub token_hash: &'a str,
    /// The hash of the issuer's session.
    pub issuer_session_hash: Option<&'a str>,
    /// The person (`sub`).
    pub user: Option<&'a UserId>,
    /// When the token was received.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Stores a session, unless its sign-in made one already, or the issuer said meanwhile that its session has ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start_session(&self, new: NewSession<'_>) -> Result<SessionStart, StoreError> {
        match self.try_start(new).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(SessionStart::SignInUsed),
            started => started.map_err(self.failed(DOING)),
        }
    }

    async fn try_start(&self, new: NewSession<'_>) -> Result<SessionStart, sqlx::Error> {
        let roles = rows::roles_text(&new.person.roles)?;
        // Alone, so that no logout comes between the question and the new row.
        let mut transaction = self.begin_alone().await?;
        if let Some(session) = new.issuer_session_hash {
            let ended = sqlx::query("select 1 as one from used_logout_tokens where issuer_session_hash = $1 limit 1")
                .bind(session)
                .fetch_optional(&mut *transaction)
                .await?;
            if ended.is_some() {
                return Ok(SessionStart::EndedAtIssuer);
            }
        }
        sqlx::query(
            "insert into sessions
                (id_hash, sign_in_hash, user_id, email, roles, started_at, seen_at, ends_at, issuer_session_hash,
                    language)
             values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9)",
        )
        .bind(new.id_hash)
        .bind(new.sign_in_hash)
        .bind(new.person.user_id.as_str())
        .bind(new.person.email.as_deref())
        .bind(roles)
        .bind(new.starts_at.timestamp_millis())
        .bind(new.ends_at.timestamp_millis())
        .bind(new.issuer_session_hash)
        .bind(new.person.language.map(Language::code))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(SessionStart::Started)
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

    /// Ends the sessions that a logout at the issuer is about; returns how many had not ended, and none where its token
    /// was used before. A session of which no issuer's session is known ends with any logout of its person.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_sessions_by_issuer(&self, logout: LogoutAtIssuer<'_>) -> Result<Option<u64>, StoreError> {
        self.try_end_by_issuer(logout).await.map_err(self.failed(DOING))
    }

    async fn try_end_by_issuer(&self, logout: LogoutAtIssuer<'_>) -> Result<Option<u64>, sqlx::Error> {
        let at = logout.at.timestamp_millis();
        // Alone, so that no session begins beside it that it should end.
        let mut transaction = self.begin_alone().await?;
        let noted = sqlx::query(
            "insert into used_logout_tokens (token_hash, issuer_session_hash, used_at) values ($1, $2, $3)
            on conflict (token_hash) do nothing",
        )
        .bind(logout.token_hash)
        .bind(logout.issuer_session_hash)
        .bind(at)
        .execute(&mut *transaction)
        .await?;
        if noted.rows_affected() == 0 {
            return Ok(None);
        }
        let mut ended = 0;
        if let Some(session) = logout.issuer_session_hash {
            let updated = sqlx::query(
                "update sessions set ended_at = $1
                where ended_at is null and ends_at > $1 and issuer_session_hash = $2",
            )
            .bind(at)
            .bind(session)
            .execute(&mut *transaction)
            .await?;
            ended += updated.rows_affected();
        }
        if let Some(user) = logout.user {
            let statement = if logout.issuer_session_hash.is_some() {
                "update sessions set ended_at = $1
                where ended_at is null and ends_at > $1 and user_id = $2 and issuer_session_hash is null"
            } else {
                "update sessions set ended_at = $1 where ended_at is null and ends_at > $1 and user_id = $2"
            };
            let updated = sqlx::query(statement)
                .bind(at)
                .bind(user.as_str())
                .execute(&mut *transaction)
                .await?;
            ended += updated.rows_affected();
        }
        transaction.commit().await?;
        Ok(Some(ended))
    }

    /// Removes sessions that have been over for an hour, and used logout tokens that are too old to be used again;
    /// returns how many sessions.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_old_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let forgotten = sqlx::query("delete from used_logout_tokens where used_at <= $1")
            .bind((now - TOKENS_KEPT).timestamp_millis())
            .execute(&self.writes)
            .await;
        forgotten.map_err(self.failed(DOING))?;
        let removed = sqlx::query("delete from sessions where ends_at <= $1")
            .bind((now - KEPT).timestamp_millis())
            .execute(&self.writes)
            .await;
        Ok(removed.map_err(self.failed(DOING))?.rows_affected())
    }
}
