//! Numbers: PostgreSQL's types, calculations, casts, rounding and aggregates.

mod arithmetic;
mod casts;
pub mod chain;
mod columns;
pub mod floats;
mod logarithms;
pub mod numeric;
mod ordered;
mod rounding;
mod sums;
mod totals;

use datafusion::logical_expr::AggregateUDF;

use super::function::{Function, FunctionOfValues};

pub use arithmetic::{as_numerics, is_number};
pub use casts::float;
pub use numeric::is_numeric;
pub use ordered::PERCENTILES;
pub use rounding::{ROUND_TO, TRUNC_TO};

/// The functions of numbers that take values which are the same in all rows as they are.
pub fn of_values() -> impl Iterator<Item = FunctionOfValues> {
    arithmetic::OPERATORS.into_iter()
}

/// All other functions of numbers.
pub fn all() -> impl Iterator<Item = Function> {
    let rounding = rounding::ALL.into_iter().chain([rounding::WIDTH_BUCKET]);
    let rounding = rounding.chain(logarithms::ALL);
    let calculations = chain::ALL.into_iter().chain([arithmetic::DIV]);
    calculations.chain(casts::ALL).chain(rounding)
}

/// All aggregates.
pub fn aggregates() -> impl Iterator<Item = AggregateUDF> {
    sums::all().into_iter().chain(ordered::all())
}
