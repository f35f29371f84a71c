//! The session variables that clients may set, each client's own: how values are written, and what drivers set out of
//! habit.
//!
//! They are kept in the connection's metadata, where the encoders of `pgwire` look for them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::engine::dialect::time::{UTC, session_name};
use crate::postgres::error::QueryError;

/// The version of PostgreSQL that is reported to clients, because they choose their catalog queries by it.
pub const SERVER_VERSION: &str = "16.6";
const SERVER_VERSION_NUMBER: &str = "160006";
/// The prefix of the engine's own settings, which all sessions share and clients may not set.
const OF_ENGINE: &str = "datafusion.";
const STATEMENT_TIMEOUT: &str = "statement_timeout";
const ZONE: &str = "timezone";

/// A variable's name, its value at the start, and which values it takes.
struct Variable {
    name: &'static str,
    /// The name under which changes are reported to clients (ParameterStatus), where they are: `name` in PostgreSQL's
    /// own spelling, which has capitals for some.
    reported: Option<&'static str>,
    start: &'static str,
    takes: Takes,
}

enum Takes {
    Anything,
    OneOf(&'static [&'static str]),
    Zone,
    Duration,
    /// Nobody can set it.
    Nothing,
}

impl Variable {
    /// The name as PostgreSQL spells it. All names with capitals are reported.
    fn spelled(&self) -> &'static str {
        self.reported.unwrap_or(self.name)
    }
}

const fn variable(name: &'static str, start: &'static str, takes: Takes) -> Variable {
    Variable {
        name,
        reported: None,
        start,
        takes,
    }
}

const fn reported(name: &'static str, reported: &'static str, start: &'static str, takes: Takes) -> Variable {
    Variable {
        name,
        reported: Some(reported),
        start,
        takes,
    }
}

const ON_OFF: Takes = Takes::OneOf(&["on", "off", "true", "false", "yes", "no", "1", "0"]);
const ON: Takes = Takes::OneOf(&["on", "true", "yes", "1"]);
const LEVELS: Takes = Takes::OneOf(&["read uncommitted", "read committed", "repeatable read", "serializable"]);

const VARIABLES: [Variable; 37] = [
    reported("application_name", "application_name", "", Takes::Anything),
    reported(
        "client_encoding",
        "client_encoding",
        "UTF8",
        Takes::OneOf(&["utf8", "utf-8", "unicode"]),
    ),
    reported(
        "datestyle",
        "DateStyle",
        "ISO, YMD",
        Takes::OneOf(&[
            "iso", "iso, mdy", "iso, dmy", "iso, ymd", "iso,mdy", "iso,dmy", "iso,ymd",
        ]),
    ),
    reported(
        "intervalstyle",
        "IntervalStyle",
        "postgres",
        Takes::OneOf(&["postgres", "iso_8601", "sql_standard", "postgres_verbose"]),
    ),
    reported(ZONE, "TimeZone", UTC, Takes::Zone),
    reported("search_path", "search_path", "public", Takes::Anything),
    reported("standard_conforming_strings", "standard_conforming_strings", "on", ON),
    variable("extra_float_digits", "1", Takes::OneOf(&["-15", "0", "1", "2", "3"])),
    variable("bytea_output", "hex", Takes::OneOf(&["hex", "escape"])),
    variable(STATEMENT_TIMEOUT, "0", Takes::Duration),
    variable("lock_timeout", "0", Takes::Duration),
    variable("idle_in_transaction_session_timeout", "0", Takes::Duration),
    variable("idle_session_timeout", "0", Takes::Duration),
    variable("client_min_messages", "notice", Takes::Anything),
    variable("default_transaction_isolation", "repeatable read", LEVELS),
    variable("transaction_isolation", "repeatable read", LEVELS),
    variable("default_transaction_read_only", "on", ON_OFF),
    variable("transaction_read_only", "on", ON),
    variable("default_transaction_deferrable", "off", ON_OFF),
    variable("row_security", "on", ON_OFF),
    variable("jit", "off", ON_OFF),
    variable("geqo", "on", ON_OFF),
    variable("synchronize_seqscans", "on", ON_OFF),
    variable("max_parallel_workers_per_gather", "2", Takes::Anything),
    variable("work_mem", "4MB", Takes::Anything),
    variable("server_version", SERVER_VERSION, Takes::Nothing),
    variable("server_version_num", SERVER_VERSION_NUMBER, Takes::Nothing),
    variable("server_encoding", "UTF8", Takes::Nothing),
    variable("integer_datetimes", "on", Takes::Nothing),
    variable("in_hot_standby", "on", Takes::Nothing),
    variable("is_superuser", "off", Takes::Nothing),
    variable("max_identifier_length", "63", Takes::Nothing),
    variable("lc_collate", "C", Takes::Nothing),
    variable("lc_ctype", "C", Takes::Nothing),
    variable("default_tablespace", "", Takes::Anything),
    variable("max_index_keys", "32", Takes::Nothing),
    variable("default_table_access_method", "heap", Takes::Nothing),
];

/// Other ways to write a name.
fn canonical(name: &str) -> &str {
    match name {
        "time zone" => ZONE,
        "names" => "client_encoding",
        "transaction isolation level" => "transaction_isolation",
        other => other,
    }
}

fn known(name: &str) -> Result<&'static Variable, QueryError> {
    let name = canonical(name);
    if name.starts_with(OF_ENGINE) {
        return Err(QueryError::NotAllowed(format!("SET {name}")));
    }
    VARIABLES
        .iter()
        .find(|variable| variable.name == name)
        .ok_or_else(|| QueryError::Variable(name.to_owned()))
}

/// Refuses names that are not variables of clients.
pub fn check(name: &str) -> Result<(), QueryError> {
    known(name).map(|_| ())
}

/// Sets a variable of one client. Returns the name and value to report to the client, where the variable is reported.
pub fn set(
    kept: &mut HashMap<String, String>,
    name: &str,
    value: &str,
) -> Result<Option<(String, String)>, QueryError> {
    let variable = known(name)?;
    if value.eq_ignore_ascii_case("default") {
        return Ok(reset(kept, variable));
    }
    let lower = value.to_lowercase();
    let is_taken = match &variable.takes {
        Takes::Anything => true,
        Takes::OneOf(values) => values.contains(&lower.as_str()),
        Takes::Zone => session_name(value).is_some(),
        Takes::Duration => duration(value).is_some(),
        Takes::Nothing => return Err(QueryError::Variable(name.to_owned())),
    };
    if !is_taken {
        return Err(QueryError::VariableValue {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }
    let value = match &variable.takes {
        Takes::Zone => session_name(value).unwrap_or_default(),
        _ => value.to_owned(),
    };
    kept.insert(variable.name.to_owned(), value.clone());
    Ok(variable.reported.map(|name| (name.to_owned(), value)))
}

/// The client's time zone.
pub fn zone(kept: &HashMap<String, String>) -> &str {
    kept.get(ZONE).map_or(UTC, String::as_str)
}

fn reset(kept: &mut HashMap<String, String>, variable: &Variable) -> Option<(String, String)> {
    kept.remove(variable.name);
    let reported = variable.reported?;
    Some((reported.to_owned(), variable.start.to_owned()))
}

/// Resets one variable, or all, to the value at the start. Returns what to report to the client.
pub fn reset_named(
    kept: &mut HashMap<String, String>,
    name: Option<&str>,
) -> Result<Vec<(String, String)>, QueryError> {
    let reset_these: Vec<&Variable> = match name {
        Some(name) => vec![known(name)?],
        None => VARIABLES
            .iter()
            .filter(|variable| kept.contains_key(variable.name))
            .collect(),
    };
    Ok(reset_these
        .into_iter()
        .filter_map(|variable| reset(kept, variable))
        .collect())
}

/// The values of variables before a transaction changed them, by which the changes are undone at its end.
#[derive(Debug)]
pub struct Changes {
    /// All variables, as they were at the start of the transaction.
    before: HashMap<String, String>,
    /// Variables that SET LOCAL changed, as they were before the first SET LOCAL.
    before_local: BTreeMap<&'static str, Option<String>>,
}

impl Changes {
    /// For a transaction that begins.
    pub fn new(kept: &HashMap<String, String>) -> Self {
        Self {
            before: kept.clone(),
            before_local: BTreeMap::new(),
        }
    }

    /// Notes the value of a variable before SET, or SET LOCAL, changes it.
    pub fn note(&mut self, kept: &HashMap<String, String>, name: &str, is_local: bool) -> Result<(), QueryError> {
        let name = known(name)?.name;
        if is_local {
            let before = || kept.get(name).cloned();
            self.before_local.entry(name).or_insert_with(before);
        } else {
            self.before_local.remove(name);
        }
        Ok(())
    }

    /// Undoes SET LOCAL, and where the transaction is rolled back, all other changes too. Returns what to report to the
    /// client.
    pub fn end(self, kept: &mut HashMap<String, String>, is_undone: bool) -> Vec<(String, String)> {
        let goes_back = |variable: &&Variable| is_undone || self.before_local.contains_key(variable.name);
        let mut reported = Vec::new();
        for variable in VARIABLES.iter().filter(goes_back) {
            let before = match is_undone {
                true => self.before.get(variable.name),
                false => self.before_local[variable.name].as_ref(),
            };
            if kept.get(variable.name) == before {
                continue;
            }
            match before {
                Some(value) => {
                    kept.insert(variable.name.to_owned(), value.clone());
                    reported.extend(variable.reported.map(|name| (name.to_owned(), value.clone())));
                }
                None => reported.extend(reset(kept, variable)),
            }
        }
        reported
    }
}

/// The value of a variable.
pub fn show(kept: &HashMap<String, String>, name: &str) -> Result<String, QueryError> {
    let variable = known(name)?;
    let value = kept.get(variable.name).map(String::as_str);
    Ok(value.unwrap_or(variable.start).to_owned())
}

/// The name that a variable has as the column of SHOW: that of PostgreSQL, however the client writes it. An unknown one
/// stays as it is.
pub fn spelling(name: &str) -> &str {
    match known(name) {
        Ok(variable) => variable.spelled(),
        Err(_) => name,
    }
}

/// Every variable with its value, by the name that PostgreSQL's lists have.
pub fn all(kept: &HashMap<String, String>) -> impl Iterator<Item = (&'static str, &str)> {
    VARIABLES.iter().map(|variable| {
        let value = kept.get(variable.name).map_or(variable.start, String::as_str);
        (variable.spelled(), value)
    })
}

/// The value of `current_setting`: that at the start, without the client's own changes.
pub fn setting(name: &str) -> Option<&'static str> {
    known(&name.to_lowercase()).ok().map(|variable| variable.start)
}

/// The client's own `statement_timeout`.
pub fn statement_timeout(kept: &HashMap<String, String>) -> Option<Duration> {
    duration(kept.get(STATEMENT_TIMEOUT)?).filter(|time| !time.is_zero())
}

/// The parameters that are reported to a client when it connects (ParameterStatus).
pub fn at_start(user: &str, kept: &HashMap<String, String>) -> HashMap<String, String> {
    let mut reported: HashMap<String, String> = VARIABLES
        .iter()
        .filter_map(|variable| {
            let value = kept.get(variable.name).map_or(variable.start, String::as_str);
            Some((variable.reported?.to_owned(), value.to_owned()))
        })
        .collect();
    for name in [
        "server_version",
        "server_encoding",
        "integer_datetimes",
        "in_hot_standby",
        "is_superuser",
        "default_transaction_read_only",
    ] {
        if let Some(value) = setting(name) {
            reported.insert(name.to_owned(), value.to_owned());
        }
    }
    reported.insert("session_authorization".to_owned(), user.to_owned());
    reported
}

/// The variables of a client's `options`: `-c name=value`, `-cname=value` or `--name=value`.
pub fn of_options(options: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = options.split_whitespace();
    let settings = words.filter_map(|word| {
        let bare = word.strip_prefix("--").or_else(|| word.strip_prefix("-c"));
        bare.unwrap_or(word).split_once('=')
    });
    settings.filter(|(name, _)| !name.starts_with('-'))
}

/// A time as PostgreSQL's settings have it: `1500` (milliseconds), `30s`, `5min`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let milliseconds = match text[end..].trim() {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clients_set_their_own_and_nothing_of_the_engine() {
        let mut kept = HashMap::new();
        assert_eq!(
            set(&mut kept, "time zone", "Asia/Kolkata").expect("set"),
            Some(("TimeZone".to_owned(), "Asia/Kolkata".to_owned()))
        );
        assert_eq!(show(&kept, "timezone").expect("shown"), "Asia/Kolkata");
        assert_eq!(set(&mut kept, "statement_timeout", "5s").expect("set"), None);
        assert_eq!(statement_timeout(&kept), Some(Duration::from_secs(5)));
        for (name, value) in [
            ("datafusion.runtime.memory_limit", "1"),
            ("datafusion.execution.batch_size", "1"),
            ("server_version", "1"),
            ("is_superuser", "on"),
            ("user", "admin"),
            ("role", "admin"),
            ("timezone", "Mars/Olympus"),
            ("client_encoding", "LATIN1"),
            ("datestyle", "German"),
            ("statement_timeout", "soon"),
            ("transaction_read_only", "off"),
        ] {
            assert!(set(&mut kept, name, value).is_err(), "{name}");
        }
        assert_eq!(reset_named(&mut kept, None).expect("reset").len(), 1);
        assert!(kept.is_empty());
    }

    #[test]
    fn variables_of_a_transaction_end_with_it() {
        let value = |kept: &HashMap<String, String>, name| show(kept, name).expect("shown");
        let change = |changes: &mut Changes, kept: &mut HashMap<String, String>, name, value, is_local| {
            changes.note(kept, name, is_local).expect("known");
            set(kept, name, value).expect("set");
        };
        for is_undone in [false, true] {
            let mut kept = HashMap::new();
            set(&mut kept, "jit", "on").expect("set");
            let mut changes = Changes::new(&kept);
            change(&mut changes, &mut kept, "timezone", "Asia/Kolkata", true);
            change(&mut changes, &mut kept, "timezone", "Europe/Paris", true);
            change(&mut changes, &mut kept, "jit", "off", false);
            change(&mut changes, &mut kept, "statement_timeout", "5s", true);
            change(&mut changes, &mut kept, "statement_timeout", "9s", false);
            assert_eq!(value(&kept, "timezone"), "Europe/Paris");
            let reported = changes.end(&mut kept, is_undone);
            assert_eq!(reported, [("TimeZone".to_owned(), "UTC".to_owned())]);
            assert_eq!(value(&kept, "timezone"), "UTC");
            assert_eq!(value(&kept, "jit"), if is_undone { "on" } else { "off" });
            assert_eq!(value(&kept, "statement_timeout"), if is_undone { "0" } else { "9s" });
        }
    }

    #[test]
    fn names_are_spelled_as_postgresql_spells_them() {
        for (name, expected) in [
            ("timezone", "TimeZone"),
            ("time zone", "TimeZone"),
            ("datestyle", "DateStyle"),
            ("intervalstyle", "IntervalStyle"),
            ("work_mem", "work_mem"),
            ("transaction isolation level", "transaction_isolation"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(spelling(name), expected);
        }
        let kept = HashMap::new();
        let names: Vec<&str> = all(&kept).map(|(name, _)| name).collect();
        assert!(
            names.contains(&"DateStyle") && !names.contains(&"datestyle"),
            "{names:?}"
        );
        // SHOW of a listed name has it as its column.
        for name in names {
            assert_eq!(spelling(&name.to_lowercase()), name);
        }
    }

    #[test]
    fn options_name_variables() {
        let found: Vec<_> = of_options("-c statement_timeout=5s -cjit=off --search_path=public -B 3 x").collect();
        assert_eq!(
            found,
            [("statement_timeout", "5s"), ("jit", "off"), ("search_path", "public")]
        );
    }

    proptest! {
        #[test]
        fn parsing_durations_never_panics(text in "\\PC{0,30}") {
            let _ = duration(&text);
        }
    }
}
