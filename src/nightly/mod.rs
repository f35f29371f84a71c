//! The nightly run (DESIGN, section 4): the reports of all batches, the report mart and the metric tables, published at
//! once with a manifest.
//!
//! The reports come in parts, which several writers share; what the bytes are does not depend on their number. Nothing
//! is visible in the output folder before everything is written.

mod accounts;
mod csv_files;
mod error;
pub mod layout;
pub mod manifest;
mod mart;
mod metrics;
mod parts;
pub mod published;
mod ratio_table;
mod staged;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use chrono::Utc;

pub use error::NightlyError;
pub use published::{Published, PublishedError, RatioFilter};
pub use ratio_table::RatioTable;
pub use staged::HashedFile;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::exports::Location;
use crate::report::{AllReports, CsvStyle, EnrolmentCounts, count_enrolments};
use manifest::{FORMAT_VERSION, FileEntry, InputEntry, Manifest, Timings, Versions};
use staged::{OutputFolder, StagedOutput};

/// Hears how a run gets on.
pub trait Progress: Send + Sync {
    /// A new stage begins.
    fn stage(&self, name: &'static str);
    /// There are so many more batches to write.
    fn batches(&self, more: u64);
    /// The files of so many more batches are complete.
    fn batches_written(&self, more: u64);
}

/// What a run made.
#[derive(Debug)]
pub struct NightlyOutput {
    /// The folder or URL of the day.
    pub place: String,
    pub manifest: Manifest,
}

impl NightlyOutput {
    /// Size of all files.
    pub fn bytes(&self) -> ByteSize {
        ByteSize::b(self.manifest.files.iter().map(|file| file.bytes).sum())
    }
}

/// Runs over all batches of the snapshot and publishes under `out`, a folder or a URL.
pub async fn run(
    catalog: &Catalog,
    config: &Config,
    out: &str,
    progress: Arc<dyn Progress>,
) -> Result<NightlyOutput, NightlyError> {
    if let Some(folder) = local_folder(out) {
        let output = OutputFolder::open(&folder)?;
        let staged = output.stage()?;
        let manifest = make(catalog, config, &staged, &Location::parse(out)?, progress).await?;
        let place = output.publish(staged, &catalog.date.folder_name())?;
        let place = place.display().to_string();
        return Ok(NightlyOutput { place, manifest });
    }
    let destination = Location::parse(out)?;
    let staged = StagedOutput::new_among_others(&config.temp_folder())?;
    let manifest = make(catalog, config, &staged, &destination, Arc::clone(&progress)).await?;
    progress.stage("uploading");
    let (place, manifest) = upload::publish(&staged, manifest, &destination).await?;
    Ok(NightlyOutput { place, manifest })
}

/// The folder that `out` names, unless it is in an object store.
fn local_folder(out: &str) -> Option<PathBuf> {
    if !out.contains("://") {
        return Some(PathBuf::from(out));
    }
    let url = url::Url::parse(out).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// Makes a day's output in the staging folder, the manifest last. `reports` holds the output of earlier runs.
async fn make(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    reports: &Location,
    progress: Arc<dyn Progress>,
) -> Result<Manifest, NightlyError> {
    let started_at = Utc::now();
    progress.stage("reading");
    let writing = write_reports(catalog, config, staged, &progress);
    let measuring = measure(catalog, config, staged, reports, &progress);
    let (mut files, (ratios, enrolments)) = match config.memory_limit {
        None => tokio::try_join!(writing, measuring)?,
        // What is there of it is for one thing after the other.
        Some(_) => (writing.await?, measuring.await?),
    };
    files.extend(ratios);
    let counts = accounts::counts(enrolments, &files);
    let rejected = accounts::rejected(catalog, &counts).await?;
    let finished_at = Utc::now();
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        snapshot_date: catalog.date,
        timezone: config.timezone.name().to_owned(),
        report: config.report.clone(),
        counts,
        rejected,
        files,
        inputs: catalog.inputs.iter().map(InputEntry::from).collect(),
        versions: Versions {
            pragati: env!("CARGO_PKG_VERSION").to_owned(),
            datafusion: datafusion::DATAFUSION_VERSION.to_owned(),
        },
        timings: Timings {
            started_at,
            finished_at,
            seconds: (finished_at - started_at).as_seconds_f64(),
        },
    };
    progress.stage("publishing");
    write_manifest(&manifest, staged.path())?;
    Ok(manifest)
}

/// Writes the metric tables, and counts what became of the enrolments.
async fn measure(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    reports: &Location,
    progress: &Arc<dyn Progress>,
) -> Result<(Vec<FileEntry>, EnrolmentCounts), NightlyError> {
    progress.stage("measuring");
    let ratios = metrics::write(catalog, config, staged, reports).await?;
    Ok((ratios, count_enrolments(catalog).await?))
}

/// Writes the CSV files and the mart, group by group.
async fn write_reports(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    progress: &Arc<dyn Progress>,
) -> Result<Vec<FileEntry>, NightlyError> {
    let writers = catalog.session.copied_config().target_partitions();
    let style = CsvStyle::from(&config.report);
    let mut reports = AllReports::prepare(catalog).await?;
    let (mut files, mut marts) = (Vec::new(), Vec::new());
    while let Some(group) = reports.next_group().await? {
        progress.batches(group.batches.len() as u64);
        progress.stage("writing");
        let (csv, mart) = parts::write_group(group, staged, style.clone(), writers, Arc::clone(progress)).await?;
        files.extend(csv);
        marts.extend(mart);
        progress.stage("reading");
    }
    files.extend(marts);
    Ok(files)
}

fn write_manifest(manifest: &Manifest, folder: &Path) -> Result<(), NightlyError> {
    let path = folder.join(layout::MANIFEST);
    let mut file = HashedFile::create(&path)?;
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|error| NightlyError::writing(&path)(error.into()))?;
    text.push(b'\n');
    file.append(&text)?;
    file.finish_on_disk()?;
    Ok(())
}
