//! `aclexplode(list)`: the rights in an access list, a row each. No table has a list here, so there is never a row.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableAliasColumnDef, TableFactor, Value,
    Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::dialect::walk::{walk, walk_mut};
use crate::postgres::syntax::{add_condition, literal, name_of, plain};

const FUNCTION: &str = "aclexplode";
const NO_RIGHTS: &str = "SELECT cast(NULL AS int) AS grantor, cast(NULL AS int) AS grantee, cast(NULL AS text) AS privilege_type, \
                         cast(NULL AS boolean) AS is_grantable WHERE false";

/// Rewrites what reads access lists to queries without rows.
pub fn rewrite(statement: &mut Statement) {
    struct RightsRewriter;

    impl VisitorMut for RightsRewriter {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let SetExpr::Select(select) = query.body.as_mut() {
                without_rows(select);
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            let (name, alias) = match factor {
                TableFactor::Table {
                    name,
                    alias,
                    args: Some(_),
                    ..
                }
                | TableFactor::Function { name, alias, .. } => (plain(name), alias.take()),
                _ => return ControlFlow::Continue(()),
            };
            let is_rights = name.rsplit('.').next() == Some(FUNCTION);
            match (is_rights, no_rights()) {
                (true, Some(subquery)) => {
                    *factor = TableFactor::Derived {
                        lateral: false,
                        subquery,
                        alias: Some(alias.unwrap_or_else(|| named(FUNCTION))),
                        sample: None,
                    };
                }
                _ => put_back(factor, alias),
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut RightsRewriter);
}

fn put_back(factor: &mut TableFactor, taken: Option<TableAlias>) {
    if let TableFactor::Table { alias, .. } | TableFactor::Function { alias, .. } = factor {
        *alias = taken;
    }
}

fn named(name: &str) -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::new(name),
        columns: Vec::<TableAliasColumnDef>::new(),
        at: None,
    }
}

fn no_rights() -> Option<Box<Query>> {
    match Parser::parse_sql(&PostgreSqlDialect {}, NO_RIGHTS).ok()?.pop()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

/// Adds the condition false to a SELECT whose list calls the function.
fn without_rows(select: &mut Select) {
    let reads_rights = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            walk(expr, &mut CallFinder::default()).is_break()
        }
        _ => false,
    };
    if !select.projection.iter().any(reads_rights) {
        return;
    }
    add_condition(select, literal(Value::Boolean(false)));
}

/// Looks for the function, but not in subqueries, which have rows of their own.
#[derive(Default)]
struct CallFinder {
    subqueries: usize,
}

impl Visitor for CallFinder {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if self.subqueries == 0 && name_of(function) == FUNCTION => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_no_rows() {
        for (sql, expected) in [
            (
                "SELECT n FROM pg_class AS c, aclexplode(c.relacl) AS x",
                format!("SELECT n FROM pg_class AS c, ({}) AS x", read(NO_RIGHTS)),
            ),
            (
                "SELECT n FROM pg_class AS c, LATERAL pg_catalog.aclexplode(c.relacl) AS x (a, b, c, d)",
                format!("SELECT n FROM pg_class AS c, ({}) AS x (a, b, c, d)", read(NO_RIGHTS)),
            ),
            (
                "SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE a OR b",
                "SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE (a OR b) AND false".to_owned(),
            ),
            (
                "SELECT (SELECT (aclexplode(relacl)).grantee) FROM pg_class",
                "SELECT (SELECT (aclexplode(relacl)).grantee WHERE false) FROM pg_class".to_owned(),
            ),
            (
                "SELECT * FROM generate_series(1, 2) AS g, unnest(relacl) AS u",
                "SELECT * FROM generate_series(1, 2) AS g, UNNEST(relacl) AS u".to_owned(),
            ),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
            rewrite(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
    }

    fn read(sql: &str) -> String {
        Parser::parse_sql(&PostgreSqlDialect {}, sql)
            .expect(sql)
            .remove(0)
            .to_string()
    }
}
