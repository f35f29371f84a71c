//! `a[i]` and `a[i:j]`. The engine counts negative places from an array's end, where PostgreSQL has no elements, and
//! needs both bounds of a slice.

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Statement, Subscript, UnaryOperator, Value};

use crate::engine::dialect::syntax::{call, literal, rewrite_all};

/// Rewrites subscripts so that they count from the first element alone.
pub fn count_from_one(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
            for access in access_chain {
                match access {
                    AccessExpr::Subscript(Subscript::Index { index }) => *index = at_least(index, 0),
                    AccessExpr::Subscript(Subscript::Slice {
                        lower_bound,
                        upper_bound,
                        stride: None,
                    }) => {
                        let first = lower_bound
                            .take()
                            .map_or_else(|| number(1), |bound| at_least(&bound, 1));
                        let last = upper_bound
                            .take()
                            .map_or_else(|| number(i64::from(i32::MAX)), |bound| at_least(&bound, 0));
                        (*lower_bound, *upper_bound) = (Some(first), Some(last));
                    }
                    _ => {}
                }
            }
        }
    });
}

/// The place, which is no less than `least`. Fields of documents are named by texts.
fn at_least(place: &Expr, least: i64) -> Expr {
    match place {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.parse::<i64>().is_ok_and(|written| written < least) => number(least),
            _ => place.clone(),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } if matches!(expr.as_ref(), Expr::Value(_)) => number(least),
        // NULL gives no element, as the place before the first one.
        place => call("greatest", vec![place.clone(), number(least)]),
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
    fn places_are_not_counted_from_the_end() {
        for (expr, expected) in [
            ("a[1]", "a[1]"),
            ("a[-1]", "a[0]"),
            ("a[i - 1]", "a[greatest(i - 1, 0)]"),
            ("a[:2]", "a[1:2]"),
            ("a[2:]", "a[2:2147483647]"),
            ("a[-1:2]", "a[1:2]"),
            ("a[0:-2]", "a[1:0]"),
            ("a['b']", "a['b']"),
            ("a[1][-2]", "a[1][0]"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            count_from_one(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
