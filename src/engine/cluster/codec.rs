//! Encodes physical plans for the cluster: DataFusion's and Ballista's own encoding, and one codec for each node of
//! ours.

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::{DataFusionError, Result, exec_err, internal_err, not_impl_err};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::physical_expr_common::physical_expr::proto_decode::PhysicalExprDecodeCtx;
use datafusion::physical_expr_common::physical_expr::proto_encode::PhysicalExprEncodeCtx;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion_proto::physical_plan::{AsExecutionPlan, PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use datafusion_proto::protobuf::PhysicalPlanNode;
use prost::Message;

use super::exported_rows::ExportedRowsNode;
use super::functions::registry;
use crate::engine::compact_before_sort::CompactExec;
use crate::engine::constraints::NoKeysExec;
use crate::engine::dialect;
use crate::engine::stoppable::Stoppable;

/// Starts each encoded node of ours, so that Ballista's codec does not take it for its own: no field of its messages
/// has this number.
const MARK: &[u8] = b"\xFFpragati";
/// Marks an encoded [`Stoppable`] condition.
const STOPPABLE: &[u8] = b"\xFFpragati-stoppable";
/// Marks a function of the SQL dialect.
const DIALECT: &[u8] = b"pragati-dialect";
/// Bytes of stack for encoding: it recurses into the inputs of each node.
const STACK_OF_DEEP_PLANS: usize = 64 * 1024 * 1024;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Encodes and decodes one kind of plan node.
pub trait NodeCodec: Debug + Send + Sync {
    /// The name of the kind, unique among all codecs.
    fn name(&self) -> &'static str;

    /// Encodes the node's own fields, without its inputs; `None` where it is of another kind.
    ///
    /// # Errors
    /// A field of the node cannot be encoded.
    fn encode(&self, node: &dyn ExecutionPlan, codec: &PlanCodec) -> Option<Result<Vec<u8>>>;

    /// Rebuilds the node from its encoded fields and its inputs.
    ///
    /// # Errors
    /// The bytes are not those of this kind of node.
    fn decode(
        &self,
        encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>>;
}

/// Encodes whole plans.
#[derive(Debug)]
pub struct PlanCodec {
    nodes: Vec<Arc<dyn NodeCodec>>,
    functions: HashSet<String>,
    others: BallistaPhysicalExtensionCodec,
}

/// The message that a node of ours is encoded as.
#[derive(Clone, PartialEq, Message)]
struct EncodedNode {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(bytes = "vec", tag = "3")]
    encoded: Vec<u8>,
}

impl PlanCodec {
    /// A codec of the nodes of the engine and of scans of exports, and of `nodes`, for plans that call the engine's
    /// functions and `functions`.
    pub fn new(nodes: Vec<Arc<dyn NodeCodec>>, functions: impl IntoIterator<Item = ScalarUDF>) -> Self {
        let engines: [Arc<dyn NodeCodec>; 3] = [Arc::new(COMPACT), Arc::new(NO_KEYS), Arc::new(ExportedRowsNode)];
        Self {
            nodes: engines.into_iter().chain(nodes).collect(),
            functions: registry(functions).scalar_functions.into_keys().collect(),
            others: BallistaPhysicalExtensionCodec::default(),
        }
    }

    fn decode_ours(
        &self,
        node: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let node = EncodedNode::decode(node).map_err(|error| DataFusionError::External(error.into()))?;
        if node.version != VERSION {
            return exec_err!(
                "the plan is of Pragati {}, and a process of the cluster is Pragati {VERSION}; run one version",
                node.version
            );
        }
        match self.nodes.iter().find(|codec| codec.name() == node.kind) {
            Some(codec) => codec.decode(&node.encoded, inputs, context, self),
            None => internal_err!("no codec for plan node {}", node.kind),
        }
    }
}

impl PhysicalExtensionCodec for PlanCodec {
    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        for codec in &self.nodes {
            if let Some(encoded) = codec.encode(node.as_ref(), self) {
                let node = EncodedNode {
                    kind: codec.name().to_owned(),
                    version: VERSION.to_owned(),
                    encoded: encoded?,
                };
                buf.extend_from_slice(MARK);
                return node
                    .encode(buf)
                    .map_err(|error| DataFusionError::External(error.into()));
            }
        }
        self.others.try_encode(node, buf, converter)
    }

    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match buf.strip_prefix(MARK) {
            Some(ours) => self.decode_ours(ours, inputs, ctx),
            None => self.others.try_decode(buf, inputs, ctx, converter),
        }
    }

    /// The condition is encoded without its flag: an executor cancels a whole task, so it does not need the flag.
    fn try_encode_expr(
        &self,
        node: &Arc<dyn PhysicalExpr>,
        buf: &mut Vec<u8>,
        ctx: &PhysicalExprEncodeCtx<'_>,
    ) -> Result<()> {
        if node.is::<Stoppable>() {
            buf.extend_from_slice(STOPPABLE);
            return Ok(());
        }
        self.others.try_encode_expr(node, buf, ctx)
    }

    fn try_decode_expr(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn PhysicalExpr>],
        ctx: &PhysicalExprDecodeCtx<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match inputs {
            [condition] if buf == STOPPABLE => Ok(Arc::clone(condition)),
            _ => self.others.try_decode_expr(buf, inputs, ctx),
        }
    }

    /// A function is encoded by its name alone; executors look it up. Those of the dialect are marked, as the engine has
    /// others of the same names.
    fn try_encode_udf(&self, function: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        if dialect::is_of_dialect(function) {
            buf.extend_from_slice(DIALECT);
            return Ok(());
        }
        if self.functions.contains(function.name()) {
            return Ok(());
        }
        not_impl_err!("the cluster does not know function {}", function.name())
    }

    fn try_decode_udf(&self, name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        if buf != DIALECT {
            return self.others.try_decode_udf(name, buf);
        }
        let found = dialect::functions()
            .into_iter()
            .find(|function| function.name() == name);
        found.map(Arc::new).ok_or_else(|| unknown(name))
    }

    fn try_encode_udaf(&self, aggregate: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        if dialect::aggregates().iter().any(|known| known == aggregate) {
            buf.extend_from_slice(DIALECT);
        }
        Ok(())
    }

    fn try_decode_udaf(&self, name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        if buf != DIALECT {
            return self.others.try_decode_udaf(name, buf);
        }
        let found = dialect::aggregates()
            .into_iter()
            .find(|aggregate| aggregate.name() == name);
        found.map(Arc::new).ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> DataFusionError {
    DataFusionError::NotImplemented(format!("the dialect has no function {name}"))
}

/// The codec of a node over one plan that has no fields.
#[derive(Debug)]
struct OverOnePlan {
    name: &'static str,
    is: fn(&dyn ExecutionPlan) -> bool,
    over: fn(Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan>,
}

const COMPACT: OverOnePlan = OverOnePlan {
    name: "compact",
    is: |node| node.is::<CompactExec>(),
    over: |rows| Arc::new(CompactExec::new(rows)),
};

const NO_KEYS: OverOnePlan = OverOnePlan {
    name: "no_keys",
    is: |node| node.is::<NoKeysExec>(),
    over: |rows| Arc::new(NoKeysExec::new(rows)),
};

impl NodeCodec for OverOnePlan {
    fn name(&self) -> &'static str {
        self.name
    }

    fn encode(&self, node: &dyn ExecutionPlan, _codec: &PlanCodec) -> Option<Result<Vec<u8>>> {
        (self.is)(node).then(|| Ok(Vec::new()))
    }

    fn decode(
        &self,
        _encoded: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _context: &TaskContext,
        _codec: &PlanCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match inputs {
            [rows] => Ok((self.over)(Arc::clone(rows))),
            _ => internal_err!("the node {} stands over one plan", self.name),
        }
    }
}

/// Encodes a plan that is a field of another node.
///
/// # Errors
/// The plan has a node that cannot be sent.
pub fn encode_plan(plan: &Arc<dyn ExecutionPlan>, codec: &PlanCodec) -> Result<Vec<u8>> {
    stacker::maybe_grow(STACK_OF_DEEP_PLANS, STACK_OF_DEEP_PLANS, || {
        let mut bytes = Vec::new();
        PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), codec)?.try_encode(&mut bytes)?;
        Ok(bytes)
    })
}

/// Decodes a plan that is a field of another node.
///
/// # Errors
/// The bytes are not those of a plan.
pub fn decode_plan(bytes: &[u8], context: &TaskContext, codec: &PlanCodec) -> Result<Arc<dyn ExecutionPlan>> {
    stacker::maybe_grow(STACK_OF_DEEP_PLANS, STACK_OF_DEEP_PLANS, || {
        <PhysicalPlanNode as AsExecutionPlan>::try_decode(bytes)?.try_into_physical_plan(context, codec)
    })
}
