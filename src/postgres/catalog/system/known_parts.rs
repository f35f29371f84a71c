//! Parts of tools' queries that the engine cannot plan, replaced by equal forms that it can.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Statement, VisitorMut, With};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::dialect::arrays;
use crate::engine::dialect::walk::walk_mut;
use crate::postgres::syntax::{call, text};

/// asyncpg's name of the recursive WITH that finds types and the types that they are made of.
const TYPES: &str = "typeinfo_tree";
const TYPES_COLUMNS: usize = 11;
const TYPES_QUERY: &str = include_str!("known_parts/typeinfo_tree.sql");
const SCHEMAS_QUERY: &str = include_str!("known_parts/search_path_schemas.sql");

/// Replaces these parts. The answer stays the same.
pub fn rewrite(statement: &mut Statement) {
    struct PartReplacer;

    impl VisitorMut for PartReplacer {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let Some(with) = &mut query.with {
                look_up_types(with);
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::InSubquery {
                expr: name,
                subquery,
                negated: false,
            } = expr
                && is_schemas_of_search_path(subquery)
            {
                *expr = is_on_search_path(name.as_ref().clone());
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut PartReplacer);
}

fn look_up_types(with: &mut With) {
    let [types] = with.cte_tables.as_mut_slice() else {
        return;
    };
    let is_known = types.alias.name.value == TYPES && types.alias.columns.len() == TYPES_COLUMNS;
    if let (true, Some(query)) = (is_known && with.recursive, parsed(TYPES_QUERY)) {
        types.query = query;
        with.recursive = false;
    }
}

fn is_schemas_of_search_path(query: &Query) -> bool {
    // Compared only where the query mentions search_path, because printing it for the comparison takes time.
    let asked = query.to_string();
    asked.contains("search_path") && parsed(SCHEMAS_QUERY).is_some_and(|known| known.to_string() == asked)
}

/// `name = ANY(string_to_array(replace(current_setting('search_path'), ' ', ''), ','))`. Nobody here has a schema of
/// their own.
fn is_on_search_path(name: Expr) -> Expr {
    let path = call("current_setting", vec![text("search_path")]);
    let path = call("replace", vec![path, text(" "), text("")]);
    call(
        arrays::EQUAL_TO_ANY,
        vec![name, call("string_to_array", vec![path, text(",")])],
    )
}

fn parsed(sql: &str) -> Option<Box<Query>> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_can_be_parsed() {
        for sql in [TYPES_QUERY, SCHEMAS_QUERY] {
            assert!(parsed(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn other_subqueries_and_tables_stay_as_they_are() {
        for sql in [
            "SELECT relname IN (SELECT current_setting('search_path')) FROM pg_class",
            "WITH typeinfo_tree AS (SELECT 1 AS a) SELECT * FROM typeinfo_tree, pg_class",
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
            rewrite(&mut statement);
            assert_eq!(statement.to_string(), sql);
        }
    }
}
