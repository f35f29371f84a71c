//! The download ratio over HTTP: the same numbers as the command's, for who may see them.

use std::io::Cursor;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running_service::{Answer, RunningService, Setup};
use crate::support::{BATCHES, TestExports};

pub const ADMIN: &str = "dev:asha,asha@example.org,pragati-admin";
const TENANT_ADMIN: &str = "dev:ravi,ravi@example.org,pragati-tenant-admin:t1";
const RATIO: &str = "/api/v1/download-ratio";
const BATCH_DOWNLOADS: &str = "/api/v1/download-ratio/batches";

/// Clicks on two batches of two tenants that share a course, over some months, and on what the snapshot does not know.
pub fn clicked() -> TestExports {
    let clicks = "
        select mid, to_timestamp(event_time) as event_time, user_id, course_id, batch_id, cast(null as varchar) as tenant_id
        from (values
            ('m1', '2026-09-28T10:00:00', 'u1', 'c1', 'b1'),
            ('m2', '2026-10-31T18:29:59', 'u1', 'c1', 'b1'),
            ('m3', '2026-10-31T18:30:00', 'u1', 'c1', 'b2'),
            ('m4', '2026-11-20T10:00:00', 'u1', 'c1', 'b1'),
            ('m5', '2026-11-20T10:00:30', 'u1', 'c1', 'b1'),
            ('m6', '2026-11-22T10:00:00', 'u2', 'c1', 'b1'),
            ('m7', '2026-11-22T10:00:00', 'u2', 'c9', 'b9'),
            ('m8', '2026-11-22T10:00:00', 'u2', 'c1', null)
        ) as download_events(mid, event_time, user_id, course_id, batch_id)";
    let batches = format!(
        "select *, cast('2026-08-01' as date) as start_date from ({BATCHES}) union all
        select 'b3', '=c2', '=1+1', 't1', null"
    );
    TestExports::small()
        .table("batches", &batches)
        .table("download_events", clicks)
}

/// What `pragati ratio` prints.
pub fn json_rows(exports: &TestExports, arguments: &[&str]) -> Vec<Value> {
    let printed = exports.output("ratio", &[&["--format", "json"], arguments].concat());
    serde_json::from_str(&printed).expect("JSON")
}

fn rows(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let page = answer.json();
    let rows = page["rows"].as_array().expect("rows").clone();
    assert_eq!(page["total"], rows.len());
    assert_eq!(
        (&page["as_of"], &page["snapshot_date"]),
        (&json!("2026-11-22"), &json!("2026-11-22"))
    );
    rows
}

/// The members of each row that the command prints too.
fn like_printed(rows: Vec<Value>, printed: &[Value]) -> Vec<Value> {
    let names: Vec<&String> = printed[0].as_object().expect("a row").keys().collect();
    let pick = |row: Value| names.iter().map(|&name| (name.clone(), row[name].clone())).collect();
    rows.into_iter().map(pick).collect()
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(ToString::to_string);
    rows
}

fn get(service: &RunningService, query: &str) -> Answer {
    service.get(ADMIN, &format!("{RATIO}{query}"))
}

#[test]
fn every_window_and_level_is_what_the_command_prints() {
    let exports = clicked();
    let windows = ["all", "1d", "7d", "30d"];
    let printed: Vec<Vec<Value>> = windows
        .iter()
        .map(|window| json_rows(&exports, &["--window", window]))
        .collect();
    let (nightly, _) = exports.nightly(&[]);
    let mut setup = Setup::over(exports);
    for reports in [None, Some(nightly.path().display().to_string())] {
        setup.config.serve.reports = reports.clone();
        let service = setup.start();
        for (window, printed) in windows.iter().zip(&printed) {
            let found = rows(&get(&service, &format!("?window={window}")));
            assert_eq!(
                sorted(like_printed(found, printed)),
                sorted(printed.clone()),
                "{window} {reports:?}"
            );
            let level = rows(&get(&service, &format!("?window={window}&level=course")));
            let expected: Vec<Value> = printed.iter().filter(|row| row["level"] == "course").cloned().collect();
            assert_eq!(like_printed(level, printed), expected);
        }
        let one = rows(&get(&service, "?level=course&course_id=c1"));
        assert_eq!((one.len(), &one[0]["course_id"]), (1, &json!("c1")));
        let unknown = rows(&get(&service, "?level=course&course_id="));
        assert!(unknown.iter().all(|row| row["course_id"].is_null()), "{unknown:?}");
        setup = Setup::over(service.exports);
    }
}

#[test]
fn periods_are_what_the_command_prints() {
    let exports = clicked();
    let asked = [
        ("", &[][..]),
        (
            "&since=2026-10-30&until=2026-11-21",
            &["--since", "2026-10-30", "--until", "2026-11-21"],
        ),
    ];
    let mut expected = Vec::new();
    for by in ["day", "week", "month"] {
        for (query, arguments) in asked {
            let printed = json_rows(&exports, &[&["--by", by], arguments].concat());
            expected.push((format!("by={by}{query}"), printed));
        }
    }
    let (nightly, _) = exports.nightly(&[]);
    let mut setup = Setup::over(exports);
    for reports in [None, Some(nightly.path().display().to_string())] {
        setup.config.serve.reports = reports.clone();
        let service = setup.start();
        for (query, printed) in &expected {
            for (level, id) in [
                ("all", None),
                ("tenant", None),
                ("course", Some("c1")),
                ("tenant_course", Some("c1")),
            ] {
                let course = id.map(|id| format!("&course_id={id}")).unwrap_or_default();
                let found = like_printed(
                    rows(&get(&service, &format!("?level={level}&{query}{course}"))),
                    printed,
                );
                let of_level = printed
                    .iter()
                    .filter(|row| row["level"] == level && (id.is_none() || row["course_id"] == "c1"));
                let of_level: Vec<Value> = of_level.cloned().collect();
                assert_eq!(
                    found.len(),
                    of_level.len(),
                    "{level} {query} {reports:?}: {found:#?} {of_level:#?}"
                );
                for (mut found, mut printed) in found.into_iter().zip(of_level) {
                    // A batch that was downloaded on several days of a period is not told from several batches.
                    if found["batches_downloaded"].is_null() {
                        assert!(printed["downloads"].as_i64() > Some(1), "{printed}");
                        for name in ["batches_downloaded", "coverage"] {
                            found[name].take();
                            printed[name].take();
                        }
                    }
                    assert_eq!(found, printed, "{level} {query} {reports:?}");
                }
            }
        }
        setup = Setup::over(service.exports);
    }
}

#[test]
fn the_same_rows_come_in_every_format() {
    let service = Setup::over(clicked()).start();
    let json = rows(&get(&service, ""));
    let as_json = |rows: Vec<RecordBatch>| -> Vec<Value> {
        let mut writer = datafusion::arrow::json::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, datafusion::arrow::json::writer::JsonArray>(Vec::new());
        for rows in &rows {
            writer.write(rows).expect("written");
        }
        writer.finish().expect("finished");
        serde_json::from_slice(&writer.into_inner()).expect("JSON")
    };
    let accepting = |kind: &str| {
        let request = service.request(Method::GET, RATIO).bearer_auth(ADMIN);
        let answer = service.send(request.header("Accept", kind));
        assert!(answer.header("content-type").starts_with(kind), "{answer:?}");
        answer
    };
    let arrow = accepting("application/vnd.apache.arrow.stream");
    let reader = StreamReader::try_new(Cursor::new(arrow.body), None).expect("a stream");
    assert_eq!(as_json(reader.map(|rows| rows.expect("rows")).collect()), json);
    let parquet = accepting("application/vnd.apache.parquet");
    assert!(
        parquet
            .header("content-disposition")
            .contains("download-ratio_2026-11-22.parquet")
    );
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet.body)).expect("Parquet");
    let reader = reader.build().expect("a reader");
    assert_eq!(as_json(reader.map(|rows| rows.expect("rows")).collect()), json);
    let csv = accepting("text/csv");
    assert!(csv.body.starts_with("\u{feff}level,course_id,".as_bytes()));
    let mut reader = csv::Reader::from_reader(&csv.body["\u{feff}".len()..]);
    let names = reader.headers().expect("a header").clone();
    let lines: Vec<csv::StringRecord> = reader.records().map(|line| line.expect("a line")).collect();
    assert_eq!(lines.len(), json.len());
    for (line, row) in lines.iter().zip(&json) {
        for (cell, name) in line.iter().zip(&names) {
            let expected = match &row[name] {
                Value::Null => String::new(),
                // A spreadsheet would run it.
                Value::String(text) if text.starts_with('=') => format!("'{text}"),
                Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            assert_eq!(cell, expected, "{name}");
        }
    }
    // `format` wins.
    let request = service
        .request(Method::GET, &format!("{RATIO}?format=json"))
        .bearer_auth(ADMIN);
    assert_eq!(rows(&service.send(request.header("Accept", "text/csv"))), json);
    let request = service.request(Method::GET, RATIO).bearer_auth(ADMIN);
    let refused = service.send(request.header("Accept", "image/png"));
    assert_eq!(refused.problem(), (406, "not-acceptable".to_owned()));
}

#[test]
fn an_unchanged_response_is_not_sent_again() {
    let service = Setup::over(clicked()).start();
    for path in [RATIO, BATCH_DOWNLOADS] {
        let first = service.get(ADMIN, path);
        assert_eq!(first.header("cache-control"), "private, no-cache");
        let vary: Vec<&str> = first
            .headers
            .get_all("vary")
            .iter()
            .map(|value| value.to_str().expect("text"))
            .collect();
        assert_eq!(vary, ["accept", "authorization"]);
        let tag = first.header("etag").to_owned();
        let again = |token: &str, query: &str| {
            let request = service
                .request(Method::GET, &format!("{path}{query}"))
                .bearer_auth(token);
            service.send(request.header("If-None-Match", format!("\"x\", W/{tag}")))
        };
        let same = again(ADMIN, "");
        assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(
            (same.header("etag"), same.header("cache-control")),
            (tag.as_str(), "private, no-cache")
        );
        assert_eq!(
            again(TENANT_ADMIN, "").status,
            StatusCode::OK,
            "{path}: another person's rows"
        );
        assert_eq!(again(ADMIN, "?format=csv").status, StatusCode::OK);
        assert_eq!(again(ADMIN, "?limit=1").status, StatusCode::OK);
        // Other figures have another name.
        service.runtime.block_on(service.parts.figures.load());
        assert_eq!(again(ADMIN, "").status, StatusCode::NOT_MODIFIED, "nothing has changed");
    }
    let tag = service.get(ADMIN, RATIO).header("etag").to_owned();
    let exports = TestExports::small();
    std::fs::rename(exports.file("batches"), service.exports.file("batches")).expect("other batches");
    service.runtime.block_on(async {
        service.parts.source.refresh().await;
        assert!(service.parts.figures.load().await);
    });
    assert_ne!(service.get(ADMIN, RATIO).header("etag"), tag);
}

#[test]
fn tenants_see_their_own_figures_and_nobody_else_s() {
    let service = Setup::over(clicked()).start();
    let refused = (403, "not-for-you".to_owned());
    for path in [RATIO, BATCH_DOWNLOADS] {
        assert_eq!(service.get("dev:mentor", path).problem(), refused);
        assert_eq!(service.get("", path).problem(), (401, "not-logged-in".to_owned()));
        assert_eq!(
            service.get(TENANT_ADMIN, &format!("{path}?tenant_id=t2")).problem(),
            refused
        );
        assert_eq!(
            service.get(TENANT_ADMIN, &format!("{path}?tenant_id=")).problem(),
            refused
        );
        let own = rows(&service.get(TENANT_ADMIN, path));
        assert!(
            !own.is_empty() && own.iter().all(|row| row["tenant_id"] == "t1"),
            "{own:?}"
        );
        let two = service.get("dev:x,,pragati-tenant-admin:t1,pragati-tenant-admin:t2", path);
        assert!(rows(&two).iter().any(|row| row["tenant_id"] == "t2"));
        let none = service.get("dev:x,,pragati-tenant-admin:nowhere", path);
        assert_eq!(rows(&none), [] as [Value; 0]);
    }
    for level in ["all", "course"] {
        assert_eq!(
            service.get(TENANT_ADMIN, &format!("{RATIO}?level={level}")).problem(),
            refused
        );
    }
    let own = rows(&service.get(TENANT_ADMIN, &format!("{RATIO}?by=month")));
    assert!(
        own.iter()
            .all(|row| row["level"] == "tenant" && row["tenant_id"] == "t1"),
        "{own:?}"
    );
    let course = rows(&service.get(
        TENANT_ADMIN,
        &format!("{RATIO}?by=day&level=tenant_course&course_id=c1"),
    ));
    assert!(course.iter().all(|row| row["tenant_id"] == "t1"), "{course:?}");
}

#[test]
fn batches_show_how_often_they_were_downloaded() {
    let service = Setup::over(clicked()).start();
    let batches = |query: &str| {
        let page = service.get(ADMIN, &format!("{BATCH_DOWNLOADS}{query}")).json();
        let rows = page["rows"].as_array().expect("rows");
        let name = |row: &Value| format!("{} {}", row["batch_id"].as_str().expect("an id"), row["downloads"]);
        rows.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(batches(""), ["b1 5", "b2 1", "b3 0"]);
    assert_eq!(batches("?downloaded=never"), ["b3 0"]);
    assert_eq!(batches("?downloaded=ever&sort=downloads"), ["b2 1", "b1 5"]);
    assert_eq!(batches("?search=BATCH"), ["b1 5", "b2 1"]);
    assert_eq!(batches("?limit=1&offset=1"), ["b2 1"]);
    assert_eq!(batches("?course_id=c1&tenant_id=t2"), ["b2 1"]);
    let all = service.get(ADMIN, BATCH_DOWNLOADS).json();
    assert_eq!(
        all["rows"][0],
        json!({
            "batch_id": "b1", "batch_name": "Batch 1", "course_id": "c1", "tenant_id": "t1", "start_date": "2026-08-01",
            "end_date": null, "downloads": 5, "last_download": "2026-11-22", "as_of": "2026-11-22"
        })
    );
    let csv = service.get(ADMIN, &format!("{BATCH_DOWNLOADS}?format=csv&downloaded=never"));
    let text = String::from_utf8(csv.body).expect("UTF-8");
    insta::assert_snapshot!(text.trim_start_matches('\u{feff}'), @r"
    batch_id,batch_name,course_id,tenant_id,start_date,end_date,downloads,last_download,as_of
    b3,'=1+1,'=c2,t1,,,0,,2026-11-22
    ");
}

#[test]
fn invalid_requests_say_what_is_wrong() {
    let service = Setup::over(clicked()).start();
    for query in [
        "level=batch",
        "window=2d",
        "by=year",
        "by=day&window=7d",
        "since=2026-11-01",
        "by=day&since=2026-11-02&until=2026-11-01",
        "by=day&since=yesterday",
        "by=day&level=course",
        "by=day&level=tenant_course&tenant_id=t1",
        "sort=name",
        "sort=-",
        "limit=0",
        "limit=-1",
        "offset=x",
        "format=xlsx",
        "other=1",
        "level=all&level=course",
    ] {
        let answer = get(&service, &format!("?{query}"));
        assert_eq!(answer.problem(), (400, "bad-request".to_owned()), "{query}");
    }
    for query in ["downloaded=once", "sort=name", "limit=0", "by=day"] {
        let answer = service.get(ADMIN, &format!("{BATCH_DOWNLOADS}?{query}"));
        assert_eq!(answer.problem(), (400, "bad-request".to_owned()), "{query}");
    }
}

#[test]
fn a_session_shows_who_is_logged_in() {
    let service = Setup::new().start();
    let session = |token: Option<&str>| {
        let request = service.request(Method::GET, "/api/v1/session");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        service.send(request).json()
    };
    let nobody = |login: &str| json!({"login": login, "by": null, "sign_in": false, "user_id": null, "platform_admin": false, "tenant_admin_of": []});
    assert_eq!(session(None), nobody("missing"));
    assert_eq!(session(Some("forged")), nobody("refused"));
    assert_eq!(
        session(Some(TENANT_ADMIN)),
        json!({"login": "valid", "by": "token", "sign_in": false, "user_id": "ravi", "platform_admin": false, "tenant_admin_of": ["t1"]})
    );
    assert_eq!(session(Some(ADMIN))["platform_admin"], true);
}
