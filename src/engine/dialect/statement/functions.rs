//! Functions that the engine has by another name or in another form, and counts that it gives in a type of its own.

use datafusion::sql::sqlparser::ast::{BinaryOperator, DataType, Expr, Function, Statement, Value};

use super::super::syntax::{call, cast, function, name_of, rewrite_all};
use super::super::texts::posix;

/// PostgreSQL's name, and the engine's.
const NAMES: [(&str, &str); 4] = [
    ("every", "bool_and"),
    ("variance", "var_samp"),
    ("gen_random_uuid", "uuid"),
    ("array_cat", "array_concat"),
];

/// Counts are `bigint`, where the engine's have no sign.
const COUNTS: [(&str, DataType); 4] = [
    ("row_number", DataType::BigInt(None)),
    ("rank", DataType::BigInt(None)),
    ("dense_rank", DataType::BigInt(None)),
    ("ntile", DataType::Int(None)),
];

/// Renames and casts the functions of a statement.
pub fn rename(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::Function(called) => {
            if let Some(kind) = kind_of(called) {
                *expr = cast(expr.clone(), kind);
            } else {
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
        } => {
            if let Expr::Value(value) = right.as_mut()
                && let Value::SingleQuotedString(pattern) = &mut value.value
            {
                *pattern = posix(pattern);
            }
        }
        _ => {}
    });
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

fn kind_of(called: &Function) -> Option<DataType> {
    let name = name_of(called);
    let count = COUNTS.iter().find(|(known, _)| *known == name);
    count.filter(|_| called.over.is_some()).map(|(_, kind)| kind.clone())
}

fn rename_one(called: &mut Function) {
    let name = name_of(called);
    if let Some((_, engines)) = NAMES.iter().find(|(known, _)| *known == name) {
        called.name = function(engines, Vec::new(), Vec::new()).name;
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
            ("upper(a)", "upper(a)"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            rename(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
