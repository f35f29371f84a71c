//! Officers whom admins approved, and how recipients of a subscription end its mails.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::super::subscriptions::{EndReason, Officer, OfficerScope, SubscriptionId};
use super::subscriptions::{END, is_set};
use super::{Store, StoreError, rows};
use crate::ids::UserId;
use crate::report::SplitColumn;

const DOING: &str = "looking after officers";
const UNSUBSCRIBING: &str = "ending the mails of a subscription";

/// The subscription and the recipient whose mails a token ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribed {
    /// The subscription whose mails end.
    pub subscription: SubscriptionId,
    /// The recipient's address.
    pub email: String,
    /// Whether the recipient is an officer, and not the subscriber.
    pub is_officer: bool,
}

impl Store {
    /// Puts a list of officers in the place of the one that was there.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn replace_officers(
        &self,
        scope: &OfficerScope,
        column: SplitColumn,
        officers: &BTreeSet<Officer>,
        by: &UserId,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let replaced = self.try_replace_officers(scope, column, officers, by, now).await;
        replaced.map_err(self.failed(DOING))
    }

    async fn try_replace_officers(
        &self,
        scope: &OfficerScope,
        column: SplitColumn,
        officers: &BTreeSet<Officer>,
        by: &UserId,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.begin_alone().await?;
        sqlx::query("delete from officers where scope = $1 and scope_id = $2 and column_name = $3")
            .bind(scope.word())
            .bind(scope.id())
            .bind(column.word())
            .execute(&mut *transaction)
            .await?;
        for officer in officers {
            sqlx::query(
                "insert into officers (scope, scope_id, column_name, value, email, approved_by, approved_at)
                values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(scope.word())
            .bind(scope.id())
            .bind(column.word())
            .bind(&officer.value)
            .bind(&officer.address)
            .bind(by.as_str())
            .bind(now.timestamp_millis())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await
    }

    /// The officers of a list, ordered by value.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn officers_of(
        &self,
        scope: &OfficerScope,
        column: SplitColumn,
    ) -> Result<BTreeSet<Officer>, StoreError> {
        let found =
            sqlx::query("select value, email from officers where scope = $1 and scope_id = $2 and column_name = $3")
                .bind(scope.word())
                .bind(scope.id())
                .bind(column.word())
                .fetch_all(&self.reads)
                .await;
        let officers = found.and_then(|found| found.iter().map(officer).collect());
        officers.map_err(self.failed(DOING))
    }

    /// The addresses of officers who want no more mails of a subscription.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unsubscribed_officers(&self, id: SubscriptionId) -> Result<BTreeSet<String>, StoreError> {
        let found = sqlx::query("select email from unsubscribed where subscription_id = $1")
            .bind(id.to_string())
            .fetch_all(&self.reads)
            .await;
        let addresses = found.and_then(|found| found.iter().map(|row| row.try_get("email")).collect());
        addresses.map_err(self.failed(DOING))
    }

    /// Notes that a mail is about to have a token, by whose hash the token is known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_unsubscribe_token(
        &self,
        token_hash: &str,
        of: &Unsubscribed,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let noted = sqlx::query(
            "insert into unsubscribe_tokens (token_hash, subscription_id, email, is_officer, made_at)
            values ($1, $2, $3, $4, $5)",
        )
        .bind(token_hash)
        .bind(of.subscription.to_string())
        .bind(&of.email)
        .bind(i64::from(of.is_officer))
        .bind(now.timestamp_millis())
        .execute(&self.writes)
        .await;
        noted.map(|_| ()).map_err(self.failed(UNSUBSCRIBING))
    }

    /// Whose mails the token of that hash ends; none where there is no such token.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unsubscribe_token(&self, token_hash: &str) -> Result<Option<Unsubscribed>, StoreError> {
        let found =
            sqlx::query("select subscription_id, email, is_officer from unsubscribe_tokens where token_hash = $1")
                .bind(token_hash)
                .fetch_optional(&self.reads)
                .await;
        let of = found.and_then(|row| row.as_ref().map(unsubscribed).transpose());
        of.map_err(self.failed(UNSUBSCRIBING))
    }

    /// Ends the mails of a recipient: an officer is left out from now on. A subscriber gets none themselves; where
    /// nobody else does either, the subscription ends. Idempotent.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn unsubscribe(&self, of: &Unsubscribed, now: DateTime<Utc>) -> Result<(), StoreError> {
        let done = self.try_unsubscribe(of, now).await;
        done.map_err(self.failed(UNSUBSCRIBING))
    }

    async fn try_unsubscribe(&self, of: &Unsubscribed, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let id = of.subscription.to_string();
        let mut transaction = self.begin().await?;
        if of.is_officer {
            sqlx::query(
                "insert into unsubscribed (subscription_id, email, at) values ($1, $2, $3)
                on conflict (subscription_id, email) do nothing",
            )
            .bind(&id)
            .bind(&of.email)
            .bind(now.timestamp_millis())
            .execute(&mut *transaction)
            .await?;
            return transaction.commit().await;
        }
        let row = sqlx::query("update subscriptions set to_self = 0 where id = $1 returning to_officers")
            .bind(&id)
            .fetch_optional(&mut *transaction)
            .await?;
        let officers: Option<String> = match row {
            Some(row) => row.try_get("to_officers")?,
            None => None,
        };
        if officers.is_none() {
            sqlx::query(END)
                .bind(&id)
                .bind(EndReason::Unsubscribed.word())
                .bind(now.timestamp_millis())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}

fn officer(row: &AnyRow) -> Result<Officer, sqlx::Error> {
    Ok(Officer {
        value: row.try_get("value")?,
        address: row.try_get("email")?,
    })
}

fn unsubscribed(row: &AnyRow) -> Result<Unsubscribed, sqlx::Error> {
    Ok(Unsubscribed {
        subscription: rows::parsed(row, "subscription_id")?,
        email: row.try_get("email")?,
        is_officer: is_set(row, "is_officer")?,
    })
}
