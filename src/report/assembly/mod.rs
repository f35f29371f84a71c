//! Assembles the rows of reports, of all at once or of one, sorted and without joining text.
//!
//! The rows are those of `queries/reports/enrolment_details.sql`; the query says what they are, this module makes them
//! fast. Joins and sorts over millions of text ids cost more than everything else in a nightly run, so ids become
//! numbers first: users and batches are read into directories, enrolments and progress shrink to a few bytes a row, and
//! only those are sorted. The details of a user are looked up when a row is written, a chunk of rows at a time.
//!
//! Batches are divided into parts, ranges of their ids; a part is sorted, deduplicated and merged by whoever reads it.
//! Parts depend on the data alone, so output that is written part by part is the same for any number of threads.

mod batches;
mod load;
mod part;
mod rows;
mod users;

use std::ops::Range;
use std::sync::Arc;

use datafusion::catalog::streaming::StreamingTable;
use datafusion::physical_plan::streaming::PartitionStream;

use super::ReportBatch;
use super::error::ReportError;
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;
pub use batches::Batches;
use part::{Part, Shared};

/// Enrolments of a part, on average: few enough to sort within the processor's caches, enough to fill row groups.
const PART_ROWS: u64 = 200_000;
/// More parts than these would be many small files.
const MOST_PARTS: u64 = 4_096;

/// Some reports, ready to be read part by part.
pub struct Assembly {
    /// Every batch of these that has a report, ordered by id.
    pub batches: Vec<ReportBatch>,
    /// For each part, the number of these batches in it and all parts before it.
    pub part_ends: Vec<usize>,
    /// The rows of `enrolment_details`, one partition a part, each sorted by batch and user.
    pub details: StreamingTable,
}

/// Which reports to assemble.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    AllBatches,
    /// Of the tables, no more is kept than these batches need.
    Range(&'a IdRange),
    /// Of the tables, no more is kept than this batch needs.
    OneBatch(&'a BatchId),
}

/// A range of batch ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRange {
    /// Not this id, nor those before it.
    pub after: Option<String>,
    /// This id and those before it.
    pub up_to: Option<String>,
}

/// Reads the snapshot's tables and prepares the parts of the scope.
pub async fn assemble(
    catalog: &Catalog,
    scope: Scope<'_>,
    batches: Batches,
    parts: Range<usize>,
) -> Result<Assembly, ReportError> {
    let enrolments = load::enrolment_rows(catalog, scope).await?;
    let users = load::users(catalog, enrolments.user_ids).await?;
    let enrolments = load::enrolments(enrolments.rows, users, batches).await?;
    let progress = load::progress(catalog, scope, &enrolments).await?;
    let load::Enrolments { users, batches, rows } = enrolments;
    let (batches, mut report_batches) = Arc::try_unwrap(batches)
        .map_err(|_| EngineError::Lost("batches"))?
        .ranked();
    let users = Arc::try_unwrap(users).map_err(|_| EngineError::Lost("users"))?.ranked();
    let before = batches.end_of_part(parts.start.checked_sub(1));
    let part_ends: Vec<usize> = parts
        .clone()
        .map(|part| batches.end_of_part(Some(part)) - before)
        .collect();
    report_batches.drain(..before);
    report_batches.truncate(part_ends.last().copied().unwrap_or(0));
    let shared = Arc::new(Shared::new(users, batches));
    let rows = rows.into_iter().zip(progress).skip(parts.start).take(parts.len());
    let streams = rows.map(|(enrolments, progress)| {
        let part: Arc<dyn PartitionStream> = Arc::new(Part::new(Arc::clone(&shared), enrolments, progress));
        part
    });
    let schema = Arc::clone(shared.schema());
    let details =
        StreamingTable::try_new(schema, streams.collect()).map_err(EngineError::running("the reports' rows"))?;
    Ok(Assembly {
        batches: report_batches,
        part_ends,
        details,
    })
}

/// The directory of the batches in the table, divided into the parts that the reports of all batches come in.
pub async fn batches_in_parts(catalog: &Catalog) -> Result<Batches, ReportError> {
    load::batches(catalog, Scope::AllBatches, part_count(catalog)).await
}

/// The report of one batch; it has no batches where the snapshot does not know it.
pub async fn assemble_one(catalog: &Catalog, batch: &BatchId) -> Result<Assembly, ReportError> {
    let scope = Scope::OneBatch(batch);
    let batches = load::batches(catalog, scope, 1).await?;
    assemble(catalog, scope, batches, 0..1).await
}

fn part_count(catalog: &Catalog) -> usize {
    let rows_of = |table: &str| -> u64 {
        let files = catalog.inputs.iter().filter(|input| input.table == table);
        files.map(|input| input.inspected.rows).sum()
    };
    let exported = rows_of("enrolments");
    // Mapped exports have other tables, one of which holds the enrolments.
    let rows = if exported > 0 {
        exported
    } else {
        catalog
            .inputs
            .iter()
            .map(|input| input.inspected.rows)
            .max()
            .unwrap_or(0)
    };
    usize::try_from(rows.div_ceil(PART_ROWS).clamp(1, MOST_PARTS)).unwrap_or(1)
}
