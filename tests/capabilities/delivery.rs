//! A click becomes a mail, and none is lost: `pragati serve` as a process, with a real mail server, also where steps
//! fail.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::running_service::BATCHES;
use crate::service_process::{ServiceProcess, mids_below};
use crate::smtp::{Security, SmtpServer};
use crate::support::{TestExports, files_below};

const MENTOR: &str = "dev:mentor,mentor@example.org";

fn exports() -> TestExports {
    TestExports::small().table("batches", BATCHES)
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_click_becomes_one_mail_with_the_report_and_counts_as_a_download() {
    let Some(smtp) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let mut served = ServiceProcess::new(exports(), &smtp);
    served.start();
    let (status, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = id_of(&answer);
    served.wait_for(MENTOR, &id, "sent");

    let mail = smtp.only_mail();
    assert_eq!(mail.to, ["mentor@example.org"]);
    assert!(mail.tls);
    let (name, attached) = mail.attachment().expect("an attachment");
    assert_eq!(name, "course-progress_Batch-1_2026-11-22.csv");
    let report = served.exports.output("report", &["--batch", "b1", "--bom"]);
    assert_eq!(String::from_utf8(attached).expect("UTF-8"), report);

    let (status, file) = served.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(String::from_utf8(file).expect("UTF-8"), report);

    served.stop();
    let events = served.events().display().to_string();
    let sql = "select user_id, course_id, batch_id, tenant_id from distinct_download_events";
    let query = |sql: &str| {
        let arguments = ["--events", &events, "--format", "csv", "-c", sql];
        served.exports.output("sql", &arguments)
    };
    assert_eq!(query(sql), "user_id,course_id,batch_id,tenant_id\nmentor,c1,b1,t1\n");
    let sql = "select request_id, user_id, course_id, batch_id, tenant_id from distinct_deliveries";
    assert_eq!(
        query(sql),
        format!("request_id,user_id,course_id,batch_id,tenant_id\n{id},mentor,c1,b1,t1\n")
    );
    // A report is as private as its database.
    for (file, _) in files_below(served.data()) {
        let mode = std::fs::metadata(served.data().join(&file))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_mail_is_in_the_language_of_the_browser_or_of_the_site_and_names_the_course() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let exports = exports().table("courses", "select 'c1' as course_id, 'கணிதம்' as course_name");
    let mut served = ServiceProcess::new(exports, &smtp).with("PRAGATI_MAIL__LANGUAGE", "kn");
    served.start();
    let asked = json!({"batch_id": "b1", "format": "csv", "deliver": "email"});
    for (languages, subject) in [
        ("mr, ta-IN;q=0.9, en;q=0.5", "பாடநெறி முன்னேற்ற அறிக்கை: Batch 1 (b1)"),
        ("fr", "ಕೋರ್ಸ್ ಪ್ರಗತಿ ವರದಿ: Batch 1 (b1)"),
    ] {
        let (status, answer) = served.post_in(languages, MENTOR, &asked);
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        served.wait_for(MENTOR, &id_of(&answer), "sent");
        let mails = smtp.received();
        let mail = mails
            .iter()
            .find(|mail| mail.message().subject().unwrap_or_default().starts_with(subject));
        let text = mail.expect("a mail in the language").message();
        let text = text.body_text(0).expect("a text");
        assert!(text.contains("கணிதம் (c1)"), "{text}");
    }
}

#[test]
fn a_report_from_the_mart_of_a_nightly_run_has_the_same_bytes() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let exports = exports();
    let (reports, day) = exports.nightly(&[]);
    let mut served = ServiceProcess::new(exports, &smtp).with("PRAGATI_SERVE__REPORTS", reports.path().display());
    served.start();
    let (_, answer) = served.click(MENTOR, "b1", "download", "k1").expect("an answer");
    let id = id_of(&answer);
    let state = served.wait_for(MENTOR, &id, "ready");
    let csv = std::fs::read(day.join("csv/t1/b1.csv")).expect("the nightly's file");
    let (_, file) = served.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert_eq!(file, csv);
    assert_eq!(state["file"]["bytes"], csv.len());
    assert!(smtp.received().is_empty());
}

#[test]
fn a_requester_who_lost_access_gets_a_notice_instead_of_the_report() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = ServiceProcess::new(exports(), &smtp).with("PRAGATI_SERVE__REFRESH_SECONDS", 1);
    // The mail server puts the first try off; meanwhile, the next day's exports no longer name the mentor.
    smtp.set_behaviour("recipient answer 451 4.3.0 later\n");
    served.start();
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    let id = id_of(&answer);
    let without_mentors = BATCHES.replace("make_array('mentor', 'helper')", "make_array('helper')");
    served.exports = std::mem::replace(&mut served.exports, TestExports::empty()).table("batches", &without_mentors);
    std::thread::sleep(Duration::from_millis(2_500));
    smtp.set_behaviour("");
    let state = served.wait_for(MENTOR, &id, "failed");
    assert_eq!(state["failure"]["cause"], "not_allowed");
    served.all_ended();
    let notice = smtp.only_mail();
    assert!(notice.attachment().is_none());
    assert!(notice.head().contains(".notice@pragati.example"), "{}", notice.head());
    let (status, _) = served.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert!(status.is_client_error());
}

#[test]
fn a_configuration_error_is_logged_once_and_no_report_is_lost() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = ServiceProcess::new(exports(), &smtp);
    smtp.set_behaviour("recipient answer 554 5.7.1 Client host rejected: Access denied\n");
    served.start();
    let ready = |served: &ServiceProcess| -> Value {
        let (status, body) = served.get("dev:nobody", "/readyz");
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice(&body).expect("JSON")
    };
    let metrics = |served: &ServiceProcess| String::from_utf8(served.get("dev:nobody", "/metrics").1).expect("UTF-8");
    assert_eq!(ready(&served)["mail"], "ok");
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    let id = id_of(&answer);
    let started = Instant::now();
    while ready(&served)["mail"] != "needs_operator" {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", ready(&served));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(ready(&served)["mail_refused_since"].is_string());
    let text = metrics(&served);
    assert!(text.contains("pragati_mail_needs_operator 1\n"), "{text}");
    assert_eq!(served.state(MENTOR, &id)["failure"], Value::Null);
    smtp.set_behaviour("");
    served.wait_for(MENTOR, &id, "sent");
    assert_eq!(ready(&served)["mail"], "ok");
    let text = metrics(&served);
    assert!(text.contains("pragati_mail_needs_operator 0\n"), "{text}");
    assert!(text.contains("pragati_mails_total{outcome=\"sent\"} 1\n"), "{text}");
    assert_eq!(smtp.only_mail().to, ["mentor@example.org"]);
}

#[test]
fn a_refusal_for_size_is_not_an_unconfirmed_handover() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = ServiceProcess::new(exports(), &smtp);
    smtp.set_behaviour("content answer 552 5.3.4 too large\n");
    served.start();
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    let id = id_of(&answer);
    let state = served.wait_for(MENTOR, &id, "failed");
    // Every form was offered, down to the link.
    assert_eq!(state["failure"]["cause"], "mail_refused");
    let text = String::from_utf8(served.get("dev:nobody", "/metrics").1).expect("UTF-8");
    assert!(
        text.contains("pragati_mails_total{outcome=\"unconfirmed\"} 0\n"),
        "{text}"
    );
    assert!(smtp.received().is_empty());
}

/// How often a Message-ID's kind and request came.
fn mails_of(smtp: &SmtpServer) -> BTreeMap<(String, String), usize> {
    let mut mails = BTreeMap::new();
    for mail in smtp.received() {
        let message = mail.message();
        let id = message.message_id().expect("a Message-ID").to_owned();
        let (request, rest) = id.split_once('.').expect("a request");
        let (kind, _) = rest.split_once('@').expect("a kind");
        *mails.entry((kind.to_owned(), request.to_owned())).or_insert(0) += 1;
    }
    mails
}

#[test]
fn services_that_share_a_database_share_the_work_and_take_over_from_each_other() {
    const CLICKS: usize = 60;
    let (Some(postgres), Some(smtp)) = (Postgres::start(), SmtpServer::start(Security::Plain)) else {
        return;
    };
    let shared = tempfile::tempdir().expect("a folder");
    let place = |name: &str| shared.path().join(name).display().to_string();
    let service = || {
        ServiceProcess::new(exports(), &smtp)
            .with("PRAGATI_DATABASE__URL", postgres.url())
            .with("PRAGATI_SERVE__FILES", place("files"))
            .with("PRAGATI_EVENTS", place("events"))
    };
    let (mut first, mut second) = (service(), service());
    first.start();
    second.start();
    smtp.set_behaviour("content delay 0.2\n");
    for number in 0..CLICKS {
        let person = format!("dev:user-{number},user{number}@example.org,pragati-admin");
        let served = if number % 2 == 0 { &first } else { &second };
        let (status, _) = served.click(&person, "b1", "email", "k").expect("an answer");
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    // What it holds at this moment is the other's a minute later.
    first.kill();
    let ended = second.all_ended();
    assert_eq!(ended.len(), CLICKS);
    let mails = mails_of(&smtp);
    assert!(mails.values().all(|count| *count == 1), "{mails:?}");
    for request in &ended {
        let is_unconfirmed = request["failure_cause"] == "mail_unconfirmed";
        assert!(request["status"] == "sent" || is_unconfirmed, "{request}");
    }
    second.all_events_written();
    second.stop();
    let written = |eid| mids_below(&shared.path().join("events"), eid).len();
    let sent = ended.iter().filter(|request| request["status"] == "sent").count();
    assert_eq!((written("INTERACT"), written("AUDIT")), (CLICKS, sent));
}
