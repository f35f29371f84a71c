//! Hidden columns that every row of PostgreSQL has. `tableoid` is the id of the row's table: tools ask it of tables of
//! `pg_catalog`, to find comments by it, and get PostgreSQL's own id of that table. `xmin` is the transaction that
//! wrote the row, by which tools see whether it has changed: here always the same one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{DataType, Expr, Statement, TableFactor, Value, Visitor};

use crate::engine::dialect::walk::walk;
use crate::postgres::syntax::{cast, literal, plain, rewrite_all};

const COLUMN: &str = "tableoid";
const WRITTEN_BY: &str = "xmin";
const ONE_TRANSACTION: &str = "1";
/// Tables whose rows tools look up so, with PostgreSQL's ids of them.
const TABLES: [(&str, &str); 12] = [
    ("pg_class", "1259"),
    ("pg_attribute", "1249"),
    ("pg_constraint", "2606"),
    ("pg_database", "1262"),
    ("pg_extension", "3079"),
    ("pg_index", "2610"),
    ("pg_language", "2612"),
    ("pg_namespace", "2615"),
    ("pg_proc", "1255"),
    ("pg_tablespace", "1213"),
    ("pg_trigger", "2620"),
    ("pg_type", "1247"),
];

/// Replaces the hidden columns by their values.
pub fn rewrite(statement: &mut Statement) {
    struct TableCollector(HashMap<String, String>);

    impl Visitor for TableCollector {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, alias, .. } = factor {
                let name = plain(name);
                let table = name.rsplit('.').next().unwrap_or(&name).to_owned();
                let known = alias
                    .as_ref()
                    .map_or_else(|| table.clone(), |alias| alias.name.value.to_lowercase());
                self.0.insert(known, table);
            }
            ControlFlow::Continue(())
        }
    }

    let mut read = TableCollector(HashMap::new());
    let _ = walk(statement, &mut read);
    let tables = read.0;
    rewrite_all(statement, |expr| {
        let (table, column) = match &*expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, column] => (tables.get(&table.value.to_lowercase()), column),
                _ => return,
            },
            Expr::Identifier(column) => (tables.values().next(), column),
            _ => return,
        };
        let of_table = table.and_then(|table| TABLES.iter().find(|(name, _)| name == table));
        let (Some((_, id)), None) = (of_table, column.quote_style) else {
            return;
        };
        let number = match column.value.to_lowercase().as_str() {
            COLUMN => *id,
            WRITTEN_BY => ONE_TRANSACTION,
            _ => return,
        };
        *expr = cast(literal(Value::Number(number.to_owned(), false)), DataType::Int(None));
    });
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn the_column_is_the_id_of_its_table() {
        for (sql, expected) in [
            (
                "SELECT c.tableoid FROM pg_catalog.pg_class AS c, pg_namespace AS n WHERE n.tableoid = d.classoid",
                "SELECT CAST(1259 AS INT) FROM pg_catalog.pg_class AS c, pg_namespace AS n \
                 WHERE CAST(2615 AS INT) = d.classoid",
            ),
            ("SELECT tableoid FROM pg_type", "SELECT CAST(1247 AS INT) FROM pg_type"),
            (
                "SELECT c.xmin FROM pg_class AS c",
                "SELECT CAST(1 AS INT) FROM pg_class AS c",
            ),
            ("SELECT u.tableoid FROM users AS u", "SELECT u.tableoid FROM users AS u"),
        ] {
            let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
            rewrite(&mut statement);
            assert_eq!(statement.to_string(), expected);
        }
    }
}
