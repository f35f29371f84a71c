//! The HTTP service over small exports, on a free port of this machine, with a store of its own; and a client for it.

use std::net::SocketAddr;
use std::sync::Arc;

use chrono::Utc;
use pragati::config::{Config, IdentityConfig};
use pragati::delivery::files::{FileSpec, ReportFiles};
use pragati::delivery::metrics::DeliveryMetrics;
use pragati::delivery::request::{Failure, Status};
use pragati::delivery::source::ReportSource;
use pragati::delivery::store::{Database, Held, Store};
use pragati::delivery::subscriptions::SubscriptionRules;
use pragati::exports::Location;
use pragati::identity::Identity;
use pragati::server::batch_figures::BatchFiguresSource;
use pragati::server::figures::FiguresSource;
use pragati::server::{HttpServer, Limits, ServerError, ServerParts, SignIn};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::support::TestExports;

/// Batch b1 of tenant t1 with a creator and two mentors; b2 of tenant t2, with a name of letters and marks.
pub const BATCHES: &str = "
    select * from (values
        ('b1', 'c1', 'Batch 1', 't1', 'maker', make_array('mentor', 'helper')),
        ('b2', 'c1', 'बैच \"2\"', 't2', 'other', make_array('mentor'))
    ) as batches(batch_id, course_id, batch_name, tenant_id, created_by, mentors)";

/// How a service is set up.
pub struct Setup {
    pub exports: TestExports,
    pub config: Config,
    /// None: everybody is let in without a password.
    pub login: Option<IdentityConfig>,
    pub can_mail: bool,
    pub limits: Limits,
    /// The store and the files of a service that ran before.
    pub data: Option<TempDir>,
}

impl Setup {
    /// Everybody is let in without a password, and mail can be sent.
    pub fn new() -> Self {
        Self::over(TestExports::small().table("batches", BATCHES))
    }

    /// The same over these exports.
    pub fn over(exports: TestExports) -> Self {
        let mut config = Config {
            exports: Some(exports.path().display().to_string()),
            ..Config::default()
        };
        config.serve.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.serve.shutdown_seconds = 5;
        Self {
            exports,
            config,
            login: None,
            can_mail: true,
            limits: Limits::default(),
            data: None,
        }
    }

    pub fn start(self) -> RunningService {
        self.try_start().map_err(|(error, _)| error).expect("a service")
    }

    /// The error where the service does not start.
    pub fn try_start(mut self) -> Result<RunningService, (ServerError, TestExports)> {
        let runtime = Runtime::new().expect("a runtime");
        let folder = self.data.take();
        let folder = folder.unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
        let started = runtime.block_on(async {
            let store = Database::chosen(None, folder.path());
            let files = folder.path().join("files");
            std::fs::create_dir_all(&files).expect("a folder");
            let files = Location::parse(files.to_str().expect("UTF-8")).expect("a location");
            let identity = match &self.login {
                Some(settings) => Identity::by_tokens(settings).await?,
                None => Identity::without_proof(&IdentityConfig::default(), self.config.serve.listen)?,
            };
            let source = Arc::new(ReportSource::open(self.config.clone()).await.expect("a source"));
            let figures = Arc::new(FiguresSource::new(self.config.clone(), Arc::clone(&source)));
            assert!(figures.load().await, "figures");
            let batch_figures = Arc::new(BatchFiguresSource::new(Arc::clone(&source)));
            assert!(batch_figures.load().await, "figures of batches");
            let parts = ServerParts {
                config: self.config.serve.clone(),
                sign_in: SignIn::new(&self.config, &identity).expect("settings").map(Arc::new),
                identity: Arc::new(identity),
                store: Store::open(&store).await.expect("a store"),
                source,
                figures,
                batch_figures,
                files: Arc::new(ReportFiles::new(files, &self.config)),
                metrics: Arc::new(DeliveryMetrics::new(self.config.serve.deadline())),
                postgres: None,
                can_mail: self.can_mail,
                subscriptions: Arc::new(SubscriptionRules::new(&self.config).expect("rules")),
                accepted: Arc::new(Notify::new()),
                clicked: Arc::new(Notify::new()),
            };
            let server = HttpServer::bind(parts.clone(), self.limits).await?;
            let (url, address) = (server.url(), server.address());
            let (stop, stopped) = oneshot::channel();
            let running = tokio::spawn(server.run(async {
                // A dropped sender stops the service as well.
                let _ = stopped.await;
            }));
            Ok::<_, ServerError>((parts, url, address, stop, running))
        });
        match started {
            Ok((parts, url, address, stop, running)) => Ok(RunningService {
                runtime,
                parts,
                url,
                address,
                client: Client::new(),
                stop: Some(stop),
                running: Some(running),
                exports: self.exports,
                folder,
            }),
            Err(error) => Err((error, self.exports)),
        }
    }
}

/// A service that runs; it ends with this value.
pub struct RunningService {
    pub runtime: Runtime,
    pub parts: ServerParts,
    pub url: String,
    pub address: SocketAddr,
    pub client: Client,
    pub exports: TestExports,
    pub folder: TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServerError>>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl RunningService {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub fn send(&self, request: RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            Answer {
                status: answer.status(),
                headers: answer.headers().clone(),
                body: answer.bytes().await.expect("a body").to_vec(),
            }
        })
    }

    /// GET with a login token.
    pub fn get(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token))
    }

    /// Asks for a CSV report.
    pub fn ask(&self, token: &str, batch: &str, deliver: &str) -> Answer {
        self.post(token, &json!({"batch_id": batch, "format": "csv", "deliver": deliver}))
    }

    pub fn post(&self, token: &str, body: &Value) -> Answer {
        self.send(
            self.request(Method::POST, "/api/v1/reports")
                .bearer_auth(token)
                .json(body),
        )
    }

    /// Does what a worker does: makes the report of the request that is due, and keeps it for a download.
    pub fn work(&self) {
        let had_work = self.runtime.block_on(work_on_next(&self.parts));
        assert!(had_work, "no request is due");
    }

    /// Does a worker's work from now on.
    pub fn keep_working(&self) {
        let parts = self.parts.clone();
        self.runtime.spawn(async move {
            loop {
                if !work_on_next(&parts).await {
                    parts.accepted.notified().await;
                }
            }
        });
    }

    /// Ends the request that is due as failed.
    pub fn fail(&self, failure: &Failure) {
        self.runtime.block_on(async {
            let store = &self.parts.store;
            let lease = store.claim(Utc::now()).await.expect("the store").expect("a request");
            let failed = store
                .fail(&lease.token, failure, false, Utc::now())
                .await
                .expect("the store");
            assert_eq!(failed, Held::Yes);
        });
    }

    /// Tells the service to stop, and returns at once.
    pub fn begin_stop(&mut self) {
        self.stop.take();
    }

    /// Ends the service in order; the exports, and its store and files.
    pub fn stopped(mut self) -> (TestExports, TempDir) {
        self.begin_stop();
        self.wait_for_end();
        self.runtime.block_on(self.parts.store.close());
        (self.exports, self.folder)
    }

    /// Waits until the service has ended.
    pub fn wait_for_end(&mut self) {
        let running = self.running.take().expect("a running service");
        let ended = self.runtime.block_on(running).expect("no panic");
        ended.expect("an orderly end");
    }
}

/// Makes the report of the request that is due, if there is one.
async fn work_on_next(parts: &ServerParts) -> bool {
    let Some(lease) = parts.store.claim(Utc::now()).await.expect("the store") else {
        return false;
    };
    let current = parts.source.current();
    let batches = lease.request.batches().iter();
    let batches: Vec<_> = batches.map(|id| current.directory.get(id).expect("a batch")).collect();
    let spec = FileSpec {
        batches: &batches,
        format: lease.request.format,
        asked: &lease.request.asked,
    };
    let file = parts.files.make(&current, &spec).await;
    let made = parts.store.file_made(&lease.token, &file.expect("a file")).await;
    let ready = parts.store.succeed(&lease.token, Status::Ready, Utc::now()).await;
    assert_eq!(
        (made.expect("the store"), ready.expect("the store")),
        (Held::Yes, Held::Yes)
    );
    true
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status and the last word of the problem's type; everything else about a problem document is checked.
    pub fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        let kind = problem["type"].as_str().expect("a type");
        let word = kind.strip_prefix("urn:pragati:problem:").expect("a type of ours");
        (self.status.as_u16(), word.to_owned())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}
