//! The reports of all batches, in parts that can be read at the same time.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};

use super::error::ReportError;
use super::memory_groups;
use crate::catalog::Catalog;
use crate::details::{
    AllUsers, Assembly, Batches, Bounds, EnrolmentCounts, Fingerprint, Part, ReportBatch, Scope, Section, assemble,
    batches_in_parts, read_batches,
};
use crate::engine::EngineError;

/// The reports of all batches, in groups that fit into memory one after the other.
pub struct AllReports<'a> {
    catalog: &'a Catalog,
    source: Source,
}

enum Source {
    /// Groups of parts that are still to be assembled.
    Assembled {
        all_users: Box<AllUsers>,
        batches: Batches,
        groups: VecDeque<Range<usize>>,
    },
    /// A single group, made by SQL queries; false once it has been taken.
    Queried(bool),
}

/// A group of reports. Each part holds the rows of a range of batches, ordered by batch and User ID.
pub struct ReportGroup {
    /// Every batch of the group that has a report, also those without enrolments, ordered by id.
    pub batches: Vec<ReportBatch>,
    /// The counts of the query of enrolments, where all rows were read to assemble this group.
    pub enrolments: Option<EnrolmentCounts>,
    division: Division,
    largest_first: Vec<usize>,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

/// The batches of a group, and how they are divided.
pub struct GroupBatches {
    batches: Vec<ReportBatch>,
    part_sizes: Vec<usize>,
    division: Division,
}

struct Division {
    part_ends: Vec<usize>,
    sections: Vec<Vec<Section>>,
    /// The assembled parts; none where the queries run.
    assembled: Vec<Arc<Part>>,
}

impl From<Assembly> for GroupBatches {
    fn from(assembly: Assembly) -> Self {
        Self {
            batches: assembly.batches,
            part_sizes: assembly.part_sizes,
            division: Division {
                part_ends: assembly.part_ends,
                sections: assembly.sections,
                assembled: assembly.parts,
            },
        }
    }
}

impl GroupBatches {
    /// All batches in one part, whose rows a query gives.
    fn queried(batches: Vec<ReportBatch>, bounds: &Bounds) -> Self {
        let mut start = 0;
        let sections = (0..bounds.section_count()).map(|number| {
            let end = match bounds.last_ids_of_sections().get(number) {
                Some(last) => batches.partition_point(|batch| batch.batch_id <= *last),
                None => batches.len(),
            };
            let section = Section {
                number,
                batches: start..end,
            };
            start = end;
            section
        });
        let division = Division {
            sections: vec![sections.collect()],
            part_ends: vec![batches.len()],
            assembled: Vec::new(),
        };
        Self {
            batches,
            part_sizes: vec![0],
            division,
        }
    }
}

impl<'a> AllReports<'a> {
    /// Divides the reports into groups.
    ///
    /// # Errors
    /// The batches or users cannot be read, or the memory limit does not suffice.
    pub async fn prepare(catalog: &'a Catalog) -> Result<Self, ReportError> {
        let source = if catalog.has_usual_reports().await {
            let batches = batches_in_parts(catalog, catalog.rows_to_report()).await?;
            let all_users = AllUsers::read(catalog).await?;
            let division = memory_groups::within_memory(catalog, &batches, all_users.allocation_size()).await?;
            let (groups, place) = (division.groups, division.details);
            tracing::info!(
                "{} groups, {} parts, details in {place:?}",
                groups.len(),
                batches.part_count()
            );
            Source::Assembled {
                all_users: Box::new(all_users.with_details_in(place)),
                batches,
                groups,
            }
        } else {
            tracing::info!("the report queries run as they are: the site has its own, or consent is required");
            Source::Queried(true)
        };
        Ok(Self { catalog, source })
    }

    /// The next group, with the tables that its parts share read. The group before should be dropped first, to free its
    /// memory.
    ///
    /// # Errors
    /// The exports cannot be read, or the memory limit does not suffice.
    pub async fn next_group(&mut self) -> Result<Option<ReportGroup>, ReportError> {
        match &mut self.source {
            Source::Assembled {
                all_users,
                batches,
                groups,
            } => match groups.pop_front() {
                Some(parts) => Ok(Some(assembled_group(self.catalog, all_users, batches, parts).await?)),
                None => Ok(None),
            },
            Source::Queried(is_left) => match std::mem::take(is_left) {
                true => Ok(Some(queried_group(self.catalog).await?)),
                false => Ok(None),
            },
        }
    }
}

async fn assembled_group(
    catalog: &Catalog,
    all_users: &AllUsers,
    batches: &Batches,
    parts: Range<usize>,
) -> Result<ReportGroup, ReportError> {
    let ids = batches.ids_of(parts.clone());
    let is_everything = parts.len() == batches.part_count();
    let scope = if is_everything {
        Scope::Everything
    } else {
        Scope::Range(&ids)
    };
    let assembly = assemble(catalog, scope, all_users, batches.as_listed(), parts.clone()).await?;
    let details = assembly.details_table()?;
    let rows = catalog
        .query_over("reports/course_progress_report", "enrolment_details", details)
        .await?;
    let is_counted = is_everything && counts_while_reading(catalog).await;
    let enrolments = is_counted.then_some(assembly.enrolments);
    let group = ReportGroup::new(assembly.into(), rows).await?;
    Ok(ReportGroup { enrolments, ..group })
}

/// Whether assembling all reports gives the counts of [`count_enrolments`] too: the built-in query must define them.
pub async fn counts_while_reading(catalog: &Catalog) -> bool {
    catalog.has_usual_reports().await && catalog.are_built_in(&[ENROLMENT_COUNTS])
}

async fn queried_group(catalog: &Catalog) -> Result<ReportGroup, ReportError> {
    let in_order = catalog
        .query("reports/batches_in_order", |parameters| parameters)
        .await?;
    let in_order = in_order.collect().await;
    let batches = read_batches(&in_order.map_err(EngineError::running("the list of batches"))?)?;
    let rows = catalog.query("reports/all_reports", |parameters| parameters).await?;
    let in_parts = batches_in_parts(catalog, catalog.rows_to_report()).await?;
    ReportGroup::new(GroupBatches::queried(batches, in_parts.bounds()), rows).await
}

impl ReportGroup {
    async fn new(batches: GroupBatches, rows: DataFrame) -> Result<Self, ReportError> {
        let context = Arc::new(rows.task_ctx());
        let plan = rows
            .create_physical_plan()
            .await
            .map_err(EngineError::running(ALL_REPORTS))?;
        Ok(Self::over(batches, plan, context))
    }

    /// The reports of these batches, whose parts are the partitions of `plan`.
    pub(super) fn over(batches: GroupBatches, plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Self {
        let sizes = batches.part_sizes;
        let mut largest_first: Vec<usize> = (0..batches.division.part_ends.len()).collect();
        largest_first.sort_by_key(|&part| Reverse(sizes[part]));
        Self {
            batches: batches.batches,
            enrolments: None,
            division: batches.division,
            largest_first,
            plan,
            context,
        }
    }

    /// The number of parts.
    pub fn part_count(&self) -> usize {
        self.division.part_ends.len()
    }

    /// The parts with the largest first, so that small ones are left at the end and no writer waits long for another.
    pub fn largest_first(&self) -> &[usize] {
        &self.largest_first
    }

    /// The batches of a part of this group.
    pub fn batches_of_part(&self, part: usize) -> &[ReportBatch] {
        let ends = &self.division.part_ends;
        let start = part.checked_sub(1).map_or(0, |previous| ends[previous]);
        &self.batches[start..ends[part]]
    }

    /// The sections of a part of this group, in order; their batches are positions among those of the group.
    pub fn sections_of_part(&self, part: usize) -> &[Section] {
        &self.division.sections[part]
    }

    /// The fingerprints of the batches of a part, in order; none where SQL queries make the rows, which are not known
    /// in advance.
    pub fn fingerprints_of_part(&self, part: usize) -> Option<Vec<Fingerprint>> {
        let part = self.division.assembled.get(part)?;
        Some(part.fingerprints())
    }

    /// The rows of a part of this group. Where rows are assembled, only those of the `wanted` sections. A part can be
    /// read once.
    ///
    /// # Errors
    /// The report query cannot be planned over the part.
    pub fn rows_of_part(&self, part: usize, wanted: Vec<bool>) -> Result<SendableRecordBatchStream, ReportError> {
        if let Some(assembled) = self.division.assembled.get(part) {
            assembled.want(wanted);
        }
        let (plan, context) = (Arc::clone(&self.plan), Arc::clone(&self.context));
        let rows = if self.part_count() == 1 {
            execute_stream(plan, context)
        } else {
            plan.execute(part, context)
        };
        Ok(rows.map_err(EngineError::running(ALL_REPORTS))?)
    }
}

/// The query that counts the rows of `enrolments`.
const ENROLMENT_COUNTS: &str = "reports/enrolment_counts";

/// The name of the work in error messages.
pub const ALL_REPORTS: &str = "the Course Progress Reports of all batches";

/// Counts the rows of `enrolments` by what becomes of them.
///
/// # Errors
/// The query fails.
pub async fn count_enrolments(catalog: &Catalog) -> Result<EnrolmentCounts, ReportError> {
    let frame = catalog.query(ENROLMENT_COUNTS, |parameters| parameters).await?;
    let rows = frame
        .collect()
        .await
        .map_err(EngineError::running("counting enrolments"))?;
    Ok(EnrolmentCounts {
        read: number(&rows, "rows_read")?,
        without_user_id: number(&rows, "without_user_id")?,
        without_batch_id: number(&rows, "without_batch_id")?,
        not_active: number(&rows, "not_active")?,
    })
}

/// The number in the first row of a query's answer.
pub(super) fn number(rows: &[RecordBatch], name: &'static str) -> Result<u64, ReportError> {
    let column = rows.first().and_then(|rows| rows.column_by_name(name));
    let numbers = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let value = numbers.ok_or(ReportError::MissingColumn(name))?.value(0);
    Ok(u64::try_from(value).unwrap_or(0))
}
