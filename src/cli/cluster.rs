//! `pragati cluster`: the processes of a Ballista cluster.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, Subcommand, value_parser};
use pragati::cluster::{ExecutorOptions, SchedulerOptions, run_executor, run_scheduler};
use pragati::config::Config;

use super::counts;
use super::failure::UsageError;
use super::log;
use super::options::MessageOptions;

const EXAMPLES: &str = "\
Examples:
  pragati cluster scheduler --listen 10.0.0.1:50050 --trusted-network
  pragati cluster executor --scheduler df://10.0.0.1:50050 --listen 10.0.0.2:50051 --trusted-network \\
      --slots 8 --memory-limit 24GB --work-dir /var/lib/pragati/executor
  pragati nightly --cluster df://10.0.0.1:50050 --exports s3://bucket/exports --out s3://bucket/reports

Every process reads [cluster] of pragati.toml: with tls_authorities, tls_certificate and tls_key, connections are
encrypted, and only processes with a certificate of these authorities are let in.";

/// Run a scheduler or an executor of a cluster, which commands use with --cluster.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ClusterArguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    Scheduler(SchedulerArguments),
    Executor(ExecutorArguments),
}

/// Accept jobs, and distribute their tasks to executors.
#[derive(Debug, Args)]
struct SchedulerArguments {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50050")]
    listen: SocketAddr,
    /// Seconds without a heartbeat after which an executor is lost; a busy one sends one every 5 seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = value_parser!(u64).range(10..))]
    executor_timeout: u64,
    #[command(flatten)]
    network: NetworkOptions,
}

/// Run the tasks that a scheduler distributes.
#[derive(Debug, Args)]
struct ExecutorArguments {
    /// The scheduler, as df://HOST:PORT [default: that of [cluster]]
    #[arg(long, value_name = "URL")]
    scheduler: Option<String>,
    /// Address and port where other processes fetch the rows of tasks
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// Name or address by which others reach this executor [default: that of --listen]
    #[arg(long, value_name = "HOST")]
    advertised_host: Option<String>,
    /// Tasks at a time [default: one a core]
    #[arg(long, value_name = "N", value_parser = counts::slots)]
    slots: Option<NonZeroUsize>,
    /// Memory of all tasks together; what does not fit spills to disk [default: 70 % of the machine's]
    #[arg(long, value_name = "SIZE")]
    memory_limit: Option<ByteSize>,
    /// Folder of exchanged rows, spill files and unfinished files; each executor needs its own [default: in the system's
    /// temporary folder]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    #[command(flatten)]
    network: NetworkOptions,
}

#[derive(Debug, Args)]
struct NetworkOptions {
    /// Configuration file [default: pragati.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PRAGATI_CONFIG")]
    config: Option<PathBuf>,
    /// Accept connections of other machines without TLS: whoever reaches the port may run plans
    #[arg(long)]
    trusted_network: bool,
    #[command(flatten)]
    talk: MessageOptions,
}

pub async fn run(arguments: ClusterArguments, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
    match arguments.role {
        Role::Scheduler(arguments) => {
            let config = arguments.network.load()?;
            let options = SchedulerOptions {
                listen: arguments.listen,
                tls: config.cluster.tls()?,
                is_trusted_network: arguments.network.trusted_network,
                executor_timeout: Duration::from_secs(arguments.executor_timeout),
            };
            let is_quiet = arguments.network.talk.is_quiet();
            let ready = |address| {
                if !is_quiet {
                    log::say(&format!("scheduler of a cluster, for --cluster df://{address}"));
                }
            };
            run_scheduler(options, ready, stopped).await?;
        }
        Role::Executor(arguments) => {
            let mut config = arguments.network.load()?;
            config.cluster.scheduler = arguments.scheduler.or(config.cluster.scheduler);
            let cluster = config.cluster.options()?.ok_or_else(|| {
                UsageError(
                    "no scheduler given; use --scheduler df://HOST:PORT or `scheduler` under [cluster]".to_owned(),
                )
            })?;
            let port = arguments.listen.port();
            let of_port = || config.temp_folder().join(format!("pragati-executor-{port}"));
            let options = ExecutorOptions {
                scheduler: cluster.scheduler,
                listen: arguments.listen,
                advertised_host: arguments.advertised_host,
                slots: arguments.slots,
                memory_limit: arguments.memory_limit.or(config.memory_limit),
                work_folder: arguments.work_dir.unwrap_or_else(of_port),
                tls: cluster.tls,
                is_trusted_network: arguments.network.trusted_network,
            };
            // It handles signals itself, and ends its tasks first.
            run_executor(options).await?;
        }
    }
    Ok(())
}

impl NetworkOptions {
    /// Loads the configuration and starts the log.
    fn load(&self) -> anyhow::Result<Config> {
        Ok(self.talk.start_with(Config::load(self.config.as_deref()))?)
    }
}
