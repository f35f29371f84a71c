//! The listings of `\d`, `\dt`, `\dv` and `\df`, as rows like those of a query.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Documentation;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::error::ShellError;
use super::session::Session;
use super::sql_names::SqlNames;
use crate::engine::EngineError;

/// Rows of text; a missing value is NULL.
pub struct Listing {
    columns: &'static [&'static str],
    rows: Vec<Vec<Option<String>>>,
}

impl Listing {
    fn new(columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Converts the listing to a stream of rows.
    pub fn into_rows(self) -> Result<SendableRecordBatchStream, ShellError> {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8, true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let column = |number: usize| -> ArrayRef {
            Arc::new(
                self.rows
                    .iter()
                    .map(|row| row[number].as_deref())
                    .collect::<StringArray>(),
            )
        };
        let columns = (0..self.columns.len()).map(column).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(crate::formats::FormatError::from)?;
        let rows = futures::stream::iter([Ok(batch)]);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

/// `\d`: tables and views.
pub fn all(session: &Session, names: &SqlNames) -> Listing {
    let mut listing = Listing::new(&["name", "kind", "rows or description"]);
    for table in &names.tables {
        let (kind, what) = match table.is_view {
            true => ("view", summary(session, &table.name)),
            false => (
                "table",
                rows_of(session, &table.name).map(|rows| format!("{rows} rows")),
            ),
        };
        listing
            .rows
            .push(vec![Some(table.name.clone()), Some(kind.to_owned()), what]);
    }
    listing
}

/// `\dt`: tables, with the numbers of their rows and files in the snapshot.
pub fn tables(session: &Session, names: &SqlNames) -> Listing {
    let mut listing = Listing::new(&["table", "rows", "files"]);
    for table in names.tables.iter().filter(|table| !table.is_view) {
        let files = inputs(session, &table.name).count();
        listing.rows.push(vec![
            Some(table.name.clone()),
            rows_of(session, &table.name),
            (files > 0).then(|| files.to_string()),
        ]);
    }
    listing
}

/// `\dv`: views, with the descriptions in their queries.
pub fn views(session: &Session, names: &SqlNames) -> Listing {
    let mut listing = Listing::new(&["view", "description"]);
    for view in names.tables.iter().filter(|table| table.is_view) {
        listing
            .rows
            .push(vec![Some(view.name.clone()), summary(session, &view.name)]);
    }
    listing
}

/// `\df`: functions whose names contain `text`.
pub fn functions(session: &Session, text: Option<&str>) -> Listing {
    let mut listing = Listing::new(&["function", "kind", "use", "description"]);
    let state = session.catalog().session.state();
    let mut add = |name: &String, kind: &str, documentation: Option<&Documentation>| {
        if text.is_none_or(|text| name.contains(&text.to_lowercase())) {
            listing.rows.push(vec![
                Some(name.clone()),
                Some(kind.to_owned()),
                documentation.map(|text| text.syntax_example.clone()),
                documentation.map(|text| text.description.split_whitespace().collect::<Vec<_>>().join(" ")),
            ]);
        }
    };
    for (name, function) in state.scalar_functions() {
        add(name, "scalar", function.documentation());
    }
    for (name, function) in state.aggregate_functions() {
        add(name, "aggregate", function.documentation());
    }
    for (name, function) in state.window_functions() {
        add(name, "window", function.documentation());
    }
    for name in state.table_functions().keys() {
        add(name, "table", None);
    }
    listing.rows.sort_unstable();
    listing
}

/// `\d NAME`: the columns of a table or view.
pub async fn columns(session: &Session, name: &str) -> Result<Listing, ShellError> {
    let mut listing = Listing::new(&["column", "type"]);
    let engine = &session.catalog().session;
    let reference = TableReference::from(name);
    let exists = engine
        .table_exist(reference.clone())
        .map_err(EngineError::running("\\d"))?;
    if !exists {
        return Err(ShellError::UnknownTable(name.to_owned()));
    }
    let table = engine
        .table_provider(reference)
        .await
        .map_err(EngineError::running("\\d"))?;
    for field in table.schema().fields() {
        listing
            .rows
            .push(vec![Some(field.name().clone()), Some(sql_type(field.data_type()))]);
    }
    Ok(listing)
}

/// The SQL name of a type, where SQL has one.
fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp ({zone})"),
        DataType::List(item) | DataType::LargeList(item) => format!("{}[]", sql_type(item.data_type())),
        DataType::Dictionary(_, value) => sql_type(value),
        other => other.to_string(),
    }
}

/// The origin of a view: the description in its query's file.
pub fn origin(session: &Session, name: &str) -> Option<String> {
    let query = session.catalog().query_of_view(name)?;
    Some(format!("{}\n{}\n", query.source, query.description()))
}

fn summary(session: &Session, view: &str) -> Option<String> {
    Some(session.catalog().query_of_view(view)?.summary())
}

fn inputs<'a>(session: &'a Session, table: &'a str) -> impl Iterator<Item = &'a crate::catalog::Input> {
    session
        .catalog()
        .inputs
        .iter()
        .filter(move |input| input.table == table)
}

fn rows_of(session: &Session, table: &str) -> Option<String> {
    let mut files = inputs(session, table).peekable();
    files.peek()?;
    Some(files.map(|input| input.inspected.rows).sum::<u64>().to_string())
}
