//! The Moodle mapping: Moodle's tables, as they are, give the reports that the platform's rules call for.
//!
//! The cases in `tests/data/moodle` were made by hand; docs/moodle.md says the rules.

use serde_json::json;

use crate::mapping_cases::{Cases, Types};

#[test]
fn every_case_has_its_report() {
    let cases = Cases::of("moodle");
    let snapshot = cases.snapshot(Types::Own);
    let expected = cases.expected();
    assert_eq!(snapshot.reports(expected.keys()), expected);
}

#[test]
fn a_night_s_run_writes_these_reports_and_no_others_however_the_tables_were_exported() {
    let cases = Cases::of("moodle");
    for types in [Types::Own, Types::Other, Types::Text] {
        assert_eq!(cases.snapshot(types).nightly(), cases.expected(), "{types:?}");
    }
}

#[test]
fn a_site_chooses_what_its_batches_are() {
    let cases = Cases::of("moodle");
    for batches in ["cohorts", "courses"] {
        let settings = json!({ "batches": batches });
        let snapshot = cases.snapshot_with(&settings);
        let expected = cases.expected_with(&settings);
        assert_eq!(snapshot.reports(expected.keys()), expected, "{batches}");
    }
}

#[test]
fn tables_and_columns_of_cohorts_and_later_releases_may_be_missing() {
    let cases = Cases::of("moodle");
    let missing = [
        "mdl_cohort",
        "mdl_enrol.enrol",
        "mdl_enrol.customint1",
        "mdl_course.enddate",
    ];
    let snapshot = cases.snapshot_without(&missing);
    let expected = cases.expected();
    for batch in ["course-11", "course-17", "group-81"] {
        assert_eq!(snapshot.report(batch), expected[batch], "{batch}");
    }
    let older = cases.snapshot_without(&["mdl_course_modules.deletioninprogress"]);
    let one_more_is_done = expected["course-11"].replace("50%", "60%");
    assert_eq!(older.report("course-11"), one_more_is_done);
}

#[test]
fn groups_and_courses_are_batches_with_their_teachers_and_local_days() {
    let snapshot = Cases::of("moodle").snapshot(Types::Own);
    let batches = "select batch_id, course_id, tenant_id, array_to_string(mentors, ' ') as mentors, start_date, end_date, batch_name
        from batches where course_id in ('11', '18', '19', '20') order by course_id, batch_id";
    insta::assert_snapshot!(snapshot.sql(batches), @r"
    batch_id,course_id,tenant_id,mentors,start_date,end_date,batch_name
    course-11,11,,190 191,2026-09-01,2026-12-31,Reading with children
    course-18,18,,192,,,बच्चों के गीत
    group-81,18,,192 193,,,बच्चों के गीत: Mysuru
    group-82,18,,192,,,बच्चों के गीत: Hubli
    group-91,19,,,,,Water: All
    course-20,20,,182,,,Animals
    ");
}

#[test]
fn the_snapshot_s_day_tells_which_enrolments_are_over() {
    let snapshot = Cases::of("moodle").snapshot(Types::Own);
    let enrolments =
        "select user_id, enrolled_at, active from enrolments where batch_id = 'course-16' order by user_id";
    insta::assert_snapshot!(snapshot.sql(enrolments), @r"
    user_id,enrolled_at,active
    151,2026-09-01T06:00:00Z,false
    152,2026-09-01T06:00:00Z,false
    153,2026-09-01T06:00:00Z,false
    154,2026-11-22T18:30:00Z,false
    155,2026-09-01T06:00:00Z,true
    156,2026-11-22T18:29:59Z,true
    157,2026-08-30T06:00:00Z,true
    ");
}

#[test]
fn deleted_accounts_are_no_users_and_suspended_ones_are() {
    let snapshot = Cases::of("moodle").snapshot(Types::Own);
    let users = "select user_id, first_name from users where user_id in ('201', '202') order by user_id";
    assert_eq!(snapshot.sql(users), "user_id,first_name\n202,অনিতা\n");
}

#[test]
fn the_check_finds_what_the_cases_broke_on_purpose() {
    let snapshot = Cases::of("moodle").snapshot(Types::Own);
    insta::assert_snapshot!(snapshot.broken_rules(), @r"
    should batches_without_enrolments: batch course-22
    should batches_without_tenant_id: batch course-11; batch course-12; batch course-13
    should enrolments_of_unknown_users: user 204 in batch course-21
    should progress_without_percent: user 131 in batch course-14; user 141 in batch course-15
    ");
}
