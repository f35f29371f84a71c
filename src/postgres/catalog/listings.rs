//! `SHOW TABLES` and `SHOW COLUMNS`, answered from `information_schema`.

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ShowStatementIn, ShowStatementOptions, Statement, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::postgres::error::QueryError;
use crate::postgres::syntax::{kept, rewrite_all, text};

const TABLES: &str = "
    select table_catalog, table_schema, table_name, table_type from information_schema.tables
    order by table_schema, table_name";
const COLUMNS: &str = "
    select table_catalog, table_schema, table_name, column_name, data_type, is_nullable
    from information_schema.columns where table_schema = $1 and table_name = $2
    order by ordinal_position";

/// The query that a listing stands for; any other statement as it is.
pub fn as_query(statement: Statement) -> Result<Statement, QueryError> {
    match &statement {
        Statement::ShowTables { show_options, .. } if is_plain(show_options, None) => query(TABLES, &[]),
        Statement::ShowColumns { show_options, .. } => {
            let of = show_options
                .show_in
                .as_ref()
                .filter(|shown| is_plain(show_options, Some(shown)));
            let of = of.and_then(|shown| shown.parent_name.as_ref());
            let Some((schema, table)) = of.and_then(schema_and_table) else {
                return Err(not_supported());
            };
            query(COLUMNS, &[schema, table])
        }
        Statement::ShowTables { .. } | Statement::ShowFunctions { .. } => Err(not_supported()),
        _ => Ok(statement),
    }
}

/// The statement of `sql`, with `values` in the places of `$1`, `$2`, ….
fn query(sql: &str, values: &[String]) -> Result<Statement, QueryError> {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql);
    let mut query = parsed
        .ok()
        .and_then(|mut parsed| parsed.pop())
        .ok_or_else(not_supported)?;
    rewrite_all(&mut query, |expr| {
        let Expr::Value(value) = expr else { return };
        let Value::Placeholder(name) = &value.value else { return };
        let place = name.trim_start_matches('$').parse::<usize>().ok();
        if let Some(value) = place.and_then(|place| values.get(place.checked_sub(1)?)) {
            *expr = text(value);
        }
    });
    Ok(query)
}

fn not_supported() -> QueryError {
    QueryError::NotSupported(
        "SHOW knows TABLES and COLUMNS FROM a table; ask information_schema for anything else".to_owned(),
    )
}

/// Whether the statement has no filter and no limit, and lists the expected kind of thing.
fn is_plain(options: &ShowStatementOptions, of: Option<&ShowStatementIn>) -> bool {
    options.show_in.as_ref() == of
        && options.starts_with.is_none()
        && options.limit.is_none()
        && options.limit_from.is_none()
        && options.filter_position.is_none()
}

fn schema_and_table(name: &ObjectName) -> Option<(String, String)> {
    let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    match parts?.as_slice() {
        [table] => Some(("public".to_owned(), kept(table))),
        [schema, table] => Some((kept(schema), kept(table))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(sql: &str) -> Result<String, QueryError> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        as_query(statements.remove(0)).map(|statement| statement.to_string())
    }

    #[test]
    fn listings_are_queries() {
        assert!(
            query("show tables")
                .expect("query")
                .contains("FROM information_schema.tables")
        );
        let columns = query("show columns from \"O'Users\"").expect("query");
        assert!(
            columns.contains("table_schema = 'public' AND table_name = 'O''Users'"),
            "{columns}"
        );
        assert_eq!(query("select 1").expect("query"), "SELECT 1");
        for sql in ["show tables like 'u%'", "show functions", "show columns from a.b.c"] {
            assert!(query(sql).is_err(), "{sql}");
        }
    }
}
