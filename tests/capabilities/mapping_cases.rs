//! Cases of a platform's mapping: rows of raw tables in `tests/data/PLATFORM/cases.json`, and the reports that they
//! call for.
//!
//! All cases of a platform lie in one snapshot, each with batches and users of its own; some look at it again with another
//! setting of the mapping. A time in a column of whole numbers stands for its seconds since 1970.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::DateTime;
use pragati::config::Config;
use pragati::report::ReportFormat;
use serde_json::{Map, Value};

use crate::opened::reports_of;
use crate::support::TestExports;

/// The header of a report.
pub const HEADER: &str = "External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,\
                      Block Name,Enrollment Date,Course Progress,Completion Date";

/// How a platform's tables were exported.
#[derive(Debug, Clone, Copy)]
pub enum Types {
    /// With the types of the database.
    Own,
    /// With other types that exporters choose.
    Other,
    /// By way of CSV files: everything is text.
    Text,
}

/// The cases of one platform.
pub struct Cases {
    platform: &'static str,
    file: Value,
}

/// A column of a raw table, and its type in the database.
struct Column<'a> {
    name: &'a str,
    own: &'a str,
}

/// A snapshot of a platform's tables, and the configuration that names its mapping.
pub struct Snapshot {
    exports: TestExports,
    config: String,
}

impl Cases {
    /// Those of `tests/data/PLATFORM/cases.json`.
    pub fn of(platform: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{platform}/cases.json"));
        let text = fs::read_to_string(path).expect("the cases");
        let file = serde_json::from_str(&text).expect("JSON");
        Self { platform, file }
    }

    /// The report of each batch that a case names, without settings.
    pub fn expected(&self) -> BTreeMap<String, String> {
        self.expected_with(&Value::Null)
    }

    /// The report of each batch that a case with these settings names.
    pub fn expected_with(&self, settings: &Value) -> BTreeMap<String, String> {
        let cases: Vec<&Value> = self
            .cases()
            .iter()
            .filter(|case| case["settings"] == *settings)
            .collect();
        let reports = cases.iter().map(|case| {
            let lines = case["report_lines"].as_array().expect("lines").iter().map(text);
            let report: Vec<&str> = std::iter::once(HEADER).chain(lines).collect();
            (text(&case["batch"]).to_owned(), report.join("\n") + "\n")
        });
        let expected: BTreeMap<String, String> = reports.collect();
        assert!(!cases.is_empty(), "no case has the settings {settings}");
        assert_eq!(expected.len(), cases.len(), "each case has a batch of its own");
        expected
    }

    /// A snapshot with the rows of all cases.
    pub fn snapshot(&self, types: Types) -> Snapshot {
        self.snapshot_of(types, &Value::Null, &[])
    }

    /// The same, read with settings of the mapping.
    pub fn snapshot_with(&self, settings: &Value) -> Snapshot {
        self.snapshot_of(Types::Own, settings, &[])
    }

    /// The same without some tables, `NAME`, and columns, `NAME.COLUMN`.
    pub fn snapshot_without(&self, missing: &[&str]) -> Snapshot {
        self.snapshot_of(Types::Own, &Value::Null, missing)
    }

    fn snapshot_of(&self, types: Types, settings: &Value, missing: &[&str]) -> Snapshot {
        let is_there = |name: &str| !missing.contains(&name);
        let tables = object(&self.file["types"]).iter().filter(|(table, _)| is_there(table));
        let exports = tables.fold(TestExports::empty(), |exports, (table, columns)| {
            let columns: Vec<Column<'_>> = object(columns)
                .iter()
                .map(|(name, own)| Column { name, own: text(own) })
                .filter(|column| is_there(&format!("{table}.{}", column.name)))
                .collect();
            exports.table(table, &self.table_sql(table, &columns, types))
        });
        let settings = settings.as_object().into_iter().flatten();
        let settings: Vec<String> = settings.map(|(name, value)| format!("{name} = {value}\n")).collect();
        let config = format!(
            "staging = '{}'\n[staging_settings]\n{}",
            self.platform,
            settings.concat()
        );
        let config = exports.config(&config);
        Snapshot { exports, config }
    }

    fn cases(&self) -> &Vec<Value> {
        self.file["cases"].as_array().expect("cases")
    }

    /// A query for the rows of a table.
    fn table_sql(&self, table: &str, columns: &[Column<'_>], types: Types) -> String {
        let rows = self.cases().iter().filter_map(|case| case["tables"].get(table));
        let rows: Vec<String> = rows
            .flat_map(|rows| rows.as_array().expect("rows"))
            .map(|row| self.row_sql(table, columns, object(row)))
            .collect();
        assert!(!rows.is_empty(), "no case has rows of {table}");
        let typed = columns.iter().enumerate().map(|(number, column)| {
            let (number, name) = (number + 1, column.name);
            let to = self.exported_type(column.own, types);
            format!("arrow_cast(cast(column{number} as varchar), '{to}') as \"{name}\"")
        });
        let typed: Vec<String> = typed.collect();
        format!("select {} from (values {})", typed.join(", "), rows.join(", "))
    }

    fn exported_type<'a>(&'a self, own: &'a str, types: Types) -> &'a str {
        match types {
            Types::Own => own,
            Types::Other => self.file["other_types"].get(own).map_or(own, text),
            Types::Text => "Utf8",
        }
    }

    fn row_sql(&self, table: &str, columns: &[Column<'_>], row: &Map<String, Value>) -> String {
        let known = object(&self.file["types"][table]);
        let untyped = row.keys().find(|name| !known.contains_key(*name));
        assert_eq!(untyped, None, "a column of {table} without a type");
        let values = columns.iter().map(|column| {
            let value = row.get(column.name);
            literal(
                value.unwrap_or(&self.file["defaults"][table][column.name]),
                column.own.starts_with("Int"),
            )
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    }
}

impl Snapshot {
    /// Exports of a platform's raw tables, read with its mapping.
    pub fn over(exports: TestExports, platform: &str) -> Self {
        let config = exports.config(&format!("staging = '{platform}'\n"));
        Self { exports, config }
    }

    /// The settings of its commands.
    pub fn settings(&self) -> Config {
        let mut settings = Config::load(Some(Path::new(&self.config))).expect("settings");
        settings.exports = Some(self.exports.path().display().to_string());
        settings
    }

    /// The line that a failing command complains with.
    pub fn complaint(&self, command: &str) -> String {
        self.exports
            .complaint(1, command, &["--quiet", "--config", &self.config])
    }

    /// What a command prints; it must succeed.
    pub fn output(&self, command: &str, arguments: &[&str]) -> String {
        self.exports.output(command, &self.with_config(arguments))
    }

    /// The report of a batch.
    pub fn report(&self, batch: &str) -> String {
        self.exports.report(batch, &["--config", &self.config])
    }

    /// The reports of these batches, over a snapshot that is opened once.
    pub fn reports<'a>(&self, batches: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, String> {
        let mut settings = self.settings();
        settings.report.bom = false;
        let reports = reports_of(settings, ReportFormat::Csv, batches.into_iter().cloned().collect());
        let reports = reports.into_iter();
        reports
            .map(|(batch, csv)| (batch, String::from_utf8(csv).expect("UTF-8")))
            .collect()
    }

    /// The reports of a night's run, by batch.
    pub fn nightly(&self) -> BTreeMap<String, String> {
        let (_out, day) = self.exports.nightly(&["--config", &self.config]);
        let manifest = fs::read_to_string(day.join("manifest.json")).expect("a manifest");
        let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
        let files = manifest["files"].as_array().expect("files").iter();
        let reports = files.filter(|file| file["content"] == "report_csv").map(|file| {
            let csv = fs::read_to_string(day.join(text(&file["path"]))).expect("a report");
            let csv = csv.trim_start_matches('\u{feff}').to_owned();
            (text(&file["batch_id"]).to_owned(), csv)
        });
        reports.collect()
    }

    /// The rules that `pragati check` finds broken, with examples; that the snapshot is of an earlier day is left out.
    pub fn broken_rules(&self) -> String {
        let findings: Value = serde_json::from_str(&self.output("check", &["--format", "json"])).expect("JSON");
        let findings = findings.as_array().expect("findings").iter();
        let broken = findings.filter(|finding| finding["rows"] != 0 && finding["rule"] != "snapshot_stale");
        let lines = broken.map(|finding| {
            let examples = finding["examples"].as_array().expect("examples").iter().map(text);
            let examples: Vec<&str> = examples.collect();
            format!(
                "{} {}: {}",
                text(&finding["severity"]),
                text(&finding["rule"]),
                examples.join("; ")
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What a query gives, as CSV.
    pub fn sql(&self, query: &str) -> String {
        self.output("sql", &["--format", "csv", "-c", query])
    }

    fn with_config<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let own = ["--config", &self.config];
        own.into_iter().chain(arguments.iter().copied()).collect()
    }
}

fn literal(value: &Value, is_number: bool) -> String {
    let spelt = match value {
        Value::Null => return "null".to_owned(),
        Value::String(time) if is_number => {
            let time = DateTime::parse_from_rfc3339(time).expect("a time");
            time.timestamp().to_string()
        }
        Value::String(text) => text.replace('\'', "''"),
        other => other.to_string(),
    };
    format!("'{spelt}'")
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
