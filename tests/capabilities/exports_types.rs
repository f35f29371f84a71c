//! Whatever types an exporter chooses: the same bytes as the usual ones give, or a refusal that says what to do.

use std::fs::{self, File};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::exports_layout::assert_told;
use crate::support::{
    BATCHES, COURSE_PROGRESS, ENROLMENTS, TestExports, USERS, batches, course_progress, csv_columns, enrolments,
    select, wrapped, write_parquet_with,
};

/// Another way to write columns: the table, its usual query, and what replaces the columns.
const SPELLINGS: &[(&str, &str, &str)] = &[
    (
        "users",
        USERS,
        "arrow_cast(user_id, 'BinaryView') as user_id, arrow_cast(first_name, 'Binary') as first_name",
    ),
    (
        "users",
        USERS,
        "case when mobile is null then '  ' else mobile end as mobile",
    ),
    ("enrolments", ENROLMENTS, "cast(enrolled_at as varchar) as enrolled_at"),
    (
        "enrolments",
        ENROLMENTS,
        "replace(cast(enrolled_at as varchar), 'Z', '') as enrolled_at",
    ),
    (
        "enrolments",
        ENROLMENTS,
        "replace(cast(enrolled_at as varchar), 'Z', '+00:00') as enrolled_at",
    ),
    (
        "enrolments",
        ENROLMENTS,
        "arrow_cast(cast(enrolled_at as varchar), 'Dictionary(Int8, Utf8)') as enrolled_at",
    ),
    ("enrolments", ENROLMENTS, "arrow_cast(active, 'UInt8') as active"),
    ("enrolments", ENROLMENTS, "arrow_cast(active, 'Int64') as active"),
    (
        "enrolments",
        ENROLMENTS,
        "case when active then 'True' else 'False' end as active",
    ),
    (
        "enrolments",
        ENROLMENTS,
        "case when active then '1' else '0' end as active",
    ),
    (
        "course_progress",
        COURSE_PROGRESS,
        "cast(progress_percent as varchar) as progress_percent",
    ),
    (
        "course_progress",
        COURSE_PROGRESS,
        "arrow_cast(progress_percent, 'Decimal128(20, 6)') as progress_percent",
    ),
    (
        "course_progress",
        COURSE_PROGRESS,
        "cast(completed_at as varchar) as completed_at",
    ),
    (
        "course_progress",
        COURSE_PROGRESS,
        "coalesce(cast(completed_at as varchar), ' ') as completed_at",
    ),
];

#[test]
fn columns_of_any_type_give_the_same_report() {
    let expected = TestExports::small_report();
    for (table, usual, replaced) in SPELLINGS {
        let exports = TestExports::small().table(table, &select(&format!("* replace ({replaced})"), usual));
        assert_eq!(exports.report("b1", &[]), expected, "{table}: {replaced}");
        let config = mapped(&exports, table, &format!("select * from {table}"));
        assert_eq!(
            exports.report("b1", &["--config", &config]),
            expected,
            "{table}: {replaced}"
        );
    }
}

#[test]
fn lists_and_dates_of_any_type_are_the_same() {
    let rows = |mentors: &str, start: &str| {
        format!("select 'b1' as batch_id, 'c1' as course_id, {mentors} as mentors, {start} as start_date")
    };
    let usual = rows("make_array('m1', 'm2')", "date '2026-11-22'");
    let query = "select mentors, start_date from batches";
    let expected = sql(&TestExports::small().table("batches", &usual), query);
    assert!(expected.contains("2026-11-22") && expected.contains("m2"), "{expected}");
    for (mentors, start) in [
        (r#"'["m1","m2"]'"#, "'2026-11-22'"),
        (
            "arrow_cast(make_array('m1', 'm2'), 'LargeList(LargeUtf8)')",
            "timestamp '2026-11-22T00:00:00'",
        ),
        (
            r#"arrow_cast('["m1", "m2"]', 'LargeBinary')"#,
            "arrow_cast('2026-11-21T18:30:00', 'Timestamp(Millisecond, Some(\"UTC\"))')",
        ),
    ] {
        let exports = TestExports::small().table("batches", &rows(mentors, start));
        assert_eq!(sql(&exports, query), expected, "{mentors}, {start}");
        let config = mapped(&exports, "batches", "select * from batches");
        let found = exports.output("sql", &["-c", query, "--format", "csv", "--config", &config]);
        assert_eq!(found, expected, "{mentors}, {start}");
    }
}

#[test]
fn a_value_that_cannot_be_read_is_named_with_its_row() {
    let flags = enrolments(
        "('u1', 'c1', 'b1', '2026-10-01T18:29:59', 'true'), ('u2', 'c1', 'b1', '2026-10-01T18:30:00', 'yes')",
    );
    let exports = TestExports::small().table("enrolments", &flags);
    let complaint = exports.complaint(1, "report", &["--batch", "b1"]);
    for part in [
        "column active in EXPORTS/enrolments/date=2026-11-22/part-00000.parquet, row 2: 'yes' is neither",
        "lower(active) = 'yes'",
    ] {
        assert!(complaint.contains(part), "{complaint}");
    }
    for complaint in [complaint, exports.complaint(1, "check", &[])] {
        let named = complaint.matches("table enrolments").count() + complaint.matches("rows of").count();
        assert_eq!(named, 1, "{complaint}");
    }
}

#[test]
fn a_mapped_value_that_cannot_be_read_is_named() {
    let flags = enrolments(
        "('u1', 'c1', 'b1', '2026-10-01T18:29:59', 'true'), ('u2', 'c1', 'b1', '2026-10-01T18:30:00', 'yes')",
    );
    let exports = TestExports::small().table("enrolments", &flags);
    let config = mapped(&exports, "enrolments", "select * from enrolments");
    let complaint = exports.complaint(1, "report", &["--batch", "b1", "--config", &config]);
    for part in [
        "table enrolments: column active in its mapping: 'yes' is neither",
        "lower(active) = 'yes'",
    ] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

/// One rule for numbers and texts: what is not finite is no percentage. Infinity would count as 100 % or 0 %.
#[test]
fn infinity_is_refused_and_nan_is_blank_in_every_type() {
    let progress = |percent: &str| {
        let rows = course_progress("('u1', 40, null)");
        TestExports::small().table(
            "course_progress",
            &select(&format!("* replace ({percent} as progress_percent)"), &rows),
        )
    };
    let missing = progress("cast(null as double)").report("b1", &[]);
    for (number, text) in [("Infinity", "Infinity"), ("-Infinity", "-inf"), ("Infinity", "1e400")] {
        for percent in [
            format!("cast('{number}' as double)"),
            format!("cast('{number}' as float)"),
            format!("'{text}'"),
        ] {
            let exports = progress(&percent);
            let complaint = exports.complaint(1, "report", &["--batch", "b1"]);
            for words in [
                "table course_progress: column progress_percent in ",
                "row 1: ",
                "is not a number such as 62.5",
            ] {
                assert!(complaint.contains(words), "{percent}: {complaint}");
            }
            exports.complaint(1, "check", &[]);
            let as_it_is = mapped(&exports, "course_progress", "select * from course_progress");
            let of_mapping = exports.complaint(1, "report", &["--batch", "b1", "--config", &as_it_is]);
            assert!(
                of_mapping.contains("is not a number such as 62.5"),
                "{percent}: {of_mapping}"
            );
            let config = mapped(&exports, "course_progress", query_in(&complaint));
            assert_eq!(exports.report("b1", &["--config", &config]), missing, "{complaint}");
        }
    }
    for percent in ["cast('NaN' as double)", "cast('NaN' as float)", "'NaN'", "'nan'"] {
        let exports = progress(percent);
        assert_eq!(exports.report("b1", &[]), missing, "{percent}");
        let checked = exports.output("check", &[]);
        let row = checked.lines().find(|line| line.contains("progress_out_of_range"));
        assert!(
            row.is_some_and(|row| row.starts_with("should") && row.contains(" 1 ")),
            "{checked}"
        );
    }
}

/// The usual enrolments at times of another type.
fn enrolled(time: &str) -> String {
    select(&format!("* replace ({time} as enrolled_at)"), ENROLMENTS)
}

/// What a refusal says is right: the same report comes out when the query that it names is the mapping.
#[test]
fn the_query_that_a_refusal_names_reads_times_of_any_unit() {
    let expected = TestExports::small_report();
    let number =
        |unit: &str| format!("arrow_cast(arrow_cast(enrolled_at, 'Timestamp({unit}, Some(\"UTC\"))'), 'Int64')");
    let double = |number: String| format!("cast({number} as double)");
    for (numbers, function, digits) in [
        (number("Second"), "to_timestamp_seconds(enrolled_at)", "10"),
        (number("Millisecond"), "to_timestamp_millis(enrolled_at)", "13"),
        (number("Microsecond"), "to_timestamp_micros(enrolled_at)", "16"),
        (number("Nanosecond"), "to_timestamp_nanos(enrolled_at)", "19"),
        (
            format!("cast({} as int)", number("Second")),
            "to_timestamp_seconds(enrolled_at)",
            "10",
        ),
        (
            double(number("Second")),
            "to_timestamp_seconds(cast(enrolled_at as bigint))",
            "10",
        ),
        (
            double(number("Millisecond")),
            "to_timestamp_millis(cast(enrolled_at as bigint))",
            "13",
        ),
    ] {
        let with_statistics = TestExports::small().table("enrolments", &enrolled(&numbers));
        let without = TestExports::small();
        let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
        write_parquet_with(&without.file("enrolments"), &enrolled(&numbers), properties.build());
        for exports in [with_statistics, without] {
            let complaint = exports.complaint(1, "check", &[]);
            let query = query_in(&complaint);
            assert_eq!(
                query,
                format!("select * replace ({function} as enrolled_at) from enrolments"),
                "{complaint}"
            );
            assert!(complaint.contains(&format!("have the {digits} digits")), "{complaint}");
            let config = mapped(&exports, "enrolments", query);
            assert_eq!(exports.report("b1", &["--config", &config]), expected, "{complaint}");
        }
    }
    // Where the values are not seen, every reading is named.
    let exports = TestExports::small().table("enrolments", &enrolled(&number("Second")));
    let config = mapped(&exports, "enrolments", "select * from enrolments");
    let complaint = exports.complaint(1, "check", &["--config", &config]);
    for words in [
        "to_timestamp_seconds(enrolled_at)",
        "10 digits",
        "to_timestamp_millis for 13",
        "to_timestamp_micros for 16",
        "to_timestamp_nanos for 19",
    ] {
        assert!(complaint.contains(words), "{complaint}");
    }
}

/// A date is that day in the site's zone, and not the day before west of UTC.
#[test]
fn the_query_that_a_refusal_names_reads_dates_as_days_of_the_site_s_zone() {
    let days = [
        "date '2026-11-22'",
        "arrow_cast(date '2026-11-22', 'Date64')",
        "'2026-11-22'",
        "'22/11/2026'",
    ];
    for zone in [
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
    ] {
        for day in days {
            let exports = TestExports::small().table("enrolments", &enrolled(day));
            let arguments = ["--batch", "b1", "--timezone", zone];
            let complaint = exports.complaint(1, "report", &arguments);
            let config = mapped(&exports, "enrolments", query_in(&complaint));
            let report = exports.report("b1", &["--timezone", zone, "--config", &config]);
            let shown = csv_columns(&report, &["Enrollment Date"]);
            assert_eq!(shown, "2026-11-22\n2026-11-22\n", "{zone}: {complaint}");
        }
    }
}

#[test]
fn the_queries_that_refusals_of_values_name_read_the_columns() {
    let spelled = |expression: &str, table: &str| select(&format!("* replace ({expression})"), table);
    let seconds = "cast(arrow_cast(arrow_cast(enrolled_at, 'Timestamp(Second, Some(\"UTC\"))'), 'Int64') as varchar) as enrolled_at";
    let slashes =
        "to_char(arrow_cast(enrolled_at, 'Timestamp(Millisecond, None)'), '%d/%m/%Y %H:%M:%S') as enrolled_at";
    let percent = "concat(progress_percent, '%') as progress_percent";
    for (table, sql) in [
        ("enrolments", spelled(seconds, ENROLMENTS)),
        ("enrolments", spelled(slashes, ENROLMENTS)),
        ("course_progress", spelled(percent, COURSE_PROGRESS)),
    ] {
        let exports = TestExports::small().table(table, &sql);
        let as_it_is = mapped(&exports, table, &format!("select * from {table}"));
        let complaint = exports.complaint(1, "report", &["--batch", "b1", "--config", &as_it_is]);
        let config = mapped(&exports, table, query_in(&complaint));
        let expected = TestExports::small_report();
        assert_eq!(exports.report("b1", &["--config", &config]), expected, "{complaint}");
    }
    let day = batches_starting("'22/11/2026'");
    let exports = TestExports::small().table("batches", &day);
    let as_it_is = mapped(&exports, "batches", "select * from batches");
    let query = ["-c", "select start_date from batches", "--format", "csv", "--config"];
    let complaint = exports.complaint(1, "sql", &[&query[..], &[&as_it_is]].concat());
    let config = mapped(&exports, "batches", query_in(&complaint));
    assert_eq!(
        exports.output("sql", &[&query[..], &[&config]].concat()),
        "start_date\n2026-11-22\n"
    );
}

#[test]
fn raw_tables_of_several_writers_are_read_as_one() {
    let one = "select cast(1 as int) as number, 'a' as text, arrow_cast('2026-11-22T10:00:00', 'Timestamp(Millisecond, None)') as time,
        cast(0.5 as float) as fraction, make_array('x') as items, arrow_cast('2026-11-22', 'Date32') as day";
    let other = "select 5000000000 as number, arrow_cast('b', 'LargeUtf8') as text,
        arrow_cast('9999-12-31T10:00:00', 'Timestamp(Microsecond, None)') as time,
        cast(0.25 as double) as fraction, arrow_cast(make_array('y', 'z'), 'LargeList(Utf8View)') as items,
        arrow_cast(arrow_cast('2026-11-23', 'Date32'), 'Date64') as day";
    let third = "select 3 as number, arrow_cast('c', 'Dictionary(Int8, Utf8)') as text,
        arrow_cast('2026-11-24T10:00:00.000001', 'Timestamp(Nanosecond, None)') as time,
        cast(null as double) as fraction, null as items, null as day";
    let expected = "\
number,text,time,fraction,items,day
1,a,2026-11-22T10:00:00,0.5,x,2026-11-22
3,c,2026-11-24T10:00:00.000001,,,
5000000000,b,9999-12-31T10:00:00,0.25,y z,2026-11-23
";
    for order in [[one, other, third], [third, other, one], [other, third, one]] {
        let exports = TestExports::small()
            .table("facts", order[0])
            .part("facts", 1, order[1])
            .part("facts", 2, order[2]);
        let config = exports.config("other_tables.facts = 'facts'");
        let query =
            "select number, text, time, fraction, array_to_string(items, ' ') as items, day from facts order by number";
        let found = exports.output("sql", &["-c", query, "--format", "csv", "--config", &config]);
        assert_eq!(found, expected, "{order:?}");
        let query = "select number from facts where number > 2 and text <> 'b' and time > timestamp '2026-11-23'";
        let found = exports.output("sql", &["-c", query, "--format", "csv", "--config", &config]);
        assert_eq!(found, "number\n3\n");
    }
}

#[test]
fn raw_columns_that_only_look_alike_are_refused() {
    let exports = TestExports::small()
        .table("facts", "select 1 as number")
        .part("facts", 1, "select 'one' as number");
    let config = exports.config("other_tables.facts = 'facts'");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--config", &config])), @r"
    error: table facts: column number is not the same in all files: Int64 in
    EXPORTS/facts/date=2026-11-22/part-00000.parquet, Utf8 in
    EXPORTS/facts/date=2026-11-22/part-00001.parquet; export the day again
    ");
}

#[test]
fn a_missing_column_s_message_lists_names_that_are_nearly_so() {
    let renamed = |names: &str| select(&format!("* except (user_id), {names}"), USERS);
    let complaint = |names: &str| {
        wrapped(
            &TestExports::small()
                .table("users", &renamed(names))
                .complaint(1, "check", &[]),
        )
    };
    insta::assert_snapshot!(complaint("user_id as \"userId\", user_id as \"USER_ID \", user_id as uid"), @r#"
    error: table users: column user_id is missing in EXPORTS/users/date=2026-11-22/part-00000.parquet,
    expected text (Utf8), but there is "userId" and "USER_ID ", spelled otherwise; add it to the export,
    or map the table with `[tables.users] sql`
    "#);
    assert!(!complaint("user_id as uid").contains("spelled"));
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let exports = TestExports::small();
    let names = ["user_id", "email", "first_name", "email"];
    let fields: Vec<_> = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect();
    let column: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let columns = vec![column; fields.len()];
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("rows");
    let file = File::create(exports.file("users")).expect("a file");
    let mut writer = ArrowWriter::try_new(file, rows.schema(), None).expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("closed");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &[])), @r"
    error: table users: column email stands more than once in
    EXPORTS/users/date=2026-11-22/part-00000.parquet; export it once, under one name
    ");
}

#[test]
fn an_optional_column_that_is_nearly_there_is_told() {
    let named = select("* except (tenant_id), tenant_id as \"tenantId\"", BATCHES);
    let exports = TestExports::small().table("batches", &named).part("batches", 1, &named);
    assert_told(
        &exports,
        &[
            "part-00000.parquet",
            "part-00001.parquet",
            "no column tenant_id",
            "tenantId",
        ],
    );
}

#[test]
fn a_column_of_nulls_may_have_any_type() {
    let plain = course_progress("('u1', 40, null)");
    let expected = TestExports::small().table("course_progress", &plain).report("b1", &[]);
    for data_type in ["Int32", "Float64", "Boolean", "Utf8", "Null", "Date32"] {
        let nulls = select(
            &format!("* replace (arrow_cast(null, '{data_type}') as completed_at)"),
            &plain,
        );
        let exports = TestExports::small().table("course_progress", &nulls);
        assert_eq!(exports.report("b1", &[]), expected, "{data_type}");
    }
}

/// The small exports' table as a mapping makes it; the configuration file.
pub fn mapped(exports: &TestExports, table: &str, sql: &str) -> String {
    let folder = exports.path().join("queries/staging");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("own.sql"), sql).expect("written");
    let queries = exports.path().join("queries");
    exports.config(&format!(
        "queries = '{}'\ntables.{table}.sql = 'staging/own.sql'",
        queries.display()
    ))
}

/// The query between the last two backticks.
fn query_in(complaint: &str) -> &str {
    complaint.rsplit('`').nth(1).expect("a query")
}

fn sql(exports: &TestExports, query: &str) -> String {
    exports.output("sql", &["-c", query, "--format", "csv"])
}

fn batches_starting(day: &str) -> String {
    select(&format!("*, {day} as start_date"), &batches("('b1', 'c1', 't1')"))
}
