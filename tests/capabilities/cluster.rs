//! The same commands on a Ballista cluster: the same bytes, and runs that complete or fail whole, whatever happens to the
//! cluster's processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assert_cmd::Command;
use pragati::nightly::manifest::Manifest;
use tempfile::{NamedTempFile, TempDir};

use crate::incremental::on_two_days;
use crate::network::Network;
use crate::oracle::nasty;
use crate::prepared::prepared;
use crate::running_cluster::{RunningCluster, Setup, wait_until};
use crate::support::{
    DATE, SmallDisk, TestExports, complaint_of, files_below, pragati, program_made, rewrite_parquet, wrapped,
};

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

/// A run of `nightly` that goes on while a test looks on.
struct Running {
    run: std::process::Child,
    talk: NamedTempFile,
}

impl Running {
    fn start(cluster: &RunningCluster, exports: &TestExports, out: &Path) -> Self {
        let prepared = pragati();
        let mut run = std::process::Command::new(prepared.get_program());
        run.current_dir(env!("CARGO_TARGET_TMPDIR"));
        run.args(["nightly", "--cluster", &cluster.address(), "--exports"])
            .arg(exports.path());
        run.arg("--out").arg(out).env("PRAGATI_CLUSTER__PARTITIONS", "8");
        let talk = NamedTempFile::new().expect("a file");
        let run = run.stderr(talk.reopen().expect("the file")).spawn().expect("a run");
        Self { run, talk }
    }

    /// The same once its first files are in the making, or it is over.
    fn writing(cluster: &RunningCluster, exports: &TestExports, out: &Path) -> Self {
        let mut run = Self::start(cluster, exports, out);
        wait_until(|| files_in_the_making(out) > 0 || run.is_over(), "the first files");
        run
    }

    fn is_over(&mut self) -> bool {
        self.run.try_wait().expect("a run").is_some()
    }

    /// Waits for a line that it says with these words; empty where it ended without.
    fn said(&mut self, words: &str) -> String {
        let mut said = None;
        wait_until(
            || {
                let is_over = self.is_over();
                said = self.talk().lines().find(|line| line.contains(words)).map(str::to_owned);
                said.is_some() || is_over
            },
            words,
        );
        said.unwrap_or_default()
    }

    /// Whether it succeeded, and what it said.
    fn end(mut self) -> (bool, String) {
        wait_until(|| self.is_over(), "the end of a run");
        let ended = self.run.wait().expect("a run");
        (ended.success(), self.talk())
    }

    /// What it has said until now.
    fn talk(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.talk.path()).expect("its talk")).into_owned()
    }
}

/// The files below a folder, in which others make and remove some meanwhile.
fn files_seen_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// The reports that tasks are at, or have finished, in an output that is not published.
fn files_in_the_making(out: &Path) -> usize {
    let is_report = |path: &&PathBuf| {
        path.extension().is_some_and(|ending| ending == "csv") && path.iter().any(|part| part == "csv")
    };
    files_seen_below(out).iter().filter(is_report).count()
}

fn has_files(folder: &Path) -> bool {
    !files_seen_below(folder).is_empty()
}

/// Large enough for a run to be met in its middle; it has three parts.
fn large() -> TestExports {
    TestExports::sample(5_000, 410_000, 600, 1)
}

/// The output of a single process over [`large`] exports, which one test makes for all.
fn output_of_large(exports: &TestExports) -> BTreeMap<String, Vec<u8>> {
    let make = |folder: &Path| {
        let mut nightly = exports.command("nightly");
        nightly.arg("--out").arg(folder).assert().success();
        true
    };
    prepared("nightly-large", &program_made(), make, output).expect("an output")
}

/// Lost executors are noticed soon.
fn watchful() -> Setup {
    Setup {
        executor_timeout: Some(12),
        ..Setup::default()
    }
}

/// Two executors on machines of their own; none where this machine cannot have such.
fn apart() -> Option<(Arc<Network>, Setup)> {
    let network = Arc::new(Network::of(2)?);
    let setup = Setup {
        network: Some(Arc::clone(&network)),
        ..watchful()
    };
    Some((network, setup))
}

mod nightly {
    use super::*;

    #[test]
    fn writes_the_bytes_of_a_single_process() {
        let cluster = RunningCluster::start(2);
        for exports in [
            TestExports::sample(2_000, 30_000, 300, 2),
            nasty(),
            nasty().without("batches"),
        ] {
            let out = out();
            let mut run = on(&cluster, &exports, "nightly");
            run.arg("--out").arg(out.path()).assert().success();
            assert_same(&output(out.path()), &embedded(&exports, &[]));
            let entries = fs::read_dir(out.path().join(format!("date={DATE}"))).expect("a folder");
            let is_hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
            assert_eq!(entries.flatten().filter(is_hidden).count(), 0);
        }
    }

    #[test]
    fn executors_on_machines_of_their_own_write_the_same_bytes() {
        let Some((_network, setup)) = apart() else { return };
        let cluster = RunningCluster::start_with(2, setup);
        let (exports, out) = (TestExports::sample(2_000, 30_000, 300, 1), out());
        let mut run = on(&cluster, &exports, "nightly");
        run.arg("--out").arg(out.path()).assert().success();
        assert_same(&output(out.path()), &embedded(&exports, &[]));
    }

    #[test]
    fn leaves_no_personal_data_on_executors() {
        let mut cluster = RunningCluster::start(1);
        let (exports, out) = (TestExports::small(), out());
        on(&cluster, &exports, "nightly")
            .arg("--out")
            .arg(out.path())
            .assert()
            .success();
        let work = cluster.work_folder(0);
        wait_until(|| !has_files(&work.join("exchanged")), "exchanged rows to go");
        cluster.drain_executor(0);
    }

    #[test]
    fn takes_over_what_a_single_process_made_and_the_other_way_round() {
        let cluster = RunningCluster::start(2);
        let exports = on_two_days(TestExports::sample(2_000, 12_000, 40, 1));
        let rename =
            "select * replace (case when user_id = (select min(user_id) from rows) then 'अ' else first_name end
            as first_name) from rows";
        rewrite_parquet(&exports.file("users"), rename);
        let out = out();
        let run = |mut command: Command, day: &str, more: &[&str]| {
            let night = command
                .args(["--date", day, "--out"])
                .arg(out.path())
                .args(more)
                .assert()
                .success();
            let said = String::from_utf8_lossy(&night.get_output().stderr).into_owned();
            assert_eq!(said.contains(": no difference"), more.contains(&"--verify"), "{said}");
            let manifest = fs::read(out.path().join(format!("date={day}/manifest.json"))).expect("a manifest");
            let manifest: Manifest = serde_json::from_slice(&manifest).expect("JSON");
            manifest
                .taken_over
                .map(|taken| (taken.from.to_string(), taken.files > 20, taken.bytes > 0))
        };
        let one_process = || exports.command("nightly");
        assert_eq!(run(one_process(), "2026-11-21", &[]), None);
        let from_first_day = Some(("2026-11-21".to_owned(), true, true));
        assert_eq!(
            run(on(&cluster, &exports, "nightly"), DATE, &["--verify"]),
            from_first_day
        );
        let of_the_cluster = output(out.path());
        assert_eq!(run(one_process(), DATE, &["--full"]), None);
        assert_same(&of_the_cluster, &output(out.path()));
        assert_eq!(run(on(&cluster, &exports, "nightly"), DATE, &["--full"]), None);
        let from_the_cluster = Some((DATE.to_owned(), true, true));
        assert_eq!(run(one_process(), DATE, &["--verify"]), from_the_cluster);
        assert_same(&of_the_cluster, &output(out.path()));
    }

    #[test]
    fn reports_are_private_files() {
        use std::os::unix::fs::PermissionsExt;
        let cluster = RunningCluster::start(1);
        let (exports, out) = (TestExports::small(), out());
        on(&cluster, &exports, "nightly")
            .arg("--out")
            .arg(out.path())
            .assert()
            .success();
        let day = out.path().join(format!("date={DATE}"));
        for (path, _) in files_below(&day) {
            let mode = fs::metadata(day.join(&path)).expect("a file").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{path}: {mode:o}");
        }
    }
}

mod faults {
    use super::*;

    #[test]
    fn a_run_completes_though_an_executor_is_killed_while_it_writes() {
        let mut cluster = RunningCluster::start_with(2, watchful());
        let (exports, out) = (large(), out());
        let mut run = Running::writing(&cluster, &exports, out.path());
        cluster.kill_executor(0);
        assert!(!run.is_over(), "the run was over before the executor was killed");
        let (is_success, talk) = run.end();
        assert!(is_success, "{talk}");
        assert_same(&output(out.path()), &output_of_large(&exports));
    }

    #[test]
    fn a_run_fails_whole_when_its_scheduler_restarts_and_the_next_one_completes() {
        let mut cluster = RunningCluster::start_with(2, watchful());
        let (exports, out) = (large(), out());
        let run = Running::writing(&cluster, &exports, out.path());
        cluster.restart_scheduler();
        let (is_success, talk) = run.end();
        assert!(!is_success, "{talk}");
        let last = talk
            .lines()
            .last()
            .unwrap_or_default()
            .replace(&cluster.port.to_string(), "PORT");
        assert!(last.contains("the scheduler at df://localhost:PORT was lost"), "{talk}");
        assert!(!out.path().join(format!("date={DATE}")).exists());
        on(&cluster, &exports, "nightly")
            .arg("--out")
            .arg(out.path())
            .assert()
            .success();
        assert_same(&output(out.path()), &output_of_large(&exports));
    }

    #[test]
    fn a_run_with_all_executors_lost_fails_and_publishes_nothing() {
        let mut cluster = RunningCluster::start_with(1, watchful());
        let (exports, out) = (large(), out());
        let run = Running::writing(&cluster, &exports, out.path());
        cluster.kill_executor(0);
        let (is_success, talk) = run.end();
        assert!(!is_success, "{talk}");
        assert!(!out.path().join(format!("date={DATE}")).exists());
        cluster.add_executor();
        on(&cluster, &exports, "nightly")
            .arg("--out")
            .arg(out.path())
            .assert()
            .success();
        assert_same(&output(out.path()), &output_of_large(&exports));
    }

    #[test]
    fn a_full_disk_of_an_executor_ends_a_run_with_a_clear_error_or_not_at_all() {
        let Some(disk) = SmallDisk::mount() else { return };
        let mut cluster = RunningCluster::start_with(1, watchful());
        cluster.add_executor_in(&disk.path().join("work"));
        let (exports, out) = (large(), out());
        let (is_success, talk) = Running::start(&cluster, &exports, out.path()).end();
        if is_success {
            assert_same(&output(out.path()), &output_of_large(&exports));
        } else {
            assert!(talk.contains("No space left on device"), "{talk}");
            assert!(!out.path().join(format!("date={DATE}")).exists());
        }
    }

    #[test]
    fn a_run_completes_once_a_network_cut_between_executors_is_over() {
        let Some((network, setup)) = apart() else { return };
        let cluster = RunningCluster::start_with(2, setup);
        let (exports, out) = (large(), out());
        let mut run = Running::start(&cluster, &exports, out.path());
        let works = [0, 1].map(|number| cluster.work_folder(number).join("exchanged"));
        wait_until(
            || works.iter().any(|work| has_files(work)) || run.is_over(),
            "the first exchange",
        );
        network.cut();
        let word = run.said("WARN");
        assert!(
            word.contains("an executor could not fetch rows that another holds"),
            "{word}"
        );
        assert!(!out.path().join(format!("date={DATE}")).exists());
        network.heal();
        let (is_success, talk) = run.end();
        assert!(is_success, "{talk}");
        assert_same(&output(out.path()), &output_of_large(&exports));
    }

    #[test]
    fn a_run_over_a_network_that_stays_cut_fails_and_publishes_nothing() {
        let Some((network, setup)) = apart() else { return };
        let cluster = RunningCluster::start_with(2, setup);
        let (exports, out) = (TestExports::small(), out());
        network.cut();
        let (is_success, talk) = Running::start(&cluster, &exports, out.path()).end();
        assert!(!is_success, "{talk}");
        let last = talk.lines().last().unwrap_or_default();
        assert!(
            last.contains("check that all executors run and reach each other"),
            "{talk}"
        );
        assert!(!out.path().join(format!("date={DATE}")).exists());
        network.heal();
        let mut again = on(&cluster, &exports, "nightly");
        again.arg("--out").arg(out.path()).assert().success();
        assert_same(&output(out.path()), &embedded(&exports, &[]));
    }

    #[test]
    fn an_executor_that_is_told_to_end_ends_its_tasks_first() {
        let mut cluster = RunningCluster::start_with(2, watchful());
        let (exports, out) = (large(), out());
        let run = Running::writing(&cluster, &exports, out.path());
        cluster.drain_executor(1);
        let (is_success, talk) = run.end();
        assert!(is_success, "{talk}");
        assert_same(&output(out.path()), &output_of_large(&exports));
    }
}

mod queries {
    use super::*;

    /// The command says on the cluster what it says in a single process.
    fn assert_same_answer(cluster: &RunningCluster, exports: &TestExports, arguments: &[&str]) {
        let here = exports.output(arguments[0], &arguments[1..]);
        let there = on(cluster, exports, arguments[0])
            .args(&arguments[1..])
            .output()
            .expect("a run");
        let complaint = String::from_utf8_lossy(&there.stderr).into_owned();
        assert!(there.status.success(), "{arguments:?}: {complaint}");
        assert_eq!(String::from_utf8_lossy(&there.stdout), here, "{arguments:?}");
    }

    #[test]
    fn give_what_a_single_process_gives() {
        let cluster = RunningCluster::start(2);
        let exports = nasty();
        for sql in [
            "select count(*), count(distinct user_id) from enrolments",
            "select * from distinct_users order by user_id",
            "select * from distinct_enrolments order by batch_id, user_id",
            "select * from course_progress_report order by batch_id, user_id",
            "select * from download_ratio order by level, course_id, tenant_id, time_window",
            "select batch_id from enrolments where user_id not in (select user_id from users where user_id is not null)
             order by batch_id",
            "select max(n) from (select batch_id, count(*) n from enrolments group by batch_id) where n >
             (select avg(1) from users)",
            "select user_id, count(*) filter (where active) over (partition by user_id) from enrolments order by 1, 2",
            "select user_id, lag(completed_at) ignore nulls over (order by user_id, completed_at) from course_progress
             order by 1, 2",
            "select table_name from information_schema.tables order by 1",
            "select 1 + 1",
            "select * from users where false",
        ] {
            let arguments = ["sql", "--format", "csv", "-c", sql];
            assert_same_answer(&cluster, &exports, &arguments);
        }
    }

    #[test]
    fn reports_and_ratios_are_those_of_a_single_process() {
        let cluster = RunningCluster::start(2);
        let exports = nasty();
        for arguments in [
            &["report", "--batch", "b1"][..],
            &["report", "--batch", "a/../b"],
            &["ratio", "--level", "tenant", "--format", "csv"],
            &["ratio", "--level", "course", "--format", "csv"],
        ] {
            assert_same_answer(&cluster, &exports, arguments);
        }
    }

    #[test]
    fn count_every_row_once_though_an_executor_is_killed() {
        let mut cluster = RunningCluster::start_with(2, watchful());
        let exports = TestExports::sample(5_000, 200_000, 300, 1);
        let sql = "select sum(n), count(*) from (select user_id, sum(n) n from (
                       select user_id, batch_id, count(*) n from enrolments group by user_id, batch_id) group by user_id)";
        let arguments = ["--format", "csv", "-c", sql];
        let here = exports.output("sql", &arguments);
        for victim in 0..4 {
            let mut query = on(&cluster, &exports, "sql");
            query.args(arguments);
            let there = std::thread::spawn(move || query.output().expect("a run"));
            let work = cluster.work_folder(victim);
            wait_until(
                || has_files(&work.join("exchanged")) || there.is_finished(),
                "the first exchange",
            );
            cluster.kill_executor(victim);
            cluster.add_executor();
            let there = there.join().expect("a run");
            let complaint = String::from_utf8_lossy(&there.stderr).into_owned();
            assert!(there.status.success(), "{complaint}");
            assert_eq!(String::from_utf8_lossy(&there.stdout), here);
        }
    }

    #[test]
    fn a_query_that_fails_says_why_in_one_line() {
        let cluster = RunningCluster::start(1);
        let exports = TestExports::small();
        let mut query = on(&cluster, &exports, "sql");
        let complaint = complaint_of(query.args(["-c", "select cast(user_id as int) from users"]), 1);
        assert!(
            complaint.contains("invalid input syntax for type integer"),
            "{complaint}"
        );
    }
}

mod connections {
    use super::*;

    #[test]
    fn an_unreachable_scheduler_is_named() {
        let exports = TestExports::small();
        let complaint = exports.complaint(
            1,
            "sql",
            &["--cluster", "df://localhost:1", "-c", "select user_id from users"],
        );
        insta::assert_snapshot!(wrapped(&complaint), @r"
        error: query: the scheduler at df://localhost:1 cannot be reached: Connection refused (os error
        111); check --cluster, and that `pragati cluster scheduler` runs there
        ");
    }

    #[test]
    fn a_job_without_executors_fails_with_a_message() {
        let cluster = RunningCluster::start_with(0, watchful());
        let exports = TestExports::small();
        let complaint = complaint_of(
            on(&cluster, &exports, "sql").args(["-c", "select user_id from users"]),
            1,
        );
        assert!(complaint.contains("no executor has come"), "{complaint}");
    }

    #[test]
    fn an_invalid_address_is_wrong_usage() {
        let exports = TestExports::small();
        let complaint = exports.complaint(2, "sql", &["--cluster", "localhost:50050", "-c", "select 1"]);
        insta::assert_snapshot!(wrapped(&complaint), @"error: configuration: --cluster: 'localhost:50050' names no scheduler; write df://HOST:PORT");
    }

    #[test]
    fn processes_listen_on_other_addresses_than_loopback_only_when_told() {
        for role in [
            &["scheduler", "--listen", "0.0.0.0:0"][..],
            &["executor", "--listen", "0.0.0.0:0", "--scheduler", "df://localhost"],
        ] {
            let complaint = complaint_of(pragati().arg("cluster").args(role), 1);
            assert!(complaint.contains("--trusted-network"), "{complaint}");
        }
    }

    #[test]
    fn a_work_folder_belongs_to_one_executor_and_leftovers_are_removed() {
        let mut cluster = RunningCluster::start(1);
        let work = cluster.work_folder(0);
        let mut second = pragati();
        second.args([
            "cluster",
            "executor",
            "--listen",
            "127.0.0.1:0",
            "--scheduler",
            &cluster.address(),
        ]);
        let complaint = complaint_of(second.arg("--work-dir").arg(&work), 1);
        assert!(complaint.contains("another executor uses it"), "{complaint}");
        cluster.kill_executor(0);
        let left = work.join("exchanged/job/rows");
        fs::create_dir_all(left.parent().expect("a folder")).expect("a folder");
        fs::write(&left, "somebody's rows").expect("a file");
        cluster.add_executor_in(&work);
        assert!(!left.exists());
    }

    /// An authority, and a certificate of it for processes on this machine.
    fn certificates(folder: &Path) -> Setup {
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().expect("a key");
        let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let own = own.signed_by(&key, &issuer).expect("a certificate");
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let environment = [
            (
                "PRAGATI_CLUSTER__TLS_AUTHORITIES",
                write("authority.pem", certificate.pem()),
            ),
            ("PRAGATI_CLUSTER__TLS_CERTIFICATE", write("own.pem", own.pem())),
            ("PRAGATI_CLUSTER__TLS_KEY", write("key.pem", key.serialize_pem())),
        ];
        Setup {
            environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            ..Setup::default()
        }
    }

    #[test]
    fn with_tls_only_holders_of_a_certificate_are_let_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = certificates(folder.path());
        let cluster = RunningCluster::start_with(2, setup.clone());
        let exports = TestExports::small();
        let mut run = on(&cluster, &exports, "nightly");
        let out = out();
        run.envs(setup.environment.clone())
            .arg("--out")
            .arg(out.path())
            .assert()
            .success();
        assert_same(&output(out.path()), &embedded(&exports, &[]));

        let query = ["-c", "select user_id from users"];
        let plain = complaint_of(on(&cluster, &exports, "sql").args(query), 1);
        let (authorities, path) = &setup.environment[0];
        let mut without_certificate = on(&cluster, &exports, "sql");
        let stranger = complaint_of(without_certificate.env(authorities, path).args(query), 1);
        for complaint in [plain, stranger] {
            assert!(complaint.contains("df://localhost"), "{complaint}");
        }
    }
}
