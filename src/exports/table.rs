//! A DataFusion table over a fixed list of Parquet files.
//!
//! Canonical tables are converted to the contract's types and normalised (blank text is NULL); raw tables are not.
//! Files with the same physical types share one scan. Filters that compare a column with a constant are pushed down to
//! the Parquet reader, which skips row groups and pages by their statistics.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{
    ColumnStatistics, DFSchema, DataFusionError, Result, ScalarValue, Statistics, project_schema,
};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use super::blank::is_blank;
use super::contract::Table;
use super::dictionary_keys::has_dictionary_keys;
use super::estimates::estimates;
use super::footer::KnownFooters;
use super::inspect::InspectedFile;
use super::json_columns::{JsonColumns, JsonScan};
use super::needed_entries::{NeededEntries, NeededEntriesExec};
use super::row_filter::{leaves_few_rows, rows_at_a_time};
use super::rows::{ExportedRowsExec, OutputColumn};
use super::small_files::{RowsWanted, SmallFiles};
use crate::ids::SnapshotDate;
use crate::zone::Zone;

/// A table of one snapshot, or of several.
#[derive(Debug)]
pub struct SnapshotTable {
    name: Arc<str>,
    store: ObjectStoreUrl,
    /// The schema that queries see.
    schema: SchemaRef,
    contract: Option<Table>,
    /// The files, grouped by the physical types of their columns.
    shapes: Vec<(Shape, Vec<ScannedFile>)>,
    zone: Zone,
    /// The cache of rows for a table of many small files, where it is used.
    small_files: Option<SmallFiles>,
    /// The columns whose texts must be JSON, checked as they are read.
    json: Option<Arc<JsonColumns>>,
    /// The entries of a column of maps that are needed, where others may be missing.
    needed_entries: Option<Arc<NeededEntries>>,
    /// The table as the queries of mappings read it, where that differs.
    for_mappings: Option<Arc<SnapshotTable>>,
}

/// What is asked of a scan.
struct Asked<'a> {
    output: SchemaRef,
    filters: &'a [Expr],
    limit: Option<usize>,
    json: Option<Arc<JsonScan>>,
}

/// A file, with its day where the table has a column [`SNAPSHOT_DATE`].
#[derive(Debug, Clone)]
struct ScannedFile {
    file: InspectedFile,
    date: Option<SnapshotDate>,
}

/// The physical types of a table's columns in some files.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    /// The columns in the files, as a scan returns them.
    of_files: Vec<FieldRef>,
    /// The columns that come from the names of folders.
    of_folders: Vec<String>,
    has_sound_statistics: bool,
    /// What is known of the values of `of_files`, from the first scan on.
    estimates: OnceLock<Vec<ColumnStatistics>>,
}

/// The column with the day of the export that a row comes from.
pub const SNAPSHOT_DATE: &str = "snapshot_date";

impl SnapshotTable {
    /// The rows of `files` in `store` as the contract's `table`; dates are those of `zone`.
    pub fn canonical(table: Table, store: ObjectStoreUrl, files: Vec<InspectedFile>, zone: Zone) -> Self {
        let files = files.into_iter().map(|file| ScannedFile { file, date: None }).collect();
        Self::new(table.name(), store, table.schema(), Some(table), files, zone)
    }

    /// The rows of `files` of several days, with a column [`SNAPSHOT_DATE`].
    pub fn of_days(table: Table, store: ObjectStoreUrl, files: Vec<(SnapshotDate, InspectedFile)>, zone: Zone) -> Self {
        let with_date = |(date, file)| ScannedFile { file, date: Some(date) };
        let files = files.into_iter().map(with_date).collect();
        let table = Self::new(table.name(), store, schema_of_days(table), Some(table), files, zone);
        table.release_bytes();
        table
    }

    /// The rows of `files` without normalisation, under `schema`, which has the columns of all files.
    pub fn raw(name: &str, store: ObjectStoreUrl, schema: SchemaRef, files: Vec<InspectedFile>, zone: Zone) -> Self {
        let files = files.into_iter().map(|file| ScannedFile { file, date: None }).collect();
        Self::new(name, store, schema, None, files, zone)
    }

    fn new(
        name: &str,
        store: ObjectStoreUrl,
        schema: SchemaRef,
        contract: Option<Table>,
        files: Vec<ScannedFile>,
        zone: Zone,
    ) -> Self {
        let mut shapes: Vec<(Shape, Vec<ScannedFile>)> = Vec::new();
        for file in files {
            let last = shapes.last().and_then(|(_, files)| files.last());
            // Many files usually come from one writer, so the last shape is compared first.
            if last.is_some_and(|last| is_written_alike(&file.file, &last.file))
                && let Some((_, files)) = shapes.last_mut()
            {
                files.push(file);
                continue;
            }
            let shape = match contract {
                Some(table) => Shape::of_contract(table, &file.file),
                None => Shape::of_raw(&schema, &file.file),
            };
            match shapes.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, files)) => files.push(file),
                None => shapes.push((shape, vec![file])),
            }
        }
        Self {
            name: name.into(),
            store,
            schema,
            contract,
            shapes,
            zone,
            small_files: None,
            json: None,
            needed_entries: None,
            for_mappings: None,
        }
    }

    /// The same table, whose texts in some columns are checked to be JSON as they are read.
    pub fn checking_json(mut self, json: Option<Arc<JsonColumns>>) -> Self {
        self.json = json;
        self
    }

    /// The same table, in which entries of a column of maps may be missing that are not needed.
    pub fn needing_entries(mut self, needed: Option<NeededEntries>) -> Self {
        self.needed_entries = needed.map(Arc::new);
        self
    }

    /// The same table with another one of the same rows, which the queries of mappings read in its place.
    pub fn with_table_for_mappings(mut self, table: Option<Arc<Self>>) -> Self {
        self.for_mappings = table;
        self
    }

    /// The table that the queries of mappings read in place of this one.
    pub fn for_mappings(&self) -> Option<&Arc<Self>> {
        self.for_mappings.as_ref()
    }

    /// The same table with a cache of rows in memory, where its files or row groups are many and small.
    pub fn caching_small_files(mut self) -> Self {
        let are_small = SmallFiles::are(self.files().map(|file| &file.file));
        let is_one_day = self.files().all(|file| file.date.is_none());
        self.small_files = (are_small && is_one_day).then(SmallFiles::default);
        if self.small_files.is_none() {
            self.release_bytes();
        }
        self
    }

    /// Frees the cached bytes of small files; their rows are then read like those of all others.
    pub fn release_bytes(&self) {
        self.files().for_each(|file| drop(file.file.footer.take_whole()));
    }

    fn files(&self) -> impl Iterator<Item = &ScannedFile> {
        self.shapes.iter().flat_map(|(_, files)| files)
    }

    /// The cached rows of the table; `None` where it is not cached.
    async fn cached_rows(&self, session: &dyn Session) -> Result<Option<&[RecordBatch]>> {
        let Some(small_files) = &self.small_files else {
            return Ok(None);
        };
        let runtime = session.runtime_env();
        let store = runtime.object_store(&self.store)?;
        let wanted = RowsWanted {
            schema: Arc::clone(&self.schema),
            contract: self.contract,
            zone: self.zone.clone(),
        };
        let files = self.files().map(|file| file.file.clone());
        let tasks = session.config().target_partitions();
        Ok(small_files
            .rows(files, &store, &wanted, &runtime.memory_pool, tasks)
            .await)
    }

    /// Plans the scan of the files of one shape.
    fn scan_shape(
        &self,
        shape: &Shape,
        files: &[ScannedFile],
        asked: &Asked<'_>,
        session: &dyn Session,
    ) -> Result<ExportedRowsExec> {
        let has_days = files.iter().any(|file| file.date.is_some());
        let schema = shape.table_schema(has_days);
        let of_scan = Arc::clone(schema.table_schema());
        let mut columns = OutputColumn::all(&asked.output, &of_scan, self.contract);
        let projection = asked.projection(&mut columns, &of_scan);
        let statistics = shape.statistics_of(files, &of_scan);
        let filters: Vec<&Expr> = asked
            .filters
            .iter()
            .filter(|filter| shape.has_sound_statistics && narrows_files(filter) && self.is_as_in_files(filter, shape))
            .collect();
        let first = files.first().and_then(|file| file.file.footer.cached());
        let few_rows = first.is_some_and(|footer| leaves_few_rows(filters.iter().copied(), &footer));
        let filter = conjunction(filters.into_iter().cloned());
        let options = session.table_options().parquet.clone();
        let mut source = ParquetSource::new(schema)
            .with_table_parquet_options(options)
            .with_pushdown_filters(few_rows);
        let store = session.runtime_env().object_store(&self.store)?;
        let dictionary_keys = shape
            .of_files
            .iter()
            .filter(|field| has_dictionary_keys(field.data_type()));
        let is_on_disk = self.store.as_str().starts_with("file:");
        let footers = KnownFooters::new(store, is_on_disk, filter.is_some());
        let footers = footers.with_dictionary_keys(dictionary_keys.map(|field| field.name().clone()));
        source = source.with_parquet_file_reader_factory(Arc::new(footers));
        if let Some(filter) = filter {
            let of_scan = DFSchema::try_from(of_scan)?;
            source = source.with_predicate(session.create_physical_expr(filter, &of_scan)?);
        }
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(vec![FileGroup::new(
                files.iter().map(|file| file.partitioned(shape)).collect(),
            )])
            .with_statistics(statistics)
            .with_projection_indices(Some(projection))?
            .with_limit(asked.limit)
            .with_batch_size(few_rows.then(|| rows_at_a_time(session.config().batch_size())))
            .build();
        let scan = self.with_needed_entries(files, asked, DataSourceExec::from_data_source(config));
        let (output, zone) = (Arc::clone(&asked.output), self.zone.clone());
        Ok(ExportedRowsExec::new(&self.name, columns.into(), output, zone, scan))
    }

    /// A scan without entries of maps that are not needed, where they can be left out of its files.
    fn with_needed_entries(
        &self,
        files: &[ScannedFile],
        asked: &Asked<'_>,
        scan: Arc<dyn ExecutionPlan>,
    ) -> Arc<dyn ExecutionPlan> {
        let is_one_day = files.iter().all(|file| file.date.is_none());
        let inspected = files.iter().map(|file| &file.file);
        let needed = self
            .needed_entries
            .as_ref()
            .filter(|needed| is_one_day && asked.json.is_none() && needed.can_be_read_alone(&scan.schema(), inspected));
        match needed {
            Some(needed) => Arc::new(NeededEntriesExec::new(Arc::clone(needed), scan)),
            None => scan,
        }
    }

    /// Whether the columns of a filter have the same type in the files and in the table, so that it may be pushed down
    /// as it is. Floats are excluded: statistics ignore NaN, which the engine orders above all numbers.
    fn is_as_in_files(&self, filter: &Expr, shape: &Shape) -> bool {
        filter.column_refs().iter().all(|column| {
            let seen = self.schema.field_with_name(&column.name).ok();
            let written = shape.of_files.iter().find(|field| *field.name() == column.name);
            seen.zip(written).is_some_and(|(seen, written)| {
                seen.data_type() == written.data_type() && !may_hold_nan(written.data_type())
            })
        })
    }
}

impl Asked<'_> {
    /// The columns to be read, by their places in the files' schema `of_files`; `columns` get their places among these.
    fn projection(&self, columns: &mut [OutputColumn], of_files: &Schema) -> Vec<usize> {
        let mut projection = Vec::with_capacity(columns.len() + 1);
        for column in columns {
            let index = column.input;
            column.input = index.map(|_| projection.len());
            projection.extend(index);
        }
        // Remarks on JSON name a row by its id.
        let id = self.json.as_ref().and_then(|json| of_files.index_of(json.id()?).ok());
        if let Some(id) = id.filter(|id| !projection.contains(id)) {
            projection.push(id);
        }
        projection
    }
}

/// A cheap test whether two files have the same [`Shape`]; false does not mean that they differ.
fn is_written_alike(file: &InspectedFile, other: &InspectedFile) -> bool {
    Arc::ptr_eq(&file.schema, &other.schema) && file.has_sound_statistics == other.has_sound_statistics
}

/// Whether the type is a float, or contains one.
fn may_hold_nan(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => may_hold_nan(value),
        other => other.is_floating() || other.is_nested(),
    }
}

/// The columns of a table of several days.
pub fn schema_of_days(table: Table) -> SchemaRef {
    let date = Arc::new(Field::new(SNAPSHOT_DATE, DataType::Date32, false));
    let fields: Vec<FieldRef> = table.schema().fields().iter().cloned().chain([date]).collect();
    Arc::new(Schema::new(fields))
}

impl Shape {
    /// The shape of a file of a canonical table.
    fn of_contract(table: Table, file: &InspectedFile) -> Self {
        let of_files = table.columns().iter().filter_map(|column| {
            let field = file.exported(column.name)?;
            let read_as = Field::new(column.name, read_as(field.data_type()), true);
            Some(Arc::new(read_as.with_metadata(field.metadata().clone())))
        });
        let is_wanted = |name: &&String| table.column(name).is_some();
        Self {
            of_files: of_files.collect(),
            of_folders: file.folder_columns().filter(is_wanted).cloned().collect(),
            has_sound_statistics: file.has_sound_statistics,
            estimates: OnceLock::new(),
        }
    }

    /// The shape of a file of a raw table, whose columns are read with the types of `schema`.
    fn of_raw(schema: &Schema, file: &InspectedFile) -> Self {
        let is_folder = |name: &String| file.folder_columns().any(|column| column == name);
        Self {
            of_files: schema
                .fields()
                .iter()
                .filter(|field| !is_folder(field.name()))
                .cloned()
                .collect(),
            of_folders: file.folder_columns().cloned().collect(),
            has_sound_statistics: file.has_sound_statistics,
            estimates: OnceLock::new(),
        }
    }

    /// The statistics of the rows of `files` under `schema`, which has the columns of the files before those of their
    /// folders.
    fn statistics_of(&self, files: &[ScannedFile], schema: &Schema) -> Statistics {
        let footers = files.iter().map(|file| file.file.footer.cached());
        let of_files = self.estimates.get_or_init(|| estimates(&self.of_files, footers));
        let mut statistics = statistics_of(files, schema);
        for (column, known) in statistics.column_statistics.iter_mut().zip(of_files) {
            *column = known.clone();
        }
        statistics
    }

    fn table_schema(&self, has_days: bool) -> TableSchema {
        let folders = self
            .of_folders
            .iter()
            .map(|name| Field::new(name, DataType::Utf8, true));
        let date = has_days.then(|| Field::new(SNAPSHOT_DATE, DataType::Date32, false));
        TableSchema::builder(Arc::new(Schema::new(self.of_files.clone())))
            .with_table_partition_cols(folders.chain(date).map(Arc::new).collect::<Vec<_>>())
            .build()
    }
}

impl ScannedFile {
    /// The file for the scan, with the partition values of its folders.
    fn partitioned(&self, shape: &Shape) -> PartitionedFile {
        let mut file = PartitionedFile::new_from_meta(self.file.object.clone());
        let value = |name: &String| {
            let partition = self.file.partitions.iter().find(|partition| partition.column == *name);
            ScalarValue::Utf8(partition.and_then(|partition| partition.value.clone()))
        };
        file.partition_values = shape.of_folders.iter().map(value).collect();
        let date = self
            .date
            .map(|date| ScalarValue::Date32(Some(date.day().to_epoch_days())));
        file.partition_values.extend(date);
        file.extensions.insert_arc(Arc::clone(&self.file.footer));
        file
    }
}

/// The type that a column of a file is read as: views for text and bytes, to avoid copies, and plain values for
/// dictionaries. Bytes are not read as text, because the reader would not validate them.
pub fn read_as(exported: &DataType) -> DataType {
    match exported {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::Dictionary(_, value) => read_as(value),
        other => other.clone(),
    }
}

fn statistics_of<'a>(files: impl IntoIterator<Item = &'a ScannedFile>, schema: &Schema) -> Statistics {
    let (mut rows, mut bytes) = (0, 0);
    for ScannedFile { file, .. } in files {
        rows += file.rows;
        bytes += file.uncompressed_bytes;
    }
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
    statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
    statistics
}

impl SnapshotTable {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let output = project_schema(&self.schema, projection)?;
        let json = match &self.json {
            Some(json) => json.of_scan(&output)?,
            None => None,
        };
        if let Some(rows) = self.cached_rows(session).await? {
            if let Some(json) = &json {
                rows.iter().try_for_each(|rows| json.count(rows))?;
            }
            let schema = Arc::clone(&self.schema);
            return Ok(MemorySourceConfig::try_new_exec(
                &[rows.to_vec()],
                schema,
                projection.cloned(),
            )?);
        }
        let asked = Asked {
            output: Arc::clone(&output),
            filters,
            limit,
            json,
        };
        let scans = self
            .shapes
            .iter()
            .enumerate()
            .map(|(number, (shape, files))| {
                let rows = self.scan_shape(shape, files, &asked, session)?;
                let json = asked.json.clone().map(|json| (json, number));
                Ok::<Arc<dyn ExecutionPlan>, DataFusionError>(Arc::new(rows.counting(json)))
            })
            .collect::<Result<Vec<_>>>()?;
        match <[_; 1]>::try_from(scans) {
            Ok([scan]) => Ok(scan),
            Err(none) if none.is_empty() => Ok(Arc::new(EmptyExec::new(output))),
            Err(several) => UnionExec::try_new(several),
        }
    }
}

impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(statistics_of(self.files(), &self.schema))
    }

    crate::scans::scan_in_own_future!(SnapshotTable);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }
}

/// How far a filter on the normalised columns may be pushed down to the scan.
pub fn pushdown(filter: &Expr) -> TableProviderFilterPushDown {
    if narrows_files(filter) {
        TableProviderFilterPushDown::Inexact
    } else {
        TableProviderFilterPushDown::Unsupported
    }
}

/// Whether rows that pass a filter on the normalised columns also pass it on the exported ones: it compares a column with a
/// constant that is not blank, or with a parameter: its value is looked at when the table is scanned.
fn narrows_files(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_comparison = matches!(
                op,
                Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
            );
            let has_both = |a: &Expr, b: &Expr| matches!(a, Expr::Column(_)) && is_filled_value(b);
            is_comparison && (has_both(left, right) || has_both(right, left))
        }
        Expr::InList(list) => {
            !list.negated && matches!(*list.expr, Expr::Column(_)) && list.list.iter().all(is_filled_value)
        }
        _ => false,
    }
}

fn is_filled_value(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text), _) => {
            text.as_deref().is_some_and(|text| !is_blank(text))
        }
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Placeholder(_) => true,
        _ => false,
    }
}
