//! A placeholder leaf: it stands in a plan for rows that only the executor has, which replaces it.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, internal_err, project_schema};
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use prost::Message;

use crate::engine::cluster::{NodeCodec, PlanCodec};

/// A table that plans as a placeholder leaf.
#[derive(Debug)]
pub struct TableToCome(SchemaRef);

impl TableToCome {
    pub fn new(schema: SchemaRef) -> Self {
        Self(schema)
    }
}

impl TableToCome {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.0.fields().len()).collect();
        let schema = project_schema(&self.0, projection)?;
        Ok(Arc::new(RowsToCome::new(
            schema,
            projection.cloned().unwrap_or_else(all),
        )))
    }
}

impl TableProvider for TableToCome {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    crate::scans::scan_in_own_future!(TableToCome);
}

/// The placeholder leaf for some columns of a table. It cannot run; the executor replaces it.
#[derive(Debug)]
pub struct RowsToCome {
    /// Positions among all columns of the table.
    pub columns: Vec<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl RowsToCome {
    /// A placeholder for `columns` of a table; together they have this schema.
    fn new(schema: SchemaRef, columns: Vec<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            columns,
            schema,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for RowsToCome {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("RowsToCome")
    }
}

impl ExecutionPlan for RowsToCome {
    fn name(&self) -> &str {
        "RowsToCome"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    crate::engine::without_expressions!();

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("rows to come were not replaced by rows")
    }
}

/// The codec of [`RowsToCome`].
#[derive(Debug)]
pub struct RowsToComeNode;

#[derive(Clone, PartialEq, Message)]
struct EncodedRowsToCome {
    #[prost(message, optional, tag = "1")]
    schema: Option<datafusion_proto::protobuf::Schema>,
    #[prost(uint64, repeated, tag = "2")]
    columns: Vec<u64>,
}

impl NodeCodec for RowsToComeNode {
    fn name(&self) -> &'static str {
        "rows_to_come"
    }

    fn encode(&self, node: &dyn ExecutionPlan, _codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        let node = node.downcast_ref::<RowsToCome>()?;
        let schema = datafusion_proto::protobuf::Schema::try_from(node.schema.as_ref());
        let encoded = schema.map(|schema| EncodedRowsToCome {
            schema: Some(schema),
            columns: node.columns.iter().map(|&column| column as u64).collect(),
        });
        let encoded = encoded.map_err(|error| DataFusionError::External(error.into()));
        Some(encoded.map(|encoded| encoded.encode_to_vec()))
    }

    fn decode(
        &self,
        encoded: &[u8],
        _inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let decoded = EncodedRowsToCome::decode(encoded).map_err(|error| DataFusionError::External(error.into()))?;
        let schema = decoded.schema.unwrap_or_default();
        let schema = Schema::try_from(&schema).map_err(|error| DataFusionError::External(error.into()))?;
        let columns = decoded.columns.into_iter().map(|column| column as usize).collect();
        Ok(Arc::new(RowsToCome::new(Arc::new(schema), columns)))
    }
}
