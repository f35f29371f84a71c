//! The reports of all batches, in parts that can be read at the same time.

use std::ops::{Add, Range};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};

use super::assembly::{Scope, assemble};
use super::can_assemble;
use super::error::ReportError;
use crate::catalog::Catalog;
use crate::engine::EngineError;

/// One batch that has a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBatch {
    pub batch_id: String,
    /// None where the snapshot does not know it.
    pub course_id: Option<String>,
    /// None where the snapshot does not know it.
    pub tenant_id: Option<String>,
}

/// What became of the rows of `enrolments` before any report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnrolmentCounts {
    pub read: u64,
    pub without_user_id: u64,
    pub without_batch_id: u64,
    pub not_active: u64,
}

impl Add for EnrolmentCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            without_user_id: self.without_user_id + other.without_user_id,
            without_batch_id: self.without_batch_id + other.without_batch_id,
            not_active: self.not_active + other.not_active,
        }
    }
}

/// The reports of all batches. Each part holds the rows of a range of batches, ordered by batch and User ID.
pub struct AllReports {
    /// Every batch that has a report, also those without enrolments, ordered by id.
    pub batches: Vec<ReportBatch>,
    pub counts: EnrolmentCounts,
    part_ends: Vec<usize>,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl AllReports {
    /// Makes the reports ready to be read: everything is read and joined as far as parts share it.
    pub async fn prepare(catalog: &Catalog) -> Result<Self, ReportError> {
        if can_assemble(catalog) {
            Self::assembled(catalog).await
        } else {
            tracing::info!("the site has its own report queries; they run as they are");
            Self::queried(catalog).await
        }
    }

    async fn assembled(catalog: &Catalog) -> Result<Self, ReportError> {
        let assembly = assemble(catalog, Scope::AllBatches).await?;
        let rows = catalog
            .query_over("reports/course_progress_report", "enrolment_details", Arc::new(assembly.details))
            .await?;
        let context = Arc::new(rows.task_ctx());
        let plan = rows.create_physical_plan().await.map_err(EngineError::running(ALL_REPORTS))?;
        Ok(Self {
            batches: assembly.batches,
            counts: assembly.counts,
            part_ends: assembly.part_ends,
            plan,
            context,
        })
    }

    async fn queried(catalog: &Catalog) -> Result<Self, ReportError> {
        let batches = read_batches(catalog.query("reports/batches_in_order", |parameters| parameters).await?).await?;
        let rows = catalog.query("reports/all_reports", |parameters| parameters).await?;
        let context = Arc::new(rows.task_ctx());
        let plan = rows.create_physical_plan().await.map_err(EngineError::running(ALL_REPORTS))?;
        Ok(Self {
            part_ends: vec![batches.len()],
            batches,
            counts: count_enrolments(catalog).await?,
            plan,
            context,
        })
    }

    /// The number of parts.
    pub fn part_count(&self) -> usize {
        self.part_ends.len()
    }

    /// The places in `batches` of the batches of a part.
    pub fn batches_of_part(&self, part: usize) -> Range<usize> {
        let start = part.checked_sub(1).map_or(0, |previous| self.part_ends[previous]);
        start..self.part_ends[part]
    }

    /// The rows of a part. A part is read once.
    pub fn rows_of_part(&self, part: usize) -> Result<SendableRecordBatchStream, ReportError> {
        let (plan, context) = (Arc::clone(&self.plan), Arc::clone(&self.context));
        let rows = if self.part_count() == 1 {
            execute_stream(plan, context)
        } else {
            plan.execute(part, context)
        };
        Ok(rows.map_err(EngineError::running(ALL_REPORTS))?)
    }
}

/// What errors say was being made.
pub const ALL_REPORTS: &str = "the Course Progress Reports of all batches";

/// The batches of a query that gives `batch_id`, `course_id` and `tenant_id`, in its order.
pub async fn read_batches(frame: DataFrame) -> Result<Vec<ReportBatch>, ReportError> {
    let rows = frame.collect().await.map_err(EngineError::running("the list of batches"))?;
    let mut all = Vec::new();
    for batch in &rows {
        let texts = |name: &'static str| {
            let texts = batch.column_by_name(name).and_then(|column| column.as_string_view_opt());
            texts.ok_or(ReportError::MissingColumn(name))
        };
        let (ids, courses, tenants) = (texts("batch_id")?, texts("course_id")?, texts("tenant_id")?);
        for ((id, course), tenant) in ids.iter().zip(courses).zip(tenants) {
            all.push(ReportBatch {
                batch_id: id.unwrap_or_default().to_owned(),
                course_id: course.map(str::to_owned),
                tenant_id: tenant.map(str::to_owned),
            });
        }
    }
    Ok(all)
}

async fn count_enrolments(catalog: &Catalog) -> Result<EnrolmentCounts, ReportError> {
    let frame = catalog.query("reports/enrolment_counts", |parameters| parameters).await?;
    let rows = frame.collect().await.map_err(EngineError::running("counting enrolments"))?;
    Ok(EnrolmentCounts {
        read: number(&rows, "rows_read")?,
        without_user_id: number(&rows, "without_user_id")?,
        without_batch_id: number(&rows, "without_batch_id")?,
        not_active: number(&rows, "not_active")?,
    })
}

fn number(rows: &[RecordBatch], name: &'static str) -> Result<u64, ReportError> {
    let column = rows.first().and_then(|rows| rows.column_by_name(name));
    let numbers = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let value = numbers.ok_or(ReportError::MissingColumn(name))?.value(0);
    Ok(u64::try_from(value).unwrap_or(0))
}
