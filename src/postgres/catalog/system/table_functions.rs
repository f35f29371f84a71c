//! Functions in FROM, and names of system tables that are written without their schema.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, Statement, TableAlias, TableFactor, TableFunctionArgs, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::engine::dialect::walk::walk_mut;
use crate::postgres::syntax::{self, name_column, plain};

/// Functions that return rows; all others return one value.
const GIVE_ROWS: [&str; 6] = [
    "generate_series",
    "range",
    "unnest",
    "generate_subscripts",
    "pg_get_keywords",
    "json_each",
];

/// Functions whose rows are those of a table.
const OF_TABLES: [(&str, &str); 3] = [
    ("pg_show_all_settings", "pg_settings"),
    ("pg_available_extensions", "pg_available_extensions"),
    ("pg_available_extension_versions", "pg_available_extension_versions"),
];
/// Functions of the session that tools call in FROM, as tables of one row.
const OF_SESSION: [&str; 4] = ["current_schema", "current_database", "current_catalog", "version"];

/// Whether a function in FROM is asked of `pg_catalog`, or of the session.
pub fn is_of_system(function: &str) -> bool {
    OF_SESSION.contains(&function) || OF_TABLES.iter().any(|(name, _)| *name == function)
}

/// Rewrites FROM: a function of one value becomes a subquery of one row, the column of a series gets the name of its
/// alias, and a table `pg_…` gets the schema `pg_catalog`.
pub fn rewrite(statement: &mut Statement) {
    let _ = walk_mut(statement, &mut FactorRewriter::default());
}

/// The visitor that rewrites the items of FROM.
#[derive(Default)]
struct FactorRewriter {
    /// The names of the statement's CTEs.
    own: BTreeSet<String>,
}

impl VisitorMut for FactorRewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own
            .extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::UNNEST { alias: Some(alias), .. } = factor {
            name_column(alias);
        }
        let TableFactor::Table { name, alias, args, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(arguments) = args else {
            let is_plain = name.0.len() == 1 && plain(name).starts_with("pg_");
            if is_plain && !self.own.contains(&plain(name)) {
                let schema = ObjectNamePart::Identifier(Ident::new("pg_catalog"));
                name.0.insert(0, schema);
            }
            return ControlFlow::Continue(());
        };
        let function = plain(name);
        let function = function.rsplit('.').next().unwrap_or(&function).to_owned();
        if let Some((_, table)) = OF_TABLES.iter().find(|(name, _)| *name == function) {
            *name = ObjectName::from(vec![Ident::new("pg_catalog"), Ident::new(*table)]);
            *args = None;
        } else if GIVE_ROWS.contains(&function.as_str()) {
            if let Some(alias) = alias
                && function != "pg_get_keywords"
            {
                name_column(alias);
            }
        } else if let Some(made) = row_of(&function, arguments, alias.as_ref()) {
            *factor = made;
        }
        ControlFlow::Continue(())
    }
}

/// A subquery of one row: the result of the function, under the names of the alias, or else under the name of the
/// function.
fn row_of(function: &str, arguments: &TableFunctionArgs, alias: Option<&TableAlias>) -> Option<TableFactor> {
    let call = syntax::function(function, arguments.args.clone(), Vec::new());
    let named = alias.map_or_else(|| Ident::new(function), |alias| alias.name.clone());
    let column = alias.and_then(|alias| alias.columns.first());
    let column = column.map_or_else(|| named.clone(), |column| column.name.clone());
    let row = format!("SELECT {call} AS {column}");
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, &format!("SELECT * FROM ({row}) AS {named}"));
    parsed.ok()?.pop().and_then(first_factor)
}

fn first_factor(statement: Statement) -> Option<TableFactor> {
    let Statement::Query(query) = statement else {
        return None;
    };
    let mut from = query.body.as_select()?.from.clone();
    Some(from.pop()?.relation)
}
