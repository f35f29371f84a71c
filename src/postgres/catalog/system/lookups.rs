//! Columns that name a function or a type, which PostgreSQL keeps as numbers and shows as names.
//!
//! Here functions are kept as names (`typreceive` is `boolrecv`), and types as numbers.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Ident, Statement, Value,
};

use super::shown_types::SHOWN_TYPE;
use crate::engine::dialect::arrays::elements;
use crate::postgres::syntax::{call, literal, rewrite_all, text};

/// Columns that hold a function; `-` stands for none.
const OF_FUNCTIONS: [&str; 15] = [
    "typinput",
    "typoutput",
    "typreceive",
    "typsend",
    "typmodin",
    "typmodout",
    "typanalyze",
    "typsubscript",
    "amhandler",
    "rngcanonical",
    "rngsubdiff",
    "prosupport",
    "oprcode",
    "oprrest",
    "oprjoin",
];

/// Rewrites comparisons with columns of functions, and types that are shown by name.
pub fn rewrite(statement: &mut Statement) {
    rewrite_all(statement, |expr| match expr {
        Expr::BinaryOp { left, op, right } if is_equality(op) => {
            compare(left, right);
            compare(right, left);
            compare_truth(left, right);
        }
        // `CASE attnotnull WHEN 't' THEN …`
        Expr::Case {
            operand: Some(operand),
            conditions,
            ..
        } => {
            for when in conditions {
                compare_truth(operand, &mut when.condition);
            }
        }
        Expr::Cast {
            expr: inner, data_type, ..
        } => {
            if let Some(shown) = shown(inner, data_type) {
                *expr = shown;
            }
        }
        _ => {}
    });
}

/// Whether a type is one of PostgreSQL's for names that are looked up: `regclass` and the like.
pub fn is_registered(kind: &DataType) -> bool {
    kind_of(kind).starts_with("reg")
}

fn kind_of(kind: &DataType) -> String {
    let name = kind.to_string().to_lowercase().replace('"', "");
    name.strip_prefix("pg_catalog.").unwrap_or(&name).to_owned()
}

fn is_equality(operator: &BinaryOperator) -> bool {
    matches!(operator, BinaryOperator::Eq | BinaryOperator::NotEq)
}

/// Replaces an object id compared with `column` by its name, where the column is one of functions.
fn compare(column: &Expr, other: &mut Expr) {
    if !last_of(column).is_some_and(|name| OF_FUNCTIONS.contains(&name.value.to_lowercase().as_str())) {
        return;
    }
    match other {
        Expr::Value(value) if matches!(&value.value, Value::Number(number, _) if number == "0") => {
            value.value = Value::SingleQuotedString("-".to_owned());
        }
        Expr::Cast {
            expr: inner, data_type, ..
        } if kind_of(data_type) == "regproc" => {
            if let Expr::Value(value) = inner.as_ref()
                && let Value::SingleQuotedString(name) = &value.value
            {
                let name = name.rsplit('.').next().unwrap_or(name).to_owned();
                *other = Expr::Value(Value::SingleQuotedString(name).with_empty_span());
            }
        }
        // `oid` of `pg_proc` becomes the name of the function, `proname`.
        Expr::CompoundIdentifier(parts) => {
            if let Some(last) = parts.last_mut()
                && last.value.eq_ignore_ascii_case("oid")
            {
                *last = Ident::new("proname");
            }
        }
        _ => {}
    }
}

/// `indisprimary = 'f'`.
fn compare_truth(column: &Expr, other: &mut Expr) {
    let is_truth = last_of(column).is_some_and(|name| {
        let name = name.value.to_lowercase();
        ["indis", "relhas", "relis", "attis", "atthas", "attnot"]
            .iter()
            .any(|start| name.starts_with(start))
    });
    if let Expr::Value(value) = other
        && let Value::SingleQuotedString(text) = &value.value
        && is_truth
    {
        match text.as_str() {
            "t" | "true" => value.value = Value::Boolean(true),
            "f" | "false" => value.value = Value::Boolean(false),
            _ => {}
        }
    }
}

fn last_of(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        Expr::Nested(inner) => last_of(inner),
        _ => None,
    }
}

/// `'public.users'::regclass::text`: the table's name, where there is such a table.
fn name_of_table(id: &Expr, written: &Expr) -> Option<Expr> {
    let Expr::Value(value) = written else { return None };
    let name = value.value.clone().into_string()?;
    let name = name.rsplit('.').next().unwrap_or(&name).trim_matches('"');
    Some(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: Expr::IsNotNull(Box::new(id.clone())),
            result: text(name),
        }],
        else_result: None,
    })
}

/// `'{int4,text}'::regtype[]`: each of the names looked up by itself.
fn listed(written: &Expr, kind: &DataType) -> Option<Expr> {
    let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = kind else {
        return None;
    };
    let Expr::Value(value) = written else { return None };
    let Value::SingleQuotedString(names) = &value.value else {
        return None;
    };
    if !is_registered(element) {
        return None;
    }
    let looked_up = elements(names).ok()?.into_iter().map(|name| match name {
        Some(name) => Expr::Cast {
            kind: CastKind::DoubleColon,
            expr: Box::new(text(&name)),
            data_type: element.as_ref().clone(),
            array: false,
            format: None,
        },
        None => literal(Value::Null),
    });
    Some(Expr::Array(Array {
        elem: looked_up.collect(),
        named: true,
    }))
}

fn is_made_of_texts(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_made_of_texts(inner),
        Expr::BinaryOp { op, .. } => op == &BinaryOperator::StringConcat,
        _ => false,
    }
}

/// `x::regtype::text`, `x::regclass::text` and `typreceive::regproc`.
fn shown(inner: &Expr, kind: &DataType) -> Option<Expr> {
    if let Some(list) = listed(inner, kind) {
        return Some(list);
    }
    if kind_of(kind) == "regproc" {
        let is_name = last_of(inner).is_some_and(|name| OF_FUNCTIONS.contains(&name.value.to_lowercase().as_str()));
        return is_name.then(|| inner.clone());
    }
    let Expr::Cast {
        expr: kept, data_type, ..
    } = inner
    else {
        return None;
    };
    let is_text = matches!(kind_of(kind).as_str(), "text" | "varchar" | "name");
    if is_text && kind_of(data_type) == "regclass" {
        return name_of_table(inner, kept);
    }
    if is_text && kind_of(data_type) == "regtype" && is_made_of_texts(kept) {
        return Some(call(SHOWN_TYPE, vec![kept.as_ref().clone()]));
    }
    if !is_text || kind_of(data_type) != "regtype" || matches!(kept.as_ref(), Expr::Value(_)) {
        return None;
    }
    Some(call("format_type", vec![kept.as_ref().clone(), literal(Value::Null)]))
}
