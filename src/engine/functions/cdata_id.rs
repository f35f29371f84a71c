//! `cdata_id(cdata, type)`: the id of an entry in a telemetry event's correlation data (`context.cdata`).

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::exports::is_blank;

/// The SQL function `cdata_id`: the id of the list entry whose type is `type`, ignoring case; the least id where there
/// are several, NULL where there is none.
pub fn cdata_id() -> ScalarUDF {
    ScalarUDF::new_from_impl(CdataId {
        signature: Signature::any(2, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CdataId {
    signature: Signature,
}

impl ScalarUDFImpl for CdataId {
    fn name(&self) -> &str {
        "cdata_id"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [cdata, ColumnarValue::Scalar(kind)] = arguments.args.as_slice() else {
            return exec_err!("cdata_id takes a list of cdata and the name of a type, such as 'batch'");
        };
        let Some(Some(kind)) = kind.try_as_str() else {
            return exec_err!("cdata_id takes the name of a type, such as 'batch', not {kind}");
        };
        let is_scalar = matches!(cdata, ColumnarValue::Scalar(_));
        let ids = ids_of(
            &cdata.to_array(if is_scalar { 1 } else { arguments.number_rows })?,
            kind,
        )?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&ids, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(ids)))
    }
}

fn ids_of(cdata: &ArrayRef, kind: &str) -> Result<StringViewArray> {
    let Some(lists) = cdata.as_list_opt::<i32>() else {
        return exec_err!("cdata_id takes a list, not {}", cdata.data_type());
    };
    let (kinds, ids) = (entries(lists, "type")?, entries(lists, "id")?);
    let (kinds, ids) = (kinds.as_string_view(), ids.as_string_view());
    let is_meant = |&entry: &usize| {
        let is_kind = kinds.is_valid(entry) && kinds.value(entry).eq_ignore_ascii_case(kind);
        is_kind && ids.is_valid(entry) && !is_blank(ids.value(entry))
    };
    let mut found = StringViewBuilder::with_capacity(lists.len());
    for (row, ends) in lists.value_offsets().windows(2).enumerate() {
        // Offsets are never negative. A NULL list may have entries in memory.
        let [start, end] = [ends[0] as usize, ends[1] as usize];
        let entries = if lists.is_valid(row) { start..end } else { 0..0 };
        found.append_option(entries.filter(is_meant).map(|entry| ids.value(entry)).min());
    }
    Ok(found.finish())
}

/// One field of all entries of all lists.
fn entries(lists: &ListArray, field: &str) -> Result<ArrayRef> {
    let entries = lists.values().as_struct_opt();
    let Some(column) = entries.and_then(|entries| entries.column_by_name(field)) else {
        return exec_err!(
            "cdata_id takes a list of entries with type and id, not {}",
            lists.data_type()
        );
    };
    Ok(cast(column, &DataType::Utf8View)?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ListBuilder, StructBuilder};
    use datafusion::arrow::datatypes::{Field, Fields};

    use super::*;

    type Entry = (&'static str, Option<&'static str>);

    fn lists(rows: &[Option<&[Entry]>]) -> ArrayRef {
        let text = |name| Field::new(name, DataType::Utf8View, true);
        let fields = Fields::from(vec![text("id"), text("type")]);
        let mut lists = ListBuilder::new(StructBuilder::from_fields(fields, 0));
        for row in rows {
            for (kind, id) in row.unwrap_or_default() {
                let entry = lists.values();
                let id_builder = entry.field_builder::<StringViewBuilder>(0).expect("text");
                id_builder.append_option(*id);
                let kind_builder = entry.field_builder::<StringViewBuilder>(1).expect("text");
                kind_builder.append_value(kind);
                entry.append(true);
            }
            lists.append(row.is_some());
        }
        Arc::new(lists.finish())
    }

    #[test]
    fn the_least_id_of_the_type_in_any_case() {
        let cdata = lists(&[
            Some(&[("Other", Some("a")), ("Batch", Some("b2")), ("BATCH", Some("b1"))]),
            Some(&[("batch", Some(" ")), ("batch", None), ("batches", Some("b3"))]),
            Some(&[]),
            None,
            Some(&[("batch", Some("b4"))]),
        ]);
        let ids = ids_of(&cdata, "batch").expect("ids");
        let ids: Vec<_> = ids.iter().collect();
        assert_eq!(ids, [Some("b1"), None, None, None, Some("b4")]);
        let last = ids_of(&cdata.slice(4, 1), "Batch").expect("ids");
        assert_eq!(last.value(0), "b4");
    }
}
