//! What Prometheus reads of the delivery service.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use pragati::delivery::metrics::DeliveryMetrics;
use pragati::delivery::request::{Deliver, FailureCause, Status};
use pragati::delivery::store::QueueFigures;
use pragati::report::ReportFormat;

use crate::delivery_store::start;
use crate::support::skipped;

/// From a click to its deadline.
const PROMISED: Duration = Duration::from_secs(1800);

fn text() -> String {
    let metrics = DeliveryMetrics::new(PROMISED);
    metrics.count_request(ReportFormat::Csv, Deliver::Email);
    metrics.count_click();
    metrics.count_click();
    metrics.count_attempt();
    metrics.count_failure(FailureCause::MailRefused);
    let deadline = start() + PROMISED;
    metrics.observe_delivery(Deliver::Email, deadline, start() + TimeDelta::milliseconds(1_500));
    metrics.observe_delivery(Deliver::Email, deadline, start() + TimeDelta::seconds(1_801));
    metrics.observe_delivery(Deliver::Download, deadline, start() - TimeDelta::seconds(1));
    let figures = QueueFigures {
        by_status: vec![(Status::Queued, 7), (Status::Failed, 2)],
        failed_by_cause: vec![(FailureCause::Cancelled, 2)],
        first_deadline: Some(deadline),
        events_to_write: 3,
    };
    metrics.encode(&figures, start() + TimeDelta::milliseconds(90_500))
}

#[test]
fn metrics_have_the_names_and_values_that_alerts_are_written_for() {
    let text = text();
    for line in [
        "pragati_requests_accepted_total{format=\"csv\",deliver=\"email\"} 1",
        "pragati_requests_accepted_total{format=\"xlsx\",deliver=\"download\"} 0",
        "pragati_clicks_total 2",
        "pragati_delivery_attempts_total 1",
        "pragati_delivery_failures_total{cause=\"mail_refused\"} 1",
        "pragati_delivery_failures_total{cause=\"mail_unconfirmed\"} 0",
        "pragati_delivery_seconds_bucket{deliver=\"email\",le=\"1\"} 0",
        "pragati_delivery_seconds_bucket{deliver=\"email\",le=\"2\"} 1",
        "pragati_delivery_seconds_bucket{deliver=\"email\",le=\"1800\"} 1",
        "pragati_delivery_seconds_bucket{deliver=\"email\",le=\"3600\"} 2",
        "pragati_delivery_seconds_count{deliver=\"email\"} 2",
        "pragati_delivery_seconds_sum{deliver=\"download\"} 0.0",
        "pragati_requests{status=\"queued\"} 7",
        "pragati_requests_failed{cause=\"cancelled\"} 2",
        "pragati_queue_depth 7",
        "pragati_oldest_open_request_age_seconds 90.5",
        "pragati_events_to_write 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_empty_queue_is_zero_and_not_missing() {
    let text = DeliveryMetrics::new(PROMISED).encode(&QueueFigures::default(), start());
    for line in ["pragati_oldest_open_request_age_seconds 0.0", "pragati_queue_depth 0"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn promtool_finds_no_problem() {
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checked) = checked else {
        skipped("this test needs promtool; install prometheus");
        return;
    };
    let written = checked.stdin.take().expect("its input").write_all(text().as_bytes());
    written.expect("written");
    let output = checked.wait_with_output().expect("an answer");
    let words = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
    assert_eq!(words, "");
}
