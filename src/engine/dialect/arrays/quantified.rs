//! `x = ANY(array)`, `x <> ALL(array)` and the like, with PostgreSQL's NULLs and types.
//!
//! The engine's own form ignores NULL elements, and gives a parameter on the right side no type. Here the comparisons
//! become calls of functions, one for each operator, that accept only an array of the left side's type. Subqueries stay
//! with the engine.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Scalar, UInt64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::{and_kleene, or_kleene, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Expr as EngineExpr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Statement};

use super::text::{element_of, list_of, literal};
use crate::engine::dialect::DialectError;
use crate::engine::dialect::syntax::{call, rewrite_each};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Quantifier {
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Comparison {
    Equal,
    Other,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// `left = ANY(array)`.
pub const EQUAL_TO_ANY: &str = "equal_to_any";
const FUNCTIONS: [(&str, Quantifier, Comparison); 12] = [
    (EQUAL_TO_ANY, Quantifier::Any, Comparison::Equal),
    ("other_than_any", Quantifier::Any, Comparison::Other),
    ("less_than_any", Quantifier::Any, Comparison::Less),
    ("at_most_any", Quantifier::Any, Comparison::LessOrEqual),
    ("greater_than_any", Quantifier::Any, Comparison::Greater),
    ("at_least_any", Quantifier::Any, Comparison::GreaterOrEqual),
    ("equal_to_all", Quantifier::All, Comparison::Equal),
    ("other_than_all", Quantifier::All, Comparison::Other),
    ("less_than_all", Quantifier::All, Comparison::Less),
    ("at_most_all", Quantifier::All, Comparison::LessOrEqual),
    ("greater_than_all", Quantifier::All, Comparison::Greater),
    ("at_least_all", Quantifier::All, Comparison::GreaterOrEqual),
];

/// Whether a function is one of these: its second argument is then an array of the first one's type.
pub fn is_quantified(function: &str) -> bool {
    FUNCTIONS.iter().any(|(name, ..)| *name == function)
}

/// Registers the functions.
pub fn register(session: &SessionContext) {
    for (name, quantifier, comparison) in FUNCTIONS {
        session.register_udf(ScalarUDF::new_from_impl(Quantified {
            name,
            quantifier,
            comparison,
            signature: Signature::user_defined(Volatility::Immutable),
        }));
    }
}

/// Rewrites comparisons with ANY or ALL of an array to calls of the functions.
pub fn call_functions(statement: &mut Statement) -> Result<(), DialectError> {
    rewrite_each(statement, |expr| {
        if let Some(calls) = called(expr)? {
            *expr = calls;
        }
        Ok(())
    })
}

fn called(expr: &Expr) -> Result<Option<Expr>, DialectError> {
    let (quantifier, left, operator, right) = match expr {
        Expr::AnyOp {
            left,
            compare_op,
            right,
            ..
        } => (Quantifier::Any, left, compare_op, right),
        Expr::AllOp {
            left,
            compare_op,
            right,
        } => (Quantifier::All, left, compare_op, right),
        _ => return Ok(None),
    };
    if matches!(right.as_ref(), Expr::Subquery(_)) {
        return Ok(None);
    }
    let comparison = match operator {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::Other,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        other => {
            return Err(DialectError::NotSupported(format!(
                "{other} with ANY or ALL of an array is not supported"
            )));
        }
    };
    let function = FUNCTIONS
        .iter()
        .find(|(_, known, compares)| (*known, *compares) == (quantifier, comparison));
    let Some((name, ..)) = function else {
        return Ok(None);
    };
    let array = literal(right)?.unwrap_or_else(|| right.as_ref().clone());
    Ok(Some(call(name, vec![left.as_ref().clone(), array])))
}

/// One comparison with an array.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantified {
    name: &'static str,
    quantifier: Quantifier,
    comparison: Comparison,
    signature: Signature,
}

impl ScalarUDFImpl for Quantified {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = arguments else {
            return plan_err!("{} takes two arguments", self.name);
        };
        let element = match element_of(right) {
            Some(element) if element_of(element).is_none() => element,
            Some(_) => return plan_err!("ANY and ALL take arrays of one dimension"),
            None if right.is_null() => left,
            None => return plan_err!("op ANY/ALL (array) requires array on right side"),
        };
        let common = match (left, element) {
            (DataType::Null, kind) | (kind, DataType::Null) => Some(kind.clone()),
            // The elements of a literal are texts until the type of the other side is known.
            (left, element) if element.is_string() && !is_text(left) => Some(left.clone()),
            (left, element) if is_text(left) && !is_text(element) => None,
            (left, element) => comparison_coercion(left, element),
        };
        match common {
            Some(common) => Ok(vec![common.clone(), list_of(common)]),
            None => plan_err!("{left} cannot be compared with elements of type {element}"),
        }
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    /// Equality with known values becomes an IN list, by which files are pruned.
    fn simplify(&self, arguments: Vec<EngineExpr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let negated = match (self.quantifier, self.comparison) {
            (Quantifier::Any, Comparison::Equal) => false,
            (Quantifier::All, Comparison::Other) => true,
            _ => return Ok(ExprSimplifyResult::Original(arguments)),
        };
        let [left, EngineExpr::Literal(ScalarValue::List(lists), _)] = arguments.as_slice() else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        if lists.len() != 1 {
            return Ok(ExprSimplifyResult::Original(arguments));
        }
        if lists.is_null(0) {
            return Ok(ExprSimplifyResult::Simplified(lit(ScalarValue::Boolean(None))));
        }
        let values = lists.value(0);
        if values.is_empty() {
            return Ok(ExprSimplifyResult::Simplified(lit(negated)));
        }
        let values = (0..values.len()).map(|row| Ok(lit(ScalarValue::try_from_array(&values, row)?)));
        Ok(ExprSimplifyResult::Simplified(EngineExpr::InList(InList::new(
            Box::new(left.clone()),
            values.collect::<Result<_>>()?,
            negated,
        ))))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = arguments.args.as_slice() else {
            return exec_err!("{} takes two arguments", self.name);
        };
        let left = left.to_array(arguments.number_rows)?;
        let answers = match right {
            ColumnarValue::Scalar(ScalarValue::List(lists)) if lists.len() == 1 => match lists.is_null(0) {
                true => BooleanArray::new_null(left.len()),
                false => self.with_one(&left, &lists.value(0))?,
            },
            right => self.with_each(&left, &right.to_array(arguments.number_rows)?)?,
        };
        Ok(ColumnarValue::Array(Arc::new(answers)))
    }
}

impl Quantified {
    /// All rows with the same values.
    fn with_one(&self, left: &ArrayRef, values: &ArrayRef) -> Result<BooleanArray> {
        let nothing = matches!(self.quantifier, Quantifier::All);
        let mut answers = BooleanArray::from(vec![nothing; left.len()]);
        for row in 0..values.len() {
            let value = Scalar::new(values.slice(row, 1));
            let compared = self.compare(left, &value)?;
            answers = match self.quantifier {
                Quantifier::Any => or_kleene(&answers, &compared)?,
                Quantifier::All => and_kleene(&answers, &compared)?,
            };
        }
        Ok(answers)
    }

    /// Each row with its own values.
    fn with_each(&self, left: &ArrayRef, lists: &ArrayRef) -> Result<BooleanArray> {
        let Some(lists) = lists.as_list_opt::<i32>() else {
            return exec_err!("{} takes an array, not {}", self.name, lists.data_type());
        };
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let mut lengths = Vec::with_capacity(lists.len());
        for (row, ends) in lists.value_offsets().windows(2).enumerate() {
            // Offsets are never negative, and an array that is NULL may have elements.
            let [start, end] = [ends[0] as u64, ends[1] as u64];
            let range = if lists.is_valid(row) { start..end } else { 0..0 };
            lengths.push(range.clone().count());
            rows.extend(range.clone().map(|_| row as u64));
            values.extend(range);
        }
        let left = take(left, &UInt64Array::from(rows), None)?;
        let values = take(lists.values(), &UInt64Array::from(values), None)?;
        let compared = self.compare(&left, &values)?;
        // The result that decides: one true for ANY, one false for ALL.
        let settles = matches!(self.quantifier, Quantifier::Any);
        let mut start = 0;
        let answers = lengths.into_iter().map(|length| {
            let mut compared = compared.slice(start, length).iter().collect::<Vec<_>>().into_iter();
            start += length;
            match compared.clone().any(|answer| answer == Some(settles)) {
                true => Some(settles),
                false => compared.all(|answer| answer.is_some()).then_some(!settles),
            }
        });
        let answers: BooleanArray = answers.collect();
        let nulls = NullBuffer::union(answers.nulls(), lists.nulls());
        Ok(BooleanArray::new(answers.values().clone(), nulls))
    }

    fn compare(
        &self,
        left: &dyn datafusion::arrow::array::Datum,
        right: &dyn datafusion::arrow::array::Datum,
    ) -> Result<BooleanArray, ArrowError> {
        match self.comparison {
            Comparison::Equal => cmp::eq(left, right),
            Comparison::Other => cmp::neq(left, right),
            Comparison::Less => cmp::lt(left, right),
            Comparison::LessOrEqual => cmp::lt_eq(left, right),
            Comparison::Greater => cmp::gt(left, right),
            Comparison::GreaterOrEqual => cmp::gt_eq(left, right),
        }
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_text(values),
        kind => kind.is_string() || kind.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn rewritten(sql: &str) -> Result<Statement, DialectError> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("parsed");
        let mut statement = statements.remove(0);
        super::super::text::read_casts(&mut statement)?;
        call_functions(&mut statement)?;
        Ok(statement)
    }

    /// The rows of a statement over three users: tenants `a`, `b` and NULL.
    async fn rows(condition: &str) -> Result<Vec<Option<bool>>> {
        let session = SessionContext::new();
        register(&session);
        for reader in super::super::text::readers() {
            session.register_udf(reader);
        }
        let users = "create table users as select * from (values (1, 'a', make_array('a', null)), (2, 'b', null), \
                     (3, null, make_array('x', 'y'))) u(n, tenant, tenants)";
        session.sql(users).await?.collect().await?;
        let sql = format!("select {condition} from users order by n");
        let statement = rewritten(&sql).map_err(|error| datafusion::error::DataFusionError::External(error.into()))?;
        let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
        let plan = session.state().statement_to_plan(statement).await?;
        let batches = session.execute_logical_plan(plan).await?.collect().await?;
        Ok(batches
            .iter()
            .flat_map(|batch| batch.column(0).as_boolean().iter().collect::<Vec<_>>())
            .collect())
    }

    #[tokio::test]
    async fn unknown_stays_unknown() {
        let (yes, no, unknown) = (Some(true), Some(false), None);
        for (condition, expected) in [
            ("tenant = any('{a,c}')", [yes, no, unknown]),
            ("tenant = any(array['a', 'c'])", [yes, no, unknown]),
            ("tenant = any('{a,NULL}')", [yes, unknown, unknown]),
            ("not (tenant = any(array['a', null]))", [no, unknown, unknown]),
            ("tenant <> all('{a,c}')", [no, yes, unknown]),
            ("tenant <> all('{a,NULL}')", [no, unknown, unknown]),
            ("tenant = any('{}')", [no, no, no]),
            ("tenant <> all('{}')", [yes, yes, yes]),
            ("tenant = any(null)", [unknown, unknown, unknown]),
            ("tenant = any(tenants)", [yes, unknown, unknown]),
            ("tenant <> all(tenants)", [no, unknown, unknown]),
            ("'y' = any(tenants)", [unknown, unknown, yes]),
            ("n = any('{1,3}')", [yes, no, yes]),
            ("n = any('{1,3}'::int[])", [yes, no, yes]),
            ("n = some(array[1, 3])", [yes, no, yes]),
            ("n >= all('{2,3}')", [no, no, yes]),
            ("n < any('{2,NULL}')", [yes, unknown, unknown]),
            ("tenant = any('{\"a\",\"b\"}'::text[])", [yes, yes, unknown]),
            ("tenant = any(('{' || tenant || ',c}')::text[])", [yes, yes, unknown]),
        ] {
            assert_eq!(rows(condition).await.expect(condition), expected, "{condition}");
        }
    }

    #[tokio::test]
    async fn what_is_no_array_is_refused() {
        for condition in [
            "tenant = any(tenant)",
            "n = any(n)",
            "tenant = any(array[1])",
            "n = any('{x}')",
        ] {
            assert!(rows(condition).await.is_err(), "{condition}");
        }
        for condition in ["tenant = any('a')", "tenant ~ any('{a}')", "tenant = any('{{a}}')"] {
            let statement = rewritten(&format!("select {condition} from users"));
            assert!(statement.is_err(), "{condition}");
        }
    }
}
