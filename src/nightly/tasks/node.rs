//! The plan node by which the tasks of a cluster write reports.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, Partitioning,
    PlanProperties,
};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::super::error::NightlyError;
use super::super::incremental::{Earlier, EarlierOutput, Incremental};
use super::super::layout;
use super::super::manifest::FileEntry;
use super::super::parts::{PartWriting, write_part};
use super::TaskOutput;
use crate::files::{StagedOutput, make_folder};
use crate::nightly::Progress;
use crate::report::shares::share;
use crate::report::{CsvStyle, ReportGroup};

/// The output column with a manifest entry as JSON.
pub const FILES: &str = "file";
/// The output column that tells whether the file was taken over.
pub const TAKEN: &str = "taken";
/// The output column that tells whether it is a report that was taken over and compared with one made anew.
pub const COMPARED: &str = "compared";

/// Writes the reports of the parts in a partition of its input. Gives a row for each file.
#[derive(Clone)]
pub struct WriteReports {
    /// The plan of the report rows, of [`share_out`](crate::report::shares::share_out).
    reports: Arc<dyn ExecutionPlan>,
    pub style: CsvStyle,
    pub output: TaskOutput,
    /// The output that files are taken over from.
    pub earlier: Option<EarlierOutput>,
    /// The same, opened once for all partitions of a task.
    opened: Arc<OnceCell<Option<Arc<Earlier>>>>,
    /// Folder of a task's temporary files; set on executors only.
    folder: Option<PathBuf>,
    properties: Arc<PlanProperties>,
}

impl WriteReports {
    /// A node that writes to `output`.
    pub fn new(
        reports: Arc<dyn ExecutionPlan>,
        style: CsvStyle,
        output: TaskOutput,
        earlier: Option<EarlierOutput>,
    ) -> Self {
        Self::over(reports, style, (output, earlier), None)
    }

    pub fn over(
        reports: Arc<dyn ExecutionPlan>,
        style: CsvStyle,
        (output, earlier): (TaskOutput, Option<EarlierOutput>),
        folder: Option<PathBuf>,
    ) -> Self {
        let partitions = reports.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            reports,
            style,
            output,
            earlier,
            opened: Arc::default(),
            folder,
            properties: Arc::new(properties),
        }
    }

    /// Writes the files of a partition, part by part.
    async fn write(
        self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let Some(folder) = self.folder.clone() else {
            return internal_err!("reports are written by executors");
        };
        let reports = share(&self.reports, partition, &context).await;
        let reports = Arc::new(reports.map_err(|error| failed(error.into()))?);
        let staged = self.output.stage(&folder).map_err(failed)?;
        let incremental = Arc::new(self.incremental(&staged, &folder).await.map_err(failed)?);
        let parts = (0..reports.part_count()).filter(|&part| !reports.batches_of_part(part).is_empty());
        let written = futures::stream::iter(parts.collect::<Vec<_>>());
        let output = self.output.clone();
        let written = written.then(move |part| {
            let writing = PartWriting {
                staged: staged.clone(),
                style: self.style.clone(),
                incremental: Arc::clone(&incremental),
                progress: Arc::new(Unwatched),
            };
            write_part_of(self.output.clone(), Arc::clone(&reports), part, writing).boxed()
        });
        // The driver's sync does not cover the write-back cache of this machine.
        let settled = futures::stream::once(async move {
            output.settle().await.map_err(failed)?;
            rows(&[], &Incremental::default())
        });
        Ok(written.chain(settled).boxed())
    }

    /// The incremental state of this task.
    async fn incremental(&self, staged: &StagedOutput, folder: &Path) -> Result<Incremental, NightlyError> {
        let Some(named) = &self.earlier else {
            return Ok(Incremental::default());
        };
        match self.opened.get_or_init(|| named.open()).await {
            None => Ok(Incremental::default()),
            Some(earlier) => Incremental::of_task(Arc::clone(earlier), named, &self.output, staged, folder),
        }
    }
}

async fn write_part_of(
    output: TaskOutput,
    reports: Arc<ReportGroup>,
    part: usize,
    writing: PartWriting,
) -> Result<RecordBatch> {
    let PartWriting {
        staged, incremental, ..
    } = &writing;
    make_folder(&staged.path().join(layout::MART)).map_err(|error| failed(error.into()))?;
    let written = write_part(&reports, part, &writing).await.map_err(failed)?;
    let files: Vec<FileEntry> = written.csv.into_iter().chain(written.mart).collect();
    output.take(staged, &files, incremental).await.map_err(failed)?;
    rows(&files, incremental)
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(FILES, DataType::Utf8, false),
        Field::new(TAKEN, DataType::Boolean, false),
        Field::new(COMPARED, DataType::Boolean, false),
    ]))
}

fn rows(files: &[FileEntry], incremental: &Incremental) -> Result<RecordBatch> {
    let entries: std::result::Result<Vec<String>, _> = files.iter().map(serde_json::to_string).collect();
    let entries = entries.map_err(|error| DataFusionError::External(error.into()))?;
    let taken: BooleanArray = files.iter().map(|file| Some(incremental.has_taken(file))).collect();
    let compared: BooleanArray = files.iter().map(|file| Some(incremental.has_compared(file))).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(entries)),
        Arc::new(taken),
        Arc::new(compared),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// The error for the scheduler. It retries a task, perhaps on another executor, where the cause was an I/O error.
fn failed(error: NightlyError) -> DataFusionError {
    match &error {
        NightlyError::Upload { .. } | NightlyError::Unwritable { .. } | NightlyError::DiskFull(_) => {
            DataFusionError::IoError(std::io::Error::other(error.to_string()))
        }
        _ => DataFusionError::External(Box::new(error)),
    }
}

/// A progress receiver that ignores progress: tasks of a cluster show none.
struct Unwatched;

impl Progress for Unwatched {
    fn stage(&self, _name: &'static str) {}
    fn batches(&self, _more: u64) {}
    fn batches_written(&self, _more: u64) {}
}

impl fmt::Debug for WriteReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteReports")
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for WriteReports {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "WriteReports: output={:?}", self.output)
    }
}

impl ExecutionPlan for WriteReports {
    fn name(&self) -> &str {
        "WriteReports"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.reports]
    }

    /// The partitions of the input are those of its exchanges.
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::UnspecifiedDistribution])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    crate::engine::without_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([reports]) = <[_; 1]>::try_from(children) else {
            return internal_err!("WriteReports has one input");
        };
        let Self {
            style,
            output,
            earlier,
            folder,
            ..
        } = Arc::unwrap_or_clone(self);
        Ok(Arc::new(Self::over(reports, style, (output, earlier), folder)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let written = futures::stream::once(self.clone().write(partition, context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema(), written)))
    }
}
