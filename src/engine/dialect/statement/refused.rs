//! Refuses forms that the engine would take for something else than PostgreSQL does, without a word.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Select, SelectItem, Statement, TableFactor, TableSampleKind, Value, ValueWithSpan, Visitor,
};

use super::super::DialectError;
use crate::engine::dialect::walk::walk;

/// Refuses a statement that has such a form.
///
/// # Errors
/// With what to write instead.
pub fn refuse(statement: &Statement) -> Result<(), DialectError> {
    match walk(statement, &mut Finder) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// `TABLESAMPLE SYSTEM (100)`: all rows.
fn is_whole(sample: &TableSampleKind) -> bool {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
    let quantity = sample.quantity.as_ref();
    quantity.is_some_and(|quantity| quantity.parenthesized && quantity.value.to_string() == "100")
}

struct Finder;

impl Visitor for Finder {
    type Break = DialectError;

    /// The engine reads all rows.
    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<DialectError> {
        match factor {
            TableFactor::Table {
                sample: Some(sample), ..
            }
            | TableFactor::Derived {
                sample: Some(sample), ..
            } if !is_whole(sample) => {
                let what = "TABLESAMPLE is not supported; write WHERE random() < 0.1 for a tenth of the rows";
                ControlFlow::Break(DialectError::NotSupported(what.to_owned()))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// `SELECT 'a' 'b'`: the engine takes the second text for a name.
    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<DialectError> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item
                && alias.quote_style == Some('\'')
            {
                let what = format!(
                    "syntax error at \"'{0}'\": a name is written in double quotes (AS \"{0}\"), and texts are joined by ||",
                    alias.value
                );
                return ControlFlow::Break(DialectError::Syntax(what));
            }
        }
        ControlFlow::Continue(())
    }

    /// `0x1F` and `X'1F'`: the engine takes both for bytes.
    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<DialectError> {
        match &value.value {
            Value::HexStringLiteral(digits) => {
                let what = format!(
                    "numbers and bits in hexadecimal are not supported; write a number in decimal, or bytes as '\\x{digits}'::bytea"
                );
                ControlFlow::Break(DialectError::NotSupported(what))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn refused(sql: &str) -> bool {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        refuse(&statements[0]).is_err()
    }

    #[test]
    fn forms_of_another_meaning_are_refused() {
        for sql in [
            "select * from users tablesample system (10)",
            "select count(*) from (select 1 from users tablesample bernoulli (1)) t",
            "select 'a' 'b'",
            "select x'1F'",
            "select 0x1F",
        ] {
            assert!(refused(sql), "{sql}");
        }
        for sql in [
            "select 'a' as \"b\", 'a' \"c\", a d from users",
            "select * from users tablesample system (100)",
            "select '\\x1F'::bytea",
        ] {
            assert!(!refused(sql), "{sql}");
        }
    }
}
