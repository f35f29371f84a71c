//! What may hold rows and is in no listing of the exports: links to what is not there, names that the library keeps for
//! itself, files where folders are expected, folders of another day, paths in the configuration.

use std::fs;
use std::os::unix::fs::symlink;

use crate::exports_layout::{assert_told, day, with_half_at};
use crate::support::{BATCHES, DATE, TestExports, wrapped, write_parquet};

const NOWHERE: &str = "/no/such/place";

/// Asserts that no command reads the exports, and that each says all the words.
fn assert_refused(exports: &TestExports, words: &[&str]) {
    let out = exports.path().join("out").display().to_string();
    for (command, arguments) in [
        ("check", vec![]),
        ("report", vec!["--batch", "b1"]),
        ("ratio", vec![]),
        ("nightly", vec!["--out", &out]),
    ] {
        let complaint = exports.complaint(1, command, &arguments);
        for word in words {
            assert!(complaint.contains(word), "{command}: '{word}' is not in: {complaint}");
        }
    }
    assert!(!exports.path().join("out").join(format!("date={DATE}")).exists());
}

#[test]
fn a_link_to_a_file_that_is_not_there_is_refused() {
    for path in ["b.parquet", "hour=07/000000_0"] {
        let exports = with_half_at(path);
        let file = day(&exports, "enrolments").join(path);
        fs::remove_file(&file).expect("removed");
        symlink(NOWHERE, &file).expect("a link");
        assert_refused(&exports, &["table enrolments", path, "restore what it links to"]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &[]).replace(path, "FILE")), @r"
            error: table enrolments: EXPORTS/enrolments/date=2026-11-22/FILE is a link to what is not there or
            may not be read, so rows may be missing; restore what it links to, or remove the link
            ");
        }
    }
}

#[test]
fn links_that_lead_somewhere_are_read() {
    let exports = with_half_at("b.parquet");
    let (folder, elsewhere) = (day(&exports, "enrolments"), exports.path().join("elsewhere"));
    fs::rename(&folder, &elsewhere).expect("moved");
    fs::rename(elsewhere.join("b.parquet"), exports.path().join("half")).expect("moved");
    symlink(exports.path().join("half"), elsewhere.join("b.parquet")).expect("a link");
    symlink(NOWHERE, elsewhere.join(".lock")).expect("a link");
    symlink(&elsewhere, &folder).expect("a link");
    assert_eq!(exports.report("b1", &[]), TestExports::small().report("b1", &[]));
}

#[test]
fn a_day_or_a_table_that_is_a_link_to_nowhere_is_refused() {
    for table in ["batches", "enrolments"] {
        let exports = TestExports::small().small_on("2026-11-21");
        let folder = day(&exports, table);
        fs::remove_dir_all(&folder).expect("removed");
        symlink(NOWHERE, &folder).expect("a link");
        assert_refused(&exports, &[&format!("table {table}"), &format!("{table}/date={DATE}")]);
        // Other days can be read.
        exports.report("b1", &["--date", "2026-11-21"]);

        let exports = TestExports::small().without(table);
        symlink(NOWHERE, exports.path().join(table)).expect("a link");
        assert_refused(&exports, &[&format!("table {table}"), "restore what it links to"]);
    }
    let exports = TestExports::small();
    symlink(NOWHERE, exports.path().join("users/latest")).expect("a link");
    assert_told(&exports, &["users", "users/latest", "remove the link"]);
}

#[test]
fn a_name_that_is_kept_for_unfinished_files_is_refused_where_it_is_parquet() {
    for name in ["b.parquet#1", "000000_0#12", "hour=07/b#3"] {
        let words = ["table enrolments", name, "temporary or replaced"];
        assert_refused(&with_half_at(name), &words);
    }
    let exports = TestExports::small();
    fs::write(day(&exports, "enrolments").join("notes#1"), "text").expect("written");
    assert_told(&exports, &["enrolments", "notes#1", "is not Parquet"]);
    // Such a folder, or another end of the name, is as any other.
    for path in ["school=No#3/b.parquet", "b#2.parquet"] {
        let report = with_half_at(path).report("b1", &[]);
        assert_eq!(report, TestExports::small().report("b1", &[]), "{path}");
    }
}

#[test]
fn a_name_that_cannot_be_told_is_refused_with_its_table() {
    let words = ["table enrolments", r"b\nc.parquet", "rename it"];
    assert_refused(&with_half_at("b\nc.parquet"), &words);
}

#[test]
fn rows_in_a_folder_of_another_day_are_refused() {
    for path in ["date=2026-11-21/b.parquet", "state=KA/DATE=20261121/b.parquet"] {
        let words = ["table enrolments", path, "lies in a folder of another day"];
        assert_refused(&with_half_at(path), &words);
    }
    // The same day again, or a column of days.
    for path in ["date=2026-11-22/b.parquet", "dt=2026-11-20/b.parquet"] {
        let report = with_half_at(path).report("b1", &[]);
        assert_eq!(report, TestExports::small().report("b1", &[]), "{path}");
    }
}

#[test]
fn a_table_that_is_a_file_is_named() {
    for name in ["batches", "batches.parquet", "Batches.snappy.parquet"] {
        let exports = TestExports::small().without("batches");
        write_parquet(&exports.path().join(name), BATCHES);
        let remedy = "move it into a folder batches/date=YYYY-MM-DD";
        assert_told(&exports, &["batches", &format!("/{name}'"), "is not read", remedy]);
    }
    let exports = TestExports::small().without("users");
    write_parquet(&exports.path().join("users.parquet"), BATCHES);
    let complaint = exports.complaint(1, "check", &[]);
    assert!(
        complaint.contains("users.parquet' is a file beside the tables"),
        "{complaint}"
    );
    let exports = TestExports::small();
    fs::write(exports.path().join("batches.csv"), "x").expect("written");
    assert_eq!(exports.output_and_talk("check", &[]).1, "");
}

#[test]
fn a_configured_path_is_taken_as_it_is_written_and_named_where_nothing_is_there() {
    let sql = [
        "-c",
        "select count(*) as n from batches where tenant_id is not null",
        "--format",
        "csv",
    ];
    for path in ["batches~2", "raw/b{1}", "b%20x", "b#2"] {
        let exports = TestExports::small();
        let folder = exports.path().join(path);
        fs::create_dir_all(folder.parent().expect("a folder")).expect("a folder");
        fs::rename(exports.path().join("batches"), folder).expect("renamed");
        let config = exports.config(&format!("tables.batches.path = '{path}'"));
        let (rows, log) = exports.output_and_talk("sql", &[&sql[..], &["--config", &config]].concat());
        assert_eq!((rows.as_str(), log.as_str()), ("n\n2\n", ""), "{path}");
    }
    let exports = TestExports::small();
    let config = exports.config("tables.batches.path = 'nowhere'");
    let (_, log) = exports.output_and_talk("check", &["--config", &config]);
    for words in ["table batches", "/nowhere", "correct tables.batches.path"] {
        assert!(log.contains(words), "{log}");
    }
    let config = exports.config("tables.batches.path = '../nowhere'");
    let complaint = exports.complaint(1, "check", &["--config", &config]);
    assert!(complaint.contains("nowhere does not exist"), "{complaint}");
}

#[test]
fn a_value_of_a_folder_that_does_not_convert_is_named_with_its_file_and_column() {
    let exports = TestExports::small();
    let file = exports.file("batches");
    fs::remove_file(&file).expect("removed");
    let folder = day(&exports, "batches").join("start_date=22-11-2026");
    fs::create_dir(&folder).expect("a folder");
    write_parquet(&folder.join("part-0.parquet"), BATCHES);
    let complaint = exports.complaint(1, "sql", &["-c", "select start_date from batches"]);
    for words in [
        "table batches: column start_date in EXPORTS/",
        "start_date=22-11-2026/part-0.parquet",
        "is not a date",
    ] {
        assert!(complaint.contains(words), "{complaint}");
    }
}
