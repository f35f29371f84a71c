//! Plans the mails of a subscription that is due: its batches, by the newest data and the subscriber's rights in it;
//! the subscriber's own report; and for each officer the rows of their values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::contents::{content_of, places_of_values};
use super::scheduler::PlanError;
use super::{EndReason, Every, OfficerScope, Outcome, Scheduler, Subject, Subscription};
use crate::config::AddressSource;
use crate::delivery::access::BatchFacts;
use crate::delivery::mail::usable_address;
use crate::delivery::options::RequestOptions;
use crate::delivery::person::Person;
use crate::delivery::request::{Deliver, FurtherBatch, NewRequest};
use crate::delivery::source::Current;
use crate::delivery::store::{DoneSending, NewSending, SentContent};
use crate::ids::BatchId;
use crate::report::{MOST_BATCHES, MOST_VALUES, ReportFilter, SplitColumn};

/// The occurrence that a sending belongs to.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// Its name among the occurrences of the subscription.
    occurrence: String,
    /// The day, by the site's calendar.
    day: NaiveDate,
    /// From when on the report is promised.
    due: DateTime<Utc>,
    next_at: Option<DateTime<Utc>>,
    after_run: Option<DateTime<Utc>>,
    /// Whether no further one may come.
    is_last: bool,
}

/// One recipient with what they get.
struct Part<'a> {
    address: String,
    batches: Vec<&'a BatchFacts>,
    asked: RequestOptions,
    is_officer: bool,
}

impl Part<'_> {
    /// Whether it is the same report to the same address.
    fn is_as(&self, other: &Part<'_>) -> bool {
        self.address == other.address && self.asked == other.asked
    }
}

impl Scheduler {
    /// The plan of a subscription that is due.
    pub(super) async fn plan(
        &self,
        current: &Current,
        subscription: &Subscription,
        now: DateTime<Utc>,
    ) -> Result<DoneSending, PlanError> {
        let turn = self.turn(current, subscription, now);
        let mut done = DoneSending {
            occurrence: turn.occurrence.clone(),
            outcome: Outcome::NoRecipients,
            sendings: Vec::new(),
            contents: None,
            next_at: turn.next_at,
            after_run: turn.after_run,
            ends: turn.is_last.then_some(EndReason::LastDay),
        };
        if subscription.until.is_some_and(|until| turn.day > until) {
            return Ok(done);
        }
        if !self.can_mail {
            done.outcome = Outcome::NoMail;
            return Ok(done);
        }
        let person = self.rules.person_at(&subscription.person, subscription.roles_at, now);
        let batches = match batches_of(current, subscription, &person) {
            Ok(batches) => batches,
            Err(outcome) => {
                done.outcome = outcome;
                return Ok(done);
            }
        };
        let mut parts = self.recipients(current, subscription, &person, &batches).await?;
        if parts.is_empty() {
            return Ok(done);
        }
        // The subscriber comes first.
        let most = self.rules.config.officers_per_sending as usize + 1;
        if parts.len() > most {
            tracing::warn!(
                "subscription {} would go to {} recipients; the first {most} may get it (subscriptions.officers_per_sending)",
                subscription.id,
                parts.len()
            );
            parts.truncate(most);
        }
        let (parts, contents) = self.with_news(current, subscription, parts).await?;
        done.contents = contents;
        done.outcome = if parts.is_empty() {
            Outcome::Unchanged
        } else {
            Outcome::Sent
        };
        let deadline = deadline(turn.due, now, self.deadline);
        let sending = |part: Part<'_>| new_sending(subscription, &person, part, current, now, deadline);
        done.sendings = parts.into_iter().filter_map(sending).collect();
        Ok(done)
    }

    fn turn(&self, current: &Current, subscription: &Subscription, now: DateTime<Utc>) -> Turn {
        let (schedule, zone) = (&subscription.schedule, &self.rules.zone);
        let is_over = |day: NaiveDate| subscription.until.is_some_and(|until| day > until);
        if schedule.every == Every::Nightly {
            let timings = current.output().map(|output| output.manifest().timings.clone());
            let (run, due) = timings.map_or((now, now), |timings| (timings.started_at, timings.finished_at));
            let day = zone.day_of(now);
            return Turn {
                occurrence: format!("run {}", run.timestamp_millis()),
                day,
                due,
                next_at: None,
                after_run: Some(run),
                is_last: is_over(day),
            };
        }
        // Of several missed occurrences, only the last one is sent.
        let due = subscription.next_at.unwrap_or(now);
        let (day, due) = schedule
            .last_until(now, zone)
            .map_or((zone.day_of(due), due), |occurrence| (occurrence.day, occurrence.at));
        let next = schedule.next_after(now, zone);
        Turn {
            occurrence: day.to_string(),
            day,
            due,
            next_at: next.map(|next| next.at),
            after_run: None,
            is_last: next.is_none_or(|next| is_over(next.day)),
        }
    }

    /// The recipients and their reports, whether or not anything has changed.
    async fn recipients<'a>(
        &self,
        current: &Current,
        subscription: &Subscription,
        person: &Person,
        batches: &[&'a BatchFacts],
    ) -> Result<Vec<Part<'a>>, PlanError> {
        let mut parts = Vec::new();
        if subscription.to_self
            && let Some(address) = self.address_of(current, person).await?
        {
            parts.push(Part {
                address,
                batches: batches.to_vec(),
                asked: RequestOptions {
                    batches: match subscription.of {
                        Subject::Batch(_) => Vec::new(),
                        Subject::Course(_) => ids_of(batches),
                    },
                    course: subscription.of.course_id().map(str::to_owned),
                    ..subscription.asked.clone()
                },
                is_officer: false,
            });
        }
        if let Some(column) = subscription.to_officers {
            let filter = &subscription.asked.filter;
            let present = places_of_values(current, &ids_of(batches), filter, column).await?;
            let officers = self.officers(subscription, column, batches, &present).await?;
            for ((address, places), values) in officers {
                let own: Vec<&BatchFacts> = places.iter().filter_map(|&place| batches.get(place).copied()).collect();
                let values: Vec<String> = values.into_iter().collect();
                for values in values.chunks(MOST_VALUES) {
                    let Some(filter) = narrowed(filter, column, values) else {
                        continue;
                    };
                    let part = Part {
                        address: address.clone(),
                        asked: RequestOptions {
                            batches: if own.len() > 1 { ids_of(&own) } else { Vec::new() },
                            course: None,
                            files: subscription.asked.files,
                            split_by: None,
                            filter,
                        },
                        batches: own.clone(),
                        is_officer: true,
                    };
                    // A subscriber who is an officer too may get the same themselves.
                    let is_own = parts.first().is_some_and(|own: &Part<'_>| part.is_as(own));
                    if !is_own {
                        parts.push(part);
                    }
                }
            }
        }
        Ok(parts)
    }

    /// The values of each officer, by their address and the places of batches that they may have and that have such rows.
    async fn officers(
        &self,
        subscription: &Subscription,
        column: SplitColumn,
        batches: &[&BatchFacts],
        present: &BTreeMap<String, BTreeSet<usize>>,
    ) -> Result<BTreeMap<(String, Vec<usize>), BTreeSet<String>>, PlanError> {
        let mut scopes: BTreeMap<OfficerScope, BTreeSet<usize>> = BTreeMap::new();
        for (place, batch) in batches.iter().enumerate() {
            let course = batch.course_id.clone().map(OfficerScope::Course);
            let tenant = batch.tenant_id.clone().map(OfficerScope::Tenant);
            let own = Some(OfficerScope::Batch(batch.batch_id.clone()));
            for scope in [own, course, tenant].into_iter().flatten() {
                scopes.entry(scope).or_default().insert(place);
            }
        }
        let unsubscribed = self.store.unsubscribed_officers(subscription.id).await?;
        let mut places: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
        for (scope, of) in &scopes {
            for officer in self.store.officers_of(scope, column).await? {
                let Some(present) = present.get(&officer.value) else {
                    continue;
                };
                if unsubscribed.contains(&officer.address) || !self.rules.is_allowed(&officer.address) {
                    continue;
                }
                let both = of.intersection(present).copied();
                let known = places.entry((officer.address, officer.value)).or_default();
                known.extend(both);
            }
        }
        let mut officers: BTreeMap<(String, Vec<usize>), BTreeSet<String>> = BTreeMap::new();
        for ((address, value), places) in places {
            if !places.is_empty() {
                let key = (address, places.into_iter().collect());
                officers.entry(key).or_default().insert(value);
            }
        }
        Ok(officers)
    }

    /// The parts that are sent, and what every recipient has then, where that is compared.
    async fn with_news<'a>(
        &self,
        current: &Current,
        subscription: &Subscription,
        parts: Vec<Part<'a>>,
    ) -> Result<(Vec<Part<'a>>, Option<Vec<SentContent>>), PlanError> {
        if !subscription.only_if_changed {
            return Ok((parts, None));
        }
        let before = self.store.sent_contents(subscription.id).await?;
        let (mut news, mut contents) = (Vec::new(), Vec::new());
        for part in parts {
            let content = content_of(current, &ids_of(&part.batches), &part.asked.filter).await?;
            let content = SentContent {
                email: part.address.clone(),
                what: part.asked.digest(),
                digest: content,
            };
            if !before.contains(&content) {
                news.push(part);
            }
            // The same report to the same address is one, and its content is kept once.
            if !contents.contains(&content) {
                contents.push(content);
            }
        }
        Ok((news, Some(contents)))
    }

    async fn address_of(&self, current: &Current, person: &Person) -> Result<Option<String>, PlanError> {
        let address = match self.address_source {
            AddressSource::Claim => person.email.clone(),
            AddressSource::Users => current.address_of(&person.user_id).await?,
        };
        Ok(address.as_deref().and_then(usable_address))
    }
}

/// The batches that the subscriber may have now, or why there are none.
fn batches_of<'a>(
    current: &'a Current,
    subscription: &Subscription,
    person: &Person,
) -> Result<Vec<&'a BatchFacts>, Outcome> {
    match &subscription.of {
        Subject::Batch(id) => match current.directory.get(id) {
            None => Err(Outcome::UnknownBatch),
            Some(batch) if batch.is_open_to(person) => Ok(vec![batch]),
            Some(_) => Err(Outcome::NotAllowed),
        },
        Subject::Course(id) => {
            let open = current.directory.open_to(person).into_iter();
            let mut batches: Vec<_> = open.filter(|batch| batch.course_id.as_ref() == Some(id)).collect();
            if batches.len() > MOST_BATCHES {
                tracing::warn!(
                    "subscription {} is of {} batches; the first {MOST_BATCHES} are sent",
                    subscription.id,
                    batches.len()
                );
                batches.truncate(MOST_BATCHES);
            }
            if batches.is_empty() {
                return Err(Outcome::UnknownBatch);
            }
            Ok(batches)
        }
    }
}

/// The filter with these values of a column alone; none where it allows none of them.
fn narrowed(filter: &ReportFilter, column: SplitColumn, values: &[String]) -> Option<ReportFilter> {
    let mut filter = filter.clone();
    let allowed = match column {
        SplitColumn::Block => &mut filter.block,
        SplitColumn::District => &mut filter.district,
        SplitColumn::School => &mut filter.school,
        SplitColumn::Organisation => &mut filter.organisation,
    };
    let both: BTreeSet<String> = values
        .iter()
        .filter(|value| allowed.is_empty() || allowed.contains(*value))
        .cloned()
        .collect();
    // An empty list would mean no condition.
    if both.is_empty() {
        return None;
    }
    *allowed = both;
    Some(filter)
}

/// The request for a part; none where it has no batch.
fn new_sending(
    subscription: &Subscription,
    person: &Person,
    part: Part<'_>,
    current: &Current,
    now: DateTime<Utc>,
    deadline: DateTime<Utc>,
) -> Option<NewSending> {
    let (first, others) = part.batches.split_first()?;
    let further = others.iter().map(|batch| FurtherBatch {
        batch_id: batch.batch_id.clone(),
        course_id: batch.course_id.clone(),
        tenant_id: batch.tenant_id.clone(),
    });
    Some(NewSending {
        is_officer: part.is_officer,
        request: NewRequest {
            person: Person {
                email: Some(part.address),
                ..person.clone()
            },
            batch_id: first.batch_id.clone(),
            course_id: first.course_id.clone(),
            tenant_id: first.tenant_id.clone(),
            format: subscription.format,
            deliver: Deliver::Email,
            further: further.collect(),
            asked: part.asked,
            idempotency_key: None,
            requested_at: now,
            deadline,
            snapshot_date: current.directory.date(),
        },
    })
}

/// The deadline of a report that was due at `due` and is requested now: the promised time after `due`, where at least
/// half of it is left; otherwise the promised time from now.
fn deadline(due: DateTime<Utc>, now: DateTime<Utc>, promised: Duration) -> DateTime<Utc> {
    let promised = TimeDelta::from_std(promised).unwrap_or(TimeDelta::MAX);
    let from = |start: DateTime<Utc>| start.checked_add_signed(promised).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let usual = from(due);
    if usual - now >= promised / 2 { usual } else { from(now) }
}

fn ids_of(batches: &[&BatchFacts]) -> Vec<BatchId> {
    batches.iter().map(|batch| batch.batch_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_officer_s_values_only_ever_narrow_a_filter() {
        let values = |values: &[&str]| -> Vec<String> { values.iter().map(|&value| value.to_owned()).collect() };
        let open = ReportFilter {
            completed: Some(true),
            ..ReportFilter::default()
        };
        let own = narrowed(&open, SplitColumn::Block, &values(&["B1"])).expect("a filter");
        assert_eq!(own.block, BTreeSet::from(["B1".to_owned()]));
        assert_eq!(own.completed, Some(true));
        let both = narrowed(&own, SplitColumn::Block, &values(&["B1", "B2"])).expect("a filter");
        assert_eq!(both, own);
        assert_eq!(narrowed(&own, SplitColumn::Block, &values(&["B2"])), None);
        assert_eq!(narrowed(&open, SplitColumn::Block, &[]), None);
        let school = narrowed(&own, SplitColumn::School, &values(&["S1"])).expect("a filter");
        assert_eq!((school.block.len(), school.school.len()), (1, 1));
    }

    #[test]
    fn the_deadline_counts_from_the_due_time_unless_that_is_long_ago() {
        let due: DateTime<Utc> = "2026-11-23T01:30:00Z".parse().expect("a time");
        let promised = Duration::from_secs(30 * 60);
        let minutes = |minutes| due + TimeDelta::minutes(minutes);
        for (now, expected) in [(0, 30), (1, 30), (15, 30), (16, 46), (600, 630)] {
            assert_eq!(deadline(due, minutes(now), promised), minutes(expected), "{now}");
        }
    }
}
