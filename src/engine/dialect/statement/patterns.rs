//! `SIMILAR TO`: a pattern of the SQL standard, which has to match the whole text, with `%` and `_` as in LIKE.
//!
//! The engine takes it for a regular expression that may match a part. Here it becomes a match with the regular expression
//! that `similar_to_regex` makes of the pattern.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement};

use super::super::syntax::{call, rewrite_all, text};
use super::super::texts::SIMILAR_TO_REGEX;

/// Rewrites SIMILAR TO, and operators of texts that the engine does not know.
pub fn anchor(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        let other = match expr {
            Expr::SimilarTo {
                negated,
                expr,
                pattern,
                escape_char,
            } => {
                let escape = escape_char.take().and_then(|letter| letter.value.into_string());
                let pattern = vec![(**pattern).clone(), text(escape.as_deref().unwrap_or("\\"))];
                Expr::BinaryOp {
                    left: Box::new(Expr::Nested(expr.clone())),
                    op: match negated {
                        true => BinaryOperator::PGRegexNotMatch,
                        false => BinaryOperator::PGRegexMatch,
                    },
                    right: Box::new(call(SIMILAR_TO_REGEX, pattern)),
                }
            }
            Expr::BinaryOp {
                left,
                op: BinaryOperator::PGStartsWith,
                right,
            } => call("starts_with", vec![(**left).clone(), (**right).clone()]),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::PGOverlap,
                right,
            } => call("array_overlap", vec![(**left).clone(), (**right).clone()]),
            _ => return,
        };
        *expr = Expr::Nested(Box::new(other));
    });
}
