//! SQL text to statements, in PostgreSQL's dialect, of a size that can be planned.
//!
//! Questions about the database itself (`pg_catalog`, `information_schema`), which tools ask in their own ways, go
//! through the rewrites of `datafusion-pg-catalog`, some of which lose a part of the answer (a subquery becomes NULL).
//! Other statements get only the rewrites that keep their meaning.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{CopySource, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use super::{copy, statement_limits};
use crate::engine::dialect::{self, forms, precedence, time};
use crate::postgres::catalog::{listings, row_addresses, system};
use crate::postgres::error::QueryError;

/// Bytes of SQL that are taken at a time.
const LONGEST: usize = 1024 * 1024;
/// The parser's recursion limit. A calculation in brackets within another takes two levels; deeper statements are
/// refused.
const PARSER_DEPTH: usize = 300;

/// Parses statements.
#[derive(Debug)]
pub struct Parse {
    system: PostgresCompatibilityParser,
    faithful: Vec<Arc<dyn SqlStatementRewriteRule>>,
}

impl Parse {
    /// A parser with all rewrites set up.
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
        let tokens = tokens(sql)?;
        statement_limits::check_depth(&tokens)?;
        let parser = Parser::new(&dialect).with_recursion_limit(PARSER_DEPTH);
        let mut parser = parser.with_tokens_with_locations(forms::as_read(tokens));
        let mut statements = match read(&mut parser) {
            Ok(statements) => statements,
            // Some queries of tools cannot be parsed, and are replaced as a whole.
            Err(error) => {
                return match self.system.parse(sql) {
                    Ok(statements) if statements.iter().all(system::is_about_system) => Ok(statements),
                    _ => Err(QueryError::Syntax(reason(error))),
                };
            }
        };
        for statement in &statements {
            statement_limits::check_size(statement)?;
        }
        precedence::bind(&mut statements);
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
                self.meant(statement, is_about_system, known.filter(|_| is_aligned))
            })
            .collect()
    }

    /// A statement that was parsed already, such as that of EXECUTE, rewritten for planning.
    pub fn of_tree(&self, statement: Statement) -> Result<Statement, QueryError> {
        let tokens = tokens(&statement.to_string())?;
        statement_limits::check_depth(&tokens)?;
        statement_limits::check_size(&statement)?;
        let is_about_system = system::is_about_system(&statement);
        self.meant(statement, is_about_system, None)
    }

    /// A statement rewritten for planning. `known`: the library's replacement for it.
    fn meant(
        &self,
        statement: Statement,
        is_about_system: bool,
        known: Option<Statement>,
    ) -> Result<Statement, QueryError> {
        let (query, rest) = match statement {
            // It is planned with the values of its parameters.
            Statement::Prepare { .. } => return Ok(statement),
            Statement::Copy {
                source: CopySource::Query(query),
                to,
                target,
                options,
                ..
            } => (query, (to, target, options)),
            statement if is_about_system => return self.of_system(statement, known),
            statement => return self.faithful(listings::as_query(statement)?),
        };
        let query = match is_about_system {
            true => self.of_system(Statement::Query(query), None)?,
            false => self.faithful(Statement::Query(query))?,
        };
        let Statement::Query(query) = query else {
            return Err(QueryError::NotSupported("COPY takes a table or a query".to_owned()));
        };
        let (to, target, options) = rest;
        Ok(Statement::Copy {
            source: CopySource::Query(query),
            to,
            target,
            options,
            legacy_options: Vec::new(),
            values: Vec::new(),
        })
    }

    fn of_system(&self, mut statement: Statement, known: Option<Statement>) -> Result<Statement, QueryError> {
        let before = statement.clone();
        // The library recognises the query and replaces it by one without tables, as the answer is empty here.
        if let Some(mut known) = known.filter(|known| system::reads_tables(&before) && !system::reads_tables(known)) {
            system::keep_parameters(&before, &mut known);
            return Ok(known);
        }
        system::rewrite_known_parts(&mut statement);
        dialect::name_columns(&mut statement);
        system::rewrite_before_library(&mut statement);
        forms::rewrite(&mut statement)?;
        dialect::arrays::rewrite(&mut statement)?;
        let mut statement = self.system.rewrite(statement);
        system::rewrite_after_library(&mut statement);
        system::keep_parameters(&before, &mut statement);
        Ok(statement)
    }

    fn faithful(&self, mut statement: Statement) -> Result<Statement, QueryError> {
        dialect::name_columns(&mut statement);
        forms::rewrite(&mut statement)?;
        row_addresses::rewrite(&mut statement)?;
        time::in_statement(&mut statement)?;
        dialect::rewrite(&mut statement)?;
        Ok(self
            .faithful
            .iter()
            .fold(statement, |statement, rule| rule.rewrite(statement)))
    }
}

fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    tokens.map_err(|error| QueryError::Syntax(reason(error.into())))
}

/// One statement after the other; COPY is read here, and everything else by the library.
fn read(parser: &mut Parser) -> Result<Vec<Statement>, ParserError> {
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        if parser.peek_token().token == Token::EOF {
            return Ok(statements);
        }
        statements.push(match copy::is_next(parser) {
            true => copy::parse(parser)?,
            false => parser.parse_statement()?,
        });
        let next = parser.peek_token();
        if !matches!(next.token, Token::EOF | Token::SemiColon) {
            return parser.expected("end of statement", next);
        }
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
    fn statements_over_users_tables_keep_their_meaning() {
        for sql in [
            "SELECT (SELECT max(u.email) AS \"max\" FROM users AS u WHERE u.user_id = e.user_id) AS m FROM enrolments AS e",
            "SELECT (SELECT user_id FROM users) AS one",
            "WITH pg_class AS (SELECT b AS a FROM users) SELECT (SELECT a FROM pg_class AS b WHERE b.a = c.a) AS a FROM users AS c",
            "SELECT 'ABORT' AS abort",
        ] {
            assert_eq!(parsed(sql), sql);
        }
        assert_eq!(
            parsed("select public.concat('a'), email collate \"C\" from users"),
            "SELECT concat('a') AS \"concat\", email AS \"email\" FROM users"
        );
    }

    #[test]
    fn only_statements_that_the_library_recognises_are_replaced() {
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
