//! Functions that the engine has under other names or with other arguments than PostgreSQL.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Statement, Value, ValueWithSpan,
};

use super::super::functions::ALWAYS_NULL;
use crate::postgres::syntax::{self, argument, call, literal, rewrite_all, text};

/// Rewrites the calls of a statement.
pub fn rewrite(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        let other = match expr {
            Expr::Function(function) => otherwise(function),
            Expr::Like {
                pattern, escape_char, ..
            } if escape_char.is_some() => {
                escape_otherwise(pattern, escape_char);
                None
            }
            Expr::CompoundFieldAccess { root, access_chain } => field(root, access_chain),
            Expr::Substring {
                expr,
                substring_from: Some(pattern),
                substring_for: None,
                ..
            } => matched(expr, pattern),
            _ => None,
        };
        if let Some(other) = other {
            *expr = other;
        }
    });
}

fn otherwise(function: &mut Function) -> Option<Expr> {
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let FunctionArguments::List(list) = &mut function.args else {
        return None;
    };
    // NULL whatever the arguments are, and the engine may not be able to plan the arguments.
    if ALWAYS_NULL.contains(&name.as_str()) {
        // Parameters stay, as clients give their values.
        if !list.to_string().contains('$') {
            list.args.clear();
        }
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
            let one = literal(Value::Number("1".to_owned(), false));
            let length = call("array_length", vec![(*array).clone(), (*dimension).clone()]);
            Some(call("unnest", vec![call("generate_series", vec![one, length])]))
        }
        ("to_regclass", [name]) => Some(cast(name, "regclass")),
        ("to_regtype", [name]) => Some(cast(name, "regtype")),
        ("to_regnamespace", [name]) => Some(cast(name, "regnamespace")),
        ("to_regproc", [name]) => Some(cast(name, "regproc")),
        // Tools ask it about sequences, and about columns of composite types; there are none.
        ("json_build_object", _) => Some(literal(Value::Null)),
        ("array_agg", [column]) if column.to_string().ends_with("atttypid") => {
            let text = syntax::cast((*column).clone(), DataType::Text);
            let kept = list.args.iter_mut().next()?;
            *kept = argument(text);
            None
        }
        _ => None,
    }
}

/// `LIKE … ESCAPE '/'`: the engine escapes with a backslash alone.
fn escape_otherwise(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    let letter = escape.take().and_then(|letter| letter.value.into_string());
    if let Some(letter) = letter.filter(|letter| letter != "\\") {
        let written = Expr::Nested(Box::new(pattern.clone()));
        *pattern = call("replace", vec![written, text(&letter), text("\\")]);
    }
}

/// `substring(x FROM 'a=([0-9]*)')`: what the pattern finds, or what its first group does.
fn matched(text: &Expr, pattern: &Expr) -> Option<Expr> {
    let is_text = matches!(pattern, Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)));
    is_text.then(|| {
        let found = call("regexp_match", vec![text.clone(), pattern.clone()]);
        call(
            "array_element",
            vec![found, literal(Value::Number("1".to_owned(), false))],
        )
    })
}

/// `(f(x)).n`.
fn field(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let [AccessExpr::Dot(Expr::Identifier(name))] = chain else {
        return None;
    };
    Some(call("get_field", vec![root.clone(), text(&name.value.to_lowercase())]))
}

fn cast(expr: &Expr, kind: &str) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr.clone()),
        data_type: DataType::Custom(
            ObjectName(vec![ObjectNamePart::Identifier(Ident::new(kind))]),
            Vec::new(),
        ),
        array: false,
        format: None,
    }
}
