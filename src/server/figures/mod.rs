//! The figures that the service shows: the ratio's rows and the batches' downloads, held in memory and replaced as a whole.
//!
//! They are read from the newest nightly output, or computed from the snapshot where there is none, on a thread of their
//! own: never inside a request, so that answers stay quick while others work.

mod gauges;
mod load;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::NaiveDate;
use datafusion::arrow::error::ArrowError;
use tokio::sync::{Semaphore, watch};

use crate::catalog::CatalogError;
use crate::config::Config;
use crate::delivery::source::ReportSource;
use crate::engine::EngineError;
use crate::nightly::{Published, PublishedError};
use crate::ratio::figures::{Ids, RatioFigures, RowTable};
use crate::ratio::{Level, RatioError};

/// The time after which figures that could not be loaded are tried again.
const RETRY: Duration = Duration::from_secs(60);
/// Answers that are written at a time.
const WRITTEN_AT_A_TIME: usize = 4;

/// Figures that cannot be had.
#[derive(Debug, thiserror::Error)]
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

/// The newest figures.
pub struct FiguresSource {
    config: Config,
    source: Arc<ReportSource>,
    held: RwLock<Option<Arc<Figures>>>,
    writing: Semaphore,
}

/// The figures of one moment.
pub struct Figures {
    pub ratio: RatioFigures,
    /// Every batch with its downloads: newest start first, then by id.
    pub batches: RowTable,
    /// The day of the snapshot that `batches` are of.
    pub batches_as_of: NaiveDate,
    /// Stands for the content of `batches`. Hexadecimal.
    pub batches_digest: String,
    /// The figures in Prometheus' text format.
    gauges: String,
    /// The nightly output that the ratio is of; none where it was computed.
    output: Option<Arc<Published>>,
}

impl Figures {
    /// The rows by day of one course, read from the nightly output; `None` where the ratio is not of one.
    pub async fn days_of_course(&self, levels: &[Level], ids: &Ids) -> Result<Option<RowTable>, FiguresError> {
        match &self.output {
            Some(output) => Ok(Some(load::days_of_course(output, levels, ids).await?)),
            None => Ok(None),
        }
    }
}

impl FiguresSource {
    /// Holds no figures yet.
    pub fn new(config: Config, source: Arc<ReportSource>) -> Self {
        Self {
            config,
            source,
            held: RwLock::new(None),
            writing: Semaphore::new(WRITTEN_AT_A_TIME),
        }
    }

    /// The figures that are held; none until the first ones are there.
    pub fn held(&self) -> Option<Arc<Figures>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How files of the figures are written.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Lets in as many answers as may be written at a time.
    pub fn writing(&self) -> &Semaphore {
        &self.writing
    }

    /// The gauges of the ratio in Prometheus' text format; empty while no figures are held.
    pub fn gauges(&self) -> String {
        self.held().map(|figures| figures.gauges.clone()).unwrap_or_default()
    }

    /// Loads the figures of the newest source. What cannot be loaded is logged, and what is held stays.
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

    /// Loads figures whenever the source has changed, until told to stop.
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

    /// Loads figures on a thread of their own whenever the source has changed, until told to stop.
    ///
    /// The thread does all their work, so that a long query takes one core at most and no time from answers.
    pub fn spawn(self: Arc<Self>, stop: watch::Receiver<bool>) -> Result<(), FiguresError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("figures".to_owned());
        thread.spawn(move || runtime.block_on(self.follow(stop)))?;
        Ok(())
    }
}
