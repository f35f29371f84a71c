//! Queries that a client keeps under a name with PREPARE, and runs with EXECUTE. The values of EXECUTE take the places
//! of the parameters before the query is planned, so that each has the type that it would have there.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Query, Statement, Value, Visitor};

use crate::engine::dialect::walk::walk;
use crate::postgres::error::QueryError;
use crate::postgres::syntax::{cast, rewrite_all};

/// A query under a name.
#[derive(Debug, Clone)]
pub struct Named {
    /// The statement that prepared it.
    pub sql: String,
    pub types: Vec<DataType>,
    /// As it was written, with its parameters.
    pub query: Statement,
}

impl Named {
    /// The query with `arguments` for its parameters. `name` is the query's, for errors.
    ///
    /// # Errors
    /// Where there are fewer or more of them than parameters, or one is no value.
    pub fn with(&self, name: &str, arguments: &[Expr]) -> Result<Statement, QueryError> {
        let wanted = self.types.len().max(parameters_of(&self.query));
        if arguments.len() != wanted {
            let given = arguments.len();
            return Err(QueryError::Syntax(format!(
                "wrong number of parameters for prepared statement \"{name}\": {wanted} are expected, and {given} were given"
            )));
        }
        for argument in arguments {
            check_value(argument)?;
        }
        let mut query = self.query.clone();
        rewrite_all(&mut query, |expr| {
            if let Some(place) = place_of(expr).and_then(|place| place.checked_sub(1))
                && let Some(argument) = arguments.get(place)
            {
                *expr = match self.types.get(place) {
                    Some(kind) => cast(argument.clone(), kind.clone()),
                    None if matches!(argument, Expr::Value(_)) => argument.clone(),
                    None => Expr::Nested(Box::new(argument.clone())),
                };
            }
        });
        Ok(query)
    }
}

/// The number of a parameter: 1 of `$1`.
fn place_of(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else { return None };
    let Value::Placeholder(name) = &value.value else {
        return None;
    };
    name.strip_prefix('$')?.parse().ok()
}

/// The highest number of a parameter.
fn parameters_of(query: &Statement) -> usize {
    struct HighestParameter(usize);

    impl Visitor for HighestParameter {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            self.0 = self.0.max(place_of(expr).unwrap_or(0));
            ControlFlow::Continue(())
        }
    }

    let mut highest = HighestParameter(0);
    let _ = walk(query, &mut highest);
    highest.0
}

/// Refuses columns, which would be taken for the query's own, and queries.
fn check_value(argument: &Expr) -> Result<(), QueryError> {
    struct ReadFinder;

    impl Visitor for ReadFinder {
        type Break = &'static str;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<&'static str> {
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break("column reference"),
                _ => ControlFlow::Continue(()),
            }
        }

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<&'static str> {
            ControlFlow::Break("subquery")
        }
    }

    match walk(argument, &mut ReadFinder) {
        ControlFlow::Break(what) => Err(QueryError::NotSupported(format!(
            "cannot use {what} in EXECUTE parameter"
        ))),
        ControlFlow::Continue(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn executed(prepare: &str, execute: &str) -> Result<String, QueryError> {
        let parsed = |sql: &str| Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
        let Statement::Prepare {
            data_types, statement, ..
        } = parsed(prepare)
        else {
            panic!("{prepare}");
        };
        let Statement::Execute { parameters, .. } = parsed(execute) else {
            panic!("{execute}");
        };
        let named = Named {
            sql: prepare.to_owned(),
            types: data_types,
            query: *statement,
        };
        Ok(named.with("p", &parameters)?.to_string())
    }

    #[test]
    fn values_take_the_places_of_parameters() {
        for (prepare, execute, expected) in [
            ("prepare p as select 1", "execute p", "SELECT 1"),
            (
                "prepare p as select * from t where a = $1 and b = $2 limit $2",
                "execute p ('it''s', 1 + 2)",
                "SELECT * FROM t WHERE a = 'it''s' AND b = (1 + 2) LIMIT (1 + 2)",
            ),
            (
                "prepare p (int, text) as select $2, $1 where $1 > (select $1)",
                "execute p (1, null)",
                "SELECT CAST(NULL AS TEXT), CAST(1 AS INT) WHERE CAST(1 AS INT) > (SELECT CAST(1 AS INT))",
            ),
            ("prepare p as select $1", "execute p ($2)", "SELECT $2"),
        ] {
            assert_eq!(executed(prepare, execute).expect(execute), expected);
        }
        for (prepare, execute) in [
            ("prepare p as select $2", "execute p (1)"),
            ("prepare p as select 1", "execute p (1)"),
            ("prepare p (int) as select 1", "execute p"),
            ("prepare p as select $1 from users", "execute p (email)"),
            ("prepare p as select $1 from users", "execute p (users.email)"),
            ("prepare p as select $1", "execute p ((select 1))"),
        ] {
            assert!(executed(prepare, execute).is_err(), "{prepare}; {execute}");
        }
    }
}
