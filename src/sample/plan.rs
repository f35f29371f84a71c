//! The checked options of a sample, with the values derived from them: its days, the users of each day, its tenants.
//!
//! A snapshot is taken at the end of its day in India (18:30 UTC), so none of its rows is later than its date.

use chrono::{Days, NaiveDate, NaiveDateTime};

use super::draws::{Draws, Stream};
use super::names::STATES;
use super::{SampleError, SampleOptions};

pub(super) const HOUR: i64 = 3_600_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// The checked options and the values derived from them.
pub(super) struct Plan {
    pub seed: u64,
    /// Users of the last day.
    pub users: usize,
    /// Users of the first day; the others join later.
    pub first_users: usize,
    newcomers_a_day: usize,
    pub enrolments: usize,
    pub batches: usize,
    pub dates: Vec<NaiveDate>,
    pub tenants: Tenants,
}

impl Plan {
    pub fn new(options: &SampleOptions) -> Result<Plan, SampleError> {
        check("users", options.users, 1, u32::MAX as usize)?;
        check("batches", options.batches, 1, 10_000_000)?;
        check("enrolments", options.enrolments, 0, u32::MAX as usize)?;
        check("days", options.days, 1, 1000)?;
        let newcomers_a_day = newcomers_a_day(options.users, options.days);
        Ok(Plan {
            seed: options.seed,
            users: options.users,
            first_users: options.users - newcomers_a_day * (options.days - 1),
            newcomers_a_day,
            enrolments: options.enrolments,
            batches: options.batches,
            dates: dates(options)?,
            tenants: Tenants::draw(options),
        })
    }

    pub fn last_date(&self) -> NaiveDate {
        self.dates[self.last_day()]
    }

    /// The index of the last day in `dates`.
    pub fn last_day(&self) -> usize {
        self.dates.len() - 1
    }

    /// The moment the snapshot of this day is taken, in milliseconds.
    pub fn day_end(&self, day: usize) -> i64 {
        end_of(self.dates[day])
    }

    pub fn last_end(&self) -> i64 {
        self.day_end(self.last_day())
    }

    /// How many users the snapshot of this day has: always the first ones.
    pub fn users_on(&self, day: usize) -> usize {
        self.first_users + self.newcomers_a_day * day
    }

    /// The index of the day on which a user joined, for users who were not there on the first one.
    pub fn joined_on(&self, user: usize) -> Option<usize> {
        let newcomer = user.checked_sub(self.first_users)?;
        Some(1 + newcomer / self.newcomers_a_day.max(1))
    }
}

/// The end of a date in India, in milliseconds.
pub(super) fn end_of(date: NaiveDate) -> i64 {
    let midnight = NaiveDateTime::from(date).and_utc().timestamp_millis();
    midnight + 18 * HOUR + HOUR / 2
}

fn check(what: &str, value: usize, least: usize, most: usize) -> Result<(), SampleError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(SampleError::Options(format!(
        "cannot make {value} {what}; ask for {least} to {most}"
    )))
}

fn dates(options: &SampleOptions) -> Result<Vec<NaiveDate>, SampleError> {
    let before = |days: usize| options.last_date.checked_sub_days(Days::new(days as u64));
    let dates: Option<Vec<NaiveDate>> = (0..options.days).rev().map(before).collect();
    dates.ok_or_else(|| {
        SampleError::Options(format!(
            "cannot count {} days back from {}; ask for a later last date",
            options.days, options.last_date
        ))
    })
}

/// About 0.2 % of the users join each day, and at least one where the set is not tiny.
fn newcomers_a_day(users: usize, days: usize) -> usize {
    let later_days = (days - 1).max(1);
    (users / 500).max(1).min(users / 5 / later_days)
}

/// The id of a tenant: twenty digits, as the platform numbers its tenants.
fn tenant_id(tenant: usize, draws: &mut Draws) -> String {
    const STEP: usize = 100_000_000_000_000;
    let made = 2_200_000_000_000_000 + STEP * tenant + draws.below(STEP);
    format!("0126{made:016}")
}

/// The tenants, one a state, and who belongs to which.
///
/// Users belong to tenants in a repeating pattern of slots, larger tenants with more of them. So the
/// users of a tenant can be counted and numbered without a list of them.
pub(super) struct Tenants {
    ids: Vec<String>,
    slots: Vec<usize>,
}

impl Tenants {
    fn draw(options: &SampleOptions) -> Tenants {
        let mut draws = Draws::new(options.seed, Stream::Tenants, 0);
        let count = (options.batches / 3).clamp(1, STATES.len());
        let ids = (0..count).map(|tenant| tenant_id(tenant, &mut draws)).collect();
        let mut slots: Vec<usize> = (0..count).collect();
        slots.extend((0..3 * count).map(|_| draws.skewed(count)));
        draws.shuffle(&mut slots);
        Tenants { ids, slots }
    }

    pub fn count(&self) -> usize {
        self.ids.len()
    }

    pub fn id(&self, tenant: usize) -> &str {
        &self.ids[tenant]
    }

    pub fn of_user(&self, user: usize) -> usize {
        self.slots[user % self.slots.len()]
    }

    /// The users of a tenant.
    pub fn home(&self, tenant: usize) -> Members {
        self.members(|owner| owner == tenant)
    }

    /// The users of all other tenants.
    pub fn away(&self, tenant: usize) -> Members {
        self.members(|owner| owner != tenant)
    }

    fn members(&self, belongs: impl Fn(usize) -> bool) -> Members {
        let cycle = self.slots.len();
        let slots = (0..cycle).filter(|&slot| belongs(self.slots[slot])).collect();
        Members { slots, cycle }
    }
}

/// Some of the slots, in ascending order: the users whose numbers fall on them.
pub(super) struct Members {
    slots: Vec<usize>,
    cycle: usize,
}

impl Members {
    /// How many of the first `users` users are among them.
    pub fn count(&self, users: usize) -> usize {
        let whole = users / self.cycle * self.slots.len();
        whole + self.slots.partition_point(|&slot| slot < users % self.cycle)
    }

    /// The user at a position below `count`.
    pub fn nth(&self, position: usize) -> usize {
        position / self.slots.len() * self.cycle + self.slots[position % self.slots.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::options;
    use super::*;

    #[test]
    fn days_are_consecutive_and_end_at_the_last_date() {
        let plan = Plan::new(&SampleOptions { days: 3, ..options() }).unwrap();
        assert_eq!(plan.last_date(), options().last_date);
        assert_eq!(plan.day_end(2) - plan.day_end(0), 2 * DAY);
    }

    #[test]
    fn every_user_joins_on_a_day_that_knows_it() {
        let plan = Plan::new(&SampleOptions {
            users: 5000,
            days: 4,
            ..options()
        })
        .unwrap();
        assert_eq!(plan.users_on(plan.last_day()), 5000);
        for user in 0..plan.users {
            let day = plan.joined_on(user).unwrap_or(0);
            assert!(user < plan.users_on(day));
            assert!(day == 0 || user >= plan.users_on(day - 1));
        }
    }

    #[test]
    fn members_number_the_users_of_a_tenant() {
        let plan = Plan::new(&SampleOptions {
            users: 997,
            batches: 40,
            ..options()
        })
        .unwrap();
        for tenant in 0..plan.tenants.count() {
            for (members, at_home) in [(plan.tenants.home(tenant), true), (plan.tenants.away(tenant), false)] {
                let numbered: Vec<usize> = (0..members.count(997)).map(|n| members.nth(n)).collect();
                let expected: Vec<usize> = (0..997)
                    .filter(|&user| (plan.tenants.of_user(user) == tenant) == at_home)
                    .collect();
                assert_eq!(numbered, expected);
            }
        }
    }

    #[test]
    fn impossible_options_are_named() {
        let error = Plan::new(&SampleOptions { users: 0, ..options() })
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("0 users"), "{error}");
    }
}
