//! `concat` and `concat_ws`: values of all types as PostgreSQL sends them to clients, so that a boolean is `t` or `f`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::values::{as_sent, as_written, text};
use crate::engine::dialect::function::{Function, no_function};

/// All functions of this file.
pub const ALL: [Function; 2] = [
    Function {
        name: "concat",
        coerce: of_all::<1>,
        returns: text,
        run: |columns, _| {
            let texts = sent(columns)?;
            let rows = columns.first().map_or(0, |column| column.len());
            let made = (0..rows).map(|row| Some(values(&texts, row).collect::<String>()));
            Ok(Arc::new(made.collect::<StringArray>()))
        },
    },
    Function {
        name: "concat_ws",
        coerce: of_all::<1>,
        returns: text,
        run: |columns, _| {
            let texts = sent(columns)?;
            let Some((separators, texts)) = texts.split_first() else {
                return exec_err!("concat_ws takes a separator");
            };
            let made = separators.iter().enumerate().map(|(row, separator)| {
                let values: Vec<&str> = values(texts, row).collect();
                separator.map(|separator| values.join(separator))
            });
            Ok(Arc::new(made.collect::<StringArray>()))
        },
    },
];

fn of_all<const LEAST: usize>(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types.len() >= LEAST {
        true => Ok(types.iter().map(as_written).collect()),
        false => no_function(name, types),
    }
}

fn sent(columns: &[ArrayRef]) -> Result<Vec<StringArray>> {
    columns.iter().map(as_sent).collect()
}

/// The values of a row that are not NULL.
fn values(texts: &[StringArray], row: usize) -> impl Iterator<Item = &str> {
    texts
        .iter()
        .filter(move |column| column.is_valid(row))
        .map(move |column| column.value(row))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{AsArray, BooleanArray, Int32Array};

    use super::*;

    fn made(name: &str, columns: &[ArrayRef]) -> Vec<Option<String>> {
        let function = ALL.iter().find(|function| function.name == name).expect(name);
        let made = (function.run)(columns, &DataType::Utf8).expect(name);
        made.as_string::<i32>()
            .iter()
            .map(|text| text.map(str::to_owned))
            .collect()
    }

    #[test]
    fn values_are_joined_without_nulls() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![None, Some(5)]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        let columns = [texts, numbers, flags];
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(made("concat", &columns), [some("at"), some("5f")]);
        assert_eq!(made("concat_ws", &columns), [some("t"), None]);
    }
}
