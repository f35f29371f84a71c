//! Conditions on `ctid`, the address of a row: a page of the table, and a place on it. Tools that read a table in parts
//! ask for a range of pages in each, from page 0 on. Here a table has this one page, so a part has all of its rows or
//! none.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement, Value};

use crate::postgres::error::QueryError;
use crate::postgres::syntax::{literal, rewrite_each};

const COLUMN: &str = "ctid";

/// An address that is compared with those of all rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Address {
    page: u64,
    place: u64,
}

/// The lowest address: places on a page begin with 1. There is no highest one, as the number of places is not defined.
const BEFORE_ALL: Address = Address { page: 0, place: 1 };
const AFTER_ALL: Address = Address { page: 1, place: 0 };

/// Replaces the conditions by their value: true or false.
pub fn rewrite(statement: &mut Statement) -> Result<(), QueryError> {
    rewrite_each(statement, |expr| {
        let answer = match expr {
            Expr::Between {
                expr: column,
                negated,
                low,
                high,
            } if is_address(column) => {
                let holds = at_least(address(low)?)? && at_most(address(high)?)?;
                Some(holds != *negated)
            }
            Expr::BinaryOp { left, op, right } if is_address(left) => match op {
                BinaryOperator::GtEq | BinaryOperator::Gt => Some(at_least(address(right)?)?),
                BinaryOperator::LtEq | BinaryOperator::Lt => Some(at_most(address(right)?)?),
                _ => return Err(not_supported()),
            },
            _ => None,
        };
        if let Some(answer) = answer {
            *expr = literal(Value::Boolean(answer));
        }
        Ok(())
    })
}

fn is_address(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => name,
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(name) => name,
            None => return false,
        },
        _ => return false,
    };
    name.value.eq_ignore_ascii_case(COLUMN)
}

/// Whether all rows come after an address, or none.
fn at_least(address: Address) -> Result<bool, QueryError> {
    match address {
        low if low <= BEFORE_ALL => Ok(true),
        low if low >= AFTER_ALL => Ok(false),
        _ => Err(not_supported()),
    }
}

/// Whether all rows come before an address, or none.
fn at_most(address: Address) -> Result<bool, QueryError> {
    match address {
        high if high >= AFTER_ALL => Ok(true),
        high if high < BEFORE_ALL => Ok(false),
        _ => Err(not_supported()),
    }
}

/// `'(page,place)'::tid`
fn address(expr: &Expr) -> Result<Address, QueryError> {
    let literal = match expr {
        Expr::Cast { expr, .. } => expr.as_ref(),
        expr => expr,
    };
    let text = match literal {
        Expr::Value(value) => value.value.clone().into_string(),
        _ => None,
    };
    let numbers = text
        .as_deref()
        .and_then(|text| text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(','));
    let numbers = numbers.and_then(|(page, place)| Some((page.trim().parse().ok()?, place.trim().parse().ok()?)));
    let (page, place) = numbers.ok_or_else(not_supported)?;
    Ok(Address { page, place })
}

fn not_supported() -> QueryError {
    QueryError::NotSupported(
        "rows have no addresses here: ctid can only be compared with ranges of pages, such as BETWEEN '(0,0)' AND '(1000,0)'"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn answered(condition: &str) -> Result<String, QueryError> {
        let sql = format!("SELECT a FROM t WHERE {condition}");
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(&sql).remove(0);
        rewrite(&mut statement)?;
        let text = statement.to_string();
        Ok(text.rsplit("WHERE ").next().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_table_has_one_page() {
        for (condition, expected) in [
            ("ctid BETWEEN '(0,0)'::tid AND '(4294967295,0)'::tid", "true"),
            ("t.ctid BETWEEN '(0,0)'::tid AND '(1000,0)'::tid", "true"),
            ("ctid BETWEEN '(1000,0)'::tid AND '(2000,0)'::tid", "false"),
            ("ctid BETWEEN '(0,0)'::tid AND '(0,0)'::tid", "false"),
            ("ctid >= '(0,1)'::tid AND ctid < '(1,0)'::tid", "true AND true"),
            ("ctid > '(7,3)'", "false"),
            ("a BETWEEN 1 AND 2", "a BETWEEN 1 AND 2"),
        ] {
            assert_eq!(answered(condition).expect(condition), expected);
        }
        for condition in [
            "ctid = '(0,1)'::tid",
            "ctid > '(0,5)'::tid",
            "ctid < '(0,5)'",
            "ctid > 'x'",
            "ctid > a",
        ] {
            assert!(answered(condition).is_err(), "{condition}");
        }
    }
}
