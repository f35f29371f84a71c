//! Assembles the rows of reports, of all at once or of one, sorted and without joining text.
//!
//! The rows are those of `queries/reports/enrolment_details.sql`; the query says what they are, this module makes them
//! fast. Joins and sorts over millions of text ids cost more than everything else in a nightly run, so ids become
//! numbers first: users and batches are read into directories, enrolments and progress shrink to a few bytes a row, and
//! only those are sorted. The details of a user are fetched when a row is written, a chunk of rows at a time.
//!
//! Batches are divided into parts, ranges of their ids; a part is sorted, deduplicated and merged by whoever reads it.
//! Parts depend on the data alone, so output that is written part by part is the same for any number of threads.

mod batches;
mod details;
mod load;
mod part;
mod rows;
mod users;

use std::ops::Range;
use std::sync::Arc;

use datafusion::catalog::streaming::StreamingTable;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::streaming::PartitionStream;

use super::ReportBatch;
use super::error::ReportError;
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;
pub use batches::Batches;
use details::Details;
use load::Wanted;
use part::{Part, Shared};
pub use users::Users;
use users::RankedUsers;

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

/// Where the details of users are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsPlace {
    Memory,
    TemporaryFile,
}

/// All users of the snapshot.
pub async fn all_users(catalog: &Catalog, place: DetailsPlace) -> Result<Arc<Users>, ReportError> {
    let folder = &catalog.temp_folder;
    load::users(catalog, Wanted::All, |columns| match place {
        DetailsPlace::Memory => Ok(Details::in_memory(columns)),
        DetailsPlace::TemporaryFile => {
            let what = format!("the details of users, in {}", folder.display());
            let made = Details::in_file(columns, folder).map_err(DataFusionError::IoError);
            Ok(made.map_err(EngineError::running(what))?)
        }
    })
    .await
}

/// Reads the enrolments and the progress in scope and prepares their parts.
pub async fn assemble(
    catalog: &Catalog,
    scope: Scope<'_>,
    users: Arc<Users>,
    batches: Batches,
    parts: Range<usize>,
) -> Result<Assembly, ReportError> {
    let rows = load::enrolment_rows(catalog, scope).await?;
    assemble_rows(catalog, scope, rows, users, batches, parts).await
}

/// The report of one batch; it has no batches where the snapshot does not know it.
pub async fn assemble_one(catalog: &Catalog, batch: &BatchId) -> Result<Assembly, ReportError> {
    let scope = Scope::OneBatch(batch);
    let batches = load::batches(catalog, scope, 1).await?;
    let rows = load::enrolment_rows(catalog, scope).await?;
    let (rows, user_ids) = load::collected(catalog, rows).await?;
    let wanted = Wanted::Only(Arc::new(user_ids));
    let users = load::users(catalog, wanted, |columns| Ok(Details::in_memory(columns))).await?;
    assemble_rows(catalog, scope, rows, users, batches, 0..1).await
}

async fn assemble_rows(
    catalog: &Catalog,
    scope: Scope<'_>,
    enrolment_rows: DataFrame,
    users: Arc<Users>,
    batches: Batches,
    parts: Range<usize>,
) -> Result<Assembly, ReportError> {
    let enrolments = load::enrolments(enrolment_rows, users, batches).await?;
    let progress = load::progress(catalog, scope, &enrolments).await?;
    let load::Enrolments {
        users,
        strangers,
        batches,
        rows,
    } = enrolments;
    let (batches, mut report_batches) = Arc::try_unwrap(batches)
        .map_err(|_| EngineError::Lost("batches"))?
        .ranked();
    let strangers = Arc::try_unwrap(strangers).map_err(|_| EngineError::Lost("users"))?;
    let users = RankedUsers::new(users, strangers);
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
