//! SQL text to statements, in PostgreSQL's dialect.
//!
//! Questions about the database itself (`pg_catalog`, `information_schema`), which tools ask in their own ways, go through
//! the rewrites of `datafusion-pg-catalog`, some of which answer less than was asked (a subquery becomes NULL). Everybody
//! else's statements get only those that keep their meaning.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, ObjectName, Query, Statement, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, FixArrayLiteral, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use super::error::QueryError;

/// Bytes of SQL that are taken at a time.
const LONGEST: usize = 1024 * 1024;
const SYSTEM_SCHEMAS: [&str; 2] = ["pg_catalog", "information_schema"];

/// Functions that stand where tables do, in anybody's statements.
const GIVE_ROWS: [&str; 4] = ["generate_series", "range", "unnest", "generate_subscripts"];

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
                Arc::new(FixArrayLiteral),
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
        let plain = Parser::parse_sql(&PostgreSqlDialect {}, sql);
        match plain {
            Ok(statements) => statements
                .into_iter()
                .map(|statement| match is_about_system(&statement) {
                    true => self.rewritten(statement),
                    false => Ok(self.faithful(statement)),
                })
                .collect(),
            // Some questions of tools are beyond the parser, and replaced as a whole.
            Err(error) => match self.system.parse(sql) {
                Ok(statements) if statements.iter().all(is_about_system) => Ok(statements),
                _ => Err(QueryError::Syntax(reason(error))),
            },
        }
    }

    fn rewritten(&self, statement: Statement) -> Result<Statement, QueryError> {
        let rewritten = self.system.parse(&statement.to_string());
        let mut rewritten = rewritten.map_err(|error| QueryError::Syntax(reason(error)))?;
        Ok(rewritten.pop().unwrap_or(statement))
    }

    fn faithful(&self, statement: Statement) -> Statement {
        self.faithful
            .iter()
            .fold(statement, |statement, rule| rule.rewrite(statement))
    }
}

/// Puts the user's name where a statement asks who is logged in.
pub fn with_user(mut statement: Statement, user: &str) -> Statement {
    struct Names<'a>(&'a str);

    impl VisitorMut for Names<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && asks_for_user(function)
            {
                *expr = Expr::Value(Value::SingleQuotedString(self.0.to_owned()).with_empty_span());
            }
            ControlFlow::Continue(())
        }
    }

    let _ = VisitMut::visit(&mut statement, &mut Names(user));
    statement
}

fn asks_for_user(function: &Function) -> bool {
    let name = function.name.to_string().to_lowercase();
    let has_no_arguments = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty(),
        FunctionArguments::Subquery(_) => false,
    };
    has_no_arguments && ["session_user", "current_user", "current_role", "user"].contains(&name.as_str())
}

/// Whether a statement reads nothing but what describes the database.
fn is_about_system(statement: &Statement) -> bool {
    #[derive(Default)]
    struct Relations {
        own: BTreeSet<String>,
        named: Vec<ObjectName>,
        calls_catalog: bool,
    }

    impl Visitor for Relations {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let tables = query.with.iter().flat_map(|with| &with.cte_tables);
            self.own
                .extend(tables.map(|table| table.alias.name.value.to_lowercase()));
            ControlFlow::Continue(())
        }

        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            self.named.push(relation.clone());
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr {
                self.calls_catalog |= function.name.to_string().to_lowercase().starts_with("pg_");
            }
            ControlFlow::Continue(())
        }
    }

    let mut relations = Relations::default();
    let _ = statement.visit(&mut relations);
    let Relations {
        own,
        named,
        calls_catalog,
    } = relations;
    let from_outside: Vec<String> = named
        .iter()
        .map(|name| name.to_string().replace('"', "").to_lowercase())
        .filter(|name| !own.contains(name) && !GIVE_ROWS.contains(&name.as_str()))
        .collect();
    match from_outside.is_empty() {
        true => calls_catalog,
        false => from_outside.iter().all(|name| is_of_system(name)),
    }
}

fn is_of_system(relation: &str) -> bool {
    match relation.rsplit_once('.') {
        Some((path, _)) => SYSTEM_SCHEMAS
            .iter()
            .any(|schema| path == *schema || path.ends_with(&format!(".{schema}"))),
        // PostgreSQL looks there first.
        None => relation.starts_with("pg_"),
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
            parsed("select pg_catalog.upper('a') collate \"C\" from users"),
            "SELECT upper('a') FROM users"
        );
    }

    #[test]
    fn questions_about_the_database_are_told_apart() {
        for (sql, expected) in [
            ("select * from pg_class", true),
            (
                "select * from pg_catalog.pg_class c join information_schema.tables t on true",
                true,
            ),
            ("with a as (select * from pg_class) select * from a", true),
            ("select pg_is_in_recovery()", true),
            ("select 1", false),
            ("select * from generate_series(1, 3)", false),
            ("select * from pg_class, generate_series(1, 3)", true),
            ("select * from users, pg_class", false),
            ("select * from users", false),
            ("select pg_typeof(email) from users", false),
        ] {
            let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            assert_eq!(is_about_system(&statements[0]), expected, "{sql}");
        }
    }

    #[test]
    fn who_is_logged_in_is_the_user() {
        let statements = Parse::new()
            .statements("select current_user, session_user, user")
            .expect("sql");
        let named = statements
            .into_iter()
            .map(|statement| with_user(statement, "o'neil").to_string());
        assert_eq!(named.collect::<Vec<_>>(), ["SELECT 'o''neil', 'o''neil', 'o''neil'"]);
    }
}
