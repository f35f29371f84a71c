//! The types of a prepared statement's parameters, as clients have to send them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use arrow_pg::datatypes::{PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind};
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ParamValues, ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::api::stmt::StoredStatement;
use pgwire::error::{PgWireError, PgWireResult};

use crate::engine::dialect::arrays::{ARRAY_OF, ARRAY_OF_IDS, element_of, elements, is_quantified, list_of, written};
use crate::engine::dialect::time::Endless;
use crate::postgres::error::QueryError;

/// One parameter: `$1`, `$2`, …
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The type that the engine needs; `None` where the statement does not determine it.
    pub engine: Option<DataType>,
    /// The type in which the client has to send the value.
    pub wire: Type,
    /// Whether all its uses are comparisons, so that a wider number may be bound to it.
    pub is_compared: bool,
}

/// The uses of one parameter in a plan, from which its type is inferred.
#[derive(Default)]
struct ParameterUses {
    /// The type of the columns that it is compared with.
    compared: Option<DataType>,
    cast: Option<DataType>,
    /// Its type where it is the array of a comparison with ANY or ALL, or is compared with such an array.
    quantified: Option<DataType>,
    alias: Option<Type>,
    /// How often it occurs, and how many of these uses are comparisons.
    count: usize,
    comparisons: usize,
}

/// Parameters that a statement may have: clients count them with two bytes.
const MOST: u32 = u16::MAX as u32;

/// The parameters of a plan in order; as many as the client declares types of, at least.
pub fn of_plan(plan: &LogicalPlan, declared: usize) -> Result<Vec<Parameter>> {
    let mut all: BTreeMap<u32, ParameterUses> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        if let LogicalPlan::Limit(limit) = node {
            for rows in [&limit.skip, &limit.fetch].into_iter().flatten() {
                note_count(rows, &mut all);
            }
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                note(expr, &schema, &mut all);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let known = |uses: ParameterUses| {
        let is_compared = uses.count > 0 && uses.count == uses.comparisons;
        let engine = uses.compared.or(uses.quantified).or(uses.cast);
        let wire = uses.alias.or_else(|| into_pg_type(engine.as_ref()?).ok());
        Parameter {
            engine,
            wire: wire.unwrap_or(Type::UNKNOWN),
            is_compared,
        }
    };
    let last = all.keys().next_back().copied().unwrap_or(0);
    if last > MOST {
        return plan_err!("there is no parameter ${last}; the last one is ${MOST}");
    }
    let count = last.max(u32::try_from(declared).unwrap_or(MOST).min(MOST));
    Ok((1..=count)
        .map(|number| known(all.remove(&number).unwrap_or_default()))
        .collect())
}

fn note(expr: &Expr, schema: &DFSchema, all: &mut BTreeMap<u32, ParameterUses>) {
    for compared in compared_in(expr) {
        if let Expr::Placeholder(placeholder) = compared
            && let Some(uses) = uses_of(placeholder, all)
        {
            uses.comparisons += 1;
        }
    }
    match expr {
        Expr::Placeholder(placeholder) => {
            let Some(uses) = uses_of(placeholder, all) else {
                return;
            };
            uses.count += 1;
            let Some(field) = placeholder.field.as_deref() else {
                return;
            };
            // Clients do not distinguish the engine's types of text.
            if uses.compared.is_none() {
                uses.compared = Some(field.data_type().clone());
            }
            if uses.alias.is_none() {
                uses.alias = object_id(field);
            }
        }
        Expr::Cast(cast) => {
            if let Some(uses) = placeholder_in(&cast.expr).and_then(|placeholder| uses_of(placeholder, all)) {
                uses.cast = Some(cast.field.data_type().clone());
                let is_of_ids = matches!(cast.expr.as_ref(), Expr::ScalarFunction(call) if call.name() == ARRAY_OF_IDS);
                if is_of_ids {
                    uses.alias = Some(Type::OID_ARRAY);
                }
            }
        }
        Expr::ScalarFunction(function) if is_quantified(function.name()) => {
            let [left, right] = function.args.as_slice() else {
                return;
            };
            let kind = |expr: &Expr| expr.get_type(schema).ok().filter(|kind| !kind.is_null());
            if let (Expr::Placeholder(placeholder), Some(kind)) = (right, kind(left))
                && let Some(uses) = uses_of(placeholder, all)
            {
                uses.quantified = Some(list_of(kind));
            }
            if let (Expr::Placeholder(placeholder), Some(kind)) = (left, kind(right))
                && let Some(uses) = uses_of(placeholder, all)
            {
                uses.quantified = element_of(&kind).cloned();
            }
        }
        _ => {}
    }
}

/// The values that an expression compares.
fn compared_in(expr: &Expr) -> Vec<&Expr> {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Eq | NotEq | Lt | LtEq | Gt | GtEq,
            right,
        }) => vec![left.as_ref(), right.as_ref()],
        Expr::Between(between) => vec![between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()],
        Expr::InList(list) => std::iter::once(list.expr.as_ref()).chain(&list.list).collect(),
        _ => Vec::new(),
    }
}

/// Notes that a parameter of LIMIT or OFFSET is a number of rows.
fn note_count(rows: &Expr, all: &mut BTreeMap<u32, ParameterUses>) {
    if let Expr::Placeholder(placeholder) = rows
        && let Some(uses) = uses_of(placeholder, all)
    {
        uses.compared = Some(DataType::Int64);
    }
}

fn uses_of<'a>(placeholder: &Placeholder, all: &'a mut BTreeMap<u32, ParameterUses>) -> Option<&'a mut ParameterUses> {
    let number = placeholder.id.trim_start_matches('$').parse().ok()?;
    Some(all.entry(number).or_default())
}

/// The parameter that is cast, also where it is cast to an array.
fn placeholder_in(expr: &Expr) -> Option<&Placeholder> {
    match expr {
        Expr::Placeholder(placeholder) => Some(placeholder),
        Expr::ScalarFunction(function) if [ARRAY_OF, ARRAY_OF_IDS].contains(&function.name()) => {
            match function.args.as_slice() {
                [Expr::Placeholder(placeholder)] => Some(placeholder),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The values that a client gave for `parameters`.
pub fn values<S: Clone>(portal: &Portal<S>, parameters: &[Parameter]) -> PgWireResult<ParamValues> {
    let engine: Vec<Option<&DataType>> = parameters.iter().map(|parameter| parameter.engine.as_ref()).collect();
    let wire: Vec<Option<&Type>> = parameters.iter().map(|parameter| Some(&parameter.wire)).collect();
    let mut types = portal.statement.parameter_types.clone();
    types.resize(portal.parameter_len(), None);
    let mut library = Portal::default();
    library.parameter_format = portal.parameter_format.clone();
    library.parameters = portal.parameters.clone();
    let mut own: BTreeMap<usize, ScalarValue> = BTreeMap::new();
    for (place, given) in types.iter_mut().enumerate() {
        let known = parameters.get(place).map(|parameter| &parameter.wire);
        let Some(kind) = given.clone().or_else(|| known.cloned()) else {
            continue;
        };
        let read_here = match list_of_values(portal, place, &kind)? {
            Some(list) => Some(list),
            None => match wide_number(portal, place, &kind, parameters.get(place))? {
                Some(number) => Some(number),
                None => endless_time(portal, place, &kind, parameters.get(place))
                    .or_else(|| left_out(portal, place, &kind, parameters.get(place))),
            },
        };
        if let Some(value) = read_here {
            own.insert(place, value);
            library.parameters[place] = None;
            *given = Some(Type::INT4_ARRAY);
        } else if let Some(texts) = elements_of(portal, place, &kind)? {
            library.parameters[place] = Some(written(texts).into());
        }
    }
    library.statement = Arc::new(StoredStatement::new(portal.statement.id.clone(), (), types));
    let mut values = deserialize_parameters_with_server_types(&library, &engine, &wire)?;
    if let ParamValues::List(values) = &mut values {
        for (place, value) in own {
            values[place] = value.into();
        }
    }
    Ok(values)
}

/// NULL of a type that the library does not know: it leaves such a value out, so that the next would take its place.
fn left_out<S: Clone>(
    portal: &Portal<S>,
    place: usize,
    kind: &Type,
    parameter: Option<&Parameter>,
) -> Option<ScalarValue> {
    let is_unknown = matches!(
        *kind,
        Type::UNKNOWN
            | Type::NAME
            | Type::BPCHAR
            | Type::NAME_ARRAY
            | Type::BPCHAR_ARRAY
            | Type::DATE_ARRAY
            | Type::TIMESTAMP_ARRAY
            | Type::TIMESTAMPTZ_ARRAY
    );
    if !is_unknown || !portal.parameters.get(place).is_some_and(Option::is_none) {
        return None;
    }
    let own = parameter.and_then(|parameter| parameter.engine.as_ref());
    let own = own.and_then(|own| ScalarValue::try_new_null(own).ok());
    Some(own.unwrap_or(ScalarValue::Null))
}

/// Arrays that the library does not read: object ids, which are kept as integers, and texts that are written with
/// blanks between them.
fn list_of_values<S: Clone>(portal: &Portal<S>, place: usize, kind: &Type) -> PgWireResult<Option<ScalarValue>> {
    match *kind {
        Type::OID_ARRAY => {
            let ids = match elements_of(portal, place, kind)? {
                Some(texts) => {
                    let ids = texts
                        .into_iter()
                        .map(|id| id.map(|id| id.parse().map_err(|_| invalid(&id))).transpose());
                    Some(ids.collect::<PgWireResult<Vec<Option<u32>>>>()?)
                }
                None => portal.parameter::<Vec<Option<u32>>>(place, kind)?,
            };
            let ids = ids.map(|ids| {
                ids.into_iter()
                    .map(|id| ScalarValue::Int32(id.map(u32::cast_signed)))
                    .collect::<Vec<_>>()
            });
            Ok(Some(list(ids, &DataType::Int32)))
        }
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => {
            let texts = elements_of(portal, place, kind)?;
            Ok(texts.map(|texts| {
                list(
                    Some(texts.into_iter().map(ScalarValue::Utf8).collect()),
                    &DataType::Utf8,
                )
            }))
        }
        _ => Ok(None),
    }
}

/// A `bigint` out of the range of the narrower column that it is compared with: it stays a `bigint`.
fn wide_number<S: Clone>(
    portal: &Portal<S>,
    place: usize,
    kind: &Type,
    parameter: Option<&Parameter>,
) -> PgWireResult<Option<ScalarValue>> {
    let narrow = parameter
        .filter(|parameter| parameter.is_compared)
        .and_then(|parameter| parameter.engine.as_ref());
    let fits: fn(i64) -> bool = match narrow {
        Some(DataType::Int32) => |number| i32::try_from(number).is_ok(),
        Some(DataType::Int16) => |number| i16::try_from(number).is_ok(),
        _ => return Ok(None),
    };
    if *kind != Type::INT8 {
        return Ok(None);
    }
    let number = portal.parameter::<i64>(place, kind)?.filter(|number| !fits(*number));
    Ok(number.map(|number| ScalarValue::Int64(Some(number))))
}

/// `infinity` or `-infinity` of a date or a timestamp, which the library does not read.
fn endless_time<S: Clone>(
    portal: &Portal<S>,
    place: usize,
    kind: &Type,
    parameter: Option<&Parameter>,
) -> Option<ScalarValue> {
    let bytes: &[u8] = portal.parameters.get(place)?.as_ref()?;
    let own = match *kind {
        Type::DATE => DataType::Date32,
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => return None,
    };
    let endless = if portal.parameter_format.is_text(place) {
        Endless::of_text(std::str::from_utf8(bytes).ok()?)?
    } else if own == DataType::Date32 {
        Endless::of_days(i32::from_be_bytes(bytes.try_into().ok()?).into())?
    } else {
        Endless::of_micros(i64::from_be_bytes(bytes.try_into().ok()?))?
    };
    match parameter.and_then(|parameter| parameter.engine.clone()).unwrap_or(own) {
        DataType::Date32 => Some(ScalarValue::Date32(Some(endless.days()))),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            Some(ScalarValue::TimestampMicrosecond(Some(endless.micros()), zone))
        }
        _ => None,
    }
}

fn list(values: Option<Vec<ScalarValue>>, element: &DataType) -> ScalarValue {
    match values {
        Some(values) => ScalarValue::List(ScalarValue::new_list_nullable(&values, element)),
        None => ScalarValue::new_null_list(element.clone(), true, 1),
    }
}

/// The elements of an array that came as text.
fn elements_of<S: Clone>(portal: &Portal<S>, place: usize, kind: &Type) -> PgWireResult<Option<Vec<Option<String>>>> {
    let is_array = kind.name().starts_with('_');
    let Some(Some(bytes)) = portal
        .parameters
        .get(place)
        .filter(|_| is_array && portal.parameter_format.is_text(place))
    else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes).map_err(|_| invalid("bytes that are not UTF-8"))?;
    elements(text).map(Some).map_err(|_| invalid(text))
}

fn invalid(text: &str) -> PgWireError {
    QueryError::Value(format!("malformed array literal: \"{text}\"")).into()
}

/// The type of a column of object ids, which is kept as an integer.
fn object_id(field: &Field) -> Option<Type> {
    let kind = field.metadata().get(PG_OID_ALIAS_KEY)?;
    (field.data_type() == &DataType::Int32)
        .then(|| pg_type_for_alias_kind(kind))
        .flatten()
}

#[cfg(test)]
mod tests {
    use pgwire::api::portal::Format;

    use super::*;

    #[test]
    fn null_of_an_unknown_type_keeps_its_place() {
        let mut portal: Portal<()> = Portal::default();
        portal.parameter_format = Format::UnifiedText;
        portal.parameters = vec![None, Some("x".into()), None];
        let unknown = Parameter {
            engine: None,
            wire: Type::UNKNOWN,
            is_compared: false,
        };
        let values = values(&portal, &[unknown.clone(), unknown.clone(), unknown]).expect("values");
        let value = |name: &str| {
            let value = values.get_placeholders_with_values(name).expect(name);
            value.into_inner().0
        };
        assert_eq!(value("$2"), ScalarValue::from("x"));
        assert!(value("$1").is_null() && value("$3").is_null());
    }
}
