//! A real Prometheus that scrapes the service, with the rules of `dashboards/`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::running_process::Running;
use crate::running_service::RunningService;
use crate::support::{free_port, skipped};

const PATIENCE: Duration = Duration::from_secs(60);
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/recording-rules.yml");

/// A Prometheus that runs; it ends with this value.
pub struct Prometheus {
    _running: Running,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes the service every second. `None`, after a message SKIPPED, where the program is not installed.
    pub fn scraping(service: &RunningService) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let settings = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}']\n\
             scrape_configs:\n  - job_name: pragati\n    static_configs: [{{targets: ['{}']}}]\n",
            service.address
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, settings).expect("written");
        let started = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(running) = started else {
            skipped("this test needs Prometheus; install prometheus");
            return None;
        };
        Some(Self {
            _running: Running(running),
            url: format!("http://{address}"),
            _folder: folder,
        })
    }

    /// The values of an instant query with one label of each, once there are any, in order of the label.
    pub fn values(&self, service: &RunningService, query: &str, label: &str) -> Vec<(String, f64)> {
        let started = Instant::now();
        loop {
            let answer = service.runtime.block_on(async {
                let request = service.client.get(format!("{}/api/v1/query", self.url));
                let answer = request.query(&[("query", query)]).send().await.ok()?;
                answer.json::<Value>().await.ok()
            });
            let result = answer.as_ref().and_then(|answer| answer["data"]["result"].as_array());
            if let Some(result) = result.filter(|result| !result.is_empty()) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let value = |sample: &Value| text(&sample["value"][1]).parse().expect("a number");
                let mut values: Vec<(String, f64)> = result
                    .iter()
                    .map(|sample| (text(&sample["metric"][label]), value(sample)))
                    .collect();
                values.sort_by(|a, b| a.0.cmp(&b.0));
                return values;
            }
            assert!(started.elapsed() < PATIENCE, "{query}: {answer:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
