//! `SHOW TABLES` and `SHOW COLUMNS`, which are asked of `information_schema` like everything else.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ShowStatementIn, ShowStatementOptions, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::error::QueryError;

/// The query that a listing stands for; any other statement as it is.
pub fn as_query(statement: Statement) -> Result<Statement, QueryError> {
    let sql = match &statement {
        Statement::ShowTables { show_options, .. } if is_plain(show_options, None) => {
            "select table_catalog, table_schema, table_name, table_type from information_schema.tables \
             order by table_schema, table_name"
                .to_owned()
        }
        Statement::ShowColumns { show_options, .. } => {
            let of = show_options
                .show_in
                .as_ref()
                .filter(|shown| is_plain(show_options, Some(shown)));
            let of = of.and_then(|shown| shown.parent_name.as_ref());
            let Some((schema, table)) = of.and_then(schema_and_table) else {
                return Err(not_supported());
            };
            format!(
                "select table_catalog, table_schema, table_name, column_name, data_type, is_nullable \
                 from information_schema.columns where table_schema = '{schema}' and table_name = '{table}' \
                 order by ordinal_position"
            )
        }
        Statement::ShowTables { .. } | Statement::ShowFunctions { .. } => return Err(not_supported()),
        _ => return Ok(statement),
    };
    let query = Parser::parse_sql(&PostgreSqlDialect {}, &sql)
        .ok()
        .and_then(|mut parsed| parsed.pop());
    query.ok_or_else(not_supported)
}

fn not_supported() -> QueryError {
    QueryError::NotSupported(
        "SHOW knows TABLES and COLUMNS FROM a table; ask information_schema for anything else".to_owned(),
    )
}

/// Without filters and limits, and of nothing else than what is expected.
fn is_plain(options: &ShowStatementOptions, of: Option<&ShowStatementIn>) -> bool {
    options.show_in.as_ref() == of
        && options.starts_with.is_none()
        && options.limit.is_none()
        && options.limit_from.is_none()
        && options.filter_position.is_none()
}

fn schema_and_table(name: &ObjectName) -> Option<(String, String)> {
    let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    let written = |name: &Ident| {
        let name = match name.quote_style {
            Some(_) => name.value.clone(),
            None => name.value.to_lowercase(),
        };
        name.replace('\'', "''")
    };
    match parts?.as_slice() {
        [table] => Some(("public".to_owned(), written(table))),
        [schema, table] => Some((written(schema), written(table))),
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
