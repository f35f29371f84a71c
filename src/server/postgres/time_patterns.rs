//! PostgreSQL's patterns of times (`YYYY-MM-DD HH24:MI:SS`) in `to_char`, `to_timestamp` and `to_date`, as the engine writes
//! them (`%Y-%m-%d %H:%M:%S`).
//!
//! A pattern that cannot be written so is refused. One with `%` is the engine's own, and stays.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value,
};

use super::error::QueryError;
use super::syntax::{self, name_of, rewrite_each};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Written,
    Read,
}

/// PostgreSQL's pattern, how it is written, how it is written with FM before it, how it is read. None: refused.
type Pattern = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// Longer ones first.
const PATTERNS: [Pattern; 25] = [
    ("Month", None, Some("%B"), Some("%B")),
    ("HH24", Some("%H"), Some("%-H"), Some("%H")),
    ("HH12", Some("%I"), Some("%-I"), Some("%I")),
    ("YYYY", Some("%Y"), Some("%Y"), Some("%Y")),
    ("IYYY", Some("%G"), Some("%G"), None),
    ("DDD", Some("%j"), Some("%-j"), Some("%j")),
    ("Day", None, Some("%A"), None),
    ("Mon", Some("%b"), Some("%b"), Some("%b")),
    ("Dy", Some("%a"), Some("%a"), None),
    ("YY", Some("%y"), Some("%y"), None),
    ("MM", Some("%m"), Some("%-m"), Some("%m")),
    ("DD", Some("%d"), Some("%-d"), Some("%d")),
    ("HH", Some("%I"), Some("%-I"), Some("%I")),
    ("MI", Some("%M"), Some("%-M"), Some("%M")),
    ("SS", Some("%S"), Some("%-S"), Some("%S")),
    ("MS", Some("%3f"), None, Some("%3f")),
    ("US", Some("%6f"), None, Some("%6f")),
    ("IW", Some("%V"), Some("%-V"), None),
    ("ID", Some("%u"), Some("%u"), None),
    ("AM", Some("%p"), Some("%p"), Some("%p")),
    ("PM", Some("%p"), Some("%p"), Some("%p")),
    ("am", Some("%P"), Some("%P"), Some("%P")),
    ("pm", Some("%P"), Some("%P"), Some("%P")),
    ("Q", Some("%q"), Some("%q"), None),
    ("FM", None, None, None),
];

/// Rewrites the patterns of a statement that are literal.
pub fn rewrite(statement: &mut Statement) -> Result<(), QueryError> {
    rewrite_each(statement, rewrite_call)
}

fn rewrite_call(expr: &mut Expr) -> Result<(), QueryError> {
    let Expr::Function(function) = expr else {
        return Ok(());
    };
    let name = name_of(function);
    let way = match name.as_str() {
        "to_char" => Way::Written,
        "to_timestamp" | "to_date" => Way::Read,
        _ => return Ok(()),
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(pattern))),
    ] = list.args.as_mut_slice()
    else {
        return Ok(());
    };
    let Value::SingleQuotedString(text) = &pattern.value else {
        return Ok(());
    };
    if text.contains('%') {
        return Ok(());
    }
    let mut translated = translate(text, way)?;
    if name == "to_timestamp" && !["%H", "%I"].iter().any(|hour| translated.contains(hour)) {
        // The engine reads no moment without a time of the day.
        let midnight = syntax::text(" 00:00:00");
        *value = Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(value.clone()))),
            op: BinaryOperator::StringConcat,
            right: Box::new(midnight),
        };
        translated.push_str(" %H:%M:%S");
    }
    pattern.value = Value::SingleQuotedString(translated);
    Ok(())
}

fn translate(pattern: &str, way: Way) -> Result<String, QueryError> {
    let refused = |part: &str| {
        QueryError::NotSupported(format!(
            "the pattern \"{part}\" of \"{pattern}\" is not supported; put letters that stand for themselves in double quotes"
        ))
    };
    let mut translated = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quoted.split_once('"').ok_or_else(|| refused(rest))?;
            translated.push_str(text);
            rest = after;
            continue;
        }
        if !letter.is_alphanumeric() {
            translated.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        }
        let (is_filled, after) = match rest.strip_prefix("FM") {
            Some(after) => (false, after),
            None => (true, rest),
        };
        let found = PATTERNS.iter().find(|(name, ..)| after.starts_with(name));
        let (name, written, short, read) = found.ok_or_else(|| refused(rest))?;
        let part = match (way, is_filled) {
            (Way::Written, true) => written,
            (Way::Written, false) => short,
            (Way::Read, _) => read,
        };
        translated.push_str(part.ok_or_else(|| refused(name))?);
        rest = &after[name.len()..];
        // Ordinals: DDth.
        if rest.starts_with("TH") || rest.starts_with("th") {
            return Err(refused(rest));
        }
    }
    Ok(translated)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use super::super::parse::Parse;

    #[tokio::test]
    async fn patterns_are_understood() {
        let session = SessionContext::new();
        for (asked, expected) in [
            (
                "to_char(timestamp '2026-03-05 16:07:08.25', 'YYYY-MM-DD HH24:MI:SS.US')",
                "2026-03-05 16:07:08.250000",
            ),
            (
                "to_char(timestamp '2026-03-05 16:07:08.25', 'FMDD Mon YYYY, FMHH12:MI am')",
                "5 Mar 2026, 4:07 pm",
            ),
            (
                "to_char(timestamp '2026-03-05 16:07:08.25', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS')",
                "2026-03-05T16:07:08.250",
            ),
            ("to_char(timestamp '2026-03-05 16:07:08', '%d.%m.')", "05.03."),
            (
                "to_timestamp('2026-01-02 03:04:05.500000', 'YYYY-MM-DD HH24:MI:SS.US')",
                "2026-01-02T03:04:05.500",
            ),
            ("to_timestamp('2026-01-02', 'YYYY-MM-DD')", "2026-01-02T00:00:00"),
            ("to_date('02/01/2026', 'DD/MM/YYYY')", "2026-01-02"),
        ] {
            let statements = Parse::new().statements(&format!("select {asked} as t")).expect(asked);
            let batches = session
                .sql(&statements[0].to_string())
                .await
                .expect(asked)
                .collect()
                .await;
            let table = pretty_format_batches(&batches.expect(asked)).expect(asked).to_string();
            assert!(table.contains(expected), "{asked}: {table}");
        }
        for pattern in ["Month", "YYYY-MM-DDTHH24", "DDth", "J", "999", "MONTH", "\"open"] {
            let sql = format!("select to_char(now(), '{pattern}')");
            assert!(Parse::new().statements(&sql).is_err(), "{pattern}");
        }
    }
}
