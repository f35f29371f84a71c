//! Compares random expressions of SQL between the endpoint and a real PostgreSQL server: both give the same text, or
//! the endpoint an error.
//!
//! A generator of expressions is a file of its own; [`same_as_postgresql`] compares what it makes. The expressions are
//! the same in every run unless `EXPRESSIONS_SEED` is set, and a difference names its expression and the seed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sqlx::{Connection, PgConnection};

use crate::postgres::Postgres;
use crate::running_endpoint::{EndpointSetup, RunningEndpoint};
use crate::support::TestExports;

/// Expressions that are asked in one statement.
const AT_A_TIME: usize = 40;
/// The seed of runs that are given none.
const SEED: u64 = 2026;
/// Of a hundred expressions, the most that may be errors here and values there.
const REFUSED_AT_MOST: usize = 5;

/// Makes one expression of SQL.
type Generator = fn(&mut ChaCha8Rng) -> String;

/// What is made of one expression: its text, or an error.
type Answer = Result<String, String>;

/// Asks the endpoint and a PostgreSQL server for `number` expressions in a session of each zone.
///
/// Skipped with a message where there is no server.
pub fn same_as_postgresql(generator: Generator, zones: &[&str], number: usize) {
    let Some(server) = Postgres::start() else { return };
    let endpoint = EndpointSetup::over(TestExports::small())
        .user("asha", "all_tenants = true\npersonal = true")
        .start();
    let seed = std::env::var("EXPRESSIONS_SEED").map_or(SEED, |seed| seed.parse().expect("a number"));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let url = server.url();
    let mut theirs = endpoint
        .runtime
        .block_on(PgConnection::connect(&url))
        .expect("connected");
    let mut ours = endpoint.connect("asha").expect("connected");
    let (mut differences, mut refused) = (Vec::new(), Vec::new());
    for zone in zones {
        for connection in [&mut ours, &mut theirs] {
            endpoint
                .ask_on(connection, &format!("set time zone '{zone}'"))
                .expect("set");
        }
        let expressions: Vec<String> = (0..number).map(|_| generator(&mut random)).collect();
        for expressions in expressions.chunks(AT_A_TIME) {
            let expected = answers(&endpoint, &mut theirs, expressions);
            let found = answers(&endpoint, &mut ours, expressions);
            for ((expression, expected), found) in expressions.iter().zip(expected).zip(found) {
                match (expected, found) {
                    (Ok(expected), Err(error)) => {
                        refused.push(format!("{zone}: {expression} is {expected}, not {error}"))
                    }
                    (Ok(expected), Ok(found)) if expected == found => {}
                    (Err(_), Err(_)) => {}
                    (expected, found) => {
                        differences.push(format!("{zone}: {expression} is {expected:?}, not {found:?}"));
                    }
                }
            }
        }
    }
    let asked = number * zones.len();
    assert!(
        differences.is_empty(),
        "EXPRESSIONS_SEED={seed}: {} of {asked} differ\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(
        refused.len() * 100 <= asked * REFUSED_AT_MOST,
        "EXPRESSIONS_SEED={seed}: {} of {asked} are refused\n{}",
        refused.len(),
        refused.join("\n")
    );
}

/// The texts of expressions, which are asked one by one where one of them is an error.
fn answers(endpoint: &RunningEndpoint, connection: &mut PgConnection, expressions: &[String]) -> Vec<Answer> {
    let columns = expressions.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(place, expression)| format!("({expression})::text as c{place}"))
        .collect();
    if let Ok(rows) = endpoint.ask_on(connection, &format!("select {}", columns.join(", "))) {
        return rows[0].iter().map(|text| Ok(text.clone())).collect();
    }
    let one = |column: &String| match endpoint.ask_on(connection, &format!("select {column}")) {
        Ok(rows) => Ok(rows[0][0].clone()),
        Err((code, message)) => Err(format!("{code} {message}")),
    };
    columns.iter().map(one).collect()
}
