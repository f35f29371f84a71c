//! Where reports come from: the mart of the latest nightly run, or the snapshot itself, whichever is newest, with the same
//! bytes from either. Looks for newer ones while the service runs; reports under way keep what they began with.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use datafusion::arrow::array::AsArray;
use datafusion::execution::SendableRecordBatchStream;
use sha2::{Digest, Sha256};

use super::directory::BatchDirectory;
use crate::catalog::{Catalog, CatalogError, is_telemetry};
use crate::config::{Config, DateChoice};
use crate::engine::EngineError;
use crate::exports::{Location, Table};
use crate::ids::{BatchId, UserId};
use crate::nightly::{Published, PublishedError};
use crate::report::{ReportError, report_of_batch};

/// A source that cannot be read.
#[derive(Debug, thiserror::Error)]
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
    current: RwLock<Arc<Current>>,
}

/// A snapshot, and the nightly output that was made from it, where there is one.
pub struct Current {
    catalog: Catalog,
    published: Option<Published>,
    /// The snapshot's batches.
    pub directory: BatchDirectory,
    fingerprint: String,
}

impl ReportSource {
    /// Opens the newest snapshot of the configured exports, and the output of the nightly run in `serve.reports`.
    pub async fn open(config: Config) -> Result<Self, SourceError> {
        let current = Current::open(&config).await?;
        Ok(Self {
            config,
            current: RwLock::new(Arc::new(current)),
        })
    }

    /// The newest source.
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for a newer source now and then, for ever. What cannot be read is logged, and the last good one stays.
    pub async fn follow(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            self.refresh().await;
        }
    }

    /// Looks for a newer source.
    pub async fn refresh(&self) {
        match Current::open(&self.config).await {
            Ok(found) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                if !current.is_same_as(&found) {
                    tracing::info!("reports are now of the snapshot of {}", found.catalog.date);
                    *current = Arc::new(found);
                }
            }
            Err(error) => tracing::warn!(
                "the newest exports cannot be used, and reports stay those of {}: {error}",
                self.current().catalog.date
            ),
        }
    }
}

impl Current {
    async fn open(config: &Config) -> Result<Self, SourceError> {
        let catalog = Catalog::open(config).await?;
        let published = match &config.serve.reports {
            Some(reports) => usable_output(reports, &catalog, config).await?,
            None => None,
        };
        let directory = BatchDirectory::read(&catalog, published.as_ref()).await?;
        let fingerprint = fingerprint(&catalog, config);
        Ok(Self {
            catalog,
            published,
            directory,
            fingerprint,
        })
    }

    fn is_same_as(&self, other: &Self) -> bool {
        let made = |current: &Self| {
            let published = current.published.as_ref()?;
            Some((published.place(), published.manifest().timings.started_at))
        };
        self.fingerprint == other.fingerprint && made(self) == made(other)
    }

    /// Stands for what the bytes of reports depend on: the snapshot's files and how reports are made of them. Hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The rows of one batch's report, and the number of those whose user is not in the export, where that is counted
    /// already.
    pub async fn rows_of(&self, batch: &BatchId) -> Result<(SendableRecordBatchStream, Option<u64>), SourceError> {
        let Some(published) = &self.published else {
            return Ok((report_of_batch(&self.catalog, batch).await?, None));
        };
        let unknown_users = published.csv_of_batch(batch).and_then(|file| file.unknown_users());
        Ok((published.report_of_batch(batch).await?, unknown_users))
    }

    /// The mail address that the `users` export has of a person.
    pub async fn address_of(&self, user: &UserId) -> Result<Option<String>, SourceError> {
        let query = self.catalog.query("reports/address_of_user", |parameters| {
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

/// The latest nightly output, if it was made from this snapshot in the configured way.
async fn usable_output(reports: &str, catalog: &Catalog, config: &Config) -> Result<Option<Published>, SourceError> {
    let location = Location::parse(reports).map_err(PublishedError::from)?;
    let published = match Published::open(location, DateChoice::Latest).await {
        Ok(published) => published,
        Err(error) => {
            tracing::warn!("reports are made from the exports: {error}");
            return Ok(None);
        }
    };
    if let Err(error) = published.check_settings(config) {
        tracing::warn!("reports are made from the exports: {error}");
        return Ok(None);
    }
    if !is_made_from(&published, catalog) {
        tracing::info!(
            "reports are made from the exports: {} was made from other files than the snapshot of {} has now",
            published.place(),
            catalog.date
        );
        return Ok(None);
    }
    Ok(Some(published))
}

/// Whether the output's input files are those of the snapshot. Places may differ, as between a mount and a URL.
fn is_made_from(published: &Published, catalog: &Catalog) -> bool {
    let manifest = published.manifest();
    let mut made_from: Vec<_> = manifest
        .inputs
        .iter()
        .filter(|input| is_reported(&input.table))
        .map(|input| (input.table.as_str(), input.rows, input.bytes, input.modified))
        .collect();
    let mut found: Vec<_> = catalog
        .inputs
        .iter()
        .filter(|input| is_reported(&input.table))
        .map(|input| {
            let (inspected, object) = (&input.inspected, &input.inspected.object);
            (input.table.as_str(), inspected.rows, object.size, object.last_modified)
        })
        .collect();
    made_from.sort_unstable();
    found.sort_unstable();
    manifest.snapshot_date == catalog.date && made_from == found
}

/// Whether reports depend on a table.
fn is_reported(table: &str) -> bool {
    table != Table::DownloadEvents.name() && !is_telemetry(table)
}

fn fingerprint(catalog: &Catalog, config: &Config) -> String {
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
    let made = format!("{} {:?} {} {files:?}", catalog.date, config.report, config.timezone);
    let digest = Sha256::digest(made);
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
