//! Mapped tables of a nightly run and a check are mapped once: the raw files are read one time, the results are the same as
//! when each plan maps them, and all temporary files are removed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pragati::catalog::{Catalog, Readings};
use pragati::check::{Finding, check};
use pragati::config::Config;
use pragati::nightly::{self, NightlyError, Progress};
use tokio::runtime::Runtime;

use crate::mapping_cases::{Cases, Types};
use crate::sunbird::raw;
use crate::support::{TestExports, files_below};

/// Every table of the contract that a mapping may make.
const TABLES: [&str; 7] = [
    "users",
    "enrolments",
    "course_progress",
    "batches",
    "courses",
    "tenants",
    "download_events",
];

struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &'static str) {}
    fn batches(&self, _more: u64) {}
    fn batches_written(&self, _more: u64) {}
}

/// The platform's own test rows.
fn sunbird() -> TestExports {
    let exports = TestExports::empty();
    for (name, bytes) in files_below(&raw()) {
        let file = exports.path().join(name);
        fs::create_dir_all(file.parent().expect("a day")).expect("a folder");
        fs::write(file, bytes).expect("a copy");
    }
    exports
}

fn config(exports: &Path, temp: &Path) -> Config {
    Config {
        exports: Some(exports.display().to_string()),
        staging: Some("sunbird".to_owned()),
        temp_dir: Some(temp.to_owned()),
        ..Config::default()
    }
}

fn opened(runtime: &Runtime, config: &Config, readings: Readings) -> Catalog {
    let catalog = runtime.block_on(Catalog::open_for(config, readings));
    catalog.expect("a snapshot")
}

/// Runs a night, and gives the files of the day but the manifest, which has times in it.
fn night(runtime: &Runtime, catalog: &Catalog, config: &Config) -> Result<Vec<(String, Vec<u8>)>, NightlyError> {
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().display().to_string();
    runtime.block_on(nightly::run(catalog, config, &place, Arc::new(Silent)))?;
    let mut files = files_below(out.path());
    files.retain(|(name, _)| !name.ends_with("manifest.json"));
    Ok(files)
}

/// Reads every column of every table to the end.
fn read_everything(runtime: &Runtime, catalog: &Catalog) {
    for table in TABLES {
        if catalog.session.table_exist(table).expect("a catalog") {
            let rows = runtime.block_on(async { catalog.session.table(table).await?.collect().await });
            rows.unwrap_or_else(|error| panic!("{table}: {error}"));
        }
    }
}

fn remove_contents(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            fs::remove_dir_all(path).expect("removed");
        } else {
            fs::remove_file(path).expect("removed");
        }
    }
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn raw_files_are_not_read_again_and_the_reports_are_the_same() {
    let runtime = Runtime::new().expect("a runtime");
    let temp = tempfile::tempdir().expect("a folder");
    let whole = sunbird();
    let settings = config(whole.path(), temp.path());
    let expected = night(&runtime, &opened(&runtime, &settings, Readings::Single), &settings).expect("a night");
    assert!(expected.len() > 5, "{} files", expected.len());
    for readings in [Readings::Several, Readings::Single] {
        let exports = sunbird();
        let settings = config(exports.path(), temp.path());
        let catalog = opened(&runtime, &settings, readings);
        read_everything(&runtime, &catalog);
        assert_eq!(files_in(temp.path()), 0, "the files have no names");
        remove_contents(exports.path());
        let made = night(&runtime, &catalog, &settings);
        match readings {
            Readings::Several => assert_eq!(made.expect("a night"), expected),
            Readings::Single => assert!(made.is_err(), "the raw files are gone"),
        }
        assert_eq!(files_in(temp.path()), 0);
    }
}

#[test]
fn a_step_that_several_tables_read_is_computed_once() {
    let runtime = Runtime::new().expect("a runtime");
    let temp = tempfile::tempdir().expect("a folder");
    let exports = sunbird();
    let settings = config(exports.path(), temp.path());
    let rows_of = |catalog: &Catalog, table: &str| -> usize {
        let rows = runtime.block_on(async { catalog.session.table(table).await?.count().await });
        rows.unwrap_or_else(|error| panic!("{table}: {error}"))
    };
    let of_organisations = |catalog: &Catalog| ["batches", "tenants"].map(|table| rows_of(catalog, table));
    let expected = of_organisations(&opened(&runtime, &settings, Readings::Single));
    assert!(expected[0] > 0);
    let catalog = opened(&runtime, &settings, Readings::Several);
    assert!(rows_of(&catalog, "users") > 0);
    // The users were made from the step `organisations`, which tells the tenants, and those of batches.
    remove_contents(&exports.path().join("organisation"));
    assert_eq!(of_organisations(&catalog), expected);
}

#[test]
fn a_check_finds_the_same_however_tables_are_mapped() {
    let runtime = Runtime::new().expect("a runtime");
    let findings = |config: &Config| {
        [Readings::Single, Readings::Several].map(|readings| -> Vec<Finding> {
            let catalog = opened(&runtime, config, readings);
            runtime.block_on(check(&catalog)).expect("findings")
        })
    };
    let temp = tempfile::tempdir().expect("a folder");
    let exports = sunbird();
    let [each_time, once] = findings(&config(exports.path(), temp.path()));
    assert_eq!(each_time, once);
    for platform in ["openedx", "moodle"] {
        let snapshot = Cases::of(platform).snapshot(Types::Own);
        let [each_time, once] = findings(&snapshot.settings());
        assert!(each_time.iter().any(|finding| finding.rows > 0), "{platform}");
        assert_eq!(each_time, once, "{platform}");
    }
}

#[test]
fn a_damaged_raw_file_is_named_and_leaves_no_temporary_files() {
    let exports = sunbird();
    let file = exports
        .path()
        .join("user_enrolments/date=2020-07-01/part-00000.parquet");
    let mut bytes = fs::read(&file).expect("a file");
    let end = bytes.len() - 8;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().expect("a length"));
    // Most of the columns, and nothing of the footer and the indexes before it.
    let columns = (end - footer as usize) * 3 / 4;
    bytes[4..columns].fill(0xff);
    fs::write(&file, bytes).expect("written");
    let (temp, out) = (tempfile::tempdir().expect("a folder"), exports.path().join("out"));
    let settings = exports.config("staging = 'sunbird'");
    let arguments = [
        "--quiet",
        "--config",
        &settings,
        "--temp-dir",
        temp.path().to_str().expect("UTF-8"),
        "--out",
        out.to_str().expect("UTF-8"),
    ];
    let complaint = exports.complaint(1, "nightly", &arguments);
    assert!(
        complaint.contains("EXPORTS/user_enrolments/date=2020-07-01"),
        "{complaint}"
    );
    assert_eq!(files_in(temp.path()), 0);
}
