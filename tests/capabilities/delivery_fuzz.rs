//! Schemathesis makes up requests from the API's own description, good and bad ones, and checks every answer against it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::python::python_for;
use crate::running_service::Setup;
use crate::support::usually;

/// Requests of each kind that are made up for each operation: in every run, and in the full form.
const EXAMPLES: [&str; 2] = ["20", "100"];

#[test]
fn random_requests_get_documented_responses() {
    let Some(python) = python_for("fuzz", "schemathesis") else {
        return;
    };
    let mut setup = Setup::new();
    setup.config.serve.requests_per_hour = 1_000_000;
    setup.config.serve.queue_limit = 1_000_000;
    let service = setup.start();
    service.keep_working();
    let start = Instant::now();
    let run = Command::new(python)
        .args([
            "-m",
            "schemathesis.cli",
            "run",
            &format!("{}/openapi.json", service.url),
        ])
        .args(["--header", "Authorization: Bearer dev:mentor,mentor@example.org"])
        // A well-formed request may be refused for what it means, as with an idempotency key that was used before.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--max-examples", usually(EXAMPLES[0], EXAMPLES[1])])
        // One worker: in Python 3.11, making syntax trees in several threads fails now and then (gh-106905).
        .args([
            "--seed",
            "20261122",
            "--workers",
            "1",
            "--continue-on-failure",
            "--no-color",
        ])
        .current_dir(service.folder.path())
        .output()
        .expect("a run");
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stderr));
    println!("{told}");
    assert!(start.elapsed() < Duration::from_secs(120), "{:?}", start.elapsed());
}
