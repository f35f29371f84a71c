//! The nightly run (`docs/design.md`, "Nightly output"): makes the reports of all batches, the report mart and the
//! metric tables, and publishes them at once with a manifest.
//!
//! Reports are made in parts, which several writers share; the bytes do not depend on the number of writers. Nothing is
//! visible in the output folder before everything is written and on stable storage.

pub mod changes;
mod csv_files;
mod enrolment_counts;
mod error;
mod incremental;
pub mod layout;
pub mod manifest;
mod mart;
mod metrics;
mod parts;
pub mod published;
mod ratio_table;
mod retention;
mod section_buffer;
mod sections;
mod staged;
#[cfg(feature = "cluster")]
pub mod tasks;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use chrono::{DateTime, Utc};

pub use error::NightlyError;
pub use incremental::Reused;
pub use published::{Published, PublishedError, RatioFilter, is_reported, read_view_from_output};
pub use ratio_table::RatioTable;
pub use retention::Removed;
use tracing::Instrument;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::engine::{Cluster, cluster_of};
use crate::exports::Location;
use crate::files::{WriteBack, sync_folder};
use crate::observability::{Work, nightly_published, observed};
use crate::report::{
    AllReports, ConsentCounts, CsvStyle, EnrolmentCounts, count_consents, count_enrolments, counts_while_reading,
};
use crate::zone::Zone;
use incremental::{Incremental, basis};
use manifest::{Counts, FORMAT_VERSION, FileEntry, InputEntry, Manifest, Timings, Versions};
use parts::PartWriting;
use staged::{HashedFile, OutputFolder, StagedOutput};
use upload::{Upload, Uploaders};

/// Receives the progress of a nightly run.
pub trait Progress: Send + Sync {
    /// A new stage begins.
    fn stage(&self, name: &'static str);
    /// `more` additional batches will be written.
    fn batches(&self, more: u64);
    /// The files of `more` additional batches are complete.
    fn batches_written(&self, more: u64);
}

/// The result of a run.
#[derive(Debug)]
pub struct NightlyOutput {
    /// The folder or URL of the day.
    pub place: String,
    /// The manifest, as published.
    pub manifest: Manifest,
    /// How many reports were taken over from an earlier output.
    pub reused: Reused,
    /// The old days that were removed, where the site limits their number. An error here does not affect the published day.
    pub removed: Result<Removed, NightlyError>,
}

impl NightlyOutput {
    /// Size of all files.
    pub fn bytes(&self) -> ByteSize {
        ByteSize::b(self.manifest.files.iter().map(|file| file.bytes).sum())
    }
}

/// Makes the reports of all batches of the snapshot and publishes them under `out`, a folder or a URL; then removes the
/// output of old days, where `config` limits their number.
///
/// # Errors
/// Where the reports cannot be made or published: the output of earlier runs stays as it was.
pub async fn run(
    catalog: &Catalog,
    config: &Config,
    out: &str,
    progress: Arc<dyn Progress>,
) -> Result<NightlyOutput, NightlyError> {
    let output = observed(Work::Nightly, make_and_publish(catalog, config, out, progress)).await?;
    let counts = &output.manifest.counts;
    nightly_published(counts.batches, counts.rows_reported);
    Ok(output)
}

async fn make_and_publish(
    catalog: &Catalog,
    config: &Config,
    out: &str,
    progress: Arc<dyn Progress>,
) -> Result<NightlyOutput, NightlyError> {
    match local_folder(out) {
        Some(folder) => run_to_folder(catalog, config, out, &folder, progress).await,
        None => run_to_store(catalog, config, out, progress).await,
    }
}

/// The run to the local folder `folder`, which `out` names.
async fn run_to_folder(
    catalog: &Catalog,
    config: &Config,
    out: &str,
    folder: &Path,
    progress: Arc<dyn Progress>,
) -> Result<NightlyOutput, NightlyError> {
    let started_at = Utc::now();
    let output = OutputFolder::open(folder)?;
    let staged = output.stage()?;
    let write_back = WriteBack::begin(staged.path())?;
    let reports = Location::parse(out)?;
    let run = Run {
        catalog,
        config,
        staged: &staged,
        reports: &reports,
        upload: None,
        started_at,
        progress: Arc::clone(&progress),
    };
    let (manifest, reused) = run.make().await?;
    progress.stage("publishing");
    // A manifest must not survive a power cut that the files in it do not.
    write_back.finish().await?;
    write_manifest(&manifest, staged.path())?;
    let place = output.publish(staged, &catalog.date.folder_name())?;
    progress.stage("removing old days");
    let removed = remove_old_days(catalog, config, &reports, retention::Storage::Folder(&output)).await;
    let place = place.display().to_string();
    Ok(NightlyOutput {
        place,
        manifest,
        reused,
        removed,
    })
}

/// The run to an object store.
async fn run_to_store(
    catalog: &Catalog,
    config: &Config,
    out: &str,
    progress: Arc<dyn Progress>,
) -> Result<NightlyOutput, NightlyError> {
    let started_at = Utc::now();
    let destination = Location::parse(out)?;
    let staged = StagedOutput::new_among_others(&config.temp_folder())?;
    let uploaders = match on_cluster(catalog).await {
        None => Uploaders::ThisProcess,
        Some(_) => Uploaders::Tasks,
    };
    retention::finish_removals(&destination).await?;
    let upload = Upload::begin(&destination, catalog.date, started_at, uploaders).await?;
    let run = Run {
        catalog,
        config,
        staged: &staged,
        reports: &destination,
        upload: Some(&upload),
        started_at,
        progress: Arc::clone(&progress),
    };
    let (manifest, reused) = run.make().await?;
    progress.stage("publishing");
    let (place, manifest) = upload.publish(manifest).await?;
    progress.stage("removing old days");
    let removed = remove_old_days(catalog, config, &destination, retention::Storage::Store).await;
    Ok(NightlyOutput {
        place,
        manifest,
        reused,
        removed,
    })
}

/// Removes the output of old days, where the site limits their number.
async fn remove_old_days(
    catalog: &Catalog,
    config: &Config,
    reports: &Location,
    place: retention::Storage<'_>,
) -> Result<Removed, NightlyError> {
    match config.nightly.keep {
        Some(keep) => retention::remove_old_days(catalog, reports, place, keep, catalog.date).await,
        None => Ok(Removed::default()),
    }
}

/// The cluster whose tasks write the reports; `None` where this process writes them.
async fn on_cluster(catalog: &Catalog) -> Option<Arc<Cluster>> {
    let cluster = cluster_of(&catalog.session)?;
    catalog.has_usual_reports().await.then_some(cluster)
}

/// The local folder of `out`; `None` for an object store.
fn local_folder(out: &str) -> Option<PathBuf> {
    if !out.contains("://") {
        return Some(PathBuf::from(out));
    }
    let url = url::Url::parse(out).ok().filter(|url| url.scheme() == "file")?;
    url.to_file_path().ok()
}

/// One run over all batches.
struct Run<'a> {
    catalog: &'a Catalog,
    config: &'a Config,
    /// The folder that this process writes to.
    staged: &'a StagedOutput,
    /// The location of the output of earlier runs.
    reports: &'a Location,
    /// The upload to an object store; `None` where the output stays in its folder.
    upload: Option<&'a Upload>,
    started_at: DateTime<Utc>,
    progress: Arc<dyn Progress>,
}

impl Run<'_> {
    /// Makes a day's files and the manifest that lists them, and counts the reports that were taken over.
    async fn make(&self) -> Result<(Manifest, Reused), NightlyError> {
        let Self { catalog, config, .. } = self;
        self.progress.stage("reading");
        let basis = basis(catalog, config)?;
        let reports = self.reports(&basis).instrument(tracing::error_span!("nightly.reports"));
        let measure = self.measure().instrument(tracing::error_span!("nightly.measure"));
        let (reports, (ratios, measured)) = match config.memory_limit {
            None => tokio::try_join!(reports, measure)?,
            // With a memory limit, one after the other, so that each may use all of the memory.
            Some(_) => (reports.await?, measure.await?),
        };
        let Reports {
            mut files,
            enrolments,
            incremental,
        } = reports;
        files.extend(ratios);
        let enrolments = match enrolments.or(measured.enrolments) {
            Some(enrolments) => enrolments,
            None => count_enrolments(catalog).await?,
        };
        let counts = Counts {
            malformed_telemetry: catalog.count_malformed_telemetry().await?,
            left_out_by_day: measured.left_out_by_day,
            consent: measured.consent,
            ..enrolment_counts::counts(enrolments, &files)
        };
        let rejected = enrolment_counts::rejected(catalog, &counts).await?;
        let mut manifest = Manifest {
            format_version: FORMAT_VERSION,
            snapshot_date: catalog.date,
            timezone: config.timezone.name().to_owned(),
            report: config.report.clone(),
            counts,
            rejected,
            files,
            inputs: inputs(catalog),
            mapping: catalog.mapping.clone(),
            consent_rules: catalog.mapping_rules.consent.clone(),
            notes: catalog.remarks().iter().map(ToString::to_string).collect(),
            versions: Versions {
                pragati: env!("CARGO_PKG_VERSION").to_owned(),
                datafusion: datafusion::DATAFUSION_VERSION.to_owned(),
                tz: Zone::database_version().to_owned(),
            },
            timings: Timings::since(self.started_at),
            basis: Some(basis),
            taken_over: incremental.taken_over(),
            changes_since: None,
        };
        self.progress.stage("comparing");
        let changes = changes::write(self, &manifest, &incremental);
        let changes = changes.instrument(tracing::error_span!("nightly.changes")).await?;
        manifest
            .files
            .extend(self.uploaded(changes.files, &Incremental::default()).await?);
        manifest.changes_since = changes.since;
        manifest.timings = Timings::since(self.started_at);
        Ok((manifest, incremental.reused()))
    }

    /// The incremental state: what this run may take over.
    async fn incremental(&self, basis: &str) -> Result<Incremental, NightlyError> {
        let (date, config) = (self.catalog.date, self.config);
        Incremental::prepare(self.reports, date, basis, config, self.staged, self.upload).await
    }

    /// Makes the CSV files and the mart, on the cluster or here, and uploads them where needed.
    async fn reports(&self, basis: &str) -> Result<Reports, NightlyError> {
        #[cfg(feature = "cluster")]
        if let Some(cluster) = on_cluster(self.catalog).await {
            let incremental = Arc::new(self.incremental(basis).await?);
            let files = tasks::write_reports(self, &cluster, &incremental).await?;
            return Ok(Reports {
                files,
                enrolments: None,
                incremental,
            });
        }
        // An earlier manifest has megabytes where there are many batches: it is read while other tables are.
        let prepared = async { Ok::<_, NightlyError>(AllReports::prepare(self.catalog).await?) };
        let (incremental, prepared) = tokio::try_join!(self.incremental(basis), prepared)?;
        let reports = self.assembled_reports(prepared, Arc::new(incremental)).await?;
        let files = self.uploaded(reports.files, &reports.incremental).await?;
        Ok(Reports { files, ..reports })
    }

    /// Writes the CSV files and the mart in this process, group by group.
    async fn assembled_reports(
        &self,
        mut reports: AllReports<'_>,
        incremental: Arc<Incremental>,
    ) -> Result<Reports, NightlyError> {
        let progress = &self.progress;
        let writers = self.catalog.session.copied_config().target_partitions();
        let writing = PartWriting {
            staged: self.staged.clone(),
            style: CsvStyle::from(&self.config.report),
            incremental: Arc::clone(&incremental),
            progress: Arc::clone(progress),
        };
        let (mut files, mut marts, mut enrolments) = (Vec::new(), Vec::new(), None);
        while let Some(group) = reports.next_group().await? {
            enrolments = group.enrolments;
            progress.batches(group.batches.len() as u64);
            progress.stage("writing");
            let (csv, mart) = parts::write_group(group, writing.clone(), writers).await?;
            files.extend(csv);
            marts.extend(mart);
            progress.stage("reading");
        }
        files.extend(marts);
        Ok(Reports {
            files,
            enrolments,
            incremental,
        })
    }

    /// Writes the metric tables, and counts the enrolments where making the reports may not.
    async fn measure(&self) -> Result<(Vec<FileEntry>, Measured), NightlyError> {
        self.progress.stage("measuring");
        let ratios = metrics::write(self.catalog, self.config, self.staged, self.reports).await?;
        let files = self.uploaded(ratios.files, &Incremental::default()).await?;
        let is_counted = counts_while_reading(self.catalog).await && on_cluster(self.catalog).await.is_none();
        let measured = Measured {
            enrolments: match is_counted {
                true => None,
                false => Some(count_enrolments(self.catalog).await?),
            },
            left_out_by_day: ratios.left_out,
            consent: count_consents(self.catalog, None).await?,
        };
        Ok((files, measured))
    }

    /// Uploads those of `files` that were not taken over, where the output is in an object store, and returns all.
    async fn uploaded(&self, files: Vec<FileEntry>, incremental: &Incremental) -> Result<Vec<FileEntry>, NightlyError> {
        if let Some(upload) = self.upload {
            self.progress.stage("uploading");
            upload.put(self.staged, &incremental.made_here(&files)).await?;
        }
        Ok(files)
    }
}

/// The reports of a run.
struct Reports {
    /// The CSV files and the mart.
    files: Vec<FileEntry>,
    /// The counts of enrolments, where all of them were read at once to make the reports.
    enrolments: Option<EnrolmentCounts>,
    /// What was taken over.
    incremental: Arc<Incremental>,
}

/// Results that are computed beside the reports.
struct Measured {
    /// The counts of enrolments; `None` where making the reports gives them.
    enrolments: Option<EnrolmentCounts>,
    left_out_by_day: u64,
    consent: Option<ConsentCounts>,
}

/// The manifest entries of all files that were read.
fn inputs(catalog: &Catalog) -> Vec<InputEntry> {
    let exported = catalog.inputs.iter().map(InputEntry::from);
    let telemetry = catalog.telemetry.files();
    let telemetry = telemetry.map(|(table, file)| InputEntry::of_telemetry(table, file));
    exported.chain(telemetry).collect()
}

/// Writes the manifest, which is on stable storage when this returns.
fn write_manifest(manifest: &Manifest, folder: &Path) -> Result<(), NightlyError> {
    let path = folder.join(layout::MANIFEST);
    let mut file = HashedFile::create(&path)?;
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|error| NightlyError::writing(&path)(error.into()))?;
    text.push(b'\n');
    file.append(&text)?;
    file.finish_on_disk()?;
    sync_folder(folder).map_err(NightlyError::writing(folder))
}
