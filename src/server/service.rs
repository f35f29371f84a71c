//! The whole service of `pragati serve`: opens every part, runs them together, and stops them in order.
//!
//! The parts are independent: one that cannot reach another logs it and retries. Nothing accepted is lost, because
//! every part takes its work from the store.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use datafusion::common::runtime::SpawnedTask;
use nix::sys::stat::{Mode, umask};
use tokio::sync::{Notify, watch};

use super::batch_figures::{BatchFiguresError, BatchFiguresSource};
use super::figures::{FiguresError, FiguresSource};
use super::{HttpServer, Limits, ServerError, ServerParts, SignIn, SignInError};
use crate::config::{AddressSource, Config, ConfigError, IdentityConfig};
use crate::delivery::events::EventWriter;
use crate::delivery::files::ReportFiles;
use crate::delivery::links::Links;
use crate::delivery::mail::Mailer;
use crate::delivery::metrics::DeliveryMetrics;
use crate::delivery::retention::Retention;
use crate::delivery::source::{ReportSource, SourceError};
use crate::delivery::store::{Alive, Database, Store, StoreError};
use crate::delivery::subscriptions::{Scheduler, SubscriptionRules};
use crate::delivery::worker::WorkerResources;
use crate::exports::{Location, LocationError};
use crate::files::make_folder_durably;
use crate::identity::{Identity, IdentityError, Login};
use crate::postgres::{PostgresError, PostgresMetrics, PostgresParts, PostgresServer};

/// The report files in the data folder.
const FILES_FOLDER: &str = "files";
/// The click events in the data folder.
const EVENTS_FOLDER: &str = "events";
/// The time that the last events may take to be written.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// A service that cannot start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ServiceError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("folder {path} cannot be made: {reason}; check its permissions")]
    Folder { path: String, reason: String },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Figures(#[from] FiguresError),
    #[error(transparent)]
    BatchFigures(#[from] BatchFiguresError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(
        "a shared database needs serve.files and events, places that every process which shares it reaches: a file that one \
         of them made is fetched from another"
    )]
    NotShared,
    #[error(
        "configuration: identity.address = \"users\" cannot be: {0}; set it to \"claim\", or map users from a table with addresses"
    )]
    UnusableAddresses(String),
    #[error("events can no longer be written; nothing is lost, start the service again and report what its log says")]
    EventsNotWritten,
}

impl ServiceError {
    /// True where a setting or an argument has to be changed.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::NotShared | Self::UnusableAddresses(_) => true,
            Self::SignIn(_) | Self::Server(ServerError::Config(_)) | Self::Store(StoreError::MalformedUrl(_)) => true,
            Self::Location(error) => matches!(error, LocationError::Malformed { .. }),
            Self::Identity(error) => matches!(error, IdentityError::DevAuthInPublic { .. }),
            Self::Source(SourceError::Catalog(error)) => error.is_usage(),
            Self::Postgres(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// An open service.
pub struct Service {
    http: HttpServer,
    postgres: Option<PostgresServer>,
    worker_resources: Arc<WorkerResources>,
    workers: usize,
    scheduler: Scheduler,
    events: EventWriter,
    figures: Arc<FiguresSource>,
    batch_figures: Arc<BatchFiguresSource>,
    retention: Retention,
    refresh: Duration,
    grace: Duration,
    alive: Option<Alive>,
}

impl Service {
    /// Checks all settings and opens every part; no request is answered yet.
    ///
    /// # Errors
    /// A setting is wrong, or the exports, the database, a folder or an address cannot be used.
    pub async fn open(config: &Config, login: Login) -> Result<Self, ServiceError> {
        // All that the service writes is for its own user alone.
        umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let serve = &config.serve;
        let links = Links::new(serve)?;
        let mail = config.mail.named_after(serve.public_url.as_deref());
        let mailer = Mailer::new(&mail, config.timezone.clone())?;
        let subscriptions = Arc::new(SubscriptionRules::new(config)?);
        let identity = Arc::new(opened_identity(config, login).await?);
        let sign_in = SignIn::new(config, &identity)?.map(Arc::new);
        let database = database(config)?;
        let store = Store::open(&database).await?;
        let alive = store.enter(&database, Utc::now()).await?;
        let events = folder_of(config, config.events.as_ref(), EVENTS_FOLDER)?;
        let clicked = Arc::new(Notify::new());
        let events = EventWriter::new(store.clone(), events, Arc::clone(&clicked));
        let worker_resources = opened_worker_resources(config, store, mailer, links).await?;
        let source = &worker_resources.source;
        let figures = Arc::new(FiguresSource::new(config.clone(), Arc::clone(source)));
        let batch_figures = Arc::new(BatchFiguresSource::new(Arc::clone(source)));
        let postgres = bound_postgres(config, login, source, &identity).await?;
        let parts = ServerParts {
            config: serve.clone(),
            identity,
            sign_in,
            store: worker_resources.store.clone(),
            source: Arc::clone(source),
            files: Arc::clone(&worker_resources.files),
            metrics: Arc::clone(&worker_resources.metrics),
            figures: Arc::clone(&figures),
            batch_figures: Arc::clone(&batch_figures),
            postgres: postgres.as_ref().map(PostgresServer::metrics),
            can_mail: worker_resources.mailer.is_some(),
            subscriptions: Arc::clone(&subscriptions),
            accepted: Arc::clone(&worker_resources.wake_up),
            clicked,
        };
        let report_files = worker_resources.files.location().clone();
        Ok(Self {
            http: HttpServer::bind(parts, Limits::default()).await?,
            postgres,
            workers: serve.workers,
            scheduler: scheduler(config, &worker_resources, subscriptions),
            events,
            figures,
            batch_figures,
            retention: Retention::new(worker_resources.store.clone(), report_files, serve.retention()),
            refresh: Duration::from_secs(u64::from(serve.refresh_seconds)),
            grace: Duration::from_secs(u64::from(serve.shutdown_seconds)),
            alive,
            worker_resources: Arc::new(worker_resources),
        })
    }

    /// The address under which it answers.
    pub fn url(&self) -> String {
        self.http.url()
    }

    /// The address of the PostgreSQL endpoint, where there is one.
    pub fn postgres_address(&self) -> Option<SocketAddr> {
        self.postgres.as_ref().map(PostgresServer::address)
    }

    /// Runs until `shutdown` ends; then takes nothing new, and gives what is under way some time to end. What does not
    /// end in time is taken up by another process, or by the next one.
    ///
    /// # Errors
    /// A part of the service fails and cannot go on.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServiceError> {
        // Until the end, also while the other parts are handed over.
        let _alive = self.alive;
        let (stop, stopping) = watch::channel(false);
        let (stop_events, events_stopping) = watch::channel(false);
        let source = Arc::clone(&self.worker_resources.source);
        let refresh = self.refresh;
        let _following = SpawnedTask::spawn(async move { source.follow(refresh).await });
        self.figures.spawn(stopping.clone())?;
        self.batch_figures.spawn(stopping.clone())?;
        let files = Arc::clone(&self.worker_resources.files);
        let forget = move |path: &str| files.forget(path);
        let _keeping_house = SpawnedTask::spawn(self.retention.run(forget, stopping.clone()));
        let _scheduling = SpawnedTask::spawn(self.scheduler.run(stopping.clone()));
        let mut events = SpawnedTask::spawn(self.events.run(events_stopping));
        let postgres = self
            .postgres
            .map(|postgres| SpawnedTask::spawn(postgres.run(stopping.clone())));
        let workers = self.worker_resources.run(self.workers, stopping.clone());
        let workers = SpawnedTask::spawn(within_grace(workers, stopping, self.grace));
        let shutdown = async {
            shutdown.await;
            // From now on workers claim nothing new, while requests under way finish.
            let _ = stop.send(true);
        };
        let result = tokio::select! {
            result = self.http.run(shutdown) => result.map_err(ServiceError::from),
            // It goes on until it is told to stop, which it is below.
            _ = &mut events => Err(ServiceError::EventsNotWritten),
        };
        let _ = stop.send(true);
        if !workers.await.unwrap_or(false) {
            tracing::warn!("some work did not end in time; it goes on when the service runs again");
        }
        if let Some(postgres) = postgres {
            let _ = postgres.await;
        }
        // Last, for the events of the last requests.
        let _ = stop_events.send(true);
        let writes = !matches!(result, Err(ServiceError::EventsNotWritten));
        if writes && tokio::time::timeout(LAST_EVENTS, events).await.is_err() {
            tracing::warn!("some events are not written; they are when the service runs again");
        }
        result
    }
}

/// How people log in to the service.
async fn opened_identity(config: &Config, login: Login) -> Result<Identity, ServiceError> {
    let has_users = config.postgres.listen.is_some() && config.postgres.users.is_some();
    Ok(match login {
        Login::Dev if has_users => return Err(PostgresError::DevAuthWithUsers.into()),
        // Only the PostgreSQL endpoint has logins (passwords) then; the pages and the API refuse every login.
        Login::Tokens if has_users && config.identity == IdentityConfig::default() => {
            tracing::warn!(
                "[identity] is not set, so nobody can log in to the page and the API; users of the PostgreSQL endpoint can"
            );
            Identity::of_nobody(&config.identity)
        }
        Login::Tokens => Identity::by_tokens(&config.identity).await?,
        Login::Dev => Identity::without_proof(&config.identity, config.serve.listen)?,
    })
}

/// What the workers share: the report files, and the newest snapshot, in which users have addresses where the settings
/// say so.
async fn opened_worker_resources(
    config: &Config,
    store: Store,
    mailer: Option<Mailer>,
    links: Links,
) -> Result<WorkerResources, ServiceError> {
    let files = folder_of(config, config.serve.files.as_ref(), FILES_FOLDER)?;
    let files = Arc::new(ReportFiles::new(files, config));
    let source = Arc::new(ReportSource::open(config.clone()).await?);
    if config.identity.address == AddressSource::Users
        && let Some(reason) = &source.current().catalog().unusable_addresses
    {
        return Err(ServiceError::UnusableAddresses(reason.clone()));
    }
    Ok(WorkerResources {
        store,
        source,
        files,
        mailer,
        links,
        metrics: Arc::new(DeliveryMetrics::new(config.serve.deadline())),
        wake_up: Arc::new(Notify::new()),
    })
}

/// The PostgreSQL endpoint with its address, where the site has one.
async fn bound_postgres(
    config: &Config,
    login: Login,
    source: &Arc<ReportSource>,
    identity: &Arc<Identity>,
) -> Result<Option<PostgresServer>, ServiceError> {
    let Some(listen) = config.postgres.listen else {
        return Ok(None);
    };
    let parts = PostgresParts {
        source: Arc::clone(source),
        identity: Arc::clone(identity),
        login,
        metrics: Arc::new(PostgresMetrics::default()),
    };
    Ok(Some(PostgresServer::bind(listen, config, parts).await?))
}

/// The scheduler, which makes requests of subscriptions that are due.
fn scheduler(config: &Config, worker_resources: &WorkerResources, rules: Arc<SubscriptionRules>) -> Scheduler {
    Scheduler {
        store: worker_resources.store.clone(),
        source: Arc::clone(&worker_resources.source),
        rules,
        address_source: config.identity.address,
        can_mail: worker_resources.mailer.is_some(),
        deadline: config.serve.deadline(),
        wake_up: Arc::clone(&worker_resources.wake_up),
    }
}

/// The database that the configuration names, with the places that processes which share it need.
pub(super) fn database(config: &Config) -> Result<Database, ServiceError> {
    let database = Database::chosen(config.database.url()?, &config.serve.data);
    if database.is_shared() && (config.serve.files.is_none() || config.events.is_none()) {
        return Err(ServiceError::NotShared);
    }
    Ok(database)
}

/// Whether `work` ends by itself, or at the latest `grace` after `stopping` turned true.
async fn within_grace(work: impl Future<Output = ()>, mut stopping: watch::Receiver<bool>, grace: Duration) -> bool {
    let too_late = async {
        // A dropped sender counts as a request to stop, because no other can come.
        let _ = stopping.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = work => true,
        () = too_late => false,
    }
}

/// The folder that a setting gives, or the one of that name in the data folder.
fn folder_of(config: &Config, given: Option<&String>, name: &str) -> Result<Location, ServiceError> {
    match given {
        Some(place) => made_location(place),
        None => made_location(&config.serve.data.join(name).display().to_string()),
    }
}

/// The place of that name; a local folder is made where it is missing.
fn made_location(place: &str) -> Result<Location, ServiceError> {
    if !place.contains("://") {
        make_folder_durably(Path::new(place)).map_err(|error| ServiceError::Folder {
            path: place.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(Location::parse(place)?)
}
