//! `pragati report`: one batch's Course Progress Report, as the output contract says (`docs/design.md`, "The Course
//! Progress Report").

use crate::support::{
    BATCHES, COURSE_PROGRESS, ENROLMENTS, TestExports, USERS, course_progress, csv_columns, enrolments, files_below,
    select, sheet_header, wrapped,
};

#[test]
fn a_batch_s_report_is_the_contract_s_csv() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.report("b1", &[]), @r"
    External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,Block Name,Enrollment Date,Course Progress,Completion Date
    E1,u1,Asha Kumar,as***@example.org,******1234,SCERT,Mysuru,GHS 1,Block 1,2026-10-01,40%,
    ,u2,अनीता,,,SCERT,,,,2026-10-02,100%,2026-10-05
    ");
}

#[test]
fn a_batch_without_enrolments_has_only_the_header() {
    let exports = TestExports::small();
    assert_eq!(exports.report("b2", &[]).lines().count(), 1);
}

#[test]
fn an_unknown_batch_is_an_error() {
    let exports = TestExports::small();
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "report", &["--batch", "b3"])), @r"
    error: batch 'b3' is neither in table batches nor in table enrolments of the snapshot of 2026-11-22;
    check the id or choose another --date
    ");
}

#[test]
fn a_batch_is_known_where_the_list_or_an_enrolment_names_it() {
    let enrolled =
        "('u1', 'c1', 'b1', '2026-10-01T18:29:59', true), ('u1', 'c1', 'left', '2026-10-01T18:29:59', false),
        ('u2', 'c1', 'unlisted', '2026-10-01T18:29:59', true), (null, 'c1', 'nobody', '2026-10-01T18:29:59', true)";
    let exports = TestExports::small().table("enrolments", &enrolments(enrolled));
    let lines = |batch: &str, more: &[&str]| exports.report(batch, more).lines().count();
    assert_eq!(lines("b1", &[]), 2);
    // Without rows: listed, or named by an enrolment that is not active; without the rows that a filter leaves out.
    assert_eq!(lines("b2", &[]), 1);
    assert_eq!(lines("left", &[]), 1);
    assert_eq!(lines("b1", &["--block", "nowhere", "--quiet"]), 1);
    assert_eq!(lines("unlisted", &[]), 2);
    assert_eq!(
        lines("b1", &["--batch", "b2", "--batch", "left", "--batch", "unlisted"]),
        3
    );
    // A row that names no user makes no report.
    for unknown in [&["--batch", "nobody"][..], &["--batch", "b1", "--batch", "nobody"]] {
        let complaint = exports.complaint(1, "report", unknown);
        assert!(
            complaint.starts_with("error: batch 'nobody' is neither in "),
            "{complaint}"
        );
    }
}

#[test]
fn a_site_s_own_query_may_leave_batches_out() {
    let exports = TestExports::small();
    let reports = exports.path().join("own queries/reports");
    std::fs::create_dir_all(&reports).expect("a folder");
    let built_in = include_str!("../../queries/reports/report_batches.sql");
    let own = format!("select * from ({built_in}) as report_batch where batch_id <> 'b1'");
    std::fs::write(reports.join("report_batches.sql"), own).expect("a query");
    let queries = exports.path().join("own queries").display().to_string();
    for batches in [&["--batch", "b1"][..], &["--batch", "b1", "--batch", "b2"]] {
        let complaint = exports.complaint(1, "report", &[batches, &["--queries", &queries]].concat());
        assert!(complaint.starts_with("error: batch 'b1' is neither in "), "{complaint}");
    }
    assert_eq!(exports.report("b2", &["--queries", &queries]).lines().count(), 1);
}

/// Whatever a report is written into has the headers that the site chose. The rows stay as they are.
#[test]
fn headers_are_those_that_the_site_chose() {
    use calamine::{Reader, Xlsx};
    let exports = TestExports::small();
    let config = exports.config("report.headers = 'hi'");
    let header = "बाहरी आईडी,उपयोगकर्ता आईडी,उपयोगकर्ता का नाम,ईमेल आईडी,मोबाइल नंबर,संगठन का नाम,ज़िले का नाम,विद्यालय का नाम,\
        ब्लॉक का नाम,नामांकन की तारीख,पाठ्यक्रम प्रगति,पूर्णता की तारीख";
    let usual = exports.report("b1", &[]);
    let (_, rows) = usual.split_once('\n').expect("a header");
    let report = |more: &[&str]| exports.report("b1", &[&["--config", &config], more].concat());
    assert_eq!(report(&[]), format!("{header}\n{rows}"));
    assert!(report(&["--batch", "b2"]).starts_with(&format!("बैच,{header}\n")));

    let book = exports.path().join("report.xlsx");
    report(&["--format", "xlsx", "-o", book.to_str().expect("UTF-8")]);
    let bytes = std::fs::read(book).expect("a file");
    let mut workbook: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).expect("a workbook");
    let sheet = workbook.worksheet_range_at(0).expect("a sheet").expect("readable");
    assert_eq!(sheet_header(&sheet).join(","), header);

    let parts = exports.path().join("parts");
    report(&["--split-by", "block", "-o", &format!("{}/", parts.display())]);
    let files = files_below(&parts);
    assert_eq!(files.len(), 3, "those of Block 1 and of none, and the list");
    for (name, bytes) in files.iter().filter(|(name, _)| !name.ends_with("index.csv")) {
        assert!(bytes.starts_with(format!("\u{feff}{header}\n").as_bytes()), "{name}");
    }

    // A night with other headers takes no report over from the one before.
    let (out, day) = exports.nightly(&[]);
    let again = ["--config", &config, "--out", out.path().to_str().expect("UTF-8")];
    exports.output("nightly", &again);
    let csv = files_below(&day.join("csv"));
    let (_, bytes) = csv.iter().find(|(name, _)| name.ends_with("b1.csv")).expect("a report");
    assert_eq!(String::from_utf8_lossy(bytes), format!("\u{feff}{header}\n{rows}"));
}

/// The small exports with some of the users' columns replaced, such as `'x' as email`.
fn with_users(replacements: &str) -> TestExports {
    TestExports::small().table("users", &select(&format!("* replace ({replacements})"), USERS))
}

mod missing_values {
    use super::*;

    #[test]
    fn blanks_are_empty_fields() {
        let exports = with_users(
            "'' as external_id, ' ' as email, '\t' as mobile, '\u{a0}' as organization_name,
            '\u{2003}\n' as district_name, ' Asha ' as first_name, ' ' as last_name, ' kept ' as school_name",
        );
        let csv = exports.report("b1", &[]);
        insta::assert_snapshot!(csv.lines().nth(1).expect("u1"), @",u1,Asha,,,,, kept ,Block 1,2026-10-01,40%,");
    }

    #[test]
    fn names_are_joined_by_one_space_and_trimmed() {
        let name = |first: &str, last: &str| {
            let exports = with_users(&format!("{first} as first_name, {last} as last_name"));
            csv_columns(&exports.report("b1", &[]), &["User Name"])
                .lines()
                .next()
                .map(str::to_owned)
        };
        assert_eq!(name("' Asha '", "'\tKumar\u{a0}'").as_deref(), Some("Asha Kumar"));
        assert_eq!(name("'Asha  Rani'", "'Kumar'").as_deref(), Some("Asha  Rani Kumar"));
        assert_eq!(name("null", "'Kumar'").as_deref(), Some("Kumar"));
        assert_eq!(name("'Asha'", "''").as_deref(), Some("Asha"));
        assert_eq!(name("' '", "null").as_deref(), Some("\"\""));
    }

    #[test]
    fn enrolments_without_a_user_are_rejected() {
        let exports = TestExports::small().table(
            "enrolments",
            &enrolments(
                "(null, 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('', 'c1', 'b1', '2026-10-01T00:00:00', true),
                (' ', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('u1', 'c1', 'b1', '2026-10-01T00:00:00', true)",
            ),
        );
        assert_eq!(csv_columns(&exports.report("b1", &[]), &["User ID"]), "u1\n");
    }

    #[test]
    fn an_enrolment_without_a_time_has_no_enrollment_date() {
        let exports = TestExports::small().table("enrolments", &enrolments("('u1', 'c1', 'b1', null, true)"));
        assert_eq!(
            csv_columns(&exports.report("b1", &[]), &["User ID", "Enrollment Date"]),
            "u1,\n"
        );
    }

    #[test]
    fn users_without_an_id_are_nobody_s_details() {
        let exports = with_users("case user_id when 'u1' then ' ' else user_id end as user_id");
        insta::assert_snapshot!(csv_columns(&exports.report("b1", &[]), &["User ID", "User Name"]), @r"
        u1,
        u2,अनीता
        ");
    }

    #[test]
    fn inactive_enrolments_are_not_reported() {
        let exports = TestExports::small().table(
            "enrolments",
            &enrolments(
                "('u1', 'c1', 'b1', '2026-10-01T00:00:00', false),
                ('u2', 'c1', 'b1', '2026-10-01T00:00:00', null)",
            ),
        );
        assert_eq!(exports.report("b1", &[]).lines().count(), 1);
    }
}

mod duplicates {
    use super::*;

    #[test]
    fn of_enrolments_the_latest_wins_then_the_active_one() {
        let exports = TestExports::small().table(
            "enrolments",
            &enrolments(
                "('later wins', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('later wins', 'c1', 'b1', '2026-10-03T00:00:00', true),
                ('later wins', 'c1', 'b1', '2026-10-02T00:00:00', true),
                ('later is inactive', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('later is inactive', 'c1', 'b1', '2026-10-02T00:00:00', false),
                ('later is active', 'c1', 'b1', '2026-10-01T00:00:00', false),
                ('later is active', 'c1', 'b1', '2026-10-02T00:00:00', true),
                ('same time', 'c1', 'b1', '2026-10-01T00:00:00', null),
                ('same time', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('same time', 'c1', 'b1', '2026-10-01T00:00:00', false),
                ('no time loses', 'c1', 'b1', null, true),
                ('no time loses', 'c1', 'b1', '2026-10-01T00:00:00', true)",
            ),
        );
        insta::assert_snapshot!(csv_columns(&exports.report("b1", &[]), &["User ID", "Enrollment Date"]), @r"
        later is active,2026-10-02
        later wins,2026-10-03
        no time loses,2026-10-01
        same time,2026-10-01
        ");
    }

    #[test]
    fn of_progress_the_highest_percent_wins_then_the_earliest_completion() {
        let exports = progress_of(
            "('highest', '40', null), ('highest', '60.5', null), ('highest', '50', null),
            ('earliest', '100', '2026-10-09T00:00:00'), ('earliest', '100', '2026-10-05T00:00:00'),
            ('earliest', '100', null),
            ('percent before completion', '30', null),
            ('percent before completion', '20', '2026-10-05T00:00:00'),
            ('a number before none', null, '2026-10-05T00:00:00'), ('a number before none', '0', null),
            ('NaN is none', 'NaN', null), ('NaN is none', '7', null)",
        );
        insta::assert_snapshot!(progress_columns(&exports), @r"
        NaN is none,7%,
        a number before none,0%,
        earliest,100%,2026-10-05
        highest,60%,
        percent before completion,30%,
        ");
    }

    #[test]
    fn of_users_the_fullest_wins_then_the_greatest() {
        let exports = TestExports::small().table(
            "users",
            &select(
                "user_id, external_id, first_name, null as last_name, email, null as mobile, null as organization_name,
                null as district_name, null as school_name, null as block_name, null as tenant_id",
                "select * from (values ('u1', 'E9', 'Few', null), ('u1', 'E1', 'Full', 'a@b'),
                ('u1', 'E9', ' ', 'a@b'),
                    ('u2', 'E1', 'Greatest name', null), ('u2', 'E2', 'A', null), ('u2', 'E2', 'B', null))
                    as users(user_id, external_id, first_name, email)",
            ),
        );
        let report = exports.report("b1", &[]);
        insta::assert_snapshot!(csv_columns(&report, &["User ID", "External ID", "User Name", "Email ID"]), @r"
        u1,E1,Full,a@b
        u2,E2,B,
        ");
    }

    #[test]
    fn of_batches_the_fullest_wins() {
        let exports = TestExports::small().table(
            "batches",
            "select * from (values ('b1', 'c1', null, 't2'), ('b1', 'c1', 'Batch 1', 't1'),
            ('b1', 'c1', 'Batch 0', 't9'))
                as batches(batch_id, course_id, batch_name, tenant_id)",
        );
        let report = exports.report("b1", &["--same-tenant"]);
        insta::assert_snapshot!(csv_columns(&report, &["User ID", "School Name"]), @r"
        u1,GHS 1
        u2,
        ");
    }
}

/// The small exports with this progress, and an enrolment for each user of it.
fn progress_of(rows: &str) -> TestExports {
    let progress = course_progress(rows);
    let enrolled = select(
        "distinct user_id, course_id, batch_id, arrow_cast(0, 'Timestamp(Second, None)') as enrolled_at, true as active",
        &progress,
    );
    TestExports::small()
        .table("course_progress", &progress)
        .table("enrolments", &enrolled)
}

fn progress_columns(exports: &TestExports) -> String {
    csv_columns(
        &exports.report("b1", &[]),
        &["User ID", "Course Progress", "Completion Date"],
    )
}

mod progress {
    use super::*;

    #[test]
    fn percents_are_whole_rounded_down_and_between_0_and_100() {
        let exports = progress_of(
            "('01 below', '-5', null), ('02 zero', '0', null), ('03 little', '0.9', null),
            ('04 half', '49.5', null),
            ('05 nearly', '99.999', null), ('06 all', '100', null), ('07 above', '250', null)",
        );
        insta::assert_snapshot!(progress_columns(&exports), @r"
        01 below,0%,
        02 zero,0%,
        03 little,0%,
        04 half,49%,
        05 nearly,99%,
        06 all,100%,
        07 above,100%,
        ");
    }

    #[test]
    fn a_completion_is_100_percent_and_100_percent_is_no_completion() {
        let exports = progress_of(
            "('completed at 30', '30', '2026-10-05T00:00:00'),
            ('completed at none', null, '2026-10-05T00:00:00'),
            ('completed at NaN', 'NaN', '2026-10-05T00:00:00'), ('not completed', '100', null)",
        );
        insta::assert_snapshot!(progress_columns(&exports), @r"
        completed at 30,100%,2026-10-05
        completed at NaN,100%,2026-10-05
        completed at none,100%,2026-10-05
        not completed,100%,
        ");
    }

    #[test]
    fn no_progress_row_is_0_percent_and_a_progress_row_without_percent_is_blank() {
        let exports = progress_of("('NULL', null, null), ('NaN', 'NaN', null)");
        insta::assert_snapshot!(progress_columns(&exports), @r"
        NULL,,
        NaN,,
        ");
        let without = TestExports::small().table("course_progress", &format!("{COURSE_PROGRESS} where false"));
        insta::assert_snapshot!(progress_columns(&without), @r"
        u1,0%,
        u2,0%,
        ");
    }

    #[test]
    fn dates_are_those_of_the_configured_zone() {
        let exports = progress_of("('u1', 1, '2026-10-05T18:29:59'), ('u2', 1, '2026-10-05T18:30:00')");
        let dates = |zone: &str| {
            let report = exports.report("b1", &["--timezone", zone]);
            csv_columns(&report, &["Enrollment Date", "Completion Date"])
        };
        assert_eq!(dates("Asia/Kolkata"), "1970-01-01,2026-10-05\n1970-01-01,2026-10-06\n");
        assert_eq!(
            dates("America/New_York"),
            "1969-12-31,2026-10-05\n1969-12-31,2026-10-05\n"
        );
        assert_eq!(
            dates("Asia/Kathmandu"),
            "1970-01-01,2026-10-06\n1970-01-01,2026-10-06\n"
        );
    }
}

mod options {
    use super::*;

    #[test]
    fn unknown_users_are_kept_blank_or_omitted() {
        let exports = TestExports::small().table("users", &format!("{USERS} where user_id = 'u1'"));
        insta::assert_snapshot!(exports.report("b1", &[]).lines().last().expect("u2"), @",u2,,,,,,,,2026-10-02,100%,2026-10-05");
        let config = exports.config("report.unknown_users = 'omit'");
        assert_eq!(
            csv_columns(&exports.report("b1", &["--config", &config]), &["User ID"]),
            "u1\n"
        );
    }

    #[test]
    fn same_tenant_hides_three_columns_from_other_tenants() {
        let exports = with_users("'E' as external_id, 'School' as school_name, 'Block' as block_name");
        let columns = [
            "User ID",
            "External ID",
            "School Name",
            "Block Name",
            "Organization Name",
        ];
        let shown = |arguments: &[&str]| csv_columns(&exports.report("b1", arguments), &columns);
        insta::assert_snapshot!(shown(&[]), @r"
        u1,E,School,Block,SCERT
        u2,E,School,Block,SCERT
        ");
        insta::assert_snapshot!(shown(&["--same-tenant"]), @r"
        u1,E,School,Block,SCERT
        u2,,,,SCERT
        ");
        assert_eq!(
            shown(&["--config", &exports.config("report.same_tenant = true")]),
            shown(&["--same-tenant"])
        );
    }

    #[test]
    fn same_tenant_hides_where_either_tenant_is_unknown() {
        let exports = with_users("null as tenant_id").table("batches", &select("* except (tenant_id)", BATCHES));
        assert_eq!(
            csv_columns(&exports.report("b1", &["--same-tenant"]), &["School Name"]),
            "\"\"\n\"\"\n"
        );
    }

    #[test]
    fn formulas_are_escaped_unless_asked_not_to() {
        let exports = with_users(
            "'=HYPERLINK(\"x\")' as external_id, '@home' as email, '+919812345678' as mobile,
            '-cmd' as organization_name, '-5' as district_name, '\tx' as school_name, '+1, 2' as block_name",
        );
        let line = |arguments: &[&str]| {
            exports
                .report("b1", arguments)
                .lines()
                .nth(1)
                .map(str::to_owned)
                .expect("u1")
        };
        insta::assert_snapshot!(line(&[]), @r#""'=HYPERLINK(""x"")",u1,Asha Kumar,'@home,+919812345678,'-cmd,-5,'	x,"'+1, 2",2026-10-01,40%,"#);
        insta::assert_snapshot!(line(&["--no-formula-escape"]), @r#""=HYPERLINK(""x"")",u1,Asha Kumar,@home,+919812345678,-cmd,-5,	x,"+1, 2",2026-10-01,40%,"#);
        assert_eq!(
            line(&["--config", &exports.config("report.formula_escape = false")]),
            line(&["--no-formula-escape"])
        );
    }

    #[test]
    fn dates_are_written_as_configured() {
        let exports = TestExports::small();
        let config = exports.config("report.date_format = '%d %b, %Y'");
        let report = exports.report("b1", &["--config", &config]);
        insta::assert_snapshot!(csv_columns(&report, &["Enrollment Date", "Completion Date"]), @r#"
        "01 Oct, 2026",
        "02 Oct, 2026","05 Oct, 2026"
        "#);
    }

    #[test]
    fn lines_end_as_configured() {
        let exports = TestExports::small();
        let config = exports.config("report.crlf = true");
        let report = exports.report("b1", &["--config", &config]);
        assert_eq!(report.replace("\r\n", "\n"), exports.report("b1", &[]));
        assert_eq!(report.matches("\r\n").count(), 3);
    }
}

mod csv {
    use super::*;

    #[test]
    fn any_text_reads_back_as_it_was() {
        for text in [
            "a,b",
            "say \"hi\"",
            "two\nlines",
            "two\r\nlines",
            "अनीता कुमारी",
            "🙂👩‍🏫",
            "'",
            "\u{feff}x",
            "a\0b",
        ] {
            let exports = with_users(&format!("'{}' as school_name", text.replace('\'', "''")));
            let csv = exports.report("b1", &[]);
            let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
            let record = reader.records().next().expect("u1").expect("CSV");
            assert_eq!(&record[7], text);
        }
    }

    #[test]
    fn long_values_are_whole() {
        let exports = with_users("repeat('क', 10000) as school_name");
        let schools = csv_columns(&exports.report("b1", &[]), &["School Name"]);
        assert_eq!(schools, format!("{0}\n{0}\n", "क".repeat(10_000)));
    }

    #[test]
    fn rows_are_ordered_by_the_bytes_of_user_id() {
        let ids = [
            "u2",
            "u10",
            "U1",
            " u1",
            "अ",
            "🙂",
            "u1",
            "Z",
            "a",
            "_",
            "0123abcd-89ef-4567-8000-00000000000f",
        ];
        let rows: Vec<String> = ids
            .iter()
            .map(|id| format!("('{id}', 'c1', 'b1', null::varchar, true)"))
            .collect();
        let exports = TestExports::small().table("enrolments", &enrolments(&rows.join(", ")));
        let mut sorted = ids;
        sorted.sort_unstable();
        assert_eq!(
            csv_columns(&exports.report("b1", &[]), &["User ID"]),
            format!("{}\n", sorted.join("\n"))
        );
    }

    #[test]
    fn a_report_is_the_same_for_any_number_of_threads() {
        let exports = TestExports::sample(500, 3_000, 12, 1);
        let batch = largest_batch(&exports);
        let report = exports.report(&batch, &["--threads", "1"]);
        assert!(report.lines().count() > 100);
        assert_eq!(report, exports.report(&batch, &["--threads", "5"]));
    }
}

mod files {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::support::query_parquet;

    const MARK: &[u8] = "\u{feff}".as_bytes();

    /// The bytes of the file that the command makes of batch b1.
    fn file(exports: &TestExports, arguments: &[&str]) -> Vec<u8> {
        let path = exports.path().join("report");
        let mut all = vec!["-o", path.to_str().expect("UTF-8")];
        all.extend(arguments);
        exports.report("b1", &all);
        fs::read(path).expect("a file")
    }

    #[test]
    fn files_have_a_byte_order_mark_and_standard_output_has_none() {
        let exports = TestExports::small();
        let plain = exports.report("b1", &[]).into_bytes();
        let marked = [MARK, plain.as_slice()].concat();
        assert!(!plain.starts_with(MARK));
        assert_eq!(file(&exports, &[]), marked);
        assert_eq!(file(&exports, &["--no-bom"]), plain);
        assert_eq!(
            file(&exports, &["--config", &exports.config("report.bom = false")]),
            plain
        );
        assert_eq!(exports.report("b1", &["--bom"]).into_bytes(), marked);
        assert_eq!(exports.report("b1", &["-o", "-"]).into_bytes(), plain);
    }

    #[test]
    fn a_file_is_its_owner_s_alone_even_where_it_replaces_another() {
        let exports = TestExports::small();
        let path = exports.path().join("report");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert_ne!(file(&exports, &[]), b"old");
        assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_earlier_file_stays_when_the_command_fails() {
        let exports = TestExports::small();
        let folder = exports.path().join("reports");
        fs::create_dir(&folder).expect("a folder");
        let path = folder.join("report.csv");
        fs::write(&path, "old").expect("written");
        exports.complaint(
            1,
            "report",
            &["--batch", "unknown", "-o", path.to_str().expect("UTF-8")],
        );
        assert_eq!(fs::read(&path).expect("there"), b"old");
        assert_eq!(
            fs::read_dir(&folder).expect("a folder").count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let exports = TestExports::small();
        let file = exports.file("users");
        let complaint = |place: &str, code| exports.complaint(code, "report", &["--batch", "b1", "-o", place]);
        insta::assert_snapshot!(wrapped(&complaint(&format!("{}/x.csv", file.display()), 1)), @r"
        error: EXPORTS/users/date=2026-11-22/part-00000.parquet/x.csv cannot be written; check the folder
        and its permissions
        ");
        insta::assert_snapshot!(wrapped(&complaint(&format!("{}/none/x.csv", exports.path().display()), 1)), @r"
        error: EXPORTS/none/x.csv cannot be written; check the folder and its permissions
        ");
        insta::assert_snapshot!(wrapped(&complaint(exports.path().to_str().expect("UTF-8"), 2)), @r"
        error: EXPORTS is a folder; name a file with -o
        ");
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_command_quietly() {
        let exports = TestExports::sample(500, 3_000, 12, 1);
        let batch = largest_batch(&exports);
        for arguments in [
            vec!["report", "--batch", &batch],
            vec!["report", "--batch", &batch, "--format", "xlsx"],
            vec!["report", "--batch", &batch, "--format", "parquet"],
            vec!["sql", "-c", "select * from enrolments", "--format", "csv"],
            vec!["sql", "-c", "select * from enrolments", "--format", "json"],
            vec!["sql", "-c", "select * from enrolments", "--format", "parquet"],
            vec!["sql", "-c", "select * from enrolments"],
            vec!["ratio"],
            vec!["check", "--format", "json"],
        ] {
            let mut run = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
                .args(&arguments)
                .arg("--exports")
                .arg(exports.path())
                .current_dir(exports.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("a run");
            drop(run.stdout.take());
            let output = run.wait_with_output().expect("an end");
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        }
    }

    #[test]
    fn xlsx_keeps_text_as_text_and_dates_as_dates() {
        use calamine::{Data, Reader, Xlsx};
        let exports = with_users("'0123' as external_id, '9812345678' as mobile, '=1+1' as school_name");
        let bytes = file(&exports, &["--format", "xlsx"]);
        let mut workbook: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).expect("a workbook");
        let sheet = workbook.worksheet_range_at(0).expect("a sheet").expect("readable");
        assert_eq!(sheet.height(), 3);
        assert_eq!(
            sheet_header(&sheet).join(","),
            exports.report("b1", &[]).lines().next().expect("a header")
        );
        let row = sheet.rows().nth(2).expect("u2");
        assert_eq!(row[0], Data::String("0123".to_owned()));
        assert_eq!(row[2], Data::String("अनीता".to_owned()));
        assert_eq!(row[3], Data::Empty);
        assert_eq!(row[4], Data::String("9812345678".to_owned()));
        assert_eq!(row[7], Data::String("=1+1".to_owned()));
        assert_eq!(row[10], Data::Float(100.0));
        let day = |cell: &Data| match cell {
            Data::DateTime(date) => date.as_f64(),
            other => panic!("{other:?} is no date"),
        };
        // Days since 1899-12-30, as spreadsheets count.
        assert_eq!((day(&row[9]), day(&row[11])), (46_297.0, 46_300.0));
    }

    #[test]
    fn xlsx_has_a_frozen_header_with_a_filter_and_no_formula() {
        let exports = with_users("'=1+1' as external_id, '+91' as mobile");
        let bytes = file(&exports, &["--format", "xlsx"]);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
        let sheet = archive.by_name("xl/worksheets/sheet1.xml").expect("a sheet");
        let sheet = std::io::read_to_string(sheet).expect("XML");
        assert!(sheet.contains(r#"<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>"#));
        assert!(sheet.contains(r#"<autoFilter ref="A1:L3"/>"#));
        assert!(sheet.contains("=1+1") && !sheet.contains("<f>"));
    }

    #[test]
    fn xlsx_has_columns_as_wide_as_what_is_in_them() {
        let exports = with_users("repeat('x', 40) as external_id, repeat('y', 400) as school_name");
        let bytes = file(&exports, &["--format", "xlsx"]);
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
        let sheet = archive.by_name("xl/worksheets/sheet1.xml").expect("a sheet");
        let sheet = std::io::read_to_string(sheet).expect("XML");
        let width = |column: usize| -> f64 {
            let (_, from) = sheet
                .split_once(&format!("<col min=\"{column}\" max="))
                .expect("the column");
            let (_, from) = from.split_once("width=\"").expect("its width");
            from.split('"').next().expect("a number").parse().expect("a number")
        };
        assert!((41.0..43.0).contains(&width(1)), "{}", width(1));
        // "School Name" holds 400 characters, and has an end.
        assert!((50.0..52.0).contains(&width(8)), "{}", width(8));
        // "User ID" holds little more than its header, and the arrow beside it.
        assert!((8.0..13.0).contains(&width(2)), "{}", width(2));
    }

    #[test]
    fn xlsx_is_the_same_on_every_run() {
        let exports = TestExports::small();
        assert!(file(&exports, &["--format", "xlsx"]) == file(&exports, &["--format", "xlsx"]));
    }

    #[test]
    fn parquet_has_typed_columns_under_their_sql_names() {
        let exports = TestExports::small();
        file(&exports, &["--format", "parquet"]);
        let path = exports.path().join("report.parquet");
        fs::rename(exports.path().join("report"), &path).expect("renamed");
        insta::assert_snapshot!(query_parquet(&path, "describe files"), @r"
        +-------------------+-----------+-------------+
        | column_name       | data_type | is_nullable |
        +-------------------+-----------+-------------+
        | external_id       | Utf8View  | YES         |
        | user_id           | Utf8View  | YES         |
        | user_name         | Utf8View  | YES         |
        | email             | Utf8View  | YES         |
        | mobile            | Utf8View  | YES         |
        | organization_name | Utf8View  | YES         |
        | district_name     | Utf8View  | YES         |
        | school_name       | Utf8View  | YES         |
        | block_name        | Utf8View  | YES         |
        | enrollment_date   | Date32    | YES         |
        | course_progress   | Int64     | YES         |
        | completion_date   | Date32    | YES         |
        +-------------------+-----------+-------------+
        ");
        let typed = "select user_id, enrollment_date, course_progress, completion_date from files";
        insta::assert_snapshot!(query_parquet(&path, typed), @r"
        +---------+-----------------+-----------------+-----------------+
        | user_id | enrollment_date | course_progress | completion_date |
        +---------+-----------------+-----------------+-----------------+
        | u1      | 2026-10-01      | 40              |                 |
        | u2      | 2026-10-02      | 100             | 2026-10-05      |
        +---------+-----------------+-----------------+-----------------+
        ");
    }
}

#[test]
fn details_come_from_the_day_s_own_users() {
    let exports = TestExports::small()
        .table_on(
            "users",
            "2026-11-21",
            &select("* replace ('Older' as first_name)", USERS),
        )
        .table_on("enrolments", "2026-11-21", ENROLMENTS)
        .table_on("course_progress", "2026-11-21", COURSE_PROGRESS);
    let names = |date: &str| csv_columns(&exports.report("b1", &["--date", date]), &["User Name"]);
    assert_eq!(names("2026-11-21"), "Older Kumar\nOlder\n");
    assert_eq!(names("2026-11-22"), "Asha Kumar\nअनीता\n");
}

fn largest_batch(exports: &TestExports) -> String {
    let sql = "select batch_id from enrolments group by batch_id order by count(*) desc limit 1";
    let answer = exports.output("sql", &["-c", sql, "--format", "csv"]);
    answer.lines().nth(1).expect("a batch").to_owned()
}
