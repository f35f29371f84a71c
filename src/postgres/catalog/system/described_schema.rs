//! The schema `described`: the tables and views that a session sees, their columns, and the variables of clients, as
//! rows. The views of `information_schema` and `pg_catalog` read it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_pg::datatypes::into_pg_type;
use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::catalog::{MemTable, SchemaProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use pgwire::api::Type;

use crate::postgres::session::variables;

/// The rows `described.tables`, `described.columns` and `described.settings`.
pub struct Described {
    pub tables: Arc<MemTable>,
    pub columns: Arc<MemTable>,
    pub settings: Arc<MemTable>,
}

/// The variables of clients as they are at the start.
fn settings() -> Result<RecordBatch> {
    let unset = HashMap::new();
    let (names, values): (Vec<&str>, Vec<&str>) = variables::all(&unset).unzip();
    Ok(RecordBatch::try_from_iter([
        ("name", Arc::new(StringArray::from(names)) as ArrayRef),
        ("setting", Arc::new(StringArray::from(values)) as ArrayRef),
    ])?)
}

/// Describes what `schema` has.
pub async fn describe(schema: &dyn SchemaProvider) -> Result<Described> {
    let mut names = schema.table_names();
    names.sort();
    let (mut tables, mut columns) = (Vec::new(), Vec::new());
    for name in names {
        let Some(table) = schema.table(&name).await? else {
            continue;
        };
        let kind = match table.table_type() {
            TableType::View => "VIEW",
            TableType::Base | TableType::Temporary => "BASE TABLE",
        };
        for (position, field) in (1..).zip(table.schema().fields()) {
            columns.push((name.clone(), position, column(field)));
        }
        tables.push((name, kind));
    }
    let rows = |batch: RecordBatch| MemTable::try_new(batch.schema(), vec![vec![batch]]).map(Arc::new);
    Ok(Described {
        tables: rows(table_rows(&tables)?)?,
        columns: rows(column_rows(&columns)?)?,
        settings: rows(settings()?)?,
    })
}

/// A row for each table, with its kind.
fn table_rows(tables: &[(String, &str)]) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("table_name", texts(tables.iter().map(|(name, _)| name.as_str())), true),
        ("table_type", texts(tables.iter().map(|(_, kind)| *kind)), true),
    ])?)
}

/// A row for each column of each table, with its position, from 1.
fn column_rows(columns: &[(String, i32, Column)]) -> Result<RecordBatch> {
    let text = |of: fn(&Column) -> &str| texts(columns.iter().map(|(.., column)| of(column)));
    let number = |of: fn(&Column) -> Option<i32>| -> ArrayRef {
        Arc::new(columns.iter().map(|(.., column)| of(column)).collect::<Int32Array>())
    };
    let positions: Int32Array = columns.iter().map(|(_, position, _)| Some(*position)).collect();
    Ok(RecordBatch::try_from_iter_with_nullable([
        (
            "table_name",
            texts(columns.iter().map(|(table, ..)| table.as_str())),
            true,
        ),
        ("column_name", text(|column| &column.name), true),
        ("ordinal_position", Arc::new(positions) as ArrayRef, true),
        ("is_nullable", text(|column| column.is_nullable), true),
        ("data_type", text(|column| &column.data_type), true),
        ("udt_name", text(|column| &column.udt_name), true),
        (
            "numeric_precision",
            number(|column| column.numbers.map(|(precision, ..)| precision)),
            true,
        ),
        (
            "numeric_precision_radix",
            number(|column| column.numbers.map(|(_, radix, _)| radix)),
            true,
        ),
        (
            "numeric_scale",
            number(|column| column.numbers.and_then(|(.., scale)| scale)),
            true,
        ),
        ("datetime_precision", number(|column| column.fraction), true),
    ])?)
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

struct Column {
    name: String,
    is_nullable: &'static str,
    /// The name of its type in `information_schema`.
    data_type: String,
    /// The name of its type in `pg_type`.
    udt_name: String,
    /// Precision, its radix, scale.
    numbers: Option<(i32, i32, Option<i32>)>,
    /// Digits of fractions of seconds.
    fraction: Option<i32>,
}

fn column(field: &Field) -> Column {
    // Clients get what they have no type for as text.
    let kind = into_pg_type(field.data_type()).unwrap_or(Type::TEXT);
    let (numbers, fraction) = match kind {
        Type::INT2 => (Some((16, 2, Some(0))), None),
        Type::INT4 => (Some((32, 2, Some(0))), None),
        Type::INT8 => (Some((64, 2, Some(0))), None),
        Type::FLOAT4 => (Some((24, 2, None)), None),
        Type::FLOAT8 => (Some((53, 2, None)), None),
        Type::NUMERIC => (Some(precision(field.data_type())), None),
        Type::DATE => (None, Some(0)),
        Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::INTERVAL => (None, Some(6)),
        _ => (None, None),
    };
    Column {
        name: field.name().clone(),
        is_nullable: if field.is_nullable() { "YES" } else { "NO" },
        data_type: name_of(&kind),
        udt_name: kind.name().to_owned(),
        numbers,
        fraction,
    }
}

fn precision(kind: &DataType) -> (i32, i32, Option<i32>) {
    match kind {
        DataType::Decimal128(precision, scale) => (i32::from(*precision), 10, Some(i32::from(*scale))),
        // An unsigned integer of 64 bits.
        _ => (20, 10, Some(0)),
    }
}

fn name_of(kind: &Type) -> String {
    let name = match *kind {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::TIME => "time without time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        ref array if array.name().starts_with('_') => "ARRAY",
        ref other => other.name(),
    };
    name.to_owned()
}
