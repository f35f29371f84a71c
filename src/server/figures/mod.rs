//! The figures that the service shows, cached in memory: the ratio's rows and the batches' downloads.
//!
//! They are read from the newest nightly output, or computed from the snapshot where there is none. This runs on a
//! thread of its own and never inside a request, so that answers stay fast; new figures replace the old ones as a
//! whole.

mod gauges;
mod load;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::NaiveDate;
use datafusion::arrow::error::ArrowError;
use tokio::sync::{Semaphore, watch};

use crate::catalog::{CatalogError, Names};
use crate::config::Config;
use crate::delivery::source::ReportSource;
use crate::engine::EngineError;
use crate::nightly::{Published, PublishedError};
use crate::ratio::figures::{Ids, RatioFigures, RowTable};
use crate::ratio::{Level, RatioError};

/// The delay before a failed load of figures is retried.
const RETRY: Duration = Duration::from_secs(60);
/// Answers that are encoded at the same time.
const WRITTEN_AT_A_TIME: usize = 4;

/// Figures that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum FiguresError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Ratio(#[from] RatioError),
    #[error(transparent)]
    Published(Box<PublishedError>),
    #[error("the figures are not of the expected form: {0}")]
    Form(#[from] ArrowError),
    #[error("the figures cannot be loaded: {0}")]
    Thread(#[from] std::io::Error),
}

/// Holds the newest figures.
pub struct FiguresSource {
    config: Config,
    source: Arc<ReportSource>,
    held: RwLock<Option<Arc<Figures>>>,
    writing: Semaphore,
}

/// How often one batch's report was downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloads {
    /// Number of downloads.
    pub times: i64,
    /// The day of the latest one.
    pub last: Option<NaiveDate>,
}

/// The figures as of one moment.
pub struct Figures {
    /// The download ratio.
    pub ratio: RatioFigures,
    /// Every batch with its downloads: newest start first, then by id.
    pub batches: RowTable,
    /// The downloads of batches, by their ids.
    pub downloads: HashMap<String, Downloads>,
    /// The day of the snapshot that `batches` are of.
    pub batches_as_of: NaiveDate,
    /// A digest of `batches`, in hexadecimal, for entity tags.
    pub batches_digest: String,
    /// What courses and tenants are called.
    pub names: Names,
    /// A digest of `names`, in hexadecimal, for entity tags.
    pub names_digest: String,
    /// The ratio in Prometheus' text format.
    gauges: String,
    /// The nightly output that the ratio was read from; `None` where it was computed.
    output: Option<Arc<Published>>,
}

impl Figures {
    /// The daily rows of one course, read from the nightly output; `None` where the ratio was computed.
    ///
    /// # Errors
    /// The output cannot be read.
    pub async fn days_of_course(&self, levels: &[Level], ids: &Ids) -> Result<Option<RowTable>, FiguresError> {
        match &self.output {
            Some(output) => Ok(Some(load::days_of_course(output, levels, ids).await?)),
            None => Ok(None),
        }
    }
}

impl FiguresSource {
    /// A source without figures.
    pub fn new(config: Config, source: Arc<ReportSource>) -> Self {
        Self {
            config,
            source,
            held: RwLock::new(None),
            writing: Semaphore::new(WRITTEN_AT_A_TIME),
        }
    }

    /// The present figures; `None` until the first ones are loaded.
    pub fn held(&self) -> Option<Arc<Figures>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configuration, for the format of written figures.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Limits how many answers are encoded at the same time.
    pub fn writing(&self) -> &Semaphore {
        &self.writing
    }

    /// The ratio in Prometheus' text format; empty until figures are loaded.
    pub fn gauges(&self) -> String {
        self.held().map(|figures| figures.gauges.clone()).unwrap_or_default()
    }

    /// Loads the figures of the newest source. Failures are logged, and the present figures stay.
    pub async fn load(&self) -> bool {
        match load::figures(&self.source.current(), &self.config).await {
            Ok(figures) => {
                tracing::info!("the download ratio is now as of {}", figures.ratio.as_of());
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(figures));
                true
            }
            Err(error) => {
                tracing::warn!("the download ratio cannot be brought up to date: {error}");
                false
            }
        }
    }

    /// Loads figures whenever the source has changed, until `stop`.
    async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.source.changes();
        loop {
            changes.mark_unchanged();
            let is_loaded = tokio::select! {
                is_loaded = self.load() => is_loaded,
                _ = stop.changed() => return,
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if !is_loaded => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Spawns a thread that loads figures whenever the source has changed, until `stop`.
    ///
    /// All the work runs on this one thread, so that a long query takes one core at most and does not slow answers
    /// down.
    ///
    /// # Errors
    /// The operating system starts no thread.
    pub fn spawn(self: Arc<Self>, stop: watch::Receiver<bool>) -> Result<(), FiguresError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("figures".to_owned());
        thread.spawn(move || runtime.block_on(self.follow(stop)))?;
        Ok(())
    }
}
