//! Finds snapshots: which dates are usable, and which files one date consists of.
//!
//! A snapshot's files are listed once, when it is chosen, so that files which arrive later do not mix into a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use object_store::ListResult;
use object_store::path::Path;
use tracing::debug;

use super::day_folder::DayName;
use super::error::ExportsError;
use super::listing::{DayFile, DayListing, list_day, list_folder};
use super::location::Location;
use super::note::{ExportNote, some_of};
use super::read_log;
use super::table_format::{TableFormat, find_log};
use super::table_log::LogFiles;
use crate::config::DateChoice;
use crate::ids::SnapshotDate;

/// The empty file that marks a folder as completely written.
pub const SUCCESS_MARKER: &str = "_SUCCESS";

/// A table to look for.
#[derive(Debug, Clone)]
pub struct TableFolder {
    /// The name in SQL.
    pub name: String,
    /// The folder that holds the `date=…` folders.
    pub location: Location,
    /// Without it a date is not usable.
    pub required: bool,
    /// Whether a day without rows after one with rows may be right, not a failed export.
    pub may_be_empty: bool,
    /// Whether all days up to the snapshot's belong to it, not that day alone.
    pub arrives_daily: bool,
}

/// The files of one table in one snapshot; empty where an optional table has none.
#[derive(Debug, Clone)]
pub struct TableFiles {
    pub name: String,
    pub location: Location,
    pub files: Vec<DayFile>,
}

/// One usable day of exports.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub date: SnapshotDate,
    /// By table name.
    pub tables: BTreeMap<String, TableFiles>,
    /// What lies in the exports and is not read, or is missing although other days have it.
    pub notes: Vec<ExportNote>,
}

impl Snapshot {
    /// Whether the snapshot has files of the table of that name.
    pub fn has_files(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|found| !found.files.is_empty())
    }
}

/// The exports of a site: where each table is, and what makes a date usable.
#[derive(Debug)]
pub struct Exports {
    root: Location,
    tables: Vec<TableFolder>,
    success_marker: bool,
}

/// The folders of days of one table.
struct DatedFolders<'a> {
    table: &'a TableFolder,
    /// Several folders of one day cannot be told apart: none of them is read.
    dates: BTreeMap<SnapshotDate, Vec<Path>>,
    /// The data files of all days, where the table keeps a log of them.
    log: Option<LogFiles>,
    notes: Vec<ExportNote>,
}

/// Why a date is not usable.
struct Incomplete {
    table: String,
    text: String,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}", self.table, self.text)
    }
}

/// The files of one day of a table.
enum DayFiles {
    Found(DayListing),
    /// The table has no folder of that day.
    NoFolder,
    /// The folder lacks the marker of a complete export.
    NoMarker,
}

impl Exports {
    /// The exports under `root`; where `success_marker` is set, folders without `_SUCCESS` count as not there.
    pub fn new(root: Location, tables: Vec<TableFolder>, success_marker: bool) -> Self {
        Self {
            root,
            tables,
            success_marker,
        }
    }

    /// The snapshot of the chosen day, or of the newest usable one.
    ///
    /// # Errors
    /// Where the exports cannot be listed, no day or not the chosen one is usable, or a table's files are not certain to be
    /// its rows.
    pub async fn open(&self, choice: DateChoice) -> Result<Snapshot, ExportsError> {
        let folders = self.dated_folders().await?;
        let newest_first: Vec<SnapshotDate> = required_dates(&folders).into_iter().rev().collect();
        match choice {
            DateChoice::Day(date) => match self.files_of(&folders, date).await? {
                Ok(snapshot) => Ok(snapshot),
                Err(missing) => Err(ExportsError::NotUsable {
                    exports: self.root.to_string(),
                    date,
                    missing: with_remarks(missing.to_string(), &folders),
                    usable: self.usable_dates(&folders, &newest_first).await?,
                }),
            },
            DateChoice::Latest => self.newest_usable(&folders, &newest_first).await,
        }
    }

    /// The files of `table` on every usable day among those that `keep` leaves, oldest first. Nothing of other days is
    /// listed.
    pub async fn days_of<E: From<ExportsError>>(
        &self,
        table: &str,
        keep: impl FnOnce(&BTreeSet<SnapshotDate>) -> Result<BTreeSet<SnapshotDate>, E>,
    ) -> Result<Vec<(SnapshotDate, TableFiles)>, E> {
        let folders = self.dated_folders().await?;
        let wanted = keep(&required_dates(&folders))?;
        let mut days = Vec::with_capacity(wanted.len());
        for date in wanted {
            let mut is_usable = true;
            let mut files = None;
            for folder in &folders {
                let is_wanted = folder.table.name == table;
                if !is_usable || !(is_wanted || folder.table.required) {
                    continue;
                }
                let found = match self.day(folder, date).await? {
                    DayFiles::Found(found) => Some(found.files),
                    DayFiles::NoFolder | DayFiles::NoMarker => None,
                };
                is_usable = !folder.table.required || found.as_ref().is_some_and(|found| !found.is_empty());
                if is_wanted {
                    files = found.map(|files| folder.files(files));
                }
            }
            match files {
                Some(files) if is_usable => days.push((date, files)),
                _ => debug!("{table} on {date} is not part of the history: the snapshot is incomplete"),
            }
        }
        Ok(days)
    }

    /// Whether a day of `table` without rows, after one with rows, is a failed export.
    pub fn must_have_rows(&self, table: &str) -> bool {
        self.tables
            .iter()
            .any(|folder| folder.name == table && !folder.may_be_empty)
    }

    /// The files of `table` on each day before `date`, newest first.
    ///
    /// # Errors
    /// Where the exports cannot be listed.
    pub async fn days_before(
        &self,
        table: &str,
        date: SnapshotDate,
    ) -> Result<Vec<(SnapshotDate, TableFiles)>, ExportsError> {
        let mut days = Vec::new();
        for folder in self
            .dated_folders()
            .await?
            .iter()
            .filter(|folder| folder.table.name == table)
        {
            for &day in folder.dates.range(..date).rev().map(|(day, _)| day) {
                if let DayFiles::Found(found) = self.day(folder, day).await? {
                    days.push((day, folder.files(found.files)));
                }
            }
        }
        Ok(days)
    }

    async fn newest_usable(
        &self,
        folders: &[DatedFolders<'_>],
        newest_first: &[SnapshotDate],
    ) -> Result<Snapshot, ExportsError> {
        let mut newest_failure = None;
        for &date in newest_first {
            match self.files_of(folders, date).await? {
                Ok(mut snapshot) => {
                    snapshot
                        .notes
                        .extend(newest_failure.map(|(newest, missing)| passed_over(newest, &missing, date)));
                    return Ok(snapshot);
                }
                Err(missing) => {
                    newest_failure.get_or_insert((date, missing));
                }
            }
        }
        Err(match newest_failure {
            Some((date, missing)) => ExportsError::NoneUsable {
                exports: self.root.to_string(),
                date,
                missing: with_remarks(missing.to_string(), folders),
            },
            None => ExportsError::Empty {
                exports: self.root.to_string(),
                tables: with_remarks(self.required_names(), folders),
            },
        })
    }

    async fn usable_dates(
        &self,
        folders: &[DatedFolders<'_>],
        newest_first: &[SnapshotDate],
    ) -> Result<String, ExportsError> {
        const SHOWN: usize = 5;
        let mut usable = Vec::new();
        for &date in newest_first {
            if self.files_of(folders, date).await?.is_ok() {
                usable.push(date.to_string());
            }
            if usable.len() == SHOWN {
                break;
            }
        }
        Ok(if usable.is_empty() {
            "none".to_owned()
        } else {
            usable.join(", ")
        })
    }

    fn required_names(&self) -> String {
        let names = self.tables.iter().filter(|table| table.required);
        names.map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    async fn dated_folders(&self) -> Result<Vec<DatedFolders<'_>>, ExportsError> {
        let mut all = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let found = list_folder(&table.location, &table.location.prefix).await?;
            all.push(match find_log(&table.location, &found).await? {
                None => DatedFolders::new(table, &found, None),
                Some((TableFormat::Delta, log)) if found.common_prefixes.contains(&log) => {
                    let log = read_log(&table.name, &table.location, &table.location.prefix).await?;
                    DatedFolders::new(table, &log.among(found), Some(log))
                }
                Some((format, log)) => {
                    let log = table.location.display(&log);
                    return Err(ExportsError::table_format(&table.name, format, log));
                }
            });
        }
        Ok(all)
    }

    /// The files of every table on `date`, or what is missing for that date to be usable.
    async fn files_of(
        &self,
        folders: &[DatedFolders<'_>],
        date: SnapshotDate,
    ) -> Result<Result<Snapshot, Incomplete>, ExportsError> {
        let (mut tables, mut notes) = (BTreeMap::new(), Vec::new());
        for folder in folders {
            let table = folder.table;
            let days: Vec<SnapshotDate> = match table.arrives_daily {
                true => folder.dates.range(..=date).map(|(day, _)| *day).collect(),
                false => vec![date],
            };
            let (mut files, mut unknown) = (Vec::new(), Vec::new());
            for day in days {
                match self.day(folder, day).await? {
                    DayFiles::Found(found) => {
                        files.extend(found.files);
                        unknown.extend(found.unknown);
                    }
                    DayFiles::NoMarker if table.required && !table.arrives_daily => {
                        return Ok(Err(Incomplete::new(table, format!("has no {SUCCESS_MARKER} on {day}"))));
                    }
                    DayFiles::NoMarker => notes.push(ExportNote::new(
                        &table.name,
                        format!("the folder of {day} has no {SUCCESS_MARKER} and is not read; wait for the export"),
                    )),
                    DayFiles::NoFolder => {}
                }
            }
            if files.is_empty() && table.required {
                return Ok(Err(Incomplete::new(table, without_files(&unknown))));
            }
            notes.extend(folder.notes.iter().cloned());
            notes.extend(folder.remarks_on(date, &files, &unknown));
            tables.insert(table.name.clone(), folder.files(files));
        }
        Ok(Ok(Snapshot { date, tables, notes }))
    }

    async fn day(&self, folder: &DatedFolders<'_>, date: SnapshotDate) -> Result<DayFiles, ExportsError> {
        let path = match folder.dates.get(&date).map(Vec::as_slice) {
            None | Some([]) => return Ok(DayFiles::NoFolder),
            Some([path]) => path,
            Some(several) => {
                let several: Vec<String> = several.iter().map(|path| folder.table.location.display(path)).collect();
                return Err(ExportsError::SeveralFolders {
                    table: folder.table.name.clone(),
                    date,
                    folders: several.join(" and "),
                });
            }
        };
        let found = list_day(&folder.table.name, &folder.table.location, path, folder.log.as_ref()).await?;
        match self.success_marker && !found.is_complete {
            true => Ok(DayFiles::NoMarker),
            false => Ok(DayFiles::Found(found)),
        }
    }
}

impl<'a> DatedFolders<'a> {
    /// The folders of days among what lies in the folder of `table`, whose data files `log` names where it keeps one.
    fn new(table: &'a TableFolder, found: &ListResult, log: Option<LogFiles>) -> Self {
        let mut dates: BTreeMap<SnapshotDate, Vec<Path>> = BTreeMap::new();
        let (mut unclear, mut others) = (Vec::new(), Vec::new());
        for folder in &found.common_prefixes {
            let name = folder.filename().unwrap_or_default();
            match DayName::parse(name) {
                DayName::Day(day) => dates.entry(day).or_default().push(folder.clone()),
                DayName::Unclear => unclear.push(table.location.display(folder)),
                DayName::Other if name.starts_with(['_', '.']) => {}
                DayName::Other => others.push(table.location.display(folder)),
            }
        }
        let is_data = |name: &str| !name.starts_with(['_', '.']);
        let objects = found.objects.iter().filter(|object| object.size > 0);
        let objects = objects.filter(|object| object.location.filename().is_some_and(is_data));
        others.extend(objects.map(|object| table.location.display(&object.location)));
        let note = |text: String| ExportNote::new(&table.name, text);
        let mut notes = Vec::new();
        if !unclear.is_empty() {
            let text = format!(
                "which day {} holds is not certain, so nothing of it is read; name it date=YYYY-MM-DD",
                some_of(&unclear)
            );
            notes.push(note(text));
        }
        if !others.is_empty() {
            let text = format!(
                "{} is not in a folder date=YYYY-MM-DD and is not read",
                some_of(&others)
            );
            notes.push(note(text));
        }
        Self {
            table,
            dates,
            log,
            notes,
        }
    }

    fn files(&self, files: Vec<DayFile>) -> TableFiles {
        TableFiles {
            name: self.table.name.clone(),
            location: self.table.location.clone(),
            files,
        }
    }

    /// What is to be said of the table's files in the snapshot of `date`.
    fn remarks_on(&self, date: SnapshotDate, files: &[DayFile], unknown: &[String]) -> Vec<ExportNote> {
        let note = |text: String| ExportNote::new(&self.table.name, text);
        let mut notes = Vec::new();
        if !unknown.is_empty() {
            notes.push(note(format!("{} is not Parquet and is not read", some_of(unknown))));
        }
        let newest_other = self.dates.keys().rev().find(|day| **day != date);
        match newest_other {
            Some(other) if files.is_empty() && !self.table.arrives_daily => notes.push(note(format!(
                "there is no file of {date}, although there is a folder of {other}; it counts as not exported"
            ))),
            Some(other) if self.table.arrives_daily && !self.dates.contains_key(&date) && other < &date => {
                notes.push(note(format!(
                    "there is no folder of {date}; the newest before it is of {other}"
                )))
            }
            _ => {}
        }
        notes
    }
}

impl Incomplete {
    fn new(table: &TableFolder, text: String) -> Self {
        Self {
            table: table.name.clone(),
            text,
        }
    }
}

/// The dates on which at least one required table has a folder.
fn required_dates(folders: &[DatedFolders<'_>]) -> BTreeSet<SnapshotDate> {
    let required = folders.iter().filter(|folder| folder.table.required);
    required.flat_map(|folder| folder.dates.keys().copied()).collect()
}

fn without_files(unknown: &[String]) -> String {
    match unknown {
        [] => "has no Parquet file on that date".to_owned(),
        unknown => format!("has no Parquet file on that date: {} is none", some_of(unknown)),
    }
}

/// The remark on a newest day that is not read.
fn passed_over(newest: SnapshotDate, missing: &Incomplete, read: SnapshotDate) -> ExportNote {
    let text = format!(
        "{}, so the snapshot of {newest} is incomplete and that of {read} is read",
        missing.text
    );
    ExportNote::new(&missing.table, text)
}

/// An error's text, with what was seen of folders that are no days.
fn with_remarks(text: String, folders: &[DatedFolders<'_>]) -> String {
    let remarks: Vec<String> = folders
        .iter()
        .flat_map(|folder| &folder.notes)
        .map(ToString::to_string)
        .collect();
    match remarks.is_empty() {
        true => text,
        false => format!("{text} ({})", remarks.join("; ")),
    }
}
