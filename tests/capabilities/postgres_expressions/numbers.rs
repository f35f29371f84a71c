//! Expressions of numbers and texts.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::compare;

const EXPRESSIONS: usize = 1500;
/// The seed of runs that are given none.
const SEED: u64 = 2026;
/// Functions and operators within each other.
const DEPTH: u32 = 3;
/// Numerics and floating point numbers that differ by less are the same: numerics have 20 decimals here.
const TOLERANCE: f64 = 1e-12;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Whole,
    Numeric,
    Float,
    Text,
    Boolean,
}

const KINDS: [Kind; 5] = [Kind::Whole, Kind::Numeric, Kind::Float, Kind::Text, Kind::Boolean];

#[test]
fn random_expressions_of_numbers_and_texts_have_postgresqls_values() {
    let seed = std::env::var("EXPRESSIONS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or(SEED);
    eprintln!("EXPRESSIONS_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let expressions: Vec<String> = (0..EXPRESSIONS)
        .map(|_| {
            let kind = *KINDS.choose(&mut random).expect("a kind");
            expression(&mut random, kind, DEPTH)
        })
        .collect();
    compare(&expressions, is_same);
}

fn is_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(one), Ok(other)) => (one - other).abs() <= TOLERANCE * one.abs().max(other.abs()).max(1e-6),
        _ => false,
    }
}

fn pick<'a>(random: &mut impl Rng, of: &[&'a str]) -> &'a str {
    of.choose(random).copied().unwrap_or_default()
}

fn expression(random: &mut impl Rng, kind: Kind, depth: u32) -> String {
    if depth == 0 || random.random_ratio(1, 6) {
        return literal(random, kind);
    }
    match kind {
        Kind::Whole => whole(random, depth - 1),
        Kind::Numeric => numeric(random, depth - 1),
        Kind::Float => float(random, depth - 1),
        Kind::Text => text(random, depth - 1),
        Kind::Boolean => boolean(random, depth - 1),
    }
}

fn literal(random: &mut impl Rng, kind: Kind) -> String {
    match kind {
        Kind::Whole => match random.random_range(0..12) {
            0 => "null::int".to_owned(),
            1 => pick(
                random,
                &["2147483647", "(-2147483648)", "9223372036854775807", "32767::smallint"],
            )
            .to_owned(),
            _ => format!("({})", random.random_range(-20..100)),
        },
        Kind::Numeric => match random.random_range(0..12) {
            0 => "null::numeric".to_owned(),
            1 => pick(random, &["0.0", "0.005", "-0.5", "1.5", "2.5", "1e3", "99999999.99"]).to_owned(),
            _ => format!("({}.{})", random.random_range(-20..100), random.random_range(0..1000)),
        },
        Kind::Float => match random.random_range(0..12) {
            0 => "null::float8".to_owned(),
            1 => pick(
                random,
                &[
                    "'Infinity'::float8",
                    "'NaN'::float8",
                    "1e300::float8",
                    "0::float8",
                    "1e-300::float8",
                ],
            )
            .to_owned(),
            _ => format!(
                "({}.{})::float8",
                random.random_range(-20..100),
                random.random_range(0..100)
            ),
        },
        Kind::Text => {
            let texts = [
                "'abc'",
                "''",
                "'Aśā'",
                "'प्रिया'",
                "' x '",
                "'a,b,c'",
                "'42'",
                "'3.50'",
                "'O''Neil'",
                "'a%b_c'",
                "null::text",
                "'ABcd'",
            ];
            pick(random, &texts).to_owned()
        }
        Kind::Boolean => pick(random, &["true", "false", "null::boolean"]).to_owned(),
    }
}

fn whole(random: &mut impl Rng, depth: u32) -> String {
    let mut of = |kind| expression(random, kind, depth);
    let (one, other, exact, float, text, yes) = (
        of(Kind::Whole),
        of(Kind::Whole),
        of(Kind::Numeric),
        of(Kind::Float),
        of(Kind::Text),
        of(Kind::Boolean),
    );
    match random.random_range(0..14) {
        0 => format!("({one} + {other})"),
        1 => format!("({one} - {other})"),
        2 => format!("({one} * {other})"),
        3 => format!("({one} / {other})"),
        4 => format!("({one} % {other})"),
        5 => format!("({exact})::int"),
        6 => format!("({float})::bigint"),
        7 => format!("length({text})"),
        8 => format!("nullif({one}, {other})"),
        9 => format!("coalesce({one}, {other})"),
        10 => format!("abs({one})"),
        11 => format!("(case when {yes} then {one} else {other} end)"),
        12 => format!("({one})::smallint"),
        _ => format!("position('b' in {text})"),
    }
}

fn numeric(random: &mut impl Rng, depth: u32) -> String {
    let mut of = |kind| expression(random, kind, depth);
    let (one, other, number, yes) = (of(Kind::Numeric), of(Kind::Numeric), of(Kind::Whole), of(Kind::Boolean));
    let decimals = random.random_range(0..4);
    match random.random_range(0..16) {
        0 => format!("({one} + {other})"),
        1 => format!("({one} - {number})"),
        2 => format!("({one} * {other})"),
        3 => format!("({one} / {number})"),
        4 => format!("({number} / {other})"),
        5 => format!("({one} % {other})"),
        6 => format!("round({one}, {decimals})"),
        7 => format!("trunc({one}, {decimals})"),
        8 => format!("round({one})"),
        9 => format!("({one})::numeric(12, {decimals})"),
        10 => format!("({number})::numeric"),
        11 => format!("abs({one})"),
        12 => format!("greatest({one}, {number})"),
        13 => format!("sign({one})"),
        14 => format!("mod({one}, {number})"),
        _ => format!("(case when {yes} then {one} else {number} end)"),
    }
}

fn float(random: &mut impl Rng, depth: u32) -> String {
    let mut of = |kind| expression(random, kind, depth);
    let (one, other, number, exact) = (of(Kind::Float), of(Kind::Float), of(Kind::Whole), of(Kind::Numeric));
    match random.random_range(0..12) {
        0 => format!("({one} + {other})"),
        1 => format!("({one} - {number})"),
        2 => format!("({one} * {exact})"),
        3 => format!("({one} / {other})"),
        4 => format!("({number} / {one})"),
        5 => format!("round({one})"),
        6 => format!("trunc({one})"),
        7 => format!("ceil({one})"),
        8 => format!("floor({one})"),
        9 => format!("({exact})::float8"),
        10 => format!("({number})::float"),
        _ => format!("coalesce({one}, {other})"),
    }
}

fn text(random: &mut impl Rng, depth: u32) -> String {
    let mut of = |kind| expression(random, kind, depth);
    let (one, other, number, exact, float, yes) = (
        of(Kind::Text),
        of(Kind::Text),
        of(Kind::Whole),
        of(Kind::Numeric),
        of(Kind::Float),
        of(Kind::Boolean),
    );
    let short = random.random_range(0..6);
    match random.random_range(0..20) {
        0 => format!("({one} || {other})"),
        1 => format!("upper({one})"),
        2 => format!("left({one}, {short})"),
        3 => format!("right({one}, {short})"),
        4 => format!("substr({one}, 2, {short})"),
        5 => format!("replace({one}, 'b', {other})"),
        6 => format!("({number})::text"),
        7 => format!("({float})::text"),
        8 => format!("({one})::varchar({})", short + 1),
        9 => format!("split_part({one}, ',', {})", short + 1),
        10 => format!("lpad({one}, {short}, '*')"),
        11 => format!("coalesce({one}, {other})"),
        12 => format!("(case when {yes} then {one} else {other} end)"),
        13 => format!("({number} || {one})"),
        14 => format!("({yes})::text"),
        15 => format!("btrim({one}, ' a')"),
        16 => format!("reverse({one})"),
        17 => format!("initcap({one})"),
        18 => format!("string_to_array({one}, ',')::text"),
        _ => format!("round({exact}, 2)::text"),
    }
}

fn boolean(random: &mut impl Rng, depth: u32) -> String {
    let kind = *[Kind::Whole, Kind::Numeric, Kind::Float, Kind::Text]
        .choose(random)
        .expect("a kind");
    let mut of = |kind| expression(random, kind, depth);
    let (one, other, text, yes, no) = (of(kind), of(kind), of(Kind::Text), of(Kind::Boolean), of(Kind::Boolean));
    let (exact, number) = (of(Kind::Numeric), of(Kind::Whole));
    let comparison = pick(random, &["=", "<>", "<", "<=", ">", ">="]);
    let pattern = pick(
        random,
        &[
            "'a%'", "'%b%'", "'_b_'", "'%'", "''", "'(a|A)%'", "'[a-z]+'", r"'a\%b%'",
        ],
    );
    match random.random_range(0..10) {
        0..=2 => format!("({one} {comparison} {other})"),
        3 => format!("({exact} {comparison} {number})"),
        4 => format!("({text} similar to {pattern})"),
        5 => format!("({text} like {pattern})"),
        6 => format!("({yes} and {no})"),
        7 => format!("({one} is null or not {yes})"),
        8 => format!("({number} in ({}, 5, 0))", random.random_range(-3..9)),
        _ => format!("({exact} between 0 and 7.5)"),
    }
}
