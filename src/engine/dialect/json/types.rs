//! The types `json` and `jsonb`: a text within a structure of one field, whose name tells the type. So the engine does
//! not take documents for texts, and keeps their type with every value.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;

/// One of the two types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `json`: the text as it was written.
    Json,
    /// `jsonb`: keys ordered and distinct, no white space kept.
    Jsonb,
}

impl Kind {
    /// PostgreSQL's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Jsonb => "jsonb",
        }
    }

    /// The name of the field, which no column has.
    fn field(self) -> &'static str {
        match self {
            Self::Json => "pg_catalog.json",
            Self::Jsonb => "pg_catalog.jsonb",
        }
    }

    fn fields(self) -> Fields {
        Fields::from(vec![Field::new(self.field(), DataType::Utf8, true)])
    }

    /// The type as the engine has it.
    pub fn data_type(self) -> DataType {
        DataType::Struct(self.fields())
    }

    /// The type that an engine's type is.
    pub fn of(kind: &DataType) -> Option<Self> {
        let DataType::Struct(fields) = kind else {
            return None;
        };
        let [field] = &fields[..] else {
            return None;
        };
        [Self::Json, Self::Jsonb]
            .into_iter()
            .find(|kind| kind.field() == field.name())
    }

    /// A column of documents of these texts.
    ///
    /// # Errors
    /// Arrow cannot make the column.
    pub fn column(self, texts: StringArray) -> Result<ArrayRef> {
        let nulls = texts.nulls().cloned();
        Ok(Arc::new(StructArray::try_new(
            self.fields(),
            vec![Arc::new(texts)],
            nulls,
        )?))
    }
}

/// The texts of a column of documents, or of texts.
///
/// # Errors
/// The column is neither of documents nor of texts.
pub fn texts(column: &ArrayRef) -> Result<StringArray> {
    match (Kind::of(column.data_type()), column.as_struct_opt()) {
        (Some(_), Some(documents)) => {
            let texts = cast(documents.column(0), &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            let nulls = NullBuffer::union(documents.nulls(), texts.nulls());
            Ok(StringArray::try_new(
                texts.offsets().clone(),
                texts.values().clone(),
                nulls,
            )?)
        }
        _ => Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_no_texts() {
        let column = Kind::Jsonb.column(StringArray::from(vec![Some("1"), None]));
        let column = column.expect("a column");
        assert_eq!(Kind::of(column.data_type()), Some(Kind::Jsonb));
        assert_eq!(Kind::of(&DataType::Utf8), None);
        assert!(column.is_null(1));
        let kept: Vec<Option<String>> = texts(&column)
            .expect("texts")
            .iter()
            .map(|text| text.map(str::to_owned))
            .collect();
        assert_eq!(kept, [Some("1".to_owned()), None]);
    }
}
