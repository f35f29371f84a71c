//! Opening the database: URL, settings of connections, and migrations.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use url::Url;
use uuid::Uuid;

use super::error::StoreError;
use super::migrations::MIGRATIONS;
use super::{Backend, Store};
use crate::config::Secret;
use crate::files::{folder_of, make_folder_durably, sync_folder};

/// The name of the SQLite file in the service's data folder.
pub const SQLITE_FILE: &str = "requests.sqlite";

/// Pragmas of every SQLite connection. synchronous = FULL: a committed step survives a power cut. secure_delete: what
/// retention removes is overwritten.
const SQLITE_SETTINGS: &str = "pragma busy_timeout = 30000; pragma journal_mode = wal; pragma synchronous = full; \
    pragma foreign_keys = on; pragma secure_delete = on;";
/// Pragmas of reading connections, which neither wait for a writer nor write.
const SQLITE_READER_SETTINGS: &str = "pragma busy_timeout = 30000; pragma foreign_keys = on; pragma query_only = on;";
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 8;
/// The timeout for getting a connection from the pool.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Where requests are kept.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file on a local disk, for one machine.
    Sqlite(PathBuf),
    /// `postgres://…`, so that several machines share the work.
    Postgres(Secret),
}

impl Database {
    /// The shared database where the site has one, else the file in the data folder.
    pub fn chosen(url: Option<Secret>, data: &Path) -> Self {
        url.map_or_else(|| Self::Sqlite(data.join(SQLITE_FILE)), Self::Postgres)
    }

    /// Checks the URL of a shared database; it is not connected to.
    ///
    /// # Errors
    /// Where it is no URL of PostgreSQL.
    pub fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(url) => postgres_url(url).map(drop),
        }
    }

    /// Whether processes on other machines may work on it too.
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl Store {
    /// Opens the database, which is made where there is none, and brings its tables to this version's form. Several
    /// processes may do so at the same time.
    ///
    /// # Errors
    /// The database cannot be opened or migrated.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite(path) => open_sqlite(path).await,
            Database::Postgres(url) => open_postgres(url).await,
        }
    }

    /// Opens a database that must be there.
    ///
    /// # Errors
    /// There is no database, or it cannot be opened or migrated.
    pub async fn open_existing(database: &Database) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite(path) if !path.is_file() => Err(StoreError::NoDatabase(path.clone())),
            _ => Self::open(database).await,
        }
    }

    /// Ends all connections, once what they are doing is done.
    pub async fn close(&self) {
        self.reads.close().await;
        self.writes.close().await;
    }

    fn new(name: String, backend: Backend, writes: AnyPool, reads: AnyPool) -> Self {
        Self {
            name: name.into(),
            backend,
            writes,
            reads,
            owner: Arc::from(Uuid::now_v7().to_string()),
        }
    }
}

async fn open_sqlite(path: &Path) -> Result<Store, StoreError> {
    install_default_drivers();
    let name = format!("the database {}", path.display());
    let not_opened = |reason: String| StoreError::NotOpened {
        database: name.clone(),
        reason,
    };
    let made = {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || make_private_file(&path)).await
    };
    // SQLite has no lock around migrations and the change to WAL; this one is held until both are done.
    let lock = made
        .map_err(|error| not_opened(error.to_string()))?
        .map_err(|error| not_opened(error.to_string()))?;
    let place = path.canonicalize().map_err(|error| not_opened(error.to_string()))?;
    let place = place
        .to_str()
        .ok_or_else(|| not_opened("its path is not Unicode".to_owned()))?;
    let mut url = Url::parse("sqlite:///").map_err(|error| not_opened(error.to_string()))?;
    // `set_path` leaves a percent sign as it is, and sqlx decodes it.
    url.set_path(&place.replace('%', "%25"));
    test_connection(&url, SQLITE_SETTINGS, &name).await?;
    let pool = |connections, settings| {
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(LONGEST_WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| Box::pin(apply_settings(connection, settings)));
        pool.connect_lazy(url.as_str())
            .map_err(|error| not_opened(error.to_string()))
    };
    // One writing connection: the pool is fair, unlike SQLite's busy handler.
    let (writes, reads) = (pool(1, SQLITE_SETTINGS)?, pool(SQLITE_READERS, SQLITE_READER_SETTINGS)?);
    migrate(&writes, &name).await?;
    drop(lock);
    Ok(Store::new(name, Backend::Sqlite, writes, reads))
}

/// Makes the folder and the file for their owner alone, on stable storage, and gives the lock under which the file is
/// prepared. SQLite gives the files beside it the same permissions.
fn make_private_file(path: &Path) -> io::Result<File> {
    let folder = folder_of(path);
    make_folder_durably(folder)?;
    let lock = private_file(&path.with_extension("lock"))?;
    lock.lock()?;
    private_file(path)?;
    // SQLite syncs the folder only where it makes the file itself.
    sync_folder(folder)?;
    Ok(lock)
}

/// A file for its owner alone, which is made where there is none.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

async fn open_postgres(secret: &Secret) -> Result<Store, StoreError> {
    install_default_drivers();
    let url = postgres_url(secret)?;
    let name = postgres_name(&url);
    test_connection(&url, "", &name).await?;
    let pool = AnyPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(LONGEST_WAIT)
        .connect_lazy(url.as_str());
    let pool = pool.map_err(|error| StoreError::NotOpened {
        database: name.clone(),
        reason: error.to_string(),
    })?;
    migrate(&pool, &name).await?;
    Ok(Store::new(name, Backend::Postgres, pool.clone(), pool))
}

/// Connects once, for its error: a pool would retry and end with a mere timeout.
async fn test_connection(url: &Url, settings: &'static str, name: &str) -> Result<(), StoreError> {
    let not_opened = |error: sqlx::Error| StoreError::NotOpened {
        database: name.to_owned(),
        reason: error.to_string(),
    };
    let mut connection = AnyConnection::connect(url.as_str()).await.map_err(not_opened)?;
    apply_settings(&mut connection, settings).await.map_err(not_opened)?;
    connection.close().await.map_err(not_opened)
}

/// Brings the tables to this version's form.
async fn migrate(pool: &AnyPool, name: &str) -> Result<(), StoreError> {
    MIGRATIONS.run(pool).await.map_err(|error| StoreError::NotMigrated {
        database: name.to_owned(),
        reason: error.to_string(),
    })
}

async fn apply_settings(connection: &mut AnyConnection, settings: &'static str) -> Result<(), sqlx::Error> {
    connection.execute(settings).await.map(|_| ())
}

/// The URL, with TLS where the way to the database leaves this machine and nothing was said about it.
fn postgres_url(secret: &Secret) -> Result<Url, StoreError> {
    let malformed = |reason: &str| StoreError::MalformedUrl(reason.to_owned());
    // Messages of the parser do not show what was parsed.
    let mut url = Url::parse(secret.reveal()).map_err(|error| malformed(&error.to_string()))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(malformed("it does not start with postgres://"));
    }
    let says = |name: &str| url.query_pairs().any(|(key, _)| key == name);
    // The query may name another host than the authority does.
    let is_remote = says("host") || says("hostaddr") || !url.host_str().is_none_or(is_this_machine);
    if is_remote && !says("sslmode") && !says("ssl-mode") {
        url.query_pairs_mut().append_pair("sslmode", "require");
    }
    Ok(url)
}

/// Whether a URL's host is a name or address of this machine, or a socket's folder, whose slashes are encoded.
fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The name of the database in messages: without user and password.
fn postgres_name(url: &Url) -> String {
    let host = url.host_str().unwrap_or("localhost");
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("the PostgreSQL database {host}{port}{}", url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, StoreError> {
        postgres_url(&Secret::from(text.to_owned()))
    }

    #[test]
    fn a_remote_database_is_connected_to_with_tls_unless_its_url_says_otherwise() {
        for (given, mode) in [
            ("postgres://u:p@db.example.org/pragati", Some("require")),
            ("postgres://u:p@10.0.0.7:5433/pragati", Some("require")),
            (
                "postgres://u:p@db.example.org/pragati?sslmode=verify-full",
                Some("verify-full"),
            ),
            ("postgres://u:p@db.example.org/pragati?sslmode=disable", Some("disable")),
            ("postgres://u:p@127.0.0.1/pragati", None),
            ("postgres://u:p@[::1]/pragati", None),
            ("postgres://u:p@localhost/pragati", None),
            ("postgres://%2Frun%2Fpostgresql/pragati", None),
            ("postgres:///pragati?host=db.example.org", Some("require")),
        ] {
            let url = url(given).expect(given);
            let found = url.query_pairs().find(|(key, _)| key == "sslmode");
            assert_eq!(found.map(|(_, value)| value.into_owned()).as_deref(), mode, "{given}");
        }
    }

    #[test]
    fn no_message_and_no_name_holds_the_password() {
        for given in [
            "postgres://user:hunter2@:99999/x",
            "postgres://user:hunter2@host:notaport/x",
            "mysql://user:hunter2@host/x",
            "user:hunter2@host/x",
        ] {
            let message = url(given).expect_err(given).to_string();
            assert!(!message.contains("hunter2"), "{message}");
            assert!(message.contains("postgres://USER:PASSWORD@HOST/DATABASE"), "{message}");
        }
        let name = postgres_name(&url("postgres://user:hunter2@db.example.org:5433/pragati").expect("a URL"));
        assert_eq!(name, "the PostgreSQL database db.example.org:5433/pragati");
    }
}
