//! A click becomes a mail, and none is lost: `pragati serve` as a process, with a real mail server, through thick and thin.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::Value;

use crate::postgres::Postgres;
use crate::running_service::BATCHES;
use crate::served::{Served, mids_below};
use crate::smtp::{Security, SmtpServer};
use crate::support::{TestExports, files_below, usually};

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
    let mut served = Served::new(exports(), &smtp);
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
fn a_report_from_the_mart_of_a_nightly_run_has_the_same_bytes() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let exports = exports();
    let (reports, day) = exports.nightly(&[]);
    let mut served = Served::new(exports, &smtp).with("PRAGATI_SERVE__REPORTS", reports.path().display());
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
fn who_may_no_longer_have_a_report_gets_a_notice_instead() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = Served::new(exports(), &smtp).with("PRAGATI_SERVE__REFRESH_SECONDS", 1);
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
fn an_operator_s_mistake_is_told_once_and_costs_nobody_a_report() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = Served::new(exports(), &smtp);
    smtp.set_behaviour("recipient answer 554 5.7.1 Client host rejected: Access denied\n");
    served.start();
    let ready = |served: &Served| -> Value {
        let (status, body) = served.get("dev:nobody", "/readyz");
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice(&body).expect("JSON")
    };
    let metrics = |served: &Served| String::from_utf8(served.get("dev:nobody", "/metrics").1).expect("UTF-8");
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
fn a_refusal_for_size_is_no_handover_that_nobody_knows_the_end_of() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = Served::new(exports(), &smtp);
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
fn nothing_is_lost_and_nothing_comes_twice_however_often_the_service_dies() {
    let clicks = usually(60, 300);
    let Some(mut smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut draws = StdRng::seed_from_u64(7);
    let mut served = Served::new(exports(), &smtp);
    let behaviours = [
        "",
        "content delay 0.3\n",
        "30% recipient answer 451 4.3.0 later\n",
        "20% content answer 554 5.6.0 no\n10% recipient answer 550 5.1.1 nobody\n",
        "20% content drop\n20% stored drop\n",
        "20% connect drop\n20% data drop\n",
    ];
    let mut ids = BTreeSet::new();
    let mut clicked = 0;
    let mut round = 0;
    served.start();
    while clicked < clicks {
        smtp.set_behaviour(behaviours[round % behaviours.len()]);
        if round % 5 == 3 {
            smtp.stop();
        }
        let until = clicked + clicks / 10;
        while clicked < until.min(clicks) {
            let person = format!("dev:user-{clicked},user{clicked}@example.org,pragati-admin");
            // Sent again until it is answered, with the same key, as a client does.
            match served.click(&person, ["b1", "b2"][clicked % 2], "email", &format!("key-{clicked}")) {
                Some((StatusCode::ACCEPTED, answer)) => {
                    ids.insert(id_of(&answer));
                    clicked += 1;
                }
                Some((status, answer)) => panic!("{status}: {answer}"),
                None => {}
            }
            if draws.random_bool(0.03) {
                served.kill();
                served.start();
            }
        }
        std::thread::sleep(Duration::from_millis(draws.random_range(100..1_500)));
        served.kill();
        if round % 5 == 3 {
            smtp.start_again();
        }
        served.start();
        round += 1;
    }
    smtp.set_behaviour("");
    let ended = served.all_ended();
    served.all_events_written();
    served.stop();

    assert_eq!(ids.len(), clicks);
    let found: BTreeSet<String> = ended.iter().map(id_of).collect();
    assert_eq!(found, ids, "every accepted request is there, and no other");
    let mails = mails_of(&smtp);
    for ((kind, request), count) in &mails {
        assert_eq!(*count, 1, "the {kind} of {request} came {count} times");
        assert!(ids.contains(request));
    }
    let has = |kind: &str, id: &str| mails.contains_key(&(kind.to_owned(), id.to_owned()));
    let mut by_end: BTreeMap<String, usize> = BTreeMap::new();
    for request in &ended {
        let id = id_of(request);
        let end = match request["status"].as_str().expect("a status") {
            "sent" => {
                assert!(has("report", &id), "{request}");
                assert!(!has("notice", &id), "{request}");
                "sent".to_owned()
            }
            "failed" => {
                let cause = request["failure_cause"].as_str().expect("a cause").to_owned();
                assert!(
                    ["mail_refused", "mail_unconfirmed"].contains(&cause.as_str()),
                    "{request}"
                );
                assert!(cause == "mail_unconfirmed" || !has("report", &id), "{request}");
                // A notice can be refused too, or be cut off; it is then given up and never sent twice.
                match request["notice"].as_str().expect("a notice") {
                    "sent" => assert!(has("notice", &id), "{request}"),
                    "given_up" => {}
                    other => panic!("{other}: {request}"),
                }
                cause
            }
            other => panic!("{other}: {request}"),
        };
        *by_end.entry(end).or_default() += 1;
    }
    eprintln!("{clicks} clicks, {} runs of the service: {by_end:?}", round + 1);
    assert!(by_end["sent"] > clicks / 2, "{by_end:?}");
    assert_eq!(served.event_mids("INTERACT").len(), clicks, "each click is one event");
    assert_eq!(
        served.event_mids("AUDIT").len(),
        by_end["sent"],
        "each delivery is one event"
    );
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
        Served::new(exports(), &smtp)
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
