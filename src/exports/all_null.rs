//! Finds the columns of a file that may hold only NULL, by the statistics in its footer.
//!
//! Tools give such a column an arbitrary type, so its type must not be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::parquet::file::metadata::ParquetMetaData;

/// The columns that may hold only NULL: their statistics count as many NULLs as values, or the footer has no statistics.
pub fn perhaps_all_null(metadata: &ParquetMetaData) -> BTreeSet<String> {
    let mut is_null: BTreeMap<&str, bool> = BTreeMap::new();
    for chunk in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let Some(name) = chunk.column_path().parts().first() else {
            continue;
        };
        let nulls = chunk.statistics().map(|statistics| statistics.null_count_opt());
        let has_value = nulls
            .flatten()
            .is_some_and(|nulls| i64::try_from(nulls) != Ok(chunk.num_values()));
        *is_null.entry(name).or_insert(true) &= !has_value;
    }
    let names = is_null.into_iter().filter(|(_, is_null)| *is_null);
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The same schema with the type Null for these columns.
pub fn with_nulls(schema: &SchemaRef, columns: &BTreeSet<String>) -> SchemaRef {
    if columns.is_empty() {
        return Arc::clone(schema);
    }
    let fields = schema.fields().iter().map(|field| {
        if columns.contains(field.name()) {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Null))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
