//! The nightly run (DESIGN, section 4): the reports of all batches, the report mart and the metric tables, published at
//! once with a manifest.
//!
//! One ordered stream of rows is split by batch and written by several threads; what the bytes are does not depend on
//! their number. Nothing is visible in the output folder before everything is written.

mod csv_files;
mod error;
pub mod layout;
pub mod manifest;
mod mart;
mod metrics;
mod split;
mod staged;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;
use chrono::Utc;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, SchemaRef};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use error::NightlyError;

use crate::catalog::Catalog;
use crate::config::Config;
use crate::engine::EngineError;
use crate::exports::Location;
use crate::report::{CsvStyle, ReportBatch, ReportError, all_reports, report_batches};
use csv_files::{CsvFiles, Piece};
use manifest::{Content, Counts, FORMAT_VERSION, FileEntry, InputEntry, Manifest, Rejected, Timings, Versions};
use mart::Mart;
use split::Splitter;
use staged::{HashedFile, OutputFolder, StagedOutput};

/// Pieces that may wait for a writer: enough to keep it busy, little enough to bound memory.
const WAITING_PIECES: usize = 64;
/// Batches of rows that may wait for the mart's writer.
const WAITING_BATCHES: usize = 8;

/// Hears how a run gets on.
pub trait Progress: Send + Sync {
    /// A new stage begins.
    fn stage(&self, name: &'static str);
    /// There are so many batches to write.
    fn batches(&self, total: u64);
    /// One batch's file is complete.
    fn batch_written(&self, rows: u64);
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
    match local_folder(out)? {
        Some(folder) => {
            let output = OutputFolder::open(&folder)?;
            let staged = output.stage()?;
            let manifest = make(catalog, config, &staged, progress).await?;
            let place = output.publish(staged, &catalog.date.folder_name())?;
            Ok(NightlyOutput {
                place: place.display().to_string(),
                manifest,
            })
        }
        None => {
            let destination = Location::parse(out)?;
            let folder = config.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
            let output = OutputFolder::open(&folder.join("pragati-upload"))?;
            let staged = output.stage()?;
            let manifest = make(catalog, config, &staged, Arc::clone(&progress)).await?;
            progress.stage("uploading");
            let (place, manifest) = upload::publish(&staged, manifest, &destination).await?;
            Ok(NightlyOutput { place, manifest })
        }
    }
}

/// The folder that `out` names, unless it is in an object store.
fn local_folder(out: &str) -> Result<Option<PathBuf>, NightlyError> {
    if !out.contains("://") {
        return Ok(Some(PathBuf::from(out)));
    }
    let is_file = url::Url::parse(out).ok().filter(|url| url.scheme() == "file");
    Ok(is_file.and_then(|url| url.to_file_path().ok()))
}

/// Makes a day's output in the staging folder, the manifest last.
async fn make(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    progress: Arc<dyn Progress>,
) -> Result<Manifest, NightlyError> {
    let started_at = Utc::now();
    progress.stage("reading");
    let batches = Arc::new(report_batches(catalog).await?);
    progress.batches(batches.len() as u64);
    let mut files = write_reports(catalog, config, staged, &batches, Arc::clone(&progress)).await?;
    progress.stage("measuring");
    files.push(metrics::write(catalog, staged.path()).await?);
    let counts = counts(catalog, &files).await?;
    let rejected = rejected(catalog).await?;
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

/// Writes the CSV files and the mart from one ordered stream of all reports.
async fn write_reports(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    batches: &Arc<Vec<ReportBatch>>,
    progress: Arc<dyn Progress>,
) -> Result<Vec<FileEntry>, NightlyError> {
    let mut rows = all_reports(catalog).await?;
    let threads = catalog.session.copied_config().target_partitions();
    let style = CsvStyle::from(&config.report);
    let (csv_senders, csv_writers): (Vec<_>, Vec<_>) = (0..threads)
        .map(|_| spawn_csv_writer(staged, batches, &style, &progress))
        .unzip();
    let (mart_sender, mart_writer) = spawn_mart_writer(staged, rows.schema());
    let mut splitter = Splitter::new(Arc::clone(batches), csv_senders);
    let split_all = async {
        progress.stage("joining and sorting");
        let mut is_first = true;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(EngineError::running("the Course Progress Reports of all batches"))?;
            if std::mem::take(&mut is_first) {
                progress.stage("writing");
            }
            splitter.push(&batch).await?;
            mart_sender.send(batch).await.map_err(|_| NightlyError::WriterLost)?;
        }
        drop(mart_sender);
        splitter.finish().await
    };
    let split = split_all.await;
    let mut placed = Vec::with_capacity(batches.len());
    let mut failure = None;
    for writer in csv_writers {
        match joined(writer).await {
            Ok(entries) => placed.extend(entries),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let mart = joined(mart_writer).await;
    // A writer's error is the cause of the splitter's, which could not hand on its pieces.
    if let Some(error) = failure {
        return Err(error);
    }
    let mart = mart?;
    split?;
    placed.sort_unstable_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, entry)| entry).chain(mart).collect())
}

type Writer<T> = JoinHandle<Result<T, NightlyError>>;

fn spawn_csv_writer(
    staged: &StagedOutput,
    batches: &Arc<Vec<ReportBatch>>,
    style: &CsvStyle,
    progress: &Arc<dyn Progress>,
) -> (mpsc::Sender<Piece>, Writer<Vec<(usize, FileEntry)>>) {
    let (sender, receiver) = mpsc::channel(WAITING_PIECES);
    let files = CsvFiles::new(staged.clone(), Arc::clone(batches), style.clone());
    let progress = Arc::clone(progress);
    let writer = tokio::task::spawn_blocking(move || files.write_all(receiver, |rows| progress.batch_written(rows)));
    (sender, writer)
}

fn spawn_mart_writer(staged: &StagedOutput, schema: SchemaRef) -> (mpsc::Sender<RecordBatch>, Writer<Vec<FileEntry>>) {
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let mart = Mart::new(staged.clone(), schema);
    (sender, tokio::task::spawn_blocking(move || mart.write_all(receiver)))
}

async fn joined<T>(writer: Writer<T>) -> Result<T, NightlyError> {
    writer.await.map_err(|_| NightlyError::WriterLost)?
}

async fn counts(catalog: &Catalog, files: &[FileEntry]) -> Result<Counts, NightlyError> {
    let mut counts = Counts::default();
    for file in files {
        if let Content::ReportCsv { unknown_users, .. } = &file.content {
            counts.batches += 1;
            counts.empty_batches += u64::from(file.rows == 0);
            counts.rows_reported += file.rows;
            counts.reported_unknown_users += unknown_users;
        }
    }
    let rows = collect(catalog, "reports/enrolment_counts").await?;
    let number = |name| first_number(&rows, name);
    counts.enrolments_read = number("rows_read")?;
    counts.without_user_id = number("without_user_id")?;
    counts.without_batch_id = number("without_batch_id")?;
    counts.not_active = number("not_active")?;
    let accounted = counts.rows_reported + counts.without_user_id + counts.without_batch_id + counts.not_active;
    counts.superseded_or_omitted = counts.enrolments_read.saturating_sub(accounted);
    Ok(counts)
}

async fn rejected(catalog: &Catalog) -> Result<Vec<Rejected>, NightlyError> {
    let mut all = Vec::new();
    for rows in collect(catalog, "reports/rejected_enrolments").await? {
        for row in 0..rows.num_rows() {
            let one = [rows.slice(row, 1)];
            all.push(Rejected {
                reason: first_text(&one, "reason")?.unwrap_or_default(),
                batch_id: first_text(&one, "batch_id")?,
                rows: first_number(&one, "rejected_rows")?,
            });
        }
    }
    Ok(all)
}

async fn collect(catalog: &Catalog, query: &str) -> Result<Vec<RecordBatch>, NightlyError> {
    let frame = catalog.query(query, |parameters| parameters).await?;
    Ok(frame.collect().await.map_err(EngineError::running(query))?)
}

fn first_number(rows: &[RecordBatch], name: &'static str) -> Result<u64, NightlyError> {
    let column = rows.first().and_then(|rows| rows.column_by_name(name));
    let numbers = column
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or(ReportError::MissingColumn(name))?;
    Ok(u64::try_from(numbers.value(0)).unwrap_or(0))
}

fn first_text(rows: &[RecordBatch], name: &'static str) -> Result<Option<String>, NightlyError> {
    let column = rows
        .first()
        .and_then(|rows| rows.column_by_name(name))
        .ok_or(ReportError::MissingColumn(name))?;
    let texts = datafusion::arrow::compute::cast(column, &datafusion::arrow::datatypes::DataType::Utf8View)
        .map_err(ReportError::from)?;
    Ok(texts.as_string_view().iter().next().flatten().map(str::to_owned))
}

fn write_manifest(manifest: &Manifest, folder: &Path) -> Result<(), NightlyError> {
    let path = folder.join(layout::MANIFEST);
    let mut file = HashedFile::create(&path)?;
    serde_json::to_writer_pretty(&mut file, manifest)
        .map_err(|error| NightlyError::writing(&path)(error.into()))?;
    file.append(b"\n")?;
    file.finish_on_disk()?;
    Ok(())
}
