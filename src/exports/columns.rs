//! Checks the columns of a table's files, or of a staging query, against the contract.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};

use super::all_null::with_nulls;
use super::contract::{Column, Table};
use super::convert::{Remedy, remedy_for};
use super::error::ExportsError;
use super::inspect::InspectedFile;
use super::note::{ExportNote, some_of};
use super::snapshot::TableFiles;
use super::value_range::value_range;
use crate::zone::Zone;

/// Checks every file of a canonical table against the contract; `zone` is the site's. Returns a remark for each optional column that is missing
/// while the file has one of nearly the same name.
///
/// # Errors
/// Where a required column is missing, a column name is repeated, or a column has a type that the contract does not accept.
pub fn check_contract(
    table: Table,
    files: &TableFiles,
    inspected: &[InspectedFile],
    zone: &Zone,
) -> Result<Vec<ExportNote>, ExportsError> {
    // The misspelled columns, with the files that have them.
    let mut misspelled: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    let mut checked: Option<(&InspectedFile, Vec<(&'static str, String)>)> = None;
    for file in inspected {
        let name = files.location.display(&file.object.location);
        // Many files usually come from one writer and have the same columns, so the last result is reused.
        let known = checked.take().filter(|(last, _)| has_columns_of(file, last));
        let columns = match known {
            Some((_, columns)) => columns,
            None => {
                let schema = with_nulls(&file.schema, &file.perhaps_all_null);
                let remedy = |column: &Column, found: &DataType| {
                    let footer = file.footer.cached();
                    let range = footer.and_then(|footer| value_range(&footer, column.name, found));
                    remedy_for(column, found, range, zone)
                };
                check_types(table, &name, &schema, remedy)?;
                misspelled_columns(table, &schema)
            }
        };
        for column in &columns {
            misspelled.entry(column.clone()).or_default().push(name.clone());
        }
        checked = Some((file, columns));
    }
    let note = |((column, found), names): ((&str, String), Vec<String>)| {
        ExportNote::new(table.name(), misspelling(&some_of(&names), column, &found))
    };
    Ok(misspelled.into_iter().map(note).collect())
}

/// Whether two files have the same columns, and the same of them may hold only NULL.
fn has_columns_of(file: &InspectedFile, other: &InspectedFile) -> bool {
    Arc::ptr_eq(&file.schema, &other.schema) && file.perhaps_all_null == other.perhaps_all_null
}

/// The remark on a missing optional column where the files have a column of nearly the same name.
pub fn misspelling(source_name: &str, column: &str, found: &str) -> String {
    format!(
        "{source_name} has no column {column}, which then is NULL, but a column {found:?}; rename it in the export if it is meant"
    )
}

/// The missing optional columns, each with an existing column of nearly the same name.
pub fn misspelled_columns(table: Table, found: &Schema) -> Vec<(&'static str, String)> {
    let missing = table.columns().iter().filter(|column| {
        let is_there = found.field_with_name(column.name).is_ok();
        !column.required && !is_there
    });
    missing
        .filter_map(|column| Some((column.name, similar_names(column.name, found).into_iter().next()?)))
        .collect()
}

/// Checks the columns of `source_name`, a staging query, for a canonical table; `zone` is the site's.
///
/// # Errors
/// Where a required column is missing, a column name is repeated, or a column has a type that the contract does not accept.
pub fn check_columns(table: Table, source_name: &str, found: &SchemaRef, zone: &Zone) -> Result<(), ExportsError> {
    check_types(table, source_name, found, |column, found| {
        remedy_for(column, found, None, zone)
    })
}

/// Checks the columns of `source_name` (a file or a staging query); `remedy` gives how a mapping reads a column of another
/// type.
fn check_types(
    table: Table,
    source_name: &str,
    found: &SchemaRef,
    remedy: impl Fn(&Column, &DataType) -> Option<Remedy>,
) -> Result<(), ExportsError> {
    if let Some(column) = column_twice(found) {
        return Err(ExportsError::ColumnTwice {
            table: table.name().to_owned(),
            source_name: source_name.to_owned(),
            column: column.to_owned(),
        });
    }
    for column in table.columns() {
        match found.field_with_name(column.name) {
            Ok(field) if column.kind.accepts(field) => {}
            Ok(field) => {
                return Err(ExportsError::wrong_type(
                    table.name(),
                    source_name,
                    column,
                    field.data_type(),
                    remedy(column, field.data_type()),
                ));
            }
            Err(_) if column.required => {
                let similar = similar_names(column.name, found);
                return Err(ExportsError::missing(table.name(), source_name, column, similar));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// The first column name that is repeated.
pub fn column_twice(schema: &Schema) -> Option<&str> {
    let mut names = HashSet::new();
    let mut all = schema.fields().iter().map(|field| field.name().as_str());
    all.find(|name| !names.insert(*name))
}

/// The columns whose names equal `name` when case, and characters that are neither letters nor digits, are ignored.
fn similar_names(name: &str, found: &Schema) -> Vec<String> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(name);
    let names = found.fields().iter().map(|field| field.name());
    names.filter(|found| plain(found) == wanted).cloned().collect()
}
