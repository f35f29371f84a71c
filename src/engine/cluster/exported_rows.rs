//! The codec of [`ExportedRowsExec`], by which it is sent to the executors of a cluster.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message;

use super::codec::{NodeCodec, PlanCodec};
use crate::exports::{ExportedRowsExec, OutputColumn, Table};

/// The codec of [`ExportedRowsExec`].
#[derive(Debug)]
pub struct ExportedRowsNode;

#[derive(Clone, PartialEq, Message)]
struct EncodedNode {
    #[prost(string, tag = "1")]
    table: String,
    #[prost(string, tag = "2")]
    zone: String,
    /// The schema of the output.
    #[prost(message, optional, tag = "3")]
    schema: Option<datafusion_proto::protobuf::Schema>,
    #[prost(message, repeated, tag = "4")]
    columns: Vec<EncodedColumn>,
}

#[derive(Clone, PartialEq, Message)]
struct EncodedColumn {
    #[prost(uint64, optional, tag = "1")]
    input: Option<u64>,
    #[prost(bool, tag = "2")]
    is_of_contract: bool,
}

fn external(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DataFusionError {
    DataFusionError::External(error.into())
}

impl NodeCodec for ExportedRowsNode {
    fn name(&self) -> &'static str {
        "exported_rows"
    }

    fn encode(&self, node: &dyn ExecutionPlan, _codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        let node = node.downcast_ref::<ExportedRowsExec>()?;
        let schema = datafusion_proto::protobuf::Schema::try_from(node.schema().as_ref());
        let columns = node.columns.iter().map(|column| EncodedColumn {
            input: column.input.map(|input| input as u64),
            is_of_contract: column.contract.is_some(),
        });
        let encoded = schema.map(|schema| EncodedNode {
            table: node.table.to_string(),
            zone: node.zone.name().to_owned(),
            schema: Some(schema),
            columns: columns.collect(),
        });
        Some(encoded.map(|encoded| encoded.encode_to_vec()).map_err(external))
    }

    fn decode(
        &self,
        encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [scan] = inputs else {
            return internal_err!("ExportedRowsExec converts the rows of one scan");
        };
        let encoded = EncodedNode::decode(encoded).map_err(external)?;
        let schema = Arc::new(Schema::try_from(&encoded.schema.unwrap_or_default()).map_err(external)?);
        let table = Table::from_name(&encoded.table);
        let columns = schema.fields().iter().zip(&encoded.columns).map(|(field, column)| {
            let contract =
                match column.is_of_contract {
                    true => Some(table.and_then(|table| table.column(field.name())).ok_or_else(|| {
                        exec_datafusion_err!("table {} has no column {}", encoded.table, field.name())
                    })?),
                    false => None,
                };
            Ok(OutputColumn {
                field: Arc::clone(field),
                input: column.input.map(|input| input as usize),
                contract,
            })
        });
        let columns: Arc<[OutputColumn]> = columns.collect::<Result<_>>()?;
        let zone = encoded.zone.parse().map_err(external)?;
        Ok(Arc::new(ExportedRowsExec::new(
            &encoded.table,
            columns,
            schema,
            zone,
            Arc::clone(scan),
        )))
    }
}
