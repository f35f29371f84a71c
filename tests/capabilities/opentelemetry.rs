//! Traces and metrics for an OpenTelemetry collector: what is sent, what is not, and that no work depends on it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use reqwest::StatusCode;
use tokio::runtime::Runtime;

use crate::collector::{Collector, Span};
use crate::running_process::Running;
use crate::running_service::BATCHES;
use crate::service_process::ServiceProcess;
use crate::smtp::{Security, SmtpServer};
use crate::support::TestExports;

/// What no message may hold: of the users in the small exports, and the secrets of these tests.
const PERSONAL: [&str; 6] = ["Asha", "Kumar", "example.org", "अनीता", "******1234", "geheim"];

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no span {name} among {spans:#?}"))
}

/// A nightly run with these variables; returns what it said on standard error.
fn nightly(exports: &TestExports, environment: &[(&str, &str)]) -> String {
    let out = tempfile::tempdir().expect("a folder");
    let mut command = exports.command("nightly");
    command.arg("--out").arg(out.path()).arg("--full");
    for (name, value) in environment {
        command.env(name, value);
    }
    let output = command.output().expect("a run");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words}");
    assert!(
        out.path().join("date=2026-11-22").join("manifest.json").is_file(),
        "{words}"
    );
    words
}

#[test]
fn a_nightly_run_is_a_trace_and_tells_its_figures() {
    let (exports, collector) = (TestExports::small(), Collector::start(200));
    let url = collector.url();
    let words = nightly(
        &exports,
        &[
            ("PRAGATI_OPENTELEMETRY__ENDPOINT", url.as_str()),
            ("PRAGATI_OPENTELEMETRY__HEADERS", "authorization=Bearer geheim"),
        ],
    );
    assert!(!words.contains(" sent"), "{words}");
    let spans = collector.spans();
    let run = named(&spans, "nightly");
    assert_eq!(run.parent, "");
    assert_eq!(run.trace.len(), 32);
    for part in ["nightly.reports", "nightly.measure", "nightly.changes"] {
        let part = named(&spans, part);
        assert_eq!((&part.trace, &part.parent), (&run.trace, &run.id), "{part:?}");
    }
    let metrics = collector.metrics();
    for metric in [
        "pragati.work.duration",
        "pragati.nightly.reports",
        "pragati.nightly.rows",
    ] {
        assert!(metrics.iter().any(|found| found == metric), "{metric}: {metrics:?}");
    }
    for path in ["/v1/traces", "/v1/metrics"] {
        let resource = collector.resource(path);
        assert_eq!(resource["service.name"], "pragati");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        // The id of the run, a UUID.
        assert_eq!(resource["service.instance.id"].len(), 36);
    }
    for message in collector.messages() {
        assert_eq!(message.headers["authorization"], "Bearer geheim");
        assert_eq!(message.headers["content-type"], "application/x-protobuf");
        let body = String::from_utf8_lossy(&message.body);
        let found: Vec<_> = PERSONAL.into_iter().filter(|word| body.contains(word)).collect();
        assert!(found.is_empty(), "{found:?} in {body}");
    }
}

#[test]
fn a_report_is_a_trace() {
    let (exports, collector) = (TestExports::small(), Collector::start(200));
    let mut command = exports.command("report");
    command
        .args(["--batch", "b1"])
        .env("PRAGATI_OPENTELEMETRY__ENDPOINT", collector.url());
    command.assert().success();
    assert_eq!(named(&collector.spans(), "report").parent, "");
}

#[test]
fn the_standard_variables_hold() {
    let exports = TestExports::small();
    let collector = Collector::start(200);
    let url = collector.url();
    nightly(
        &exports,
        &[
            // Of no use, and overridden.
            ("PRAGATI_OPENTELEMETRY__ENDPOINT", "http://127.0.0.1:1"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            ("OTEL_SERVICE_NAME", "reports of tests"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=t1"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ],
    );
    named(&collector.spans(), "nightly");
    assert!(collector.posted_to("/v1/metrics").is_empty());
    let resource = collector.resource("/v1/traces");
    assert_eq!(resource["service.name"], "reports of tests");
    assert_eq!(resource["deployment.environment"], "test");
    assert_eq!(collector.messages()[0].headers["x-tenant"], "t1");

    let silent = Collector::start(200);
    let url = silent.url();
    nightly(
        &exports,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            ("OTEL_SDK_DISABLED", "true"),
        ],
    );
    nightly(
        &exports,
        &[
            ("PRAGATI_OPENTELEMETRY__ENDPOINT", url.as_str()),
            ("PRAGATI_OPENTELEMETRY__TRACES", "false"),
            ("PRAGATI_OPENTELEMETRY__METRICS", "false"),
        ],
    );
    assert!(silent.messages().is_empty(), "{:?}", silent.messages());
}

#[test]
fn a_collector_that_fails_is_one_warning_and_stops_nothing() {
    let exports = TestExports::small();
    // A port where nobody listens any more.
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let nowhere = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let refusing = Collector::start(403);
    for url in [nowhere, refusing.url()] {
        let words = nightly(&exports, &[("PRAGATI_OPENTELEMETRY__ENDPOINT", url.as_str())]);
        let warnings: Vec<&str> = words
            .lines()
            .filter(|line| line.contains("cannot be sent to"))
            .collect();
        assert_eq!(warnings.len(), 1, "{words}");
        assert!(warnings[0].contains("WARN") && warnings[0].contains(&url), "{words}");
    }
    // It was asked, and its refusal was not taken for a success.
    assert!(!refusing.messages().is_empty());
    let words = nightly(
        &exports,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector.example.org")],
    );
    assert!(
        words.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && words.contains("no address of a collector"),
        "{words}"
    );
}

#[test]
fn a_delivery_is_a_trace_with_its_report_and_its_mail() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let collector = Collector::start(200);
    let exports = TestExports::small().table("batches", BATCHES);
    let mut served = ServiceProcess::new(exports, &smtp).with("PRAGATI_OPENTELEMETRY__ENDPOINT", collector.url());
    served.start();
    let mentor = "dev:mentor,mentor@example.org";
    let (status, answer) = served.click(mentor, "b1", "email", "k1").expect("an answer");
    assert_eq!(status, StatusCode::ACCEPTED);
    let id = answer["id"].as_str().expect("an id").to_owned();
    served.wait_for(mentor, &id, "sent");
    served.stop();

    let spans = collector.spans();
    let delivery = named(&spans, "delivery");
    assert_eq!(delivery.attributes["request"], id);
    for part in ["report", "mail"] {
        let part = named(&spans, part);
        assert_eq!((&part.trace, &part.parent), (&delivery.trace, &delivery.id), "{part:?}");
    }
    assert_eq!(named(&spans, "POST /api/v1/reports").parent, "");
    for message in collector.messages() {
        let body = String::from_utf8_lossy(&message.body);
        let personal = PERSONAL.into_iter().chain(["mentor"]);
        let found: Vec<_> = personal.filter(|word| body.contains(word)).collect();
        assert!(found.is_empty(), "{found:?} in {body}");
    }
}

#[test]
fn a_request_is_a_span_in_the_trace_of_its_client() {
    let (exports, collector) = (TestExports::small(), Collector::start(200));
    let data = tempfile::tempdir().expect("a folder");
    let mut service = Command::new(assert_cmd::cargo::cargo_bin("pragati"));
    service
        .args(["serve", "--dev-auth", "--listen", "127.0.0.1:0", "--exports"])
        .arg(exports.path())
        .arg("--data")
        .arg(data.path())
        .current_dir(data.path())
        .env("PRAGATI_OPENTELEMETRY__ENDPOINT", collector.url())
        .stderr(Stdio::piped());
    let mut running = Running(service.spawn().expect("the service"));
    let words = BufReader::new(running.0.stderr.take().expect("its words"));
    let mut lines = words.lines().map(|line| line.expect("a line"));
    let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
    let url = url.expect("an address");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let caller = "b7ad6b7169203331";
    let runtime = Runtime::new().expect("a runtime");
    let asked = reqwest::Client::new()
        .get(format!("{url}/healthz?name=Asha"))
        .header("traceparent", format!("00-{trace}-{caller}-01"));
    let answer = runtime.block_on(asked.send()).expect("an answer");
    let id = answer.headers()["x-request-id"].to_str().expect("an id").to_owned();
    drop(answer);
    let process = running.0.id().to_string();
    let stopped = Command::new("kill").args(["-TERM", &process]).status();
    assert!(stopped.expect("kill").success());
    let rest: Vec<String> = lines.collect();
    assert!(running.0.wait().expect("its end").success(), "{rest:?}");

    let spans = collector.spans();
    let request = named(&spans, "GET /healthz");
    assert_eq!((request.trace.as_str(), request.parent.as_str()), (trace, caller));
    assert_eq!(request.attributes["request"], id);
    assert_eq!(request.attributes["http.route"], "/healthz");
    assert_eq!(request.attributes["http.request.method"], "GET");
    let metrics = collector.metrics();
    assert!(
        metrics.iter().any(|metric| metric == "http.server.request.duration"),
        "{metrics:?}"
    );
    for message in collector.messages() {
        assert!(!String::from_utf8_lossy(&message.body).contains("Asha"));
    }
}
