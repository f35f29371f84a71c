//! Functions that the engine has under another name or in another form, and counts whose type differs.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement,
    UnaryOperator, Value,
};

use super::super::numbers::{ROUND_TO, TRUNC_TO};
use super::super::syntax::{argument, call, cast, function, literal, name_of, rewrite_all, text};
use super::super::texts::{POSIX_REGEX, SIMILAR_TO_REGEX, posix};
use super::super::type_names::TYPE_OF;

/// PostgreSQL's name, and the engine's.
const NAMES: [(&str, &str); 5] = [
    ("every", "bool_and"),
    ("variance", "var_samp"),
    ("gen_random_uuid", "uuid"),
    ("array_cat", "array_concat"),
    ("array_replace", "array_replace_all"),
];

/// Counts, which are `bigint` in PostgreSQL and unsigned in the engine.
const COUNTS: [(&str, DataType); 4] = [
    ("row_number", DataType::BigInt(None)),
    ("rank", DataType::BigInt(None)),
    ("dense_rank", DataType::BigInt(None)),
    ("ntile", DataType::Int(None)),
];

/// Functions of the engine whose second argument is a regular expression.
const OF_PATTERNS: [&str; 3] = ["regexp_like", "regexp_count", "regexp_instr"];

/// How `timeofday()` writes the present.
const TIME_OF_DAY: &str = "Dy Mon DD HH24:MI:SS.US YYYY TZ";

/// Decimals that a rounded number is shown with, at most.
const MOST_SHOWN: i64 = 30;

/// Renames and casts the functions of a statement.
pub fn rename(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::Function(called) => {
            if let Some(other) = in_other_words(called) {
                *expr = other;
            } else if let Some(kind) = kind_of(called) {
                *expr = cast(expr.clone(), kind);
            } else {
                show_decimals(called);
                rename_one(called);
            }
        }
        Expr::Substring {
            expr: text,
            substring_from: Some(pattern),
            substring_for: None,
            ..
        } if is_text(pattern) => {
            *expr = call("substring_regex", vec![(**text).clone(), (**pattern).clone()]);
        }
        Expr::BinaryOp {
            op:
                BinaryOperator::PGRegexMatch
                | BinaryOperator::PGRegexIMatch
                | BinaryOperator::PGRegexNotMatch
                | BinaryOperator::PGRegexNotIMatch,
            right,
            ..
        } => write_pattern(right),
        _ => {}
    });
}

/// Writes a regular expression as the engine reads it: here where it is written in the statement, else for each row.
fn write_pattern(pattern: &mut Expr) {
    match pattern {
        Expr::Value(value) => match &mut value.value {
            Value::SingleQuotedString(pattern) => *pattern = posix(pattern),
            Value::Placeholder(_) => *pattern = call(POSIX_REGEX, vec![cast(pattern.clone(), DataType::Text)]),
            _ => {}
        },
        Expr::Function(called) if name_of(called) == SIMILAR_TO_REGEX => {}
        other => *other = call(POSIX_REGEX, vec![other.clone()]),
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

/// Functions that are expressed by others: the present as text, and the type of a text without a type.
fn in_other_words(called: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &called.args else {
        return None;
    };
    match (name_of(called).as_str(), list.args.as_slice()) {
        ("timeofday", []) => Some(call(
            "to_char",
            vec![call("clock_timestamp", Vec::new()), text(TIME_OF_DAY)],
        )),
        // The type of NULL is unknown too.
        (TYPE_OF, [FunctionArg::Unnamed(FunctionArgExpr::Expr(value))]) if is_text(value) => {
            Some(call(TYPE_OF, vec![literal(Value::Null)]))
        }
        _ => None,
    }
}

fn kind_of(called: &Function) -> Option<DataType> {
    let name = name_of(called);
    let count = COUNTS.iter().find(|(known, _)| *known == name);
    count.filter(|_| called.over.is_some()).map(|(_, kind)| kind.clone())
}

/// `round(x, 2)`, where the number of decimals is written and so tells the type: with the decimals that are shown.
fn show_decimals(called: &mut Function) {
    let to = match name_of(called).as_str() {
        "round" => ROUND_TO,
        "trunc" => TRUNC_TO,
        _ => return,
    };
    let FunctionArguments::List(list) = &mut called.args else {
        return;
    };
    let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(decimals))] = list.args.as_slice() else {
        return;
    };
    let Some(decimals) = whole_number(decimals) else {
        return;
    };
    let shown = decimals.clamp(0, MOST_SHOWN).to_string();
    list.args.push(argument(literal(Value::Number(shown, false))));
    called.name = function(to, Vec::new(), Vec::new()).name;
}

/// A whole number that is written in the statement.
fn whole_number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => whole_number(expr)?.checked_neg(),
        Expr::Nested(inner) => whole_number(inner),
        _ => None,
    }
}

fn rename_one(called: &mut Function) {
    let name = name_of(called);
    if let Some((_, engines)) = NAMES.iter().find(|(known, _)| *known == name) {
        called.name = function(engines, Vec::new(), Vec::new()).name;
    }
    if name == "count" {
        count_rows(called);
    }
    if OF_PATTERNS.contains(&name.as_str())
        && let FunctionArguments::List(list) = &mut called.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern))) = list.args.get_mut(1)
    {
        write_pattern(pattern);
    }
}

/// `count(*)` for `count(1)`: the engine refuses both beside each other, as two columns of one name.
fn count_rows(called: &mut Function) {
    if let FunctionArguments::List(list) = &mut called.args
        && list.duplicate_treatment.is_none()
        && let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice()
        && let FunctionArgExpr::Expr(Expr::Value(value)) = argument
        && matches!(value.value, Value::Number(..))
    {
        *argument = FunctionArgExpr::Wildcard;
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn functions_have_the_engines_names() {
        for (expr, expected) in [
            ("every(a)", "bool_and(a)"),
            ("rank() OVER (ORDER BY a)", "CAST(rank() OVER (ORDER BY a) AS BIGINT)"),
            ("substring(a from 'b.')", "substring_regex(a, 'b.')"),
            ("substring(a from 2)", "SUBSTRING(a FROM 2)"),
            ("a ~ '\\ya'", "a ~ '\\ba'"),
            ("a ~ 'b.c'", "a ~ '(?s)b.c'"),
            ("a ~* b", "a ~* posix_regex(b)"),
            ("a ~ $1", "a ~ posix_regex(CAST($1 AS TEXT))"),
            ("a ~ similar_to_regex(b, '!')", "a ~ similar_to_regex(b, '!')"),
            ("regexp_like(a, '[[:digit:]]')", "regexp_like(a, '[0-9]')"),
            ("array_replace(a, 1, 2)", "array_replace_all(a, 1, 2)"),
            ("round(a, 2)", "round_to(a, 2, 2)"),
            ("trunc(a, -2)", "trunc_to(a, -2, 0)"),
            ("round(a, b)", "round(a, b)"),
            ("upper(a)", "upper(a)"),
            ("count(1)", "count(*)"),
            ("count(distinct 1)", "count(DISTINCT 1)"),
            ("count(a)", "count(a)"),
            ("pg_typeof('a')", "pg_typeof(NULL)"),
            ("pg_typeof(a)", "pg_typeof(a)"),
            (
                "timeofday()",
                "to_char(clock_timestamp(), 'Dy Mon DD HH24:MI:SS.US YYYY TZ')",
            ),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            rename(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
