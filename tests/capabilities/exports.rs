//! The input contract (`docs/design.md`, "Exports"): exports as real exporters write them, and what is said of those
//! that cannot be used.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use assert_cmd::Command;
use datafusion::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use datafusion::parquet::data_type::{BoolType, ByteArrayType, DataType as ParquetType, Int96, Int96Type};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use datafusion::parquet::schema::parser::parse_message_type;

use crate::support::{
    BATCHES, COURSE_PROGRESS, DATE, ENROLMENTS, TestExports, USER_COLUMNS, USERS, complaint_of, course_progress,
    csv_columns, enrolments, files_below, pragati, select, wrapped, write_parquet, write_parquet_with,
};

const DAY_BEFORE: &str = "2026-11-21";

/// A table with some columns cast to another Arrow type.
fn cast(table: &str, columns: &[&str], data_type: &str) -> String {
    let casts: Vec<String> = columns
        .iter()
        .map(|column| format!("arrow_cast({column}, '{data_type}') as {column}"))
        .collect();
    select(&format!("* replace ({})", casts.join(", ")), table)
}

/// What `pragati check` says of the small exports with one table changed.
fn complaint_about(table: &str, sql: &str) -> String {
    wrapped(&TestExports::small().table(table, sql).complaint(1, "check", &[]))
}

/// What `pragati check` says of the small exports with the enrolments' file replaced by these bytes.
fn complaint_about_bytes(bytes: &[u8]) -> String {
    let exports = TestExports::small();
    fs::write(exports.file("enrolments"), bytes).expect("written");
    wrapped(&exports.complaint(1, "check", &[]))
}

/// The report must be that of the small exports.
fn assert_same_report(exports: &TestExports, what: &str) {
    static EXPECTED: LazyLock<String> = LazyLock::new(TestExports::small_report);
    assert_eq!(exports.report("b1", &[]), *EXPECTED, "{what}");
}

/// Exports with a file of enrolments for each name, which is that of its user, who is enrolled like `u2`.
fn with_an_enrolment_file_each<'a>(
    names: impl IntoIterator<Item = &'a str>,
    sql: impl Fn(&str) -> String,
) -> TestExports {
    let mut exports = TestExports::small();
    for (number, name) in names.into_iter().enumerate() {
        let rows = format!("{} where user_id = 'u2'", sql(name));
        exports = exports.part(
            "enrolments",
            number,
            &select(&format!("* replace ('{name}' as user_id)"), &rows),
        );
    }
    exports
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
        insta::assert_snapshot!(complaint, @"error: folder /no/such/exports does not exist; check the path");
    }

    #[test]
    fn an_empty_folder_holds_no_snapshot() {
        let exports = TestExports::empty();
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &[])), @r"
        error: EXPORTS holds no snapshot: no folder named <table>/date=YYYY-MM-DD was found; looked for
        users, enrolments, course_progress
        ");
    }

    #[test]
    fn a_missing_table_is_named() {
        let exports = TestExports::small().without("course_progress");
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--quiet"])), @r"
        error: EXPORTS has no usable snapshot: 2026-11-22 is incomplete, table course_progress has no
        Parquet file on that date; wait for the export or give --date
        ");
    }

    #[test]
    fn a_missing_date_is_an_error_with_the_usable_ones() {
        let exports = newest_day_incomplete();
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--date", "2026-11-20"])), @r"
        error: there is no usable snapshot of 2026-11-20 in EXPORTS: table users has no Parquet file on that
        date; usable dates: 2026-11-21
        ");
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--date", DATE])), @r"
        error: there is no usable snapshot of 2026-11-22 in EXPORTS: table course_progress has no Parquet
        file on that date; usable dates: 2026-11-21
        ");
    }

    #[test]
    fn a_folder_without_files_is_not_a_table() {
        let exports = TestExports::small();
        fs::remove_file(exports.file("users")).expect("removed");
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--date", DATE])), @r"
        error: there is no usable snapshot of 2026-11-22 in EXPORTS: table users has no Parquet file on that
        date; usable dates: none
        ");
    }

    #[test]
    fn the_latest_is_the_newest_complete_date_and_the_skipped_one_is_logged() {
        let exports = newest_day_incomplete();
        let output = exports
            .command("nightly")
            .arg("--out")
            .arg(exports.path().join("out"))
            .output()
            .expect("a run");
        assert!(output.status.success());
        assert!(exports.path().join("out").join(format!("date={DAY_BEFORE}")).is_dir());
        let told = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(
            told.contains(
                "table course_progress: has no Parquet file on that date, so the snapshot of 2026-11-22 is incomplete"
            ),
            "{told}"
        );
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
        let wanting = ["--config", &config, "--date", DATE];
        for table in ["users", "enrolments", "course_progress"] {
            let complaint = exports.complaint(1, "check", &wanting).replace(table, "TABLE");
            insta::allow_duplicates! {
                insta::assert_snapshot!(wrapped(&complaint), @r"
                error: there is no usable snapshot of 2026-11-22 in EXPORTS: table TABLE has no _SUCCESS on
                2026-11-22; usable dates: none
                ");
            }
            mark_complete(&exports, table);
        }
        exports.report("b1", &wanting);
    }

    #[test]
    fn an_optional_table_without_the_wanted_success_marker_is_not_read() {
        let exports = TestExports::small();
        let config = exports.config("success_marker = true");
        for table in ["users", "enrolments", "course_progress"] {
            mark_complete(&exports, table);
        }
        let count = [
            "--config",
            &config,
            "-c",
            "select count(*) as batches from batches",
            "--format",
            "csv",
        ];
        assert_eq!(exports.output("sql", &count), "batches\n1\n", "those of the enrolments");
        mark_complete(&exports, "batches");
        assert_eq!(exports.output("sql", &count), "batches\n2\n");
    }

    fn mark_complete(exports: &TestExports, table: &str) {
        fs::write(exports.file(table).with_file_name("_SUCCESS"), "").expect("written");
    }

    #[test]
    fn hidden_files_and_other_files_are_ignored() {
        let exports = TestExports::small();
        let more = enrolments("('u3', 'c1', 'b1', '2026-10-01T00:00:00', true)");
        let beside = |name: &str| exports.file("enrolments").with_file_name(name);
        for name in ["_temporary.parquet", ".x.parquet", "part-00001.parquet.crc"] {
            write_parquet(&beside(name), &more);
        }
        fs::write(beside("notes.txt"), "written by hand").expect("written");
        fs::create_dir(beside("_temporary")).expect("a folder");
        write_parquet(&beside("_temporary").join("part-00001.parquet"), &more);
        assert_same_report(&exports, "ignored files");
    }

    #[test]
    fn a_file_url_is_the_same_as_the_path() {
        let exports = TestExports::small();
        let url = format!("file://{}", exports.path().display());
        let output = pragati()
            .args(["report", "--batch", "b1", "--exports", &url])
            .output()
            .expect("a run");
        assert_eq!(String::from_utf8_lossy(&output.stdout), exports.report("b1", &[]));
    }

    #[test]
    fn a_table_may_be_in_another_location() {
        let elsewhere = TestExports::empty().table("people", USERS);
        let exports = TestExports::small().without("users");
        let config = exports.config(&format!(
            "tables.users.path = '{}'",
            elsewhere.path().join("people").display()
        ));
        assert_eq!(
            exports.report("b1", &["--config", &config]),
            TestExports::small_report()
        );
    }
}

mod unusable_files {
    use super::*;

    #[test]
    fn a_missing_column_is_named_with_its_file_and_remedy() {
        insta::assert_snapshot!(complaint_about("users", &select("* except (mobile)", USERS)), @r"
        error: table users: column mobile is missing in EXPORTS/users/date=2026-11-22/part-00000.parquet,
        expected text (Utf8); add it to the export, or map the table with `[tables.users] sql`
        ");
        insta::assert_snapshot!(complaint_about("enrolments", &select("* except (enrolled_at)", ENROLMENTS)), @r"
        error: table enrolments: column enrolled_at is missing in
        EXPORTS/enrolments/date=2026-11-22/part-00000.parquet, expected a Timestamp in UTC; add it to the
        export, or map the table with `[tables.enrolments] sql`
        ");
        let without_percent = select("* except (progress_percent)", COURSE_PROGRESS);
        insta::assert_snapshot!(complaint_about("course_progress", &without_percent), @r"
        error: table course_progress: column progress_percent is missing in
        EXPORTS/course_progress/date=2026-11-22/part-00000.parquet, expected a number (Int or Float); add it
        to the export, or map the table with `[tables.course_progress] sql`
        ");
        insta::assert_snapshot!(complaint_about("batches", &select("* except (course_id)", BATCHES)), @r"
        error: table batches: column course_id is missing in
        EXPORTS/batches/date=2026-11-22/part-00000.parquet, expected text (Utf8); add it to the export, or
        map the table with `[tables.batches] sql`
        ");
    }

    #[test]
    fn a_wrong_type_is_named_with_what_was_expected() {
        let epochs = select(
            "* replace (arrow_cast(enrolled_at, 'Int64') as enrolled_at)",
            ENROLMENTS,
        );
        insta::assert_snapshot!(complaint_about("enrolments", &epochs), @r"
        error: table enrolments: column enrolled_at in EXPORTS/enrolments/date=2026-11-22/part-00000.parquet
        is Int64, expected a Timestamp in UTC; change the export, or map the table with `[tables.enrolments]
        sql`, for example `select * replace (to_timestamp_millis(enrolled_at) as enrolled_at) from
        enrolments`; its values, 1790879399000 to 1790879400000, have the 13 digits of such times
        ");
        insta::assert_snapshot!(complaint_about("users", &select("* replace (1.5 as user_id)", USERS)), @r"
        error: table users: column user_id in EXPORTS/users/date=2026-11-22/part-00000.parquet is Float64,
        expected text (Utf8); change the export, or map the table with `[tables.users] sql`, for example
        `select * replace (cast(cast(user_id as bigint) as varchar) as user_id) from users`
        ");
        let flags = select("* replace (true as progress_percent)", COURSE_PROGRESS);
        insta::assert_snapshot!(complaint_about("course_progress", &flags), @r"
        error: table course_progress: column progress_percent in
        EXPORTS/course_progress/date=2026-11-22/part-00000.parquet is Boolean, expected a number (Int or
        Float); change the export, or map the table with `[tables.course_progress] sql`
        ");
        let days = select("* replace (date '2026-11-22' as active)", ENROLMENTS);
        insta::assert_snapshot!(complaint_about("enrolments", &days), @r"
        error: table enrolments: column active in EXPORTS/enrolments/date=2026-11-22/part-00000.parquet is
        Date32, expected Boolean; change the export, or map the table with `[tables.enrolments] sql`
        ");
        insta::assert_snapshot!(complaint_about("batches", &select("*, 7 as mentors", BATCHES)), @r"
        error: table batches: column mentors in EXPORTS/batches/date=2026-11-22/part-00000.parquet is Int64,
        expected a list of text (List<Utf8>); change the export, or map the table with `[tables.batches]
        sql`
        ");
    }

    #[test]
    fn every_file_of_a_table_is_checked() {
        let exports = TestExports::small().part("users", 1, &select("* except (email)", USERS));
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "report", &["--batch", "b1"])), @r"
        error: table users: column email is missing in EXPORTS/users/date=2026-11-22/part-00001.parquet,
        expected text (Utf8); add it to the export, or map the table with `[tables.users] sql`
        ");
    }

    #[test]
    fn a_truncated_file_is_named() {
        let whole = fs::read(TestExports::small().file("enrolments")).expect("a file");
        insta::assert_snapshot!(complaint_about_bytes(&whole[..whole.len() / 2]), @r"
        error: table enrolments: EXPORTS/enrolments/date=2026-11-22/part-00000.parquet is not a readable
        Parquet file: Parquet error: Parquet error: Invalid Parquet file. Corrupt footer; export it again or
        choose another --date
        ");
    }

    #[test]
    fn an_empty_file_is_named() {
        insta::assert_snapshot!(complaint_about_bytes(b""), @r"
        error: table enrolments: EXPORTS/enrolments/date=2026-11-22/part-00000.parquet is not a readable
        Parquet file: Parquet error: Parquet error: Parquet files are at least 8 bytes long, but file length
        is 0; export it again or choose another --date
        ");
    }

    #[test]
    fn a_text_file_named_parquet_is_named() {
        insta::assert_snapshot!(complaint_about_bytes(b"user_id,course_id,batch_id\nu1,c1,b1\n"), @r"
        error: table enrolments: EXPORTS/enrolments/date=2026-11-22/part-00000.parquet is not a readable
        Parquet file: Parquet error: Parquet error: Invalid Parquet file. Corrupt footer; export it again or
        choose another --date
        ");
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
        insta::assert_snapshot!(wrapped(&exports.complaint(1, "sql", &["-c", "select 1"])), @r"
        error: table batches: EXPORTS/batches/date=2026-11-22/part-00000.parquet is not a readable Parquet
        file: Parquet error: Parquet error: Parquet files are at least 8 bytes long, but file length is 4;
        export it again or choose another --date
        ");
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
        insta::assert_snapshot!(without_rows("users", USERS), @r"
        u1,,40%
        u2,,100%
        ");
        insta::assert_snapshot!(without_rows("enrolments", ENROLMENTS), @"");
        insta::assert_snapshot!(without_rows("course_progress", COURSE_PROGRESS), @r"
        u1,Asha Kumar,0%
        u2,अनीता,0%
        ");
        insta::assert_snapshot!(without_rows("batches", BATCHES), @r"
        u1,Asha Kumar,40%
        u2,अनीता,100%
        ");
    }

    #[test]
    fn tables_may_consist_of_several_files() {
        let mut exports = TestExports::small();
        for (table, sql) in [
            ("users", USERS),
            ("enrolments", ENROLMENTS),
            ("course_progress", COURSE_PROGRESS),
        ] {
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
            .table(
                "users",
                &format!("{} where user_id = 'u1'", cast(USERS, &USER_COLUMNS, "LargeUtf8")),
            )
            .part(
                "users",
                1,
                &format!(
                    "{} where user_id = 'u2'",
                    cast(USERS, &USER_COLUMNS, "Dictionary(Int8, Utf8)")
                ),
            )
            .table(
                "course_progress",
                &format!(
                    "{} where user_id = 'u1'",
                    cast(COURSE_PROGRESS, &["progress_percent"], "Float32")
                ),
            )
            .part("course_progress", 1, &format!("{COURSE_PROGRESS} where user_id = 'u2'"));
        assert_same_report(&exports, "types that differ");
    }

    #[test]
    fn text_may_be_of_any_string_type() {
        let ids = ["user_id", "course_id", "batch_id"];
        for data_type in [
            "LargeUtf8",
            "Utf8View",
            "Dictionary(Int32, Utf8)",
            "Dictionary(UInt16, LargeUtf8)",
        ] {
            let exports = TestExports::empty()
                .table("users", &cast(USERS, &USER_COLUMNS, data_type))
                .table("enrolments", &cast(ENROLMENTS, &ids, data_type))
                .table("course_progress", &cast(COURSE_PROGRESS, &ids, data_type))
                .table(
                    "batches",
                    &cast(
                        BATCHES,
                        &["batch_id", "course_id", "batch_name", "tenant_id"],
                        data_type,
                    ),
                );
            assert_same_report(&exports, data_type);
        }
    }

    #[test]
    fn timestamps_may_be_of_any_unit_and_zone() {
        let mut types = Vec::new();
        for unit in ["Second", "Millisecond", "Microsecond", "Nanosecond"] {
            for zone in ["None", "Some(\"UTC\")", "Some(\"Asia/Kolkata\")", "Some(\"+05:30\")"] {
                types.push(format!("Timestamp({unit}, {zone})"));
            }
        }
        let exports = with_an_enrolment_file_each(types.iter().map(String::as_str), |data_type| {
            cast(ENROLMENTS, &["enrolled_at"], data_type)
        });
        let dates = csv_columns(&exports.report("b1", &[]), &["Enrollment Date"]);
        assert_eq!(dates, "2026-10-02\n".repeat(types.len()));
    }

    #[test]
    fn timestamps_may_be_spark_s_96_bits() {
        const JULIAN_DAY: u32 = 2_461_315; // 2026-10-01
        const HALF_PAST_SIX_IN_THE_EVENING: u64 = (18 * 60 + 30) * 60 * 1_000_000_000;
        let exports = TestExports::small();
        write_spark_enrolment(&exports.file("enrolments"), JULIAN_DAY, HALF_PAST_SIX_IN_THE_EVENING);
        let report = exports.report("b1", &[]);
        assert_eq!(csv_columns(&report, &["User ID", "Enrollment Date"]), "u1,2026-10-02\n");
    }

    #[test]
    fn percents_may_be_of_any_number_type() {
        let types = [
            "Int8",
            "Int16",
            "Int32",
            "Int64",
            "UInt8",
            "UInt64",
            "Float32",
            "Float64",
            "Decimal128(5, 2)",
        ];
        let mut exports = with_an_enrolment_file_each(types, |_| ENROLMENTS.to_owned());
        for (number, data_type) in types.into_iter().enumerate() {
            let rows = course_progress(&format!("('{data_type}', '40', null)"));
            exports = exports.part(
                "course_progress",
                number,
                &cast(&rows, &["progress_percent"], data_type),
            );
        }
        let percents = csv_columns(&exports.report("b1", &[]), &["Course Progress"]);
        assert_eq!(percents, "40%\n".repeat(types.len()));
    }

    #[test]
    fn columns_may_come_in_any_order_and_with_others() {
        let reversed: Vec<&str> = USER_COLUMNS.into_iter().rev().collect();
        let exports = TestExports::small()
            .table(
                "users",
                &select(
                    &format!("1 as version, {}, [1, 2] as roles", reversed.join(", ")),
                    USERS,
                ),
            )
            .table(
                "enrolments",
                &select(
                    "active, enrolled_at, 'x' as note, batch_id, course_id, user_id",
                    ENROLMENTS,
                ),
            );
        assert_same_report(&exports, "another order");
    }

    #[test]
    fn files_may_be_compressed() {
        let codecs = [
            ("u1", Compression::SNAPPY),
            ("u2", Compression::GZIP(GzipLevel::default())),
            ("u3", Compression::ZSTD(ZstdLevel::default())),
            ("u4", Compression::UNCOMPRESSED),
        ];
        let exports = TestExports::small();
        for (user, codec) in codecs {
            let file = exports
                .file("enrolments")
                .with_file_name(format!("part-00000-{user}.c000.parquet"));
            let properties = WriterProperties::builder().set_compression(codec).build();
            let rows = enrolments(&format!("('{user}', 'c1', 'b1', '2026-10-01T00:00:00', true)"));
            write_parquet_with(&file, &rows, properties);
        }
        fs::remove_file(exports.file("enrolments")).expect("removed");
        assert_eq!(
            csv_columns(&exports.report("b1", &[]), &["User ID"]),
            "u1\nu2\nu3\nu4\n"
        );
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
        let reports: Vec<String> = files_below(&day.join("csv"))
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(reports, ["_/b1.csv"]);
    }
}

/// A file as Spark writes it: its timestamps are nanoseconds of a Julian day, in 96 bits. One enrolment of `u1`.
pub fn write_spark_enrolment(path: &Path, julian_day: u32, nanoseconds: u64) {
    const SCHEMA: &str = "message spark_schema {
        optional binary user_id (UTF8); optional binary course_id (UTF8); optional binary batch_id (UTF8);
        optional int96 enrolled_at; optional boolean active; }";
    let mut enrolled_at = Int96::new();
    enrolled_at.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, julian_day);
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let file = File::create(path).expect("a file");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).expect("a writer");
    let mut rows = writer.next_row_group().expect("a row group");
    for text in ["u1", "c1", "b1"] {
        write_column::<ByteArrayType>(&mut rows, text.into());
    }
    write_column::<Int96Type>(&mut rows, enrolled_at);
    write_column::<BoolType>(&mut rows, true);
    rows.close().expect("closed");
    writer.close().expect("closed");
}

fn write_column<T: ParquetType>(rows: &mut SerializedRowGroupWriter<'_, File>, value: T::T) {
    let mut column = rows.next_column().expect("a column").expect("a further column");
    column
        .typed::<T>()
        .write_batch(&[value], Some(&[1]), None)
        .expect("written");
    column.close().expect("closed");
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
        let elsewhere = tempfile::tempdir().expect("a folder");
        insta::assert_snapshot!(wrapped(&complaint_of(pragati().arg("check").current_dir(elsewhere.path()), 2)), @r"
        error: no exports given; use --exports DIR|URL, PRAGATI_EXPORTS, or `exports` in pragati.toml
        ");
    }

    #[test]
    fn a_flag_with_a_bad_value_is_named() {
        let complaint = |flag: &str, value: &str| complaint(TestExports::small().command("check").args([flag, value]));
        insta::assert_snapshot!(wrapped(&complaint("--date", "22-11-2026")), @r"
        error: invalid value '22-11-2026' for '--date <DATE>': '22-11-2026' is not a date; write it as
        YYYY-MM-DD, for example 2026-11-22
        ");
        insta::assert_snapshot!(wrapped(&complaint("--timezone", "Asia/Nowhere")), @r"
        error: invalid value 'Asia/Nowhere' for '--timezone <ZONE>': 'Asia/Nowhere' is not an IANA time zone
        such as 'Asia/Kolkata'
        ");
        insta::assert_snapshot!(wrapped(&complaint("--threads", "0")), @r"
        error: invalid value '0' for '--threads <N>': at least 1 thread is needed
        ");
        insta::assert_snapshot!(wrapped(&complaint("--memory-limit", "lots")), @r#"
        error: invalid value 'lots' for '--memory-limit <SIZE>': couldn't parse "lots" into a ByteSize,
        cannot parse float from empty string
        "#);
    }

    #[test]
    fn a_bad_value_in_the_configuration_is_named() {
        insta::assert_snapshot!(wrapped(&complaint_about_config("timezone = 'Asia/Nowhere'")), @r"
        error: configuration: EXPORTS/settings.toml: timezone: 'Asia/Nowhere' is not an IANA time zone such
        as 'Asia/Kolkata'
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("date = 'yesterday'")), @r"
        error: configuration: EXPORTS/settings.toml: date: 'yesterday' is not a date; write it as
        YYYY-MM-DD, for example 2026-11-22
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("report.unknown_users = 'drop'")), @r"
        error: configuration: EXPORTS/settings.toml: report.unknown_users: 'drop' is none of keep, omit
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("report.date_format = '%Q'")), @r"
        error: date format '%Q' is not one that dates can be written with; see
        https://docs.rs/chrono/latest/chrono/format/strftime
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("staging = 'nowhere'")), @r"
        error: configuration: there is no staging mapping 'nowhere'; known: moodle, openedx, sunbird
        ");
    }

    #[test]
    fn an_unknown_option_in_the_configuration_is_named() {
        insta::assert_snapshot!(wrapped(&complaint_about_config("exprots = 'x'")), @r"
        error: configuration: EXPORTS/settings.toml: exprots is no setting; did you mean exports?
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("colour = 'x'")), @r"
        error: configuration: EXPORTS/settings.toml: colour is no setting; there are exports, date,
        timezone, staging, staging_settings, success_marker, allow_empty, queries, memory_limit, threads,
        temp_dir, events, telemetry, tables, other_tables, cluster, report, nightly, ratio, serve, postgres,
        database, identity, sign_in, mail, opentelemetry, subscriptions
        ");
        insta::assert_snapshot!(wrapped(&complaint_about_config("tables.userz.path = 'x'")), @r"
        error: configuration: [tables.userz] is neither a canonical table nor read by a staging query;
        remove it or check the name
        ");
    }

    #[test]
    fn a_configuration_file_that_is_named_must_exist() {
        let mut check = TestExports::small().command("check");
        insta::assert_snapshot!(wrapped(&complaint_of(check.args(["--config", "/no/such/file.toml"]), 2)), @r"
        error: configuration file /no/such/file.toml cannot be read: No such file or directory (os error 2);
        check the path given with --config
        ");
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
        assert_eq!(
            enrolment_dates(exports.command("report").args(["--config", &config])),
            UTC
        );
        let mut with_environment = exports.command("report");
        with_environment
            .args(["--config", &config])
            .env("PRAGATI_TIMEZONE", "Asia/Dhaka");
        assert_eq!(enrolment_dates(&mut with_environment), DHAKA);
        let mut with_flag = exports.command("report");
        with_flag
            .args(["--config", &config, "--timezone", "Asia/Kolkata"])
            .env("PRAGATI_TIMEZONE", "Asia/Dhaka");
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
    fn pragati_toml_of_a_folder_above_is_not_read() {
        let exports = TestExports::small();
        fs::write(exports.path().join("pragati.toml"), "timezone = 'UTC'\n").expect("written");
        let mut report = exports.command("report");
        assert_eq!(
            enrolment_dates(report.current_dir(exports.path().join("users"))),
            KOLKATA
        );
    }

    #[test]
    fn the_environment_reaches_into_sections_and_names_the_exports() {
        let exports = TestExports::small();
        let mut report = pragati();
        report
            .arg("report")
            .env("PRAGATI_EXPORTS", exports.path())
            .env("PRAGATI_REPORT__DATE_FORMAT", "%d/%m/%Y");
        assert_eq!(enrolment_dates(&mut report), "01/10/2026\n02/10/2026\n");
    }
}
