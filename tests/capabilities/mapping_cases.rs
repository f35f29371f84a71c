//! Cases of a platform's mapping: rows of raw tables in `tests/data/PLATFORM/cases.json`, and the reports that they call for.
//!
//! All cases of a platform lie in one snapshot, each with batches and users of its own. A time in a column of whole numbers
//! stands for its seconds since 1970.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::DateTime;
use serde_json::{Map, Value};

use crate::support::TestExports;

const HEADER: &str = "External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,\
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

/// A snapshot of a platform's tables, and the configuration that names its mapping.
pub struct Snapshot {
    pub exports: TestExports,
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

    /// The report of each batch that a case names.
    pub fn expected(&self) -> BTreeMap<String, String> {
        let cases = self.cases().iter().map(|case| {
            let lines = case["report_lines"].as_array().expect("lines").iter().map(text);
            let report: Vec<&str> = std::iter::once(HEADER).chain(lines).collect();
            (text(&case["batch"]).to_owned(), report.join("\n") + "\n")
        });
        let expected: BTreeMap<String, String> = cases.collect();
        assert_eq!(expected.len(), self.cases().len(), "each case has a batch of its own");
        expected
    }

    /// A snapshot with the rows of all cases.
    pub fn snapshot(&self, types: Types) -> Snapshot {
        let tables = object(&self.file["types"]).iter();
        let exports = tables.fold(TestExports::empty(), |exports, (table, columns)| {
            exports.table(table, &self.table_sql(table, object(columns), types))
        });
        let config = exports.config(&format!("staging = '{}'\n", self.platform));
        Snapshot { exports, config }
    }

    fn cases(&self) -> &Vec<Value> {
        self.file["cases"].as_array().expect("cases")
    }

    /// A query for the rows of a table.
    fn table_sql(&self, table: &str, columns: &Map<String, Value>, types: Types) -> String {
        let rows = self.cases().iter().filter_map(|case| case["tables"].get(table));
        let rows: Vec<String> = rows
            .flat_map(|rows| rows.as_array().expect("rows"))
            .map(|row| self.row_sql(table, columns, object(row)))
            .collect();
        assert!(!rows.is_empty(), "no case has rows of {table}");
        let typed = columns.iter().enumerate().map(|(number, (name, own))| {
            let number = number + 1;
            let to = self.exported_type(text(own), types);
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

    fn row_sql(&self, table: &str, columns: &Map<String, Value>, row: &Map<String, Value>) -> String {
        let untyped = row.keys().find(|name| !columns.contains_key(*name));
        assert_eq!(untyped, None, "a column of {table} without a type");
        let values = columns.iter().map(|(name, own)| {
            let value = row.get(name).unwrap_or(&self.file["defaults"][table][name]);
            literal(value, text(own).starts_with("Int"))
        });
        format!("({})", values.collect::<Vec<_>>().join(", "))
    }
}

impl Snapshot {
    /// What a command prints; it must succeed.
    pub fn output(&self, command: &str, arguments: &[&str]) -> String {
        self.exports.output(command, &self.with_config(arguments))
    }

    /// The report of a batch.
    pub fn report(&self, batch: &str) -> String {
        self.exports.report(batch, &["--config", &self.config])
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
