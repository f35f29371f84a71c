//! Texts beside documents in `coalesce` and CASE: `coalesce(json_agg(a), '[]')` has a document where there are no rows.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value,
};

use crate::engine::dialect::syntax::{cast, name_of, rewrite_all};

/// Functions of documents that give something else.
const OTHERS: [&str; 7] = [
    "_text",
    "_typeof",
    "_length",
    "_exists",
    "_keys",
    "_exists_any",
    "_exists_all",
];

/// Casts the texts to the type of the documents that they stand beside.
pub fn of_documents(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::Function(called) if name_of(called) == "coalesce" => {
            if let FunctionArguments::List(list) = &mut called.args {
                let values = list.args.iter_mut().filter_map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
                    _ => None,
                });
                of_one_type(values.collect());
            }
        }
        Expr::Case {
            conditions,
            else_result,
            ..
        } => {
            let results = conditions.iter_mut().map(|condition| &mut condition.result);
            of_one_type(results.chain(else_result.as_deref_mut()).collect());
        }
        _ => {}
    });
}

fn of_one_type(values: Vec<&mut Expr>) {
    let Some(kind) = values.iter().find_map(|value| kind_of(value)) else {
        return;
    };
    for value in values {
        if matches!(value, Expr::Value(written) if matches!(written.value, Value::SingleQuotedString(_))) {
            *value = cast(value.clone(), kind.clone());
        }
    }
}

/// The type of a document, where its form tells it.
fn kind_of(expr: &Expr) -> Option<DataType> {
    match expr {
        Expr::Function(called) => of_function(called),
        Expr::Cast {
            data_type: kind @ (DataType::JSON | DataType::JSONB),
            ..
        } => Some(kind.clone()),
        Expr::Nested(inner) => kind_of(inner),
        _ => None,
    }
}

fn of_function(called: &Function) -> Option<DataType> {
    let name = name_of(called);
    if OTHERS.iter().any(|other| name.ends_with(other)) {
        return None;
    }
    if name.starts_with("jsonb_") || name == "to_jsonb" {
        return Some(DataType::JSONB);
    }
    let is_json = name.starts_with("json_") || ["to_json", "row_to_json", "array_to_json"].contains(&name.as_str());
    is_json.then_some(DataType::JSON)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn texts_beside_documents_are_documents() {
        for (expr, expected) in [
            (
                "coalesce(json_agg(a), '[]')",
                "coalesce(json_agg(a), CAST('[]' AS JSON))",
            ),
            (
                "coalesce(jsonb_agg(a) FILTER (WHERE b), '[]')",
                "coalesce(jsonb_agg(a) FILTER (WHERE b), CAST('[]' AS JSONB))",
            ),
            (
                "CASE WHEN a THEN to_jsonb(b) ELSE '{}' END",
                "CASE WHEN a THEN to_jsonb(b) ELSE CAST('{}' AS JSONB) END",
            ),
            (
                "coalesce(json_array_length(a)::text, 'x')",
                "coalesce(json_array_length(a)::TEXT, 'x')",
            ),
            ("coalesce(jsonb_typeof(a), 'x')", "coalesce(jsonb_typeof(a), 'x')"),
            ("coalesce(a, 'x')", "coalesce(a, 'x')"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            of_documents(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
