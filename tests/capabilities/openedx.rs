//! The Open edX mapping: the LMS's tables, as they are, give the reports that the platform's rules call for.
//!
//! The cases in `tests/data/openedx` were made by hand; docs/openedx.md says the rules.

use crate::mapping_cases::{Cases, Types};
use crate::support::wrapped;

#[test]
fn every_case_has_its_report() {
    let cases = Cases::of("openedx");
    let snapshot = cases.snapshot(Types::Own);
    let expected = cases.expected();
    assert_eq!(snapshot.reports(expected.keys()), expected);
}

#[test]
fn a_night_s_run_writes_these_reports_and_no_others_however_the_tables_were_exported() {
    let cases = Cases::of("openedx");
    for types in [Types::Own, Types::Other, Types::Text] {
        assert_eq!(cases.snapshot(types).nightly(), cases.expected(), "{types:?}");
    }
}

#[test]
fn course_runs_are_batches_with_their_organisation_researchers_and_local_days() {
    let snapshot = Cases::of("openedx").snapshot(Types::Own);
    let batches = "select batch_id, course_id, tenant_id, array_to_string(mentors, ' ') as mentors, start_date, end_date, batch_name
        from batches where course_id in ('Demo+C01', 'Demo+C11', 'Demo+C12') order by course_id";
    insta::assert_snapshot!(snapshot.sql(batches), @r"
    batch_id,course_id,tenant_id,mentors,start_date,end_date,batch_name
    course-v1:Demo+C01+2026,Demo+C01,Demo,190 191,2026-09-01,2026-12-31,Reading with children
    Demo/C11/2014,Demo+C11,Demo,191,,,Sums
    ccx-v1:Demo+C12+2026+ccx@7,Demo+C12,Demo,191,,,A coach's own copy
    ");
    let courses = "select count(*) as of_another_course from course_progress_report
        where course_id <> regexp_replace(batch_id, '.*(C..).*', 'Demo+\\1')";
    assert_eq!(snapshot.sql(courses), "of_another_course\n0\n");
}

#[test]
fn the_check_finds_what_the_cases_broke_on_purpose() {
    let snapshot = Cases::of("openedx").snapshot(Types::Own);
    insta::assert_snapshot!(snapshot.broken_rules(), @r"
    should batches_without_enrolments: batch ccx-v1:Demo+C12+2026+ccx@7
    should enrolments_duplicated: user 201 in batch course-v1:Demo+C10+2026; user 202 in batch course-v1:Demo+C10+2026
    should enrolments_of_unknown_batches: batch course-v1:Demo+C13+2020
    should enrolments_of_unknown_users: user 182 in batch course-v1:Demo+C09+2026
    should enrolments_without_time: user 182 in batch course-v1:Demo+C09+2026
    should progress_duplicated: user 201 in batch course-v1:Demo+C10+2026
    ");
}

#[test]
fn what_only_some_sites_have_may_be_missing() {
    let missing = [
        "social_auth_usersocialauth",
        "student_courseaccessrole",
        "auth_userprofile.phone_number",
    ];
    let snapshot = Cases::of("openedx").snapshot_without(&missing);
    let report = snapshot.report("course-v1:Demo+C01+2026");
    insta::assert_snapshot!(report.lines().nth(1).expect("a row"), @",101,Asha Kumar,asha@example.org,,,,,,2026-10-02,42%,");
    assert_eq!(
        snapshot.sql("select count(mentors) as with_mentors from batches"),
        "with_mentors\n0\n"
    );
}

#[test]
fn a_missing_table_that_is_needed_is_named() {
    let snapshot = Cases::of("openedx").snapshot_without(&["auth_userprofile"]);
    insta::assert_snapshot!(wrapped(&snapshot.complaint("check")), @r"
    error: EXPORTS has no usable snapshot: 2026-11-22 is incomplete, table raw.auth_userprofile has no
    Parquet file on that date; wait for the export or give --date
    ");
}
