//! Rows in spill files of few columns each, so that a reading takes the columns that it needs.
//!
//! A spill file is read to its end, and every text in it is validated, whatever is used of it. Where several readings
//! take different columns of wide rows, that is most of their work. Texts that repeat are dictionaries in the files
//! (`repeated_texts`), for the same reason; readers get texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SpillFile, TaskContext};
use datafusion::physical_plan::SpillManager;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::repeated_texts::{dictionary_of, dictionary_type, has_repeated_texts, texts_of};

/// What the spill files are for, in error messages of the engine.
const PURPOSE: &str = "rows that are read more than once";

/// The files of all partitions together, unless there are more partitions: each is an open file of the process, whose
/// number the operating system limits.
const MOST_FILES: usize = 64;

/// How the columns of rows are divided among the files of a partition.
#[derive(Debug, Clone)]
pub struct ColumnFiles {
    schema: SchemaRef,
    /// The number of columns in each file; the last may have fewer.
    width: usize,
    /// For each column, whether its texts are dictionaries in the files. The first rows of a partition decide it for
    /// the partition.
    are_dictionaries: Vec<bool>,
}

impl ColumnFiles {
    /// For rows of `schema` in `partitions` partitions.
    pub fn new(schema: &SchemaRef, partitions: usize) -> Self {
        let files_a_partition = (MOST_FILES / partitions.max(1)).max(1);
        Self {
            schema: Arc::clone(schema),
            width: schema.fields().len().div_ceil(files_a_partition).max(1),
            are_dictionaries: vec![false; schema.fields().len()],
        }
    }

    /// Writes the rows, whose types must be those of the schema; `None` where there are none.
    ///
    /// # Errors
    /// Where the rows fail, or a file cannot be written.
    pub async fn write(
        mut self,
        mut rows: SendableRecordBatchStream,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Option<SpilledRows>> {
        let mut writers = Vec::new();
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            if count == 0 {
                let repeated: Result<Vec<bool>> = batch.columns().iter().map(has_repeated_texts).collect();
                self.are_dictionaries = repeated?;
                for number in 0..self.schema.fields().len().div_ceil(self.width) {
                    let spill = self.spill(number, &runtime)?;
                    writers.push(spill.create_in_progress_file(PURPOSE)?);
                }
            }
            count += batch.num_rows();
            for (number, writer) in writers.iter_mut().enumerate() {
                writer.append_batch(&self.written(number, &batch)?)?;
            }
        }
        let mut files = Vec::with_capacity(writers.len());
        for mut writer in writers {
            files.extend(writer.finish()?);
        }
        let layout = self;
        Ok((count > 0).then_some(SpilledRows { layout, files, count }))
    }

    /// The columns in file `number` of each partition.
    fn columns(&self, number: usize) -> Vec<usize> {
        let end = self.schema.fields().len().min((number + 1) * self.width);
        (number * self.width..end).collect()
    }

    fn spill(&self, number: usize, runtime: &Arc<RuntimeEnv>) -> Result<SpillManager> {
        let metrics = SpillMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        Ok(SpillManager::new(
            Arc::clone(runtime),
            metrics,
            self.file_schema(number),
        ))
    }

    /// The schema of file `number` of each partition.
    fn file_schema(&self, number: usize) -> SchemaRef {
        let fields = self.columns(number).into_iter().map(|place| -> Field {
            let field = self.schema.field(place).clone();
            match self.are_dictionaries[place] {
                true => field.with_data_type(dictionary_type()),
                false => field,
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The columns of `rows` that file `number` has, encoded as they are in the file.
    fn written(&self, number: usize, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.columns(number).into_iter().map(|place| -> Result<ArrayRef> {
            let column = rows.column(place);
            let texts = column.as_string_view_opt().filter(|_| self.are_dictionaries[place]);
            let written: ArrayRef = match texts {
                Some(texts) => Arc::new(dictionary_of(texts)?),
                None => Arc::clone(column),
            };
            Ok(written)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        Ok(RecordBatch::try_new(self.file_schema(number), columns)?)
    }

    /// A column of the schema, decoded from the column of a file.
    fn read(&self, place: usize, column: &ArrayRef) -> Result<ArrayRef> {
        match self.are_dictionaries[place] {
            true => texts_of(column),
            false => Ok(Arc::clone(column)),
        }
    }
}

/// The rows of one partition in files, which are removed with the value.
pub struct SpilledRows {
    layout: ColumnFiles,
    files: Vec<Arc<dyn SpillFile>>,
    /// The number of rows.
    pub count: usize,
}

impl SpilledRows {
    /// The size of the files in bytes, where it is known.
    pub fn bytes(&self) -> Option<u64> {
        self.files.iter().map(|file| file.size()).sum()
    }

    /// The number of files.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Reads as [`Self::read`] does, and adds the files to `spilled`, the metrics of the plan node that reads: EXPLAIN
    /// ANALYZE shows them there, though they were written earlier or by another node.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_in_node(
        &self,
        projection: Option<&[usize]>,
        context: &TaskContext,
        spilled: &SpillMetrics,
    ) -> Result<SendableRecordBatchStream> {
        spilled.spill_file_count.add(self.files());
        spilled.spilled_rows.add(self.count);
        let bytes = self.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        spilled.spilled_bytes.add(bytes.unwrap_or_default());
        self.read(projection, context)
    }

    /// Reads the columns at the places `projection` of the schema, all where it is `None`, in the order of writing.
    ///
    /// # Errors
    /// Where there is no such column, or a file cannot be read.
    pub fn read(&self, projection: Option<&[usize]>, context: &TaskContext) -> Result<SendableRecordBatchStream> {
        let places = match projection {
            Some(places) => places.to_vec(),
            None => (0..self.layout.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.layout.schema.project(&places)?);
        if places.is_empty() {
            return Ok(without_columns(
                schema,
                self.count,
                context.session_config().batch_size(),
            ));
        }
        let width = self.layout.width;
        let numbers: BTreeSet<usize> = places.iter().map(|place| place / width).collect();
        // Every file that is read but the last has `width` columns.
        let read_before = |place: usize| numbers.range(..place / width).count() * width;
        let chosen = places
            .iter()
            .map(|&place| (place, read_before(place) + place % width))
            .collect();
        let runtime = context.runtime_env();
        let mut files = Vec::with_capacity(numbers.len());
        for &number in &numbers {
            let Some(file) = self.files.get(number) else {
                return internal_err!("there is no file {number} of rows that are read more than once");
            };
            let spill = self.layout.spill(number, &runtime)?;
            files.push(spill.read_spill_as_stream(Arc::clone(file), None)?);
        }
        let layout = self.layout.clone();
        let reading = Reading {
            files,
            layout,
            chosen,
            schema: Arc::clone(&schema),
        };
        let batches = futures::stream::try_unfold(reading, |mut reading| async move {
            let batch = reading.next_batch().await?;
            Ok::<_, DataFusionError>(batch.map(|batch| (batch, reading)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// Some columns of the rows in `files`, whose batches have the same rows.
struct Reading {
    files: Vec<SendableRecordBatchStream>,
    layout: ColumnFiles,
    /// The place of each column in the layout, and among all columns of the files.
    chosen: Vec<(usize, usize)>,
    schema: SchemaRef,
}

impl Reading {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut columns = Vec::new();
        let mut ended = 0;
        for file in &mut self.files {
            match file.try_next().await? {
                Some(batch) => columns.extend_from_slice(batch.columns()),
                None => ended += 1,
            }
        }
        if ended == self.files.len() {
            return Ok(None);
        }
        if ended > 0 {
            return internal_err!("a file of rows that are read more than once ends before the others");
        }
        let chosen = self.chosen.iter();
        let columns = chosen.map(|&(place, among_read)| self.layout.read(place, &columns[among_read]));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }
}

/// `count` rows without columns, in batches.
fn without_columns(schema: SchemaRef, count: usize, rows_a_batch: usize) -> SendableRecordBatchStream {
    let rows_a_batch = rows_a_batch.max(1);
    let of_batches = Arc::clone(&schema);
    let batches = (0..count).step_by(rows_a_batch).map(move |start| {
        let rows = rows_a_batch.min(count - start);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&of_batches), Vec::new(), &options)?;
        Ok::<_, DataFusionError>(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches)))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{BooleanArray, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Two batches of columns of three types; the text of number 2 is NULL.
    fn batches() -> Vec<RecordBatch> {
        let batch = |numbers: Vec<i64>| {
            let texts = numbers.iter().map(|number| match number {
                2 => None,
                number => Some(format!("a text that is no view by itself: {number}")),
            });
            let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
            let even = numbers.iter().map(|number| Some(number % 2 == 0));
            let even: ArrayRef = Arc::new(even.collect::<BooleanArray>());
            let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
            RecordBatch::try_from_iter_with_nullable([
                ("number", numbers, true),
                ("text", texts, true),
                ("even", even, true),
            ])
        };
        vec![batch(vec![1, 2]).expect("rows"), batch(vec![3]).expect("rows")]
    }

    async fn written(partitions: usize, batches: Vec<RecordBatch>, context: &TaskContext) -> Option<SpilledRows> {
        let schema = self::batches()[0].schema();
        let rows = futures::stream::iter(batches.into_iter().map(Ok::<_, DataFusionError>));
        let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        let layout = ColumnFiles::new(&schema, partitions);
        layout.write(rows, context.runtime_env()).await.expect("written")
    }

    async fn read(rows: &SpilledRows, projection: Option<&[usize]>, context: &TaskContext) -> Vec<RecordBatch> {
        let batches = rows.read(projection, context).expect("a reader");
        batches.try_collect().await.expect("rows")
    }

    #[tokio::test]
    async fn any_columns_are_read_in_any_order_however_many_are_in_a_file() {
        let context = SessionContext::new().task_ctx();
        // 64 files at most: one for each column, for two of them, for all.
        for (partitions, files) in [(1, 3), (32, 2), (64, 1), (200, 1)] {
            let rows = written(partitions, batches(), &context).await.expect("rows");
            assert_eq!((rows.count, rows.files()), (3, files));
            assert!(rows.bytes().is_some_and(|bytes| bytes > 0));
            assert_eq!(read(&rows, None, &context).await, batches());
            for projection in [vec![0], vec![1], vec![2], vec![2, 0], vec![1, 2], vec![2, 1, 0]] {
                let expected = batches().into_iter().map(|batch| batch.project(&projection));
                let expected: Vec<RecordBatch> = expected.collect::<Result<_, _>>().expect("columns");
                assert_eq!(read(&rows, Some(&projection), &context).await, expected);
            }
            assert!(rows.read(Some(&[3]), &context).is_err());
        }
    }

    #[tokio::test]
    async fn several_readers_read_at_the_same_time() {
        let context = SessionContext::new().task_ctx();
        let rows = written(2, batches(), &context).await.expect("rows");
        let (one, other) = futures::join!(read(&rows, Some(&[0]), &context), read(&rows, Some(&[0, 1]), &context));
        assert_eq!(one[0].column(0), other[0].column(0));
        assert_eq!(one[1].column(0).as_primitive::<Int64Type>().value(0), 3);
    }

    #[tokio::test]
    async fn rows_are_counted_without_columns() {
        let context = SessionContext::new().task_ctx();
        let rows = written(1, batches(), &context).await.expect("rows");
        let counted = read(&rows, Some(&[]), &context).await;
        assert_eq!(counted.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
        assert!(counted.iter().all(|batch| batch.num_columns() == 0));
    }

    #[tokio::test]
    async fn repeated_texts_take_little_space_and_are_the_same_whatever_follows() {
        let context = SessionContext::new().task_ctx();
        let batch = |batch: usize, distinct: usize| {
            let texts = (0..1000).map(|row| match row % 100 {
                0 => None,
                row_of_text => Some(format!(
                    "id {batch} of a course: {}",
                    row * 1000 % distinct + row_of_text % 10
                )),
            });
            let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
            RecordBatch::try_from_iter_with_nullable([("course", texts, true), ("number", numbers, true)])
        };
        // The first rows repeat ten texts, the last have hardly any that repeats.
        let given: Vec<RecordBatch> = [(1, 1), (2, 1), (3, 999_983)]
            .map(|(number, distinct)| batch(number, distinct).expect("rows"))
            .into();
        let rows = futures::stream::iter(given.clone().into_iter().map(Ok::<_, DataFusionError>));
        let rows = Box::pin(RecordBatchStreamAdapter::new(given[0].schema(), rows));
        let layout = ColumnFiles::new(&given[0].schema(), 1);
        let rows = layout.write(rows, context.runtime_env()).await.expect("written");
        let rows = rows.expect("rows");
        assert_eq!(rows.layout.are_dictionaries, [true, false]);
        assert_eq!(read(&rows, None, &context).await, given);
        let courses = read(&rows, Some(&[0]), &context).await;
        assert_eq!(courses[2].column(0), given[2].column(0));
        // As views, each text is 16 bytes and itself, some 120,000 bytes with the numbers.
        assert!(rows.bytes().is_some_and(|bytes| bytes < 90_000), "{:?}", rows.bytes());
    }

    #[tokio::test]
    async fn no_rows_are_no_files() {
        let context = SessionContext::new().task_ctx();
        assert!(written(1, Vec::new(), &context).await.is_none());
        let none = batches()[0].slice(0, 0);
        assert!(written(1, vec![none], &context).await.is_none());
    }
}
