//! Casts to numbers, texts and documents: calls of functions that round, check and write as PostgreSQL does.

use datafusion::sql::sqlparser::ast::{
    CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Statement, TypedString, Value,
};

use super::super::syntax::{call, cast, literal, rewrite_all};
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
