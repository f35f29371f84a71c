//! A cluster of processes on this machine: a scheduler and some executors, which end with the value.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::network::Network;
use crate::support::{free_port, pragati, wait_at_most};

const PATIENCE: Duration = Duration::from_secs(300);

/// What all processes of a cluster are started with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Options of every process.
    pub options: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// An option of the scheduler: seconds.
    pub executor_timeout: Option<u64>,
    /// Each executor runs on a machine of this network, the scheduler on this one. None: all on loopback.
    pub network: Option<Arc<Network>>,
}

impl Setup {
    fn scheduler_host(&self) -> String {
        match &self.network {
            Some(network) => network.gateway().to_string(),
            None => "localhost".to_owned(),
        }
    }

    fn scheduler_address(&self) -> Ipv4Addr {
        let network = self.network.as_deref();
        network.map_or(Ipv4Addr::LOCALHOST, Network::gateway)
    }

    fn executor_address(&self, number: usize) -> Ipv4Addr {
        let network = self.network.as_deref();
        network.map_or(Ipv4Addr::LOCALHOST, |network| network.address(machine(number)))
    }
}

/// The machine of an executor.
fn machine(executor: usize) -> u8 {
    u8::try_from(executor).expect("few executors")
}

pub struct RunningCluster {
    setup: Setup,
    scheduler: Child,
    pub port: u16,
    executors: Vec<Option<Child>>,
    work: TempDir,
}

impl RunningCluster {
    /// A scheduler and `executors` executors with one slot each.
    pub fn start(executors: usize) -> Self {
        Self::start_with(executors, Setup::default())
    }

    pub fn start_with(executors: usize, setup: Setup) -> Self {
        let port = free_port();
        let mut cluster = Self {
            scheduler: start_scheduler(&setup, port),
            setup,
            port,
            executors: Vec::new(),
            work: tempfile::tempdir().expect("a folder"),
        };
        for _ in 0..executors {
            cluster.add_executor();
        }
        cluster
    }

    /// Its address, for `--cluster`.
    pub fn address(&self) -> String {
        format!("df://{}:{}", self.setup.scheduler_host(), self.port)
    }

    /// Another executor; gives its number.
    pub fn add_executor(&mut self) -> usize {
        let folder = self.work_folder(self.executors.len());
        self.add_executor_in(&folder)
    }

    /// Another executor, whose files are in this folder; gives its number.
    pub fn add_executor_in(&mut self, folder: &Path) -> usize {
        let number = self.executors.len();
        let (address, port) = (self.setup.executor_address(number), free_port());
        let mut executor = process(&self.setup, "executor", Some(number));
        executor.args(["--scheduler", &self.address(), "--listen", &format!("{address}:{port}")]);
        if self.setup.network.is_none() {
            executor.args(["--advertised-host", "localhost"]);
        }
        executor.args(["--slots", "1", "--work-dir"]).arg(folder);
        let executor = executor
            .stderr(log_file(self.work.path(), number))
            .spawn()
            .expect("an executor");
        self.executors.push(Some(executor));
        wait_until(|| std::net::TcpStream::connect((address, port)).is_ok(), "an executor");
        number
    }

    /// The folder of an executor's files.
    pub fn work_folder(&self, number: usize) -> PathBuf {
        self.work.path().join(format!("executor-{number}"))
    }

    /// Kills an executor at once.
    pub fn kill_executor(&mut self, number: usize) {
        if let Some(mut executor) = self.executors[number].take() {
            executor.kill().expect("killed");
            executor.wait().expect("it ends");
        }
    }

    /// Tells an executor to end, and waits until it has.
    pub fn drain_executor(&mut self, number: usize) {
        if let Some(executor) = self.executors[number].take() {
            drained(executor);
        }
    }

    /// Kills the scheduler, and starts one in its place.
    pub fn restart_scheduler(&mut self) {
        self.scheduler.kill().expect("killed");
        self.scheduler.wait().expect("it ends");
        self.scheduler = start_scheduler(&self.setup, self.port);
    }
}

impl Drop for RunningCluster {
    fn drop(&mut self) {
        for executor in self.executors.iter_mut().flatten() {
            let _ = executor.kill();
            let _ = executor.wait();
        }
        let _ = self.scheduler.kill();
        let _ = self.scheduler.wait();
    }
}

/// A process of the cluster, on the machine of an executor or on this one.
fn process(setup: &Setup, role: &str, executor: Option<usize>) -> Command {
    // The command of `assert_cmd` cannot be left running.
    let prepared = pragati();
    let program = prepared.get_program();
    let mut process = match (&setup.network, executor) {
        (Some(network), Some(executor)) => network.command(machine(executor), program),
        _ => Command::new(program),
    };
    process.current_dir(env!("CARGO_TARGET_TMPDIR"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PRAGATI_")) {
        process.env_remove(name);
    }
    process.args(["cluster", role]).args(&setup.options);
    if setup.network.is_some() {
        process.arg("--trusted-network");
    }
    process.envs(setup.environment.iter().cloned());
    process.stdin(Stdio::null()).stdout(Stdio::null());
    process
}

fn start_scheduler(setup: &Setup, port: u16) -> Child {
    let mut scheduler = process(setup, "scheduler", None);
    scheduler.args(["--listen", &format!("{}:{port}", setup.scheduler_address())]);
    if let Some(seconds) = setup.executor_timeout {
        scheduler.args(["--executor-timeout", &seconds.to_string()]);
    }
    let mut scheduler = scheduler.stderr(Stdio::piped()).spawn().expect("a scheduler");
    let mut talk = BufReader::new(scheduler.stderr.take().expect("its talk"));
    let mut line = String::new();
    talk.read_line(&mut line).expect("a line");
    assert!(line.contains("df://"), "{line}");
    // Read to its end, so that the scheduler never waits for a reader.
    std::thread::spawn(move || std::io::copy(&mut talk, &mut std::io::sink()));
    scheduler
}

fn drained(mut executor: Child) {
    let killed = Command::new("kill").arg(executor.id().to_string()).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let ended = executor.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
}

fn log_file(folder: &Path, number: usize) -> Stdio {
    let file = std::fs::File::create(folder.join(format!("executor-{number}.log"))).expect("a file");
    Stdio::from(file)
}

/// Waits for something that comes soon.
pub fn wait_until(is_there: impl FnMut() -> bool, what: &str) {
    wait_at_most(PATIENCE, is_there, what);
}
