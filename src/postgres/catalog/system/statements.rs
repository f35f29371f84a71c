//! Which statements are about the database itself, and how they are rewritten around the library's own rewrites.
//!
//! What is done here may lose what a tool cannot see in a database like this one (comments, access lists, indexes), so
//! it is done to no statement that reads anything else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, ObjectName, Query, SetExpr, Statement, TableFactor, Value, ValueWithSpan, Visitor,
};

use super::{
    access_lists, joined_values, known_parts, lookups, named_functions, subqueries, table_functions, table_ids,
    wildcards,
};
use crate::engine::dialect::walk::walk;
use crate::postgres::syntax::{add_condition, cast, literal, plain};

const SYSTEM_SCHEMAS: [&str; 2] = ["pg_catalog", "information_schema"];
/// Functions that look something up in `pg_catalog`, beside those that begin with `pg_` and `to_reg`.
const LOOK_UP: [&str; 3] = ["format_type", "col_description", "obj_description"];

/// The rewrites of parts that are recognised as clients write them, so they come before all others.
pub fn rewrite_known_parts(statement: &mut Statement) {
    known_parts::rewrite(statement);
    wildcards::rewrite(statement);
}

/// The rewrites that come before those of the library.
pub fn rewrite_before_library(statement: &mut Statement) {
    joined_values::rewrite(statement);
    table_ids::rewrite(statement);
    access_lists::rewrite(statement);
    table_functions::rewrite(statement);
    named_functions::rewrite(statement);
    lookups::rewrite(statement);
    subqueries::arrays(statement);
    subqueries::unplannable(statement);
}

/// The rewrites that come after those of the library.
pub fn rewrite_after_library(statement: &mut Statement) {
    subqueries::one_row(statement);
}

/// Keeps the parameters of `before` that the rewrites removed, because clients bind values for all of them.
pub fn keep_parameters(before: &Statement, after: &mut Statement) {
    let kept = parameters_of(after);
    let lost: Vec<String> = parameters_of(before)
        .into_iter()
        .filter(|name| !kept.contains(name))
        .collect();
    let Statement::Query(query) = after else {
        return;
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    for name in lost {
        let text = cast(literal(Value::Placeholder(name)), DataType::Text);
        add_condition(select, Expr::IsNotDistinctFrom(Box::new(text.clone()), Box::new(text)));
    }
}

fn parameters_of(statement: &Statement) -> BTreeSet<String> {
    struct ParameterCollector(BTreeSet<String>);

    impl Visitor for ParameterCollector {
        type Break = ();

        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
            if let Value::Placeholder(name) = &value.value {
                self.0.insert(name.clone());
            }
            ControlFlow::Continue(())
        }
    }

    let mut parameters = ParameterCollector(BTreeSet::new());
    let _ = walk(statement, &mut parameters);
    parameters.0
}

/// Whether a statement reads a table or view, of any kind.
pub fn reads_tables(statement: &Statement) -> bool {
    !RelationCollector::of(statement).outside_relations().is_empty()
}

/// Whether a statement reads nothing but what describes the database.
pub fn is_about_system(statement: &Statement) -> bool {
    let relations = RelationCollector::of(statement);
    let outside_relations = relations.outside_relations();
    match outside_relations.is_empty() {
        true => relations.looks_up,
        false => outside_relations.iter().all(|name| is_of_system(name)),
    }
}

fn is_of_system(relation: &str) -> bool {
    match relation.rsplit_once('.') {
        Some((path, _)) => SYSTEM_SCHEMAS
            .iter()
            .any(|schema| path == *schema || path.ends_with(&format!(".{schema}"))),
        // For a name without a schema, PostgreSQL looks in `pg_catalog` first.
        None => relation.starts_with("pg_"),
    }
}

/// The names in a statement that stand where tables do.
#[derive(Default)]
struct RelationCollector {
    /// The names of its own `WITH`.
    own: BTreeSet<String>,
    named: Vec<String>,
    /// The names of functions, which are among `named` too.
    functions: Vec<String>,
    looks_up: bool,
}

impl RelationCollector {
    fn of(statement: &Statement) -> Self {
        let mut relations = Self::default();
        let _ = walk(statement, &mut relations);
        relations
    }

    fn outside_relations(&self) -> Vec<&str> {
        let mut functions = self.functions.clone();
        self.named
            .iter()
            .filter(|name| match functions.iter().position(|function| function == *name) {
                Some(place) => {
                    functions.swap_remove(place);
                    false
                }
                None => !self.own.contains(*name),
            })
            .map(String::as_str)
            .collect()
    }
}

impl Visitor for RelationCollector {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own
            .extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.named.push(plain(relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name, args: Some(_), ..
        } = factor
        {
            let name = plain(name);
            let function = name.rsplit('.').next().unwrap_or(&name);
            self.looks_up |= table_functions::is_of_system(function);
            self.functions.push(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.looks_up |= match expr {
            Expr::Function(function) => {
                let name = plain(&function.name);
                let name = name.rsplit('.').next().unwrap_or(&name);
                // `pg_typeof` looks at a value.
                (name.starts_with("pg_") && name != "pg_typeof")
                    || name.starts_with("to_reg")
                    || LOOK_UP.contains(&name)
            }
            Expr::Cast { data_type, .. } => lookups::is_registered(data_type),
            _ => false,
        };
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn statements_about_system_tables_are_recognised() {
        for (sql, expected) in [
            ("select * from pg_class", true),
            (
                "select * from pg_catalog.pg_class c join information_schema.tables t on true",
                true,
            ),
            ("with a as (select * from pg_class) select * from a", true),
            ("select pg_is_in_recovery()", true),
            ("select 'users'::regclass", true),
            ("select * from pg_show_all_settings()", true),
            ("select * from current_schema()", true),
            ("select to_regclass('users')", true),
            ("select 1", false),
            ("select * from generate_series(1, 3)", false),
            ("select * from pg_class, generate_series(1, 3)", true),
            ("select * from pg_class, string_to_array('a', ',') s", true),
            ("select * from users, pg_class", false),
            ("select * from unnest(array[1]) u, users", false),
            ("select * from users, users(1)", false),
            ("select * from users", false),
            ("select pg_typeof(email) from users", false),
            ("select pg_typeof(5 / 2)", false),
            ("select 'users'::regclass from users", false),
            ("select * from pg_class where oid in (select user_id from users)", false),
        ] {
            let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            assert_eq!(is_about_system(&statements[0]), expected, "{sql}");
        }
    }
}
