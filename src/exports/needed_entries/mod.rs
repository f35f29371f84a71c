//! A scan of exported files that reads of the maps in a column only the entries that are needed.
//!
//! A mapping may count the entries of one value in maps of many entries, and not in all rows. Its declaration
//! (`needed_entries` in `mapping.toml`) says which entries; all others may be missing in what its queries read, and mostly
//! are. They are never missing for other readers of the table.

mod entries;
mod files;
mod leaf;
mod runs;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use self::entries::leaves_of;
use self::files::FilesOfPartition;
use super::dictionary_keys::{has_dictionary_keys, with_dictionary_keys};
use super::inspect::InspectedFile;

/// The entries of the maps in a column that queries need; their keys are read as dictionaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededEntries {
    /// The column of maps of texts to integers of four bytes.
    pub column: String,
    /// The value of the needed entries.
    pub value: i32,
    /// A column of timestamps: in rows where it is not NULL, no entries are needed.
    pub unless: Option<String>,
}

impl NeededEntries {
    /// Whether a scan whose rows have the schema `read` can leave out other entries of `files`: it has the maps with
    /// dictionaries as keys, and the column `unless`, and the files have all columns in these types.
    pub fn can_be_read_alone<'a>(&self, read: &Schema, files: impl IntoIterator<Item = &'a InspectedFile>) -> bool {
        let has_maps = read
            .field_with_name(&self.column)
            .is_ok_and(|field| has_dictionary_keys(field.data_type()) && has_small_integers(field.data_type()));
        let has_times = self.unless.as_ref().is_none_or(|unless| {
            let field = read.field_with_name(unless);
            field.is_ok_and(|field| matches!(field.data_type(), DataType::Timestamp(_, _)))
        });
        let is_as_read = |file: &InspectedFile| {
            let mut fields = read.fields().iter();
            let are_types_equal = fields.all(|field| match file.exported(field.name()) {
                Some(exported) if *field.name() == self.column => {
                    with_dictionary_keys(exported.data_type()).as_ref() == Some(field.data_type())
                }
                Some(exported) => exported.data_type() == field.data_type(),
                None => *field.name() != self.column && !file.folder_columns().any(|column| column == field.name()),
            });
            let has_leaves = file.footer.cached().is_some_and(|footer| {
                let schema = footer.file_metadata().schema_descr();
                leaves_of(schema, &self.column).is_some()
            });
            are_types_equal && has_leaves
        };
        has_maps && has_times && files.into_iter().all(is_as_read)
    }
}

/// Whether the values of a map are integers of four bytes.
fn has_small_integers(map: &DataType) -> bool {
    let DataType::Map(entries, _) = map else {
        return false;
    };
    match entries.data_type() {
        DataType::Struct(fields) => fields.get(1).is_some_and(|value| value.data_type() == &DataType::Int32),
        _ => false,
    }
}

/// The rows of a scan, without entries of maps that are not needed.
///
/// It reads the files of the scan itself. Where the optimizer has given the scan a filter or a limit, or has put something
/// above it, the scan runs as it is.
#[derive(Debug)]
pub struct NeededEntriesExec {
    needed: Arc<NeededEntries>,
    scan: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl NeededEntriesExec {
    /// Reads the rows of `scan`, of which [`NeededEntries::can_be_read_alone`] holds.
    pub fn new(needed: Arc<NeededEntries>, scan: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            needed,
            scan,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same node above another scan.
    fn over(&self, scan: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(Arc::clone(&self.needed), scan)
    }

    /// The files of a partition, and how they are read; `None` where the scan has to read them.
    fn files(&self, partition: usize, context: &TaskContext) -> Option<(FilesOfPartition, Vec<PartitionedFile>)> {
        let scan = self.scan.downcast_ref::<DataSourceExec>()?;
        let (config, source) = scan.downcast_to_file_source::<ParquetSource>()?;
        if config.limit.is_some() || source.filter().is_some() {
            return None;
        }
        let files = config.file_groups.get(partition)?.files().to_vec();
        let counter = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        let reading = FilesOfPartition {
            factory: Arc::clone(source.parquet_file_reader_factory()?),
            partition,
            metrics: self.metrics.clone(),
            memory: Arc::clone(context.memory_pool()),
            schema: self.schema(),
            needed: Arc::clone(&self.needed),
            rows_a_batch: context.session_config().batch_size(),
            read_by_need: counter("row_groups_by_need"),
            read_whole: counter("row_groups_whole"),
        };
        Some((reading, files))
    }
}

impl DisplayAs for NeededEntriesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let NeededEntries { column, value, unless } = self.needed.as_ref();
        write!(f, "NeededEntriesExec: {column}, value={value}")?;
        match unless {
            Some(unless) => write!(f, ", unless={unless}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for NeededEntriesExec {
    fn name(&self) -> &str {
        "NeededEntriesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        // The scan itself is divided, by `repartitioned`: rows that are divided above it cannot be read here.
        vec![false]
    }

    crate::plan_nodes::one_input!(scan);

    fn repartitioned(
        &self,
        target_partitions: usize,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let scan = self.scan.repartitioned(target_partitions, config)?;
        Ok(scan.map(|scan| Arc::new(self.over(scan)) as Arc<dyn ExecutionPlan>))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some((reading, files)) = self.files(partition, &context) else {
            return self.scan.execute(partition, context);
        };
        let rows = RecordBatchStreamAdapter::new(self.schema(), reading.rows(files));
        Ok(Box::pin(cooperative(rows)))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    crate::plan_nodes::statistics_of_input!();
}
