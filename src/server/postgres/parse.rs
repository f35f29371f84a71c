//! SQL text to statements, in PostgreSQL's dialect, of a size that can be planned.
//!
//! Questions about the database itself (`pg_catalog`, `information_schema`), which tools ask in their own ways, go through
//! the rewrites of `datafusion-pg-catalog`, some of which answer less than was asked (a subquery becomes NULL). Everybody
//! else's statements get only those that keep their meaning.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Tokenizer;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use super::error::QueryError;
use super::{arrays, bounds, listings, quantified, system};
use crate::engine::dialect::time;

/// Bytes of SQL that are taken at a time.
const LONGEST: usize = 1024 * 1024;

/// Parses statements.
#[derive(Debug)]
pub struct Parse {
    system: PostgresCompatibilityParser,
    faithful: Vec<Arc<dyn SqlStatementRewriteRule>>,
}

impl Parse {
    /// With all rewrites ready.
    pub fn new() -> Self {
        Self {
            system: PostgresCompatibilityParser::new(),
            faithful: vec![
                Arc::new(StripCallableQualifier),
                Arc::new(CurrentUserVariableToSessionUserFunctionCall),
                Arc::new(StripCollate),
                Arc::new(RewritePgCatalogOperator),
            ],
        }
    }

    /// The statements of `sql`; none of a blank text.
    pub fn statements(&self, sql: &str) -> Result<Vec<Statement>, QueryError> {
        if sql.len() > LONGEST {
            return Err(QueryError::TooLong(LONGEST));
        }
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, sql).tokenize_with_location();
        let tokens = tokens.map_err(|error| QueryError::Syntax(reason(error.into())))?;
        bounds::check_depth(&tokens)?;
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let statements = match parser.parse_statements() {
            Ok(statements) => statements,
            // Some questions of tools are beyond the parser, and replaced as a whole.
            Err(error) => {
                return match self.system.parse(sql) {
                    Ok(statements) if statements.iter().all(system::is_about_system) => Ok(statements),
                    _ => Err(QueryError::Syntax(reason(error))),
                };
            }
        };
        for statement in &statements {
            bounds::check_size(statement)?;
        }
        let about_system: Vec<bool> = statements.iter().map(system::is_about_system).collect();
        let known = match about_system.contains(&true) {
            true => self.system.parse(sql).unwrap_or_default(),
            false => Vec::new(),
        };
        let is_aligned = known.len() == statements.len();
        let known = known.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        statements
            .into_iter()
            .zip(about_system)
            .zip(known)
            .map(|((statement, is_about_system), known)| {
                if !is_about_system {
                    return self.faithful(listings::as_query(statement)?);
                }
                match known {
                    // The library knows the question, and that the answer is empty here.
                    Some(mut known)
                        if is_aligned && system::reads_tables(&statement) && !system::reads_tables(&known) =>
                    {
                        system::keep_parameters(&statement, &mut known);
                        Ok(known)
                    }
                    _ => self.of_system(statement),
                }
            })
            .collect()
    }

    fn of_system(&self, mut statement: Statement) -> Result<Statement, QueryError> {
        let before = statement.clone();
        system::asked(&mut statement);
        arrays::read_casts(&mut statement)?;
        quantified::call_functions(&mut statement)?;
        let mut statement = self.system.rewrite(statement);
        system::understood(&mut statement);
        system::keep_parameters(&before, &mut statement);
        Ok(statement)
    }

    fn faithful(&self, mut statement: Statement) -> Result<Statement, QueryError> {
        time::in_statement(&mut statement)?;
        arrays::read_casts(&mut statement)?;
        quantified::call_functions(&mut statement)?;
        Ok(self
            .faithful
            .iter()
            .fold(statement, |statement, rule| rule.rewrite(statement)))
    }
}

fn reason(error: ParserError) -> String {
    match error {
        ParserError::ParserError(reason) | ParserError::TokenizerError(reason) => reason,
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(sql: &str) -> String {
        let statements = Parse::new().statements(sql).expect(sql);
        statements
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn questions_keep_their_meaning() {
        for sql in [
            "SELECT (SELECT max(u.email) FROM users AS u WHERE u.user_id = e.user_id) FROM enrolments AS e",
            "SELECT (SELECT user_id FROM users) AS one",
            "WITH pg_class AS (SELECT 1 AS a) SELECT (SELECT a FROM pg_class AS b WHERE b.a = c.a) FROM users AS c",
            "SELECT 'ABORT' AS abort",
        ] {
            assert_eq!(parsed(sql), sql);
        }
        assert_eq!(
            parsed("select public.concat('a'), email collate \"C\" from users"),
            "SELECT concat('a'), email FROM users"
        );
    }

    #[test]
    fn questions_that_the_library_knows_are_replaced_alone() {
        let asked = "SELECT n.nspname schema_name, t.typname type_name FROM pg_catalog.pg_type t INNER JOIN \
                     pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE ( t.typrelid = 0 OR ( SELECT c.relkind = 'c' \
                     FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid ) ) AND NOT EXISTS( SELECT 1 FROM \
                     pg_catalog.pg_type el WHERE el.oid = t.typelem AND el.typarray = t.oid ) AND n.nspname <> 'pg_catalog' \
                     AND n.nspname <> 'information_schema' ORDER BY 1, 2";
        let statements = Parse::new()
            .statements(&format!("select 1; {asked}; select user_id from users"))
            .expect("sql");
        assert_eq!(statements.len(), 3);
        assert!(!system::reads_tables(&statements[1]), "{}", statements[1]);
        assert_eq!(statements[2].to_string(), "SELECT user_id FROM users");
    }
}
