//! Random expressions over dates, zones and intervals.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::comparison::same_as_postgresql;

const ZONES: [&str; 6] = [
    "UTC",
    "Asia/Kolkata",
    "America/New_York",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
];
const UNITS: [&str; 12] = [
    "microseconds",
    "milliseconds",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
];
const FIELDS: [&str; 16] = [
    "second",
    "milliseconds",
    "minute",
    "hour",
    "day",
    "month",
    "quarter",
    "year",
    "decade",
    "century",
    "epoch",
    "dow",
    "isodow",
    "doy",
    "week",
    "isoyear",
];
const FIELDS_OF_INTERVALS: [&str; 9] = [
    "second",
    "milliseconds",
    "minute",
    "hour",
    "day",
    "month",
    "quarter",
    "year",
    "epoch",
];
const PATTERNS: [&str; 12] = [
    "YYYY-MM-DD HH24:MI:SS.US",
    "FMDay, DD FMMonth YYYY",
    "Dy Mon MON mon DAY",
    "HH12:MI:SS.MS am",
    "IYYY-\"W\"IW-ID",
    "DDD Q WW W D J CC",
    "DDth \"of\" FMMonth, Y,YYY",
    "FMHH24:FMMI:FMSS FF3",
    "YYY YY Y IYY IY I",
    "SSSS RM rm A.M. AD",
    "OF TZH:TZM",
    "YYYYMMDD\"T\"HH24MISS",
];
const NUMBER_PATTERNS: [&str; 14] = [
    "9999",
    "0000",
    "FM9999",
    "9,999.99",
    "FM9,999.00",
    "999.9S",
    "S9999",
    "9999MI",
    "FM0000.099",
    "99.9PR",
    "FMRN",
    "9.9EEEE",
    "PL9999.9",
    "99V99",
];

/// What an expression gives.
#[derive(Clone, Copy)]
enum Kind {
    Date,
    Local,
    Moment,
    Time,
    Interval,
}

const KINDS: [Kind; 5] = [Kind::Date, Kind::Local, Kind::Moment, Kind::Time, Kind::Interval];

fn below(random: &mut ChaCha8Rng, end: u32) -> u32 {
    random.random_range(0..end)
}

fn one<T: Copy>(random: &mut ChaCha8Rng, of: &[T]) -> T {
    of[random.random_range(0..of.len())]
}

fn day(random: &mut ChaCha8Rng) -> String {
    let (year, month, day) = (1971 + below(random, 90), 1 + below(random, 12), 1 + below(random, 28));
    format!("{year}-{month:02}-{day:02}")
}

fn clock(random: &mut ChaCha8Rng) -> String {
    let (hour, minute) = (below(random, 24), below(random, 60));
    match below(random, 3) {
        0 => format!("{hour:02}:{minute:02}"),
        1 => format!("{hour:02}:{minute:02}:{:02}", below(random, 60)),
        _ => format!(
            "{hour:02}:{minute:02}:{:02}.{:03}",
            below(random, 60),
            below(random, 1000)
        ),
    }
}

fn interval_literal(random: &mut ChaCha8Rng) -> String {
    let sign = if below(random, 4) == 0 { "-" } else { "" };
    let number = 1 + below(random, 40);
    match below(random, 6) {
        0 => format!("interval '{sign}{number} days'"),
        1 => format!("interval '{sign}{number} months {} days'", below(random, 40)),
        2 => format!("interval '{number} hours {} minutes'", below(random, 100)),
        3 => format!("interval '{sign}{number}.5 days'"),
        4 => format!("interval '{} years {number} days {}'", below(random, 5), clock(random)),
        _ => format!("interval 'P{number}DT{}H'", below(random, 50)),
    }
}

fn literal(random: &mut ChaCha8Rng, kind: Kind) -> String {
    match kind {
        Kind::Date => format!("date '{}'", day(random)),
        Kind::Local => format!("timestamp '{} {}'", day(random), clock(random)),
        Kind::Moment => {
            let zone = match below(random, 4) {
                0 => String::new(),
                1 => "+05:30".to_owned(),
                2 => "-08".to_owned(),
                _ => format!(" {}", one(random, &ZONES)),
            };
            format!("timestamptz '{} {}{zone}'", day(random), clock(random))
        }
        Kind::Time => format!("time '{}'", clock(random)),
        Kind::Interval => interval_literal(random),
    }
}

/// Forms of expressions of a kind. What is in braces is made at random: an expression of a kind by its first letter, a
/// `zone`, a `unit`, a `number`, a `sign`, or one of several things with bars between them.
fn forms(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Date => &[
            "({L})::date",
            "({M})::date",
            "({D} {sign} {number})",
            "to_date(to_char({D}, 'DD Mon YYYY'), 'DD Mon YYYY')",
        ],
        Kind::Local => &[
            "({D} {sign} {I})",
            "({L} {sign} {I})",
            "({M} at time zone '{zone}')",
            "date_trunc('{unit}', {L})",
            "({M})::timestamp",
            "({D})::timestamp",
            "({D} + {T})",
            "date_bin('{1|5|15|42} minutes', {L}, timestamp '1970-01-01')",
        ],
        Kind::Moment => &[
            "({L} at time zone '{zone}')",
            "({M} {sign} {I})",
            "({M} {sign} {I})",
            "date_trunc('{unit}', {M})",
            "date_trunc('{unit}', {M}, '{zone}')",
            "({L})::timestamptz",
            "({D})::timestamptz",
            "to_timestamp({number}000000)",
        ],
        Kind::Time => &["({T} {sign} {I})", "({L})::time", "({M})::time"],
        Kind::Interval => &[
            "({I} {sign} {I})",
            "({I} * {2|3|0.5|1.25|-1|7})",
            "({I} / {2|3|0.5|7|-4})",
            "({L} - {L})",
            "({M} - {M})",
            "age({L}, {L})",
            "age({M}, {M})",
            "({T} - {T})",
            "(-{I})",
            "justify_{days|hours|interval}({I})",
            "make_interval(days => {number}, secs => {number}.5)",
        ],
    }
}

/// An expression of a kind, with operators `depth` deep at most.
fn expression(random: &mut ChaCha8Rng, kind: Kind, depth: u32) -> String {
    if depth == 0 || below(random, 5) == 0 {
        return literal(random, kind);
    }
    let form = one(random, forms(kind));
    let mut parts = form.split('{');
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (what, rest) = part.split_once('}').expect("a form");
        let value = match what {
            "D" => expression(random, Kind::Date, depth - 1),
            "L" => expression(random, Kind::Local, depth - 1),
            "M" => expression(random, Kind::Moment, depth - 1),
            "T" => expression(random, Kind::Time, depth - 1),
            "I" => expression(random, Kind::Interval, depth - 1),
            "zone" => one(random, &ZONES).to_owned(),
            "unit" => one(random, &UNITS).to_owned(),
            "number" => below(random, 1000).to_string(),
            "sign" => one(random, &["+", "-"]).to_owned(),
            choices => one(random, &choices.split('|').collect::<Vec<_>>()).to_owned(),
        };
        made.push_str(&value);
        made.push_str(rest);
    }
    made
}

/// An expression of any kind, or a number, text or truth about some.
fn any(random: &mut ChaCha8Rng) -> String {
    let depth = 1 + below(random, 3);
    let kind = one(random, &KINDS);
    match below(random, 8) {
        0..=2 => expression(random, kind, depth),
        3 => {
            let kind = one(random, &[Kind::Date, Kind::Local, Kind::Moment]);
            let field = one(random, &FIELDS);
            format!("extract({field} from {})", expression(random, kind, depth))
        }
        4 => {
            let field = one(random, &FIELDS_OF_INTERVALS);
            format!("extract({field} from {})", expression(random, Kind::Interval, depth))
        }
        5 => {
            let kind = one(random, &[Kind::Date, Kind::Local, Kind::Moment]);
            let pattern = one(random, &PATTERNS);
            format!("to_char({}, '{pattern}')", expression(random, kind, depth))
        }
        6 => {
            let digits = below(random, 4000);
            let number = match below(random, 3) {
                0 => format!("{digits}"),
                1 => format!("{digits}.{}", below(random, 1000)),
                _ => format!("-{digits}.5"),
            };
            format!("to_char({number}::numeric(10, 3), '{}')", one(random, &NUMBER_PATTERNS))
        }
        _ => {
            let points = [Kind::Date, Kind::Local, Kind::Moment];
            let (left, right) = match kind {
                Kind::Interval | Kind::Time => (kind, kind),
                _ => (one(random, &points), one(random, &points)),
            };
            let operator = one(random, &["<", "<=", "=", "<>", ">", ">="]);
            format!(
                "({} {operator} {})",
                expression(random, left, depth),
                expression(random, right, depth)
            )
        }
    }
}

#[test]
fn times_are_computed_as_postgresql_computes_them() {
    same_as_postgresql(
        any,
        &["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"],
        600,
    );
}
