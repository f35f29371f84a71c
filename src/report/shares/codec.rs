//! The codec of [`ExchangedDetailsExec`], by which it is sent to the executors of a cluster.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message;

use super::node::ExchangedDetailsExec;
use super::{Bounds, Recipe, TablePlan};
use crate::engine::cluster::{NodeCodec, PlanCodec, decode_plan, encode_plan};

/// The codec of the node that assembles exchanged rows.
#[derive(Debug)]
pub struct ExchangedDetailsNode {
    /// An executor's folder of temporary files.
    pub folder: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Message)]
struct EncodedNode {
    #[prost(message, repeated, tag = "1")]
    tables: Vec<EncodedTable>,
    #[prost(uint64, repeated, tag = "2")]
    columns: Vec<u64>,
    /// The last id of each section but the last.
    #[prost(string, repeated, tag = "3")]
    sections: Vec<String>,
    /// The number of sections in each part but the last, and in all parts before it.
    #[prost(uint64, repeated, tag = "4")]
    part_ends: Vec<u64>,
    #[prost(uint64, tag = "5")]
    details_bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
struct EncodedTable {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    columns: Vec<String>,
    #[prost(bytes = "vec", tag = "3")]
    rows: Vec<u8>,
}

impl NodeCodec for ExchangedDetailsNode {
    fn name(&self) -> &'static str {
        "exchanged_details"
    }

    fn encode(&self, node: &dyn ExecutionPlan, codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        let node = node.downcast_ref::<ExchangedDetailsExec>()?;
        Some(encoded(node, codec).map(|encoded| encoded.encode_to_vec()))
    }

    fn decode(
        &self,
        encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let encoded = EncodedNode::decode(encoded).map_err(|error| DataFusionError::External(error.into()))?;
        let Ok(exchanged) = <[_; 3]>::try_from(inputs.to_vec()) else {
            return internal_err!("ExchangedDetailsExec has three inputs");
        };
        let tables = encoded.tables.into_iter().map(|table| {
            Ok(TablePlan {
                name: table.name,
                columns: table.columns,
                rows: decode_plan(&table.rows, context, codec)?,
            })
        });
        let numbers = |numbers: &[u64]| -> Vec<usize> { numbers.iter().map(|&number| size(number)).collect() };
        let recipe = Recipe {
            tables: tables.collect::<Result<_>>()?,
            bounds: Arc::new(Bounds::new(encoded.sections, numbers(&encoded.part_ends))),
            details_bytes: size(encoded.details_bytes),
        };
        let (columns, folder) = (numbers(&encoded.columns), self.folder.clone());
        Ok(Arc::new(ExchangedDetailsExec::try_new(
            exchanged,
            Arc::new(recipe),
            columns,
            folder,
        )?))
    }
}

fn encoded(node: &ExchangedDetailsExec, codec: &PlanCodec) -> Result<EncodedNode> {
    let recipe = &node.recipe;
    let tables = recipe.tables.iter().map(|table| {
        Ok(EncodedTable {
            name: table.name.clone(),
            columns: table.columns.clone(),
            rows: encode_plan(&table.rows, codec)?,
        })
    });
    let numbers = |numbers: &[usize]| -> Vec<u64> { numbers.iter().map(|&number| number as u64).collect() };
    Ok(EncodedNode {
        tables: tables.collect::<Result<_>>()?,
        columns: numbers(&node.columns),
        sections: recipe.bounds.last_ids_of_sections().to_vec(),
        part_ends: numbers(recipe.bounds.part_ends()),
        details_bytes: recipe.details_bytes as u64,
    })
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;
    use crate::details::details_schema;

    #[test]
    fn a_node_that_is_sent_arrives_with_all_that_a_task_needs() {
        let empty = || -> Arc<dyn ExecutionPlan> { Arc::new(EmptyExec::new(details_schema())) };
        let exchanged = [empty(), empty(), empty()];
        let recipe = Recipe {
            tables: vec![TablePlan {
                name: "users".to_owned(),
                columns: vec!["user_id".to_owned()],
                rows: empty(),
            }],
            bounds: Arc::new(Bounds::new(vec!["b1".to_owned(), "b2".to_owned()], vec![1])),
            details_bytes: 7,
        };
        let node = ExchangedDetailsExec::try_new(exchanged.clone(), Arc::new(recipe), vec![3, 0], None);
        let node = node.expect("a node");
        let kind = ExchangedDetailsNode { folder: None };
        let codec = PlanCodec::new(Vec::new(), []);
        let sent = kind.encode(&node, &codec).expect("a node of its kind").expect("bytes");
        let come = kind.decode(&sent, &exchanged, &TaskContext::default(), &codec);
        let come = come.expect("a node");
        let come = come.downcast_ref::<ExchangedDetailsExec>().expect("a node of its kind");
        assert_eq!(come.schema(), node.schema());
        assert_eq!(come.schema().field(0).name(), "user_id");
        assert_eq!((&come.columns, come.recipe.details_bytes), (&node.columns, 7));
        assert_eq!(come.recipe.bounds, node.recipe.bounds);
        let table = &come.recipe.tables[0];
        assert!(table.reads("users", &["user_id"]) && table.rows.is::<EmptyExec>());
    }
}
