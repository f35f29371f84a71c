//! The same commands on a Ballista cluster: the same bytes, and runs that complete or fail whole, whatever happens to the
//! cluster's processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::oracle::nasty;
use crate::running_cluster::{RunningCluster, Setup, wait_until};
use crate::support::{DATE, TestExports, complaint_of, files_below, pragati, wrapped};

fn on(cluster: &RunningCluster, exports: &TestExports, command: &str) -> Command {
    let mut command = exports.command(command);
    command.args(["--cluster", &cluster.address()]);
    command.env("PRAGATI_CLUSTER__PARTITIONS", "4");
    command
}

/// The files of a day, but for the manifest, which tells times.
fn output(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(&out.join(format!("date={DATE}")));
    files.into_iter().filter(|(path, _)| path != "manifest.json").collect()
}

fn embedded(exports: &TestExports, arguments: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let (out, _day) = exports.nightly(arguments);
    output(out.path())
}

fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (path, bytes) in expected {
        assert!(&found[path] == bytes, "{path} differs");
    }
}

fn out() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

mod nightly {
    use super::*;

    #[test]
    fn writes_the_bytes_of_a_single_process() {
        let cluster = RunningCluster::start(2);
        for exports in [TestExports::sample(2_000, 30_000, 300, 2), nasty(), nasty().without("batches")] {
            let out = out();
            let mut run = on(&cluster, &exports, "nightly");
            run.arg("--out").arg(out.path()).assert().success();
            assert_same(&output(out.path()), &embedded(&exports, &[]));
            let hidden = fs::read_dir(out.path().join(format!("date={DATE}"))).expect("a folder").flatten();
            assert_eq!(hidden.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count(), 0);
        }
    }
}
