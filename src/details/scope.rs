//! Which reports to assemble, and the condition that their rows meet.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::{Expr, col, lit};

use crate::ids::BatchId;

/// Which reports to assemble.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    Everything,
    /// Reports of batches in this range of ids; only the rows that they need are kept.
    Range(&'a IdRange),
    /// The report of this batch; only the rows that it needs are kept.
    OneBatch(&'a BatchId),
    /// The reports of these batches; only the rows that they need are kept.
    Batches(&'a [BatchId]),
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
            Self::OneBatch(batch) => Some(col("batch_id").eq(lit(batch.as_str()))),
            Self::Batches(batches) => {
                let ids = batches.iter().map(|batch| lit(batch.as_str())).collect();
                Some(col("batch_id").in_list(ids, false))
            }
            Self::Range(ids) => conjunction(
                ids.after
                    .iter()
                    .map(|id| col("batch_id").gt(lit(id)))
                    .chain(ids.up_to.iter().map(|id| col("batch_id").lt_eq(lit(id)))),
            ),
        }
    }
}

/// Some columns of a table's rows. Where they are all of one batch, the condition gives its id, so the column is not
/// read.
pub fn columns_within<'a>(columns: &'a [&'static str], batch: Option<&'a str>) -> impl Iterator<Item = Expr> + 'a {
    columns.iter().map(move |&name| match (name, batch) {
        ("batch_id", Some(batch)) => lit(ScalarValue::Utf8View(Some(batch.to_owned()))).alias(name),
        _ => col(name),
    })
}
