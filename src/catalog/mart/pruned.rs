//! Leaves out the files of a mart that cannot hold a wanted row: by the range of their batches, and by their tenants.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, StringViewArray, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_optimizer::pruning::{PruningPredicateBuilder, PruningStatistics};
use datafusion::physical_plan::PhysicalExpr;

use super::MartPart;

const BATCH_ID: &str = "batch_id";
const TENANT_ID: &str = "tenant_id";

/// For each file, whether it may hold rows that meet `condition`, which is about columns of `schema`.
pub fn may_hold(parts: &[&MartPart], schema: &SchemaRef, condition: &Arc<dyn PhysicalExpr>) -> Vec<bool> {
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .try_build(Arc::clone(condition));
    let found = pruning.and_then(|pruning| pruning.prune(&Listed(parts)));
    // Files are left out to save time: where that cannot be decided, all are read.
    found.unwrap_or_else(|_| vec![true; parts.len()])
}

/// What the manifest tells of the values in each file.
struct Listed<'a>(&'a [&'a MartPart]);

impl Listed<'_> {
    fn batches(&self, column: &Column, bound: impl Fn(&MartPart) -> &str) -> Option<ArrayRef> {
        let bounds = || StringViewArray::from_iter_values(self.0.iter().map(|part| bound(part)));
        (column.name == BATCH_ID).then(|| Arc::new(bounds()) as ArrayRef)
    }
}

impl PruningStatistics for Listed<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.batches(column, |part| &part.first_batch_id)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.batches(column, |part| &part.last_batch_id)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        (column.name == BATCH_ID).then(|| Arc::new(UInt64Array::from(vec![0; self.0.len()])) as ArrayRef)
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = UInt64Array::from_iter_values(self.0.iter().map(|part| part.rows));
        Some(Arc::new(rows))
    }

    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        if column.name != TENANT_ID {
            return None;
        }
        let wanted: HashSet<&str> = values.iter().filter_map(|value| value.try_as_str().flatten()).collect();
        let of_part = |part: &&MartPart| {
            let is_wanted = |tenant: &Option<String>| tenant.as_deref().is_some_and(|id| wanted.contains(id));
            match part.tenants.iter().filter(|tenant| is_wanted(tenant)).count() {
                0 => Some(false),
                all if all == part.tenants.len() => Some(true),
                _ => None,
            }
        };
        Some(self.0.iter().map(of_part).collect())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::{Expr, col, in_list, lit};
    use datafusion::prelude::SessionContext;
    use object_store::path::Path;

    use super::*;

    fn part(first: &str, last: &str, tenants: &[Option<&str>]) -> MartPart {
        MartPart {
            path: Path::from("part"),
            bytes: 1,
            rows: 1,
            first_batch_id: first.to_owned(),
            last_batch_id: last.to_owned(),
            tenants: tenants.iter().map(|tenant| tenant.map(str::to_owned)).collect(),
        }
    }

    /// A constant of the columns' type, as the optimiser makes it.
    fn text(value: &str) -> Expr {
        lit(ScalarValue::Utf8View(Some(value.to_owned())))
    }

    fn kept(condition: Expr) -> Vec<bool> {
        let parts = [
            part("b1", "b3", &[Some("t1")]),
            part("b4", "b4", &[Some("t1"), Some("t2")]),
            part("b6", "b9", &[None, Some("t3")]),
        ];
        let names = ["batch_id", "tenant_id", "user_id"];
        let fields = names.map(|name| Field::new(name, DataType::Utf8View, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let of_schema = DFSchema::try_from(Arc::clone(&schema)).expect("a schema");
        let session = SessionContext::new();
        let condition = session
            .create_physical_expr(condition, &of_schema)
            .expect("a condition");
        may_hold(&parts.iter().collect::<Vec<_>>(), &schema, &condition)
    }

    #[test]
    fn files_are_left_out_by_batch_and_tenant() {
        assert_eq!(kept(col("batch_id").eq(text("b2"))), [true, false, false]);
        assert_eq!(kept(col("batch_id").eq(text("b5"))), [false, false, false]);
        assert_eq!(
            kept(in_list(col("batch_id"), vec![text("b4"), text("b7")], false)),
            [false, true, true]
        );
        assert_eq!(kept(col("batch_id").gt_eq(text("b4"))), [false, true, true]);
        assert_eq!(kept(col("tenant_id").eq(text("t1"))), [true, true, false]);
        assert_eq!(kept(col("tenant_id").eq(text("t3"))), [false, false, true]);
        assert_eq!(
            kept(in_list(col("tenant_id"), vec![text("t2"), text("t9")], false)),
            [false, true, false]
        );
        assert_eq!(
            kept(col("tenant_id").eq(text("t1")).and(col("batch_id").lt(text("b4")))),
            [true, false, false]
        );
    }

    #[test]
    fn files_stay_where_nothing_is_known() {
        assert_eq!(kept(col("user_id").eq(text("u1"))), [true, true, true]);
        assert_eq!(
            kept(col("tenant_id").eq(text("t1")).or(col("user_id").eq(text("u1")))),
            [true, true, true]
        );
        // A file of one tenant has no rows of others; a file of several tenants may have.
        assert_eq!(kept(col("tenant_id").not_eq(text("t1"))), [false, true, true]);
    }
}
