//! Finds snapshots: which dates are usable, and the files of a date.
//!
//! The files of a snapshot are listed once, when it is opened, so that files that arrive later are not mixed into a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use object_store::ListResult;
use object_store::path::Path;
use tracing::debug;

use super::day_folder::DayName;
use super::error::ExportsError;
use super::left_out::{Depth, LeftOut, Why, left_out};
use super::listing::{DayFile, DayListing, list_day, list_folder, refuse};
use super::location::Location;
use super::near_names::{near_names, nothing_at_path};
use super::note::{ExportNote, some_of};
use super::read_log;
use super::table_format::{TableFormat, find_log};
use super::table_log::LogFiles;
use crate::config::DateChoice;
use crate::ids::SnapshotDate;

/// The empty file that marks a folder as completely written.
pub const SUCCESS_MARKER: &str = "_SUCCESS";

/// A table that snapshots have.
#[derive(Debug, Clone)]
pub struct TableFolder {
    /// The name in SQL.
    pub name: String,
    /// The folder that holds the `date=…` folders.
    pub location: Location,
    /// Whether a date without this table is not usable.
    pub required: bool,
    /// Whether a day without rows after a day with rows is accepted. Otherwise it is a failed export.
    pub may_be_empty: bool,
    /// Whether the table consists of the files of all days up to the snapshot's, not of that day alone.
    pub arrives_daily: bool,
}

/// The files of one table in one snapshot; empty where an optional table has none.
#[derive(Debug, Clone)]
pub struct TableFiles {
    /// The table's name.
    pub name: String,
    /// The exports that hold it.
    pub location: Location,
    /// Its Parquet files.
    pub files: Vec<DayFile>,
}

/// One usable day of exports.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The day.
    pub date: SnapshotDate,
    /// By table name.
    pub tables: BTreeMap<String, TableFiles>,
    /// Remarks on files that are not read, or that are missing although other days have them.
    pub notes: Vec<ExportNote>,
}

impl Snapshot {
    /// Whether the snapshot has files of the table `table`.
    pub fn has_files(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|found| !found.files.is_empty())
    }
}

/// The exports of a site: the location of each table, and the conditions of a usable date.
#[derive(Debug)]
pub struct Exports {
    root: Location,
    tables: Vec<TableFolder>,
    success_marker: bool,
}

/// The day folders of one table.
struct DatedFolders<'a> {
    table: &'a TableFolder,
    /// A day with several folders is ambiguous, so none of them is read.
    dates: BTreeMap<SnapshotDate, Vec<Path>>,
    /// The data files of all days, where the table has a table log.
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
    /// The exports under `root`. Where `success_marker` is set, folders without a file `_SUCCESS` are ignored.
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
    /// Where the exports cannot be listed, the chosen day, or any day, is not usable, or it is not certain which files of a
    /// table are its rows.
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

    /// The files of `table` on the usable days that `keep` leaves, oldest first. Folders of other days are not listed.
    ///
    /// # Errors
    /// The exports cannot be listed, or two folders are of one day.
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

    /// Whether a day of `table` without rows after a day with rows is a failed export.
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
            let (found, dead_links) = list_table(table).await?;
            let nothing = nothing_at_path(&self.root, table, &found);
            let mut folders = match find_log(&table.location, &found).await? {
                None => DatedFolders::new(table, &found, None),
                Some((TableFormat::Delta, log)) if found.common_prefixes.contains(&log) => {
                    let log = read_log(&table.name, &table.location, &table.location.prefix).await?;
                    DatedFolders::new(table, &log.among(found), Some(log))
                }
                Some((format, log)) => {
                    let log = table.location.display(&log);
                    return Err(ExportsError::table_format(&table.name, format, log));
                }
            };
            folders.add_dead_links(dead_links);
            folders.notes.extend(nothing);
            all.push(folders);
        }
        for note in near_names(&self.root, &self.tables).await {
            if let Some(folders) = all.iter_mut().find(|folders| folders.table.name == note.table) {
                folders.notes.push(note);
            }
        }
        Ok(all)
    }

    /// The files of every table on `date`, or the reason why that date is not usable.
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

/// What lies directly in the folder of a table, and links in it to what is not there, which no listing has.
async fn list_table(table: &TableFolder) -> Result<(ListResult, Vec<LeftOut>), ExportsError> {
    let folder = &table.location.prefix;
    let mut left_out = left_out(&table.location, folder, Depth::Direct).await;
    // The folder itself may be such a link, or may not be searched.
    let is_fatal = |left: &&LeftOut| left.why == Why::Unnameable || left.location().as_ref() == Some(folder);
    refuse(&table.name, left_out.iter().filter(is_fatal))?;
    left_out.retain(|left| left.why == Why::DeadLink);
    Ok((list_folder(&table.location, folder).await?, left_out))
}

impl<'a> DatedFolders<'a> {
    /// The day folders in `found`, the listing of the folder of `table`. `log` has its data files where it has a table log.
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

    /// Adds links to what is not there. One that is named like a day is that day, whose listing is then refused.
    fn add_dead_links(&mut self, links: Vec<LeftOut>) {
        if self.log.is_some() {
            return;
        }
        let mut others = Vec::new();
        for link in links {
            let location = link.location();
            let day = location.as_ref().and_then(Path::filename).map(DayName::parse);
            match (day, location) {
                (Some(DayName::Day(day)), Some(location)) => self.dates.entry(day).or_default().push(location),
                _ => others.push(link.shown),
            }
        }
        if !others.is_empty() {
            let text = format!(
                "{} is a link to what is not there or may not be read, and is not read; restore what it links to, or remove the link",
                some_of(&others)
            );
            self.notes.push(ExportNote::new(&self.table.name, text));
        }
    }

    fn files(&self, files: Vec<DayFile>) -> TableFiles {
        TableFiles {
            name: self.table.name.clone(),
            location: self.table.location.clone(),
            files,
        }
    }

    /// The remarks on the table's files in the snapshot of `date`.
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

/// An error's text, followed by the folders that are not days.
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
