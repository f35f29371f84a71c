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

use std::sync::Arc;

use datafusion::catalog::streaming::StreamingTable;
use datafusion::physical_plan::streaming::PartitionStream;

use super::error::ReportError;
use super::{EnrolmentCounts, ReportBatch};
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;
use part::{Part, Shared};

/// Enrolments of a part, on average: few enough to sort within the processor's caches, enough to fill row groups.
const PART_ROWS: u64 = 200_000;
/// More parts than these would be many small files.
const MOST_PARTS: u64 = 4_096;

/// All reports, ready to be read part by part.
pub struct Assembly {
    /// Every batch that has a report, ordered by id.
    pub batches: Vec<ReportBatch>,
    /// For each part, the number of batches in it and all parts before it.
    pub part_ends: Vec<usize>,
    pub counts: EnrolmentCounts,
    /// The rows of `enrolment_details`, one partition a part, each sorted by batch and user.
    pub details: StreamingTable,
}

/// Which reports to assemble.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    AllBatches,
    /// Of the tables, no more is kept than this batch needs.
    OneBatch(&'a BatchId),
}

/// Reads the snapshot's tables and prepares all parts.
pub async fn assemble(catalog: &Catalog, scope: Scope<'_>) -> Result<Assembly, ReportError> {
    let part_count = match scope {
        Scope::AllBatches => part_count(catalog),
        Scope::OneBatch(_) => 1,
    };
    let batches = load::batches(catalog, scope, part_count).await?;
    let enrolments = load::enrolment_rows(catalog, scope).await?;
    let users = load::users(catalog, enrolments.user_ids.as_ref()).await?;
    let enrolments = load::enrolments(enrolments.rows, users, batches, part_count).await?;
    let progress = load::progress(catalog, scope, &enrolments, part_count).await?;
    let load::Enrolments {
        users,
        batches,
        rows,
        counts,
    } = enrolments;
    let (batches, report_batches) = Arc::try_unwrap(batches).map_err(|_| EngineError::Lost("batches"))?.ranked();
    let users = Arc::try_unwrap(users).map_err(|_| EngineError::Lost("users"))?.ranked();
    let part_ends = batches.part_ends(part_count);
    let shared = Arc::new(Shared::new(users, batches));
    let parts = rows.into_iter().zip(progress).map(|(enrolments, progress)| {
        let part: Arc<dyn PartitionStream> = Arc::new(Part::new(Arc::clone(&shared), enrolments, progress));
        part
    });
    let schema = Arc::clone(shared.schema());
    let details =
        StreamingTable::try_new(schema, parts.collect()).map_err(EngineError::running("the reports' rows"))?;
    Ok(Assembly {
        batches: report_batches,
        part_ends,
        counts,
        details,
    })
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
        catalog.inputs.iter().map(|input| input.inspected.rows).max().unwrap_or(0)
    };
    usize::try_from(rows.div_ceil(PART_ROWS).clamp(1, MOST_PARTS)).unwrap_or(1)
}
