//! Result columns as clients get them: PostgreSQL's names and types, and values as PostgreSQL writes them.
//!
//! The library writes times, floating point numbers and arrays in the engine's way, and supports numerics of 28 digits
//! alone. So these become texts (times in the client's zone), or the bytes of PostgreSQL's binary numeric, and
//! durations intervals of days and time, before they are given to it.

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
use crate::engine::dialect::texts::{as_records, as_text, is_record};
use crate::engine::dialect::time::{Zone, as_intervals, as_shown};

use super::far_times::{binary_times, has_far_times};
use super::type_ids::type_ids;

/// Whole numbers without a sign, which `bigint` does not hold.
const UNSIGNED: DataType = DataType::Decimal128(20, 0);
/// The style of intervals that the dialect writes; the library writes the others.
const POSTGRES: &str = "postgres";

/// The first byte of a binary `jsonb`: the version of its format.
const JSONB_VERSION: u8 = 1;

/// The columns as the library describes them to clients (RowDescription).
///
/// # Errors
/// For types that PostgreSQL's protocol has no type for.
pub fn fields(columns: &Schema, format: &Format, look: Option<Arc<FormatOptions>>) -> PgWireResult<Vec<FieldInfo>> {
    let infos = arrow_schema_to_pg_fields(&described(columns), format, look)?;
    let infos = infos.into_iter().zip(columns.fields()).map(|(info, field)| {
        let kind = match json::Kind::of(field.data_type()) {
            None if is_record(field.data_type()) => Type::RECORD,
            None => return info,
            Some(json::Kind::Json) => Type::JSON,
            Some(json::Kind::Jsonb) => Type::JSONB,
        };
        let of_kind = FieldInfo::new(info.name().to_owned(), None, None, kind, info.format());
        of_kind.with_format_options(Arc::clone(info.format_options()))
    });
    Ok(infos.collect())
}

/// The columns as clients see them: without the marks by which the engine tells columns of one name apart, unsigned
/// numbers as numerics, and documents and records as texts.
fn described(columns: &Schema) -> Schema {
    let fields = columns.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::UInt64 => UNSIGNED,
            kind if json::Kind::of(kind).is_some() || is_record(kind) => DataType::Utf8,
            kind => kind.clone(),
        };
        let described = Field::new(shown_name(field.name()), kind, field.is_nullable());
        described.with_metadata(field.metadata().clone())
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// Converts the batches of one result to the columns and types that the library encodes.
#[derive(Debug)]
pub struct BatchColumns {
    /// The columns with the formats that the client requested.
    wanted: Arc<Vec<FieldInfo>>,
    /// Determined with the first batch, and again where batches have another schema.
    prepared: Option<PreparedColumns>,
}

#[derive(Debug)]
struct PreparedColumns {
    /// The schema of the batches that these columns are for.
    of: SchemaRef,
    columns: Arc<Vec<FieldInfo>>,
    /// The schema of the batches as the library gets them; none where they stay as they are.
    changed: Option<SchemaRef>,
}

impl BatchColumns {
    /// A converter to the columns and formats `wanted` of the client.
    pub fn new(wanted: Arc<Vec<FieldInfo>>) -> Self {
        Self { wanted, prepared: None }
    }

    /// The converted batch, and the types of its columns for the library.
    ///
    /// # Errors
    /// Errors of the engine alone.
    pub fn prepared(&mut self, batch: RecordBatch) -> Result<(Arc<Vec<FieldInfo>>, RecordBatch)> {
        // In a batch with far times, columns of times have another type for the library than in other batches.
        let is_far = self.has_far_times(&batch);
        let known = self
            .prepared
            .take()
            .filter(|prepared| !is_far && prepared.of == batch.schema());
        let made = match &known {
            Some(prepared) if prepared.changed.is_none() => Vec::new(),
            _ => {
                let columns = batch.columns().iter().zip(self.wanted.iter());
                let made = columns.map(|(column, wanted)| column_prepared(column, wanted));
                made.collect::<Result<Vec<_>>>()?
            }
        };
        let prepared = self
            .prepared
            .insert(known.unwrap_or_else(|| PreparedColumns::of(&self.wanted, &batch, &made)));
        let columns = Arc::clone(&prepared.columns);
        let changed = prepared.changed.clone();
        if is_far {
            self.prepared = None;
        }
        let Some(schema) = changed else {
            return Ok((columns, batch));
        };
        let made = made.into_iter().map(|(column, _)| column).collect();
        Ok((columns, RecordBatch::try_new(schema, made)?))
    }

    /// Whether a column that the client wants in binary has times that the library leaves out.
    fn has_far_times(&self, batch: &RecordBatch) -> bool {
        let mut columns = batch.columns().iter().zip(self.wanted.iter());
        columns.any(|(column, wanted)| wanted.format() == FieldFormat::Binary && has_far_times(column))
    }
}

impl PreparedColumns {
    /// The types for the library of the columns of `batch`, which were converted to `made`.
    fn of(wanted: &Arc<Vec<FieldInfo>>, batch: &RecordBatch, made: &[(ArrayRef, Type)]) -> Self {
        let schema = batch.schema();
        let mut is_same = true;
        let mut columns = Vec::with_capacity(made.len());
        let mut fields = Vec::with_capacity(made.len());
        for (((column, kind), field), wanted) in made.iter().zip(schema.fields()).zip(wanted.iter()) {
            let is_told = kind == wanted.datatype();
            if is_told && column.data_type() == field.data_type() {
                fields.push(Arc::clone(field));
            } else {
                is_same = false;
                let changed = Field::new(field.name(), column.data_type().clone(), true);
                fields.push(Arc::new(match is_told {
                    true => changed.with_metadata(field.metadata().clone()),
                    false => changed,
                }));
            }
            let told_as = FieldInfo::new(wanted.name().to_owned(), None, None, kind.clone(), wanted.format());
            columns.push(told_as.with_format_options(Arc::clone(wanted.format_options())));
        }
        let changed = (!is_same).then(|| Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())));
        Self {
            of: schema,
            columns: match changed {
                Some(_) => Arc::new(columns),
                None => Arc::clone(wanted),
            },
            changed,
        }
    }
}

/// One converted column, and its type for the library.
fn column_prepared(column: &ArrayRef, wanted: &FieldInfo) -> Result<(ArrayRef, Type)> {
    let is_text = wanted.format() == FieldFormat::Text;
    let look = wanted.format_options();
    if let Some(kind) = json::Kind::of(column.data_type()) {
        return match kind {
            json::Kind::Jsonb if !is_text => Ok((Arc::new(binary_documents(column)?), Type::BYTEA)),
            _ => Ok((Arc::new(as_text(column)?), Type::TEXT)),
        };
    }
    if is_record(column.data_type()) {
        if !is_text {
            return not_impl_err!("records are sent as text alone: ask for the text format, or write row_to_json(…)");
        }
        let zone = Zone::named(&look.time_zone).unwrap_or_else(Zone::utc);
        let texts: ArrayRef = Arc::new(as_text(&as_records(column, &zone)?)?);
        return Ok((texts, Type::TEXT));
    }
    // In columns of `pg_catalog`, ids of types are numbers already.
    if wanted.datatype() == &Type::REGTYPE && column.data_type() != &DataType::Int32 {
        return match is_text {
            true => Ok((Arc::clone(column), Type::TEXT)),
            false => Ok((Arc::new(type_ids(column)?), Type::INT4)),
        };
    }
    let is_interval = wanted.datatype().name() == "interval";
    let column = match is_text && (!is_interval || look.interval_style == POSTGRES) {
        true => {
            let zone = Zone::named(&look.time_zone).unwrap_or_else(Zone::utc);
            as_shown(&as_records(column, &zone)?, &zone)?
        }
        false => as_intervals(column)?,
    };
    let column = match column.data_type() {
        DataType::UInt64 => cast(&column, &UNSIGNED)?,
        _ => column,
    };
    let kind = column.data_type();
    if is_numeric(kind) && !is_text {
        let bytes: ArrayRef = Arc::new(binary_numerics(&column)?);
        return Ok((bytes, Type::BYTEA));
    }
    if is_text && (is_numeric(kind) || kind.is_floating() || is_list_of_values(kind)) {
        let texts: ArrayRef = Arc::new(as_text(&column)?);
        return Ok((texts, Type::TEXT));
    }
    if !is_text && has_far_times(&column) {
        let bytes: ArrayRef = Arc::new(binary_times(&column)?);
        return Ok((bytes, Type::BYTEA));
    }
    Ok((column, wanted.datatype().clone()))
}

/// Arrays of numbers, texts and booleans; times are written elsewhere, in the client's zone.
fn is_list_of_values(kind: &DataType) -> bool {
    match element_of(kind) {
        Some(element) if is_list(element) => is_list_of_values(element),
        Some(element) => element.is_numeric() || element.is_string() || element == &DataType::Boolean,
        None => false,
    }
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
fn binary_numeric(text: &str) -> Vec<u8> {
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
    fn binary_jsonb_begins_with_its_version() {
        let texts = datafusion::arrow::array::StringArray::from(vec![Some("{}"), None]);
        let documents = json::Kind::Jsonb.column(texts).expect("documents");
        let bytes = binary_documents(&documents).expect("bytes");
        assert_eq!((bytes.value(0), bytes.is_null(1)), (b"\x01{}".as_slice(), true));
    }

    #[test]
    fn a_batch_with_endless_times_has_types_of_its_own() {
        let info = |kind: Type| FieldInfo::new("d".to_owned(), None, None, kind, FieldFormat::Binary);
        let mut columns = BatchColumns::new(Arc::new(vec![info(Type::DATE)]));
        for (days, expected) in [(0, Type::DATE), (i32::MAX, Type::BYTEA), (1, Type::DATE)] {
            let dates: ArrayRef = Arc::new(datafusion::arrow::array::Date32Array::from(vec![days]));
            let batch = RecordBatch::try_from_iter_with_nullable([("d", dates, true)]).expect("a batch");
            let (infos, batch) = columns.prepared(batch).expect("prepared");
            assert_eq!((infos[0].datatype(), batch.num_rows()), (&expected, 1), "{days}");
        }
    }

    #[test]
    fn names_of_types_are_described_as_regtype() {
        let name = crate::engine::dialect::type_names::with_type_names(Field::new("t", DataType::Utf8, true));
        let infos = fields(&Schema::new(vec![name]), &Format::UnifiedText, None).expect("types");
        assert_eq!(infos[0].datatype(), &Type::REGTYPE);
        let names: ArrayRef = Arc::new(datafusion::arrow::array::StringArray::from(vec!["bigint"]));
        let (column, kind) = column_prepared(&names, &infos[0]).expect("a column");
        assert_eq!((column.data_type(), kind), (&DataType::Utf8, Type::TEXT));
        let info = FieldInfo::new("t".to_owned(), None, None, Type::REGTYPE, FieldFormat::Binary);
        let (column, kind) = column_prepared(&names, &info).expect("a column");
        assert_eq!((column.data_type(), kind), (&DataType::Int32, Type::INT4));
    }

    #[test]
    fn columns_have_the_names_and_types_that_clients_know() {
        let columns = Schema::new(vec![
            Field::new("count", DataType::Int64, true),
            Field::new("count\u{F8FF}2", DataType::UInt64, true),
            Field::new("d", json::Kind::Jsonb.data_type(), true),
        ]);
        let infos = fields(&columns, &Format::UnifiedText, None).expect("types");
        let types: Vec<&Type> = infos.iter().map(FieldInfo::datatype).collect();
        assert_eq!(types, [&Type::INT8, &Type::NUMERIC, &Type::JSONB]);
        let described = described(&columns);
        assert_eq!(
            (described.field(1).name().as_str(), described.field(1).data_type()),
            ("count", &UNSIGNED)
        );
    }
}
