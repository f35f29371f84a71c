//! Filtered reports, reports in parts and reports of several batches, asked for over HTTP and by mail.

use std::io::{Cursor, Read};

use calamine::{Reader, Xlsx};
use reqwest::StatusCode;
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::running_service::{Answer, BATCHES, RunningService, Setup};
use crate::service_process::ServiceProcess;
use crate::smtp::{Security, SmtpServer};
use crate::support::{TestExports, csv_columns, enrolments};

const MENTOR: &str = "dev:mentor,mentor@example.org";

fn exports() -> TestExports {
    TestExports::small().table("batches", BATCHES).table(
        "enrolments",
        &enrolments(
            "('u1', 'c1', 'b1', '2026-10-01T18:29:59', true),
            ('u2', 'c1', 'b1', '2026-10-01T18:30:00', true),
            ('u1', 'c1', 'b2', '2026-10-02T00:00:00', true)",
        ),
    )
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

/// Asks for a download and fetches it.
fn fetched(service: &RunningService, asked: &Value) -> (Value, Answer) {
    let id = id_of(&service.post(MENTOR, asked));
    service.work();
    let request = service.get(MENTOR, &format!("/api/v1/reports/{id}")).json();
    let file = service.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert_eq!(file.status, StatusCode::OK);
    (request, file)
}

fn names_in(archive: &[u8]) -> Vec<String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).expect("an archive");
    (0..archive.len())
        .map(|place| {
            archive
                .by_index(place)
                .expect("a file")
                .name()
                .expect("a name")
                .to_string()
        })
        .collect()
}

fn file_in(archive: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let mut text = String::new();
    archive
        .by_name(name)
        .expect("a file")
        .read_to_string(&mut text)
        .expect("UTF-8");
    text
}

#[test]
fn a_filter_chooses_rows_and_is_shown_with_the_request() {
    let service = Setup::over(exports()).start();
    let filter = json!({"block": ["", "nowhere"], "completed": "yes", "enrolled_since": "2026-10-02"});
    let asked = json!({"batch_id": "b1", "format": "csv", "deliver": "download", "filter": filter});
    let (request, file) = fetched(&service, &asked);
    assert_eq!(request["filter"], filter);
    assert_eq!(
        request["file"]["name"],
        "course-progress_Batch-1_filtered_2026-11-22.csv"
    );
    assert_eq!(request["file"]["rows"], 1);
    let csv = String::from_utf8(file.body).expect("UTF-8");
    assert_eq!(csv_columns(&csv, &["User ID"]), "u2\n");
    // Without rows, the header is there.
    let asked = json!({"batch_id": "b1", "format": "csv", "deliver": "download", "filter": {"progress": "41..99"}});
    let (request, file) = fetched(&service, &asked);
    assert_eq!(request["file"]["rows"], 0);
    assert_eq!(String::from_utf8(file.body).expect("UTF-8").lines().count(), 1);
}

#[test]
fn a_split_is_an_archive_or_a_workbook() {
    let service = Setup::over(exports()).start();
    let asked = json!({"batch_id": "b1", "format": "csv", "deliver": "download", "split_by": "block"});
    let (request, file) = fetched(&service, &asked);
    assert_eq!(request["split_by"], "block");
    assert_eq!(
        request["file"]["name"],
        "course-progress_Batch-1_by-block_2026-11-22.zip"
    );
    assert_eq!(file.header("content-type"), "application/zip");
    assert_eq!(names_in(&file.body), ["Block-1.csv", "_blank.csv", "index.csv"]);
    // The command writes the same bytes.
    let place = service.folder.path().join("parts.zip");
    let mut command = service.exports.command("report");
    command
        .args(["--batch", "b1", "--split-by", "block", "-o"])
        .arg(&place)
        .assert()
        .success();
    assert_eq!(std::fs::read(&place).expect("a file"), file.body);
    let asked = json!({"batch_id": "b1", "format": "xlsx", "deliver": "download", "split_by": "block"});
    let (request, file) = fetched(&service, &asked);
    assert_eq!(
        request["file"]["name"],
        "course-progress_Batch-1_by-block_2026-11-22.xlsx"
    );
    let workbook: Xlsx<_> = Xlsx::new(Cursor::new(file.body)).expect("a workbook");
    assert_eq!(workbook.sheet_names(), ["Index", "Block 1", "_blank"]);
}

#[test]
fn several_batches_are_those_that_the_person_has_access_to() {
    let service = Setup::over(exports()).start();
    let course = |person: &str, more: Value| {
        let mut asked = json!({"course_id": "c1", "format": "csv", "deliver": "download"});
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        service.post(person, &asked)
    };
    let (request, file) = fetched(
        &service,
        &json!({"course_id": "c1", "format": "csv", "deliver": "download"}),
    );
    assert_eq!(
        (&request["batch_ids"], &request["files"]),
        (&json!(["b1", "b2"]), &json!("each"))
    );
    assert_eq!(names_in(&file.body), ["Batch-1.csv", "बैच-2.csv", "index.csv"]);
    // The helper is a mentor of one alone.
    let answer = course("dev:helper", json!({})).json();
    assert_eq!(answer["batch_ids"], json!(["b1"]));
    service.work();
    assert_eq!(
        course("dev:nobody", json!({})).problem(),
        (404, "unknown-batch".to_owned())
    );
    let list = |person: &str, ids: Value| {
        service.post(
            person,
            &json!({"batch_ids": ids, "files": "one", "format": "csv", "deliver": "download"}),
        )
    };
    assert_eq!(
        list("dev:helper", json!(["b1", "b2"])).problem(),
        (404, "unknown-batch".to_owned())
    );
    let (request, file) = fetched(
        &service,
        &json!({"batch_ids": ["b2", "b1", "b2"], "files": "one", "format": "csv", "deliver": "download"}),
    );
    assert_eq!(request["file"]["name"], "course-progress_2-batches_2026-11-22.csv");
    let csv = String::from_utf8(file.body).expect("UTF-8");
    assert_eq!(csv_columns(&csv, &["Batch", "User ID"]), "b1,u1\nb1,u2\nb2,u1\n");
}

#[test]
fn equal_selections_are_one_request_and_different_ones_are_not() {
    let service = Setup::over(exports()).start();
    let ask = |more: Value| {
        let mut asked = json!({"batch_id": "b1", "format": "csv", "deliver": "download"});
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        id_of(&service.post(MENTOR, &asked))
    };
    let whole = ask(json!({}));
    let split = ask(json!({"split_by": "block"}));
    let filtered = ask(json!({"filter": {"block": ["A", "B"], "completed": "no"}}));
    assert!(whole != split && split != filtered && whole != filtered);
    assert_eq!(ask(json!({"filter": {}})), whole);
    assert_eq!(ask(json!({"split_by": "block", "filter": null})), split);
    assert_eq!(
        ask(json!({"filter": {"completed": "no", "block": ["B", "A", "B"]}})),
        filtered
    );
}

#[test]
fn a_selection_that_makes_no_sense_is_refused() {
    let service = Setup::over(exports()).start();
    let refused = |asked: Value| service.post(MENTOR, &asked).problem();
    let invalid = (422, "invalid".to_owned());
    for more in [
        json!({}),
        json!({"batch_id": "b1", "course_id": "c1"}),
        json!({"batch_ids": []}),
        json!({"batch_id": "b1", "files": "one"}),
        json!({"batch_id": "b1", "split_by": "name"}),
        json!({"batch_id": "b1", "filter": {"blok": ["A"]}}),
        json!({"batch_id": "b1", "filter": {"progress": "50..0"}}),
        json!({"batch_id": "b1", "filter": {"completed": "maybe"}}),
        json!({"batch_id": "b1", "filter": {"enrolled_since": "2026-1-2"}}),
        json!({"batch_id": "b1", "filter": {"enrolled_since": "2026-10-02", "enrolled_until": "2026-10-01"}}),
        json!({"batch_id": "b1", "filter": {"block": (0..501).map(|number| number.to_string()).collect::<Vec<_>>()}}),
    ] {
        let mut asked = json!({"format": "csv", "deliver": "download"});
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        assert_eq!(refused(asked), invalid, "{more}");
    }
}

#[test]
fn losing_access_to_one_of_several_batches_is_losing_the_file() {
    let service = Setup::over(exports()).start();
    let id = id_of(&service.post(
        MENTOR,
        &json!({"course_id": "c1", "format": "csv", "deliver": "download"}),
    ));
    service.work();
    let path = format!("/api/v1/reports/{id}/file");
    assert_eq!(service.get(MENTOR, &path).status, StatusCode::OK);
    let (exports, folder) = service.stopped();
    let others = BATCHES.replace("'other', make_array('mentor')", "'other', make_array('someone')");
    let mut setup = Setup::over(exports.table("batches", &others));
    setup.data = Some(folder);
    let service = setup.start();
    assert_eq!(service.get(MENTOR, &path).problem(), (403, "not-allowed".to_owned()));
}

#[test]
fn the_mail_says_what_was_chosen_and_brings_the_parts() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut served = ServiceProcess::new(exports(), &smtp);
    served.start();
    let asked = json!({
        "course_id": "c1", "format": "csv", "deliver": "email", "split_by": "district", "filter": {"organisation": ["SCERT"]},
    });
    let (status, answer) = served.post(MENTOR, &asked);
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    served.wait_for(MENTOR, answer["id"].as_str().expect("an id"), "sent");
    let mail = smtp.only_mail();
    let (name, attached) = mail.attachment().expect("an attachment");
    assert_eq!(name, "course-progress_c1_by-district_filtered_2026-11-22.zip");
    assert_eq!(names_in(&attached), ["Mysuru.csv", "_blank.csv", "index.csv"]);
    let part = file_in(&attached, "Mysuru.csv");
    assert_eq!(csv_columns(&part, &["Batch", "User ID"]), "b1,u1\nb2,u1\n");
    let message = mail.message();
    let text = message.body_text(0).expect("a text").replace("\r\n", "\n");
    for expected in [
        "Batches:    all batches of course c1\n",
        "Rows:       3\n",
        "Only rows with\n  Organization Name: SCERT\n",
        "Split by:   District Name\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    // One click, and a download of each batch.
    served.all_events_written();
    served.stop();
    let events = served.events().display().to_string();
    let query = |sql: &str| {
        let arguments = ["--events", &events, "--format", "csv", "-c", sql];
        served.exports.output("sql", &arguments)
    };
    for table in ["distinct_download_events", "distinct_deliveries"] {
        let sql = format!("select batch_id, course_id, tenant_id from {table} order by 1");
        assert_eq!(
            query(&sql),
            "batch_id,course_id,tenant_id\nb1,c1,t1\nb2,c1,t2\n",
            "{table}"
        );
    }
}
