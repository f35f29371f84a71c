//! The codec of [`WriteReports`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message;

use super::TaskOutput;
use super::node::WriteReports;
use crate::engine::cluster::{NodeCodec, PlanCodec, decode_plan, encode_plan};
use crate::report::shares::{Bounds, Recipe, RowsToComeNode, TablePlan};

/// The codecs of the plan nodes of a nightly run. `folder` is an executor's folder of temporary files.
pub fn nodes(folder: Option<&Path>) -> Vec<Arc<dyn NodeCodec>> {
    let folder = folder.map(Path::to_owned);
    vec![Arc::new(WriteReportsNode { folder }), Arc::new(RowsToComeNode)]
}

#[derive(Debug)]
struct WriteReportsNode {
    folder: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Message)]
struct EncodedNode {
    #[prost(message, repeated, tag = "1")]
    tables: Vec<EncodedTable>,
    #[prost(bytes = "vec", tag = "2")]
    reports: Vec<u8>,
    /// The last id of each section but the last.
    #[prost(string, repeated, tag = "3")]
    sections: Vec<String>,
    /// The number of sections in each part but the last, and in all parts before it.
    #[prost(uint64, repeated, tag = "8")]
    part_ends: Vec<u64>,
    #[prost(uint64, tag = "4")]
    details_bytes: u64,
    /// The CSV style as JSON.
    #[prost(string, tag = "5")]
    style: String,
    /// The output that files are taken over from, as JSON; empty where there is none.
    #[prost(string, tag = "9")]
    earlier: String,
    #[prost(oneof = "EncodedOutput", tags = "6, 7")]
    output: Option<EncodedOutput>,
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

#[derive(Clone, PartialEq, prost::Oneof)]
enum EncodedOutput {
    #[prost(string, tag = "6")]
    Folder(String),
    #[prost(string, tag = "7")]
    Store(String),
}

impl NodeCodec for WriteReportsNode {
    fn name(&self) -> &'static str {
        "write_reports"
    }

    fn encode(&self, node: &dyn ExecutionPlan, codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        let node = node.downcast_ref::<WriteReports>()?;
        Some(encoded(node, codec).map(|encoded| encoded.encode_to_vec()))
    }

    fn decode(
        &self,
        encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let encoded = EncodedNode::decode(encoded).map_err(external)?;
        let Ok(exchanged) = <[_; 3]>::try_from(inputs.to_vec()) else {
            return internal_err!("WriteReports has three inputs");
        };
        let tables = encoded.tables.into_iter().map(|table| {
            Ok(TablePlan {
                name: table.name,
                columns: table.columns,
                rows: decode_plan(&table.rows, context, codec)?,
            })
        });
        let part_ends = encoded
            .part_ends
            .iter()
            .map(|&end| usize::try_from(end).unwrap_or(usize::MAX));
        let part_ends = part_ends.collect();
        let recipe = Recipe {
            tables: tables.collect::<Result<_>>()?,
            reports: decode_plan(&encoded.reports, context, codec)?,
            bounds: Arc::new(Bounds::new(encoded.sections, part_ends)),
            details_bytes: usize::try_from(encoded.details_bytes).unwrap_or(usize::MAX),
        };
        let style = serde_json::from_str(&encoded.style).map_err(external)?;
        let output = match encoded.output {
            Some(EncodedOutput::Folder(path)) => TaskOutput::Folder(path.into()),
            Some(EncodedOutput::Store(url)) => TaskOutput::Store(url),
            None => return internal_err!("WriteReports has no output"),
        };
        let earlier = match encoded.earlier.as_str() {
            "" => None,
            earlier => Some(serde_json::from_str(earlier).map_err(external)?),
        };
        let folder = self.folder.clone();
        Ok(Arc::new(WriteReports::over(
            exchanged,
            Arc::new(recipe),
            style,
            (output, earlier),
            folder,
        )))
    }
}

fn encoded(node: &WriteReports, codec: &PlanCodec) -> Result<EncodedNode> {
    let recipe = &node.recipe;
    let tables = recipe.tables.iter().map(|table| {
        Ok(EncodedTable {
            name: table.name.clone(),
            columns: table.columns.clone(),
            rows: encode_plan(&table.rows, codec)?,
        })
    });
    Ok(EncodedNode {
        tables: tables.collect::<Result<_>>()?,
        reports: encode_plan(&recipe.reports, codec)?,
        sections: recipe.bounds.last_ids_of_sections().to_vec(),
        part_ends: recipe.bounds.part_ends().iter().map(|&end| end as u64).collect(),
        details_bytes: recipe.details_bytes as u64,
        style: serde_json::to_string(&node.style).map_err(external)?,
        earlier: match &node.earlier {
            None => String::new(),
            Some(earlier) => serde_json::to_string(earlier).map_err(external)?,
        },
        output: Some(match &node.output {
            TaskOutput::Folder(path) => match path.to_str() {
                Some(path) => EncodedOutput::Folder(path.to_owned()),
                None => return internal_err!("the path of the output is not UTF-8"),
            },
            TaskOutput::Store(url) => EncodedOutput::Store(url.clone()),
        }),
    })
}

fn external(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DataFusionError {
    DataFusionError::External(error.into())
}
