//! `json_agg`, `json_object_agg` and their like: documents made from the array of `array_agg`, with its order, filter
//! and window.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Statement,
};

use super::build::{ARRAY_OF_ALL, OBJECT_OF_ALL};
use crate::engine::dialect::syntax::{argument, call, function, name_of, rewrite_all, text};

/// Rewrites the aggregates to calls of the functions that make documents from arrays.
pub fn rewrite(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        if let Expr::Function(called) = expr
            && let Some(put) = of_array(called)
        {
            *expr = put;
        }
    });
}

fn of_array(called: &Function) -> Option<Expr> {
    let (maker, of_pairs) = match name_of(called).as_str() {
        "json_agg" => (ARRAY_OF_ALL[0], false),
        "jsonb_agg" => (ARRAY_OF_ALL[1], false),
        "json_object_agg" => (OBJECT_OF_ALL[0], true),
        "jsonb_object_agg" => (OBJECT_OF_ALL[1], true),
        _ => return None,
    };
    let mut all = called.clone();
    all.name = function("array_agg", Vec::new(), Vec::new()).name;
    let FunctionArguments::List(list) = &mut all.args else {
        return None;
    };
    if of_pairs {
        pair(list)?;
    }
    Some(call(maker, vec![Expr::Function(all)]))
}

/// Two arguments as one record.
fn pair(list: &mut FunctionArgumentList) -> Option<()> {
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(key)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)),
    ] = list.args.as_slice()
    else {
        return None;
    };
    let row = call(
        "named_struct",
        vec![text("key"), key.clone(), text("value"), value.clone()],
    );
    list.args = vec![argument(row)];
    Some(())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn aggregates_are_made_of_arrays() {
        for (expr, expected) in [
            ("json_agg(a ORDER BY b)", "json_of_all(array_agg(a ORDER BY b))"),
            (
                "jsonb_agg(a) FILTER (WHERE b)",
                "jsonb_of_all(array_agg(a) FILTER (WHERE b))",
            ),
            (
                "json_object_agg(a, b ORDER BY c)",
                "json_object_of_all(array_agg(named_struct('key', a, 'value', b) ORDER BY c))",
            ),
            ("array_agg(a)", "array_agg(a)"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            rewrite(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
