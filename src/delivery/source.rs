//! The source of reports: the mart of the latest nightly run, or the snapshot itself, whichever is newer. The bytes are
//! the same. It is refreshed while the service runs; reports under way keep the source that they began with.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::AsArray;
use datafusion::execution::SendableRecordBatchStream;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::directory::BatchDirectory;
use crate::catalog::{Catalog, CatalogError};
use crate::config::{Config, DateChoice};
use crate::engine::EngineError;
use crate::exports::Location;
use crate::hex::hex;
use crate::ids::{BatchId, UserId};
use crate::nightly::{Published, PublishedError, is_reported};
use crate::report::{ConsentCounts, ReportError, ReportFilter, count_consents, report_of_batches};

/// Length of a source's digest, in bytes.
const FINGERPRINT_BYTES: usize = 16;

/// A source that cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum SourceError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Published(#[from] PublishedError),
}

/// The newest source, replaced as a whole when a newer one is there.
pub struct ReportSource {
    config: Config,
    current: watch::Sender<Arc<Current>>,
    /// Locked during a refresh.
    looking: tokio::sync::Mutex<()>,
}

/// A snapshot, and the newest nightly output, where there is one.
pub struct Current {
    source: Found,
    /// The snapshot's batches.
    pub directory: BatchDirectory,
}

impl ReportSource {
    /// Opens the newest snapshot of the configured exports, and the output of the nightly run in `serve.reports`.
    ///
    /// # Errors
    /// There is no usable snapshot or output.
    pub async fn open(config: Config) -> Result<Self, SourceError> {
        let current = Found::look(&config).await?.read().await?;
        Ok(Self {
            config,
            current: watch::Sender::new(Arc::new(current)),
            looking: tokio::sync::Mutex::default(),
        })
    }

    /// The newest source.
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// A channel that announces each newer source.
    pub fn changes(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    /// Refreshes periodically, for ever. Errors are logged, and the last good source stays.
    pub async fn follow(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            self.refresh().await;
        }
    }

    /// Refreshes the source. Refreshes do not overlap; a second caller waits for the first and takes its result.
    pub async fn refresh(&self) {
        let Ok(_looking) = self.looking.try_lock() else {
            let _ = self.looking.lock().await;
            return;
        };
        match self.newer().await {
            Ok(None) => {}
            Ok(Some(found)) => {
                tracing::info!("reports are now of the snapshot of {}", found.source.catalog.date);
                self.current.send_replace(Arc::new(found));
            }
            Err(error) => tracing::warn!(
                "the newest exports cannot be used, and reports stay those of {}: {error}",
                self.current().source.catalog.date
            ),
        }
    }

    async fn newer(&self) -> Result<Option<Current>, SourceError> {
        let found = Found::look(&self.config).await?;
        if found.is_in(&self.current()) {
            return Ok(None);
        }
        found.read().await.map(Some)
    }
}

/// A source that was opened and not read yet: only file listings and the manifest are known.
struct Found {
    catalog: Catalog,
    /// The newest complete nightly output, whatever it was made from.
    output: Option<Arc<Published>>,
    /// Whether reports are read from it: it was made from this snapshot in the configured way.
    is_output_of_snapshot: bool,
    fingerprint: String,
    /// The files of events, which figures depend on and reports do not.
    event_files: Vec<String>,
}

impl Found {
    async fn look(config: &Config) -> Result<Self, SourceError> {
        let mut catalog = Catalog::open(config).await?;
        let output = match &config.serve.reports {
            Some(reports) => newest_output(reports).await?,
            None => None,
        };
        let is_output_of_snapshot = output
            .as_ref()
            .is_some_and(|output| is_usable(output, &catalog, config));
        if let Some(output) = output.as_ref().filter(|_| is_output_of_snapshot) {
            output.read_view(&mut catalog, config).await?;
        }
        let (fingerprint, event_files) = (fingerprint(&catalog, config)?, event_files(&catalog));
        Ok(Self {
            catalog,
            output,
            is_output_of_snapshot,
            fingerprint,
            event_files,
        })
    }

    /// Whether `current` was read from the same snapshot and output.
    fn is_in(&self, current: &Current) -> bool {
        let made = |found: &Self| {
            let output = found.output.as_ref()?;
            Some((output.place(), output.manifest().timings.started_at))
        };
        let other = &current.source;
        self.fingerprint == other.fingerprint
            && made(self) == made(other)
            && self.is_output_of_snapshot == other.is_output_of_snapshot
            && self.event_files == other.event_files
    }

    /// The output that reports are read from.
    fn published(&self) -> Option<&Arc<Published>> {
        self.output.as_ref().filter(|_| self.is_output_of_snapshot)
    }

    async fn read(self) -> Result<Current, SourceError> {
        let directory = BatchDirectory::read(&self.catalog, self.published().map(Arc::as_ref)).await?;
        Ok(Current {
            source: self,
            directory,
        })
    }
}

impl Current {
    /// A digest, in hexadecimal, of everything that the bytes of reports depend on: the snapshot's files and the
    /// settings of reports.
    pub fn fingerprint(&self) -> &str {
        &self.source.fingerprint
    }

    /// Names the rules of consent that reports follow; none where consent is not required.
    pub fn consent_rules(&self) -> Option<&str> {
        self.catalog().mapping_rules.consent.as_deref()
    }

    /// The tables and views of the snapshot.
    pub fn catalog(&self) -> &Catalog {
        &self.source.catalog
    }

    /// The newest complete nightly output, which may be of an earlier snapshot.
    pub fn output(&self) -> Option<&Arc<Published>> {
        self.source.output.as_ref()
    }

    /// The rows of the reports of some batches, ordered by id, that pass the filter; and the number of rows whose user
    /// is not in the export, where that has been counted already.
    ///
    /// # Errors
    /// A batch is unknown, or the mart or the exports cannot be read.
    pub async fn rows_of(
        &self,
        batches: &[BatchId],
        filter: &ReportFilter,
    ) -> Result<(SendableRecordBatchStream, Option<u64>), SourceError> {
        let Some(published) = self.source.published() else {
            return Ok((report_of_batches(self.catalog(), batches, filter).await?, None));
        };
        let unknown_users = match batches {
            [batch] if filter.is_empty() => published.csv_of_batch(batch).and_then(|file| file.unknown_users()),
            _ => None,
        };
        Ok((published.report_of_batches(batches, filter).await?, unknown_users))
    }

    /// What consent changes in the reports of some batches; nothing where it is not required.
    ///
    /// # Errors
    /// Where it cannot be counted.
    pub async fn consents_of(&self, batches: &[BatchId]) -> Result<ConsentCounts, SourceError> {
        let mut all = ConsentCounts::default();
        for batch in batches {
            let counts = count_consents(self.catalog(), Some(batch)).await?.unwrap_or_default();
            all.hidden_details += counts.hidden_details;
            all.left_out += counts.left_out;
        }
        Ok(all)
    }

    /// The mail address that the `users` export has of a person.
    ///
    /// # Errors
    /// The exports cannot be read.
    pub async fn address_of(&self, user: &UserId) -> Result<Option<String>, SourceError> {
        let query = self.catalog().query("reports/address_of_user", |parameters| {
            parameters.with("user_id", user.as_str())
        });
        let rows = query.await?.collect().await;
        let rows = rows
            .map_err(EngineError::running("looking for an address"))
            .map_err(ReportError::from)?;
        let addresses = rows.iter().filter_map(|rows| rows.column(0).as_string_view_opt());
        Ok(addresses.flatten().flatten().next().map(str::to_owned))
    }
}

/// The newest complete nightly output.
async fn newest_output(reports: &str) -> Result<Option<Arc<Published>>, SourceError> {
    let location = Location::parse(reports).map_err(PublishedError::from)?;
    match Published::open(location, DateChoice::Latest).await {
        Ok(published) => Ok(Some(Arc::new(published))),
        Err(error) => {
            tracing::warn!("reports are made from the exports: {error}");
            Ok(None)
        }
    }
}

/// Whether reports may be read from an output: it was made from this snapshot in the configured way.
fn is_usable(published: &Published, catalog: &Catalog, config: &Config) -> bool {
    if let Err(error) = published.check_settings(config, &catalog.mapping_rules) {
        tracing::warn!("reports are made from the exports: {error}");
        return false;
    }
    if let Err(error) = published.check_snapshot(catalog) {
        tracing::info!("reports are made from the exports: {error}");
        return false;
    }
    true
}

fn fingerprint(catalog: &Catalog, config: &Config) -> Result<String, SourceError> {
    let mut files: Vec<_> = catalog
        .inputs
        .iter()
        .filter(|input| is_reported(&input.table))
        .map(|input| {
            let object = &input.inspected.object;
            (&input.table, &input.file, object.size, object.last_modified)
        })
        .collect();
    files.sort_unstable();
    let mut made = Sha256::new();
    let version = env!("CARGO_PKG_VERSION");
    made.update(format!(
        "{version} {} {:?} {} {:?} {:?} {:?} {files:?}",
        catalog.date, config.report, config.timezone, config.staging, config.tables, catalog.mapping
    ));
    for query in catalog.query_names_with_mappings(&["staging", "reports"]) {
        made.update(catalog.query_text(&query)?.as_bytes());
    }
    Ok(hex(&made.finalize()[..FINGERPRINT_BYTES]))
}

/// The files of events.
fn event_files(catalog: &Catalog) -> Vec<String> {
    let inputs = catalog.inputs.iter().filter(|input| !is_reported(&input.table));
    let mut files: Vec<String> = inputs
        .map(|input| {
            let object = &input.inspected.object;
            format!("{} {} {}", input.file, object.size, object.last_modified)
        })
        .collect();
    files.sort_unstable();
    files
}
