//! Assembles the sorted rows of one report or of all reports without joining or sorting text.
//!
//! The rows are those of `queries/reports/enrolment_details.sql`; the query defines them, this module is a fast way to
//! get them. Joins and sorts over millions of text ids cost more than everything else in a nightly run. So ids become
//! numbers first: users and batches are read into directories, enrolments and progress shrink to a few bytes a row, and
//! only those are sorted. The details of a user are looked up when a row is written, a chunk of rows at a time.
//!
//! Batches are divided into parts, which are ranges of batch ids. A part is sorted, deduplicated and merged when it is
//! read. Parts depend on the data alone, so output that is written part by part is the same for any number of threads.

mod batches;
mod bounds;
mod details;
mod fingerprints;
mod load;
mod part;
mod pieces;
mod rows;
mod shared_texts;
mod tables;
mod users;
mod uuids;

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::streaming::PartitionStream;
use tokio::sync::OnceCell;

use super::ReportBatch;
use super::error::ReportError;
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;
pub use batches::Batches;
pub use bounds::Bounds;
use details::{Details, DetailsBuilder};
#[cfg(feature = "cluster")]
pub use load::{USER_TABLES, batches as listed_batches, columns_of};
use part::Shared;
pub use part::{Part, details_schema};
use pieces::Pieces;
use rows::Progress;
pub use tables::Tables;
#[cfg(feature = "cluster")]
pub use users::user_columns;
use users::{RankedUsers, Users, detail_columns};

/// Average enrolments of a part: few enough to sort within the processor's caches, enough to fill Parquet row groups.
const PART_ROWS: u64 = 200_000;
/// The largest number of parts; more would be many small files.
const MOST_PARTS: u64 = 4_096;

/// The reports in scope, ready to be read part by part.
pub struct Assembly {
    /// Every batch in scope that has a report, ordered by id.
    pub batches: Vec<ReportBatch>,
    /// For each part, the number of batches in it and all parts before it.
    pub part_ends: Vec<usize>,
    /// For each part, the estimated number of rows.
    pub part_sizes: Vec<usize>,
    /// For each part, its sections.
    pub sections: Vec<Vec<Section>>,
    /// The parts, which give the rows of `enrolment_details`, each sorted by batch and user.
    pub parts: Vec<Arc<Part>>,
}

/// A range of batches whose rows are one file of the report mart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Counted over all reports of a run.
    pub number: usize,
    /// Positions among the batches in scope.
    pub batches: Range<usize>,
}

impl Assembly {
    /// The rows of `enrolment_details`, one partition a part.
    pub fn details(&self) -> Vec<Arc<dyn PartitionStream>> {
        let parts = self.parts.iter().map(Arc::clone);
        parts.map(|part| part as Arc<dyn PartitionStream>).collect()
    }

    /// The same as a table.
    pub fn details_table(&self) -> Result<Arc<dyn TableProvider>, ReportError> {
        let table = StreamingTable::try_new(details_schema(), self.details());
        Ok(Arc::new(table.map_err(EngineError::running("the reports' rows"))?))
    }
}

/// Which reports to assemble.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    Everything,
    /// Reports of batches in this range of ids; only the rows that they need are kept.
    Range(&'a IdRange),
    /// The report of this batch; only the rows that it needs are kept.
    OneBatch(&'a BatchId),
    /// The reports of these batches; only the rows that they need are kept.
    Batches(&'a [BatchId]),
}

/// A range of batch ids: greater than `after` and at most `up_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdRange {
    /// The exclusive lower bound.
    pub after: Option<String>,
    /// The inclusive upper bound.
    pub up_to: Option<String>,
}

/// Where the details of users are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsPlace {
    Memory,
    TemporaryFile,
}

/// All users of the snapshot. Their details are read at first use, while other tables are read.
pub struct Everybody {
    users: Arc<Users>,
    table: &'static str,
    place: DetailsPlace,
    details: OnceCell<Arc<Details>>,
}

impl Everybody {
    /// Reads the ids of all users. Details will be stored in memory.
    pub async fn read(tables: &dyn Tables) -> Result<Self, ReportError> {
        let (users, table) = load::users(tables).await?;
        Ok(Self {
            users,
            table,
            place: DetailsPlace::Memory,
            details: OnceCell::new(),
        })
    }

    /// The same, with details stored in `place`.
    pub fn with_details_in(self, place: DetailsPlace) -> Self {
        Self { place, ..self }
    }

    /// Bytes of memory that the ids take.
    pub fn allocation_size(&self) -> usize {
        self.users.allocation_size()
    }

    async fn details(&self, tables: &dyn Tables) -> Result<Arc<Details>, ReportError> {
        let details = self.details.get_or_try_init(|| self.read_details(tables)).await?;
        Ok(Arc::clone(details))
    }

    async fn read_details(&self, tables: &dyn Tables) -> Result<Arc<Details>, ReportError> {
        let columns = detail_columns().map(|(_, sharing)| sharing);
        let builder = match self.place {
            DetailsPlace::Memory => DetailsBuilder::in_memory(self.users.len(), columns),
            DetailsPlace::TemporaryFile => {
                let folder = tables.temp_folder();
                let made = DetailsBuilder::in_file(self.users.len(), columns, folder).map_err(DataFusionError::IoError);
                made.map_err(EngineError::running(format!(
                    "the details of users, in {}",
                    folder.display()
                )))?
            }
        };
        let builder = builder.with_fingerprints();
        Ok(Arc::new(load::details(tables, self.table, &self.users, builder).await?))
    }
}

/// Reads the enrolments and the progress in scope and divides them into parts.
pub async fn assemble(
    tables: &dyn Tables,
    scope: Scope<'_>,
    everybody: &Everybody,
    batches: Batches,
    parts: Range<usize>,
) -> Result<Assembly, ReportError> {
    let enrolled = load::enrolment_rows(tables, scope).await?;
    let progress = load::progress_rows(tables, scope).await?;
    let rows = numbered(enrolled, progress, Arc::clone(&everybody.users), batches);
    let (rows, details) = tokio::try_join!(rows, everybody.details(tables))?;
    in_parts(rows, details, parts)
}

/// The reports of some batches, in one part. The result has the batches that the snapshot has.
pub async fn assemble_some(tables: &dyn Tables, batches: &[BatchId]) -> Result<Assembly, ReportError> {
    let scope = match batches {
        [batch] => Scope::OneBatch(batch),
        batches => Scope::Batches(batches),
    };
    let batches = Batches::within(load::batches(tables, scope).await?, Arc::default());
    let (enrolled, progress) = (
        load::enrolment_rows(tables, scope).await?,
        load::progress_rows(tables, scope).await?,
    );
    let enrolled_users = async {
        let rows = load::gathered(enrolled, "table enrolments").await?;
        let named = load::named_users(tables, &rows)?;
        let (users, details) = load::wanted_users(tables, named).await?;
        Ok((rows, users, details))
    };
    // Progress is read while one thread is idle, as the other tables have no work left for it.
    let progress = load::gathered(progress, "table course_progress");
    let ((enrolled, users, details), progress) = tokio::try_join!(enrolled_users, progress)?;
    let rows = numbered(one_stream(enrolled)?, one_stream(progress)?, users, batches).await?;
    in_parts(rows, details, 0..1)
}

/// Record batches as the only partition of a table.
fn one_stream(rows: Vec<RecordBatch>) -> Result<Vec<SendableRecordBatchStream>, ReportError> {
    let Some(schema) = rows.first().map(RecordBatch::schema) else {
        return Ok(Vec::new());
    };
    let stream = MemoryStream::try_new(rows, schema, None).map_err(EngineError::running("rows in memory"))?;
    Ok(vec![Box::pin(stream)])
}

/// Enrolments and progress with numbers in place of ids, by part.
struct Numbered {
    enrolments: load::Enrolments,
    progress: Vec<Pieces<Progress>>,
}

async fn numbered(
    enrolled: Vec<SendableRecordBatchStream>,
    progress: Vec<SendableRecordBatchStream>,
    users: Arc<Users>,
    batches: Batches,
) -> Result<Numbered, ReportError> {
    let enrolments = load::enrolments(enrolled, users, batches).await?;
    let progress = load::progress(progress, &enrolments).await?;
    Ok(Numbered { enrolments, progress })
}

fn in_parts(numbered: Numbered, details: Arc<Details>, parts: Range<usize>) -> Result<Assembly, ReportError> {
    let Numbered { enrolments, progress } = numbered;
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
    let users = RankedUsers::new(users, details, strangers);
    let before = batches.end_of_part(parts.start.checked_sub(1));
    let part_ends: Vec<usize> = parts
        .clone()
        .map(|part| batches.end_of_part(Some(part)) - before)
        .collect();
    report_batches.drain(..before);
    report_batches.truncate(part_ends.last().copied().unwrap_or(0));
    let sections: Vec<Vec<(usize, Range<u32>)>> = parts.clone().map(|part| batches.sections_of_part(part)).collect();
    let shared = Arc::new(Shared::new(users, batches));
    let rows: Vec<_> = rows
        .into_iter()
        .zip(progress)
        .skip(parts.start)
        .take(parts.len())
        .collect();
    let part_sizes = rows.iter().map(|(enrolments, _)| enrolments.len()).collect();
    let in_sections = rows
        .into_iter()
        .zip(&sections)
        .map(|((enrolments, progress), sections)| {
            let by_rank = sections.iter().map(|(_, batches)| batches.clone()).collect();
            Arc::new(Part::new(Arc::clone(&shared), by_rank, enrolments, progress))
        });
    let parts = in_sections.collect();
    let in_scope = |batches: &Range<u32>| batches.start as usize - before..batches.end as usize - before;
    let section = |(number, batches): &(usize, Range<u32>)| Section {
        number: *number,
        batches: in_scope(batches),
    };
    Ok(Assembly {
        batches: report_batches,
        part_ends,
        part_sizes,
        sections: sections.iter().map(|part| part.iter().map(section).collect()).collect(),
        parts,
    })
}

/// The directory of the batches in the table, divided into the parts of a run over all reports.
pub async fn batches_in_parts(catalog: &Catalog) -> Result<Batches, ReportError> {
    let listed = load::batches(catalog, Scope::Everything).await?;
    let rows = rows_to_report(catalog);
    let part_count = usize::try_from(rows.div_ceil(PART_ROWS).clamp(1, MOST_PARTS)).unwrap_or(1);
    let bounds = Bounds::dividing(&listed, rows, part_count);
    Ok(Batches::within(listed, Arc::new(bounds)))
}

/// About as many rows as all reports have.
fn rows_to_report(catalog: &Catalog) -> u64 {
    let rows_of = |table: &str| -> u64 {
        let files = catalog.inputs.iter().filter(|input| input.table == table);
        files.map(|input| input.inspected.rows).sum()
    };
    let exported = rows_of("enrolments");
    // With a staging mapping, one of the raw tables holds the enrolments.
    if exported > 0 {
        exported
    } else {
        let of_files = catalog.inputs.iter().map(|input| input.inspected.rows);
        of_files.max().unwrap_or(0)
    }
}
