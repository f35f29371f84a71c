//! The table `enrolment_details`: assembles the sorted rows of some reports or of all without joining or sorting text.
//!
//! The rows are those of `queries/reports/enrolment_details.sql`; the query defines them, this module is a fast way to
//! get them. Joins and sorts over millions of text ids cost more than everything else in a nightly run. So ids become
//! numbers first: users and batches are read into directories, enrolments and progress shrink to a few bytes a row, and
//! only those are sorted. The details of a user are looked up when a row is written, a chunk of rows at a time.
//!
//! Batches are divided into parts, which are ranges of batch ids. A part is sorted, deduplicated and merged when it is
//! read. Parts depend on the data alone, so output that is written part by part is the same for any number of threads.
//!
//! Rows of which no column is about the user need no directory of users and have no order: see `without_users`.

mod batch_lookup;
mod batches;
mod chunk;
mod columns;
mod enrolment_counts;
mod error;
mod fingerprint;
mod fingerprints;
mod load;
mod node;
mod part;
mod part_bounds;
mod planned;
mod records;
mod row_list;
mod row_memory;
mod rows;
mod scope;
mod shared_texts;
mod table;
mod tables;
mod tenants;
mod user_keys;
mod user_rows;
mod users;
mod uuid_sieve;
mod uuids;
mod without_users;

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

use crate::engine::EngineError;
pub use batches::{Batches, ReportBatch, read_batches};
use columns::Wanted;
pub use columns::details_schema;
pub use enrolment_counts::EnrolmentCounts;
pub use error::DetailsError;
pub use fingerprint::{Fingerprint, FingerprintBuilder};
#[cfg(feature = "cluster")]
pub use load::{USER_TABLES, batches as listed_batches, columns_of};
pub use part::Part;
use part::Shared;
pub use part_bounds::Bounds;
#[cfg(feature = "cluster")]
pub use planned::TablePlan;
use records::{Details, DetailsBuilder};
use row_list::RowList;
use row_memory::RowMemory;
use rows::Progress;
pub use rows::{ENROLMENT_BYTES, PROGRESS_BYTES};
pub use scope::Scope;
pub use table::{EnrolmentDetails, Sources};
pub use tables::Tables;
use tenants::TenantCondition;
#[cfg(feature = "cluster")]
pub use users::user_columns;
use users::{RankedUsers, Sharing, Users, detail_columns};

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
    /// The counts of the rows of `enrolments` in scope.
    pub enrolments: EnrolmentCounts,
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
    ///
    /// # Errors
    /// The parts have other columns than the table.
    pub fn details_table(&self) -> Result<Arc<dyn TableProvider>, DetailsError> {
        let table = StreamingTable::try_new(details_schema(), self.details());
        Ok(Arc::new(table.map_err(EngineError::running("the reports' rows"))?))
    }
}

/// Where the details of users are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailsPlace {
    /// In memory.
    Memory,
    /// In a temporary file, from which they are read row by row.
    TemporaryFile,
}

/// All users of the snapshot. Their details are read at first use, while other tables are read.
pub struct AllUsers {
    users: Arc<Users>,
    table: &'static str,
    place: DetailsPlace,
    wanted: Wanted,
    takes_fingerprints: bool,
    details: OnceCell<Arc<Details>>,
}

impl AllUsers {
    /// Reads the ids of all users. Details will be stored in memory, all of them, with their fingerprints.
    ///
    /// # Errors
    /// The table cannot be read, or has more users than numbers of 32 bits.
    pub async fn read(tables: &dyn Tables) -> Result<Self, DetailsError> {
        let (users, table) = load::users(tables).await?;
        Ok(Self {
            users,
            table,
            place: DetailsPlace::Memory,
            wanted: Wanted::all(),
            takes_fingerprints: true,
            details: OnceCell::new(),
        })
    }

    /// The same, with the details of these columns alone, without fingerprints, and rows of these columns.
    pub fn with_columns(self, wanted: Wanted) -> Self {
        Self {
            wanted,
            takes_fingerprints: false,
            ..self
        }
    }

    /// The same, with details stored in `place`.
    pub fn with_details_in(self, place: DetailsPlace) -> Self {
        Self { place, ..self }
    }

    /// Bytes of memory that the ids take.
    pub fn allocation_size(&self) -> usize {
        self.users.allocation_size()
    }

    async fn details(&self, tables: &dyn Tables) -> Result<Arc<Details>, DetailsError> {
        let details = self.details.get_or_try_init(|| self.read_details(tables)).await?;
        Ok(Arc::clone(details))
    }

    async fn read_details(&self, tables: &dyn Tables) -> Result<Arc<Details>, DetailsError> {
        let (texts, count) = (self.wanted.texts(), self.users.len());
        let columns = sharing_of(&texts);
        let builder = match self.place {
            DetailsPlace::Memory => DetailsBuilder::in_memory(count, columns),
            DetailsPlace::TemporaryFile => {
                let folder = tables.temp_folder();
                let made = DetailsBuilder::in_file(count, columns, folder).map_err(DataFusionError::IoError);
                made.map_err(EngineError::running(format!(
                    "the details of users, in {}",
                    folder.display()
                )))?
            }
        };
        let builder = match self.takes_fingerprints {
            true => builder.with_fingerprints(),
            false => builder,
        };
        Ok(Arc::new(
            load::details(tables, self.table, &texts, &self.users, builder).await?,
        ))
    }
}

/// Whether the values of these columns of `users` are shared.
fn sharing_of(texts: &[&'static str]) -> impl Iterator<Item = Sharing> {
    let wanted = detail_columns().filter(|(name, _)| texts.contains(name));
    wanted.map(|(_, sharing)| sharing)
}

/// Reads the enrolments and the progress in scope and divides them into parts.
pub async fn assemble(
    tables: &dyn Tables,
    scope: Scope<'_>,
    all_users: &AllUsers,
    batches: Batches,
    parts: Range<usize>,
) -> Result<Assembly, DetailsError> {
    assemble_within(tables, scope, all_users, batches, parts, &RowMemory::default()).await
}

/// The same, with the rows accounted for in `memory` while they are read.
async fn assemble_within(
    tables: &dyn Tables,
    scope: Scope<'_>,
    all_users: &AllUsers,
    batches: Batches,
    parts: Range<usize>,
    memory: &RowMemory,
) -> Result<Assembly, DetailsError> {
    let wanted = &all_users.wanted;
    let enrolled = load::enrolment_rows(tables, scope).await?;
    let progress = load::progress_rows(tables, scope, wanted).await?;
    let rows = numbered(enrolled, progress, Arc::clone(&all_users.users), batches, memory);
    let (rows, details) = tokio::try_join!(rows, all_users.details(tables))?;
    in_parts(rows, details, parts, wanted.clone())
}

/// The reports of few batches, whose rows are all that the tables give of these tenants, in one part, with these columns.
/// The rows are accounted for in `memory` while they are read.
async fn assemble_some(
    tables: &dyn Tables,
    wanted: &Wanted,
    tenants: Option<&TenantCondition>,
    memory: &RowMemory,
) -> Result<Assembly, DetailsError> {
    let scope = Scope::Everything;
    // Until users and batches are known, the rows have their ids.
    let unnumbered = RowMemory::within(&tables.memory_pool());
    let (enrolled, progress) = (
        load::enrolment_rows(tables, scope).await?,
        load::progress_rows(tables, scope, wanted).await?,
    );
    let enrolled_users = async {
        let rows = load::gathered(enrolled, "table enrolments", &unnumbered).await?;
        let named = load::named_users(tables, &rows)?;
        let (users, details) = load::wanted_users(tables, named, &wanted.texts()).await?;
        Ok((rows, users, details))
    };
    // Batches and progress are read while one thread is idle, as the other tables have no work left for it.
    let (batches, progress) = (
        load::batches(tables, scope),
        load::gathered(progress, "table course_progress", &unnumbered),
    );
    let ((enrolled, users, details), progress, batches) = tokio::try_join!(enrolled_users, progress, batches)?;
    let batches = Batches::within(batches, Arc::default()).of_tenants(tenants)?;
    let rows = numbered(streams_of(enrolled)?, streams_of(progress)?, users, batches, memory).await?;
    in_parts(rows, details, 0..1, wanted.clone())
}

/// Record batches as the partitions of a table, one each, so that several are numbered at the same time.
fn streams_of(rows: Vec<RecordBatch>) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
    let stream = |rows: RecordBatch| -> Result<SendableRecordBatchStream, DetailsError> {
        let schema = rows.schema();
        let stream = MemoryStream::try_new(vec![rows], schema, None).map_err(EngineError::running("rows in memory"))?;
        Ok(Box::pin(stream))
    };
    rows.into_iter().map(stream).collect()
}

/// Enrolments and progress with numbers in place of ids, by part.
struct Numbered {
    enrolments: load::Enrolments,
    progress: Vec<RowList<Progress>>,
}

async fn numbered(
    enrolled: Vec<SendableRecordBatchStream>,
    progress: Vec<SendableRecordBatchStream>,
    users: Arc<Users>,
    batches: Batches,
    memory: &RowMemory,
) -> Result<Numbered, DetailsError> {
    let enrolments = load::enrolments(enrolled, users, batches, memory).await?;
    let progress = load::progress(progress, &enrolments, memory).await?;
    Ok(Numbered { enrolments, progress })
}

fn in_parts(
    numbered: Numbered,
    details: Arc<Details>,
    parts: Range<usize>,
    wanted: Wanted,
) -> Result<Assembly, DetailsError> {
    let Numbered { enrolments, progress } = numbered;
    let load::Enrolments {
        users,
        unknown_users,
        batches,
        rows,
        counts,
    } = enrolments;
    let (batches, mut report_batches) = Arc::try_unwrap(batches)
        .map_err(|_| EngineError::Lost("batches"))?
        .ranked();
    let unknown_users = Arc::try_unwrap(unknown_users).map_err(|_| EngineError::Lost("users"))?;
    let users = RankedUsers::new(users, details, unknown_users);
    let before = batches.end_of_part(parts.start.checked_sub(1));
    let part_ends: Vec<usize> = parts
        .clone()
        .map(|part| batches.end_of_part(Some(part)) - before)
        .collect();
    report_batches.drain(..before);
    report_batches.truncate(part_ends.last().copied().unwrap_or(0));
    let sections: Vec<Vec<(usize, Range<u32>)>> = parts.clone().map(|part| batches.sections_of_part(part)).collect();
    let shared = Arc::new(Shared::new(users, batches, wanted));
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
        enrolments: counts,
        parts,
    })
}

/// The directory of the batches in the table, divided into the parts of a run over all reports, which have about `rows`
/// rows.
pub async fn batches_in_parts(tables: &dyn Tables, rows: u64) -> Result<Batches, DetailsError> {
    let listed = load::batches(tables, Scope::Everything).await?;
    let bounds = Bounds::dividing(&listed, rows, part_count(rows));
    Ok(Batches::within(listed, Arc::new(bounds)))
}

/// The largest number of parts for `rows` rows.
fn part_count(rows: u64) -> usize {
    usize::try_from(rows.div_ceil(PART_ROWS).clamp(1, MOST_PARTS)).unwrap_or(1)
}
