//! Finds snapshots: which dates are usable, and which files one date consists of.
//!
//! A snapshot's files are listed once, when it is chosen, so that files which arrive later do not mix into a run.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;
use tracing::{debug, warn};

use super::error::ExportsError;
use super::location::Location;
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
    /// Whether all days up to the snapshot's belong to it, not that day alone.
    pub arrives_daily: bool,
}

/// The files of one table in one snapshot; empty where an optional table has none.
#[derive(Debug, Clone)]
pub struct TableFiles {
    pub name: String,
    pub location: Location,
    pub files: Vec<ObjectMeta>,
}

/// One usable day of exports.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub date: SnapshotDate,
    /// By table name.
    pub tables: BTreeMap<String, TableFiles>,
}

/// The exports of a site: where each table is, and what makes a date usable.
#[derive(Debug)]
pub struct Exports {
    root: Location,
    tables: Vec<TableFolder>,
    success_marker: bool,
}

/// The `date=…` folders of one table.
struct DatedFolders<'a> {
    table: &'a TableFolder,
    dates: BTreeMap<SnapshotDate, Path>,
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
    pub async fn open(&self, choice: DateChoice) -> Result<Snapshot, ExportsError> {
        let folders = self.dated_folders().await?;
        let newest_first: Vec<SnapshotDate> = required_dates(&folders).into_iter().rev().collect();
        match choice {
            DateChoice::Day(date) => match self.files_of(&folders, date).await? {
                Ok(snapshot) => Ok(snapshot),
                Err(missing) => Err(ExportsError::NotUsable {
                    exports: self.root.to_string(),
                    date,
                    missing,
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
                let found = match folder.dates.get(&date) {
                    Some(path) => self.parquet_files(&folder.table.location, path).await?,
                    None => None,
                };
                is_usable = !folder.table.required || found.as_ref().is_some_and(|found| !found.is_empty());
                if is_wanted {
                    files = found.map(|files| TableFiles {
                        name: table.to_owned(),
                        location: folder.table.location.clone(),
                        files,
                    });
                }
            }
            match files {
                Some(files) if is_usable => days.push((date, files)),
                _ => debug!("{table} on {date} is not part of the history: the snapshot is incomplete"),
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
                Ok(snapshot) => return Ok(snapshot),
                Err(missing) => {
                    warn!("skipping the incomplete snapshot of {date}: {missing}");
                    newest_failure.get_or_insert((date, missing));
                }
            }
        }
        Err(match newest_failure {
            Some((date, missing)) => ExportsError::NoneUsable {
                exports: self.root.to_string(),
                date,
                missing,
            },
            None => ExportsError::Empty {
                exports: self.root.to_string(),
                tables: self.required_names(),
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
            let listing = table
                .location
                .store
                .list_with_delimiter(Some(&table.location.prefix))
                .await
                .map_err(|error| unlistable(&table.location, &error))?;
            let dates = listing
                .common_prefixes
                .into_iter()
                .filter_map(|folder| Some((SnapshotDate::from_folder_name(folder.filename()?)?, folder)))
                .collect();
            all.push(DatedFolders { table, dates });
        }
        Ok(all)
    }

    /// The files of every table on `date`, or what is missing for that date to be usable.
    async fn files_of(
        &self,
        folders: &[DatedFolders<'_>],
        date: SnapshotDate,
    ) -> Result<Result<Snapshot, String>, ExportsError> {
        let mut tables = BTreeMap::new();
        for folder in folders {
            let table = folder.table;
            let days = if table.arrives_daily {
                folder.dates.range(..=date)
            } else {
                folder.dates.range(date..=date)
            };
            let mut files = Vec::new();
            for (day, path) in days {
                match self.parquet_files(&table.location, path).await? {
                    Some(found) => files.extend(found),
                    None if table.required => {
                        return Ok(Err(format!("table {} has no {SUCCESS_MARKER} on {day}", table.name)));
                    }
                    None => debug!("table {} on {day} has no {SUCCESS_MARKER}; not read", table.name),
                }
            }
            if files.is_empty() {
                if table.required {
                    return Ok(Err(format!("table {} has no Parquet file on that date", table.name)));
                }
                debug!("optional table {} has no file for {date}", table.name);
            }
            let found = TableFiles {
                name: table.name.clone(),
                location: table.location.clone(),
                files,
            };
            tables.insert(table.name.clone(), found);
        }
        Ok(Ok(Snapshot { date, tables }))
    }

    /// The Parquet files directly in `folder`, in name order; `None` where a wanted `_SUCCESS` is not there.
    async fn parquet_files(&self, location: &Location, folder: &Path) -> Result<Option<Vec<ObjectMeta>>, ExportsError> {
        let objects: Vec<ObjectMeta> = location
            .store
            .list(Some(folder))
            .try_collect()
            .await
            .map_err(|error| unlistable(location, &error))?;
        let depth = folder.parts().count() + 1;
        let (mut files, mut complete) = (Vec::new(), false);
        for object in objects {
            let name = object.location.filename().unwrap_or_default();
            complete |= name == SUCCESS_MARKER;
            let hidden = name.starts_with(['_', '.']);
            if name.ends_with(".parquet") && !hidden && object.location.parts().count() == depth {
                files.push(object);
            }
        }
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok((complete || !self.success_marker).then_some(files))
    }
}

/// The dates on which at least one required table has a folder.
fn required_dates(folders: &[DatedFolders<'_>]) -> BTreeSet<SnapshotDate> {
    let required = folders.iter().filter(|folder| folder.table.required);
    required.flat_map(|folder| folder.dates.keys().copied()).collect()
}

fn unlistable(location: &Location, error: &object_store::Error) -> ExportsError {
    ExportsError::Unlistable {
        place: location.to_string(),
        reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}
