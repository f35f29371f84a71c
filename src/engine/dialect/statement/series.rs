//! Functions in a SELECT list that give rows: `generate_series`, `string_to_table` and the like become `unnest` of an
//! array, which the engine turns into rows.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem, SetExpr, Statement, VisitorMut,
};

use super::super::json::{ELEMENT_TEXTS, ELEMENTS, KEYS};
use super::super::syntax::{call, name_of};
use super::super::time::SERIES;
use crate::engine::dialect::walk::{walk_expressions_mut, walk_mut};

/// Functions that return rows, and the functions that return the same values as an array.
const ARRAYS: [(&str, &str); 10] = [
    ("generate_series", SERIES),
    ("string_to_table", "string_to_array"),
    ("regexp_split_to_table", "regexp_split_to_array"),
    ("regexp_matches", "regexp_matches"),
    ("json_array_elements", ELEMENTS[0]),
    ("jsonb_array_elements", ELEMENTS[1]),
    ("json_array_elements_text", ELEMENT_TEXTS[0]),
    ("jsonb_array_elements_text", ELEMENT_TEXTS[1]),
    ("json_object_keys", KEYS[0]),
    ("jsonb_object_keys", KEYS[1]),
];

/// Rewrites such functions in the SELECT lists of a statement.
pub fn give_rows(statement: &mut Statement) {
    struct SeriesRewriter;

    impl VisitorMut for SeriesRewriter {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            of_body(&mut query.body);
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut SeriesRewriter);
}

fn of_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    unnested(expr);
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            of_body(left);
            of_body(right);
        }
        _ => {}
    }
}

fn unnested(expr: &mut Expr) {
    // Subqueries have lists of their own, and were not reached yet.
    let _ = walk_expressions_mut(expr, |expr| {
        if let Expr::Function(function) = expr {
            match (array_of(function), rows_of_rows(function)) {
                (Some(array), _) => *expr = call("unnest", vec![Expr::Function(array)]),
                (None, Some(rows)) => *expr = rows,
                (None, None) => {}
            }
        }
        ControlFlow::<()>::Continue(())
    });
}

/// `unnest(unnest(…))`, where the statement itself takes the rows of an array that is one already.
fn rows_of_rows(function: &Function) -> Option<Expr> {
    if name_of(function) != "unnest" {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(inner)))] if name_of(inner) == "unnest" => {
            Some(Expr::Function(inner.clone()))
        }
        _ => None,
    }
}

fn array_of(function: &Function) -> Option<Function> {
    let name = name_of(function);
    let (_, array) = ARRAYS.iter().find(|(rows, _)| *rows == name)?;
    let mut made = function.clone();
    made.name = super::super::syntax::function(array, Vec::new(), Vec::new()).name;
    Some(made)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn lists_give_rows() {
        for (sql, expected) in [
            ("SELECT generate_series(1, 3) AS i", "SELECT unnest(series(1, 3)) AS i"),
            (
                "SELECT a FROM (SELECT 2 * generate_series(1, 3) AS a) AS t",
                "SELECT a FROM (SELECT 2 * unnest(series(1, 3)) AS a) AS t",
            ),
            (
                "SELECT (SELECT count(*) FROM (SELECT generate_series(1, 3)) AS t)",
                "SELECT (SELECT count(*) FROM (SELECT unnest(series(1, 3))) AS t)",
            ),
            ("SELECT unnest(generate_series(1, 3))", "SELECT unnest(series(1, 3))"),
            (
                "SELECT i FROM generate_series(1, 3) AS g (i)",
                "SELECT i FROM generate_series(1, 3) AS g (i)",
            ),
        ] {
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            give_rows(&mut statements[0]);
            assert_eq!(statements[0].to_string(), expected);
        }
    }
}
