//! The same rows, written by real Parquet writers (`tests/writers`), give the same bytes everywhere, or are refused by
//! name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde::Deserialize;
use tempfile::TempDir;

use crate::support::{DATE, files_below, pragati};

/// The batch whose report is also asked for by itself.
const BATCH: &str = "01325000048904434076";
/// What the reports do not show of batches. A list without items and no list are the same to a site.
const BATCHES: &str =
    "select batch_id, created_by, coalesce(array_to_string(mentors, ' '), '') as mentors, start_date, end_date
    from batches order by batch_id";
/// Clicks by their days.
const RATIO: [&str; 9] = [
    "ratio",
    "--level",
    "all",
    "--by",
    "day",
    "--since",
    "2026-11-20",
    "--format",
    "csv",
];
/// The rules whose answers depend on the day that the test runs on.
const OF_TODAY: [&str; 2] = ["snapshot_stale", "timestamps_in_the_future"];

/// What must become of a folder of exports.
#[derive(Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase", deny_unknown_fields)]
enum Expected {
    /// The files in `expected`; in a build without the feature that they need, an error that holds the words.
    Same {
        #[serde(default)]
        without_delta: Vec<String>,
    },
    /// Nothing, and an error that holds these words, in any case.
    Refuse {
        words: Vec<String>,
        /// The folder, where it is not of the entry's name.
        folder: Option<String>,
        /// `tables.NAME.path` of the configuration.
        #[serde(default)]
        paths: BTreeMap<String, String>,
        /// Reports are the expected ones all the same, since they do not read what is wrong.
        #[serde(default)]
        reports_are_same: bool,
    },
}

#[derive(Debug, Deserialize)]
struct Finding {
    rule: String,
    rows: u64,
}

/// A folder of exports, and a folder for what comes of it.
struct Writer {
    exports: PathBuf,
    made: TempDir,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/writers")
}

fn expectations() -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(corpus().join("expected.toml")).expect("expectations");
    toml::from_str(&text).expect("an outcome for each name")
}

fn expected_file(path: &str) -> Vec<u8> {
    fs::read(corpus().join("expected").join(path)).expect("an expected file")
}

impl Writer {
    fn new(folder: &str, paths: &BTreeMap<String, String>) -> Self {
        let made = tempfile::tempdir().expect("a folder");
        let tables: String = paths
            .iter()
            .map(|(table, path)| format!("[tables.{table}]\npath = '{path}'\n"))
            .collect();
        fs::write(made.path().join("settings.toml"), tables).expect("a file");
        Self {
            exports: corpus().join(folder),
            made,
        }
    }

    fn made(&self, name: &str) -> PathBuf {
        self.made.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = pragati();
        command
            .args(arguments)
            .args(["--date", DATE, "--exports"])
            .arg(&self.exports);
        command.arg("--config").arg(self.made("settings.toml"));
        command.output().expect("a run")
    }

    /// The command's standard output; it must succeed.
    fn output(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {talk}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn nightly(&self) -> [String; 3] {
        ["nightly".into(), "--out".into(), self.made("out").display().to_string()]
    }

    fn report(&self) -> [String; 5] {
        let file = self.made("report.csv").display().to_string();
        ["report".into(), "--batch".into(), BATCH.into(), "--output".into(), file]
    }

    /// The rules that the exports break, as CSV.
    fn broken_rules(&self) -> String {
        let output = self.run(&["check", "--format", "json"]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "a user stands twice in users: {output:?}"
        );
        let findings: Vec<Finding> = serde_json::from_slice(&output.stdout).expect("findings");
        let broken: BTreeMap<_, _> = findings
            .into_iter()
            .filter(|finding| finding.rows > 0 && !OF_TODAY.contains(&finding.rule.as_str()))
            .map(|finding| (finding.rule, finding.rows))
            .collect();
        let lines = broken.iter().map(|(rule, rows)| format!("{rule},{rows}\n"));
        format!("rule,rows\n{}", lines.collect::<String>())
    }

    fn assert_same(&self) {
        self.assert_same_reports();
        let answers = [
            ("ratio.csv", self.output(&RATIO)),
            ("batches.csv", self.output(&["sql", "--format", "csv", "-c", BATCHES])),
            ("check.csv", self.broken_rules()),
        ];
        for (file, answer) in answers {
            assert_text(answer.as_bytes(), &expected_file(file), file);
        }
    }

    fn assert_same_reports(&self) {
        self.output(&self.nightly().each_ref().map(String::as_str));
        assert_same_files(
            &self.made("out").join(format!("date={DATE}")).join("csv"),
            &corpus().join("expected/csv"),
        );
        self.output(&self.report().each_ref().map(String::as_str));
        assert_text(
            &fs::read(self.made("report.csv")).expect("a report"),
            &expected_file(&format!("csv/ka/{BATCH}.csv")),
            "report",
        );
    }

    fn assert_all_refused(&self, words: &[String]) {
        self.assert_refused(
            &[
                self.nightly().to_vec(),
                self.report().to_vec(),
                vec!["check".to_owned()],
            ],
            words,
        );
    }

    fn assert_refused(&self, commands: &[Vec<String>], words: &[String]) {
        for command in commands {
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            let output = self.run(&arguments);
            let talk = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(output.status.code(), Some(1), "{arguments:?} is not refused: {talk}");
            let errors: Vec<&str> = talk.lines().filter(|line| line.contains("error")).collect();
            let [error] = errors.as_slice() else {
                panic!("{arguments:?} does not fail with one line: {talk}");
            };
            // What `check` finds may stand in its table.
            let table = String::from_utf8(output.stdout).expect("UTF-8");
            // The folder's own name holds the name of its writer.
            let exports = self.exports.display().to_string();
            let said = format!("{table}{error}").replace(&exports, "EXPORTS").to_lowercase();
            for word in words {
                let is_named = said.contains(&word.to_lowercase());
                assert!(is_named, "{arguments:?} does not name {word}: {said}");
            }
        }
        let out = self.made("out");
        let mut left = if out.is_dir() { files_below(&out) } else { Vec::new() };
        // The lock of the folder stays; it is no output.
        left.retain(|(path, _)| path != ".pragati.lock");
        assert!(
            left.is_empty(),
            "nightly left {:?}",
            left.iter().map(|(path, _)| path).collect::<Vec<_>>()
        );
    }
}

/// The same paths with the same bytes.
fn assert_same_files(found: &Path, expected: &Path) {
    let found: BTreeMap<_, _> = files_below(found).into_iter().collect();
    let expected: BTreeMap<_, _> = files_below(expected).into_iter().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert_text(&found[path], bytes, path);
    }
}

/// Equal bytes; a difference is shown as text.
fn assert_text(found: &[u8], expected: &[u8], what: &str) {
    if found != expected {
        let [found, expected] = [found, expected].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(found, expected, "{what}");
    }
}

fn assert_outcome(name: &str) {
    let mut expectations = expectations();
    match expectations.remove(name).expect("a stated outcome") {
        Expected::Same { without_delta } if !cfg!(feature = "delta") && !without_delta.is_empty() => {
            Writer::new(name, &BTreeMap::new()).assert_all_refused(&without_delta);
        }
        Expected::Same { .. } => Writer::new(name, &BTreeMap::new()).assert_same(),
        Expected::Refuse {
            words,
            folder,
            paths,
            reports_are_same,
        } => {
            assert!(!words.is_empty(), "a refusal must name something");
            let writer = Writer::new(folder.as_deref().unwrap_or(name), &paths);
            if reports_are_same {
                writer.assert_refused(&[vec!["check".to_owned()]], &words);
                writer.assert_same_reports();
            } else {
                writer.assert_all_refused(&words);
            }
        }
    }
}

/// A test for each entry of `expected.toml`.
macro_rules! writers {
    ($($test:ident: $name:literal,)+) => {
        const TESTED: &[&str] = &[$($name),+];

        $(
            #[test]
            fn $test() {
                assert_outcome($name);
            }
        )+
    };
}

writers! {
    clickhouse: "clickhouse",
    clickhouse_uuid: "clickhouse-uuid",
    dask: "dask",
    deltalake_appended: "deltalake-appended",
    deltalake_deleted: "deltalake-deleted",
    duckdb: "duckdb",
    duckdb_uuid: "duckdb-uuid",
    fastparquet: "fastparquet",
    hyparquet: "hyparquet",
    pandas: "pandas",
    parquet_wasm: "parquet-wasm",
    parquetjs_dsnp: "parquetjs-dsnp",
    parquetjs_lite: "parquetjs-lite",
    polars: "polars",
    pyarrow: "pyarrow",
    pyarrow_dictionary: "pyarrow-dictionary",
    pyiceberg_overwritten: "pyiceberg-overwritten",
    pyiceberg_overwritten_by_path: "pyiceberg-overwritten-by-path",
    spark: "spark",
    spark_hive: "spark-hive",
    spark_int96: "spark-int96",
}

#[test]
fn every_writer_has_a_test() {
    let expectations = expectations();
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(expectations.keys().map(String::as_str).collect::<BTreeSet<_>>(), tested);

    let used: BTreeSet<String> = expectations
        .iter()
        .map(|(name, expected)| match expected {
            Expected::Refuse {
                folder: Some(folder), ..
            } => folder.clone(),
            Expected::Same { .. } | Expected::Refuse { .. } => name.clone(),
        })
        .collect();
    let folders: BTreeSet<String> = fs::read_dir(corpus())
        .expect("the corpus")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "make" && name != "expected")
        .collect();
    assert_eq!(used, folders);
}
