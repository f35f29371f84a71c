//! Rules of consent that change: what was made under others is not shown, whoever made it. The site is one whose
//! mapping `mine` has a query that decides, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use reqwest::{Method, StatusCode};

use crate::running_endpoint::EndpointSetup;
use crate::running_service::{BATCHES, RunningService, Setup};
use crate::support::{TestExports, complaint_of, pragati};
use crate::token_issuer::TokenIssuer;

const MAKER: &str = "dev:maker";
/// Whose name is shown where the rules allow it.
const NAME: &str = "Asha Kumar";

fn exports() -> TestExports {
    TestExports::small()
        .table("batches", BATCHES)
        .table("agreements", "select 'u1' as learner, 'b1' as batch")
}

fn queries_of(exports: &TestExports) -> PathBuf {
    exports.path().join("queries")
}

fn write_in_mapping(exports: &TestExports, file: &str, text: &str) {
    let mine = queries_of(exports).join("staging/mine");
    fs::create_dir_all(&mine).expect("a folder");
    fs::write(mine.join(file), text).expect("a file");
}

/// Writes the query that decides: all who agreed are shown, or nobody.
fn decide(exports: &TestExports, shows_personal: bool) {
    let query = format!(
        "-- Whose details are shown.\n--\n-- One row: one agreement.\n\
        select batch as batch_id, learner as user_id, true as is_listed, {shows_personal} as shows_personal\n\
        from agreements"
    );
    write_in_mapping(exports, "report_consents.sql", &query);
}

/// A configuration with the mapping, and with further lines.
fn config(exports: &TestExports, further: &str) -> String {
    let queries = queries_of(exports);
    exports.config(&format!(
        "queries = '{}'\nstaging = 'mine'\n{further}",
        queries.display()
    ))
}

/// `pragati report` from a night's output.
fn report_of(out: &Path, config: Option<&str>) -> Command {
    let mut report = pragati();
    report.args(["report", "--batch", "b1", "--reports"]).arg(out);
    if let Some(config) = config {
        report.args(["--config", config]);
    }
    report
}

fn csv_of(report: &mut Command) -> String {
    let output = report.output().expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The service of the site, with the mapping where `is_mapped`.
fn service_of(exports: TestExports, is_mapped: bool) -> Setup {
    let queries = queries_of(&exports);
    let mut setup = Setup::over(exports);
    if is_mapped {
        setup.config.queries = Some(queries);
        setup.config.staging = Some("mine".to_owned());
    }
    setup
}

/// Asks for a report and makes it; the path of its request.
fn made_report(service: &RunningService) -> String {
    let asked = service.ask(MAKER, "b1", "download").json();
    service.work();
    format!("/api/v1/reports/{}", asked["id"].as_str().expect("a request"))
}

fn file_of(service: &RunningService, request: &str) -> String {
    let file = service.get(MAKER, &format!("{request}/file"));
    assert_eq!(file.status, StatusCode::OK, "{file:?}");
    String::from_utf8(file.body).expect("UTF-8")
}

/// Checks that a request's file is not given out, and that nothing offers it.
fn assert_refused(service: &RunningService, request: &str) {
    let file = format!("{request}/file");
    let refused = service.get(MAKER, &file);
    assert_eq!(refused.problem(), (410, "other-rules".to_owned()));
    let detail = refused.json()["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("Ask for the report again"), "{detail}");
    let head = service.send(service.request(Method::HEAD, &file).bearer_auth(MAKER));
    assert_eq!(head.status, StatusCode::GONE);
    for shown in [
        service.get(MAKER, request).json(),
        service.get(MAKER, "/api/v1/reports").json()["items"][0].clone(),
    ] {
        assert_eq!(shown["status"], "ready");
        assert!(shown["file"].is_null(), "{shown}");
    }
}

#[test]
fn an_output_that_was_made_without_rules_is_not_shown_under_them() {
    let exports = exports();
    decide(&exports, false);
    let on = config(&exports, "");
    let (out, _day) = exports.nightly(&[]);
    assert!(csv_of(&mut report_of(out.path(), None)).contains(NAME));
    let refused = complaint_of(&mut report_of(out.path(), Some(&on)), 2);
    assert!(
        refused.contains("were made with consent_rules = none, not "),
        "{refused}"
    );
    assert!(refused.contains("run `pragati nightly` again"), "{refused}");

    let (out, _day) = exports.nightly(&["--config", &on]);
    let report = csv_of(&mut report_of(out.path(), Some(&on)));
    assert!(report.contains("u1") && !report.contains(NAME), "{report}");
    let refused = complaint_of(&mut report_of(out.path(), None), 2);
    assert!(
        refused.contains("were made with consent_rules = ") && refused.contains(", not none"),
        "{refused}"
    );
}

#[test]
fn an_unset_setting_counts_with_its_default() {
    let exports = exports();
    decide(&exports, true);
    write_in_mapping(
        &exports,
        "mapping.toml",
        "[settings.consent]\nvalues = ['required', 'off']\n",
    );
    let off = config(&exports, "[staging_settings]\nconsent = 'off'\n");
    let (out, _day) = exports.nightly(&["--config", &off]);
    assert!(csv_of(&mut report_of(out.path(), Some(&off))).contains(NAME));
    let default = config(&exports, "");
    let refused = complaint_of(&mut report_of(out.path(), Some(&default)), 2);
    let words = "were made with staging_settings = consent = off, not consent = required";
    assert!(refused.contains(words), "{refused}");
}

#[test]
fn an_output_of_other_queries_is_not_shown() {
    let exports = exports();
    decide(&exports, true);
    let config = config(&exports, "");
    let (out, _day) = exports.nightly(&["--config", &config]);
    assert!(csv_of(&mut report_of(out.path(), Some(&config))).contains(NAME));

    decide(&exports, false);
    let refused = complaint_of(&mut report_of(out.path(), Some(&config)), 2);
    assert!(refused.contains("were made with consent_rules = "), "{refused}");
    let mut setup = service_of(exports, true);
    setup.config.serve.reports = Some(out.path().display().to_string());
    let service = setup.start();
    let request = made_report(&service);
    let report = file_of(&service, &request);
    assert!(report.contains("u1") && !report.contains(NAME), "{report}");
}

#[test]
fn a_file_from_before_consent_was_required_is_not_handed_out() {
    let exports = exports();
    decide(&exports, false);
    let service = service_of(exports, false).start();
    let request = made_report(&service);
    assert!(file_of(&service, &request).contains(NAME));
    let (exports, data) = service.stopped();

    let mut setup = service_of(exports, true);
    setup.data = Some(data);
    let service = setup.start();
    assert_refused(&service, &request);
    let again = made_report(&service);
    assert_ne!(again, request);
    let report = file_of(&service, &again);
    assert!(report.contains("u1") && !report.contains(NAME), "{report}");
}

#[test]
fn a_service_follows_rules_that_change_while_it_runs() {
    let exports = exports();
    decide(&exports, true);
    let service = service_of(exports, true).start();
    let request = made_report(&service);
    assert!(file_of(&service, &request).contains(NAME));
    decide(&service.exports, false);
    service.runtime.block_on(service.parts.source.refresh());
    assert_refused(&service, &request);
    let again = made_report(&service);
    assert!(!file_of(&service, &again).contains(NAME));
}

#[test]
fn login_tokens_show_personal_columns_as_configured() {
    for (is_mapped, token_personal, is_shown) in [
        (false, None, true),
        (false, Some(false), false),
        (true, None, false),
        (true, Some(true), true),
    ] {
        let exports = exports();
        decide(&exports, false);
        let queries = queries_of(&exports);
        let issuer = TokenIssuer::new();
        let mut setup = EndpointSetup::over(exports).user("asha", "all_tenants = true\npersonal = true");
        setup.identity = Some(issuer.settings());
        setup.config.postgres.token_personal = token_personal;
        if is_mapped {
            setup.config.queries = Some(queries);
            setup.config.staging = Some("mine".to_owned());
        }
        let endpoint = setup.start();
        let expected = if is_shown { "as***@example.org" } else { "***" };
        for roles in [["pragati-admin"], ["pragati-tenant-admin:t1"]] {
            let token = issuer.token("person-1", &roles);
            let options = endpoint.options("anybody").password(&token);
            let mut connection = endpoint.connect_with(&options).expect("a connection");
            for view in ["users", "distinct_users", "users_history"] {
                let question = format!("select email from {view} where user_id = 'u1'");
                let rows = endpoint.ask_on(&mut connection, &question).expect("rows");
                assert_eq!(rows, [[expected]], "{view} {roles:?} {is_mapped} {token_personal:?}");
            }
        }
        // What accounts see is said in their file.
        let question = "select email from users where user_id = 'u1'";
        assert_eq!(endpoint.value("asha", question), "as***@example.org");
    }
}
