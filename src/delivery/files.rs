//! A cache of report files: each is made once for all requests for the same report of the same snapshot, and kept for
//! mails and downloads.
//!
//! A file's path is derived from everything that its bytes depend on, so that a path never has two contents. Files are
//! private; access is decided elsewhere.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt, WriteMultipart};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::access::BatchFacts;
use super::directory::BatchDirectory;
use super::mail::{file_name_with_options, several_file_name};
use super::options::RequestOptions;
use super::request::ReportFile;
use super::source::{Current, SourceError};
use crate::config::Config;
use crate::exports::{Location, LocationError};
use crate::files::{HashedFile, StagedOutput, WriteError, move_durably};
use crate::ids::BatchId;
use crate::nightly::layout;
use crate::report::{ConsentCounts, CsvStyle, ReportError, ReportFormat, SelectedBatch, Selection, unknown_users};

/// Bytes that are read or uploaded at a time.
const PIECE: usize = 1024 * 1024;
/// Parts of an upload that are sent concurrently.
const PARTS_UNDER_WAY: usize = 2;
/// The name of a file under construction, in a temporary folder of its own.
const MADE_FILE: &str = "report";

/// A report file that cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum FilesError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("report files cannot be written to {place}: {reason}; check its permissions and free space")]
    NotWritten { place: String, reason: String },
    #[error("report file {place} cannot be read: {reason}")]
    NotRead { place: String, reason: String },
    #[error("a report was not made within {} minutes; see whether the exports are slow to read", limit.as_secs() / 60)]
    TooSlow { limit: Duration },
    #[error("report file {place} is gone; ask for the report again")]
    Gone { place: String },
}

/// The folder of report files.
pub struct ReportFiles {
    location: Location,
    style: CsvStyle,
    /// A local folder: files for an object store are made here, and rows of spreadsheets spilled.
    temp_folder: PathBuf,
    /// What is known of files, by path. The lock of a path is held while its file is made or its rows are counted, so
    /// that this happens once.
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

/// What is known of the file at a path.
#[derive(Debug, Default)]
struct Known {
    /// None before it is made.
    file: Option<ReportFile>,
    /// `None` until a mail needs it.
    consents: Option<ConsentCounts>,
}

/// A report file on this machine.
#[derive(Debug)]
pub enum LocalCopy {
    /// The file itself, in a local folder of report files.
    InPlace(PathBuf),
    /// A temporary copy of a file in an object store.
    Fetched {
        /// The path of the copy.
        place: PathBuf,
        /// Keeps a temporary file alive; it is removed when this value is dropped.
        _staged: StagedOutput,
    },
}

impl LocalCopy {
    /// Where it is.
    pub fn path(&self) -> &FsPath {
        match self {
            Self::InPlace(path) => path,
            Self::Fetched { place, .. } => place,
        }
    }
}

impl ReportFiles {
    /// The files in `location`, written in the configured way.
    pub fn new(location: Location, config: &Config) -> Self {
        Self {
            location,
            style: CsvStyle::from(&config.report),
            temp_folder: config.temp_folder(),
            known: Mutex::default(),
        }
    }

    /// Where the files are.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The wanted report as the file at [`path_of`]: the existing one, or a new one. Dropping the returned future
    /// cancels the work.
    ///
    /// # Errors
    /// The report cannot be made or written, or takes too long.
    pub async fn make(&self, current: &Current, spec: &FileSpec<'_>) -> Result<ReportFile, FilesError> {
        let path = path_of(current, spec);
        let known = self.known_of(&path);
        let mut known = known.lock().await;
        if let Some(file) = &known.file
            && self.is_there(file).await
        {
            return Ok(file.clone());
        }
        let made = self.make_anew(current, spec, path.clone()).await;
        match &made {
            Ok(file) => known.file = Some(file.clone()),
            Err(_) => self.forget(&path),
        }
        made
    }

    /// The rows that consent changes in the report at [`path_of`]; none where it is not required. Counted once for a
    /// file, however many mails it goes into.
    ///
    /// # Errors
    /// Where it cannot be counted.
    pub async fn consents(&self, current: &Current, spec: &FileSpec<'_>) -> Result<ConsentCounts, FilesError> {
        let known = self.known_of(&path_of(current, spec));
        let mut known = known.lock().await;
        if let Some(counts) = known.consents {
            return Ok(counts);
        }
        let counts = current.consents_of(&spec.ids()).await?;
        known.consents = Some(counts);
        Ok(counts)
    }

    fn known_of(&self, path: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(path.to_owned()).or_default())
    }

    /// Forgets a file that was removed or not made.
    pub fn forget(&self, path: &str) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(path);
    }

    async fn is_there(&self, file: &ReportFile) -> bool {
        let head = self.location.store.head(&self.object(&file.path)).await;
        head.is_ok_and(|object| object.size == file.bytes)
    }

    async fn make_anew(&self, current: &Current, spec: &FileSpec<'_>, path: String) -> Result<ReportFile, FilesError> {
        let (rows, counted) = current.rows_of(&spec.ids(), &spec.asked.filter).await?;
        let (rows, seen) = counting_unknown_users(rows);
        let (workplace, is_local) = (self.workplace(), self.location.is_local());
        let not_written = |reason: String| FilesError::NotWritten {
            place: workplace.display().to_string(),
            reason,
        };
        let staged = StagedOutput::new_among_others(&workplace).map_err(|error| not_written(error.to_string()))?;
        let made = staged.path().join(MADE_FILE);
        let mut file = HashedFile::create(&made).map_err(|error| not_written(error.to_string()))?;
        let selection = self.selection(current, spec);
        // Formatting is CPU-bound, so it runs on a blocking thread, away from those that serve requests.
        let runtime = tokio::runtime::Handle::current();
        let (_wanted, given_up) = oneshot::channel::<()>();
        let writing = SpawnedTask::spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    written = selection.write(rows, &mut file) => {
                        let finish = || if is_local { file.finish_on_disk() } else { Ok(file.finish()) };
                        Some(written.map(|written| (written.rows, finish())))
                    }
                    // The future was dropped. A blocking thread cannot be cancelled from outside, so it checks for
                    // itself.
                    _ = given_up => None,
                }
            })
        });
        let written = writing.await.map_err(|error| not_written(error.to_string()))?;
        let written = written.ok_or_else(|| not_written("it was given up".to_owned()))?;
        let (count, written) = written.map_err(SourceError::from)?;
        let written = written.map_err(|error| not_written(error.to_string()))?;
        match is_local {
            true => self.move_in(made, &path).await?,
            false => self.upload(&made, &path).await?,
        }
        Ok(ReportFile {
            snapshot_date: current.directory.date(),
            rows: count,
            unknown_users: counted.unwrap_or_else(|| seen.load(Ordering::Relaxed)),
            name: spec.file_name(&current.directory),
            path,
            bytes: written.bytes,
            sha256: written.sha256,
            consent_rules: current.consent_rules().map(str::to_owned),
        })
    }

    /// How the rows are written.
    fn selection(&self, current: &Current, spec: &FileSpec<'_>) -> Selection {
        let named = |batch: &&BatchFacts| SelectedBatch {
            batch_id: batch.batch_id.clone(),
            batch_name: batch.batch_name.clone(),
        };
        let is_of_several = !spec.asked.batches.is_empty();
        Selection {
            several: spec.batches.iter().filter(|_| is_of_several).map(named).collect(),
            split_by: spec.asked.split_by,
            container: spec.asked.container(spec.format),
            format: spec.format,
            style: self.style.clone(),
            temp_folder: self.temp_folder.clone(),
            date: current.directory.date().day(),
        }
    }

    /// The folder where files are made: on the file system of the finished ones where these are on this machine.
    fn workplace(&self) -> PathBuf {
        match self.location.is_local() {
            true => PathBuf::from(self.location.display(&self.location.prefix)),
            false => self.temp_folder.clone(),
        }
    }

    /// Moves a finished file to its final path. It is durable (synced) when this returns.
    async fn move_in(&self, made: PathBuf, path: &str) -> Result<(), FilesError> {
        let place = self.location.display(&self.object(path));
        let (root, target) = (self.workplace(), PathBuf::from(&place));
        let moved = tokio::task::spawn_blocking(move || move_durably(&made, &root, &target)).await;
        let moved = moved.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        moved.map_err(|error| FilesError::NotWritten {
            place,
            reason: error.to_string(),
        })
    }

    /// Uploads a file to the object store, atomically: it appears whole or not at all.
    async fn upload(&self, from: &FsPath, path: &str) -> Result<(), FilesError> {
        let object = self.object(path);
        let place = || self.location.display(&object);
        let failed = |reason: String| FilesError::NotWritten { place: place(), reason };
        let mut file = File::open(from).await.map_err(|error| failed(error.to_string()))?;
        let upload = self.location.store.put_multipart(&object).await;
        let mut upload = WriteMultipart::new(upload.map_err(|error| failed(error.to_string()))?);
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            let read = async {
                upload.wait_for_capacity(PARTS_UNDER_WAY).await?;
                Ok::<_, object_store::Error>(file.read_buf(&mut piece).await)
            };
            match read.await {
                Ok(Ok(0)) => break,
                Ok(Ok(_)) => upload.put(piece.freeze()),
                Ok(Err(error)) => return Err(abandoned(upload, failed(error.to_string())).await),
                Err(error) => return Err(abandoned(upload, failed(error.to_string())).await),
            }
        }
        upload.finish().await.map_err(|error| failed(error.to_string()))?;
        Ok(())
    }

    /// The bytes of a file, or a range of them.
    ///
    /// # Errors
    /// The file is gone or cannot be read.
    pub async fn read(
        &self,
        path: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, object_store::Error>>, FilesError> {
        let object = self.object(path);
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = self.location.store.get_opts(&object, options).await;
        Ok(found.map_err(|error| self.not_read(&object, error))?.into_stream())
    }

    /// The file on this machine, for as long as the returned value lives.
    ///
    /// # Errors
    /// The file is gone, or cannot be read or copied.
    pub async fn local_copy(&self, path: &str) -> Result<LocalCopy, FilesError> {
        let object = self.object(path);
        if self.location.is_local() {
            return Ok(LocalCopy::InPlace(PathBuf::from(self.location.display(&object))));
        }
        let failed = |error: std::io::Error| FilesError::NotWritten {
            place: self.temp_folder.display().to_string(),
            reason: error.to_string(),
        };
        let not_staged = |error: WriteError| failed(std::io::Error::other(error.to_string()));
        let staged = StagedOutput::new_among_others(&self.temp_folder).map_err(not_staged)?;
        let place = staged.path().join(MADE_FILE);
        let mut copy = File::create(&place).await.map_err(failed)?;
        let mut pieces = self.read(path, None).await?;
        while let Some(piece) = pieces.try_next().await.map_err(|error| self.not_read(&object, error))? {
            copy.write_all(&piece).await.map_err(failed)?;
        }
        copy.flush().await.map_err(failed)?;
        Ok(LocalCopy::Fetched { place, _staged: staged })
    }

    fn object(&self, path: &str) -> Path {
        layout::object_path(&self.location.prefix, path)
    }

    fn not_read(&self, object: &Path, error: object_store::Error) -> FilesError {
        let place = self.location.display(object);
        match error {
            object_store::Error::NotFound { .. } => FilesError::Gone { place },
            error => FilesError::NotRead {
                place,
                reason: error.to_string(),
            },
        }
    }
}

impl FilesError {
    /// Whether a retry would fail in the same way.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::Source(SourceError::Report(
                ReportError::TooManyRows { .. } | ReportError::UnknownBatch { .. }
            ))
        ) || self.is_too_many_parts()
    }

    /// Whether the report has more parts than the most files or sheets.
    pub fn is_too_many_parts(&self) -> bool {
        matches!(
            self,
            Self::Source(SourceError::Report(
                ReportError::TooManyParts { .. } | ReportError::TooManySheets { .. }
            ))
        )
    }
}

/// What a file is to hold.
#[derive(Debug, Clone, Copy)]
pub struct FileSpec<'a> {
    /// The batches, ordered by id.
    pub batches: &'a [&'a BatchFacts],
    /// The format of the file.
    pub format: ReportFormat,
    /// What was asked for beside the batches.
    pub asked: &'a RequestOptions,
}

impl FileSpec<'_> {
    fn ids(&self) -> Vec<BatchId> {
        self.batches.iter().map(|batch| batch.batch_id.clone()).collect()
    }

    /// The file name that people see.
    fn file_name(&self, directory: &BatchDirectory) -> String {
        let date = directory.date();
        let course = self.asked.course.as_deref();
        match self.batches {
            [batch] => file_name_with_options(batch, self.asked, date, self.format),
            _ => {
                let course_name = course.and_then(|id| directory.names().of_course(id));
                several_file_name(self.batches.len(), self.asked, course_name, date, self.format)
            }
        }
    }
}

/// Where a file is below the folder of report files: `date=…/<what the bytes depend on>/<batch>.csv`, with a digest of what
/// was asked for where that is not the batch's whole report.
pub fn path_of(current: &Current, spec: &FileSpec<'_>) -> String {
    let day = current.directory.date().folder_name();
    let first = spec.batches.first().map(|batch| batch.batch_id.as_str());
    let name = layout::file_name(first.unwrap_or_default());
    let digest = match spec.asked.digest() {
        digest if digest.is_empty() => digest,
        digest => format!(".{digest}"),
    };
    let extension = spec.asked.extension(spec.format);
    format!("{day}/{}/{name}{digest}.{extension}", current.fingerprint())
}

/// Aborts the upload and returns its error; an error of the abort itself is dropped.
async fn abandoned(upload: WriteMultipart, error: FilesError) -> FilesError {
    let _ = upload.abort().await;
    error
}

/// Passes rows through, and counts those whose user is not in the export.
fn counting_unknown_users(rows: SendableRecordBatchStream) -> (SendableRecordBatchStream, Arc<AtomicU64>) {
    let seen = Arc::new(AtomicU64::new(0));
    let schema = rows.schema();
    let counter = Arc::clone(&seen);
    let rows = rows.inspect_ok(move |rows| {
        // The rows of a mart do not have this column; its manifest has the number.
        counter.fetch_add(unknown_users(rows, 0..rows.num_rows()).unwrap_or(0), Ordering::Relaxed);
    });
    (Box::pin(RecordBatchStreamAdapter::new(schema, rows)), seen)
}
