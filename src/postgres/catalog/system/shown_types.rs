//! The type of a name that is made of texts, as PostgreSQL shows it: `('"pg_catalog"."' || udt_name ||
//! '"')::regtype::text`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_string_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

/// The function's name.
pub const SHOWN_TYPE: &str = "shown_type";
/// Names of types in the catalog, and the names that are shown, where they differ.
const SHOWN: [(&str, &str); 13] = [
    ("bool", "boolean"),
    ("char", "\"char\""),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("varchar", "character varying"),
    ("bpchar", "character"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
];

/// The SQL function of this file.
pub fn shown_type() -> ScalarUDF {
    let look = |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let names = ColumnarValue::values_to_arrays(arguments)?;
        let names = cast(&names[0], &DataType::Utf8)?;
        let shown: StringArray = as_string_array(&names)?.iter().map(|name| name.map(shown)).collect();
        Ok(ColumnarValue::Array(Arc::new(shown) as ArrayRef))
    };
    create_udf(
        SHOWN_TYPE,
        vec![DataType::Utf8],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(look),
    )
}

/// A type's name without the schema and quotes that may be around it.
fn shown(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    if let Some(element) = last.strip_prefix('_') {
        return format!("{}[]", shown(element));
    }
    let known = SHOWN.iter().find(|(kept, _)| *kept == last);
    known.map_or(last, |(_, as_shown)| *as_shown).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_as_format_type_shows_them() {
        for (name, expected) in [
            ("\"pg_catalog\".\"int4\"", "integer"),
            ("pg_catalog._timestamptz", "timestamp with time zone[]"),
            ("text", "text"),
            ("\"_text\"", "text[]"),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }
}
