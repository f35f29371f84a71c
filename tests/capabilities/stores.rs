//! Exports and output in an object store: S3, as an S3-compatible server speaks it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

use crate::python::python_for;
use crate::support::{DATE, TestExports, files_below, gzip, pragati};

const BUCKET: &str = "lake";
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stores/s3_server.py");

/// A server with an empty bucket; it ends with this value.
struct S3 {
    server: Child,
    _output: BufReader<ChildStdout>,
    endpoint: String,
    bucket: AmazonS3,
    runtime: Runtime,
}

impl S3 {
    fn start() -> Option<Self> {
        let mut server = Command::new(python_for("stores", "moto.server")?)
            .args([SERVER, BUCKET])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server");
        let mut output = BufReader::new(server.stdout.take().expect("its output"));
        let mut port = String::new();
        output.read_line(&mut port).expect("its port");
        let endpoint = format!("http://127.0.0.1:{}", port.trim());
        let bucket = AmazonS3Builder::new()
            .with_endpoint(&endpoint)
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(BUCKET)
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .build()
            .expect("a client");
        Some(Self {
            server,
            _output: output,
            endpoint,
            bucket,
            runtime: Runtime::new().expect("a runtime"),
        })
    }

    /// Where the server is, and who asks.
    fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("AWS_ENDPOINT", self.endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let variables = variables.into_iter();
        variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// What the command prints, with the credentials in its environment.
    fn output(&self, arguments: &[&str]) -> String {
        let output = pragati()
            .args(arguments)
            .envs(self.environment())
            .output()
            .expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn upload(&self, prefix: &str, exports: &TestExports) {
        for (path, bytes) in files_below(exports.path()) {
            let place = Path::from(format!("{prefix}/{path}"));
            let put = self.bucket.put(&place, PutPayload::from(bytes));
            self.runtime.block_on(put).expect("uploaded");
        }
    }

    fn read(&self, place: &Path) -> Vec<u8> {
        let read = async { self.bucket.get(place).await?.bytes().await };
        self.runtime.block_on(read).expect("it is there").to_vec()
    }

    /// The CSV files below a prefix, by name, in order.
    fn csv_files(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let listed = self.bucket.list(Some(&Path::from(prefix))).try_collect();
        let objects: Vec<ObjectMeta> = self.runtime.block_on(listed).expect("listed");
        let csv = objects
            .iter()
            .filter(|object| object.location.as_ref().ends_with(".csv"));
        let mut files: Vec<_> = csv
            .map(|object| (file_name(object.location.as_ref()), self.read(&object.location)))
            .collect();
        files.sort();
        files
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().expect("a name").to_owned()
}

impl Drop for S3 {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        self.server.wait().expect("it ends");
    }
}

#[test]
fn a_night_s_run_reads_from_s3_and_writes_to_s3_and_may_run_again() {
    let Some(s3) = S3::start() else { return };
    let exports = TestExports::small();
    s3.upload("exports", &exports);
    let (_out, local_day) = exports.nightly(&[]);
    // The reports, and the ratio tables: the second run finds the same figures and keeps their revisions.
    let local_files = files_below(&local_day)
        .into_iter()
        .filter(|(path, _)| path.ends_with(".csv"));
    let mut expected: Vec<_> = local_files.map(|(path, bytes)| (file_name(&path), bytes)).collect();
    expected.sort();
    for _run in 0..2 {
        s3.output(&[
            "nightly",
            "--exports",
            "s3://lake/exports",
            "--out",
            "s3://lake/reports",
        ]);
        assert_eq!(s3.csv_files("reports"), expected);
        let day = format!("reports/date={DATE}");
        let manifest = s3.read(&Path::from(format!("{day}/manifest.json")));
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        for file in manifest["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a path");
            let found = s3.read(&Path::parse(format!("{day}/{path}")).expect("a path"));
            assert_eq!(Some(found.len() as u64), file["bytes"].as_u64(), "{path}");
        }
    }
}

#[test]
fn a_report_from_s3_is_the_same_as_from_disk() {
    let Some(s3) = S3::start() else { return };
    let exports = TestExports::small();
    s3.upload("deep/er", &exports);
    let report = s3.output(&["report", "--exports", "s3://lake/deep/er", "--batch", "b1"]);
    assert_eq!(report, exports.report("b1", &[]));
}

#[test]
fn a_report_from_published_output_in_s3_is_the_same_also_after_another_run() {
    let Some(s3) = S3::start() else { return };
    let exports = TestExports::small();
    s3.upload("exports", &exports);
    for _run in 0..2 {
        s3.output(&["nightly", "--exports", "s3://lake/exports", "--out", "s3://lake/out"]);
        let report = s3.output(&["report", "--reports", "s3://lake/out", "--batch", "b1"]);
        assert_eq!(report, exports.report("b1", &[]));
        assert_eq!(report.lines().count(), 3);
    }
}

#[test]
fn telemetry_in_a_store_is_read_like_that_in_a_folder() {
    let Some(s3) = S3::start() else { return };
    let click = |number: usize| {
        let cdata = r#"[{"type":"Batch","id":"b1"}]"#;
        let edata = r#"{"id":"download","pageid":"course-progress-dashboard"}"#;
        let more = format!(r#""context":{{"cdata":{cdata}}},"edata":{edata},"ets":1795152600000"#);
        format!("{{\"eid\":\"INTERACT\",\"mid\":\"m{number}\",{more}}}\n")
    };
    let many: String = (0..5_000).map(click).collect();
    let whole = gzip(many.as_bytes());
    let parquet = "select 'INTERACT' as eid, 1795152600000 as ets, 'rows' as mid,
        named_struct('id', 'download', 'pageid', 'course-progress-dashboard') as edata";
    let exports = TestExports::small()
        .telemetry("date=2026-11-20/plain.json", (many.clone() + "no\n").as_bytes())
        .telemetry("date=2026-11-20/small.json", b"\n")
        .telemetry("date=2026-11-21/whole.json.gz", many.as_bytes())
        .telemetry("date=2026-11-21/cut.json", &whole[..whole.len() / 2])
        .table_on("telemetry", "2026-11-22", parquet);
    s3.upload("exports", &exports);
    let queries = [
        "select * from distinct_download_events order by mid",
        "select count(*) as events from download_events",
        "select * from malformed_telemetry order by file, line",
    ];
    for query in queries {
        let arguments = ["sql", "--format", "csv", "-c", query];
        let stored = s3.output(&[&arguments[..], &["--exports", "s3://lake/exports"]].concat());
        assert_eq!(stored, exports.output("sql", &arguments[1..]), "{query}");
        assert!(stored.lines().count() > 1, "{query}: {stored}");
    }
}

#[cfg(feature = "cluster")]
#[test]
fn executors_read_from_s3_and_write_to_s3_and_a_second_run_replaces_the_first() {
    use crate::running_cluster::{RunningCluster, Setup};
    let Some(s3) = S3::start() else { return };
    let cluster = RunningCluster::start_with(
        2,
        Setup {
            environment: s3.environment(),
            ..Setup::default()
        },
    );
    let exports = TestExports::sample(1_000, 12_000, 60, 1);
    s3.upload("exports", &exports);
    let (_out, local_day) = exports.nightly(&[]);
    let local_files = files_below(&local_day).into_iter();
    let local_files: Vec<_> = local_files.filter(|(path, _)| path != "manifest.json").collect();
    for _run in 0..2 {
        let address = cluster.address();
        let places = ["--exports", "s3://lake/exports", "--out", "s3://lake/reports"];
        let mut arguments = vec!["nightly", "--cluster", &address];
        arguments.extend(places);
        s3.output(&arguments);
        let day = format!("reports/date={DATE}");
        let manifest = s3.read(&Path::from(format!("{day}/manifest.json")));
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        let listed = manifest["files"].as_array().expect("files");
        assert_eq!(listed.len(), local_files.len());
        for (path, bytes) in &local_files {
            let place = listed.iter().filter_map(|file| file["path"].as_str());
            let place = place
                .filter(|listed| listed.ends_with(path))
                .min_by_key(|listed| listed.len());
            let place = format!("{day}/{}", place.unwrap_or_else(|| panic!("{path} is not listed")));
            assert!(
                &s3.read(&Path::parse(&place).expect("a path")) == bytes,
                "{path} differs"
            );
        }
        // What the first run wrote is gone.
        let there = s3
            .runtime
            .block_on(s3.bucket.list(Some(&Path::from(day))).try_collect::<Vec<ObjectMeta>>());
        assert_eq!(there.expect("listed").len(), listed.len() + 1);
    }
    let report = s3.output(&[
        "report",
        "--reports",
        "s3://lake/reports",
        "--batch",
        &first_batch(&local_files),
    ]);
    assert!(report.lines().count() > 1, "{report}");
}

/// A batch that has a file among these.
#[cfg(feature = "cluster")]
fn first_batch(files: &[(String, Vec<u8>)]) -> String {
    let mut reports = files
        .iter()
        .filter(|(path, bytes)| path.starts_with("csv/") && bytes.len() > 1_000);
    let (path, _) = reports.next().expect("a report");
    file_name(path).trim_end_matches(".csv").to_owned()
}
