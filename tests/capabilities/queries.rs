//! The SQL of `queries/`, view by view: each file of `tests/queries` gives exports with nasty rows and says
//! what a view makes of them.
//!
//! Beside plain SQL, a file may say `export TABLE [on DATE] as QUERY`, `without TABLE` and `setting TOML`.
//! Tables that it does not export are those of `TestExports::small`. Cells are separated by ` | `, and a line
//! end shows as `\n`.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use pragati::catalog::Catalog;
use pragati::config::Config;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner, strict_column_validator};
use tokio::runtime::Runtime;

use crate::support::{DATE, TestExports};

#[test]
fn distinct_users() {
    run("distinct_users");
}

#[test]
fn distinct_enrolments() {
    run("distinct_enrolments");
}

#[test]
fn distinct_course_progress() {
    run("distinct_course_progress");
}

#[test]
fn distinct_batches() {
    run("distinct_batches");
}

#[test]
fn distinct_download_events() {
    run("distinct_download_events");
}

#[test]
fn report_batches() {
    run("report_batches");
}

#[test]
fn course_progress_report() {
    run("course_progress_report");
}

#[test]
fn download_ratio() {
    run("download_ratio");
}

#[test]
fn download_requests() {
    run("download_requests");
}

#[test]
fn download_ratio_over_time() {
    run("download_ratio_over_time");
}

fn run(name: &str) {
    let mut runner = Runner::new(|| async { Ok(Snapshot::new()) });
    runner.with_column_validator(strict_column_validator);
    // White space counts.
    runner.with_normalizer(String::clone);
    let file = format!("{}/tests/queries/{name}.slt", env!("CARGO_MANIFEST_DIR"));
    runner.run_file(file).unwrap_or_else(|error| panic!("{error}"));
}

/// Exports in the making, and the catalog over them once a query has been asked.
struct Snapshot {
    exports: Option<TestExports>,
    settings: String,
    catalog: Option<Catalog>,
    runtime: Runtime,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SqlError(String);

impl DB for Snapshot {
    type Error = SqlError;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, SqlError> {
        match sql.split_once(char::is_whitespace) {
            Some(("export", table)) => self.export(table),
            Some(("without", table)) => self.change_exports(|exports| exports.without(table)),
            Some(("setting", line)) => self.settings += &format!("{line}\n"),
            _ => return self.query(sql).map_err(|error| SqlError(error.to_string())),
        }
        self.catalog = None;
        Ok(DBOutput::StatementComplete(0))
    }
}

impl Snapshot {
    fn new() -> Self {
        Self {
            exports: Some(TestExports::small()),
            settings: String::new(),
            catalog: None,
            runtime: Runtime::new().expect("a runtime"),
        }
    }

    fn export(&mut self, text: &str) {
        let (target, query) = text
            .split_once(" as\n")
            .expect("export TABLE [on DATE] as, then a query");
        let (table, date) = target.split_once(" on ").unwrap_or((target, DATE));
        self.change_exports(|exports| exports.table_on(table, date, query));
    }

    fn change_exports(&mut self, change: impl FnOnce(TestExports) -> TestExports) {
        self.exports = self.exports.take().map(change);
    }

    fn query(&mut self, sql: &str) -> anyhow::Result<DBOutput<DefaultColumnType>> {
        if self.catalog.is_none() {
            let mut config: Config = toml::from_str(&self.settings)?;
            config.exports = self
                .exports
                .as_ref()
                .map(|exports| exports.path().display().to_string());
            self.catalog = Some(self.runtime.block_on(Catalog::open(&config))?);
        }
        let session = &self.catalog.as_ref().expect("opened").session;
        let frame = self.runtime.block_on(session.sql(sql))?;
        let fields = frame.schema().fields();
        let types = fields.iter().map(|field| column_type(field.data_type())).collect();
        let mut rows = Vec::new();
        for batch in self.runtime.block_on(frame.collect())? {
            for row in 0..batch.num_rows() {
                rows.push(vec![shown(&batch, row)?]);
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }
}

fn column_type(found: &DataType) -> DefaultColumnType {
    match found {
        found if found.is_string() => DefaultColumnType::Text,
        found if found.is_integer() => DefaultColumnType::Integer,
        found if found.is_floating() => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Any,
    }
}

/// The cells of a row in one line.
fn shown(batch: &RecordBatch, row: usize) -> anyhow::Result<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut cells = Vec::new();
    for column in batch.columns() {
        let cell = ArrayFormatter::try_new(column, &options)?.value(row).to_string();
        cells.push(if cell.is_empty() {
            "(empty)".to_owned()
        } else {
            cell.replace('\n', "\\n")
        });
    }
    Ok(cells.join(" | "))
}
