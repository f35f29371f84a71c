//! Tables of Delta Lake are read through their log: what it names, and nothing else. The logs here are written by hand, as
//! Delta's protocol has them; `writers` has those of a real writer.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{COURSE_PROGRESS, DATE, ENROLMENTS, TestExports, USERS, write_parquet};

const DAY_BEFORE: &str = "2026-11-21";

/// The small exports, whose enrolments are a table of Delta Lake partitioned by `partitions`, without a log yet.
struct DeltaTable {
    exports: TestExports,
    partitions: Vec<&'static str>,
    configuration: Value,
    actions: Vec<Value>,
}

impl DeltaTable {
    fn new(partitions: &[&'static str]) -> Self {
        Self {
            exports: TestExports::small().without("enrolments"),
            partitions: partitions.to_vec(),
            configuration: json!({}),
            actions: Vec::new(),
        }
    }

    fn folder(&self) -> PathBuf {
        self.exports.path().join("enrolments")
    }

    /// Writes the enrolments for which `condition` holds to the file at `path` below the table's folder.
    fn file(self, path: &str, condition: &str) -> Self {
        let file = self.folder().join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        write_parquet(&file, &format!("{ENROLMENTS} where {condition}"));
        self
    }

    /// Has the log name the file at `path`, with these values of the partitions.
    fn add(mut self, path: &str, values: &[&str]) -> Self {
        let values: Value = self
            .partitions
            .iter()
            .zip(values)
            .map(|(name, value)| (name.to_string(), json!(value)))
            .collect();
        let size = fs::metadata(self.folder().join(path)).map_or(100, |file| file.len());
        self.actions.push(json!({"add": {
            "path": path, "partitionValues": values, "size": size, "modificationTime": 0, "dataChange": true,
        }}));
        self
    }

    /// Changes the action that was added last.
    fn with(mut self, key: &str, value: Value) -> Self {
        self.actions.last_mut().expect("an action")["add"][key] = value;
        self
    }

    /// Writes the log, beside which the data lies, into `folder` of the table.
    fn logged_in(self, folder: &str) -> TestExports {
        let names = ["user_id", "course_id", "batch_id", "enrolled_at", "active"]
            .iter()
            .chain(&self.partitions);
        let fields: Vec<Value> = names
            .map(|name| json!({"name": name, "type": "string", "nullable": true, "metadata": {}}))
            .collect();
        let schema = json!({"type": "struct", "fields": fields}).to_string();
        let first = [
            json!({"protocol": {"minReaderVersion": 3, "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors", "columnMapping"], "writerFeatures": ["deletionVectors", "columnMapping"]}}),
            json!({"metaData": {"id": "9f0e2c52-56d5-4a4a-9e0b-0f7e3a3b7b11", "format": {"provider": "parquet", "options": {}},
                "schemaString": schema, "partitionColumns": self.partitions, "configuration": self.configuration}}),
        ];
        let log = self.folder().join(folder).join("_delta_log");
        write_log(&log, 0, first.iter().chain(&self.actions));
        self.exports
    }

    fn logged(self) -> TestExports {
        self.logged_in("")
    }
}

/// Writes one version of a log.
fn write_log<'a>(log: &Path, version: u32, actions: impl Iterator<Item = &'a Value>) {
    fs::create_dir_all(log).expect("a folder");
    let mut lines = String::new();
    for action in actions {
        writeln!(lines, "{action}").expect("written");
    }
    fs::write(log.join(format!("{version:020}.json")), lines).expect("written");
}

fn report_of_plain_files() -> String {
    TestExports::small_report()
}

/// The files of a day, as the log names them.
fn today(name: &str) -> String {
    format!("date={DATE}/{name}")
}

#[test]
fn only_files_that_the_log_names_count() {
    let exports = DeltaTable::new(&["date"])
        .file(&today("a.parquet"), "user_id = 'u1'")
        .file(&today("b.parquet"), "user_id = 'u2'")
        .file(&today("replaced.parquet"), "true")
        .file(&today("of-a-failed-write.parquet"), "true")
        .add(&today("a.parquet"), &[DATE])
        .add(&today("replaced.parquet"), &[DATE])
        .logged();
    let log = exports.path().join("enrolments/_delta_log");
    let second = [
        json!({"remove": {"path": today("replaced.parquet"), "dataChange": true, "deletionTimestamp": 1}}),
        json!({"add": {"path": today("b.parquet"), "partitionValues": {"date": DATE}, "size": 100, "modificationTime": 0,
            "dataChange": true}}),
    ];
    write_log(&log, 1, second.iter());
    let rows = exports.output(
        "sql",
        &["-c", "select count(*) as n from enrolments", "--format", "csv"],
    );
    assert_eq!(rows, "n\n2\n");
    let (report, talk) = exports.output_and_talk("report", &["--batch", "b1"]);
    assert_eq!(report, report_of_plain_files());
    assert!(!talk.contains("warn"), "{talk}");
}

#[test]
fn partitions_below_the_day_are_read() {
    let exports = DeltaTable::new(&["date", "state"])
        .file(&today("state=KA/a.parquet"), "user_id = 'u1'")
        .file(&today("state=a%2Fb c/a.parquet"), "user_id = 'u2'")
        .add(&today("state=KA/a.parquet"), &[DATE, "KA"])
        // In the log, names are those of the folders, percent-encoded once more.
        .add(&today("state=a%252Fb%20c/a.parquet"), &[DATE, "a/b c"])
        .logged();
    assert_eq!(exports.report("b1", &[]), report_of_plain_files());
}

#[test]
fn a_log_of_one_day_is_read_too() {
    let exports = DeltaTable::new(&[])
        .file(&today("a.parquet"), "true")
        .file(&today("replaced.parquet"), "true")
        .add("a.parquet", &[])
        .logged_in(&format!("date={DATE}"));
    assert_eq!(exports.report("b1", &[]), report_of_plain_files());
}

#[test]
fn a_log_is_the_marker_of_a_complete_export() {
    let exports = DeltaTable::new(&["date"])
        .file(&today("a.parquet"), "true")
        .add(&today("a.parquet"), &[DATE])
        .logged();
    for table in ["users", "course_progress", "batches"] {
        fs::write(exports.file(table).with_file_name("_SUCCESS"), "").expect("written");
    }
    let config = exports.config("success_marker = true");
    assert_eq!(exports.report("b1", &["--config", &config]), report_of_plain_files());
}

#[test]
fn history_follows_the_log() {
    let before = format!("date={DAY_BEFORE}/a.parquet");
    let exports = DeltaTable::new(&["date"])
        .file(&today("a.parquet"), "true")
        .file(&before, "user_id = 'u1'")
        .file(&format!("date={DAY_BEFORE}/removed.parquet"), "true")
        .add(&today("a.parquet"), &[DATE])
        .add(&before, &[DAY_BEFORE])
        .logged();
    for table in ["users", "course_progress"] {
        let file = exports.file(table);
        let folder = file
            .parent()
            .expect("a day")
            .with_file_name(format!("date={DAY_BEFORE}"));
        fs::create_dir(&folder).expect("a folder");
        fs::copy(&file, folder.join("part-0.parquet")).expect("copied");
    }
    let sql = "select snapshot_date, count(*) as n from enrolments_history group by 1 order by 1";
    let days = exports.output("sql", &["-c", sql, "--format", "csv"]);
    assert_eq!(days, format!("snapshot_date,n\n{DAY_BEFORE},1\n{DATE},2\n"));
}

/// The small exports with a table of Delta Lake, beside whose only file lies one that its log does not name.
pub fn with_a_file_that_does_not_count() -> TestExports {
    DeltaTable::new(&["date"])
        .file(&today("a.parquet"), "true")
        .file(&today("replaced.parquet"), "user_id = 'u1'")
        .add(&today("a.parquet"), &[DATE])
        .logged()
}

/// Asserts that each command fails, and that the message has the words.
fn assert_refused(exports: &TestExports, words: &[&str]) {
    for (command, arguments) in [
        ("check", &[][..]),
        ("report", &["--batch", "b1"]),
        ("sql", &["-c", "select 1"]),
    ] {
        let complaint = exports.complaint(1, command, arguments);
        for word in [&["enrolments"], words].concat() {
            assert!(complaint.contains(word), "{command}: '{word}' is not in {complaint}");
        }
    }
}

#[test]
fn table_features_that_a_scan_of_files_would_ignore_are_refused() {
    let file = today("a.parquet");
    let table = || DeltaTable::new(&["date"]).file(&file, "true").add(&file, &[DATE]);
    let vector = json!({"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40, "cardinality": 1});
    assert_refused(
        &table().with("deletionVector", vector).logged(),
        &["deletion vector", &file, "REORG TABLE"],
    );
    let elsewhere = "s3://another/table/a.parquet";
    assert_refused(&table().add(elsewhere, &[DATE]).logged(), &[elsewhere, "outside"]);
    let missing = table().add(&today("gone.parquet"), &[DATE]).logged();
    assert_refused(&missing, &["gone.parquet", "although the table's log names it"]);
    let other_folder = DeltaTable::new(&["date"])
        .file("x1/a.parquet", "true")
        .add("x1/a.parquet", &[DATE]);
    assert_refused(&other_folder.logged(), &["x1/a.parquet", "partitions"]);
    let other_day = DeltaTable::new(&["date"]).file(&file, "true").add(&file, &[DAY_BEFORE]);
    assert_refused(&other_day.logged(), &[&file, "partitions"]);
    let broken = table().logged();
    fs::write(
        broken.path().join("enrolments/_delta_log/00000000000000000001.json"),
        "{\"add\"",
    )
    .expect("written");
    assert_refused(&broken, &["Delta Lake", "_delta_log"]);
}

#[test]
fn renamed_columns_are_refused() {
    let file = today("a.parquet");
    let mut table = DeltaTable::new(&["date"]).file(&file, "true").add(&file, &[DATE]);
    table.configuration = json!({"delta.columnMapping.mode": "name"});
    assert_refused(&table.logged(), &["Delta Lake"]);
}

#[test]
fn a_table_that_is_not_partitioned_by_days_is_named() {
    let exports = DeltaTable::new(&[])
        .file("a.parquet", "true")
        .add("a.parquet", &[])
        .logged();
    assert_refused(&exports, &["a.parquet", "date=YYYY-MM-DD"]);
}

#[test]
fn a_newer_day_without_rows_is_skipped_with_a_remark() {
    let before = format!("date={DAY_BEFORE}/a.parquet");
    let mut table = DeltaTable::new(&["date"])
        .file(&before, "true")
        .file(&today("a.parquet"), "true")
        .add(&before, &[DAY_BEFORE]);
    table.exports =
        table
            .exports
            .table_on("users", DAY_BEFORE, USERS)
            .table_on("course_progress", DAY_BEFORE, COURSE_PROGRESS);
    let exports = table.logged();
    let (_, talk) = exports.output_and_talk("check", &[]);
    assert!(
        talk.contains(&format!(
            "the snapshot of {DATE} is incomplete and that of {DAY_BEFORE} is read"
        )),
        "{talk}"
    );
}
