//! Where exports lie: names of files and folders that real writers give, what is read of them, what is named, what is
//! refused.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    BATCHES, COURSE_PROGRESS, DATE, ENROLMENTS, TestExports, USERS, batches, enrolments, gzip, select, wrapped,
    write_parquet,
};

const DAY_BEFORE: &str = "2026-11-21";

/// The folder of a table's day.
pub fn day(exports: &TestExports, table: &str) -> PathBuf {
    exports.path().join(table).join(format!("date={DATE}"))
}

/// The small exports with the enrolments of `u2` in a file of their own, at this path below the day's folder.
pub fn with_half_at(path: &str) -> TestExports {
    let exports = TestExports::small().table("enrolments", &format!("{ENROLMENTS} where user_id = 'u1'"));
    let file = day(&exports, "enrolments").join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    write_parquet(&file, &format!("{ENROLMENTS} where user_id = 'u2'"));
    exports
}

fn assert_same_report(exports: &TestExports, what: &str) {
    assert_same_report_with(exports, &[], what);
}

fn assert_same_report_with(exports: &TestExports, arguments: &[&str], what: &str) {
    assert_eq!(exports.report("b1", arguments), TestExports::small_report(), "{what}");
}

/// What all three ways of telling say: the log of `check`, its table, and the manifest.
fn told(exports: &TestExports) -> [String; 3] {
    let (table, log) = exports.output_and_talk("check", &[]);
    let row = table.lines().skip_while(|line| !line.contains("exports_not_read"));
    let row: Vec<&str> = row.take_while(|line| !line.contains("users_")).collect();
    let (_out, day) = exports.nightly(&["--quiet"]);
    let manifest = fs::read_to_string(day.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    [log, row.join("\n"), manifest["notes"].to_string()]
}

/// Asserts that `check`, its log and the manifest each say all the words.
pub fn assert_told(exports: &TestExports, words: &[&str]) {
    for text in told(exports) {
        for word in words {
            assert!(text.contains(word), "'{word}' is not in: {text}");
        }
    }
}

mod files {
    use super::*;

    #[test]
    fn parquet_is_known_by_its_content() {
        for name in [
            "b.PARQUET",
            "b.parq",
            "b.pq",
            "000000_0",
            "part-00000-70d82f59-c000",
            "b.snappy",
        ] {
            assert_same_report(&with_half_at(name), name);
        }
    }

    #[test]
    fn folders_key_value_belong_to_their_day() {
        for path in ["hour=07/b.parquet", "state=KA/hour=07/b.parquet", "_part=1/000000_0"] {
            assert_same_report(&with_half_at(path), path);
        }
    }

    #[test]
    fn a_folder_gives_the_column_that_its_files_lack() {
        let exports = TestExports::small();
        let enrolled = exports.file("enrolments");
        fs::remove_file(&enrolled).expect("removed");
        for (user, active) in [("u1", "true"), ("u2", "TRUE")] {
            let folder = day(&exports, "enrolments")
                .join("batch_id=b1")
                .join(format!("active={active}"));
            fs::create_dir_all(&folder).expect("a folder");
            let rows = select(
                "* except (batch_id, active)",
                &format!("{ENROLMENTS} where user_id = '{user}'"),
            );
            write_parquet(&folder.join("part-0.parquet"), &rows);
        }
        assert_same_report(&exports, "columns of folders");
        let one = [
            "-c",
            "select user_id from enrolments where batch_id = 'b1' order by 1",
            "--format",
            "csv",
        ];
        assert_eq!(exports.output("sql", &one), "user_id\nu1\nu2\n");
        let none = [
            "-c",
            "select count(*) as n from enrolments where batch_id = 'b2'",
            "--format",
            "csv",
        ];
        assert_eq!(exports.output("sql", &none), "n\n0\n");
    }

    #[test]
    fn codes_of_folders_are_text() {
        let exports = TestExports::small();
        fs::remove_file(exports.file("users")).expect("removed");
        for (user, code) in [("u1", "03"), ("u2", "1E5")] {
            let folder = day(&exports, "users").join(format!("external_id={code}"));
            fs::create_dir_all(&folder).expect("a folder");
            let rows = select("* except (external_id)", &format!("{USERS} where user_id = '{user}'"));
            write_parquet(&folder.join("part-0.parquet"), &rows);
        }
        let codes = [
            "-c",
            "select user_id, external_id from users order by 1",
            "--format",
            "csv",
        ];
        assert_eq!(exports.output("sql", &codes), "user_id,external_id\nu1,03\nu2,1E5\n");
    }

    #[test]
    fn a_column_of_a_file_counts_more_than_its_folders() {
        assert_same_report(&with_half_at("batch_id=other/b.parquet"), "the file's own column");
    }

    #[test]
    fn the_folder_of_a_null_gives_null_and_encoded_values_are_decoded() {
        let exports = TestExports::small().without("batches");
        let rows = |id: &str| select("* except (tenant_id)", &batches(&format!("('{id}', 'c1', null)")));
        for (id, value) in [("b1", "a%2Fb%20%E0%A4%95"), ("b2", "__HIVE_DEFAULT_PARTITION__")] {
            let folder = day(&exports, "batches").join(format!("tenant_id={value}"));
            fs::create_dir_all(&folder).expect("a folder");
            write_parquet(&folder.join("part-0.parquet"), &rows(id));
        }
        let tenants = [
            "-c",
            "select batch_id, tenant_id from batches order by 1",
            "--format",
            "csv",
        ];
        assert_eq!(exports.output("sql", &tenants), "batch_id,tenant_id\nb1,a/b क\nb2,\n");
    }

    #[test]
    fn leftovers_of_writers_are_ignored() {
        let exports = TestExports::small();
        let more = enrolments("('u3', 'c1', 'b1', '2026-10-01T00:00:00', true)");
        let folder = day(&exports, "enrolments");
        for name in [
            "_temporary/0/part-00001.parquet",
            ".spark-staging-1/part-00001.parquet",
            ".part-00000.parquet",
            "_metadata",
            "_common_metadata",
        ] {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            write_parquet(&file, &more);
        }
        for name in ["_SUCCESS", "_started_1", ".DS_Store", "part-00000.parquet.crc"] {
            fs::write(folder.join(name), "x").expect("written");
        }
        fs::write(folder.join("empty-marker"), "").expect("written");
        assert_same_report(&exports, "leftovers");
        let [log, row, notes] = told(&exports);
        assert_eq!((log.as_str(), notes.as_str()), ("", "[]"));
        assert!(row.starts_with("ok "), "{row}");
    }

    #[test]
    fn files_that_are_not_parquet_are_named() {
        let exports = TestExports::small();
        fs::write(
            day(&exports, "enrolments").join("more.csv"),
            "user_id,batch_id\nu3,b1\n",
        )
        .expect("written");
        assert_same_report(&exports, "a CSV file beside");
        assert_told(&exports, &["enrolments", "more.csv", "is not Parquet"]);
    }

    #[test]
    fn rows_that_may_or_may_not_be_of_the_day_are_refused() {
        for path in ["more/b.parquet", "b.parquet.tmp", "b.parquet~", "hour=07/old/000000_0"] {
            let exports = with_half_at(path);
            for (command, arguments) in [("check", vec![]), ("report", vec!["--batch", "b1"])] {
                let complaint = exports.complaint(1, command, &arguments);
                assert!(
                    complaint.contains("table enrolments") && complaint.contains(path),
                    "{complaint}"
                );
            }
        }
        insta::assert_snapshot!(wrapped(&with_half_at("more/b.parquet").complaint(1, "check", &[])), @r"
        error: table enrolments: EXPORTS/enrolments/date=2026-11-22/more/b.parquet is a Parquet file that
        lies in a folder that is not named key=value, so it is not certain whether its rows belong to the
        day; move it into the day's folder, or away
        ");
    }

    #[test]
    fn parquet_that_was_compressed_as_a_whole_is_refused() {
        for name in [
            "b.parquet.gz",
            "b.PARQ.ZST",
            "b.pq.zip",
            "hour=07/b.parquet.bz2",
            "more/b.parquet.lz4",
        ] {
            let exports = with_half_at("b.parquet");
            let plain = day(&exports, "enrolments").join("b.parquet");
            let compressed = day(&exports, "enrolments").join(name);
            fs::create_dir_all(compressed.parent().expect("a folder")).expect("a folder");
            fs::write(&compressed, gzip(&fs::read(&plain).expect("a file"))).expect("written");
            fs::remove_file(plain).expect("removed");
            let out = exports.path().join("out").display().to_string();
            for (command, arguments) in [
                ("check", vec![]),
                ("report", vec!["--batch", "b1"]),
                ("nightly", vec!["--out", &out]),
            ] {
                let complaint = exports.complaint(1, command, &arguments);
                for words in ["table enrolments", name, "decompress it"] {
                    assert!(complaint.contains(words), "{command}, {name}: {complaint}");
                }
            }
            assert!(
                !Path::new(&out).join(format!("date={DATE}")).exists(),
                "nothing is published"
            );
        }
        // The content decides: Parquet whose pages are compressed may have such a name, and what is no Parquet by its name
        // is told as ever.
        for name in ["b.parquet.gz", "b.parquet.snappy"] {
            assert_same_report(&with_half_at(name), name);
        }
        let exports = TestExports::small();
        fs::write(day(&exports, "enrolments").join("notes.txt.gz"), gzip(b"notes")).expect("written");
        assert_told(&exports, &["enrolments", "notes.txt.gz", "is not Parquet"]);
    }

    #[test]
    fn a_folder_with_nearly_the_name_of_a_table_is_named() {
        for name in ["Batches", "BATCHES", "batches ", "batch", "bacthes"] {
            let exports = TestExports::small();
            fs::rename(exports.path().join("batches"), exports.path().join(name)).expect("renamed");
            let remedy = "rename it to batches or set tables.batches.path";
            assert_told(
                &exports,
                &["table", "batches", &format!("/{name}'"), "is not read", remedy],
            );
            // The remedy reads the table.
            let config = exports.config(&format!("tables.batches.path = '{name}'"));
            assert_same_report_with(&exports, &["--config", &config], name);
            let (_, log) = exports.output_and_talk("check", &["--config", &config]);
            assert_eq!(log, "", "{name}");
        }
        for (table, name) in [
            ("users", "Users"),
            ("enrolments", "enrollments"),
            ("course_progress", "course-progress"),
        ] {
            let exports = TestExports::small();
            fs::rename(exports.path().join(table), exports.path().join(name)).expect("renamed");
            let complaint = exports.complaint(1, "check", &[]);
            let remedy = format!("rename it to {table} or set tables.{table}.path");
            for words in [&format!("/{name}'"), &remedy] {
                assert!(complaint.contains(words), "{complaint}");
            }
        }
    }

    #[test]
    fn folders_that_are_read_or_named_otherwise_are_not_named() {
        let exports = TestExports::small()
            .table("users_archive", USERS)
            .table("reports", USERS);
        let [log, row, notes] = told(&exports);
        assert_eq!((log.as_str(), notes.as_str()), ("", "[]"));
        assert!(row.starts_with("ok "), "{row}");
        // Another table of the site's, and a raw table of a mapping.
        let exports = TestExports::small().table("course", USERS).table("user", USERS);
        let config = exports.config("other_tables.course = 'course'\nother_tables.people = 'user'");
        assert_eq!(exports.output_and_talk("check", &["--config", &config]).1, "");
    }

    #[test]
    fn a_file_beside_the_days_is_named() {
        let exports = TestExports::small();
        fs::copy(exports.file("users"), exports.path().join("users/all.parquet")).expect("copied");
        fs::create_dir(exports.path().join("users/latest")).expect("a folder");
        fs::write(exports.path().join("users/latest/x.parquet"), "x").expect("written");
        assert_same_report(&exports, "files beside the days");
        assert_told(&exports, &["users", "latest", "all.parquet", "date=YYYY-MM-DD"]);
    }
}

mod days {
    use super::*;

    /// The small exports with every day's folder named so.
    fn named(name: &str) -> TestExports {
        let exports = TestExports::small();
        for table in ["users", "enrolments", "course_progress", "batches"] {
            let folder = day(&exports, table);
            fs::rename(&folder, folder.with_file_name(name)).expect("renamed");
        }
        exports
    }

    #[test]
    fn usual_spellings_of_a_day_are_read_as_that_day() {
        for name in [
            "date=20261122",
            "dt=2026-11-22",
            "date=2026-11-22 00%3A00%3A00",
            "date=2026-11-22T00%3A00%3A00Z",
        ] {
            let exports = named(name);
            assert_same_report(&exports, name);
            assert_same_report_with(&exports, &["--date", DATE], name);
        }
    }

    #[test]
    fn an_ambiguous_day_is_named_with_the_remedy() {
        let exports = named("date=2026-11-22 13%3A00%3A00");
        let complaint = exports.complaint(1, "check", &[]);
        for words in ["date=2026-11-22 13%3A00%3A00", "name it date=YYYY-MM-DD"] {
            assert!(complaint.contains(words), "{complaint}");
        }
    }

    #[test]
    fn two_folders_of_one_day_are_refused() {
        let exports = TestExports::small();
        let twin = day(&exports, "users").with_file_name("dt=20261122");
        fs::create_dir(&twin).expect("a folder");
        fs::copy(exports.file("users"), twin.join("part-0.parquet")).expect("copied");
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &[])), @r"
        error: table users has several folders of 2026-11-22: EXPORTS/users/date=2026-11-22 and
        EXPORTS/users/dt=20261122; leave one of them
        ");
    }

    #[test]
    fn an_optional_table_that_lacks_the_day_is_named() {
        let exports = TestExports::small()
            .without("batches")
            .table_on("batches", DAY_BEFORE, BATCHES);
        assert_told(&exports, &["batches", DATE, DAY_BEFORE, "counts as not exported"]);
        let never = TestExports::small().without("batches");
        let [log, ..] = told(&never);
        assert_eq!(log, "", "a table that no day has is not missed");
    }

    #[test]
    fn the_newest_day_that_is_skipped_is_logged_once() {
        let exports = TestExports::small()
            .without("course_progress")
            .table_on("users", DAY_BEFORE, USERS)
            .table_on("enrolments", DAY_BEFORE, ENROLMENTS)
            .table_on("course_progress", DAY_BEFORE, COURSE_PROGRESS);
        let (_, talk) = exports.output_and_talk("check", &[]);
        let lines: Vec<&str> = talk
            .lines()
            .filter(|line| line.contains(DATE) && line.contains("course_progress"))
            .collect();
        assert_eq!(lines.len(), 1, "{talk}");
        assert!(lines[0].contains(&format!("that of {DAY_BEFORE} is read")), "{talk}");
    }
}

mod failed_exports {
    use super::*;

    /// Yesterday's small exports, and today's with one table without rows.
    fn emptied(table: &str) -> TestExports {
        let mut exports = TestExports::small();
        for (name, sql) in [
            ("users", USERS),
            ("enrolments", ENROLMENTS),
            ("course_progress", COURSE_PROGRESS),
        ] {
            exports = exports.table_on(name, DAY_BEFORE, sql);
            if name == table {
                exports = exports.table(name, &format!("{sql} where false"));
            }
        }
        exports
    }

    #[test]
    fn a_required_table_that_lost_all_rows_is_refused() {
        for table in ["users", "enrolments", "course_progress"] {
            let exports = emptied(table);
            for (command, arguments) in [("check", vec![]), ("report", vec!["--batch", "b1"]), ("ratio", vec![])] {
                let complaint = exports.complaint(1, command, &arguments);
                let names_it = complaint.contains(&format!("table {table}")) && complaint.contains(DATE);
                assert!(names_it && complaint.contains("allow_empty"), "{complaint}");
            }
            exports.report("b1", &["--date", DAY_BEFORE]);
            exports.report("b1", &["--allow-empty"]);
        }
        insta::assert_snapshot!(wrapped(&emptied("users").complaint(1, "check", &[])), @r"
        error: table users has no rows on 2026-11-22, although it has some on 2026-11-21: the export has
        probably failed; export the day again, or set allow_empty where that is right
        ");
    }

    #[test]
    fn a_second_day_without_rows_is_refused_too() {
        let exports = emptied("users").table_on("users", "2026-11-20", USERS).table_on(
            "users",
            DAY_BEFORE,
            &format!("{USERS} where false"),
        );
        let complaint = exports.complaint(1, "check", &[]);
        assert!(complaint.contains("2026-11-20"), "{complaint}");
    }

    #[test]
    fn a_table_that_never_had_rows_is_read() {
        let exports = TestExports::small().table("course_progress", &format!("{COURSE_PROGRESS} where false"));
        exports.report("b1", &[]);
    }
}

mod table_formats {
    use super::*;

    fn with_log(path: &str) -> TestExports {
        let exports = TestExports::small();
        let file = exports.path().join("enrolments").join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, "{}").expect("written");
        exports
    }

    fn assert_refused(exports: &TestExports, arguments: &[&str], format: &str) {
        let (_scratch, out) = scratch();
        let out = ["--out", &out];
        let commands = [
            ("check", &[][..]),
            ("report", &["--batch", "b1"][..]),
            ("sql", &["-c", "select 1"][..]),
            ("nightly", &out[..]),
        ];
        for (command, more) in commands {
            let all: Vec<&str> = arguments.iter().chain(more).copied().collect();
            let complaint = exports.complaint(1, command, &all);
            assert!(
                complaint.contains("table enrolments") && complaint.contains(format),
                "{command}: {complaint}"
            );
        }
        assert!(!Path::new(out[1]).join(format!("date={DATE}/manifest.json")).exists());
    }

    fn scratch() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out").display().to_string();
        (folder, out)
    }

    #[test]
    fn a_log_of_a_table_format_is_refused_by_name() {
        for (path, format) in [
            (".hoodie/hoodie.properties", "Hudi"),
            ("metadata/00001-a.metadata.json", "Iceberg"),
            ("date=2026-11-22/_delta_log/00000000000000000000.json", "Delta Lake"),
            ("date=2026-11-22/metadata/v1.metadata.json", "Iceberg"),
        ] {
            assert_refused(&with_log(path), &[], format);
        }
    }

    #[test]
    fn a_log_beside_the_data_folder_is_found() {
        let exports = TestExports::small();
        let table = exports.path().join("enrolments");
        fs::create_dir(table.join("data")).expect("a folder");
        fs::rename(
            day(&exports, "enrolments"),
            table.join("data").join(format!("date={DATE}")),
        )
        .expect("moved");
        let config = exports.config("tables.enrolments.path = 'enrolments/data'");
        let configured = ["--config", config.as_str()];
        assert_eq!(exports.report("b1", &configured), TestExports::small_report());
        fs::create_dir(table.join("metadata")).expect("a folder");
        fs::write(table.join("metadata/00001-a.metadata.json"), "{}").expect("written");
        assert_refused(&exports, &configured, "Iceberg");
    }

    #[test]
    fn a_folder_named_metadata_alone_is_no_table_format() {
        let exports = with_log("metadata/columns.json");
        exports.report("b1", &[]);
    }
}
