//! The `users` table, with the gaps, masks and odd spellings of real exports.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::draws::{Draws, Stream, uuid_text};
use super::names::{FORMULA_NAMES, LATIN, SCHOOLS, SCRIPTS, STATES, State};
use super::plan::Plan;
use super::write::{CHUNK_ROWS, TableWriter};
use super::{SampleError, record_batch};

const COLUMNS: [&str; 11] = [
    "user_id",
    "external_id",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
    "tenant_id",
];

/// Every user's id, by the user's number. Other tables name users by these numbers.
pub(super) struct People {
    ids: Vec<u128>,
}

impl People {
    pub fn draw(plan: &Plan) -> People {
        let mut draws = Draws::new(plan.seed, Stream::UserIds, 0);
        People {
            ids: (0..plan.users).map(|_| draws.uuid()).collect(),
        }
    }

    pub fn id(&self, user: usize) -> u128 {
        self.ids[user]
    }

    pub fn id_text(&self, user: usize) -> String {
        uuid_text(self.ids[user])
    }

    /// Writes the users of one day: always the first ones, the same every day.
    pub fn write_day(&self, plan: &Plan, day: usize, table: &mut TableWriter) -> Result<(), SampleError> {
        let users = plan.users_on(day);
        for (chunk, start) in (0..users).step_by(CHUNK_ROWS).enumerate() {
            let mut draws = Draws::new(plan.seed, Stream::Users, chunk);
            let mut columns = Columns::default();
            for user in start..users.min(start + CHUNK_ROWS) {
                columns.push(self.draw_user(plan, user, &mut draws));
            }
            table.write(&columns.finish()?)?;
        }
        Ok(())
    }

    /// A user's values, in the order of `COLUMNS`.
    fn draw_user(&self, plan: &Plan, user: usize, draws: &mut Draws) -> [Option<String>; COLUMNS.len()] {
        let tenant = plan.tenants.of_user(user);
        let state = &STATES[tenant];
        let district = draws.pick(state.districts);
        let (first_name, last_name) = draw_name(state, user, draws);
        [
            Some(self.id_text(user)),
            draw_external_id(state, user, draws),
            first_name,
            last_name,
            draw_email(draws),
            draw_mobile(draws),
            Some(format!("Department of School Education, {}", state.name)),
            mostly(draws, 0.95, |_| district.to_string()),
            mostly(draws, 0.90, |draws| draw_school(state, district, draws)),
            mostly(draws, 0.75, |draws| {
                format!("{district} Block {:02}", 1 + draws.below(12))
            }),
            Some(plan.tenants.id(tenant).to_string()),
        ]
    }
}

/// The schema of the `users` table.
pub(super) fn schema() -> SchemaRef {
    let field = |name: &str| Field::new(name, DataType::Utf8, name != "user_id");
    Arc::new(Schema::new(COLUMNS.map(field).to_vec()))
}

/// A value in a `share` of the rows, nothing in the others.
fn mostly(draws: &mut Draws, share: f64, value: impl FnOnce(&mut Draws) -> String) -> Option<String> {
    draws.chance(share).then(|| value(draws))
}

/// An external id: 35 % have none, some of them as blanks. The others look like what spreadsheets spoil: leading zeros,
/// long numbers.
fn draw_external_id(state: &State, user: usize, draws: &mut Draws) -> Option<String> {
    let number = user + 1;
    match draws.below(100) {
        0..30 => None,
        30..33 => Some(String::new()),
        33..35 => Some("  ".to_string()),
        35..70 => Some(format!("{}-{number:07}", state.code)),
        70..85 => Some(format!("{number:010}")),
        85..95 => Some(format!("2915{number:012}")),
        95..98 => Some(format!("{}/2024/{number}", state.code)),
        _ => Some(format!("{number}E5")),
    }
}

fn draw_name(state: &State, user: usize, draws: &mut Draws) -> (Option<String>, Option<String>) {
    let script = match draws.below(10) {
        0..4 => state.script,
        4..8 => &LATIN,
        _ => SCRIPTS[draws.below(SCRIPTS.len())],
    };
    let first = match draws.below(500) {
        0 => None,
        1 => Some(" "),
        _ => Some(draws.pick(script.first)),
    };
    let last = match draws.below(100) {
        0..12 => None,
        12..14 => Some(""),
        14 => Some("."),
        _ => Some(draws.pick(script.last)),
    };
    let first = if user % 61 == 7 {
        Some(FORMULA_NAMES[user / 61 % FORMULA_NAMES.len()])
    } else {
        first
    };
    (first.map(str::to_string), last.map(str::to_string))
}

/// Most addresses come masked, as the platform exports them.
fn draw_email(draws: &mut Draws) -> Option<String> {
    let number = draws.below(10_000);
    match draws.below(100) {
        0..20 => None,
        20 => Some(String::new()),
        21..85 => {
            let start = draws.pick(&["te", "ra", "an", "su", "ma"]);
            Some(format!("{start}******{:02}@example.org", number % 100))
        }
        _ => Some(format!("teacher.{number}@example.org")),
    }
}

/// A mobile number: masked, or one that nobody can have, since Indian mobile numbers do not start with 5.
fn draw_mobile(draws: &mut Draws) -> Option<String> {
    let number = draws.below(10_000);
    match draws.below(100) {
        0..30 => None,
        30 => Some(String::new()),
        31..88 => Some(format!("******{number:04}")),
        88..94 => Some(format!("+91555000{number:04}")),
        _ => Some(format!("555000{number:04}")),
    }
}

fn draw_school(state: &State, district: &str, draws: &mut Draws) -> String {
    let number = (1 + draws.below(40)).to_string();
    draws
        .pick(&SCHOOLS)
        .replace("{s}", state.script.school)
        .replace("{n}", &number)
        .replace("{d}", district)
}

/// The columns of a chunk, being filled.
#[derive(Default)]
struct Columns([StringBuilder; COLUMNS.len()]);

impl Columns {
    fn push(&mut self, values: [Option<String>; COLUMNS.len()]) {
        for (column, value) in self.0.iter_mut().zip(values) {
            column.append_option(value);
        }
    }

    fn finish(mut self) -> Result<RecordBatch, SampleError> {
        let columns = self.0.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        record_batch("users", schema(), columns.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{options, text};
    use super::*;

    fn chunk() -> RecordBatch {
        let plan = Plan::new(&options()).unwrap();
        let people = People::draw(&plan);
        let mut draws = Draws::new(plan.seed, Stream::Users, 0);
        let mut columns = Columns::default();
        (0..plan.users).for_each(|user| columns.push(people.draw_user(&plan, user, &mut draws)));
        columns.finish().unwrap()
    }

    fn share(values: &[Option<String>], wanted: impl Fn(Option<&str>) -> bool) -> f64 {
        let count = values.iter().filter(|value| wanted(value.as_deref())).count();
        count as f64 / values.len() as f64
    }

    #[test]
    fn user_ids_are_unique_and_never_blank() {
        let mut ids = text(&chunk(), "user_id");
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), options().users);
        assert!(ids.iter().all(|id| id.as_deref().is_some_and(|id| id.len() == 36)));
    }

    #[test]
    fn a_third_of_the_external_ids_is_missing() {
        let missing = share(&text(&chunk(), "external_id"), |id| {
            id.is_none_or(|id| id.trim().is_empty())
        });
        assert!((0.25..0.45).contains(&missing), "{missing}");
    }

    #[test]
    fn odd_values_are_there() {
        let chunk = chunk();
        let some =
            |column: &str, start: &str| share(&text(&chunk, column), |v| v.is_some_and(|v| v.starts_with(start)));
        assert!(some("first_name", "=") > 0.0);
        assert!(some("mobile", "+91") > 0.0);
        assert!(some("mobile", "******") > 0.4);
        assert!(share(&text(&chunk, "last_name"), |name| name.is_none()) > 0.05);
        assert!(
            share(&text(&chunk, "school_name"), |name| name
                .is_some_and(|name| name.contains(',')))
                > 0.0
        );
    }
}
