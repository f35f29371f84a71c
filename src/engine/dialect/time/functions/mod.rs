//! The functions of times, by what they do.

pub mod arithmetic;
mod at_zone;
pub mod casts;
pub mod extract;
mod make;
mod now;
mod patterns;
pub mod series;
mod trunc;

use super::function::Definition;

/// Every function of times.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    arithmetic::FUNCTIONS
        .iter()
        .chain(&at_zone::FUNCTIONS)
        .chain(&casts::FUNCTIONS)
        .chain(&extract::FUNCTIONS)
        .chain(&make::FUNCTIONS)
        .chain(&now::FUNCTIONS)
        .chain(&patterns::FUNCTIONS)
        .chain(&series::FUNCTIONS)
        .chain(&trunc::FUNCTIONS)
}
