//! `FROM json_array_elements(…)` and its like, also those of texts: the arrays of their elements, whose rows `unnest`
//! gives in a column of PostgreSQL's name.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    FunctionArg, FunctionArgExpr, Ident, ObjectName, Statement, TableAlias, TableAliasColumnDef, TableFactor,
    VisitorMut,
};

use super::parts::{ELEMENT_TEXTS, ELEMENTS, KEYS};
use crate::engine::dialect::syntax::{call, plain};
use crate::engine::dialect::walk::walk_mut;

/// The function, what gives its rows as an array, and the name of its column, where that is not the function's.
const ROWS: [(&str, &str, Option<&str>); 9] = [
    ("json_array_elements", ELEMENTS[0], Some("value")),
    ("jsonb_array_elements", ELEMENTS[1], Some("value")),
    ("json_array_elements_text", ELEMENT_TEXTS[0], Some("value")),
    ("jsonb_array_elements_text", ELEMENT_TEXTS[1], Some("value")),
    ("json_object_keys", KEYS[0], None),
    ("jsonb_object_keys", KEYS[1], None),
    ("string_to_table", "string_to_array", None),
    ("regexp_split_to_table", "regexp_split_to_array", None),
    ("regexp_matches", "regexp_matches", None),
];

/// Rewrites the functions in FROM as arrays that are unnested.
pub fn in_from(statement: &mut Statement) {
    struct FunctionUnnester;

    impl VisitorMut for FunctionUnnester {
        type Break = ();

        fn post_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
            if let Some(rows) = unnested(table) {
                *table = rows;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut FunctionUnnester);
}

fn unnested(table: &TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias, with_ordinality) = match table {
        TableFactor::Table {
            name,
            args: Some(arguments),
            alias,
            with_ordinality,
            ..
        } => (name, &arguments.args, alias, *with_ordinality),
        TableFactor::Function {
            name,
            args,
            alias,
            with_ordinality,
            ..
        } => (name, args, alias, *with_ordinality),
        _ => return None,
    };
    let (function, array, column) = known(name)?;
    let arguments = arguments.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument.clone()),
        _ => None,
    });
    Some(TableFactor::UNNEST {
        alias: Some(named(alias.as_ref(), function, column)),
        array_exprs: vec![call(array, arguments.collect::<Option<Vec<_>>>()?)],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality,
    })
}

fn known(name: &ObjectName) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    let name = plain(name);
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    ROWS.into_iter().find(|(function, ..)| *function == name)
}

/// The alias, with the column's name.
fn named(alias: Option<&TableAlias>, function: &str, column: Option<&str>) -> TableAlias {
    let mut named = alias.cloned().unwrap_or_else(|| TableAlias {
        explicit: true,
        name: Ident::new(function),
        columns: Vec::new(),
        at: None,
    });
    if let (true, Some(column)) = (named.columns.is_empty(), column) {
        named.columns.push(TableAliasColumnDef {
            name: Ident::new(column),
            data_type: None,
        });
    }
    named
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn functions_of_from_are_unnested() {
        for (from, expected) in [
            ("json_array_elements(a) AS e", "UNNEST(json_elements(a)) AS e (value)"),
            (
                "jsonb_array_elements_text(a)",
                "UNNEST(jsonb_element_texts(a)) AS jsonb_array_elements_text (value)",
            ),
            ("json_object_keys(a) AS k", "UNNEST(json_keys(a)) AS k"),
            (
                "regexp_split_to_table(a, ' ') WITH ORDINALITY AS t (word, place)",
                "UNNEST(regexp_split_to_array(a, ' ')) WITH ORDINALITY AS t (word, place)",
            ),
            (
                "string_to_table(a, ',')",
                "UNNEST(string_to_array(a, ',')) AS string_to_table",
            ),
            ("other(a) AS k", "other(a) AS k"),
        ] {
            let sql = format!("SELECT * FROM {from}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(from);
            in_from(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT * FROM {expected}"));
        }
    }
}
