//! `pragati serve` as a process of its own, that can be killed and started again over the same data; and a client for it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pragati::config::MailConfig;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::smtp::SmtpServer;
use crate::support::{TestExports, usually};

/// How long anything may take before a test gives up; in the full form, tries that come minutes apart are waited for.
fn patience() -> Duration {
    Duration::from_secs(usually(200, 900))
}

/// The service over some exports, running or killed.
pub struct ServiceProcess {
    pub exports: TestExports,
    data: TempDir,
    settings: Vec<(String, String)>,
    running: Option<Child>,
    url: String,
    client: reqwest::Client,
    runtime: Runtime,
}

impl ServiceProcess {
    /// The service over `exports`, mailing through `smtp`; not started yet.
    pub fn new(exports: TestExports, smtp: &SmtpServer) -> Self {
        Self::with_mail(exports, smtp.config())
    }

    /// The same with these settings of the mail server.
    pub fn with_mail(exports: TestExports, mail: MailConfig) -> Self {
        let mut settings = vec![
            ("PRAGATI_MAIL__SERVER", mail.server),
            ("PRAGATI_MAIL__FROM", mail.from),
            ("PRAGATI_MAIL__USER", mail.user),
            (
                "PRAGATI_MAIL__PASSWORD",
                mail.password.map(|password| password.reveal().to_owned()),
            ),
            (
                "PRAGATI_MAIL__CA_FILE",
                mail.ca_file.map(|file| file.display().to_string()),
            ),
            ("PRAGATI_MAIL__TIMEOUT_SECONDS", Some("5".to_owned())),
            ("PRAGATI_SERVE__REQUESTS_PER_HOUR", Some("100000".to_owned())),
            (
                "PRAGATI_SERVE__PUBLIC_URL",
                Some("https://reports.example.org".to_owned()),
            ),
        ];
        settings.retain(|(_, value)| value.is_some());
        let settings = settings.into_iter();
        let settings = settings.map(|(name, value)| (name.to_owned(), value.unwrap_or_default()));
        let mut served = Self::without_mail(exports);
        served.settings = settings.collect();
        served
    }

    /// The service over `exports`, which cannot mail; not started yet.
    pub fn without_mail(exports: TestExports) -> Self {
        Self {
            exports,
            data: tempfile::tempdir().expect("a folder"),
            settings: Vec::new(),
            running: None,
            url: String::new(),
            client: reqwest::Client::new(),
            runtime: Runtime::new().expect("a runtime"),
        }
    }

    /// With a setting from the environment.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts the process and waits until it listens.
    pub fn start(&mut self) {
        self.start_by(Command::new(assert_cmd::cargo::cargo_bin("pragati")));
    }

    /// The same by a command that runs `pragati` with the arguments that follow. Gives the process's number.
    pub fn start_by(&mut self, mut pragati: Command) -> u32 {
        assert!(self.running.is_none());
        let mut child = pragati
            .args(["serve", "--dev-auth", "--listen", "127.0.0.1:0", "--exports"])
            .arg(self.exports.path())
            .arg("--data")
            .arg(self.data.path())
            .current_dir(self.data.path())
            .env("PRAGATI_LOG", "pragati=error")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service");
        let mut words = BufReader::new(child.stderr.take().expect("its words"));
        let url = loop {
            let mut line = String::new();
            assert!(
                words.read_line(&mut line).expect("a line") > 0,
                "the service did not start"
            );
            if let Some(url) = line.trim().strip_prefix("listening on ") {
                break url.to_owned();
            }
            eprint!("{line}");
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut words, &mut std::io::sink()));
        self.url = url;
        let process = child.id();
        self.running = Some(child);
        process
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let mut child = self.running.take().expect("a running service");
        child.kill().expect("killed");
        child.wait().expect("its end");
    }

    /// SIGTERM; it must end well.
    pub fn stop(&mut self) {
        let mut child = self.running.take().expect("a running service");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .expect("told")
                .success()
        );
        assert!(child.wait().expect("its end").success());
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    pub fn events(&self) -> PathBuf {
        self.data.path().join("events")
    }

    /// A click of `person` (a token of `--dev-auth`); the status and body of the answer, or none where nobody answers.
    pub fn click(&self, person: &str, batch: &str, deliver: &str, key: &str) -> Option<(StatusCode, Value)> {
        self.click_for("csv", person, batch, deliver, key)
    }

    /// The same for a format.
    pub fn click_for(
        &self,
        format: &str,
        person: &str,
        batch: &str,
        deliver: &str,
        key: &str,
    ) -> Option<(StatusCode, Value)> {
        let request = self
            .client
            .post(format!("{}/api/v1/reports", self.url))
            .bearer_auth(person)
            .header("Idempotency-Key", key)
            .json(&json!({"batch_id": batch, "format": format, "deliver": deliver}));
        self.runtime.block_on(async {
            let answer = request.send().await.ok()?;
            Some((answer.status(), answer.json().await.ok()?))
        })
    }

    /// Asks as a browser with this `Accept-Language` does.
    pub fn post_in(&self, languages: &str, person: &str, asked: &Value) -> (StatusCode, Value) {
        let request = self
            .client
            .post(format!("{}/api/v1/reports", self.url))
            .bearer_auth(person)
            .header("Accept-Language", languages)
            .json(asked);
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status(), answer.json().await.expect("JSON"))
        })
    }

    /// The answer to a request for a report by `person`.
    pub fn post(&self, person: &str, asked: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}/api/v1/reports", self.url));
        let request = request.bearer_auth(person).json(asked);
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status(), answer.json().await.expect("JSON"))
        })
    }

    /// The answer to `person` who sends this body; the body may be anything.
    pub fn send(
        &self,
        method: Method,
        person: &str,
        path: &str,
        media_type: &str,
        body: &str,
    ) -> (StatusCode, Vec<u8>) {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(person).header("Content-Type", media_type);
        let request = request.body(body.to_owned());
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status(), answer.bytes().await.expect("a body").to_vec())
        })
    }

    /// The answer to a GET by `person`.
    pub fn get(&self, person: &str, path: &str) -> (StatusCode, Vec<u8>) {
        self.runtime.block_on(async {
            let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(person);
            let answer = request.send().await.expect("an answer");
            (answer.status(), answer.bytes().await.expect("a body").to_vec())
        })
    }

    /// How a request stands.
    pub fn state(&self, person: &str, id: &str) -> Value {
        let (status, body) = self.get(person, &format!("/api/v1/reports/{id}"));
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Waits until the request has the status.
    pub fn wait_for(&self, person: &str, id: &str, status: &str) -> Value {
        let started = Instant::now();
        loop {
            let state = self.state(person, id);
            if state["status"] == status {
                return state;
            }
            assert!(started.elapsed() < patience(), "{state}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All requests, as `pragati requests list` shows them.
    pub fn requests(&self) -> Vec<Value> {
        let output = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
            .args(["requests", "list", "--limit", "10000", "--format", "json", "--data"])
            .arg(self.data.path())
            .current_dir(self.data.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("a list");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Waits until every request has ended and every failure was told, and returns them.
    pub fn all_ended(&self) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let requests = self.requests();
            let is_over = |request: &Value| {
                ["sent", "ready", "failed"].contains(&request["status"].as_str().expect("a status"))
                    && request["notice"] != "due"
            };
            if requests.iter().all(is_over) {
                return requests;
            }
            let open = requests.iter().filter(|request| !is_over(request)).count();
            assert!(started.elapsed() < patience(), "{open} requests did not end");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Waits until every click is written as an event, also those that a killed process was about to write.
    pub fn all_events_written(&self) {
        let started = Instant::now();
        loop {
            let (_, metrics) = self.get("dev:nobody", "/metrics");
            let metrics = String::from_utf8(metrics).expect("UTF-8");
            if metrics.lines().any(|line| line == "pragati_events_to_write 0") {
                return;
            }
            assert!(started.elapsed() < patience(), "{metrics}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// The distinct `mid`s of the events that were written.
    pub fn event_mids(&self, eid: &str) -> BTreeSet<String> {
        mids_below(&self.events(), eid)
    }
}

/// The distinct `mid`s of the events of a kind, in the files below a folder.
pub fn mids_below(folder: &Path, eid: &str) -> BTreeSet<String> {
    let files = crate::support::files_below(folder);
    let lines = files
        .iter()
        .flat_map(|(_, text)| std::str::from_utf8(text).expect("UTF-8").lines());
    let events = lines.map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    events
        .filter(|event| event["eid"] == eid)
        .map(|event| event["mid"].as_str().expect("a mid").to_owned())
        .collect()
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
