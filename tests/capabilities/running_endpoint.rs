//! The PostgreSQL endpoint over small exports, on a free port of this machine, and a client for it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pragati::config::{Config, IdentityConfig};
use pragati::delivery::source::ReportSource;
use pragati::engine::STACK_OF_THREADS;
use pragati::identity::{Identity, Login};
use pragati::postgres::{PostgresError, PostgresMetrics, PostgresParts, PostgresServer, ScramSecret};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{Connection, Row, ValueRef};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::{TestExports, wait_at_most};

pub const PASSWORD: &str = "pencil";
const USERS_FILE: &str = "users.toml";
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for something that comes soon.
pub fn wait_until(is_so: impl FnMut() -> bool, what: &str) {
    wait_at_most(PATIENCE, is_so, what);
}

/// An error's code and message.
pub type Refused = (String, String);

/// How an endpoint is set up.
pub struct EndpointSetup {
    pub exports: TestExports,
    pub config: Config,
    /// The content of the users file after each user's name and password.
    users: Vec<(String, String)>,
    /// None: nobody has a token.
    pub identity: Option<IdentityConfig>,
    pub login: Login,
}

impl EndpointSetup {
    /// Over these exports, without users.
    pub fn over(exports: TestExports) -> Self {
        let mut config = Config {
            exports: Some(exports.path().display().to_string()),
            ..Config::default()
        };
        config.serve.shutdown_seconds = 5;
        Self {
            exports,
            config,
            users: Vec::new(),
            identity: None,
            login: Login::Tokens,
        }
    }

    /// With a user of that name and [`PASSWORD`], who sees what `sees` says.
    pub fn user(mut self, name: &str, sees: &str) -> Self {
        self.users.push((name.to_owned(), sees.to_owned()));
        self
    }

    pub fn start(self) -> RunningEndpoint {
        self.try_start().expect("an endpoint")
    }

    /// What it says where it does not start.
    pub fn try_start(mut self) -> Result<RunningEndpoint, String> {
        // As deep as those of the command.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_stack_size(STACK_OF_THREADS)
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        self.config.serve.data = folder.path().to_owned();
        if self.config.postgres.users.is_none() {
            self.config.postgres.users = Some(self.users_file(&folder));
        }
        let listen = self
            .config
            .postgres
            .listen
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let metrics = Arc::new(PostgresMetrics::default());
        let started = runtime.block_on(async {
            let identity = match (&self.identity, self.login) {
                (Some(settings), _) => Identity::by_tokens(settings).await?,
                (None, _) => {
                    Identity::without_proof(&IdentityConfig::default(), SocketAddr::from(([127, 0, 0, 1], 0)))?
                }
            };
            let source = Arc::new(ReportSource::open(self.config.clone()).await.expect("a source"));
            let parts = PostgresParts {
                source: Arc::clone(&source),
                identity: Arc::new(identity),
                login: self.login,
                metrics: Arc::clone(&metrics),
            };
            let server = PostgresServer::bind(listen, &self.config, parts).await?;
            let address = server.address();
            let (stop, stopping) = watch::channel(false);
            let running = tokio::spawn(server.run(stopping));
            Ok::<_, PostgresError>((source, address, stop, running))
        });
        match started {
            Ok((source, address, stop, running)) => Ok(RunningEndpoint {
                runtime,
                address,
                exports: self.exports,
                folder,
                source,
                metrics,
                stop,
                running: Some(running),
            }),
            Err(error) => Err(error.to_string()),
        }
    }

    fn users_file(&self, folder: &TempDir) -> PathBuf {
        let path = folder.path().join(USERS_FILE);
        write_users(&path, &self.users);
        path
    }
}

/// Writes a users file: users of these names with [`PASSWORD`], each of whom sees what is said beside the name.
fn write_users(path: &Path, users: &[(impl AsRef<str>, impl AsRef<str>)]) {
    let secret = ScramSecret::of_password(PASSWORD);
    let entries = users.iter().map(|(name, sees)| {
        let (name, sees) = (name.as_ref(), sees.as_ref());
        format!("[users.{name}]\npassword = \"{secret}\"\n{sees}\n")
    });
    fs::write(path, entries.collect::<String>()).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("private");
}

/// An endpoint that runs; it ends with this value.
pub struct RunningEndpoint {
    pub runtime: Runtime,
    pub address: SocketAddr,
    pub exports: TestExports,
    pub folder: TempDir,
    pub source: Arc<ReportSource>,
    pub metrics: Arc<PostgresMetrics>,
    stop: watch::Sender<bool>,
    running: Option<JoinHandle<()>>,
}

impl RunningEndpoint {
    /// The users file.
    pub fn users_file(&self) -> PathBuf {
        self.folder.path().join(USERS_FILE)
    }

    /// Writes the users file anew, with these users and what they see.
    pub fn write_users(&self, users: &[(&str, &str)]) {
        write_users(&self.users_file(), users);
    }

    /// How a client of that name connects.
    pub fn options(&self, user: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.address.port())
            .username(user)
            .password(PASSWORD)
            .database("pragati")
            .ssl_mode(PgSslMode::Prefer)
    }

    pub fn connect(&self, user: &str) -> Result<PgConnection, Refused> {
        self.connect_with(&self.options(user))
    }

    pub fn connect_with(&self, options: &PgConnectOptions) -> Result<PgConnection, Refused> {
        self.runtime
            .block_on(PgConnection::connect_with(options))
            .map_err(|error| refused(&error))
    }

    /// The rows of a statement as text, NULL as `∅`, on a connection of its own.
    pub fn ask(&self, user: &str, sql: &str) -> Result<Vec<Vec<String>>, Refused> {
        let mut connection = self.connect(user)?;
        self.ask_on(&mut connection, sql)
    }

    pub fn ask_on(&self, connection: &mut PgConnection, sql: &str) -> Result<Vec<Vec<String>>, Refused> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        let rows = self
            .runtime
            .block_on(async { sqlx::Executor::fetch_all(connection, sqlx::raw_sql(sql)).await });
        let rows: Vec<PgRow> = rows.map_err(|error| refused(&error))?;
        Ok(rows.iter().map(texts).collect())
    }

    /// The one value of a statement.
    pub fn value(&self, user: &str, sql: &str) -> String {
        let rows = self.ask(user, sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows[0][0].clone()
    }

    /// The code of the error that a statement ends with.
    pub fn code(&self, user: &str, sql: &str) -> String {
        match self.ask(user, sql) {
            Ok(rows) => panic!("{sql} gave {rows:?}"),
            Err((code, _)) => code,
        }
    }

    /// The lines of the audit log.
    pub fn audit(&self) -> Vec<Value> {
        let folder = self.folder.path().join("audit");
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("the audit log")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        let lines = files.iter().map(|file| fs::read_to_string(file).expect("text"));
        let lines: Vec<String> = lines.collect();
        lines
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running).expect("it ends");
        }
    }
}

impl Drop for RunningEndpoint {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

pub fn texts(row: &PgRow) -> Vec<String> {
    let columns = 0..row.len();
    let text = |column: usize| {
        let value = row.try_get_raw(column).expect("a value");
        match value.is_null() {
            true => "∅".to_owned(),
            false => value.as_str().expect("text").to_owned(),
        }
    };
    columns.map(text).collect()
}

fn refused(error: &sqlx::Error) -> Refused {
    match error.as_database_error() {
        Some(error) => (
            error.code().map(|code| code.into_owned()).unwrap_or_default(),
            error.message().to_owned(),
        ),
        None => (String::new(), error.to_string()),
    }
}
