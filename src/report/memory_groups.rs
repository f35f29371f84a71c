//! Divides all batches into groups whose reports fit into the memory limit, to be assembled one after the other.
//!
//! Without a limit there is one group. With one, the details of users are moved to a temporary file first, which costs
//! little. Where the enrolments still do not fit, each group is a range of parts that does. Every group reads the
//! enrolments again, so there are as few groups as the limit allows.

use std::collections::VecDeque;
use std::ops::Range;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::MemoryLimit;

use super::error::ReportError;
use crate::catalog::Catalog;
use crate::details::{Batches, DetailsPlace, ENROLMENT_BYTES, PROGRESS_BYTES};
use crate::engine::EngineError;

/// Bytes that reading and writing need beside the assembled numbers; half of a limit if that is less.
const READING_AND_WRITING: usize = 512 * 1024 * 1024;
/// The least share of the remaining budget that enrolments get, however many users there are.
const LEAST_SHARE_PERCENT: usize = 25;
/// Bytes of a user's record beside its texts.
const RECORD_BYTES: usize = PLACE_BYTES + 16;
/// Bytes of a record that stay in memory when records are in a file: its place and its fingerprint. Shared texts stay too;
/// they are not counted.
const PLACE_BYTES: usize = 24;

/// The division of the work.
#[derive(Debug)]
pub struct Division {
    /// The groups, as ranges of parts.
    pub groups: VecDeque<Range<usize>>,
    pub details: DetailsPlace,
}

/// The groups that fit into the memory limit beside the directory of users, which takes `directory` bytes.
pub async fn within_memory(catalog: &Catalog, batches: &Batches, directory: usize) -> Result<Division, ReportError> {
    let everything = |details| Division {
        groups: std::iter::once(0..batches.part_count()).collect(),
        details,
    };
    let MemoryLimit::Finite(limit) = catalog.session.runtime_env().memory_pool.memory_limit() else {
        return Ok(everything(DetailsPlace::Memory));
    };
    let budget = limit - READING_AND_WRITING.min(limit / 2);
    let sizes = part_sizes(catalog, batches).await?;
    let rows = sizes.iter().sum();
    let enrolment_bytes = bytes_of_enrolment(catalog, rows);
    let enrolments = rows * enrolment_bytes;
    if directory + bytes_of_details(catalog) + enrolments <= budget {
        return Ok(everything(DetailsPlace::Memory));
    }
    let users = directory + size_of(catalog, "users").0 * PLACE_BYTES;
    if users + enrolments <= budget {
        return Ok(everything(DetailsPlace::TemporaryFile));
    }
    let for_enrolments = budget.saturating_sub(users).max(budget / 100 * LEAST_SHARE_PERCENT);
    Ok(Division {
        groups: divide(&sizes, for_enrolments / enrolment_bytes),
        details: DetailsPlace::TemporaryFile,
    })
}

/// Bytes of an enrolment with its share of the progress.
fn bytes_of_enrolment(catalog: &Catalog, enrolments: usize) -> usize {
    let progress = if is_exported(catalog, "course_progress") {
        size_of(catalog, "course_progress").0
    } else {
        // A staging query makes the progress; an enrolment has at most one row of it, apart from repeated rows.
        enrolments
    };
    ENROLMENT_BYTES + (progress * PROGRESS_BYTES).div_ceil(enrolments.max(1))
}

/// The estimated bytes of memory for the details of users.
pub fn bytes_of_details(catalog: &Catalog) -> usize {
    let (users, text_bytes) = size_of(catalog, "users");
    users * RECORD_BYTES + text_bytes
}

/// Ranges of parts with at most `most_rows` rows, or of a single part.
fn divide(sizes: &[usize], most_rows: usize) -> VecDeque<Range<usize>> {
    let mut groups = VecDeque::new();
    let (mut start, mut rows) = (0, 0);
    for (part, size) in sizes.iter().enumerate() {
        if part > start && rows + size > most_rows {
            groups.push_back(start..part);
            (start, rows) = (part, 0);
        }
        rows += size;
    }
    groups.push_back(start..sizes.len());
    groups
}

/// Whether the table is exported as such; otherwise a staging query makes it from other tables.
fn is_exported(catalog: &Catalog, table: &str) -> bool {
    catalog.inputs.iter().any(|input| input.table == table)
}

/// Rows of a table's files, and bytes of their columns; those of all files where a staging query makes the table.
fn size_of(catalog: &Catalog, table: &str) -> (usize, usize) {
    let is_exported = is_exported(catalog, table);
    let files = catalog
        .inputs
        .iter()
        .filter(|input| !is_exported || input.table == table);
    files.fold((0, 0), |(rows, bytes), input| {
        let more = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        (
            rows + more(input.inspected.rows),
            bytes + more(input.inspected.uncompressed_bytes),
        )
    })
}

/// The number of enrolments in each part.
async fn part_sizes(catalog: &Catalog, batches: &Batches) -> Result<Vec<usize>, ReportError> {
    let frame = catalog
        .query("reports/enrolments_per_batch", |parameters| parameters)
        .await?;
    let counts = frame
        .collect()
        .await
        .map_err(EngineError::running("counting enrolments"))?;
    let mut sizes = vec![0; batches.part_count()];
    for rows in &counts {
        let missing = ReportError::MissingColumn;
        let ids = rows.column_by_name("batch_id").and_then(|ids| ids.as_string_view_opt());
        let counts = rows
            .column_by_name("enrolments")
            .and_then(|counts| counts.as_primitive_opt::<Int64Type>());
        let (ids, counts) = (ids.ok_or(missing("batch_id"))?, counts.ok_or(missing("enrolments"))?);
        for (id, count) in ids.iter().zip(counts.values()) {
            sizes[batches.part_of(id.unwrap_or_default())] += usize::try_from(*count).unwrap_or(0);
        }
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_as_much_as_fits_and_at_least_one_part() {
        assert_eq!(divide(&[3, 3, 3, 3], 6), [0..2, 2..4]);
        assert_eq!(divide(&[3, 3, 3], 100).pop_front(), Some(0..3));
        assert_eq!(divide(&[9, 1, 9], 5), [0..1, 1..2, 2..3]);
    }
}
