//! PostgreSQL's names of types: of SQL types, after which result columns are named, and of the engine's types, for
//! messages and `pg_typeof`, whose results are such names as values.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo};

/// The function that gives the name of its argument's type.
pub const TYPE_OF: &str = "pg_typeof";
/// What PostgreSQL's type of a column is, where the engine's does not tell: a key of the column's metadata, which the
/// library that describes columns to clients reads too, and its value for names of types.
const SHOWN_AS: &str = "pg.oid_alias";
const TYPE_NAME: &str = "regtype";

/// The column with the mark that its texts are names of types.
pub fn with_type_names(field: Field) -> Field {
    field.with_metadata(HashMap::from([(SHOWN_AS.to_owned(), TYPE_NAME.to_owned())]))
}

/// The name that a column has after a cast of something without a name: `int4`, `timestamptz`.
pub fn of_sql(kind: &SqlType) -> String {
    use SqlType as T;
    let name = match kind {
        T::Int(_) | T::Integer(_) | T::Int4(_) => "int4",
        T::BigInt(_) | T::Int8(_) => "int8",
        T::SmallInt(_) | T::Int2(_) => "int2",
        T::Float(ExactNumberInfo::Precision(digits)) if *digits <= 24 => "float4",
        T::Real | T::Float4 => "float4",
        T::Float(_) | T::Double(_) | T::DoublePrecision | T::Float8 => "float8",
        T::Numeric(_) | T::Decimal(_) | T::Dec(_) => "numeric",
        T::Boolean | T::Bool => "bool",
        T::Varchar(_) | T::CharacterVarying(_) | T::CharVarying(_) => "varchar",
        T::Char(_) | T::Character(_) => "bpchar",
        T::Text => "text",
        T::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timestamptz",
        T::Timestamp(..) => "timestamp",
        T::Date => "date",
        T::Time(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => "timetz",
        T::Time(..) => "time",
        T::Interval { .. } => "interval",
        T::JSON => "json",
        T::JSONB => "jsonb",
        T::Uuid => "uuid",
        T::Bytea => "bytea",
        T::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            return of_sql(element);
        }
        T::Custom(name, _) => {
            let name = name.to_string().replace('"', "").to_lowercase();
            return name.rsplit('.').next().unwrap_or(&name).to_owned();
        }
        other => return other.to_string().to_lowercase(),
    };
    name.to_owned()
}

/// The name of an engine's type as PostgreSQL's messages and `pg_typeof` write it.
pub fn of_arrow(kind: &DataType) -> String {
    let name = match kind {
        DataType::Null => "unknown",
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "integer",
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Float16 | DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            "numeric"
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Struct(_) => super::json::Kind::of(kind).map_or("record", super::json::Kind::name),
        DataType::Dictionary(_, values) => return of_arrow(values),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _)
        | DataType::ListView(element)
        | DataType::LargeListView(element) => return format!("{}[]", of_arrow(element.data_type())),
        other => return other.to_string(),
    };
    name.to_owned()
}
