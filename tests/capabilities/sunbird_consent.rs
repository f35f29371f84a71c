//! Consent, as Sunbird means it, on every surface: `consent = "required"` in `[staging_settings]`. The rules themselves
//! are cases of `tests/data/sunbird/cases.json`.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::running_endpoint::EndpointSetup;
use crate::running_service::Setup;
use crate::service_process::ServiceProcess;
use crate::smtp::{Security, SmtpServer};
use crate::sunbird_cases::{exports_of, lines_from_service};
use crate::support::{DATE, TestExports, complaint_of, csv_columns, pragati, wrapped};

/// Nine users of the batch's organisation, of whom three consent.
const CONSENT: &str = "consent_is_active_for_course_and_organisation";
/// Two of three users are of other organisations, and the course is too.
const OF_ANOTHER: &str = "users_of_other_organisations_in_a_course_of_another";
/// Without the setting.
const OFF: &str = "consent_is_not_asked_for_unless_the_site_says_so";
const SHOWN: [&str; 3] = ["user-1", "user-8", "user-9"];

/// The configuration that the case's exports have.
fn settings_of(exports: &TestExports) -> String {
    exports.path().join("settings.toml").display().to_string()
}

fn required() -> BTreeMap<String, String> {
    BTreeMap::from([("consent".to_owned(), "required".to_owned())])
}

/// The counts in the manifest of a night's run over a case.
fn counts_of(case: &str) -> Value {
    let (exports, _) = exports_of(case);
    let (_out, day) = exports.nightly(&["--config", &settings_of(&exports)]);
    let manifest = fs::read_to_string(day.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    manifest["counts"].clone()
}

#[test]
fn the_manifest_counts_what_consent_changes() {
    let counts = counts_of(CONSENT);
    assert_eq!(counts["consent"], json!({"hidden_details": 6, "left_out": 0}));
    assert_eq!(counts["rows_reported"], 9);
    let counts = counts_of(OF_ANOTHER);
    assert_eq!(counts["consent"], json!({"hidden_details": 0, "left_out": 2}));
    // Every enrolment is accounted for.
    assert_eq!(
        (&counts["enrolments_read"], &counts["rows_reported"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(counts["superseded_or_omitted"], 2);
    assert_eq!(counts_of(OFF)["consent"], Value::Null);
}

#[test]
fn a_snapshot_without_the_tables_that_consent_needs_is_refused() {
    let refused = |table: &str| {
        let (exports, _) = exports_of(CONSENT);
        let exports = exports.without(table);
        exports.complaint(1, "check", &["--quiet", "--config", &settings_of(&exports)])
    };
    insta::assert_snapshot!(wrapped(&refused("user_consent")), @r"
    error: configuration: staging_settings.consent = 'required' needs the raw table user_consent (3.3
    and later), which the snapshot of 2026-11-22 does not have; export it, or set consent = 'off'
    ");
    assert!(refused("content_hierarchy").contains("needs the raw table content_hierarchy"));
    // Without the setting nobody needs them.
    let (exports, expected) = exports_of(OFF);
    let exports = exports.without("user_consent").without("content_hierarchy");
    let report = exports.report("batch-1", &["--config", &settings_of(&exports)]);
    assert_eq!(report.lines().skip(1).collect::<Vec<_>>(), expected);
}

#[test]
fn a_query_by_name_shows_no_more_than_the_view() {
    let (exports, _) = exports_of(CONSENT);
    let config = settings_of(&exports);
    for query in ["enrolment_details", "course_progress_report"] {
        let rows = exports.output("query", &[query, "--config", &config, "--format", "csv"]);
        let with_address = csv_columns(&rows, &["user_id", "email"]);
        let mut shown: Vec<&str> = with_address
            .lines()
            .filter_map(|line| line.strip_suffix(",as**@example.org"))
            .collect();
        shown.sort_unstable();
        assert_eq!(shown, SHOWN, "{query}");
    }
}

#[test]
fn clients_of_the_endpoint_see_what_reports_show() {
    let (exports, _) = exports_of(CONSENT);
    let mut setup = EndpointSetup::over(exports)
        .user("all", "all_tenants = true\npersonal = true")
        .user("one", "tenants = [\"org-state-a\"]\npersonal = true")
        .user("masked", "tenants = [\"org-state-a\"]")
        .user("other", "tenants = [\"org-self\"]\npersonal = true");
    setup.config.staging = Some("sunbird".to_owned());
    setup.config.staging_settings = required();
    let endpoint = setup.start();
    let ask = |user: &str, question: &str| endpoint.ask(user, question).expect("rows");
    for view in ["course_progress_report", "enrolment_details"] {
        let question = format!("select user_id from {view} where email is not null or mobile is not null order by 1");
        for user in ["all", "one", "masked"] {
            assert_eq!(ask(user, &question).concat(), SHOWN, "{user} {view}");
            let counted = ask(user, &format!("select count(*) from {view}"));
            assert_eq!(counted, [["9"]], "{user} {view}");
        }
        assert!(ask("other", &question).is_empty(), "{view}");
    }
    let masked = "select distinct user_name, email from course_progress_report where email is not null";
    assert_eq!(ask("masked", masked), [["*** ***", "***"]]);
    let decided = "select count(*) from distinct_consents where shows_personal";
    assert_eq!(ask("one", decided), [["3"]]);
    assert_eq!(ask("other", decided), [["0"]]);
}

#[test]
fn a_service_makes_the_same_report_from_the_exports_and_from_the_mart() {
    for with_mart in [false, true] {
        let (exports, expected) = exports_of(CONSENT);
        let (out, _day) = exports.nightly(&["--config", &settings_of(&exports)]);
        let mut setup = Setup::over(exports);
        setup.config.staging = Some("sunbird".to_owned());
        setup.config.staging_settings = required();
        setup.config.serve.reports = with_mart.then(|| out.path().display().to_string());
        assert_eq!(lines_from_service(setup), expected, "{with_mart}");
    }
}

#[test]
fn reports_that_were_made_without_the_setting_are_not_shown_with_it() {
    let (exports, expected) = exports_of(CONSENT);
    let on = settings_of(&exports);
    let off = exports.path().join("off.toml");
    fs::write(&off, "staging = 'sunbird'\n").expect("a file");
    let published = |made_with: &str| {
        let (out, _day) = exports.nightly(&["--config", made_with]);
        let mut report = pragati();
        report
            .args(["report", "--batch", "batch-1", "--config", &on, "--reports"])
            .arg(out.path());
        (out, report)
    };
    let (_out, mut report) = published(&on);
    let csv = String::from_utf8(report.output().expect("a run").stdout).expect("UTF-8");
    assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), expected);

    let (out, mut report) = published(off.to_str().expect("UTF-8"));
    let refused = complaint_of(&mut report, 2);
    let words = "were made with staging_settings = consent = off, not consent = required";
    assert!(refused.contains(words), "{refused}");
    // Of an output that says nothing of it, nothing is known.
    let manifest = out.path().join(format!("date={DATE}/manifest.json"));
    let said = fs::read_to_string(&manifest).expect("a manifest");
    let unsaid = said.replace("\"consent\": \"off\",", "");
    assert_ne!(said, unsaid);
    fs::write(&manifest, unsaid).expect("written");
    let refused = complaint_of(&mut report, 2);
    assert!(
        refused.contains("consent = (not said), not consent = required"),
        "{refused}"
    );
}

#[test]
fn the_mail_says_what_consent_keeps_out() {
    for (case, sentence) in [
        (
            CONSENT,
            "6 rows show no name, mail address, phone number or external ID",
        ),
        (OF_ANOTHER, "2 learners of other organisations are not listed"),
    ] {
        let Some(smtp) = SmtpServer::start(Security::Plain) else {
            return;
        };
        let (exports, expected) = exports_of(case);
        let mut served = ServiceProcess::new(exports, &smtp)
            .with("PRAGATI_STAGING", "sunbird")
            .with("PRAGATI_STAGING_SETTINGS__CONSENT", "required");
        served.start();
        let mentor = "dev:mentor-1,mentor@example.org";
        let (_, answer) = served.click(mentor, "batch-1", "email", "k1").expect("an answer");
        served.wait_for(mentor, answer["id"].as_str().expect("an id"), "sent");
        let mail = smtp.only_mail();
        let text = mail.message().body_text(0).expect("a text").into_owned();
        assert!(text.contains(sentence), "{text}");
        let (_, attached) = mail.attachment().expect("an attachment");
        let csv = String::from_utf8(attached).expect("UTF-8");
        assert_eq!(csv.lines().skip(1).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_consent_changes_is_counted_once_for_a_file() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let (exports, _) = exports_of(CONSENT);
    let mut served = ServiceProcess::new(exports, &smtp)
        .with("PRAGATI_STAGING", "sunbird")
        .with("PRAGATI_STAGING_SETTINGS__CONSENT", "required");
    served.start();
    for (number, person) in ["mentor-1", "mentor-2"].into_iter().enumerate() {
        let person = format!("dev:{person},{person}@example.org,pragati-admin");
        let (_, answer) = served.click(&person, "batch-1", "email", "k").expect("an answer");
        served.wait_for(&person, answer["id"].as_str().expect("an id"), "sent");
        let received = smtp.received();
        assert_eq!(received.len(), number + 1);
        let text = received[number].message().body_text(0).expect("a text").into_owned();
        assert!(text.contains("6 rows show no name"), "{text}");
        // What is asked again from now on cannot be counted.
        if number == 0 {
            fs::remove_dir_all(served.exports.path()).expect("removed");
        }
    }
}

/// A site's own exports: `staging = "mine"` names a folder with the query that decides, and nothing else.
#[test]
fn a_site_can_decide_by_a_query_of_its_own() {
    let exports = TestExports::small().table("agreements", "select 'u1' as learner, 'b1' as batch");
    let queries = exports.path().join("queries");
    fs::create_dir_all(queries.join("staging/mine")).expect("a folder");
    let mine = "-- Whose details are shown.\n--\n-- One row: one agreement.\n\
        select batch as batch_id, learner as user_id, true as is_listed, true as shows_personal from agreements";
    fs::write(queries.join("staging/mine/report_consents.sql"), mine).expect("a file");
    let settings = format!("queries = '{}'\nstaging = 'mine'\n", queries.display());
    let report = exports.report("b1", &["--config", &exports.config(&settings)]);
    let columns = [
        "User ID",
        "User Name",
        "External ID",
        "Organization Name",
        "Course Progress",
    ];
    insta::assert_snapshot!(csv_columns(&report, &columns), @r"
    u1,Asha Kumar,E1,SCERT,40%
    u2,,,SCERT,100%
    ");
}
