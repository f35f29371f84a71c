//! The codec of [`WriteReports`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use prost::Message;

use super::TaskOutput;
use super::node::WriteReports;
use crate::engine::cluster::{NodeCodec, PlanCodec};
use crate::report::shares::ExchangedDetailsNode;

/// The codecs of the plan nodes of a nightly run. `folder` is an executor's folder of temporary files.
pub fn nodes(folder: Option<&Path>) -> Vec<Arc<dyn NodeCodec>> {
    let folder = folder.map(Path::to_owned);
    let details = ExchangedDetailsNode { folder: folder.clone() };
    vec![Arc::new(WriteReportsNode { folder }), Arc::new(details)]
}

#[derive(Debug)]
struct WriteReportsNode {
    folder: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Message)]
struct EncodedNode {
    /// The CSV style as JSON.
    #[prost(string, tag = "1")]
    style: String,
    /// The output that files are taken over from, as JSON; empty where there is none.
    #[prost(string, tag = "2")]
    earlier: String,
    #[prost(oneof = "EncodedOutput", tags = "3, 4")]
    output: Option<EncodedOutput>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EncodedOutput {
    #[prost(string, tag = "3")]
    Folder(String),
    #[prost(string, tag = "4")]
    Store(String),
}

impl NodeCodec for WriteReportsNode {
    fn name(&self) -> &'static str {
        "write_reports"
    }

    fn encode(&self, node: &dyn ExecutionPlan, _codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        let node = node.downcast_ref::<WriteReports>()?;
        Some(encoded(node).map(|encoded| encoded.encode_to_vec()))
    }

    fn decode(
        &self,
        encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let encoded = EncodedNode::decode(encoded).map_err(external)?;
        let [reports] = inputs else {
            return internal_err!("WriteReports has one input");
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
            Arc::clone(reports),
            style,
            (output, earlier),
            folder,
        )))
    }
}

fn encoded(node: &WriteReports) -> Result<EncodedNode> {
    Ok(EncodedNode {
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
