//! Result columns as clients get them: PostgreSQL's names and types, and numbers and arrays as PostgreSQL writes them.
//!
//! The library writes floating point numbers and arrays in the engine's way, and knows numerics of 28 digits alone. So these
//! become texts, or the bytes of PostgreSQL's binary numeric, before they are given to it.

use std::sync::Arc;

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use datafusion::arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, not_impl_err};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::error::PgWireResult;
use pgwire::types::format::FormatOptions;

use crate::engine::dialect::arrays::{element_of, is_list};
use crate::engine::dialect::json;
use crate::engine::dialect::numbers::{as_numerics, is_numeric, numeric};
use crate::engine::dialect::shown_name;
use crate::engine::dialect::texts::{as_text, is_record};

/// Whole numbers without a sign, which `bigint` does not hold.
const UNSIGNED: DataType = DataType::Decimal128(20, 0);

/// What stands before a binary `jsonb`: the version of its format.
const JSONB_VERSION: u8 = 1;

/// The columns as clients are told of them.
///
/// # Errors
/// For types that PostgreSQL's protocol has no type for.
pub fn fields(columns: &Schema, format: &Format, look: Option<Arc<FormatOptions>>) -> PgWireResult<Vec<FieldInfo>> {
    let told = arrow_schema_to_pg_fields(&shown(columns), format, look)?;
    let told = told.into_iter().zip(columns.fields()).map(|(info, field)| {
        let kind = match json::Kind::of(field.data_type()) {
            None if is_record(field.data_type()) => Type::RECORD,
            None => return info,
            Some(json::Kind::Json) => Type::JSON,
            Some(json::Kind::Jsonb) => Type::JSONB,
        };
        let told = FieldInfo::new(info.name().to_owned(), None, None, kind, info.format());
        told.with_format_options(Arc::clone(info.format_options()))
    });
    Ok(told.collect())
}

/// The columns as clients see them: repeated names are the same, unsigned numbers are numerics, and documents and
/// records are texts.
fn shown(columns: &Schema) -> Schema {
    let fields = columns.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::UInt64 => UNSIGNED,
            kind if json::Kind::of(kind).is_some() || is_record(kind) => DataType::Utf8,
            kind => kind.clone(),
        };
        let shown = Field::new(shown_name(field.name()), kind, field.is_nullable());
        shown.with_metadata(field.metadata().clone())
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// How one column is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    AsItIs,
    Text,
    BinaryNumeric,
    BinaryJsonb,
}

fn way(kind: &DataType, column: &FieldInfo) -> Way {
    let is_text = column.format() == FieldFormat::Text;
    match kind {
        kind if is_numeric(kind) || kind == &DataType::UInt64 => {
            if is_text {
                Way::Text
            } else {
                Way::BinaryNumeric
            }
        }
        kind if json::Kind::of(kind) == Some(json::Kind::Jsonb) && !is_text => Way::BinaryJsonb,
        kind if json::Kind::of(kind).is_some() => Way::Text,
        // A record, as it is written.
        kind if kind.is_string() && column.datatype() == &Type::RECORD => Way::Text,
        kind if is_text && (kind.is_floating() || is_list_of_values(kind)) => Way::Text,
        _ => Way::AsItIs,
    }
}

/// Arrays of numbers, texts and booleans; times are written by those who know the client's zone.
fn is_list_of_values(kind: &DataType) -> bool {
    match element_of(kind) {
        Some(element) if is_list(element) => is_list_of_values(element),
        Some(element) => element.is_numeric() || element.is_string() || element == &DataType::Boolean,
        None => false,
    }
}

/// A batch as the library gets it, and the columns that it is told.
pub fn sent(columns: &Arc<Vec<FieldInfo>>, batch: RecordBatch) -> Result<(Arc<Vec<FieldInfo>>, RecordBatch)> {
    let schema = batch.schema();
    if schema.fields().iter().any(|field| is_record(field.data_type())) {
        return not_impl_err!("records are sent as text alone: ask for the text format, or write row_to_json(…)");
    }
    let ways: Vec<Way> = schema
        .fields()
        .iter()
        .zip(columns.iter())
        .map(|(field, column)| way(field.data_type(), column))
        .collect();
    if ways.len() != columns.len() || ways.iter().all(|way| *way == Way::AsItIs) {
        return Ok((Arc::clone(columns), batch));
    }
    let (mut told, mut fields, mut made) = (Vec::new(), Vec::new(), Vec::new());
    for (place, way) in ways.into_iter().enumerate() {
        let (info, field) = (&columns[place], schema.field(place));
        let column = match field.data_type() {
            DataType::UInt64 => &cast(batch.column(place), &UNSIGNED)?,
            _ => batch.column(place),
        };
        let column: ArrayRef = match way {
            Way::AsItIs => Arc::clone(column),
            Way::Text => Arc::new(as_text(column)?),
            Way::BinaryNumeric => Arc::new(binary_numerics(column)?),
            Way::BinaryJsonb => Arc::new(binary_documents(column)?),
        };
        let kind = match way {
            Way::AsItIs => info.datatype().clone(),
            Way::Text => Type::TEXT,
            Way::BinaryNumeric | Way::BinaryJsonb => Type::BYTEA,
        };
        let told_as = FieldInfo::new(info.name().to_owned(), None, None, kind, info.format());
        told.push(told_as.with_format_options(Arc::clone(info.format_options())));
        let changed = Field::new(field.name(), column.data_type().clone(), true);
        fields.push(match way {
            Way::AsItIs => field.clone(),
            _ => changed,
        });
        made.push(column);
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    Ok((Arc::new(told), RecordBatch::try_new(schema, made)?))
}

fn binary_numerics(column: &ArrayRef) -> Result<BinaryArray> {
    let (values, scale) = as_numerics(column)?;
    let bytes = values
        .iter()
        .map(|value| value.map(|value| binary_numeric(&numeric::written(value, scale))));
    Ok(bytes.collect())
}

fn binary_documents(column: &ArrayRef) -> Result<BinaryArray> {
    let texts = json::texts(column)?;
    let bytes = texts.iter().map(|text| {
        let versioned = |text: &str| [&[JSONB_VERSION], text.as_bytes()].concat();
        text.map(versioned)
    });
    Ok(bytes.collect())
}

/// PostgreSQL's binary numeric: groups of four digits, and where the point is.
pub fn binary_numeric(text: &str) -> Vec<u8> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let before = whole.len().div_ceil(4);
    let digits = format!(
        "{whole:0>before$}{decimals:0<after$}",
        before = before * 4,
        after = decimals.len().div_ceil(4) * 4
    );
    let groups: Vec<u16> = digits
        .as_bytes()
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |number, digit| number * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let first = groups.iter().position(|group| *group != 0).unwrap_or(groups.len());
    let last = groups
        .iter()
        .rposition(|group| *group != 0)
        .map_or(first, |last| last + 1);
    let kept = &groups[first..last];
    // At most 38 digits: all of these fit.
    let number = |value: usize| u16::try_from(value).unwrap_or(0);
    let weight = i16::try_from(before).unwrap_or(0) - 1 - i16::try_from(first).unwrap_or(0);
    let weight = if kept.is_empty() { 0 } else { weight };
    let sign = if is_negative && !kept.is_empty() { 0x4000_u16 } else { 0 };
    let mut bytes = Vec::with_capacity(8 + 2 * kept.len());
    bytes.extend(number(kept.len()).to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(number(decimals.len()).to_be_bytes());
    bytes.extend(kept.iter().flat_map(|group| group.to_be_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_have_postgresqls_bytes() {
        for (text, expected) in [
            ("0", "0000 0000 0000 0000"),
            ("0.00", "0000 0000 0000 0002"),
            ("1.50", "0002 0000 0000 0002 0001 1388"),
            ("-12345.6789", "0003 0001 4000 0004 0001 0929 1a85"),
            ("10000", "0001 0001 0000 0000 0001"),
            ("0.00012", "0002 ffff 0000 0005 0001 07d0"),
            ("99999999999999999999", "0005 0004 0000 0000 270f 270f 270f 270f 270f"),
        ] {
            let hex: Vec<String> = binary_numeric(text)
                .chunks(2)
                .map(|pair| format!("{:02x}{:02x}", pair[0], pair[1]))
                .collect();
            assert_eq!(hex.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn binary_jsonb_tells_its_version() {
        let texts = datafusion::arrow::array::StringArray::from(vec![Some("{}"), None]);
        let documents = json::Kind::Jsonb.column(texts).expect("documents");
        let bytes = binary_documents(&documents).expect("bytes");
        assert_eq!((bytes.value(0), bytes.is_null(1)), (b"\x01{}".as_slice(), true));
    }

    #[test]
    fn columns_have_the_names_and_types_that_clients_know() {
        let columns = Schema::new(vec![
            Field::new("count", DataType::Int64, true),
            Field::new("count\u{F8FF}2", DataType::UInt64, true),
            Field::new("d", json::Kind::Jsonb.data_type(), true),
        ]);
        let told = fields(&columns, &Format::UnifiedText, None).expect("types");
        let types: Vec<&Type> = told.iter().map(FieldInfo::datatype).collect();
        assert_eq!(types, [&Type::INT8, &Type::NUMERIC, &Type::JSONB]);
        let shown = shown(&columns);
        assert_eq!(
            (shown.field(1).name().as_str(), shown.field(1).data_type()),
            ("count", &UNSIGNED)
        );
    }
}
