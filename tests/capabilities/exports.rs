//! The input contract (DESIGN, section 2): exports as real exporters write them, and what is said of unusable ones.

use std::fs;

use assert_cmd::Command;
use datafusion::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use crate::support::{
    BATCHES, COURSE_PROGRESS, DATE, ENROLMENTS, TestExports, USERS, complaint_of, course_progress, csv_columns,
    enrolments, files_below, pragati, select, write_parquet, write_parquet_with,
};

const DAY_BEFORE: &str = "2026-11-21";

const USER_COLUMNS: [&str; 11] = [
    "user_id",
    "external_id",
    "first_name",
    "last_name",
    "email",
    "mobile",
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
    "tenant_id",
];

/// A table with some columns cast to another Arrow type.
fn cast(table: &str, columns: &[&str], data_type: &str) -> String {
    let casts: Vec<String> =
        columns.iter().map(|column| format!("arrow_cast({column}, '{data_type}') as {column}")).collect();
    select(&format!("* replace ({})", casts.join(", ")), table)
}

/// What `pragati check` says of the small exports with one table changed.
fn complaint_about(table: &str, sql: &str) -> String {
    TestExports::small().table(table, sql).complaint(1, "check", &[])
}

/// What `pragati check` says of the small exports with the enrolments' file replaced by these bytes.
fn complaint_about_bytes(bytes: &[u8]) -> String {
    let exports = TestExports::small();
    fs::write(exports.file("enrolments"), bytes).expect("written");
    exports.complaint(1, "check", &[])
}

/// The report must be that of the small exports.
fn assert_same_report(exports: &TestExports, what: &str) {
    assert_eq!(exports.report("b1", &[]), TestExports::small().report("b1", &[]), "{what}");
}

mod snapshots {
    use super::*;

    /// Exports of two days, the newer one without progress.
    fn newest_day_incomplete() -> TestExports {
        TestExports::small()
            .without("course_progress")
            .table_on("users", DAY_BEFORE, USERS)
            .table_on("enrolments", DAY_BEFORE, ENROLMENTS)
            .table_on("course_progress", DAY_BEFORE, COURSE_PROGRESS)
    }

    #[test]
    fn a_missing_folder_is_named() {
        let complaint = complaint_of(pragati().args(["check", "--exports", "/no/such/exports"]), 1);
        insta::assert_snapshot!(complaint, @"");
    }

    #[test]
    fn an_empty_folder_holds_no_snapshot() {
        let exports = TestExports::empty();
        insta::assert_snapshot!(exports.complaint(1, "check", &[]), @"");
    }

    #[test]
    fn a_missing_table_is_named() {
        let exports = TestExports::small().without("course_progress");
        insta::assert_snapshot!(exports.complaint(1, "check", &[]), @"");
    }

    #[test]
    fn a_missing_date_is_told_with_the_usable_ones() {
        let exports = newest_day_incomplete();
        insta::assert_snapshot!(exports.complaint(1, "check", &["--date", "2026-11-20"]), @"");
        insta::assert_snapshot!(exports.complaint(1, "check", &["--date", DATE]), @"");
    }

    #[test]
    fn a_folder_without_files_is_not_a_table() {
        let exports = TestExports::small();
        fs::remove_file(exports.file("users")).expect("removed");
        insta::assert_snapshot!(exports.complaint(1, "check", &["--date", DATE]), @"");
    }

    #[test]
    fn the_latest_is_the_newest_complete_date_and_the_skipped_one_is_told() {
        let exports = newest_day_incomplete();
        let output = exports.command("nightly").arg("--out").arg(exports.path().join("out")).output().expect("a run");
        assert!(output.status.success());
        assert!(exports.path().join("out").join(format!("date={DAY_BEFORE}")).is_dir());
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(told.contains("skipping the incomplete snapshot of 2026-11-22: table course_progress"), "{told}");
    }

    #[test]
    fn the_newest_of_several_complete_dates_is_used_and_an_older_one_on_request() {
        let mut exports = TestExports::small();
        for (table, sql) in [("users", USERS), ("enrolments", ENROLMENTS), ("batches", BATCHES)] {
            exports = exports.table_on(table, DAY_BEFORE, sql);
        }
        let exports = exports.table_on("course_progress", DAY_BEFORE, &course_progress("('u1', 7, null)"));
        let progress = |date: &str| csv_columns(&exports.report("b1", &["--date", date]), &["Course Progress"]);
        assert_eq!(progress("latest"), "40%\n100%\n");
        assert_eq!(progress(DATE), "40%\n100%\n");
        assert_eq!(progress(DAY_BEFORE), "7%\n0%\n");
    }

    #[test]
    fn a_date_without_the_success_marker_is_not_used_where_one_is_wanted() {
        let exports = TestExports::small();
        let config = exports.config("success_marker = true");
        for table in ["users", "enrolments", "course_progress", "batches"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    exports.complaint(1, "check", &["--config", &config, "--date", DATE]).replace(table, "TABLE"), @"");
            }
            fs::write(exports.file(table).with_file_name("_SUCCESS"), "").expect("written");
        }
        exports.report("b1", &["--config", &config]);
    }

    #[test]
    fn hidden_files_and_other_files_are_ignored() {
        let exports = TestExports::small();
        let more = enrolments("('u3', 'c1', 'b1', '2026-10-01T00:00:00', true)");
        let beside = |name: &str| exports.file("enrolments").with_file_name(name);
        for name in ["_temporary.parquet", ".x.parquet", "part-00001.parquet.crc", "notes.txt"] {
            write_parquet(&beside(name), &more);
        }
        fs::create_dir(beside("_temporary")).expect("a folder");
        write_parquet(&beside("_temporary").join("part-00001.parquet"), &more);
        assert_same_report(&exports, "ignored files");
    }

    #[test]
    fn a_file_url_is_the_same_as_the_path() {
        let exports = TestExports::small();
        let url = format!("file://{}", exports.path().display());
        let output = pragati().args(["report", "--batch", "b1", "--exports", &url]).output().expect("a run");
        assert_eq!(String::from_utf8_lossy(&output.stdout), exports.report("b1", &[]));
    }

    #[test]
    fn a_table_may_lie_elsewhere() {
        let elsewhere = TestExports::empty().table("people", USERS);
        let exports = TestExports::small().without("users");
        let config = exports.config(&format!("tables.users.path = '{}'", elsewhere.path().join("people").display()));
        assert_eq!(exports.report("b1", &["--config", &config]), TestExports::small().report("b1", &[]));
    }
}

mod unusable_files {
    use super::*;

    #[test]
    fn a_missing_column_is_named_with_its_file_and_remedy() {
        insta::assert_snapshot!(complaint_about("users", &select("* except (mobile)", USERS)), @"");
        insta::assert_snapshot!(complaint_about("enrolments", &select("* except (enrolled_at)", ENROLMENTS)), @"");
        insta::assert_snapshot!(
            complaint_about("course_progress", &select("* except (progress_percent)", COURSE_PROGRESS)), @"");
        insta::assert_snapshot!(complaint_about("batches", &select("* except (course_id)", BATCHES)), @"");
    }

    #[test]
    fn a_wrong_type_is_named_with_what_was_expected() {
        insta::assert_snapshot!(complaint_about("enrolments", &cast(ENROLMENTS, &["enrolled_at"], "Utf8")), @"");
        insta::assert_snapshot!(complaint_about("users", &select("* replace (1.5 as user_id)", USERS)), @"");
        insta::assert_snapshot!(
            complaint_about("course_progress", &cast(COURSE_PROGRESS, &["progress_percent"], "Utf8")), @"");
        insta::assert_snapshot!(complaint_about("enrolments", &cast(ENROLMENTS, &["active"], "Int32")), @"");
        insta::assert_snapshot!(complaint_about("batches", &select("*, 'm1' as mentors", BATCHES)), @"");
    }

    #[test]
    fn every_file_of_a_table_is_checked() {
        let exports = TestExports::small().part("users", 1, &select("* except (email)", USERS));
        insta::assert_snapshot!(exports.complaint(1, "report", &["--batch", "b1"]), @"");
    }

    #[test]
    fn a_truncated_file_is_named() {
        let whole = fs::read(TestExports::small().file("enrolments")).expect("a file");
        insta::assert_snapshot!(complaint_about_bytes(&whole[..whole.len() / 2]), @"");
    }

    #[test]
    fn a_file_without_a_byte_is_named() {
        insta::assert_snapshot!(complaint_about_bytes(b""), @"");
    }

    #[test]
    fn a_text_file_named_parquet_is_named() {
        insta::assert_snapshot!(complaint_about_bytes(b"user_id,course_id,batch_id\nu1,c1,b1\n"), @"");
    }

    #[test]
    fn a_file_with_damaged_rows_fails_the_report() {
        let exports = TestExports::small();
        let mut bytes = fs::read(exports.file("enrolments")).expect("a file");
        bytes[4..64].fill(0xff);
        fs::write(exports.file("enrolments"), bytes).expect("written");
        let complaint = exports.complaint(1, "report", &["--batch", "b1"]);
        assert!(complaint.starts_with("error: table enrolments: "), "{complaint}");
    }

    #[test]
    fn an_unreadable_optional_table_is_an_error_too() {
        let exports = TestExports::small();
        fs::write(exports.file("batches"), "PAR1").expect("written");
        insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "select 1"]), @"");
    }
}

mod accepted_exports {
    use super::*;

    #[test]
    fn any_table_may_have_no_rows() {
        let without_rows = |table: &str, sql: &str| {
            let exports = TestExports::small().table(table, &format!("{sql} where false"));
            csv_columns(&exports.report("b1", &[]), &["User ID", "User Name", "Course Progress"])
        };
        insta::assert_snapshot!(without_rows("users", USERS), @"");
        insta::assert_snapshot!(without_rows("enrolments", ENROLMENTS), @"");
        insta::assert_snapshot!(without_rows("course_progress", COURSE_PROGRESS), @"");
        insta::assert_snapshot!(without_rows("batches", BATCHES), @"");
    }

    #[test]
    fn tables_may_consist_of_several_files() {
        let mut exports = TestExports::small();
        for (table, sql) in [("users", USERS), ("enrolments", ENROLMENTS), ("course_progress", COURSE_PROGRESS)] {
            exports = exports
                .table(table, &format!("{sql} where user_id = 'u2'"))
                .part(table, 1, &format!("{sql} where false"))
                .part(table, 2, &format!("{sql} where user_id = 'u1'"));
        }
        assert_same_report(&exports, "several files");
    }

    #[test]
    fn files_of_one_table_may_differ_in_types() {
        let exports = TestExports::small()
            .table("users", &format!("{} where user_id = 'u1'", cast(USERS, &USER_COLUMNS, "LargeUtf8")))
            .part("users", 1, &format!("{} where user_id = 'u2'", cast(USERS, &USER_COLUMNS, "Dictionary(Int8, Utf8)")))
            .table(
                "course_progress",
                &format!("{} where user_id = 'u1'", cast(COURSE_PROGRESS, &["progress_percent"], "Float32")),
            )
            .part("course_progress", 1, &format!("{COURSE_PROGRESS} where user_id = 'u2'"));
        assert_same_report(&exports, "types that differ");
    }

    #[test]
    fn text_may_be_of_any_string_type() {
        let ids = ["user_id", "course_id", "batch_id"];
        for data_type in ["Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)", "Dictionary(UInt16, LargeUtf8)"] {
            let exports = TestExports::empty()
                .table("users", &cast(USERS, &USER_COLUMNS, data_type))
                .table("enrolments", &cast(ENROLMENTS, &ids, data_type))
                .table("course_progress", &cast(COURSE_PROGRESS, &ids, data_type))
                .table("batches", &cast(BATCHES, &["batch_id", "course_id", "batch_name", "tenant_id"], data_type));
            assert_same_report(&exports, data_type);
        }
    }

    #[test]
    fn timestamps_may_be_of_any_unit_and_zone() {
        for unit in ["Second", "Millisecond", "Microsecond", "Nanosecond"] {
            for zone in ["None", "Some(\"UTC\")", "Some(\"Asia/Kolkata\")", "Some(\"+05:30\")"] {
                let data_type = format!("Timestamp({unit}, {zone})");
                let exports = TestExports::small()
                    .table("enrolments", &cast(ENROLMENTS, &["enrolled_at"], &data_type))
                    .table("course_progress", &cast(COURSE_PROGRESS, &["completed_at"], &data_type));
                assert_same_report(&exports, &data_type);
            }
        }
    }

    #[test]
    fn percents_may_be_of_any_number_type() {
        for data_type in ["Int8", "Int32", "Int64", "UInt8", "UInt64", "Float32", "Float64", "Decimal128(5, 2)"] {
            let progress = cast(COURSE_PROGRESS, &["progress_percent"], data_type);
            assert_same_report(&TestExports::small().table("course_progress", &progress), data_type);
        }
    }

    #[test]
    fn columns_may_come_in_any_order_and_with_others() {
        let reversed: Vec<&str> = USER_COLUMNS.into_iter().rev().collect();
        let exports = TestExports::small()
            .table("users", &select(&format!("1 as version, {}, [1, 2] as roles", reversed.join(", ")), USERS))
            .table("enrolments", &select("active, enrolled_at, 'x' as note, batch_id, course_id, user_id", ENROLMENTS));
        assert_same_report(&exports, "another order");
    }

    #[test]
    fn files_may_be_compressed() {
        for codec in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(GzipLevel::default()),
            Compression::ZSTD(ZstdLevel::default()),
        ] {
            let exports = TestExports::small();
            let properties = WriterProperties::builder().set_compression(codec).build();
            write_parquet_with(&exports.file("enrolments"), ENROLMENTS, properties);
            assert_same_report(&exports, &codec.to_string());
        }
    }

    #[test]
    fn optional_columns_may_be_absent() {
        let exports = TestExports::small().table("batches", &select("batch_id, course_id", BATCHES));
        assert_same_report(&exports, "batches with two columns");
    }

    #[test]
    fn optional_tables_may_be_absent() {
        let exports = TestExports::small().without("batches");
        assert_same_report(&exports, "no batches");
        let (_out, day) = exports.nightly(&[]);
        let reports: Vec<String> = files_below(&day.join("csv")).into_iter().map(|(path, _)| path).collect();
        assert_eq!(reports, ["_/b1.csv"]);
    }
}

mod usage {
    use super::*;

    /// The first line of what a command that was called wrongly says; it must exit with 2.
    fn complaint(command: &mut Command) -> String {
        let output = command.output().expect("a run");
        let complaint = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(output.stdout.is_empty());
        complaint.lines().next().unwrap_or_default().to_owned()
    }

    fn complaint_about_config(toml: &str) -> String {
        let exports = TestExports::small();
        let config = exports.config(toml);
        exports.complaint(2, "check", &["--config", &config])
    }

    #[test]
    fn exports_must_be_given() {
        insta::assert_snapshot!(complaint_of(pragati().arg("check"), 2), @"");
    }

    #[test]
    fn a_flag_with_a_bad_value_is_named() {
        let complaint = |flag: &str, value: &str| complaint(TestExports::small().command("check").args([flag, value]));
        insta::assert_snapshot!(complaint("--date", "22-11-2026"), @"");
        insta::assert_snapshot!(complaint("--timezone", "Asia/Nowhere"), @"");
        insta::assert_snapshot!(complaint("--threads", "0"), @"");
        insta::assert_snapshot!(complaint("--memory-limit", "lots"), @"");
    }

    #[test]
    fn a_bad_value_in_the_configuration_is_named() {
        insta::assert_snapshot!(complaint_about_config("timezone = 'Asia/Nowhere'"), @"");
        insta::assert_snapshot!(complaint_about_config("date = 'yesterday'"), @"");
        insta::assert_snapshot!(complaint_about_config("report.unknown_users = 'drop'"), @"");
        insta::assert_snapshot!(complaint_about_config("report.date_format = '%Q'"), @"");
        insta::assert_snapshot!(complaint_about_config("staging = 'nowhere'"), @"");
    }

    #[test]
    fn an_unknown_option_in_the_configuration_is_named() {
        insta::assert_snapshot!(complaint_about_config("exprots = 'x'"), @"");
        insta::assert_snapshot!(complaint_about_config("tables.userz.path = 'x'"), @"");
    }

    #[test]
    fn a_configuration_file_that_is_named_must_exist() {
        let mut check = TestExports::small().command("check");
        insta::assert_snapshot!(complaint_of(check.args(["--config", "/no/such/file.toml"]), 2), @"");
    }
}

mod precedence {
    use super::*;

    // The first enrolment of the small exports is of 18:29:59 UTC, the second of 18:30:00.
    const KOLKATA: &str = "2026-10-01\n2026-10-02\n";
    const UTC: &str = "2026-10-01\n2026-10-01\n";
    const DHAKA: &str = "2026-10-02\n2026-10-02\n";

    fn enrolment_dates(report: &mut Command) -> String {
        let output = report.args(["--batch", "b1"]).output().expect("a run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        csv_columns(&String::from_utf8(output.stdout).expect("UTF-8"), &["Enrollment Date"])
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
        let exports = TestExports::small();
        let config = exports.config("timezone = 'UTC'");
        assert_eq!(enrolment_dates(&mut exports.command("report")), KOLKATA);
        assert_eq!(enrolment_dates(exports.command("report").args(["--config", &config])), UTC);
        let mut with_environment = exports.command("report");
        with_environment.args(["--config", &config]).env("PRAGATI_TIMEZONE", "Asia/Dhaka");
        assert_eq!(enrolment_dates(&mut with_environment), DHAKA);
        let mut with_flag = exports.command("report");
        with_flag.args(["--config", &config, "--timezone", "Asia/Kolkata"]).env("PRAGATI_TIMEZONE", "Asia/Dhaka");
        assert_eq!(enrolment_dates(&mut with_flag), KOLKATA);
    }

    #[test]
    fn pragati_toml_of_the_working_folder_is_read() {
        let exports = TestExports::small();
        fs::write(exports.path().join("pragati.toml"), "exports = '.'\ntimezone = 'UTC'\n").expect("written");
        let mut report = pragati();
        assert_eq!(enrolment_dates(report.arg("report").current_dir(exports.path())), UTC);
    }

    #[test]
    fn the_environment_reaches_into_sections_and_names_the_exports() {
        let exports = TestExports::small();
        let mut report = pragati();
        report.arg("report").env("PRAGATI_EXPORTS", exports.path()).env("PRAGATI_REPORT__DATE_FORMAT", "%d/%m/%Y");
        assert_eq!(enrolment_dates(&mut report), "01/10/2026\n02/10/2026\n");
    }
}
