//! Names: the column of `FROM generate_series(…) AS d` is `d`, `(t).a` is `t.a`, and the type `"text"` is `text`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, DataType, Expr, Ident, Statement, TableAlias, TableFactor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::super::syntax::name_column;
use crate::engine::dialect::walk::walk_mut;

/// The function whose result column is named after it or its alias.
const SERIES: &str = "generate_series";

/// Rewrites the names to the engine's.
pub fn rewrite(statement: &mut Statement) {
    let _ = walk_mut(statement, &mut NameRewriter);
}

struct NameRewriter;

impl VisitorMut for NameRewriter {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias,
            args: Some(_),
            ..
        } = factor
            && name.0.last().and_then(|part| part.as_ident()).is_some_and(is_series)
        {
            name.0.drain(..name.0.len() - 1);
            let alias = alias.get_or_insert_with(|| TableAlias {
                explicit: true,
                name: Ident::new(SERIES),
                columns: Vec::new(),
                at: None,
            });
            name_column(alias);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { data_type, .. } = expr {
            without_quotes(data_type);
        }
        if let Expr::CompoundFieldAccess { root, access_chain } = expr
            && let Expr::Nested(inner) = root.as_ref()
            && let Expr::Identifier(table) = inner.as_ref()
            && let [AccessExpr::Dot(Expr::Identifier(column))] = access_chain.as_slice()
        {
            *expr = Expr::CompoundIdentifier(vec![table.clone(), column.clone()]);
        }
        ControlFlow::Continue(())
    }
}

/// A quoted type name becomes the type. `"char"` is another type than `char`, and is kept.
fn without_quotes(kind: &mut DataType) {
    match kind {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => without_quotes(element),
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            let quoted = name.0.last().and_then(|part| part.as_ident());
            let Some(quoted) = quoted.filter(|name| name.quote_style.is_some() && name.value != "char") else {
                return;
            };
            let read = Parser::new(&PostgreSqlDialect {}).try_with_sql(&quoted.value);
            match read.and_then(|mut parser| parser.parse_data_type()) {
                Ok(DataType::Custom(..)) | Err(_) => {}
                // The whole name was a type's.
                Ok(known) if known.to_string().eq_ignore_ascii_case(&quoted.value) => *kind = known,
                Ok(_) => {}
            }
        }
        _ => {}
    }
}

fn is_series(name: &Ident) -> bool {
    name.value.eq_ignore_ascii_case(SERIES)
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn columns_have_the_names_of_postgresql() {
        for (sql, expected) in [
            (
                "select d + 1 from generate_series(1, 2) as d order by 1",
                vec!["2", "3"],
            ),
            (
                "select generate_series from pg_catalog.generate_series(1, 2) order by 1",
                vec!["1", "2"],
            ),
            (
                "select s.n from generate_series(1, 2) as s(n) order by 1",
                vec!["1", "2"],
            ),
            ("select (l).name from learners l order by 1 limit 1", vec!["ann"]),
            ("select '7'::\"int4\" + 1", vec!["8"]),
            ("select cast(array['1'] as \"int8\"[])", vec!["[1]"]),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }
}
