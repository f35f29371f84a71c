//! Rows of COPY's binary format, encoded a batch at a time. Computes all row lengths first, then writes values column by
//! column into one buffer, so that nothing is looked up or allocated for single values. Types that are rare in tables
//! are encoded by the library, row by row.

use std::sync::Arc;

use arrow_pg::datatypes::encode_recordbatch;
use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{
    ArrayAccessor, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::DataType;
use pgwire::api::Type;
use pgwire::api::results::FieldInfo;
use pgwire::error::PgWireResult;

use super::binary;
use crate::postgres::protocol::far_times::{DAYS_TO_2000, MICROSECONDS_TO_2000};

/// Bytes of the number of a row's values, and of a value's length.
const COUNT: usize = size_of::<i16>();
const LENGTH: usize = size_of::<i32>();
/// The length of NULL.
const NULL: i32 = -1;

/// Rows, one after the other in `bytes`.
#[derive(Debug)]
pub struct EncodedRows {
    bytes: Bytes,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl EncodedRows {
    /// The rows of `batch` in binary; `columns` are the types for the library.
    ///
    /// # Errors
    /// For values that the library cannot encode.
    pub fn of(columns: &Arc<Vec<FieldInfo>>, batch: RecordBatch) -> PgWireResult<Self> {
        match of_columns(columns, &batch) {
            Some(rows) => Ok(rows),
            None => by_library(columns, batch),
        }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of each row.
    pub fn rows(&self) -> impl Iterator<Item = Bytes> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(move |(start, end)| self.bytes.slice(start..*end))
    }
}

/// None where a column has values of a type that is not encoded here, or a row is longer than messages are.
fn of_columns(columns: &[FieldInfo], batch: &RecordBatch) -> Option<EncodedRows> {
    let values = batch.columns().iter().zip(columns);
    let values = values.map(|(column, info)| Values::of(column, info.datatype()));
    let values = values.collect::<Option<Vec<_>>>()?;
    let count = i16::try_from(values.len()).ok()?;
    let mut widths = Widths(vec![COUNT; batch.num_rows()]);
    values.iter().for_each(|values| values.give(&mut widths));
    if widths.0.iter().any(|width| i32::try_from(*width).is_err()) {
        return None;
    }
    let mut end = 0;
    let mut places = Vec::with_capacity(batch.num_rows());
    let mut ends = Vec::with_capacity(batch.num_rows());
    for width in widths.0 {
        places.push(end);
        end += width;
        ends.push(end);
    }
    let mut written = Written {
        bytes: vec![0; end],
        places,
    };
    written.start_rows(count);
    values.iter().for_each(|values| values.give(&mut written));
    Some(EncodedRows {
        bytes: written.bytes.into(),
        ends,
    })
}

fn by_library(columns: &Arc<Vec<FieldInfo>>, batch: RecordBatch) -> PgWireResult<EncodedRows> {
    let mut bytes = BytesMut::new();
    let mut ends = Vec::with_capacity(batch.num_rows());
    for row in encode_recordbatch(Arc::clone(columns), batch) {
        let row = row?;
        binary::row(&row.data, row.field_count, &mut bytes);
        ends.push(bytes.len());
    }
    Ok(EncodedRows {
        bytes: bytes.freeze(),
        ends,
    })
}

/// The values of a column, of a type that is encoded here.
enum Values<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a Int16Array),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Date(&'a Date32Array),
    Moment(&'a TimestampMicrosecondArray),
    Text(&'a StringArray),
    LargeText(&'a LargeStringArray),
    TextView(&'a StringViewArray),
    Bytes(&'a BinaryArray),
}

impl<'a> Values<'a> {
    fn of(column: &'a ArrayRef, kind: &Type) -> Option<Self> {
        Some(match *kind {
            Type::BOOL => Self::Boolean(column.as_boolean_opt()?),
            Type::INT2 => Self::Int16(column.as_primitive_opt()?),
            Type::INT4 => Self::Int32(column.as_primitive_opt()?),
            Type::INT8 => Self::Int64(column.as_primitive_opt()?),
            Type::FLOAT4 => Self::Float32(column.as_primitive_opt()?),
            Type::FLOAT8 => Self::Float64(column.as_primitive_opt()?),
            Type::DATE => Self::Date(column.as_primitive_opt()?),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Moment(column.as_primitive_opt()?),
            Type::TEXT => match column.data_type() {
                DataType::Utf8 => Self::Text(column.as_string_opt()?),
                DataType::LargeUtf8 => Self::LargeText(column.as_string_opt()?),
                _ => Self::TextView(column.as_string_view_opt()?),
            },
            Type::BYTEA => Self::Bytes(column.as_binary_opt()?),
            _ => return None,
        })
    }

    /// Gives the values to `to` as PostgreSQL's bytes. Columns with far times are bytes already (`far_times`), so no time
    /// is out of range here.
    fn give(&self, to: &mut impl TakesColumn) {
        match *self {
            Self::Boolean(values) => to.take(|row| at(values, row).map(|value| [u8::from(value)])),
            Self::Int16(values) => to.take(|row| at(values, row).map(i16::to_be_bytes)),
            Self::Int32(values) => to.take(|row| at(values, row).map(i32::to_be_bytes)),
            Self::Int64(values) => to.take(|row| at(values, row).map(i64::to_be_bytes)),
            Self::Float32(values) => to.take(|row| at(values, row).map(f32::to_be_bytes)),
            Self::Float64(values) => to.take(|row| at(values, row).map(f64::to_be_bytes)),
            Self::Date(values) => to.take(|row| {
                let days = at(values, row)?.checked_sub(DAYS_TO_2000)?;
                Some(days.to_be_bytes())
            }),
            Self::Moment(values) => to.take(|row| {
                let microseconds = at(values, row)?.checked_sub(MICROSECONDS_TO_2000)?;
                Some(microseconds.to_be_bytes())
            }),
            Self::Text(values) => to.take(|row| at(values, row)),
            Self::LargeText(values) => to.take(|row| at(values, row)),
            Self::TextView(values) => to.take(|row| at(values, row)),
            Self::Bytes(values) => to.take(|row| at(values, row)),
        }
    }
}

/// The value of a row; none for NULL.
fn at<A: ArrayAccessor>(values: A, row: usize) -> Option<A::Item> {
    values.is_valid(row).then(|| values.value(row))
}

/// What is done with each column.
trait TakesColumn {
    /// Takes the values of all rows; none is NULL.
    fn take<V: AsRef<[u8]>>(&mut self, value: impl Fn(usize) -> Option<V>);
}

/// The bytes of each row.
struct Widths(Vec<usize>);

impl TakesColumn for Widths {
    fn take<V: AsRef<[u8]>>(&mut self, value: impl Fn(usize) -> Option<V>) {
        for (row, width) in self.0.iter_mut().enumerate() {
            *width += LENGTH + value(row).map_or(0, |value| value.as_ref().len());
        }
    }
}

/// Rows that are being written.
struct Written {
    bytes: Vec<u8>,
    /// Where the next value of each row goes.
    places: Vec<usize>,
}

impl Written {
    fn start_rows(&mut self, count: i16) {
        let Self { bytes, places } = self;
        for place in places {
            put(bytes, place, &count.to_be_bytes());
        }
    }
}

impl TakesColumn for Written {
    fn take<V: AsRef<[u8]>>(&mut self, value: impl Fn(usize) -> Option<V>) {
        let Self { bytes, places } = self;
        for (row, place) in places.iter_mut().enumerate() {
            match value(row) {
                Some(value) => {
                    let value = value.as_ref();
                    // Rows that are longer are not encoded here.
                    let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
                    put(bytes, place, &length.to_be_bytes());
                    put(bytes, place, value);
                }
                None => put(bytes, place, &NULL.to_be_bytes()),
            }
        }
    }
}

fn put(bytes: &mut [u8], place: &mut usize, value: &[u8]) {
    let end = *place + value.len();
    bytes[*place..end].copy_from_slice(value);
    *place = end;
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int8Array, UInt32Array};
    use pgwire::api::results::FieldFormat;

    use super::*;

    fn rows_of(columns: &[(ArrayRef, Type)]) -> (Arc<Vec<FieldInfo>>, RecordBatch) {
        let infos = columns
            .iter()
            .map(|(_, kind)| FieldInfo::new("c".to_owned(), None, None, kind.clone(), FieldFormat::Binary));
        let named = columns
            .iter()
            .enumerate()
            .map(|(place, (column, _))| (format!("c{place}"), Arc::clone(column), true));
        let batch = RecordBatch::try_from_iter_with_nullable(named).expect("a batch");
        (Arc::new(infos.collect()), batch)
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn values_have_postgresqls_bytes() {
        let (columns, batch) = rows_of(&[
            (Arc::new(Int32Array::from(vec![Some(1), None])), Type::INT4),
            (Arc::new(StringViewArray::from(vec![Some("ज़"), Some("")])), Type::TEXT),
            (Arc::new(BooleanArray::from(vec![Some(true), None])), Type::BOOL),
            // 2000-01-02, and 1999-12-31.
            (Arc::new(Date32Array::from(vec![10_958, 10_956])), Type::DATE),
            // 2000-01-01 00:00:01.
            (
                Arc::new(TimestampMicrosecondArray::from(vec![Some(946_684_801_000_000), None])),
                Type::TIMESTAMP,
            ),
        ]);
        let rows = EncodedRows::of(&columns, batch).expect("rows");
        assert_eq!(rows.count(), 2);
        let rows: Vec<String> = rows.rows().map(|row| hex(&row)).collect();
        let first = [
            "0005",
            "00000004",
            "00000001",
            "00000006",
            "e0a49ce0a4bc",
            "00000001",
            "01",
            "00000004",
            "00000001",
            "00000008",
            "00000000000f4240",
        ];
        let second = [
            "0005", "ffffffff", "00000000", "ffffffff", "00000004", "ffffffff", "ffffffff",
        ];
        assert_eq!(rows, [first.concat(), second.concat()]);
    }

    #[test]
    fn columns_and_the_library_encode_the_same() {
        let (columns, batch) = rows_of(&[
            (Arc::new(Int16Array::from(vec![Some(-2), None])), Type::INT2),
            (Arc::new(Int64Array::from(vec![None, Some(i64::MIN)])), Type::INT8),
            (Arc::new(Float32Array::from(vec![1.5, f32::NAN])), Type::FLOAT4),
            (Arc::new(Float64Array::from(vec![-0.0, f64::INFINITY])), Type::FLOAT8),
            (Arc::new(StringArray::from(vec![Some("a"), None])), Type::TEXT),
            (
                Arc::new(LargeStringArray::from(vec![None, Some("\u{1F600}")])),
                Type::TEXT,
            ),
            (
                Arc::new(BinaryArray::from(vec![Some(b"\0\xff".as_slice()), None])),
                Type::BYTEA,
            ),
            (Arc::new(Date32Array::from(vec![Some(-719_162), None])), Type::DATE),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("UTC")),
                Type::TIMESTAMPTZ,
            ),
        ]);
        let own = of_columns(&columns, &batch).expect("all types are known");
        let librarys = by_library(&columns, batch).expect("rows");
        assert_eq!(own.rows().collect::<Vec<_>>(), librarys.rows().collect::<Vec<_>>());
    }

    #[test]
    fn other_types_are_left_to_the_library() {
        let (columns, batch) = rows_of(&[(Arc::new(UInt32Array::from(vec![7])), Type::INT8)]);
        assert!(of_columns(&columns, &batch).is_none());
        let rows = EncodedRows::of(&columns, batch).expect("rows");
        let rows: Vec<String> = rows.rows().map(|row| hex(&row)).collect();
        assert_eq!(rows, ["0001000000080000000000000007"]);
        let (columns, batch) = rows_of(&[(Arc::new(Int8Array::from(vec![7])), Type::INT2)]);
        assert!(of_columns(&columns, &batch).is_none());
    }

    #[test]
    fn a_batch_without_rows_has_none() {
        let (columns, batch) = rows_of(&[(Arc::new(Int64Array::from(Vec::<i64>::new())), Type::INT8)]);
        assert_eq!(EncodedRows::of(&columns, batch).expect("rows").count(), 0);
    }
}
