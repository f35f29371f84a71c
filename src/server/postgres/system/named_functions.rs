//! Functions by other names or with fewer arguments: what the engine has, asked as PostgreSQL asks it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    Statement, Value, VisitMut, VisitorMut,
};

use super::super::arrays::call;
use super::super::functions::SAY_NOTHING;

/// Rewrites the calls of a statement.
pub fn rewrite(statement: &mut Statement) {
    struct Calls;

    impl VisitorMut for Calls {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expr
                && let Some(other) = otherwise(function)
            {
                *expr = other;
            }
            ControlFlow::Continue(())
        }
    }

    let _ = VisitMut::visit(statement, &mut Calls);
}

fn otherwise(function: &mut Function) -> Option<Expr> {
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    // Whatever they are asked of, they say the same, and what they are asked of may be beyond the engine.
    if SAY_NOTHING.contains(&name.as_str()) {
        list.args.clear();
        return None;
    }
    let arguments: Vec<&Expr> = list
        .args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect();
    match (name.as_str(), arguments.as_slice()) {
        ("generate_subscripts", [array, dimension]) => {
            let one = Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
            let length = call("array_length", vec![(*array).clone(), (*dimension).clone()]);
            Some(call("unnest", vec![call("generate_series", vec![one, length])]))
        }
        ("to_regclass", [name]) => Some(cast(name, "regclass")),
        ("to_regtype", [name]) => Some(cast(name, "regtype")),
        ("to_regnamespace", [name]) => Some(cast(name, "regnamespace")),
        ("to_regproc", [name]) => Some(cast(name, "regproc")),
        _ => None,
    }
}

fn cast(expr: &Expr, kind: &str) -> Expr {
    Expr::Cast {
        kind: datafusion::sql::sqlparser::ast::CastKind::DoubleColon,
        expr: Box::new(expr.clone()),
        data_type: DataType::Custom(
            ObjectName(vec![ObjectNamePart::Identifier(Ident::new(kind))]),
            Vec::new(),
        ),
        array: false,
        format: None,
    }
}
