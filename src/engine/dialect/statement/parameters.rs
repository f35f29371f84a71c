//! Infers types of parameters from their position: `substr(name, $1)` takes an integer, `$1 * interval '1 day'` a
//! number.
//!
//! In comparisons and calculations, the planner takes the type of the other side.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value,
};

use super::super::syntax::{cast, name_of, rewrite_all};

/// Functions with arguments of one type each, by place; None where an argument has any type.
const PLACES: [(&str, &[Option<DataType>]); 22] = [
    ("substr", &[TEXT, INTEGER, INTEGER]),
    ("substring", &[TEXT, INTEGER, INTEGER]),
    ("left", &[TEXT, INTEGER]),
    ("right", &[TEXT, INTEGER]),
    ("lpad", &[TEXT, INTEGER, TEXT]),
    ("rpad", &[TEXT, INTEGER, TEXT]),
    ("repeat", &[TEXT, INTEGER]),
    ("split_part", &[TEXT, TEXT, INTEGER]),
    ("chr", &[INTEGER]),
    ("round", &[ANY, INTEGER]),
    ("trunc", &[ANY, INTEGER]),
    ("ntile", &[INTEGER]),
    ("lag", &[ANY, INTEGER]),
    ("lead", &[ANY, INTEGER]),
    ("nth_value", &[ANY, INTEGER]),
    ("percentile_cont", &[FLOAT]),
    ("percentile_disc", &[FLOAT]),
    ("concat_ws", &[TEXT]),
    ("string_agg", &[TEXT, TEXT]),
    ("array_to_string", &[ANY, TEXT, TEXT]),
    ("string_to_array", &[TEXT, TEXT, TEXT]),
    ("make_date", &[INTEGER, INTEGER, INTEGER]),
];
const ANY: Option<DataType> = None;
const INTEGER: Option<DataType> = Some(DataType::Int(None));
const TEXT: Option<DataType> = Some(DataType::Text);
const FLOAT: Option<DataType> = Some(DataType::Double(ExactNumberInfo::None));

/// Casts parameters whose position determines their type.
pub fn type_by_place(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::Function(function) => {
            let name = name_of(function);
            let Some((_, types)) = PLACES.iter().find(|(known, _)| *known == name) else {
                return;
            };
            let FunctionArguments::List(list) = &mut function.args else {
                return;
            };
            for (argument, kind) in list.args.iter_mut().zip(types.iter()) {
                if let (FunctionArg::Unnamed(FunctionArgExpr::Expr(value)), Some(kind)) = (argument, kind) {
                    type_one(value, kind);
                }
            }
        }
        Expr::Substring {
            substring_from,
            substring_for,
            ..
        } => {
            for place in [substring_from, substring_for].into_iter().flatten() {
                type_one(place, &DataType::Int(None));
            }
        }
        Expr::BinaryOp { left, op, right } => type_operand(left, op, right),
        Expr::Case {
            operand: None,
            conditions,
            ..
        } => {
            for case in conditions {
                type_one(&mut case.condition, &DataType::Boolean);
            }
        }
        _ => {}
    });
}

/// The number beside an interval, and the first of two texts without a type.
fn type_operand(left: &mut Expr, operator: &BinaryOperator, right: &mut Expr) {
    let number = DataType::Double(ExactNumberInfo::None);
    match operator {
        BinaryOperator::Multiply if is_interval(right) => type_one(left, &number),
        BinaryOperator::Multiply | BinaryOperator::Divide if is_interval(left) => type_one(right, &number),
        BinaryOperator::StringConcat if is_parameter(right) => type_one(left, &DataType::Text),
        _ => {}
    }
}

fn is_interval(expr: &Expr) -> bool {
    match expr {
        Expr::Interval(_) => true,
        Expr::Cast { data_type, .. } => matches!(data_type, DataType::Interval { .. }),
        Expr::Nested(inner) => is_interval(inner),
        _ => false,
    }
}

fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

fn type_one(value: &mut Expr, kind: &DataType) {
    if is_parameter(value) {
        *value = cast(value.clone(), kind.clone());
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn parameters_have_the_type_of_their_place() {
        for (expr, expected) in [
            ("substr(a, $1, $2)", "SUBSTR(a, CAST($1 AS INT), CAST($2 AS INT))"),
            ("substring(a from $1)", "SUBSTRING(a FROM CAST($1 AS INT))"),
            ("round(a, $1)", "round(a, CAST($1 AS INT))"),
            ("round($1, 2)", "round($1, 2)"),
            ("case when $1 then 1 end", "CASE WHEN CAST($1 AS BOOLEAN) THEN 1 END"),
            ("left(a, $1::int)", "left(a, $1::INT)"),
            ("a - $1 * interval '1 day'", "a - CAST($1 AS DOUBLE) * INTERVAL '1 day'"),
            ("'1 day'::interval / $1", "'1 day'::INTERVAL / CAST($1 AS DOUBLE)"),
            ("$1 || $2", "CAST($1 AS TEXT) || $2"),
            ("$1 || 'a'", "$1 || 'a'"),
            ("$1 * 2", "$1 * 2"),
            ("upper($1)", "upper($1)"),
        ] {
            let sql = format!("SELECT {expr}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(expr);
            type_by_place(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
