//! Subscriptions: making, showing and changing them, and turning what is due into requests.
//!
//! What is due is claimed by a lease, so that one of several processes plans its mails. The requests that result from
//! it and the subscription's next time are stored in one transaction, which counts only while the claim holds and the
//! subscription is active: an occurrence becomes requests once, and is never lost.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use uuid::Uuid;

use super::super::format::delivered_of;
use super::super::request::{NewRequest, RequestId};
use super::super::subscriptions::{
    EndReason, Every, Outcome, Schedule, Subject, Subscription, SubscriptionId, SubscriptionState, TimeOfDay, Weekday,
};
use super::accept::{first_state, insert_request};
use super::{Backend, Store, StoreError, rows};
use crate::delivery::person::Person;
use crate::ids::UserId;
use crate::language::Language;
use crate::report::SplitColumn;

const DOING: &str = "looking after subscriptions";
/// How long a claim of what is due holds. It is not renewed: working it out takes less.
pub const SENDING_LEASE: TimeDelta = TimeDelta::minutes(5);
/// How long the link in a mail that ends the subscription works.
const TOKENS_KEPT: TimeDelta = TimeDelta::days(400);
/// Greater than every id.
const AFTER_ALL: &str = "g";

/// The columns that `subscription` reads.
macro_rules! columns {
    () => {
        "id, user_id, email, roles, language, roles_at, batch_id, course_id, format, asked, every, weekday, minute, \
         only_if_changed, to_self, to_officers, until_day, state, end_reason, created_at, ended_at, next_at, after_run, \
         last_at, last_outcome"
    };
}

/// `claim_subscription` on one database; the others differ in how they pass over a row that somebody else is claiming.
macro_rules! claim {
    ($locking:literal) => {
        concat!(
            "update subscriptions set lease_token = $1, lease_until = $2
            where id = (
                select id from subscriptions
                where state = 'active' and (lease_until is null or lease_until <= $3) and (next_at <= $3 or after_run < $4)
                order by coalesce(next_at, after_run), id limit 1 ",
            $locking,
            ") returning ",
            columns!()
        )
    };
}

/// The outcome of subscribing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Subscribed {
    /// It is stored.
    Done,
    /// The person has as many as they may have.
    TooMany,
}

/// The outcome of pausing, resuming or ending a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// The subscription has the wanted state, now or before.
    Done,
    /// The person has no subscription of this id.
    NoSuchSubscription,
    /// It has ended, and does not begin again.
    Ended,
}

/// A subscription that is due, claimed by this process.
#[derive(Debug)]
pub struct DueSubscription {
    /// The subscription, as it stands.
    pub subscription: Subscription,
    token: Uuid,
}

/// A request that a subscription makes.
#[derive(Debug, Clone)]
pub struct NewSending {
    /// The request, to be accepted like a person's.
    pub request: NewRequest,
    /// Whether it goes to an officer, and not to who subscribed.
    pub is_officer: bool,
}

/// The content that a recipient gets, as a digest of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentContent {
    /// The recipient's address.
    pub email: String,
    /// Identifies the content's options.
    pub what: String,
    /// The digest of the rows, in hexadecimal.
    pub digest: String,
}

/// The result of an occurrence of a subscription.
#[derive(Debug, Clone)]
pub struct DoneSending {
    /// Identifies the occurrence within the subscription: its day or its nightly run.
    pub occurrence: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The requests that it makes.
    pub sendings: Vec<NewSending>,
    /// What every recipient has now; none where it is not compared.
    pub contents: Option<Vec<SentContent>>,
    /// When the subscription is due again; none after nightly runs.
    pub next_at: Option<DateTime<Utc>>,
    /// After nightly runs: the start of the run that it answers.
    pub after_run: Option<DateTime<Utc>>,
    /// Set where this was the last occurrence.
    pub ends: Option<EndReason>,
}

/// The subscription of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendingOf {
    /// The subscription that made the request.
    pub subscription: SubscriptionId,
    /// The recipient's address.
    pub email: String,
    /// Whether the recipient is an officer, and not the subscriber.
    pub is_officer: bool,
    /// Whether its recipient still wants it.
    pub is_wanted: bool,
}

impl Store {
    /// Stores a new subscription, unless its person has `most` already that have not ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn subscribe(&self, new: &Subscription, most: u32) -> Result<Subscribed, StoreError> {
        self.try_subscribe(new, most).await.map_err(self.failed(DOING))
    }

    async fn try_subscribe(&self, new: &Subscription, most: u32) -> Result<Subscribed, sqlx::Error> {
        let mut transaction = self.begin_alone().await?;
        let row = sqlx::query("select count(*) as own from subscriptions where user_id = $1 and state <> 'ended'")
            .bind(new.person.user_id.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        if rows::count(&row, "own")? >= u64::from(most) {
            return Ok(Subscribed::TooMany);
        }
        sqlx::query(
            "insert into subscriptions (id, user_id, email, roles, roles_at, batch_id, course_id, format, asked, every,
                weekday, minute, only_if_changed, to_self, to_officers, until_day, state, created_at, next_at, after_run,
                language)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        )
        .bind(new.id.to_string())
        .bind(new.person.user_id.as_str())
        .bind(new.person.email.as_deref())
        .bind(rows::roles_text(&new.person.roles)?)
        .bind(new.roles_at.timestamp_millis())
        .bind(new.of.batch_id())
        .bind(new.of.course_id())
        .bind(new.format.word())
        .bind(new.asked.text())
        .bind(new.schedule.every.word())
        .bind(new.schedule.weekday.map(Weekday::word))
        .bind(i64::from(new.schedule.at.minute()))
        .bind(i64::from(new.only_if_changed))
        .bind(i64::from(new.to_self))
        .bind(new.to_officers.map(SplitColumn::word))
        .bind(new.until.map(|day| day.to_string()))
        .bind(new.state.word())
        .bind(new.created_at.timestamp_millis())
        .bind(milliseconds(new.next_at))
        .bind(milliseconds(new.after_run))
        .bind(new.person.language.map(Language::code))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Subscribed::Done)
    }

    /// The subscription of that id.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let found = sqlx::query(concat!("select ", columns!(), " from subscriptions where id = $1"))
            .bind(id.to_string())
            .fetch_optional(&self.reads)
            .await;
        let found = found.and_then(|row| row.as_ref().map(subscription).transpose());
        found.map_err(self.failed(DOING))
    }

    /// The subscriptions of a person, newest first, those that ended as well.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn subscriptions_of(
        &self,
        user: &UserId,
        before: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let found = sqlx::query(concat!(
            "select ",
            columns!(),
            " from subscriptions where user_id = $1 and id < $2 order by id desc limit $3"
        ))
        .bind(user.as_str())
        .bind(end_of(before))
        .bind(i64::from(limit))
        .fetch_all(&self.reads)
        .await;
        let found = found.and_then(|found| found.iter().map(subscription).collect());
        found.map_err(self.failed(DOING))
    }

    /// Every subscription, or those of one state, newest first, for operators.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn subscriptions(
        &self,
        state: Option<SubscriptionState>,
        before: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<Subscription>, StoreError> {
        let found = sqlx::query(concat!(
            "select ",
            columns!(),
            " from subscriptions where id < $1 and ($2 = '' or state = $2) order by id desc limit $3"
        ))
        .bind(end_of(before))
        .bind(state.map_or("", SubscriptionState::word))
        .bind(i64::from(limit))
        .fetch_all(&self.reads)
        .await;
        let found = found.and_then(|found| found.iter().map(subscription).collect());
        found.map_err(self.failed(DOING))
    }

    /// Notes what a person's login says now of their roles, address and language, in all their subscriptions.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_login_of_subscriber(&self, person: &Person, now: DateTime<Utc>) -> Result<(), StoreError> {
        let roles = rows::roles_text(&person.roles).map_err(self.failed(DOING))?;
        let noted = sqlx::query(
            "update subscriptions set roles = $2, roles_at = $3, email = coalesce($4, email), language = coalesce($5, language)
            where user_id = $1 and state <> 'ended'",
        )
        .bind(person.user_id.as_str())
        .bind(roles)
        .bind(now.timestamp_millis())
        .bind(person.email.as_deref())
        .bind(person.language.map(Language::code))
        .execute(&self.writes)
        .await;
        noted.map(|_| ()).map_err(self.failed(DOING))
    }

    /// Pauses a subscription: nothing is due until it is resumed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn pause_subscription(&self, id: SubscriptionId) -> Result<Changed, StoreError> {
        let paused = sqlx::query(
            "update subscriptions set state = 'paused', next_at = null, lease_token = null, lease_until = null
            where id = $1 and state <> 'ended'",
        )
        .bind(id.to_string())
        .execute(&self.writes)
        .await;
        let paused = paused.map_err(self.failed(DOING))?.rows_affected();
        self.changed(id, paused).await
    }

    /// Resumes a subscription that is paused, with its next time; one that is active stays as it is. What fell into the
    /// pause is not made up.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn resume_subscription(
        &self,
        id: SubscriptionId,
        next_at: Option<DateTime<Utc>>,
        after_run: Option<DateTime<Utc>>,
    ) -> Result<Changed, StoreError> {
        let resumed = sqlx::query(
            "update subscriptions set
                next_at = case when state = 'active' then next_at else $2 end,
                after_run = case when state = 'active' then after_run else $3 end,
                state = 'active'
            where id = $1 and state <> 'ended'",
        )
        .bind(id.to_string())
        .bind(milliseconds(next_at))
        .bind(milliseconds(after_run))
        .execute(&self.writes)
        .await;
        let resumed = resumed.map_err(self.failed(DOING))?.rows_affected();
        self.changed(id, resumed).await
    }

    /// Ends a subscription for good, so that its mails that wait are not sent. One that has ended stays as it is, but for
    /// one whose last day is over: the mails of that day are wanted until somebody ends them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn end_subscription(
        &self,
        id: SubscriptionId,
        reason: EndReason,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError> {
        let ended = sqlx::query(END)
            .bind(id.to_string())
            .bind(reason.word())
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await;
        let ended = ended.map_err(self.failed(DOING))?.rows_affected();
        match self.changed(id, ended).await? {
            Changed::Ended => Ok(Changed::Done),
            changed => Ok(changed),
        }
    }

    async fn changed(&self, id: SubscriptionId, rows: u64) -> Result<Changed, StoreError> {
        if rows > 0 {
            return Ok(Changed::Done);
        }
        Ok(match self.subscription(id).await? {
            Some(_) => Changed::Ended,
            None => Changed::NoSuchSubscription,
        })
    }

    /// Claims the subscription that is due longest: whose time has come, or that answers a nightly run later than the last
    /// one that it answered. The claim holds for [`SENDING_LEASE`].
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn claim_subscription(
        &self,
        now: DateTime<Utc>,
        run: Option<DateTime<Utc>>,
    ) -> Result<Option<DueSubscription>, StoreError> {
        let token = Uuid::new_v4();
        let claimed = self.try_claim_subscription(token, now, run).await;
        let claimed = claimed.map_err(self.failed(DOING))?;
        Ok(claimed.map(|subscription| DueSubscription { subscription, token }))
    }

    async fn try_claim_subscription(
        &self,
        token: Uuid,
        now: DateTime<Utc>,
        run: Option<DateTime<Utc>>,
    ) -> Result<Option<Subscription>, sqlx::Error> {
        let statement = match self.backend {
            Backend::Sqlite => claim!(""),
            Backend::Postgres => claim!("for update skip locked"),
        };
        let mut transaction = self.begin().await?;
        let found = sqlx::query(statement)
            .bind(token.to_string())
            .bind((now + SENDING_LEASE).timestamp_millis())
            .bind(now.timestamp_millis())
            // Before every run that was answered, where there is none.
            .bind(run.map_or(i64::MIN, |run| run.timestamp_millis()))
            .fetch_optional(&mut *transaction)
            .await?;
        // Decoded before it is claimed, so that a damaged row is not claimed.
        let claimed = found.as_ref().map(subscription).transpose()?;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Gives back what was claimed; it is due again at `until`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn put_off_subscription(&self, due: &DueSubscription, until: DateTime<Utc>) -> Result<(), StoreError> {
        let put_off = sqlx::query("update subscriptions set lease_until = $3 where id = $1 and lease_token = $2")
            .bind(due.subscription.id.to_string())
            .bind(due.token.to_string())
            .bind(until.timestamp_millis())
            .execute(&self.writes)
            .await;
        put_off.map(|_| ()).map_err(self.failed(DOING))
    }

    /// Stores the requests of something that was due, and when the subscription is due next, together; returns how many
    /// requests there are. None, and nothing is stored, where the claim is lost or the subscription is active no more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finish_sending(
        &self,
        due: &DueSubscription,
        done: &DoneSending,
        now: DateTime<Utc>,
    ) -> Result<Option<usize>, StoreError> {
        let finished = self.try_finish_sending(due, done, now).await;
        finished.map_err(self.failed("making the requests of a subscription"))
    }

    async fn try_finish_sending(
        &self,
        due: &DueSubscription,
        done: &DoneSending,
        now: DateTime<Utc>,
    ) -> Result<Option<usize>, sqlx::Error> {
        let id = due.subscription.id.to_string();
        let mut transaction = self.begin().await?;
        let stored = sqlx::query(
            "update subscriptions set next_at = $3, after_run = $4, last_at = $5, last_outcome = $6, lease_token = null,
                lease_until = null
            where id = $1 and lease_token = $2 and state = 'active'",
        )
        .bind(&id)
        .bind(due.token.to_string())
        .bind(milliseconds(done.next_at))
        .bind(milliseconds(done.after_run))
        .bind(now.timestamp_millis())
        .bind(done.outcome.word())
        .execute(&mut *transaction)
        .await?;
        if stored.rows_affected() == 0 {
            return Ok(None);
        }
        for sending in &done.sendings {
            insert_sending(&mut transaction, &id, &done.occurrence, sending).await?;
        }
        if let Some(contents) = &done.contents {
            replace_contents(&mut transaction, &id, contents).await?;
        }
        if let Some(reason) = done.ends {
            sqlx::query(END)
                .bind(&id)
                .bind(reason.word())
                .bind(now.timestamp_millis())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Some(done.sendings.len()))
    }

    /// What the recipients of a subscription were sent last.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sent_contents(&self, id: SubscriptionId) -> Result<Vec<SentContent>, StoreError> {
        let found = sqlx::query("select email, what, digest from sent_contents where subscription_id = $1")
            .bind(id.to_string())
            .fetch_all(&self.reads)
            .await;
        let contents = found.and_then(|found| {
            let read = |row: &AnyRow| -> Result<SentContent, sqlx::Error> {
                Ok(SentContent {
                    email: row.try_get("email")?,
                    what: row.try_get("what")?,
                    digest: row.try_get("digest")?,
                })
            };
            found.iter().map(read).collect()
        });
        contents.map_err(self.failed(DOING))
    }

    /// Forgets what the recipient of a request has, since they did not get it: the next time it is sent, changed or not.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_sent_content(&self, request: RequestId) -> Result<(), StoreError> {
        let forgotten = sqlx::query(
            "delete from sent_contents
            where exists (
                select 1 from sendings
                where sendings.request_id = $1 and sendings.subscription_id = sent_contents.subscription_id
                    and sendings.email = sent_contents.email and sendings.what = sent_contents.what
            )",
        )
        .bind(request.to_string())
        .execute(&self.writes)
        .await;
        forgotten.map(|_| ()).map_err(self.failed(DOING))
    }

    /// The subscription that made a request; none of a click.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn sending_of(&self, request: RequestId) -> Result<Option<SendingOf>, StoreError> {
        let found = sqlx::query(
            "select sendings.subscription_id, sendings.email, sendings.is_officer,
                cast(
                    case when subscriptions.state = 'ended' and subscriptions.end_reason <> 'last_day' then 0
                        when sendings.is_officer = 0 and subscriptions.to_self = 0 then 0
                        when sendings.is_officer = 1 and unsubscribed.email is not null then 0
                        else 1 end
                    as bigint
                ) as is_wanted
            from sendings
            join subscriptions on subscriptions.id = sendings.subscription_id
            left join unsubscribed on unsubscribed.subscription_id = sendings.subscription_id
                and unsubscribed.email = sendings.email
            where sendings.request_id = $1",
        )
        .bind(request.to_string())
        .fetch_optional(&self.reads)
        .await;
        let sending = found.and_then(|row| {
            let read = |row: &AnyRow| -> Result<SendingOf, sqlx::Error> {
                Ok(SendingOf {
                    subscription: rows::parsed(row, "subscription_id")?,
                    email: row.try_get("email")?,
                    is_officer: is_set(row, "is_officer")?,
                    is_wanted: is_set(row, "is_wanted")?,
                })
            };
            row.as_ref().map(read).transpose()
        });
        sending.map_err(self.failed(DOING))
    }

    /// The requests of a person, of those with these ids, that their subscriptions made for officers.
    ///
    /// # Errors
    /// The database does not answer, or holds what it should not.
    pub async fn requests_for_officers(
        &self,
        user: &UserId,
        ids: RangeInclusive<RequestId>,
    ) -> Result<BTreeSet<RequestId>, StoreError> {
        let found = sqlx::query(
            "select sendings.request_id
            from sendings
            join requests on requests.id = sendings.request_id
            where sendings.is_officer = 1 and requests.user_id = $1 and requests.id >= $2 and requests.id <= $3",
        )
        .bind(user.as_str())
        .bind(ids.start().to_string())
        .bind(ids.end().to_string())
        .fetch_all(&self.reads)
        .await;
        let found = found.and_then(|rows| rows.iter().map(|row| rows::parsed(row, "request_id")).collect());
        found.map_err(self.failed(DOING))
    }

    /// Removes subscriptions that ended before `before` and whose requests are gone, and tokens of mails that are very old;
    /// returns how many subscriptions.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_old_subscriptions(&self, before: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        sqlx::query("delete from unsubscribe_tokens where made_at < $1")
            .bind((now - TOKENS_KEPT).timestamp_millis())
            .execute(&self.writes)
            .await
            .map_err(self.failed(DOING))?;
        let removed = sqlx::query(
            "delete from subscriptions where ended_at < $1
                and not exists (select 1 from sendings where sendings.subscription_id = subscriptions.id)",
        )
        .bind(before.timestamp_millis())
        .execute(&self.writes)
        .await;
        Ok(removed.map_err(self.failed(DOING))?.rows_affected())
    }
}

/// Ends the subscription ($1) for a reason ($2) at a moment ($3), if it has not ended, or only by its last day: then the
/// reason becomes that of who ends it, so that mails that still wait are not sent.
pub(super) const END: &str = "update subscriptions set state = 'ended', end_reason = $2, ended_at = $3, next_at = null,
        lease_token = null, lease_until = null
    where id = $1 and (state <> 'ended' or (end_reason = 'last_day' and $2 <> 'last_day'))";

async fn insert_sending(
    transaction: &mut Transaction<'static, Any>,
    subscription: &str,
    occurrence: &str,
    sending: &NewSending,
) -> Result<(), sqlx::Error> {
    let request = first_state(&sending.request);
    let what = request.asked.digest();
    // Not one with a click on the same report, which goes to somebody else or counts as a download.
    insert_request(transaction, &request, &format!("{what}@{}", request.id), true).await?;
    sqlx::query(
        "insert into sendings (request_id, subscription_id, occurrence, email, what, is_officer)
        values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(request.id.to_string())
    .bind(subscription)
    .bind(occurrence)
    .bind(request.person.email.as_deref().unwrap_or_default())
    .bind(what)
    .bind(i64::from(sending.is_officer))
    .execute(&mut **transaction)
    .await?;
    for batch in &sending.request.further {
        sqlx::query("insert into sending_batches (request_id, batch_id, course_id, tenant_id) values ($1, $2, $3, $4)")
            .bind(request.id.to_string())
            .bind(batch.batch_id.as_str())
            .bind(batch.course_id.as_deref())
            .bind(batch.tenant_id.as_ref().map(|tenant| tenant.as_str()))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn replace_contents(
    transaction: &mut Transaction<'static, Any>,
    subscription: &str,
    contents: &[SentContent],
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from sent_contents where subscription_id = $1")
        .bind(subscription)
        .execute(&mut **transaction)
        .await?;
    for content in contents {
        sqlx::query("insert into sent_contents (subscription_id, email, what, digest) values ($1, $2, $3, $4)")
            .bind(subscription)
            .bind(&content.email)
            .bind(&content.what)
            .bind(&content.digest)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// The subscription of a row.
fn subscription(row: &AnyRow) -> Result<Subscription, sqlx::Error> {
    let batch: Option<String> = row.try_get("batch_id")?;
    let of = match batch {
        Some(_) => Subject::Batch(rows::parsed(row, "batch_id")?),
        None => Subject::Course(row.try_get("course_id")?),
    };
    let minute = rows::small_count(row, "minute")?;
    let at = u16::try_from(minute).ok().and_then(TimeOfDay::of_minute);
    Ok(Subscription {
        id: rows::parsed(row, "id")?,
        person: rows::person(row)?,
        roles_at: rows::time(row, "roles_at")?,
        of,
        format: rows::word(row, "format", delivered_of)?,
        asked: rows::asked(row)?,
        schedule: Schedule {
            every: rows::word(row, "every", Every::from_word)?,
            weekday: optional_word(row, "weekday", Weekday::from_word)?,
            at: at.ok_or_else(|| rows::unknown_word("minute", minute.to_string()))?,
        },
        only_if_changed: is_set(row, "only_if_changed")?,
        to_self: is_set(row, "to_self")?,
        to_officers: optional_word(row, "to_officers", split_column)?,
        until: optional_day(row)?,
        state: rows::word(row, "state", SubscriptionState::from_word)?,
        end_reason: optional_word(row, "end_reason", EndReason::from_word)?,
        created_at: rows::time(row, "created_at")?,
        ended_at: rows::optional_time(row, "ended_at")?,
        next_at: rows::optional_time(row, "next_at")?,
        after_run: rows::optional_time(row, "after_run")?,
        last_at: rows::optional_time(row, "last_at")?,
        last_outcome: optional_word(row, "last_outcome", Outcome::from_word)?,
    })
}

/// The column of a word.
fn split_column(word: &str) -> Option<SplitColumn> {
    SplitColumn::ALL.into_iter().find(|column| column.word() == word)
}

fn optional_word<T>(
    row: &AnyRow,
    column: &'static str,
    known: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, sqlx::Error> {
    let stored: Option<String> = row.try_get(column)?;
    stored.map(|_| rows::word(row, column, known)).transpose()
}

fn optional_day(row: &AnyRow) -> Result<Option<NaiveDate>, sqlx::Error> {
    let stored: Option<String> = row.try_get("until_day")?;
    stored.map(|_| rows::parsed(row, "until_day")).transpose()
}

pub(super) fn is_set(row: &AnyRow, column: &'static str) -> Result<bool, sqlx::Error> {
    Ok(rows::count(row, column)? == 1)
}

fn milliseconds(moment: Option<DateTime<Utc>>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_millis())
}

fn end_of(before: Option<SubscriptionId>) -> String {
    before.map_or(AFTER_ALL.to_owned(), |before| before.to_string())
}
