//! Reads what a nightly run published: one batch's report from the report mart, in milliseconds and without a query;
//! and the ratio tables.
//!
//! Only files that the manifest lists are read. A [`Published`] is one day as it was when it was opened. It caches the
//! manifest and the file footers, so that a service can keep one open and read many reports from it. Access control is
//! the caller's task.

mod completions;
mod days;
mod error;
mod fit;
mod listed_file;
mod mart_file;
mod open_files;
mod problem;
mod ratio_file;
mod selected;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use object_store::path::Path;
use tokio::sync::OnceCell;

pub use error::PublishedError;
pub(super) use error::{reading, values};
pub use fit::{is_reported, read_view_from_output};
pub use ratio_file::RatioFilter;

use super::layout;
use super::manifest::{Content, FileEntry, Manifest};
use super::ratio_table::RatioTable;
use crate::catalog::MappingRules;
use crate::config::{Config, DateChoice, UnknownUsers};
use crate::exports::Location;
use crate::ids::{BatchId, SnapshotDate};
use crate::report::ReportError;
use completions::Completions;
pub(super) use listed_file::ListedFile;
use mart_file::MartFile;
use open_files::OpenFiles;
use ratio_file::RatioFile;

/// Chunks of a report that are decoded at the same time.
const CONCURRENT_CHUNKS: usize = 4;
/// Digits of a digest that messages show.
const DIGITS_OF_RULES: usize = 12;

/// One day's output.
#[derive(Debug)]
pub struct Published {
    reports: Location,
    day: Path,
    manifest: Manifest,
    /// The manifest's file, where it was read.
    manifest_object: Option<ObjectMeta>,
    /// The positions of the batches' CSV files in the manifest, ordered by batch.
    csv_by_batch: Vec<u32>,
    /// The positions of the mart's files in the manifest, ordered by batch.
    mart: Vec<usize>,
    open_mart_files: OpenFiles,
    ratio_tables: Vec<(RatioTable, Listed<RatioFile>)>,
}

/// A file that the manifest lists, opened at first use.
#[derive(Debug)]
struct Listed<File> {
    /// Its position in the manifest.
    entry: usize,
    open: OnceCell<Arc<File>>,
}

impl<File> Listed<File> {
    fn new(entry: usize) -> Self {
        Self {
            entry,
            open: OnceCell::new(),
        }
    }
}

impl Published {
    /// Opens the chosen day of the output under `reports`. `latest` is the newest day with a manifest.
    ///
    /// # Errors
    /// No complete output of the date is there, its manifest cannot be read, or it was made with other settings.
    pub async fn open(reports: Location, date: DateChoice) -> Result<Self, PublishedError> {
        let (day, manifest, object) = days::open_day(&reports, date).await?;
        Ok(Self {
            manifest_object: Some(object),
            ..Self::of(reports, day, manifest)
        })
    }

    /// The files that a manifest lists in the folder `day`.
    pub(super) fn of(reports: Location, day: Path, manifest: Manifest) -> Self {
        let (mut csv_by_batch, mut mart, mut ratio_tables) = (Vec::new(), Vec::new(), Vec::new());
        for (place, file) in (0u32..).zip(&manifest.files) {
            let entry = place as usize;
            match &file.content {
                Content::ReportCsv { .. } => csv_by_batch.push(place),
                Content::ReportMart { .. } => mart.push(entry),
                Content::DownloadRatio => ratio_tables.push((RatioTable::Windows, Listed::new(entry))),
                Content::DownloadRatioByDay => ratio_tables.push((RatioTable::ByDay, Listed::new(entry))),
                Content::DownloadRatioCsv
                | Content::DownloadRatioByDayCsv
                | Content::ChangedBatches
                | Content::ChangedBatchesCsv => {}
            }
        }
        csv_by_batch.sort_by(|&a, &b| batch_id(&manifest, a).cmp(batch_id(&manifest, b)));
        Self {
            reports,
            day,
            manifest,
            manifest_object: None,
            csv_by_batch,
            mart,
            open_mart_files: OpenFiles::default(),
            ratio_tables,
        }
    }

    /// The days that have a folder under `reports`, complete or not.
    pub(super) async fn dates(reports: &Location) -> Result<BTreeSet<SnapshotDate>, PublishedError> {
        days::dates(reports).await
    }

    /// The days under `reports` with a manifest of this version of the format.
    pub(super) async fn complete_days(reports: &Location) -> Result<Vec<SnapshotDate>, PublishedError> {
        days::complete_days(reports).await
    }

    /// The manifest of the day.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The day's folder in its store.
    pub(super) fn day(&self) -> &Path {
        &self.day
    }

    /// The manifest entries of all reports, ordered by batch.
    pub(super) fn reports(&self) -> impl Iterator<Item = &FileEntry> {
        self.csv_by_batch
            .iter()
            .map(|&place| &self.manifest.files[place as usize])
    }

    /// Opens a file that the manifest lists.
    pub(super) async fn open_listed(&self, entry: &FileEntry) -> Result<ListedFile, PublishedError> {
        let path = layout::object_path(&self.day, &entry.path);
        ListedFile::open(&self.reports, &path, entry.bytes).await
    }

    /// Opens a file of the mart that the manifest lists.
    async fn open_mart_file(&self, entry: &FileEntry) -> Result<MartFile, PublishedError> {
        let path = layout::object_path(&self.day, &entry.path);
        MartFile::open(&self.reports, &path, entry.bytes).await
    }

    /// Opens a file of the mart that the manifest lists, perhaps in another task, to read people and completion dates.
    pub(super) fn opening_completions(
        &self,
        entry: &FileEntry,
    ) -> impl Future<Output = Result<Completions, PublishedError>> + Send + use<> {
        let (reports, path) = (self.reports.clone(), layout::object_path(&self.day, &entry.path));
        let bytes = entry.bytes;
        async move { completions::open(&reports, &path, bytes).await }
    }

    /// The day's folder or URL, for messages.
    pub fn place(&self) -> String {
        self.reports.display(&self.day)
    }

    /// The manifest entry of the batch's CSV file, with its course, tenant and rows; `None` for an unknown batch.
    pub fn csv_of_batch(&self, batch: &BatchId) -> Option<&FileEntry> {
        let id = |&place: &u32| batch_id(&self.manifest, place);
        let found = self
            .csv_by_batch
            .binary_search_by(|place| id(place).cmp(batch.as_str()));
        let place = *self.csv_by_batch.get(found.ok()?)?;
        self.manifest.files.get(place as usize)
    }

    /// Checks that the settings that the mart's rows depend on are still the configured ones, and `rules` those of the
    /// mapping. Settings of the files (byte-order mark, line ends, formula safety, date format) may differ.
    ///
    /// # Errors
    /// Names what differs.
    pub fn check_settings(&self, config: &Config, rules: &MappingRules) -> Result<(), PublishedError> {
        let (made, asked) = (&self.manifest.report, &config.report);
        let zone = config.timezone.name();
        if self.manifest.timezone != zone {
            return Err(self.other_setting("timezone", &self.manifest.timezone, zone));
        }
        if made.same_tenant != asked.same_tenant {
            return Err(self.other_setting("report.same_tenant", made.same_tenant, asked.same_tenant));
        }
        if made.unknown_users != asked.unknown_users {
            let word = |choice| match choice {
                UnknownUsers::Keep => "keep",
                UnknownUsers::Omit => "omit",
            };
            let (made, asked) = (word(made.unknown_users), word(asked.unknown_users));
            return Err(self.other_setting("report.unknown_users", made, asked));
        }
        self.check_mapping(rules)
    }

    /// Checks that the settings of the mapping, including defaults, and the consent rules are the same.
    fn check_mapping(&self, rules: &MappingRules) -> Result<(), PublishedError> {
        let made = self.manifest.mapping.as_ref().map(|mapping| &mapping.settings);
        for (name, asked) in &rules.settings {
            // An output without this information might show personal values that consent hides.
            let made = made
                .and_then(|made| made.get(name))
                .map_or("(not said)", String::as_str);
            if made != asked {
                let setting = |value: &str| format!("{name} = {value}");
                return Err(self.other_setting("staging_settings", setting(made), setting(asked)));
            }
        }
        if self.manifest.consent_rules == rules.consent {
            return Ok(());
        }
        Err(PublishedError::OtherConsentRules {
            reports: self.place(),
            made: name_of_rules(self.manifest.consent_rules.as_deref()),
            asked: name_of_rules(rules.consent.as_deref()),
        })
    }

    /// The rows of one batch, ordered by User ID, as [`crate::report::write_report`] takes them.
    ///
    /// A batch without enrolments has no rows; a batch that the day does not have is an error.
    ///
    /// # Errors
    /// The batch is unknown, or its file of the mart is missing or damaged.
    pub async fn report_of_batch(&self, batch: &BatchId) -> Result<SendableRecordBatchStream, PublishedError> {
        let csv = self.csv_of_batch(batch).ok_or_else(|| ReportError::UnknownBatch {
            batch: batch.clone(),
            date: self.manifest.snapshot_date,
        })?;
        let file = self.mart_file_of(batch, csv.rows).await?;
        let chunks = if csv.rows == 0 {
            Vec::new()
        } else {
            file.find(batch.as_str()).await?
        };
        let found: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        if found != csv.rows {
            return Err(PublishedError::WrongRows {
                file: file.name().to_owned(),
                batch: batch.clone(),
                expected: csv.rows,
                found,
            });
        }
        let schema = Arc::clone(file.report_schema());
        let read = futures::stream::iter(chunks).map(move |chunk| {
            let file = Arc::clone(&file);
            let decoding = SpawnedTask::spawn(async move { file.read(&chunk).await });
            async move {
                let rows = decoding
                    .await
                    .map_err(|error| DataFusionError::External(Box::new(error)))?;
                Ok::<_, DataFusionError>(futures::stream::iter(rows?).map(Ok))
            }
        });
        let rows = read.buffered(CONCURRENT_CHUNKS).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    /// Whether the manifest lists both ratio tables; early versions of pragati wrote fewer.
    pub fn has_ratio_tables(&self) -> bool {
        RatioTable::ALL.iter().all(|&table| self.ratio_entry(table).is_some())
    }

    /// The manifest entry of a ratio table's Parquet file.
    pub fn ratio_entry(&self, table: RatioTable) -> Option<&FileEntry> {
        let listed = self.listed_ratio(table)?;
        self.manifest.files.get(listed.entry)
    }

    /// All rows of a ratio table, in its order, with the columns of [`RatioTable::schema`].
    ///
    /// # Errors
    /// The table is missing, or its file is not as listed.
    pub async fn ratio_rows(&self, table: RatioTable) -> Result<SendableRecordBatchStream, PublishedError> {
        self.ratio_rows_where(table, &RatioFilter::default()).await
    }

    /// The rows of a ratio table that pass the filter, in its order; only row groups that may hold them are read.
    ///
    /// # Errors
    /// The table is missing, or its file is not as listed.
    pub async fn ratio_rows_where(
        &self,
        table: RatioTable,
        filter: &RatioFilter,
    ) -> Result<SendableRecordBatchStream, PublishedError> {
        let listed = self.listed_ratio(table).ok_or_else(|| self.no_ratio_table(table))?;
        let file = listed.open.get_or_try_init(|| async {
            let entry = &self.manifest.files[listed.entry];
            let path = layout::object_path(&self.day, &entry.path);
            let file = RatioFile::open(&self.reports, &path, entry.bytes).await?;
            Ok::<_, PublishedError>(Arc::new(file))
        });
        file.await?.rows(filter)
    }

    /// Reads the ratio tables whole and checks their columns, sizes and SHA-256 against the manifest.
    ///
    /// # Errors
    /// A file is missing or has not the listed SHA-256.
    pub async fn verify_ratio_tables(&self) -> Result<(), PublishedError> {
        for table in RatioTable::ALL {
            let entry = self.ratio_entry(table).ok_or_else(|| self.no_ratio_table(table))?;
            let path = layout::object_path(&self.day, &entry.path);
            RatioFile::open(&self.reports, &path, entry.bytes).await?;
            let file = ListedFile::open(&self.reports, &path, entry.bytes).await?;
            if file.sha256().await? != entry.sha256 {
                return Err(PublishedError::WrongHash { file: file.name });
            }
        }
        Ok(())
    }

    fn listed_ratio(&self, table: RatioTable) -> Option<&Listed<RatioFile>> {
        let found = self.ratio_tables.iter().find(|(listed, _)| *listed == table);
        found.map(|(_, listed)| listed)
    }

    fn no_ratio_table(&self, table: RatioTable) -> PublishedError {
        PublishedError::NoRatioTable {
            day: self.place(),
            table: table.folder(),
        }
    }

    /// The file of the mart with the batch's rows. For a batch without rows, any file: all have the same columns.
    async fn mart_file_of(&self, batch: &BatchId, rows: u64) -> Result<Arc<MartFile>, PublishedError> {
        let id = batch.as_str();
        let holds = |entry: &&usize| match &self.manifest.files[**entry].content {
            Content::ReportMart {
                first_batch_id,
                last_batch_id,
            } => rows == 0 || (first_batch_id.as_str() <= id && id <= last_batch_id.as_str()),
            _ => false,
        };
        let &entry = self.mart.iter().find(holds).ok_or_else(|| PublishedError::NoMartFile {
            day: self.place(),
            batch: batch.clone(),
        })?;
        let open = self.open_mart_file(&self.manifest.files[entry]);
        self.open_mart_files.get_or_open(entry, open).await
    }

    fn other_setting(&self, setting: &'static str, made: impl ToString, asked: impl ToString) -> PublishedError {
        PublishedError::OtherSetting {
            reports: self.place(),
            setting,
            made: made.to_string(),
            asked: asked.to_string(),
        }
    }
}

/// The name of consent rules in messages: the first digits of their digest.
fn name_of_rules(rules: Option<&str>) -> String {
    let named = rules.map(|rules| rules.get(..DIGITS_OF_RULES).unwrap_or(rules));
    named.unwrap_or("none").to_owned()
}

/// The batch id of the CSV file at a position of the manifest.
fn batch_id(manifest: &Manifest, place: u32) -> &str {
    match &manifest.files[place as usize].content {
        Content::ReportCsv { batch_id, .. } => batch_id,
        _ => "",
    }
}
