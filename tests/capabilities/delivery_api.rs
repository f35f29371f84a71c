//! The HTTP service as its clients see it: asking, waiting, fetching, and what is said when something is wrong.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use pragati::config::AddressSource;
use pragati::delivery::request::{Failure, FailureCause};
use pragati::server::openapi_document;
use reqwest::header::{ALLOW, LOCATION, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::certificate::certificate_in;
use crate::running_service::{Answer, RunningService, Setup};
use crate::support::{USERS, select};
use crate::token_issuer::TokenIssuer;

const MENTOR: &str = "dev:mentor,mentor@example.org";

fn problem(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

fn id_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_request_is_accepted_and_shown() {
    let service = Setup::new().start();
    let answer = service.ask(MENTOR, "b1", "email");
    let id = id_of(&answer);
    assert_eq!(answer.header(LOCATION.as_str()), format!("/api/v1/reports/{id}"));
    let request = answer.json();
    assert_eq!(request["status"], "queued");
    assert_eq!(request["snapshot_date"], "2026-11-22");
    let time = |name: &str| -> chrono::DateTime<chrono::Utc> {
        request[name].as_str().expect("a time").parse().expect("RFC 3339")
    };
    assert_eq!(time("deadline") - time("requested_at"), chrono::Duration::minutes(30));
    assert_eq!(service.get(MENTOR, answer.header("location")).json(), request);
    let page = service.get(MENTOR, "/api/v1/reports").json();
    assert_eq!(page, json!({"items": [request], "next": null}));
    // A worker of this process is woken.
    service.runtime.block_on(async {
        let woken = tokio::time::timeout(Duration::from_secs(30), service.parts.accepted.notified());
        woken.await.expect("a word to the worker");
        let told = tokio::time::timeout(Duration::from_secs(30), service.parts.clicked.notified());
        told.await.expect("a word to the writer of clicks");
    });
}

#[test]
fn a_second_click_is_the_same_request_and_counts() {
    let service = Setup::new().start();
    let first = id_of(&service.ask(MENTOR, "b1", "download"));
    assert_eq!(id_of(&service.ask(MENTOR, "b1", "download")), first);
    // Another delivery, another person and another batch are other requests.
    let others = [
        id_of(&service.ask(MENTOR, "b1", "email")),
        id_of(&service.ask("dev:helper", "b1", "download")),
        id_of(&service.ask(MENTOR, "b2", "download")),
    ];
    assert!(!others.contains(&first));
    service.work();
    assert_ne!(
        id_of(&service.ask(MENTOR, "b1", "download")),
        first,
        "the first is done"
    );
    let metrics = String::from_utf8(service.get("", "/metrics").body).expect("UTF-8");
    assert!(
        metrics.lines().any(|line| line == "pragati_clicks_total 6"),
        "{metrics}"
    );
}

#[test]
fn an_idempotency_key_identifies_one_click() {
    let service = Setup::new().start();
    let ask = |key: &str, batch: &str| {
        let body = json!({"batch_id": batch, "format": "csv", "deliver": "download"});
        let request = service.request(Method::POST, "/api/v1/reports").bearer_auth(MENTOR);
        service.send(request.header("Idempotency-Key", key).json(&body))
    };
    let first = id_of(&ask("click-1", "b1"));
    service.work();
    assert_eq!(id_of(&ask("click-1", "b1")), first, "also when it is done");
    assert_ne!(id_of(&ask("click-2", "b1")), first);
    assert_eq!(ask("click-1", "b2").problem(), problem(422, "key-reused"));
    let long = "k".repeat(201);
    for bad in ["", "two words", &long] {
        assert_eq!(ask(bad, "b1").problem(), problem(400, "bad-request"), "{bad:?}");
    }
    let twice = service.request(Method::POST, "/api/v1/reports").bearer_auth(MENTOR);
    let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    let body = json!({"batch_id": "b1", "format": "csv", "deliver": "download"});
    assert_eq!(service.send(twice.json(&body)).problem(), problem(400, "bad-request"));
}

#[test]
fn a_rate_limit_says_when_to_retry() {
    let mut setup = Setup::new();
    setup.config.serve.requests_per_hour = 2;
    setup.config.serve.queue_limit = 3;
    let service = setup.start();
    let refused = |answer: Answer, status: u16, word: &str| {
        assert_eq!(answer.problem(), problem(status, word));
        let seconds: u32 = answer.header(RETRY_AFTER.as_str()).parse().expect("seconds");
        assert!((1..=3600).contains(&seconds), "{seconds}");
    };
    service.ask(MENTOR, "b1", "download");
    service.ask(MENTOR, "b2", "download");
    refused(service.ask(MENTOR, "b1", "email"), 429, "too-many-requests");
    service.ask("dev:maker", "b1", "download");
    refused(service.ask("dev:helper", "b1", "download"), 503, "queue-full");
}

#[test]
fn a_report_that_cannot_be_mailed_says_what_to_do() {
    let issuer = TokenIssuer::new();
    let with = |change: &dyn Fn(&mut Setup)| {
        let mut setup = Setup::new();
        change(&mut setup);
        setup.start()
    };
    let no_server = with(&|setup| setup.can_mail = false);
    let answer = no_server.ask(MENTOR, "b1", "email");
    assert_eq!(answer.problem(), problem(422, "no-mail"));
    assert_eq!(no_server.ask(MENTOR, "b1", "download").status, StatusCode::ACCEPTED);

    let service = Setup::new().start();
    let answer = service.ask("dev:mentor", "b1", "email");
    assert_eq!(answer.problem(), problem(422, "no-address"));
    assert!(
        answer.json()["detail"]
            .as_str()
            .expect("words")
            .contains("Verify the mail address")
    );

    // Where the users export has the addresses, the token's is not used, and a masked one neither.
    let users = select(
        "user_id, external_id, first_name, last_name,
            case user_id when 'u1' then 'asha@example.org' else 'as***@example.org' end as email,
            mobile, organization_name, district_name, school_name, block_name, tenant_id",
        USERS,
    );
    let by_export = with(&|setup| {
        let mut settings = issuer.settings();
        settings.address = AddressSource::Users;
        setup.login = Some(settings);
        let exports = std::mem::replace(&mut setup.exports, crate::support::TestExports::empty());
        setup.exports = exports.table("users", &users);
    });
    let admin = |user: &str| issuer.token(user, &["pragati-admin"]);
    let id = id_of(&by_export.ask(&admin("u1"), "b1", "email"));
    for nobody in ["u2", "mentor"] {
        assert_eq!(
            by_export.ask(&admin(nobody), "b1", "email").problem(),
            problem(422, "no-address")
        );
    }
    let stored = by_export
        .runtime
        .block_on(by_export.parts.store.find(id.parse().expect("an id")));
    let stored = stored.expect("the store").expect("a request");
    assert_eq!(stored.person.email.as_deref(), Some("asha@example.org"));
}

#[test]
fn the_file_is_the_report_and_can_be_fetched_in_parts() {
    let service = Setup::new().start();
    let id = id_of(&service.ask(MENTOR, "b1", "download"));
    let (request, file) = (format!("/api/v1/reports/{id}"), format!("/api/v1/reports/{id}/file"));
    assert_eq!(service.get(MENTOR, &file).problem(), problem(409, "not-ready"));
    service.work();

    let report = service.folder.path().join("report.csv");
    let mut command = service.exports.command("report");
    command
        .args(["--batch", "b1", "--output"])
        .arg(&report)
        .assert()
        .success();
    let report = std::fs::read(report).expect("a report");
    let whole = service.get(MENTOR, &file);
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.body, report);
    assert_eq!(whole.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(whole.header("content-length"), report.len().to_string());
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("cache-control"), "private, no-store");
    let disposition = whole.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"course-progress_Batch-1_2026-11-22.csv\""),
        "{disposition}"
    );

    let shown = service.get(MENTOR, &request).json();
    assert_eq!(shown["status"], "ready");
    assert_eq!(shown["file"]["bytes"], report.len());
    assert_eq!(shown["file"]["rows"], 2);
    assert_eq!(shown["file"]["link"], file);
    let etag = format!("\"{}\"", shown["file"]["sha256"].as_str().expect("a hash"));
    assert_eq!(whole.header("etag"), etag);

    let part = |range: &str, if_range: Option<&str>| {
        let mut request = service
            .request(Method::GET, &file)
            .bearer_auth(MENTOR)
            .header("Range", range);
        if let Some(etag) = if_range {
            request = request.header("If-Range", etag);
        }
        service.send(request)
    };
    let size = report.len();
    for (range, bytes) in [
        ("bytes=3-9", 3..10),
        ("bytes=-5", size - 5..size),
        ("bytes=7-", 7..size),
    ] {
        let answer = part(range, Some(&etag));
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.body, report[bytes.clone()], "{range}");
        let content_range = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
        assert_eq!(answer.header("content-range"), content_range);
    }
    assert_eq!(part("bytes=3-9", Some("\"older\"")).body, report);
    assert_eq!(part("bytes=0-1,5-6", None).body, report);
    let behind = part(&format!("bytes={size}-"), None);
    assert_eq!(behind.problem(), problem(416, "not-in-file"));
    assert_eq!(behind.header("content-range"), format!("bytes */{size}"));

    let head = service.send(service.request(Method::HEAD, &file).bearer_auth(MENTOR));
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for name in ["content-length", "content-type", "content-disposition", "etag"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }

    for (_, file) in crate::support::files_below(&service.folder.path().join("files")) {
        assert_eq!(file, report);
    }
    std::fs::remove_dir_all(service.folder.path().join("files")).expect("files");
    assert_eq!(service.get(MENTOR, &file).problem(), problem(410, "gone"));
}

#[test]
fn a_spreadsheet_has_its_type_and_any_letters_in_its_name() {
    let service = Setup::new().start();
    let answer = service.post(
        MENTOR,
        &json!({"batch_id": "b2", "format": "xlsx", "deliver": "download"}),
    );
    let id = id_of(&answer);
    service.work();
    let file = service.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert!(file.body.starts_with(b"PK"), "{file:?}");
    assert_eq!(
        file.header("content-type"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    );
    let disposition = file.header("content-disposition");
    assert!(
        disposition.contains("filename*=UTF-8''course-progress_%E0%A4%AC"),
        "{disposition}"
    );
    assert!(disposition.contains(".xlsx\""), "{disposition}");
}

#[test]
fn a_failed_request_says_why() {
    let service = Setup::new().start();
    let id = id_of(&service.ask(MENTOR, "b1", "download"));
    service.fail(&Failure {
        cause: FailureCause::ReportFailed,
        words: "The exports could not be read until the deadline.".to_owned(),
    });
    let shown = service.get(MENTOR, &format!("/api/v1/reports/{id}")).json();
    assert_eq!(shown["status"], "failed");
    assert_eq!(
        shown["failure"],
        json!({"cause": "report_failed", "reason": "The exports could not be read until the deadline."})
    );
    assert_eq!(shown["file"], Value::Null);
    let file = service.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert_eq!(file.problem(), problem(409, "no-file"));
}

#[test]
fn lists_are_paged() {
    let service = Setup::new().start();
    let mut ids: Vec<String> = Vec::new();
    for batch in ["b1", "b2", "b1", "b2", "b1"] {
        ids.push(id_of(&service.ask(MENTOR, batch, "download")));
        service.work();
    }
    ids.reverse();
    let mut listed: Vec<String> = Vec::new();
    let mut path = "/api/v1/reports?limit=2".to_owned();
    loop {
        let page = service.get(MENTOR, &path).json();
        let items = page["items"].as_array().expect("items");
        assert!(items.len() <= 2);
        listed.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/reports?limit=2&before={next}");
    }
    assert_eq!(listed, ids);

    let batches = |token: &str, query: &str| service.get(token, &format!("/api/v1/batches{query}")).json();
    let all = batches(MENTOR, "");
    assert_eq!(all["snapshot_date"], "2026-11-22");
    assert_eq!(all["total"], 2);
    assert_eq!((&all["counted"], &all["changes_since"]), (&json!(true), &Value::Null));
    assert_eq!(
        all["items"],
        json!([
            {
                "batch_id": "b1", "batch_name": "Batch 1", "course_id": "c1", "course_name": null, "tenant_id": "t1",
                "tenant_name": null,
                "rows": null, "learners": 2, "completed": 1, "average_progress": 70.0, "change": null,
                "downloads": null, "last_download": null
            },
            {
                "batch_id": "b2", "batch_name": "बैच \"2\"", "course_id": "c1", "course_name": null, "tenant_id": "t2",
                "tenant_name": null,
                "rows": null, "learners": 0, "completed": 0, "average_progress": null, "change": null,
                "downloads": null, "last_download": null
            }
        ])
    );
    let first = batches(MENTOR, "?limit=1");
    assert_eq!(
        (first["next"].as_str(), first["items"].as_array().map(Vec::len)),
        (Some("b1"), Some(1))
    );
    let second = batches(MENTOR, "?limit=1&after=b1");
    assert_eq!(
        (&second["next"], &second["items"][0]["batch_id"]),
        (&Value::Null, &json!("b2"))
    );
    assert_eq!(batches(MENTOR, "?after=b2")["items"], json!([]));
    assert_eq!(batches("dev:nobody", "")["items"], json!([]));

    for bad in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?before=x",
        "?limit=1&limit=2",
        "?other=1",
    ] {
        let answer = service.get(MENTOR, &format!("/api/v1/reports{bad}"));
        assert_eq!(answer.problem(), problem(400, "bad-request"), "{bad}");
    }
}

#[test]
fn row_counts_come_from_the_nightly_run() {
    let mut setup = Setup::new();
    let (out, _) = setup.exports.nightly(&[]);
    setup.config.serve.reports = Some(out.path().display().to_string());
    let service = setup.start();
    let batches = service.get(MENTOR, "/api/v1/batches").json();
    assert_eq!(batches["items"][0]["rows"], 2);
    assert_eq!(batches["items"][1]["rows"], 0);
}

#[test]
fn every_error_is_a_problem_document() {
    let service = Setup::new().start();
    let post = |kind: &str, body: &str| {
        let request = service.request(Method::POST, "/api/v1/reports").bearer_auth(MENTOR);
        service.send(request.header("Content-Type", kind).body(body.to_owned()))
    };
    for (body, status, word) in [
        ("{", 400, "bad-request"),
        ("", 400, "bad-request"),
        ("[]", 422, "invalid"),
        ("{}", 422, "invalid"),
        (
            r#"{"batch_id":"b1","format":"pdf","deliver":"download"}"#,
            422,
            "invalid",
        ),
        (
            r#"{"batch_id":"b1","format":"parquet","deliver":"download"}"#,
            422,
            "invalid",
        ),
        (
            r#"{"batch_id":" ","format":"csv","deliver":"download"}"#,
            422,
            "invalid",
        ),
        (r#"{"batch_id":7,"format":"csv","deliver":"download"}"#, 422, "invalid"),
        (
            r#"{"batch_id":"b1","format":"csv","deliver":"download","to":"x@example.org"}"#,
            422,
            "invalid",
        ),
        (
            r#"{"batch_id":"b3","format":"csv","deliver":"download"}"#,
            404,
            "unknown-batch",
        ),
    ] {
        assert_eq!(
            post("application/json", body).problem(),
            problem(status, word),
            "{body}"
        );
    }
    let good = r#"{"batch_id":"b1","format":"csv","deliver":"download"}"#;
    assert_eq!(post("text/plain", good).problem(), problem(415, "not-json"));
    assert_eq!(service.get(MENTOR, "/api/v2").problem(), problem(404, "not-found"));
    assert_eq!(
        service.get(MENTOR, "/api/v1/reports/7").problem(),
        problem(404, "not-found")
    );
    let deleted = service.send(service.request(Method::DELETE, "/api/v1/reports").bearer_auth(MENTOR));
    assert_eq!(deleted.problem(), problem(405, "method-not-allowed"));
    let allowed = deleted.header(ALLOW.as_str());
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    assert_eq!(
        service.send(service.request(Method::GET, "/api/v1/batches")).problem(),
        problem(401, "not-logged-in")
    );
}

#[test]
fn health_endpoints_report_liveness_and_readiness() {
    let service = Setup::new().start();
    let answer = |path: &str| service.send(service.request(Method::GET, path));
    assert_eq!(answer("/healthz").json()["status"], "ok");
    assert_eq!(
        answer("/readyz").json(),
        json!({"status": "ready", "snapshot_date": "2026-11-22", "mail": "ok"})
    );
    service.ask(MENTOR, "b1", "download");
    let metrics = answer("/metrics");
    assert_eq!(metrics.status, StatusCode::OK);
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(metrics.body).expect("UTF-8");
    assert!(!text.contains("mentor"), "nothing about people");
    assert!(text.contains("status=\"queued\"} 1"), "{text}");
    // A store that does not answer is told.
    service.runtime.block_on(service.parts.store.close());
    assert_eq!(answer("/healthz").status, StatusCode::OK);
    assert_eq!(answer("/readyz").problem(), problem(503, "unavailable"));
    assert_eq!(
        service.ask(MENTOR, "b1", "download").problem(),
        problem(503, "unavailable")
    );
}

#[test]
fn a_graceful_stop_finishes_requests_and_accepts_no_more() {
    let mut service = Setup::new().start();
    // Half a request that is under way when the service is stopped.
    let mut stream = TcpStream::connect(service.address).expect("a connection");
    let body = r#"{"batch_id":"b1","format":"csv","deliver":"download"}"#;
    write!(
        stream,
        "POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MENTOR}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..10]
    )
    .expect("half a request");
    std::thread::sleep(Duration::from_millis(300));
    service.begin_stop();
    let refused = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        TcpStream::connect(service.address).is_err()
    });
    assert!(refused, "new connections are refused");
    stream.write_all(&body.as_bytes()[10..]).expect("the other half");
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    service.wait_for_end();
}

#[test]
fn tls_is_served_where_it_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = certificate_in(folder.path());
    let with_tls = |certificate: &Path, key: &Path| {
        let mut setup = Setup::new();
        setup.config.serve.tls_certificate = Some(certificate.to_owned());
        setup.config.serve.tls_key = Some(key.to_owned());
        setup
    };
    let service = with_tls(&certificate, &key).start();
    let root = std::fs::read(&certificate).expect("a file");
    let root = Certificate::from_pem(&root).expect("a certificate");
    let client = Client::builder().add_root_certificate(root).build().expect("a client");
    let url = format!("https://localhost:{}/healthz", service.address.port());
    let answer = service.send(client.get(&url));
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    // Never without TLS on that address.
    let plain = service
        .runtime
        .block_on(Client::new().get(url.replace("https", "http")).send());
    assert!(plain.is_err(), "{plain:?}");

    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n").expect("a file");
    let other = rcgen::KeyPair::generate().expect("a key");
    let other_key = folder.path().join("other.pem");
    std::fs::write(&other_key, other.serialize_pem()).expect("a file");
    for (certificate, key, setting) in [
        (&broken, &key, "serve.tls_certificate"),
        (&key, &key, "serve.tls_certificate"),
        (&certificate, &certificate, "serve.tls_key"),
        (&certificate, &other_key, "serve.tls_key"),
        (&folder.path().join("none.pem"), &key, "serve.tls_certificate"),
    ] {
        let (error, _) = with_tls(certificate, key).try_start().err().expect("no start");
        let message = error.to_string();
        assert!(message.starts_with(setting) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn the_description_names_every_route_and_answer() {
    let served: Value = {
        let service = Setup::new().start();
        service.send(service.request(Method::GET, "/openapi.json")).json()
    };
    let document = serde_json::to_value(openapi_document()).expect("JSON");
    assert_eq!(served, document);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut summary = String::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let answers: Vec<&String> = operation["responses"].as_object().expect("answers").keys().collect();
            let login = if operation["security"].is_array() {
                "login"
            } else {
                "open"
            };
            let parameters: Vec<&str> = operation["parameters"]
                .as_array()
                .map(|all| all.iter().filter_map(|one| one["name"].as_str()).collect())
                .unwrap_or_default();
            summary.push_str(&format!("{method} {path} [{login}] {parameters:?} {answers:?}\n"));
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                let is_problem = answer["content"]["application/problem+json"].is_object();
                assert_eq!(is_problem, status.as_str() >= "400", "{method} {path} {status}");
            }
        }
    }
    insta::assert_snapshot!(summary, @r#"
    get /api/v1/batches [login] ["limit", "after", "search", "sort", "offset"] ["200", "400", "401", "500", "503"]
    get /api/v1/batches/changed [login] ["limit", "after"] ["200", "400", "401", "404", "500", "503"]
    get /api/v1/download-ratio [login] ["level", "tenant_id", "course_id", "window", "by", "since", "until", "search", "sort", "limit", "offset", "format", "If-None-Match"] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    get /api/v1/download-ratio/batches [login] ["downloaded", "tenant_id", "course_id", "search", "sort", "limit", "offset", "format", "If-None-Match"] ["200", "304", "400", "401", "403", "404", "406", "500", "503"]
    get /api/v1/officers [login] ["tenant_id", "course_id", "batch_id", "column"] ["200", "400", "401", "403", "408", "413", "422", "500", "503"]
    put /api/v1/officers [login] ["tenant_id", "course_id", "batch_id", "column"] ["200", "400", "401", "403", "408", "413", "422", "500", "503"]
    get /api/v1/reports [login] ["limit", "before"] ["200", "400", "401", "500", "503"]
    post /api/v1/reports [login] ["Idempotency-Key"] ["202", "400", "401", "403", "404", "408", "413", "415", "422", "429", "500", "503"]
    get /api/v1/reports/{id} [login] ["id"] ["200", "401", "404", "500", "503"]
    get /api/v1/reports/{id}/file [login] ["id", "Range", "If-Range"] ["200", "206", "303", "401", "403", "404", "409", "410", "416", "500", "503"]
    head /api/v1/reports/{id}/file [login] ["id"] ["200", "401", "403", "404", "409", "410", "416", "500", "503"]
    get /api/v1/session [open] [] ["200", "500", "503"]
    get /api/v1/subscriptions [login] ["limit", "before"] ["200", "400", "401", "500", "503"]
    post /api/v1/subscriptions [login] [] ["201", "400", "401", "403", "404", "408", "413", "415", "422", "500", "503"]
    get /api/v1/subscriptions/{id} [login] ["id"] ["200", "401", "403", "404", "500", "503"]
    post /api/v1/subscriptions/{id}/end [login] ["id"] ["200", "401", "403", "404", "500", "503"]
    post /api/v1/subscriptions/{id}/pause [login] ["id"] ["200", "401", "403", "404", "409", "500", "503"]
    post /api/v1/subscriptions/{id}/resume [login] ["id"] ["200", "401", "403", "404", "409", "500", "503"]
    get /healthz [open] [] ["200"]
    get /metrics [open] [] ["200", "500", "503"]
    get /openapi.json [open] [] ["200"]
    get /readyz [open] [] ["200", "500", "503"]
    "#);
}

#[test]
fn responses_have_security_headers() {
    let service: RunningService = Setup::new().start();
    let answer = service.get(MENTOR, "/api/v1/batches");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    assert_eq!(answer.header("x-request-id").len(), 36);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(!answer.headers.contains_key("server"));
}
