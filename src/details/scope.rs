//! Which rows of the tables are read: those of a run over all reports, and those that a scan asks for.

use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::{Expr, col, lit};

/// Which reports to assemble.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// All that the tables give.
    Everything,
    /// Reports of batches in this range of ids; only the rows that they need are kept.
    Range(&'a IdRange),
}

/// A range of batch ids: greater than `after` and at most `up_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRange {
    /// The exclusive lower bound.
    pub after: Option<String>,
    /// The inclusive upper bound.
    pub up_to: Option<String>,
}

impl Scope<'_> {
    /// The condition on `batch_id`; none where all rows are in scope.
    pub fn condition(&self) -> Option<Expr> {
        match self {
            Self::Everything => None,
            Self::Range(ids) => conjunction(
                ids.after
                    .iter()
                    .map(|id| col("batch_id").gt(lit(id)))
                    .chain(ids.up_to.iter().map(|id| col("batch_id").lt_eq(lit(id)))),
            ),
        }
    }
}

/// The batches whose rows a scan asks for, as far as its conditions name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBatches {
    /// No condition names a batch: there may be many, all or those of a range.
    All,
    /// Those of a list.
    Several,
    /// The batch of this id.
    One(String),
}

impl NamedBatches {
    /// The id of the only batch.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::One(id) => Some(id),
            Self::All | Self::Several => None,
        }
    }
}
