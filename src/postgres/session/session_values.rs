//! Values of a session, put into statements in place of the functions that ask for them: who is logged in, the
//! session's number, its variables.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr, Statement,
    Value, VisitorMut,
};
use pgwire::api::ClientInfo;

use super::variables;
use crate::engine::dialect::walk::walk_mut;
use crate::postgres::error::QueryError;
use crate::postgres::syntax::{literal, name_of};

/// The values of one session that statements can read.
pub struct SessionValues<'a> {
    pub user: &'a str,
    /// The number by which its queries are cancelled.
    pub process: i32,
    /// The variables that it set.
    pub variables: &'a HashMap<String, String>,
}

impl<'a> SessionValues<'a> {
    /// The values of a client's session.
    pub fn of(client: &'a dyn ClientInfo, user: &'a str) -> Self {
        Self {
            user,
            process: client.pid_and_secret_key().0,
            variables: client.metadata(),
        }
    }

    /// Replaces the functions in `statement` by the values.
    pub fn put_into(&self, mut statement: Statement) -> Result<Statement, QueryError> {
        match walk_mut(&mut statement, &mut FunctionReplacer(self)) {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => Ok(statement),
        }
    }

    fn answer(&self, function: &Function) -> Result<Option<Value>, QueryError> {
        let text = |text: &str| Some(Value::SingleQuotedString(text.to_owned()));
        let name = name_of(function);
        let arguments = literals(function);
        Ok(match (name.as_str(), arguments.as_deref()) {
            ("session_user" | "current_user" | "current_role" | "user", Some([])) => text(self.user),
            ("pg_backend_pid", Some([])) => Some(Value::Number(self.process.to_string(), false)),
            ("current_setting", Some([variable])) => text(&self.variable(variable)?),
            ("current_setting", Some([variable, missing_is_fine])) => match self.variable(variable) {
                Ok(value) => text(&value),
                Err(_) if missing_is_fine == "true" => Some(Value::Null),
                Err(error) => return Err(error),
            },
            ("set_config", Some([variable, value, _])) => text(self.as_is(variable, value)?),
            _ => None,
        })
    }

    fn variable(&self, name: &str) -> Result<String, QueryError> {
        variables::show(self.variables, &name.to_lowercase())
    }

    /// The value of `set_config`. A query changes no variable, so it must be one without effect, or have that value
    /// already.
    fn as_is<'v>(&self, name: &str, value: &'v str) -> Result<&'v str, QueryError> {
        let name = name.to_lowercase();
        if ["jit", "application_name"].contains(&name.as_str()) || self.variable(&name)? == value {
            return Ok(value);
        }
        Err(QueryError::NotSupported(format!(
            "set_config changes nothing here; write SET {name} = '{value}'"
        )))
    }
}

struct FunctionReplacer<'a>(&'a SessionValues<'a>);

impl VisitorMut for FunctionReplacer<'_> {
    type Break = QueryError;

    /// Names a column that was a call after its function, as a value would have no name.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return ControlFlow::Continue(());
        };
        let mut named: Vec<String> = Vec::new();
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(Expr::Function(function)) = item else {
                continue;
            };
            let name = name_of(function);
            match self.0.answer(function) {
                Ok(Some(answer)) if !named.contains(&name) => {
                    *item = SelectItem::ExprWithAlias {
                        expr: literal(answer),
                        alias: Ident::new(name.clone()),
                    };
                    named.push(name);
                }
                Ok(_) => {}
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        if let Expr::Function(function) = expr {
            match self.0.answer(function) {
                Ok(Some(answer)) => *expr = literal(answer),
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

/// The arguments of a call, where all are literals.
fn literals(function: &Function) -> Option<Vec<String>> {
    let list = match &function.args {
        FunctionArguments::None => return Some(Vec::new()),
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => return None,
    };
    let literals = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Boolean(value) => Some(value.to_string()),
            _ => None,
        },
        _ => None,
    });
    literals.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::protocol::parse::Parse;

    fn answered(sql: &str) -> Result<String, QueryError> {
        let variables = HashMap::from([("application_name".to_owned(), "it's me".to_owned())]);
        let values = SessionValues {
            user: "o'neil",
            process: 33,
            variables: &variables,
        };
        let mut statements = Parse::new().statements(sql)?;
        Ok(values.put_into(statements.remove(0))?.to_string())
    }

    #[test]
    fn functions_are_replaced_by_values_of_the_session() {
        for (sql, expected) in [
            (
                "select current_user, user",
                "SELECT 'o''neil' AS \"current_user\", 'o''neil' AS \"user\"",
            ),
            ("select pg_backend_pid()", "SELECT 33 AS \"pg_backend_pid\""),
            (
                "select current_setting('Application_Name') as a",
                "SELECT 'it''s me' AS a",
            ),
            (
                "select current_setting('no.such', true)",
                "SELECT NULL AS \"current_setting\"",
            ),
            (
                "select set_config('jit', 'off', false)",
                "SELECT 'off' AS \"set_config\"",
            ),
            (
                "select a from users where b = current_user",
                "SELECT a FROM users WHERE b = 'o''neil'",
            ),
        ] {
            assert_eq!(answered(sql).expect(sql), expected, "{sql}");
        }
        for sql in [
            "select current_setting('no.such')",
            "select set_config('timezone', 'Asia/Kolkata', false)",
        ] {
            assert!(answered(sql).is_err(), "{sql}");
        }
    }
}
