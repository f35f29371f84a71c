//! The columns of a mart's files: those that the report query gives, in any order.
//!
//! All files of a mart are written with the same columns. They are compared with those of the query once, and not for each
//! of thousands of files: to decode the Arrow schema in a footer takes longer than to parse the rest of it.

use std::sync::{Arc, OnceLock};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::file::metadata::{FileMetaData, KeyValue};
use datafusion::parquet::schema::types::SchemaDescPtr;

use super::error::MartError;

/// The layouts of files that were found to have the columns of the report query.
pub struct Layouts {
    /// The columns of the query.
    wanted: SchemaRef,
    /// The layout of the first file that was opened.
    first: OnceLock<Layout>,
}

/// The columns in the footer of a file, and the schema by which scans read the file.
struct Layout {
    columns: SchemaDescPtr,
    /// The key-value metadata, which has the Arrow schema that was written.
    metadata: Option<Vec<KeyValue>>,
    schema: SchemaRef,
}

impl Layouts {
    /// Layouts that have the columns `wanted`.
    pub fn new(wanted: SchemaRef) -> Self {
        Self {
            wanted,
            first: OnceLock::new(),
        }
    }

    /// The schema that scans read `file` with.
    ///
    /// # Errors
    /// A wanted column is missing or has another type.
    pub fn schema_of(&self, file: &str, footer: &FileMetaData) -> Result<SchemaRef, MartError> {
        let is_of = |known: &&Layout| {
            known.columns.as_ref() == footer.schema_descr() && known.metadata.as_ref() == footer.key_value_metadata()
        };
        if let Some(known) = self.first.get().filter(is_of) {
            return Ok(Arc::clone(&known.schema));
        }
        let written = parquet_to_arrow_schema(footer.schema_descr(), footer.key_value_metadata());
        let written = written.map_err(|error| MartError::unreadable(file, error))?;
        check_columns(file, &written, &self.wanted)?;
        let schema = Arc::new(in_types_of(&self.wanted, &written));
        let known = self.first.get_or_init(|| Layout {
            columns: footer.schema_descr_ptr(),
            metadata: footer.key_value_metadata().cloned(),
            schema: Arc::clone(&schema),
        });
        // Scans compare schemas, which is fastest where all files share one.
        Ok(match *known.schema == *schema {
            true => Arc::clone(&known.schema),
            false => schema,
        })
    }
}

/// The columns of a file with the types of `wanted`, which differ from those in the file for texts alone.
fn in_types_of(wanted: &Schema, written: &Schema) -> Schema {
    let fields = written
        .fields()
        .iter()
        .map(|field| match wanted.field_with_name(field.name()) {
            Ok(wanted) => field.as_ref().clone().with_data_type(wanted.data_type().clone()),
            Err(_) => field.as_ref().clone(),
        });
    Schema::new(fields.collect::<Vec<Field>>())
}

/// Checks that a file has every column of `wanted` with its type; text may be of any string type.
fn check_columns(file: &str, written: &Schema, wanted: &Schema) -> Result<(), MartError> {
    let is_same = |one: &DataType, other: &DataType| one == other || (one.is_string() && other.is_string());
    for column in wanted.fields() {
        let found = written.field_with_name(column.name());
        if !found.is_ok_and(|found| is_same(found.data_type(), column.data_type())) {
            return Err(MartError::OtherColumn {
                file: file.to_owned(),
                column: column.name().clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn columns_may_come_in_any_order_but_none_may_lack() {
        let schema = |columns: &[(&str, DataType)]| {
            let fields = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
            Schema::new(fields.collect::<Vec<_>>())
        };
        let wanted = schema(&[("batch_id", DataType::Utf8View), ("course_progress", DataType::Int32)]);
        let other_order = schema(&[("course_progress", DataType::Int32), ("batch_id", DataType::Utf8)]);
        check_columns("part", &other_order, &wanted).expect("the same columns");
        let other_type = schema(&[("batch_id", DataType::Utf8View), ("course_progress", DataType::Int64)]);
        for written in [other_type, schema(&[("batch_id", DataType::Utf8View)])] {
            let message = check_columns("part", &written, &wanted)
                .expect_err("a difference")
                .to_string();
            assert_eq!(
                message,
                "part does not have the column course_progress as the report query gives it"
            );
        }
    }

    /// The footer of a file that has these columns.
    fn footer(columns: &[(&str, DataType)]) -> FileMetaData {
        let fields = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let writer = ArrowWriter::try_new(Vec::new(), schema, None).expect("a writer");
        let written = writer.close().expect("a file");
        written.file_metadata().clone()
    }

    #[test]
    fn files_of_one_layout_share_a_schema_with_the_types_of_the_query() {
        let ids = |kind: DataType| vec![("batch_id", kind), ("more", DataType::Int32)];
        let wanted = Schema::new(vec![Field::new("batch_id", DataType::Utf8View, true)]);
        let layouts = Layouts::new(Arc::new(wanted));
        let schema_of = |footer: &FileMetaData| layouts.schema_of("part", footer).expect("a schema");
        let first = schema_of(&footer(&ids(DataType::Utf8View)));
        let types: Vec<_> = first.fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types, [DataType::Utf8View, DataType::Int32]);
        assert!(Arc::ptr_eq(&first, &schema_of(&footer(&ids(DataType::Utf8View)))));
        // Another schema was written, which is read in the same types.
        assert!(Arc::ptr_eq(&first, &schema_of(&footer(&ids(DataType::Utf8)))));
        let shorter = schema_of(&footer(&[("batch_id", DataType::Utf8View)]));
        assert_eq!(shorter.fields().len(), 1);
        let other = layouts.schema_of("part", &footer(&[("batch_id", DataType::Int32)]));
        other.expect_err("another type");
    }
}
