//! Pieces of SQL that rewrites of statements look at and are made of: those of the engine's dialect.

pub use crate::engine::dialect::syntax::*;
