//! Operators that the engine plans otherwise, or not at all: a sign before a power, roots, absolute values, and LIKE
//! with an escape character of its own.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement, UnaryOperator, Value, ValueWithSpan};

use super::super::syntax::{call, literal, rewrite_all, text};

/// What escapes a letter of a pattern where nothing else is said.
const ESCAPE: char = '\\';

/// Rewrites the operators of a statement.
pub fn rewrite(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::UnaryOp { op, expr: operand } => {
            if let Some(other) = in_other_words(*op, operand) {
                *expr = other;
            }
        }
        Expr::Like {
            any: false,
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            any: false,
            pattern,
            escape_char,
            ..
        } => {
            if let Some(escaped) = with_backslashes(pattern, escape_char.as_ref()) {
                **pattern = escaped;
                *escape_char = None;
            }
        }
        _ => {}
    });
}

fn in_other_words(operator: UnaryOperator, operand: &Expr) -> Option<Expr> {
    Some(match operator {
        UnaryOperator::Minus => signed_power(operand)?,
        UnaryOperator::PGSquareRoot => call("sqrt", vec![operand.clone()]),
        UnaryOperator::PGCubeRoot => call("cbrt", vec![operand.clone()]),
        UnaryOperator::PGAbs => call("abs", vec![operand.clone()]),
        // The complement of two: -1 - x.
        UnaryOperator::BitwiseNot => Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(literal(Value::Number("-1".to_owned(), false))),
            op: BinaryOperator::Minus,
            right: Box::new(Expr::Nested(Box::new(operand.clone()))),
        })),
        _ => return None,
    })
}

/// `-2 ^ 2` is `(-2) ^ 2`: a sign binds more closely than a power, which the parser has the other way round.
fn signed_power(operand: &Expr) -> Option<Expr> {
    let Expr::BinaryOp {
        left,
        op: op @ BinaryOperator::PGExp,
        right,
    } = operand
    else {
        return None;
    };
    let signed = signed_power(left).unwrap_or_else(|| {
        Expr::Nested(Box::new(Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: left.clone(),
        }))
    });
    Some(Expr::BinaryOp {
        left: Box::new(signed),
        op: op.clone(),
        right: right.clone(),
    })
}

/// A written pattern of LIKE whose escape character is the backslash, which is the only one that the engine knows.
/// `None` where it is so already, or the pattern is not written in the statement.
fn with_backslashes(pattern: &Expr, escape: Option<&ValueWithSpan>) -> Option<Expr> {
    let escape = escape?.value.clone().into_string()?;
    let Expr::Value(written) = pattern else {
        return None;
    };
    let Value::SingleQuotedString(written) = &written.value else {
        return None;
    };
    let mut letters = escape.chars();
    let escape = letters.next();
    if escape == Some(ESCAPE) || letters.next().is_some() {
        return None;
    }
    let mut made = String::with_capacity(written.len());
    let mut letters = written.chars();
    while let Some(letter) = letters.next() {
        if Some(letter) == escape {
            match letters.next() {
                Some(escaped @ ('%' | '_' | ESCAPE)) => made.extend([ESCAPE, escaped]),
                Some(escaped) => made.push(escaped),
                None => made.push(ESCAPE),
            }
        } else if letter == ESCAPE {
            made.extend([ESCAPE, ESCAPE]);
        } else {
            made.push(letter);
        }
    }
    Some(text(&made))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn operators_mean_what_they_mean_to_postgresql() {
        for (expr, expected) in [
            ("-2 ^ 2", "(-2) ^ 2"),
            ("-a ^ 2 ^ 3", "(-a) ^ 2 ^ 3"),
            ("3 - 2 ^ 2", "3 - 2 ^ 2"),
            ("-(2 ^ 2)", "-(2 ^ 2)"),
            ("|/ 16", "sqrt(16)"),
            ("||/ 27", "cbrt(27)"),
            ("@ a", "abs(a)"),
            ("~5", "(-1 - (5))"),
            ("a LIKE 'x!%' ESCAPE '!'", r"a LIKE 'x\%'"),
            ("a NOT LIKE 'x!!%' ESCAPE '!'", "a NOT LIKE 'x!%'"),
            ("a ILIKE '#_\\' ESCAPE '#'", r"a ILIKE '\_\\'"),
            ("a LIKE 'x\\%' ESCAPE ''", r"a LIKE 'x\\%'"),
            ("a LIKE b ESCAPE '!'", "a LIKE b ESCAPE '!'"),
            ("a LIKE 'b'", "a LIKE 'b'"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            rewrite(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
