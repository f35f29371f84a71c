//! The scheduler: accepts plans, cuts them into stages, and gives tasks to executors.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::utils::default_session_builder;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry as _, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tonic::transport::Server;

use super::members::Members;
use super::stores::Stores;
use super::whole_jobs::WholeJobs;
use super::{ClusterError, check_address};
use crate::config::TlsFiles;
use crate::engine::cluster::{LARGEST_MESSAGE, PlanCodec, Tls, registry};
use crate::nightly::tasks;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How often the scheduler looks for executors without a heartbeat.
const LOOK_FOR_LOST: Duration = Duration::from_secs(1);
/// How long executors keep the data of a job that its client has abandoned.
const FORGOTTEN_DATA: Duration = Duration::from_secs(300);
const FORGOTTEN_STATE: Duration = Duration::from_secs(3_600);

/// Settings of a scheduler.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// The address that drivers and executors connect to.
    pub listen: SocketAddr,
    /// `None`: connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Whether unencrypted connections from other machines are allowed.
    pub is_trusted_network: bool,
    /// How long an executor may be without a heartbeat before it is lost; its jobs are submitted again then.
    pub executor_timeout: Duration,
}

/// Runs a scheduler until `stopped` is ready; `ready` receives the address that it listens on.
///
/// # Errors
/// The address cannot be used, the TLS files cannot be read, or Ballista's scheduler fails.
pub async fn run_scheduler(
    options: SchedulerOptions,
    ready: impl FnOnce(SocketAddr),
    stopped: impl Future<Output = ()>,
) -> Result<(), ClusterError> {
    check_address(options.listen, options.tls.is_some(), options.is_trusted_network)?;
    let tls = options.tls.as_ref().map(Tls::read).transpose()?;
    let cannot_listen = |reason: String| ClusterError::Listen {
        address: options.listen,
        reason,
    };
    let listener = tokio::net::TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| cannot_listen(error.to_string()))?;
    let address = listener
        .local_addr()
        .map_err(|error| cannot_listen(error.to_string()))?;

    let failed = || ClusterError::of("scheduler");
    // The scheduler decodes plans that name stores, though it reads nothing from them.
    let runtime = RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(Stores::default()));
    let runtime = runtime.build_arc().map_err(|error| failed()(error.into()))?;
    let config = Arc::new(config(&options, address, tls.as_ref(), runtime));
    let members = Arc::new(Members::new());
    let jobs = BallistaCluster::new_from_config(&config)
        .await
        .map_err(failed())?
        .job_state();
    let cluster = BallistaCluster::new(Arc::clone(&members) as _, jobs);
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config);
    let scheduler = scheduler.await.map_err(failed())?;
    let patience = options.executor_timeout;
    let service = SchedulerGrpcServer::new(WholeJobs::new(scheduler, members, patience))
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE);
    let refused = |error: tonic::transport::Error| ClusterError::Ballista {
        role: "scheduler",
        reason: error.to_string(),
    };
    let mut server = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE));
    if let Some(tls) = &tls {
        server = server.tls_config(tls.of_server()?).map_err(refused)?;
    }
    ready(address);
    let connections = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let serving = server.add_service(service).serve_with_incoming(connections);
    tokio::select! {
        served = serving => served.map_err(refused),
        // Clients keep connections open, so waiting for them would take for ever; their jobs end with the scheduler.
        () = stopped => Ok(()),
    }
}

fn config(
    options: &SchedulerOptions,
    address: SocketAddr,
    tls: Option<&Tls>,
    runtime: Arc<RuntimeEnv>,
) -> SchedulerConfig {
    let largest = LARGEST_MESSAGE as u32;
    let timeout = options.executor_timeout.as_secs().max(1);
    SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        // Executors poll for work, so nobody needs to connect to them except to fetch shuffle files.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: timeout,
        no_executors_grace_period_seconds: timeout,
        // A stage that cannot fetch its input fails its job, as a lost executor does; see `whole_jobs`.
        stage_max_failures: 1,
        expire_dead_executor_interval_seconds: LOOK_FOR_LOST.as_secs(),
        finished_job_data_clean_up_interval_seconds: FORGOTTEN_DATA.as_secs(),
        finished_job_state_clean_up_interval_seconds: FORGOTTEN_STATE.as_secs(),
        grpc_server_max_decoding_message_size: largest,
        grpc_server_max_encoding_message_size: largest,
        grpc_client_max_message_size: largest,
        override_physical_codec: Some(Arc::new(PlanCodec::new(tasks::nodes(None), tasks::functions()))),
        override_session_builder: Some(Arc::new(move |config: SessionConfig| {
            let state = SessionStateBuilder::new_from_existing(default_session_builder(config)?);
            let mut state = state.with_runtime_env(Arc::clone(&runtime)).build();
            for function in registry(tasks::functions()).scalar_functions.into_values() {
                state.register_udf(function)?;
            }
            Ok(state)
        })),
        override_create_grpc_client_endpoint: tls.map(Tls::of_connections),
        use_tls: tls.is_some(),
        ..SchedulerConfig::default()
    }
}
