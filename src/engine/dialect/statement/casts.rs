//! Casts to numbers, texts and documents: calls of functions that round, check and write as PostgreSQL does.

use datafusion::sql::sqlparser::ast::{
    CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Statement, TypedString, Value,
};

use super::super::syntax::{call, cast, literal, rewrite_all, text};
use super::super::type_names;
use super::literals::numeric_literal;

/// Types that a function of the same name makes.
const MADE: [&str; 11] = [
    "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "json", "jsonb",
];

/// Calls the functions where a statement casts.
pub fn call_functions(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        let called = match expr {
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr,
                data_type,
                array: false,
                format: None,
            } => match (is_parameter(expr), &*data_type) {
                (false, _) => made(expr, data_type),
                // A client sends the text of a document.
                (true, DataType::JSON | DataType::JSONB) => made(&cast((**expr).clone(), DataType::Text), data_type),
                (true, _) => None,
            },
            Expr::TypedString(TypedString { data_type, value, .. }) => made(&literal(value.value.clone()), data_type),
            _ => None,
        };
        if let Some(called) = called {
            *expr = called;
        }
    });
}

/// A parameter has the type that it is cast to.
fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

fn made(expr: &Expr, kind: &DataType) -> Option<Expr> {
    if matches!(kind, DataType::Bytea) {
        return bytes(expr);
    }
    let name = type_names::of_sql(kind);
    // Arrays are cast element by element.
    if matches!(kind, DataType::Array(_)) || !MADE.contains(&name.as_str()) {
        return None;
    }
    if let (Expr::Value(value), true) = (expr, name == "numeric" && size(kind).is_empty())
        && let Value::SingleQuotedString(text) = &value.value
        && let Some(number) = numeric_literal(text)
    {
        return Some(number);
    }
    let mut arguments = vec![expr.clone()];
    arguments.extend(size(kind).into_iter().map(number));
    Some(call(&name, arguments))
}

/// Bytes that are written in one of PostgreSQL's formats, `'\x4142'` or `'A\\102'`; `None` where a text is its own
/// bytes.
fn bytes(expr: &Expr) -> Option<Expr> {
    let Expr::Value(value) = expr else { return None };
    let Value::SingleQuotedString(written) = &value.value else {
        return None;
    };
    let digits = match written.strip_prefix("\\x") {
        Some(digits) => digits.split_whitespace().collect(),
        None if written.contains('\\') => hexadecimal(&unescaped(written)),
        None => return None,
    };
    // Digits that are none are an error of this function.
    Some(call("decode", vec![text(&digits), text("hex")]))
}

/// `\\` is a backslash, and a backslash with three digits the byte of that octal number.
fn unescaped(written: &str) -> Vec<u8> {
    let mut made = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let (value, used) = match after {
            _ if *byte != b'\\' => (*byte, 0),
            [b'\\', ..] => (b'\\', 1),
            after => octal(after).map_or((*byte, 0), |value| (value, 3)),
        };
        made.push(value);
        rest = &after[used..];
    }
    made
}

/// The byte whose octal number the text begins with.
fn octal(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..3)?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .filter_map(|half| char::from_digit(u32::from(half), 16))
        .collect()
}

/// Digits and decimals, or letters.
fn size(kind: &DataType) -> Vec<i64> {
    match kind {
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => match info {
            ExactNumberInfo::None => Vec::new(),
            ExactNumberInfo::Precision(digits) => vec![i64::try_from(*digits).unwrap_or(i64::MAX), 0],
            ExactNumberInfo::PrecisionAndScale(digits, decimals) => {
                vec![i64::try_from(*digits).unwrap_or(i64::MAX), *decimals]
            }
        },
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length)
        | DataType::Char(length)
        | DataType::Character(length) => match length {
            Some(CharacterLength::IntegerLength { length, .. }) => vec![i64::try_from(*length).unwrap_or(i64::MAX)],
            // char is char(1).
            None if type_names::of_sql(kind) == "bpchar" => vec![1],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn number(value: i64) -> Expr {
    literal(Value::Number(value.to_string(), false))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn casts_to_numbers_and_texts_are_calls() {
        for (expr, expected) in [
            ("a::int", "int4(a)"),
            ("CAST(a AS BIGINT)", "int8(a)"),
            ("a::float", "float8(a)"),
            ("a::real", "float4(a)"),
            ("a::numeric", "numeric(a)"),
            ("a::numeric(10, 2)", "numeric(a, 10, 2)"),
            ("a::varchar(3)", "varchar(a, 3)"),
            ("a::char", "bpchar(a, 1)"),
            ("a::int::text", "text(int4(a))"),
            ("numeric '1.50'", "CAST('1.50' AS NUMERIC(3,2))"),
            ("'x'::numeric", "numeric('x')"),
            ("$1::int", "$1::INT"),
            ("'{}'::jsonb", "jsonb('{}')"),
            ("json '[]'", "json('[]')"),
            ("$1::jsonb", "jsonb(CAST($1 AS TEXT))"),
            (r"'\x41 42'::bytea", "decode('4142', 'hex')"),
            (r"bytea 'a\\\101'", "decode('615c41', 'hex')"),
            ("'a'::bytea", "'a'::BYTEA"),
            ("a::bytea", "a::BYTEA"),
            ("a::date", "a::DATE"),
            ("a::boolean", "a::BOOLEAN"),
            ("a::text[]", "a::TEXT[]"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            call_functions(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
