//! An object store on this machine, with one empty bucket or container; its server ends with the value.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assert_cmd::Command;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use reqwest::Method;
use tokio::runtime::Runtime;

use crate::node::packages;
use crate::python::python_for;
use crate::support::{TestExports, files_below, pragati};

const BUCKET: &str = "lake";
const S3_SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores/s3_server.py");

pub struct RunningStore {
    server: Child,
    _output: BufReader<ChildStdout>,
    /// Of the server: `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Where the server is, and who asks.
    pub environment: Vec<(String, String)>,
    scheme: &'static str,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
}

impl RunningStore {
    /// S3, as moto speaks it.
    pub fn s3() -> Option<Self> {
        Self::s3_with(&[])
    }

    /// S3 that is slow, and fails now and then.
    pub fn troubled_s3() -> Option<Self> {
        Self::s3_with(&["--troubled"])
    }

    /// S3 that counts requests.
    pub fn counting_s3() -> Option<Self> {
        Self::s3_with(&["--count"])
    }

    /// How many requests of a kind there were: `PUT`, `GET`, …, and `COPY` for those that copy an object.
    pub fn requests(&self, kind: &str) -> u64 {
        let counts = async {
            let answer = reqwest::get(format!("{}/_requests", self.endpoint))
                .await
                .expect("an answer");
            answer.json::<serde_json::Value>().await.expect("JSON")
        };
        self.runtime.block_on(counts)[kind].as_u64().unwrap_or(0)
    }

    /// S3, with options of `tests/stores/s3_server.py`.
    pub fn s3_with(options: &[&str]) -> Option<Self> {
        let mut server = Process::new(python_for("stores", "moto.server")?);
        server.args([S3_SERVER, BUCKET]).args(options);
        let started = Started::of(server);
        let store = s3_client(&started.endpoint, "test");
        let environment = vec![
            ("AWS_ENDPOINT".to_owned(), started.endpoint.clone()),
            ("AWS_ALLOW_HTTP".to_owned(), "true".to_owned()),
            ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
        ];
        Some(started.store("s3", environment, Arc::new(store)))
    }

    /// The test's own requests to S3 are signed with this key from now on.
    pub fn sign_with(&mut self, key: &str) {
        self.store = Arc::new(s3_client(&self.endpoint, key));
    }

    /// Azure Blob Storage, as Azurite speaks it.
    pub fn azure() -> Option<Self> {
        let folder = packages("stores")?;
        let mut server = Process::new("node");
        server.arg(folder.join("azure_server.mjs")).arg(BUCKET);
        let started = Started::of(server);
        // The emulator's account, which is the same everywhere and no secret.
        let account = "devstoreaccount1";
        let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
        let endpoint = format!("{}/{account}", started.endpoint);
        let store = MicrosoftAzureBuilder::new()
            .with_account(account)
            .with_access_key(key)
            .with_endpoint(endpoint.clone())
            .with_allow_http(true)
            .with_container_name(BUCKET)
            .build();
        let environment = vec![
            ("AZURE_STORAGE_ACCOUNT_NAME".to_owned(), account.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY".to_owned(), key.to_owned()),
            ("AZURE_STORAGE_ENDPOINT".to_owned(), endpoint),
            ("AZURE_ALLOW_HTTP".to_owned(), "true".to_owned()),
        ];
        Some(started.store("az", environment, Arc::new(store.expect("a client"))))
    }

    /// The URL of a place in it.
    pub fn url(&self, place: &str) -> String {
        format!("{}://{BUCKET}/{place}", self.scheme)
    }

    /// The command, with the credentials in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pragati();
        command.args(arguments).envs(self.environment.iter().cloned());
        command
    }

    /// What the command prints.
    pub fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub fn upload(&self, prefix: &str, exports: &TestExports) {
        for (path, bytes) in files_below(exports.path()) {
            let place = Path::from(format!("{prefix}/{path}"));
            let put = self.store.put(&place, PutPayload::from(bytes));
            self.runtime.block_on(put).expect("uploaded");
        }
    }

    /// Writes a file, or replaces it.
    pub fn write(&self, place: &str, bytes: impl AsRef<[u8]>) {
        let place = Path::parse(place).expect("a path");
        let put = self.store.put(&place, PutPayload::from(bytes.as_ref().to_vec()));
        self.runtime.block_on(put).expect("written");
    }

    pub fn remove(&self, place: &str) {
        let place = Path::parse(place).expect("a path");
        self.runtime.block_on(self.store.delete(&place)).expect("removed");
    }

    pub fn read(&self, place: &str) -> Vec<u8> {
        let place = Path::parse(place).expect("a path");
        let read = async { self.store.get(&place).await?.bytes().await };
        self.runtime.block_on(read).expect("it is there").to_vec()
    }

    /// The places of all files below a prefix.
    pub fn list(&self, prefix: &str) -> Vec<String> {
        // A server in trouble may break off an answer, which the client does not ask for again.
        const ATTEMPTS: usize = 5;
        let list = || {
            let listed = self
                .store
                .list(Some(&Path::from(prefix)))
                .try_collect::<Vec<ObjectMeta>>();
            self.runtime.block_on(listed).ok()
        };
        let objects = std::iter::repeat_with(list)
            .take(ATTEMPTS)
            .flatten()
            .next()
            .expect("listed");
        objects.into_iter().map(|object| object.location.into()).collect()
    }

    /// What S3 answers to somebody who only asks about a file: the headers.
    pub fn head(&self, place: &str) -> reqwest::header::HeaderMap {
        let s3 = s3_client(&self.endpoint, "test");
        let place = Path::parse(place).expect("a path");
        let answer = async {
            let url = s3
                .signed_url(Method::HEAD, &place, Duration::from_secs(60))
                .await
                .expect("a URL");
            reqwest::Client::new().head(url).send().await.expect("an answer")
        };
        let answer = self.runtime.block_on(answer);
        assert!(answer.status().is_success(), "{place}: {}", answer.status());
        answer.headers().clone()
    }
}

impl Drop for RunningStore {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        self.server.wait().expect("it ends");
    }
}

fn s3_client(endpoint: &str, key: &str) -> AmazonS3 {
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(BUCKET)
        .with_access_key_id(key)
        .with_secret_access_key("test")
        .build();
    store.expect("a client")
}

/// A server that has said where it is.
struct Started {
    server: Child,
    output: BufReader<ChildStdout>,
    endpoint: String,
}

impl Started {
    fn of(mut server: Process) -> Self {
        let mut server = server
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server");
        let mut output = BufReader::new(server.stdout.take().expect("its output"));
        let mut port = String::new();
        output.read_line(&mut port).expect("its port");
        let port = port.trim();
        assert!(port.parse::<u16>().is_ok(), "the server says no port but '{port}'");
        Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            server,
            output,
        }
    }

    fn store(
        self,
        scheme: &'static str,
        environment: Vec<(String, String)>,
        store: Arc<dyn ObjectStore>,
    ) -> RunningStore {
        RunningStore {
            server: self.server,
            _output: self.output,
            endpoint: self.endpoint,
            environment,
            scheme,
            store,
            runtime: Runtime::new().expect("a runtime"),
        }
    }
}
