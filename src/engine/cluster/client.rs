//! A cluster as its client sees it: hands in a plan, waits, and fetches the rows from the executors that made them.
//!
//! A job whose rows nobody wants any more is cancelled, and what its executors keep of it, rows of real people, goes.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::BALLISTA_VERSION;
use ballista_core::client::BallistaClient;
use ballista_core::config::{
    BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS, BALLISTA_CLIENT_GRPC_HTTP2_KEEPALIVE_INTERVAL_SECONDS,
    BALLISTA_CLIENT_GRPC_TCP_KEEPALIVE_SECONDS, BALLISTA_CLIENT_IO_RETRIES_TIMES,
    BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS,
};
use ballista_core::extension::{BallistaConfigGrpcEndpoint, SessionConfigExt};
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, CleanJobDataParams, ExecuteQueryParams, KeyValuePair, PartitionLocation,
};
use ballista_core::version::BALLISTA_VERSION_HEADER;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::codec::{NodeCodec, encode_plan};
use super::{EngineError, LARGEST_MESSAGE, PlanCodec, Tls};
use crate::engine::cluster_options::{ClusterOptions, SchedulerAddress};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How executors notice that another one cannot be reached, or is so no longer: seconds. Ballista would wait for minutes.
const EXECUTORS_CONNECT_SECONDS: usize = 5;
const EXECUTORS_KEEP_ALIVE_SECONDS: usize = 10;
/// Their attempts after the first; after that, the job is handed in again.
const EXECUTORS_FETCH_RETRIES: usize = 1;
/// Attempts at fetching rows from an executor after the first, and the time between them.
const FETCH_RETRIES: u8 = 3;
const FETCH_RETRY_WAIT_MS: u64 = 500;

/// Why a job failed that is handed in again.
pub const EXECUTOR_LOST: &str = "an executor was lost while the job ran";
/// Why a job failed that nobody ran.
pub const NO_EXECUTOR: &str = "no executor has come; start some with `pragati cluster executor`";
/// Ballista's words for rows that could not be fetched from an executor: of a stage, and of a task of ours that failed with it.
const FETCH_FAILED: [&str; 2] = [
    "has failed 1 times, most recent failure reason",
    "Shuffle fetch partition error from Executor",
];
/// Ours.
const CUT_OFF: &str = "an executor could not fetch rows that another holds";
/// What processes say of our plans that have Ballista's codec and functions alone.
const NOT_OURS: [&str; 3] = [
    "BallistaPhysicalPlanNode",
    "There is no UDF named",
    "PhysicalExtensionCodec is not provided for scalar function",
];
/// How often a job is handed in, and how long its client waits before it does so again: an executor that is gone is not
/// missed at once.
const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// A cluster that plans are handed to.
#[derive(Debug)]
pub struct Cluster {
    scheduler: SchedulerAddress,
    partitions: usize,
    tls: Option<Tls>,
    codec: PlanCodec,
    session_id: String,
}

/// A job that was handed in; cancelled, and its data removed, when it is let go.
struct Job {
    id: Option<String>,
    is_done: bool,
    scheduler: SchedulerGrpcClient<Channel>,
}

impl Cluster {
    /// The cluster of these options, whose executors know the engine's plan nodes and functions, and `nodes` and `functions`.
    /// Nothing is asked of it yet.
    pub fn connect(
        options: &ClusterOptions,
        nodes: Vec<Arc<dyn NodeCodec>>,
        functions: impl IntoIterator<Item = ScalarUDF>,
    ) -> Result<Arc<Self>, EngineError> {
        Ok(Arc::new(Self {
            scheduler: options.scheduler.clone(),
            partitions: options.partitions.get(),
            tls: options.tls.as_ref().map(Tls::read).transpose()?,
            codec: PlanCodec::new(nodes, functions),
            session_id: Uuid::now_v7().to_string(),
        }))
    }

    /// Where its scheduler is.
    pub fn scheduler(&self) -> &SchedulerAddress {
        &self.scheduler
    }

    /// How a session's plans are encoded.
    pub fn codec(&self) -> &PlanCodec {
        &self.codec
    }

    /// Partitions that an exchange makes.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// Has a plan run that `codec` encodes, and gives the rows of all its partitions, one after the other. Dropping them
    /// ends the job.
    pub async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        codec: &PlanCodec,
        config: &SessionConfig,
    ) -> Result<SendableRecordBatchStream> {
        let query = encode_plan(&plan, codec)?;
        let mut attempt = 1;
        let (job, partitions) = loop {
            let query = ExecuteQueryParams {
                query: Some(Query::PhysicalPlan(query.clone())),
                settings: settings(config, self.tls.is_some()),
                session_id: self.session_id.clone(),
                operation_id: Uuid::now_v7().to_string(),
            };
            let mut job = Job {
                id: None,
                is_done: false,
                scheduler: self.connected().await?,
            };
            match self.completed(&mut job, query).await {
                Ok(partitions) => break (job, partitions),
                Err(Failure::Passing(reason)) if attempt < ATTEMPTS => {
                    drop(job);
                    tokio::time::sleep(BETWEEN_ATTEMPTS * attempt).await;
                    attempt += 1;
                    tracing::warn!("{reason}; the job is handed in again");
                }
                Err(Failure::Passing(reason)) => {
                    return Err(failed(format!(
                        "the cluster: {reason}, {ATTEMPTS} times; check that all executors run and reach each other"
                    )));
                }
                Err(Failure::Other(error)) => return Err(error),
            }
        };
        let fetches = partitions.into_iter().map(|partition| Ok(self.fetched(partition)));
        let rows = futures::stream::iter(fetches.collect::<Vec<_>>())
            .and_then(|fetch| fetch)
            .try_flatten()
            // Held until the last row has come.
            .map_ok(move |rows| {
                let _ = &job;
                rows
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(plan.schema(), rows)))
    }

    async fn connected(&self) -> Result<SchedulerGrpcClient<Channel>> {
        let SchedulerAddress { host, port } = &self.scheduler;
        let unreachable = |error: &dyn std::error::Error| {
            failed(format!(
                "the scheduler at {} cannot be reached: {}; check --cluster, and that `pragati cluster scheduler` runs there",
                self.scheduler,
                innermost(error)
            ))
        };
        let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|error| unreachable(&error))?;
        let endpoint = with_settings(endpoint);
        let endpoint = match &self.tls {
            Some(tls) => tls.secured(endpoint).map_err(|error| unreachable(&error))?,
            None => endpoint,
        };
        let channel = endpoint.connect().await.map_err(|error| unreachable(&error))?;
        Ok(SchedulerGrpcClient::new(channel)
            .max_encoding_message_size(LARGEST_MESSAGE)
            .max_decoding_message_size(LARGEST_MESSAGE))
    }

    /// Hands in the query, and waits until it is done.
    async fn completed(&self, job: &mut Job, query: ExecuteQueryParams) -> Result<Vec<PartitionLocation>, Failure> {
        let mut request = tonic::Request::new(query);
        request
            .metadata_mut()
            .insert(BALLISTA_VERSION_HEADER, MetadataValue::from_static(BALLISTA_VERSION));
        let answer = job.scheduler.execute_query_push(request).await;
        let mut news = answer.map_err(|status| self.refused(&status))?.into_inner();
        loop {
            let told = news.message().await.map_err(|status| self.lost(status.message()))?;
            let told = told.ok_or_else(|| self.lost("it ended the connection"))?;
            let Some(status) = told.status else { continue };
            job.id = Some(status.job_id);
            match status.status {
                Some(Status::Successful(successful)) => {
                    job.is_done = true;
                    return Ok(successful.partition_location);
                }
                Some(Status::Failed(failure)) => {
                    job.is_done = true;
                    return Err(Failure::of_job(&failure.error));
                }
                Some(Status::Queued(_) | Status::Running(_)) | None => {}
            }
        }
    }

    fn refused(&self, status: &tonic::Status) -> DataFusionError {
        if status.source().is_none() {
            return failed(refusal(status.message()));
        }
        failed(format!(
            "the scheduler at {} ended the connection; where it asks for TLS, set tls_authorities, tls_certificate and \
             tls_key under [cluster]",
            self.scheduler
        ))
    }

    fn lost(&self, reason: &str) -> DataFusionError {
        failed(format!(
            "the scheduler at {} was lost: {reason}; it forgets its jobs when it restarts, so run this again",
            self.scheduler
        ))
    }

    fn fetched(
        &self,
        location: PartitionLocation,
    ) -> impl Future<Output = Result<SendableRecordBatchStream>> + Send + 'static {
        let tls = self.tls.clone();
        async move {
            let layout = location.layout();
            let missing = || failed("the scheduler does not say where rows are".to_owned());
            let executor = location.executor_meta.ok_or_else(missing)?;
            let partition = location.partition_id.ok_or_else(missing)?;
            let port = u16::try_from(executor.port).map_err(|_| missing())?;
            let connections = tls.as_ref().map(Tls::of_connections);
            let client = BallistaClient::try_new(
                &executor.host,
                port,
                LARGEST_MESSAGE,
                tls.is_some(),
                connections.map(|secured| Arc::new(BallistaConfigGrpcEndpoint::new(secured))),
                FETCH_RETRIES,
                FETCH_RETRY_WAIT_MS,
                0,
                0,
            );
            let unreachable = |error: ballista_core::error::BallistaError| {
                failed(format!(
                    "executor {}:{port} does not give the rows that it made: {error}",
                    executor.host
                ))
            };
            let mut client = client.await.map_err(unreachable)?;
            client
                .fetch_partition(&executor.id, &partition.into(), location.file_id, layout, true)
                .await
                .map_err(unreachable)
        }
    }
}

/// The settings of every connection of ours, encrypted or not.
pub fn with_settings(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

/// How tasks connect to executors whose rows they fetch.
pub fn with_connections(config: SessionConfig, with_tls: bool) -> SessionConfig {
    config
        .with_ballista_use_tls(with_tls)
        .with_ballista_grpc_client_max_message_size(LARGEST_MESSAGE)
        .set_usize(BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS, EXECUTORS_CONNECT_SECONDS)
        .set_usize(BALLISTA_CLIENT_IO_RETRIES_TIMES, EXECUTORS_FETCH_RETRIES)
        .set_usize(BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, FETCH_RETRY_WAIT_MS as usize)
        .set_usize(BALLISTA_CLIENT_GRPC_TCP_KEEPALIVE_SECONDS, EXECUTORS_KEEP_ALIVE_SECONDS)
        .set_usize(
            BALLISTA_CLIENT_GRPC_HTTP2_KEEPALIVE_INTERVAL_SECONDS,
            EXECUTORS_KEEP_ALIVE_SECONDS,
        )
}

impl Drop for Job {
    fn drop(&mut self) {
        let (Some(job_id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (mut scheduler, is_done) = (self.scheduler.clone(), self.is_done);
        runtime.spawn(async move {
            let told = if is_done {
                let remove_stage_ids = Vec::new();
                let data = CleanJobDataParams {
                    job_id,
                    remove_stage_ids,
                };
                scheduler.clean_job_data(data).await.map(|_| ())
            } else {
                scheduler.cancel_job(CancelJobParams { job_id }).await.map(|_| ())
            };
            if let Err(status) = told {
                tracing::warn!("the cluster could not be told that a job is over: {}", status.message());
            }
        });
    }
}

/// Why a job has no rows.
enum Failure {
    /// It may succeed when it is handed in again.
    Passing(&'static str),
    Other(DataFusionError),
}

impl Failure {
    fn of_job(message: &str) -> Self {
        if message.contains(EXECUTOR_LOST) {
            Self::Passing(EXECUTOR_LOST)
        } else if FETCH_FAILED.iter().any(|words| message.contains(words)) {
            Self::Passing(CUT_OFF)
        } else {
            Self::Other(failed(refusal(message)))
        }
    }
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Other(error)
    }
}

/// What the scheduler and the executors must know of the session.
fn settings(config: &SessionConfig, with_tls: bool) -> Vec<KeyValuePair> {
    let config = config
        .clone()
        .upgrade_for_ballista()
        .with_ballista_adaptive_query_planner(false);
    let config = with_connections(config, with_tls);
    let options = config.options().entries();
    options
        .into_iter()
        .map(|option| KeyValuePair {
            key: option.key,
            value: option.value,
        })
        .collect()
}

/// What went wrong with the cluster.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ClusterFailed(String);

fn failed(reason: String) -> DataFusionError {
    DataFusionError::External(Box::new(ClusterFailed(reason)))
}

/// What the cluster says of a plan that it does not run, or of a job that failed.
fn refusal(message: &str) -> String {
    if NOT_OURS.iter().any(|words| message.contains(words)) {
        return "a scheduler or executor of the cluster does not know Pragati's plans; start all of them with \
                `pragati cluster scheduler` and `pragati cluster executor`, of one version"
            .to_owned();
    }
    format!("the cluster: {message}")
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::BallistaPhysicalExtensionCodec;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::ScalarFunctionExpr;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
    use datafusion::prelude::SessionContext;
    use datafusion_proto::physical_plan::AsExecutionPlan;
    use datafusion_proto::protobuf::PhysicalPlanNode;

    use super::*;
    use crate::engine::functions;
    use crate::engine::packing::PackExec;

    #[test]
    fn processes_of_ballista_alone_are_named_for_what_they_are() {
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8View, true)]));
        let empty: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::clone(&schema)));
        let ours = functions::all().into_iter().find(|function| function.name() == "strip");
        let call = ScalarFunctionExpr::try_new(
            Arc::new(ours.expect("a function")),
            vec![col("text", &schema).expect("a column")],
            &schema,
            Arc::default(),
        );
        let calls = vec![ProjectionExpr::new(Arc::new(call.expect("a call")), "text".to_owned())];
        let calling = ProjectionExec::try_new(calls, Arc::clone(&empty)).expect("a plan");
        let plans: [Arc<dyn ExecutionPlan>; 2] = [Arc::new(PackExec(empty)), Arc::new(calling)];
        let codec = PlanCodec::new(Vec::new(), []);
        for plan in plans {
            let bytes = encode_plan(&plan, &codec).expect("encoded");
            let context = SessionContext::new().task_ctx();
            let stock = BallistaPhysicalExtensionCodec::default();
            let plan = PhysicalPlanNode::try_decode(&bytes).expect("a plan");
            let error = plan.try_into_physical_plan(&context, &stock).expect_err("unknown");
            let word = refusal(&error.to_string());
            assert!(word.contains("does not know Pragati's plans"), "{error}");
        }
    }

    #[test]
    fn a_lost_executor_is_told_from_other_failures() {
        for lost in [
            EXECUTOR_LOST,
            "Job failed due to stage 2 failed: Stage 2 has failed 1 times, most recent failure reason: x",
            "Job failed due to stage 5 failed: Task failed: Report(Engine(Query { reason: \"Shuffle fetch partition error from \
             Executor 1, map_stage 4, error desc: x\" }))",
        ] {
            assert!(matches!(Failure::of_job(lost), Failure::Passing(_)), "{lost}");
        }
        assert!(matches!(Failure::of_job("Cast error"), Failure::Other(_)));
    }
}
