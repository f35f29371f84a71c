//! An executor: runs tasks, and keeps their shuffle files until they are fetched.

use std::fs::File;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::extension::{EndpointOverrideFn, SessionConfigExt};
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use bytesize::ByteSize;
use datafusion::common::Result;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::SessionConfig;
use tonic::transport::Server;

use super::stores::Stores;
use super::{ClusterError, check_address};
use crate::config::{SchedulerAddress, TlsFiles};
use crate::engine::TempFiles;
use crate::engine::cluster::{LARGEST_MESSAGE, PlanCodec, Tls, fetching_connections, registry, with_connections};
use crate::files::{lock_folder, make_folder};
use crate::nightly::tasks;

/// How long an executor waits for the scheduler at start.
const WAIT_FOR_SCHEDULER: Duration = Duration::from_secs(60);
/// How long shuffle files are kept that nobody asked to remove, and how often they are looked for.
const FORGOTTEN_DATA: Duration = Duration::from_secs(24 * 3_600);
const LOOK_FOR_FORGOTTEN: Duration = Duration::from_secs(600);
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Settings of an executor.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// The scheduler that hands out the tasks.
    pub scheduler: SchedulerAddress,
    /// Where other executors and clients fetch shuffle files.
    pub listen: SocketAddr,
    /// The host name or address that others connect to; `None` means that of `listen`.
    pub advertised_host: Option<String>,
    /// Concurrent tasks; `None` means one a core.
    pub slots: Option<NonZeroUsize>,
    /// Memory of all tasks together; `None` means most of the machine's.
    pub memory_limit: Option<ByteSize>,
    /// Folder of shuffle files, spill files and unfinished output. Executors must not share it.
    pub work_folder: PathBuf,
    /// `None`: connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Whether unencrypted connections from other machines are allowed.
    pub is_trusted_network: bool,
}

/// Runs an executor until the process is told to stop; then it ends its tasks first.
///
/// # Errors
/// The address or the work folder cannot be used, the TLS files cannot be read, or Ballista's executor fails.
pub async fn run_executor(options: ExecutorOptions) -> std::result::Result<(), ClusterError> {
    check_address(options.listen, options.tls.is_some(), options.is_trusted_network)?;
    let tls = options.tls.as_ref().map(Tls::read).transpose()?;
    let _claim = claim(&options.work_folder)?;
    let exchanged = emptied(&options.work_folder, "exchanged")?;
    let temporary = emptied(&options.work_folder, "temporary")?;
    let slots = options.slots.or(std::thread::available_parallelism().ok());
    let stores = Arc::new(Stores::default());
    let (fetching, is_encrypted) = (fetching_connections(tls.as_ref()), tls.is_some());
    let spilled = temporary.clone();
    let process = ExecutorProcessConfig {
        bind_host: options.listen.ip().to_string(),
        port: options.listen.port(),
        external_host: Some(
            options
                .advertised_host
                .unwrap_or_else(|| options.listen.ip().to_string()),
        ),
        scheduler_host: options.scheduler.host.clone(),
        scheduler_port: options.scheduler.port,
        scheduler_connect_timeout_seconds: WAIT_FOR_SCHEDULER.as_secs() as u16,
        vcores: slots.map_or(1, NonZeroUsize::get),
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(exchanged.display().to_string()),
        job_data_ttl_seconds: FORGOTTEN_DATA.as_secs(),
        job_data_clean_up_interval_seconds: LOOK_FOR_FORGOTTEN.as_secs(),
        executor_heartbeat_interval_seconds: HEARTBEAT.as_secs(),
        grpc_max_decoding_message_size: LARGEST_MESSAGE as u32,
        grpc_max_encoding_message_size: LARGEST_MESSAGE as u32,
        memory_pool_size: options.memory_limit.map(|limit| limit.as_u64()),
        override_function_registry: Some(Arc::new(registry(tasks::functions()))),
        override_physical_codec: Some(Arc::new(PlanCodec::new(
            tasks::nodes(Some(&temporary)),
            tasks::functions(),
        ))),
        override_runtime_producer: Some(Arc::new(move |_: &SessionConfig| runtime(&spilled, &stores))),
        override_config_producer: Some(Arc::new(move || settings(&fetching, is_encrypted))),
        override_create_grpc_client_endpoint: tls.as_ref().map(Tls::of_connections),
        override_arrow_flight_service: tls.clone().map(flight_with_tls),
        ..ExecutorProcessConfig::default()
    };
    start_executor_process(Arc::new(process))
        .await
        .map_err(ClusterError::of("executor"))
}

/// Locks the work folder for this executor, as long as the file is open.
fn claim(work: &Path) -> std::result::Result<File, ClusterError> {
    make_folder(work).map_err(|error| unusable(work, &error))?;
    let lock = lock_folder(work).map_err(|error| unusable(work, &error))?;
    lock.ok_or_else(|| unusable(work, &"another executor uses it"))
}

/// An empty private folder in the work folder; leftovers of a killed executor are removed.
fn emptied(work: &Path, name: &str) -> std::result::Result<PathBuf, ClusterError> {
    let folder = work.join(name);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unusable(&folder, &error)),
        Ok(()) | Err(_) => {}
    }
    make_folder(&folder).map_err(|error| unusable(&folder, &error))?;
    Ok(folder)
}

fn unusable(folder: &Path, reason: &dyn std::fmt::Display) -> ClusterError {
    ClusterError::WorkFolder {
        folder: folder.to_owned(),
        reason: reason.to_string(),
    }
}

/// The session settings with which tasks fetch rows of other executors.
fn settings(fetching: &EndpointOverrideFn, is_encrypted: bool) -> SessionConfig {
    with_connections(SessionConfig::new_with_ballista(), is_encrypted)
        .with_ballista_override_create_grpc_client_endpoint(Arc::clone(fetching))
}

fn runtime(spilled: &Path, stores: &Arc<Stores>) -> Result<Arc<RuntimeEnv>> {
    let files = Arc::new(TempFiles::new(spilled.to_owned()));
    RuntimeEnvBuilder::new()
        .with_disk_manager_builder(DiskManagerBuilder::default().with_temp_file_factory(files))
        .with_object_store_registry(Arc::clone(stores) as _)
        .build_arc()
}

/// Ballista's own Flight service, with TLS.
fn flight_with_tls(tls: Tls) -> Arc<ArrowFlightServerProvider> {
    Arc::new(move |work_folder, address, mut shutdown, _| {
        let tls = tls.of_server();
        tokio::spawn(async move {
            let tls = tls.map_err(|error| BallistaError::Configuration(error.to_string()))?;
            let service = FlightServiceServer::new(BallistaFlightService::new(work_folder))
                .max_decoding_message_size(LARGEST_MESSAGE)
                .max_encoding_message_size(LARGEST_MESSAGE);
            let mut server = Server::builder().tcp_nodelay(true).tls_config(tls)?;
            server
                .add_service(service)
                .serve_with_shutdown(address, shutdown.recv())
                .await?;
            Ok(())
        })
    })
}
