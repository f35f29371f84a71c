//! `select columns.* from information_schema.columns`: the engine knows a table by all parts of its name, or by its
//! alias.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, TableAlias,
    TableFactor, VisitorMut,
};

use crate::engine::dialect::walk::walk_mut;

/// Gives a table the last part of its name as an alias, where a wildcard names the table by that part.
pub fn rewrite(statement: &mut Statement) {
    struct TableNamer;

    impl VisitorMut for TableNamer {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let SetExpr::Select(select) = query.body.as_mut() {
                name_tables(select);
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut TableNamer);
}

fn name_tables(select: &mut Select) {
    let asked: Vec<String> = select.projection.iter().filter_map(table_of).collect();
    if asked.is_empty() {
        return;
    }
    for from in &mut select.from {
        let joined = from.joins.iter_mut().map(|join| &mut join.relation);
        for relation in std::iter::once(&mut from.relation).chain(joined) {
            if let TableFactor::Table { name, alias, .. } = relation
                && alias.is_none()
                && let Some(last) = last_part(name)
                && asked.contains(&last.value)
            {
                *alias = Some(TableAlias {
                    explicit: true,
                    name: last,
                    columns: Vec::new(),
                    at: None,
                });
            }
        }
    }
}

/// The table of `table.*`.
fn table_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            match name.0.as_slice() {
                [part] => Some(part.as_ident()?.value.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The last part of a name of several.
fn last_part(name: &ObjectName) -> Option<Ident> {
    match name.0.as_slice() {
        [_, .., last] => last.as_ident().cloned(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn a_table_is_known_by_the_last_part_of_its_name() {
        for (sql, expected) in [
            ("SELECT t.* FROM s.t", "SELECT t.* FROM s.t AS t"),
            ("SELECT t.* FROM t", "SELECT t.* FROM t"),
            ("SELECT a.* FROM s.t AS a", "SELECT a.* FROM s.t AS a"),
            ("SELECT t.a FROM s.t", "SELECT t.a FROM s.t"),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
            rewrite(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
