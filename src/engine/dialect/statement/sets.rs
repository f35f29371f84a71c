//! `INTERSECT ALL` and `EXCEPT ALL` count rows: of a row that one side has three times and the other twice, two are common.
//!
//! The engine asks only whether the other side has the row. Here equal rows of each side are numbered, so that a row
//! and its number are in the other side as often as it has the row.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, Query, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::super::DialectError;
use super::names::name_of;
use crate::engine::dialect::walk::walk_mut;

/// Numbers the rows of both sides.
pub fn count_rows(statement: &mut Statement) -> Result<(), DialectError> {
    struct SetRewriter;

    impl VisitorMut for SetRewriter {
        type Break = DialectError;

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<DialectError> {
            match counted(&mut query.body) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(error),
            }
        }
    }

    match walk_mut(statement, &mut SetRewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn counted(body: &mut SetExpr) -> Result<(), DialectError> {
    let SetExpr::SetOperation {
        op,
        set_quantifier,
        left,
        right,
    } = body
    else {
        return Ok(());
    };
    counted(left)?;
    counted(right)?;
    let counts = matches!(op, SetOperator::Intersect | SetOperator::Except) && *set_quantifier == SetQuantifier::All;
    if !counts {
        return Ok(());
    }
    let names = columns_of(left).ok_or_else(|| {
        DialectError::NotSupported(format!(
            "{op} ALL of all columns (*) is not supported; write the names of the columns"
        ))
    })?;
    let places: Vec<String> = (1..=names.len()).map(|place| format!("c{place}")).collect();
    let places = places.join(", ");
    let kept: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(place, name)| format!("c{} AS {}", place + 1, Ident::with_quote('"', name)))
        .collect();
    let numbered = |side: &SetExpr| {
        format!(
            "SELECT {places}, row_number() OVER (PARTITION BY {places}) AS number_of_row FROM ({side}) AS side ({places})"
        )
    };
    let sql = format!(
        "SELECT {} FROM ({} {op} {}) AS counted",
        kept.join(", "),
        numbered(left),
        numbered(right)
    );
    // Both queries are written as SQL, which is parsed again. Names keep the quotes that they had.
    *body = parsed(&sql).ok_or_else(|| DialectError::Syntax(format!("{op} ALL cannot be read")))?;
    Ok(())
}

fn parsed(sql: &str) -> Option<SetExpr> {
    match Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?.pop()? {
        Statement::Query(query) => Some(*query.body),
        _ => None,
    }
}

/// The names of the columns; none where a `*` stands for some.
fn columns_of(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::UnnamedExpr(expr) => Some(name_of(expr)),
                SelectItem::ExprWithAlias { alias, .. } => Some(match alias.quote_style {
                    Some(_) => alias.value.clone(),
                    None => alias.value.to_lowercase(),
                }),
                _ => None,
            })
            .collect(),
        SetExpr::Values(values) => {
            let row = &values.rows.first()?.content;
            Some((1..=row.len()).map(|place| format!("column{place}")).collect())
        }
        SetExpr::SetOperation { left, .. } => columns_of(left),
        SetExpr::Query(query) => columns_of(&query.body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(sql: &str) -> Result<String, DialectError> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        count_rows(&mut statements[0])?;
        Ok(statements[0].to_string())
    }

    #[test]
    fn both_sides_are_numbered() {
        insta::assert_snapshot!(
            rewritten("SELECT a AS \"A\" FROM t EXCEPT ALL SELECT b FROM u ORDER BY 1").expect("rewritten"),
            @r#"SELECT c1 AS "A" FROM (SELECT c1, row_number() OVER (PARTITION BY c1) AS number_of_row FROM (SELECT a AS "A" FROM t) AS side (c1) EXCEPT SELECT c1, row_number() OVER (PARTITION BY c1) AS number_of_row FROM (SELECT b FROM u) AS side (c1)) AS counted ORDER BY 1"#
        );
        for unchanged in [
            "SELECT a FROM t EXCEPT SELECT b FROM u",
            "SELECT a FROM t UNION ALL SELECT b FROM u",
        ] {
            assert_eq!(rewritten(unchanged).expect(unchanged), unchanged);
        }
        assert!(rewritten("SELECT * FROM t INTERSECT ALL SELECT * FROM u").is_err());
    }
}
