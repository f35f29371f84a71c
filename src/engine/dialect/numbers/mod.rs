//! Numbers: PostgreSQL's types, calculations, casts, rounding and aggregates.

mod arithmetic;
mod casts;
pub mod chain;
pub mod floats;
pub mod numeric;
mod ordered;
mod rounding;
mod sums;
mod totals;

use datafusion::logical_expr::AggregateUDF;

use super::function::Function;

pub use arithmetic::{as_numerics, is_number};
pub use numeric::is_numeric;
pub use ordered::PERCENTILES;
pub use rounding::{ROUND_TO, TRUNC_TO};

/// All functions of numbers.
pub fn all() -> impl Iterator<Item = Function> {
    let rounding = rounding::ALL.into_iter().chain([rounding::WIDTH_BUCKET]);
    let calculations = arithmetic::ALL.into_iter().chain(chain::ALL);
    calculations.chain(casts::ALL).chain(rounding)
}

/// All aggregates.
pub fn aggregates() -> impl Iterator<Item = AggregateUDF> {
    sums::all().into_iter().chain(ordered::all())
}
