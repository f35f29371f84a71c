//! Conditions on the tenant of a batch: they choose the batches whose rows are assembled.
//!
//! A batch has one tenant, so a condition is decided once a batch, and not once a row. Batches that only enrolments name
//! have none; whether they meet it is known before they are.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::PhysicalExpr;

use super::batches::ReportBatch;
use crate::exports::Kind;

/// The column that holds the tenant of a batch.
pub const TENANT_ID: &str = "tenant_id";

/// A condition on the tenant of a batch, and on nothing else.
#[derive(Debug, Clone)]
pub struct TenantCondition {
    condition: Arc<dyn PhysicalExpr>,
    /// The only tenant that meets it, where it names one.
    one: Option<String>,
}

/// The batches whose tenant meets a condition.
#[derive(Debug)]
pub struct ChosenBatches {
    /// For each listed batch, by number, whether it does.
    listed: Vec<bool>,
    /// Whether those do that only enrolments name, which have no tenant.
    unlisted: bool,
}

impl TenantCondition {
    /// A condition over the column [`TENANT_ID`], which only the tenant `one` meets where there is one.
    ///
    /// # Errors
    /// Where the engine cannot evaluate the condition.
    pub fn new(condition: Expr, one: Option<String>, session: &dyn Session) -> Result<Self> {
        let condition = session.create_physical_expr(condition, &DFSchema::try_from(schema())?)?;
        Ok(Self { condition, one })
    }

    /// The only tenant that meets it, where it names one.
    pub fn one(&self) -> Option<&str> {
        self.one.as_deref()
    }

    /// Decides which of these batches meet it. A condition that is unknown, as a comparison with NULL is, is not met.
    ///
    /// # Errors
    /// Where the condition fails for one of the tenants.
    pub fn choose(&self, listed: &[ReportBatch]) -> Result<ChosenBatches> {
        let tenants = listed.iter().map(|batch| batch.tenant_id.as_deref());
        // The last one stands for the batches that are not listed.
        let tenants: StringViewArray = tenants.chain([None]).collect();
        let rows = RecordBatch::try_new(schema(), vec![Arc::new(tenants)])?;
        let met = self.condition.evaluate(&rows)?.into_array(rows.num_rows())?;
        let mut listed: Vec<bool> = as_boolean_array(&met)?.iter().map(|met| met == Some(true)).collect();
        let unlisted = listed.pop().unwrap_or(false);
        Ok(ChosenBatches { listed, unlisted })
    }
}

impl ChosenBatches {
    /// Whether the listed batch of that number is among them; one that is not listed for `None`.
    pub fn has(&self, listed: Option<u32>) -> bool {
        match listed {
            Some(number) => self.listed[number as usize],
            None => self.unlisted,
        }
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(TENANT_ID, Kind::Text.data_type(), true)]))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionContext, col, lit};

    use super::super::batches::Batches;
    use super::*;

    /// Whether rows are read of a batch of `t1`, of one of `t2`, of one without a tenant, and of one that is not listed.
    fn read_with(condition: Expr) -> [bool; 4] {
        let batch = |id: &str, tenant: Option<&str>| ReportBatch {
            batch_id: id.to_owned(),
            course_id: None,
            tenant_id: tenant.map(str::to_owned),
        };
        let listed = vec![batch("b1", Some("t1")), batch("b2", Some("t2")), batch("b3", None)];
        let state = SessionContext::new().state();
        let condition = TenantCondition::new(condition, None, &state).expect("a condition");
        let batches = Batches::within(listed, Arc::default());
        let batches = batches.of_tenants(Some(&condition)).expect("batches");
        ["b1", "b2", "b3", "b4"].map(|id| batches.has_rows_of(batches.find_listed(id)))
    }

    #[test]
    fn batches_without_a_tenant_meet_a_condition_as_null_does() {
        let tenant = || col(TENANT_ID);
        for (condition, expected) in [
            (tenant().eq(lit("t1")), [true, false, false, false]),
            (tenant().not_eq(lit("t1")), [false, true, false, false]),
            (tenant().is_null(), [false, false, true, true]),
            (tenant().is_not_null(), [true, true, false, false]),
            (
                tenant().in_list(vec![lit("t1"), lit("t2")], true),
                [false, false, false, false],
            ),
            (tenant().eq(lit("t2")).or(tenant().is_null()), [false, true, true, true]),
        ] {
            assert_eq!(read_with(condition.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn a_constant_is_met_by_all_batches_or_by_none() {
        assert_eq!(read_with(lit(true)), [true; 4]);
        assert_eq!(read_with(lit(false)), [false; 4]);
    }

    #[test]
    fn without_a_condition_rows_of_all_batches_are_read() {
        let batches = Batches::within(Vec::new(), Arc::default());
        let batches = batches.of_tenants(None).expect("batches");
        assert!(batches.has_rows_of(None));
    }
}
