//! The ratio's rows in memory, so that requests are answered in milliseconds while other work runs.
//!
//! The caller loads the rows, from a nightly output or a snapshot, and restricts who sees which.

mod columns;
mod periods;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use sha2::{Digest, Sha256};

pub use columns::{ratio_columns, with_columns};
pub use periods::by_period;
pub use table::RowTable;

use super::{Level, Window};
use crate::hex::hex;

/// The rows of one snapshot.
#[derive(Debug)]
pub struct RatioFigures {
    as_of: NaiveDate,
    windows: BTreeMap<(Level, Window), RowTable>,
    /// Rows by day, of some levels.
    by_day: BTreeMap<Level, RowTable>,
    digest: String,
}

/// A filter of rows by ids. An empty id selects rows without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// Only rows of this course.
    pub course: Option<String>,
    /// Only rows of this tenant.
    pub tenant: Option<String>,
    /// Rows of other tenants are removed, whatever the other conditions are; `None` keeps all tenants.
    pub within_tenants: Option<BTreeSet<String>>,
}

impl Ids {
    /// The rows of `table` that pass the filter.
    ///
    /// # Errors
    /// The table has no columns of ids.
    pub fn of(&self, table: &RowTable) -> Result<RowTable, ArrowError> {
        let mut kept = table.clone();
        if let Some(course) = &self.course {
            kept = kept.keep("course_id", |id| is_meant(course, id))?;
        }
        if let Some(tenant) = &self.tenant {
            kept = kept.keep("tenant_id", |id| is_meant(tenant, id))?;
        }
        if let Some(tenants) = &self.within_tenants {
            kept = kept.keep("tenant_id", |id| id.is_some_and(|id| tenants.contains(id)))?;
        }
        Ok(kept)
    }
}

fn is_meant(wanted: &str, id: Option<&str>) -> bool {
    if wanted.is_empty() {
        id.is_none()
    } else {
        id == Some(wanted)
    }
}

impl RatioFigures {
    /// The figures of all windows, and by day of the levels `days_of`.
    ///
    /// # Errors
    /// The rows have not the columns of the ratio.
    pub fn new(
        as_of: NaiveDate,
        windows: &[RecordBatch],
        by_day: &[RecordBatch],
        days_of: &[Level],
    ) -> Result<Self, ArrowError> {
        let windows = RowTable::new(with_columns(&ratio_columns(), windows)?);
        let by_day = RowTable::new(with_columns(&ratio_columns(), by_day)?);
        let digest = digest(&[&windows, &by_day])?;
        let of_level = |table: &RowTable, level: Level| table.keep("level", |name| name == Some(level.name()));
        let mut figures = Self {
            as_of,
            windows: BTreeMap::new(),
            by_day: BTreeMap::new(),
            digest,
        };
        for level in Level::ALL {
            let rows = of_level(&windows, level)?;
            for window in Window::ALL {
                let rows = rows.keep("time_window", |name| name == Some(window.name()))?;
                let rows = rows.sorted("tenant_id", false)?.sorted("course_id", false)?;
                figures.windows.insert((level, window), rows);
            }
        }
        for &level in days_of {
            figures.by_day.insert(level, of_level(&by_day, level)?);
        }
        Ok(figures)
    }

    /// The day of the snapshot, up to which downloads count.
    pub fn as_of(&self) -> NaiveDate {
        self.as_of
    }

    /// The SHA-256 of all rows, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The rows of one window, by level and ids.
    ///
    /// # Errors
    /// The rows cannot be filtered.
    pub fn window(&self, levels: &[Level], window: Window, ids: &Ids) -> Result<RowTable, ArrowError> {
        let tables: Result<Vec<RowTable>, ArrowError> = levels
            .iter()
            .filter_map(|&level| self.windows.get(&(level, window)))
            .map(|rows| ids.of(rows))
            .collect();
        RowTable::joined(&tables?.iter().collect::<Vec<_>>())
    }

    /// The rows by day, ordered by level, ids and day; `None` where those of a level are not in memory.
    ///
    /// # Errors
    /// The rows cannot be filtered.
    pub fn by_day(&self, levels: &[Level], ids: &Ids) -> Result<Option<RowTable>, ArrowError> {
        let held: Option<Vec<&RowTable>> = levels.iter().map(|level| self.by_day.get(level)).collect();
        let Some(held) = held else { return Ok(None) };
        let tables: Result<Vec<RowTable>, ArrowError> = held.into_iter().map(|rows| ids.of(rows)).collect();
        RowTable::joined(&tables?.iter().collect::<Vec<_>>()).map(Some)
    }
}

/// The SHA-256 of rows, in hexadecimal.
///
/// # Errors
/// The rows cannot be encoded.
pub fn digest(tables: &[&RowTable]) -> Result<String, ArrowError> {
    let mut hash = Hash(Sha256::new());
    for table in tables {
        let mut writer = StreamWriter::try_new(&mut hash, &table.rows().schema())?;
        writer.write(table.rows())?;
        writer.finish()?;
    }
    Ok(hex(&hash.0.finalize()))
}

/// A writer that hashes its input.
struct Hash(Sha256);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
