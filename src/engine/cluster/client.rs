//! The client of a cluster: submits a plan, waits for the job, and fetches its rows from the executors.
//!
//! A job whose rows are no longer read is cancelled, and its shuffle files, which hold personal data, are removed.

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
use ballista_core::extension::{BallistaConfigGrpcEndpoint, EndpointOverrideFn, SessionConfigExt};
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

use super::codec::encode_plan;
use super::{EngineError, LARGEST_MESSAGE, PlanCodec, Tls};
use crate::config::{ClusterOptions, SchedulerAddress};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Seconds until an executor gives up connecting to another executor. Ballista's default is minutes.
const EXECUTORS_CONNECT_SECONDS: u64 = 5;
const EXECUTORS_KEEP_ALIVE_SECONDS: u64 = 10;
/// Retries of an executor's fetch. After that the whole job is submitted again.
const EXECUTORS_FETCH_RETRIES: usize = 1;
/// Retries of this client's fetch from an executor, and the time between them.
const FETCH_RETRIES: u8 = 3;
const FETCH_RETRY_WAIT_MS: u64 = 500;

/// The reason of a job that failed because an executor was lost; such a job is submitted again.
pub const EXECUTOR_LOST: &str = "an executor was lost while the job ran";
/// The reason of a job that no executor ran.
pub const NO_EXECUTOR: &str = "no executor has come; start some with `pragati cluster executor`";
/// Ballista's messages for rows that could not be fetched: of a stage, and of a task of ours that failed with it.
const FETCH_FAILED: [&str; 2] = [
    "has failed 1 times, most recent failure reason",
    "Shuffle fetch partition error from Executor",
];
/// The reason of such a failure in messages of this program.
const CUT_OFF: &str = "an executor could not fetch rows that another holds";
/// Messages of schedulers and executors that lack Pragati's codec or functions.
const NOT_OURS: [&str; 3] = [
    "BallistaPhysicalPlanNode",
    "There is no UDF named",
    "PhysicalExtensionCodec is not provided for scalar function",
];
/// How often a job is submitted, and how long the client waits between attempts: the scheduler notices a lost executor
/// with a delay.
const ATTEMPTS: u32 = 5;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// The connection to a cluster.
#[derive(Debug)]
pub struct Cluster {
    scheduler: SchedulerAddress,
    partitions: usize,
    tls: Option<Tls>,
    codec: PlanCodec,
    session_id: String,
}

/// A submitted job. Dropping it cancels the job and removes its data.
struct Job {
    id: Option<String>,
    is_done: bool,
    scheduler: SchedulerGrpcClient<Channel>,
}

impl Cluster {
    /// The cluster of these options, whose executors know the engine's plan nodes and functions, and `functions`. It does
    /// not connect yet.
    ///
    /// # Errors
    /// The TLS files cannot be read.
    pub fn connect(
        options: &ClusterOptions,
        functions: impl IntoIterator<Item = ScalarUDF>,
    ) -> Result<Arc<Self>, EngineError> {
        Ok(Arc::new(Self {
            scheduler: options.scheduler.clone(),
            partitions: options.partitions.get(),
            tls: options.tls.as_ref().map(Tls::read).transpose()?,
            codec: PlanCodec::new(Vec::new(), functions),
            session_id: Uuid::now_v7().to_string(),
        }))
    }

    /// The address of the scheduler.
    pub fn scheduler(&self) -> &SchedulerAddress {
        &self.scheduler
    }

    /// The codec of the session's plans.
    pub fn codec(&self) -> &PlanCodec {
        &self.codec
    }

    /// Partitions of an exchange.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// Runs a plan that `codec` can encode, and gives the rows of all its partitions, one after the other. Dropping the
    /// rows cancels the job.
    ///
    /// # Errors
    /// The plan cannot be sent, or the scheduler does not answer; errors of the job come with the rows.
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
                Err(Failure::Temporary(reason)) if attempt < ATTEMPTS => {
                    drop(job);
                    tokio::time::sleep(BETWEEN_ATTEMPTS * attempt).await;
                    attempt += 1;
                    tracing::warn!("{reason}; the job is submitted again");
                }
                Err(Failure::Temporary(reason)) => {
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
            // Keeps the job alive until the last row has come.
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

    /// Submits the query and waits until the job has finished.
    async fn completed(&self, job: &mut Job, query: ExecuteQueryParams) -> Result<Vec<PartitionLocation>, Failure> {
        let mut request = tonic::Request::new(query);
        request
            .metadata_mut()
            .insert(BALLISTA_VERSION_HEADER, MetadataValue::from_static(BALLISTA_VERSION));
        let answer = job.scheduler.execute_query_push(request).await;
        let mut news = answer.map_err(|status| self.refused(&status))?.into_inner();
        loop {
            let update = news.message().await.map_err(|status| self.lost(status.message()))?;
            let update = update.ok_or_else(|| self.lost("it ended the connection"))?;
            let Some(status) = update.status else { continue };
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
            let connections = fetching_connections(tls.as_ref());
            let client = BallistaClient::try_new(
                &executor.host,
                port,
                LARGEST_MESSAGE,
                tls.is_some(),
                Some(Arc::new(BallistaConfigGrpcEndpoint::new(connections))),
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

/// The settings of every connection that we open, encrypted or not.
pub fn with_settings(endpoint: Endpoint) -> Endpoint {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
}

/// How rows are fetched from executors, encrypted or not.
///
/// Ballista's own connections for this have neither a connect timeout nor keep-alive probes, whatever its settings say
/// (55.0: `BallistaClient::try_new`): a task would wait for ever, and hold its executor's slot, for rows of an executor
/// that the network no longer reaches.
pub fn fetching_connections(tls: Option<&Tls>) -> EndpointOverrideFn {
    let tls = tls.cloned();
    Arc::new(move |endpoint| {
        let endpoint = match &tls {
            Some(tls) => tls.secured(endpoint)?,
            None => with_settings(endpoint),
        };
        let (connect, silence) = (EXECUTORS_CONNECT_SECONDS, EXECUTORS_KEEP_ALIVE_SECONDS);
        Ok(with_keep_alive(
            endpoint,
            Duration::from_secs(connect),
            Duration::from_secs(silence),
        ))
    })
}

/// An endpoint with a connect timeout, and with HTTP/2 keep-alive: a connection without data for `silence` is probed,
/// and closed where the probe has no answer for as long again.
fn with_keep_alive(endpoint: Endpoint, connect: Duration, silence: Duration) -> Endpoint {
    endpoint
        .connect_timeout(connect)
        .tcp_keepalive(Some(silence))
        .http2_keep_alive_interval(silence)
        .keep_alive_timeout(silence)
}

/// Ballista's settings of tasks: the size of messages, attempts at fetching rows, and the connection to the scheduler.
pub fn with_connections(config: SessionConfig, with_tls: bool) -> SessionConfig {
    config
        .with_ballista_use_tls(with_tls)
        .with_ballista_grpc_client_max_message_size(LARGEST_MESSAGE)
        .set_usize(
            BALLISTA_CLIENT_GRPC_CONNECT_TIMEOUT_SECONDS,
            EXECUTORS_CONNECT_SECONDS as usize,
        )
        .set_usize(BALLISTA_CLIENT_IO_RETRIES_TIMES, EXECUTORS_FETCH_RETRIES)
        .set_usize(BALLISTA_CLIENT_IO_RETRY_WAIT_TIME_MS, FETCH_RETRY_WAIT_MS as usize)
        .set_usize(
            BALLISTA_CLIENT_GRPC_TCP_KEEPALIVE_SECONDS,
            EXECUTORS_KEEP_ALIVE_SECONDS as usize,
        )
        .set_usize(
            BALLISTA_CLIENT_GRPC_HTTP2_KEEPALIVE_INTERVAL_SECONDS,
            EXECUTORS_KEEP_ALIVE_SECONDS as usize,
        )
}

impl Drop for Job {
    fn drop(&mut self) {
        let (Some(job_id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let (mut scheduler, is_done) = (self.scheduler.clone(), self.is_done);
        runtime.spawn(async move {
            let notified = if is_done {
                let remove_stage_ids = Vec::new();
                let data = CleanJobDataParams {
                    job_id,
                    remove_stage_ids,
                };
                scheduler.clean_job_data(data).await.map(|_| ())
            } else {
                scheduler.cancel_job(CancelJobParams { job_id }).await.map(|_| ())
            };
            if let Err(status) = notified {
                tracing::warn!("the cluster could not be told that a job is over: {}", status.message());
            }
        });
    }
}

/// Why a job has no rows.
enum Failure {
    /// A temporary failure: the job may succeed when it is submitted again.
    Temporary(&'static str),
    Other(DataFusionError),
}

impl Failure {
    fn of_job(message: &str) -> Self {
        if message.contains(EXECUTOR_LOST) {
            Self::Temporary(EXECUTOR_LOST)
        } else if FETCH_FAILED.iter().any(|words| message.contains(words)) {
            Self::Temporary(CUT_OFF)
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

/// The settings of the session that the scheduler and the executors need.
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

/// A failure of the cluster.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ClusterFailed(String);

fn failed(reason: String) -> DataFusionError {
    DataFusionError::External(Box::new(ClusterFailed(reason)))
}

/// The message of a cluster that refused a plan or failed a job, in one sentence.
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
    use ballista_core::serde::scheduler::{PartitionId, ShuffleLayout};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::ScalarFunctionExpr;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
    use datafusion::prelude::SessionContext;
    use datafusion_proto::physical_plan::AsExecutionPlan;
    use datafusion_proto::protobuf::PhysicalPlanNode;

    use super::*;
    use crate::engine::compact_before_sort::CompactExec;
    use crate::engine::functions;

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
        let plans: [Arc<dyn ExecutionPlan>; 2] = [Arc::new(CompactExec::new(empty)), Arc::new(calling)];
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

    /// As over a network that was cut after the connection was made.
    #[tokio::test]
    async fn a_fetch_from_an_executor_that_falls_silent_ends_with_an_error() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // Takes the connection and never answers.
        let _silent = tokio::spawn(async move {
            let connection = listener.accept().await;
            std::future::pending::<()>().await;
            drop(connection);
        });
        let quick = |endpoint| {
            Ok(with_keep_alive(
                with_settings(endpoint),
                CONNECT_TIMEOUT,
                Duration::from_millis(200),
            ))
        };
        let mut client = BallistaClient::try_new(
            "127.0.0.1",
            port,
            LARGEST_MESSAGE,
            false,
            Some(Arc::new(BallistaConfigGrpcEndpoint::new(Arc::new(quick)))),
            1,
            0,
            0,
            0,
        )
        .await
        .expect("connected");
        let partition = PartitionId::new(&"job".to_owned().into(), 1, 0);
        let fetch = client.fetch_partition("executor", &partition, None, ShuffleLayout::Passthrough, true);
        let fetched = tokio::time::timeout(Duration::from_secs(60), fetch).await;
        let error = fetched.expect("no endless wait").err().expect("an error").to_string();
        assert!(error.contains("Shuffle fetch partition error from Executor"), "{error}");
    }

    #[test]
    fn a_lost_executor_is_told_from_other_failures() {
        for lost in [
            EXECUTOR_LOST,
            "Job failed due to stage 2 failed: Stage 2 has failed 1 times, most recent failure reason: x",
            "Job failed due to stage 5 failed: Task failed: Report(Engine(Query { reason: \"Shuffle fetch partition error from \
             Executor 1, map_stage 4, error desc: x\" }))",
        ] {
            assert!(matches!(Failure::of_job(lost), Failure::Temporary(_)), "{lost}");
        }
        assert!(matches!(Failure::of_job("Cast error"), Failure::Other(_)));
    }
}
