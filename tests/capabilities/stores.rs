//! Exports and output in object stores: S3 and Azure Blob Storage, as servers on this machine speak them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::running_store::RunningStore;
use crate::support::{
    COURSE_PROGRESS, DATE, TestExports, USERS, batches, complaint_of, enrolments, files_below, gzip, wrapped,
};

/// Each check with one kind of store.
macro_rules! in_store {
    ($kind:ident, $start:ident, $($check:ident),+) => {
        mod $kind {
            use super::*;
            $(
                #[test]
                fn $check() {
                    if let Some(store) = RunningStore::$start() {
                        super::$check(&store);
                    }
                }
            )+
        }
    };
}

/// Each check with each kind of store.
macro_rules! in_each_store {
    ($($check:ident),+ $(,)?) => {
        in_store!(s3, s3, $($check),+);
        in_store!(azure, azure, $($check),+);
        in_store!(a_slow_store_that_fails_now_and_then, troubled_s3, $($check),+);
    };
}

in_each_store!(
    a_night_s_run_reads_from_it_and_writes_to_it_and_may_run_again,
    a_report_is_the_same_as_from_disk,
    a_report_from_published_output_is_the_same_also_after_another_run,
    telemetry_is_read_like_that_in_a_folder,
);

mod retention {
    use super::*;

    in_store!(s3, s3, old_days_are_removed_and_a_killed_removal_is_finished);
    in_store!(azure, azure, old_days_are_removed_and_a_killed_removal_is_finished);
    in_store!(
        a_slow_store_that_fails_now_and_then,
        troubled_s3,
        old_days_are_removed_and_a_killed_removal_is_finished
    );
}

mod the_next_night {
    use super::*;

    in_store!(s3, counting_s3, copies_what_did_not_change_and_puts_the_rest);
    in_store!(azure, azure, is_that_of_a_full_run);
    in_store!(a_slow_store_that_fails_now_and_then, troubled_s3, is_that_of_a_full_run);
}

/// Exports of two days; on the second one, a batch has a user more.
fn two_days() -> TestExports {
    let rows = |more: &str| {
        let rows = (0..30).map(|number| format!("('u1', 'c1', 'b{number}', '2026-10-01T00:00:00', true)"));
        enrolments(&(rows.collect::<Vec<_>>().join(", ") + more))
    };
    let listed: Vec<String> = (0..30).map(|number| format!("('b{number}', 'c1', 't1')")).collect();
    let listed = batches(&listed.join(", "));
    let added = ", ('u2', 'c1', 'b7', '2026-10-01T00:00:00', true)";
    let days = [("2026-11-21", rows("")), (DATE, rows(added))];
    days.into_iter().fold(TestExports::empty(), |exports, (day, rows)| {
        exports
            .table_on("users", day, USERS)
            .table_on("enrolments", day, &rows)
            .table_on("course_progress", day, COURSE_PROGRESS)
            .table_on("batches", day, &listed)
    })
}

/// Runs both nights of [`two_days`] and compares the second one with a local full run.
fn is_that_of_a_full_run(store: &RunningStore) {
    let exports = two_days();
    store.upload("exports", &exports);
    let (from, out) = (store.url("exports"), store.url("reports"));
    let local = tempfile::tempdir().expect("a folder");
    for day in ["2026-11-21", DATE] {
        store.output(&["nightly", "--verify", "--date", day, "--exports", &from, "--out", &out]);
        let place = local.path().display().to_string();
        exports.output("nightly", &["--full", "--date", day, "--out", &place]);
    }
    let expected = files_below(&local.path().join(format!("date={DATE}"))).into_iter();
    let expected = expected.filter(|(path, _)| path != "manifest.json").collect();
    assert_published(store, &format!("reports/date={DATE}"), &expected);
}

fn copies_what_did_not_change_and_puts_the_rest(store: &RunningStore) {
    is_that_of_a_full_run(store);
    let manifest = store.read(&format!("reports/date={DATE}/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["taken_over"]["files"], 29);
    assert_eq!(store.requests("COPY"), 29);
    // The first night put everything; the second one report, the mart, three tables in two forms, and its manifest.
    let first = manifest["files"].as_array().expect("files").len() as u64 + 1;
    let uploaded = files_below(two_days().path()).len() as u64;
    let bucket = 1;
    assert_eq!(store.requests("PUT"), bucket + uploaded + first + 1 + 1 + 6 + 1);
    // An object that was replaced is found, and put anew.
    store.write("reports/date=2026-11-22/csv/t1/b3.csv", b"something else");
    let (from, out) = (store.url("exports"), store.url("reports"));
    store.output(&["nightly", "--exports", &from, "--out", &out]);
    let manifest = store.read(&format!("reports/date={DATE}/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["taken_over"]["files"], 30);
    let listed = manifest["files"].as_array().expect("files").iter();
    let path = listed
        .filter_map(|file| file["path"].as_str())
        .find(|path| path.ends_with("csv/t1/b3.csv"));
    let report = store.read(&format!("reports/date={DATE}/{}", path.expect("a path")));
    let report = String::from_utf8(report).expect("UTF-8");
    assert_eq!(report.trim_start_matches('\u{feff}'), two_days().report("b3", &[]));
}

mod layouts {
    use super::*;

    in_store!(s3, s3, exports_of_other_tools_are_read_or_refused_as_from_disk);
    in_store!(azure, azure, exports_of_other_tools_are_read_or_refused_as_from_disk);

    #[cfg(feature = "delta")]
    mod delta {
        use super::*;

        in_store!(s3, s3, a_table_of_delta_lake_is_read_through_its_log);
        in_store!(azure, azure, a_table_of_delta_lake_is_read_through_its_log);
    }
}

#[cfg(feature = "cluster")]
mod on_a_cluster {
    use super::*;

    in_each_store!(executors_read_from_it_and_write_to_it_and_a_second_run_replaces_the_first);
}

/// The files of a day, but for the manifest, by their paths.
fn local_files(exports: &TestExports) -> BTreeMap<String, Vec<u8>> {
    let (_out, day) = exports.nightly(&[]);
    let files = files_below(&day).into_iter();
    files.filter(|(path, _)| path != "manifest.json").collect()
}

/// Compares the published files of a day with those of a run on local disk, and looks for others.
fn assert_published(store: &RunningStore, day: &str, expected: &BTreeMap<String, Vec<u8>>) {
    let manifest = store.read(&format!("{day}/manifest.json"));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let listed = manifest["files"].as_array().expect("files");
    assert_eq!(listed.len(), expected.len());
    for file in listed {
        let path = file["path"].as_str().expect("a path");
        // A later run has a folder of its own in the day's.
        let in_run = path.split_once('/').and_then(|(_run, path)| expected.get(path));
        let found = store.read(&format!("{day}/{path}"));
        assert!(Some(&found) == expected.get(path).or(in_run), "{path} differs");
        assert_eq!(Some(found.len() as u64), file["bytes"].as_u64(), "{path}");
    }
    // What an earlier run wrote is gone.
    assert_eq!(store.list(day).len(), listed.len() + 1);
}

fn a_night_s_run_reads_from_it_and_writes_to_it_and_may_run_again(store: &RunningStore) {
    let exports = TestExports::small();
    store.upload("exports", &exports);
    let expected = local_files(&exports);
    // The reports, and the ratio tables: the second run finds the same figures and keeps their revisions.
    for _run in 0..2 {
        let (exports, out) = (store.url("exports"), store.url("reports"));
        store.output(&["nightly", "--exports", &exports, "--out", &out]);
        assert_published(store, &format!("reports/date={DATE}"), &expected);
    }
}

fn old_days_are_removed_and_a_killed_removal_is_finished(store: &RunningStore) {
    let days = ["2026-11-20", "2026-11-21", DATE];
    let exports = days.into_iter().fold(TestExports::empty(), TestExports::small_on);
    let (from, out) = (exports.path().display().to_string(), store.url("out"));
    let run = |day: &str, more: &[&str]| {
        let mut nightly = store.command(&["nightly", "--exports", &from, "--out", &out, "--date", day]);
        let output = nightly.args(more).output().expect("a run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    let days_of = |paths: Vec<String>| {
        let days = paths
            .into_iter()
            .filter_map(|path| Some(path.split('/').nth(1)?.to_owned()));
        days.collect::<BTreeSet<_>>()
    };
    run(days[0], &[]);
    run(days[1], &[]);
    // What a removal leaves that was killed after it had hidden the day.
    let (manifest, hidden) = (
        "out/date=2026-11-20/manifest.json",
        "out/.pragati-removing/date=2026-11-20.json",
    );
    store.write(hidden, store.read(manifest));
    store.remove(manifest);
    store.write("out/date=2026-11-21/notes.txt", b"by hand");
    store.write(
        "out/date=2026-11-21/run=20261121T203000000Z/csv/t1/b1.csv",
        b"of a killed run",
    );
    store.write("out/date=2026-01-01/csv/t1/b1.csv", b"no output");
    let said = run(days[2], &["--keep", "1"]);
    assert!(said.contains("date=2026-11-21/notes.txt is not a part of it"), "{said}");
    let left = ["date=2026-01-01", "date=2026-11-21", "date=2026-11-22"].map(str::to_owned);
    assert_eq!(days_of(store.list("out")), BTreeSet::from(left));
    store.output(&["report", "--reports", &out, "--batch", "b1", "--date", days[1]]);

    store.remove("out/date=2026-11-21/notes.txt");
    let said = run(days[2], &["--keep", "1"]);
    assert!(said.contains("removed the output of 2026-11-21"), "{said}");
    let left = ["date=2026-01-01", "date=2026-11-22"].map(str::to_owned);
    assert_eq!(days_of(store.list("out")), BTreeSet::from(left));

    // A day that is made again while something is left of the removed one: what is new stays.
    run(days[1], &[]);
    let removed = store.read("out/date=2026-11-21/manifest.json");
    run(days[1], &[]);
    store.write("out/.pragati-removing/date=2026-11-21.json", removed);
    store.write("out/date=2026-11-21/csv/t1/b1.csv", b"left");
    run(days[2], &[]);
    store.output(&["report", "--reports", &out, "--batch", "b1", "--date", days[1]]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&store.read("out/date=2026-11-21/manifest.json")).expect("JSON");
    let listed = manifest["files"].as_array().expect("files").len();
    assert_eq!(store.list("out/date=2026-11-21").len(), listed + 1);
    assert_eq!(store.list("out/.pragati-removing"), [] as [String; 0]);
}

fn a_report_is_the_same_as_from_disk(store: &RunningStore) {
    let exports = TestExports::small();
    store.upload("deep/er", &exports);
    let report = store.output(&["report", "--exports", &store.url("deep/er"), "--batch", "b1"]);
    assert_eq!(report, TestExports::small_report());
}

fn a_report_from_published_output_is_the_same_also_after_another_run(store: &RunningStore) {
    let exports = TestExports::small();
    store.upload("exports", &exports);
    let sums = "select tenant_id, count(*) as n, count(completion_date) as c from course_progress_report group by 1";
    let (expected, expected_sums) = (TestExports::small_report(), exports.output("sql", &["-c", sums]));
    for _run in 0..2 {
        let out = store.url("out");
        store.output(&["nightly", "--exports", &store.url("exports"), "--out", &out]);
        let report = store.output(&["report", "--reports", &out, "--batch", "b1"]);
        assert_eq!(report, expected);
        assert_eq!(report.lines().count(), 3);
        // So are the rows of the view, which SQL reads from it.
        let explain = format!("explain {sums}");
        let from = store.url("exports");
        let found = store.output(&["sql", "--exports", &from, "--reports", &out, "-c", sums, "-c", &explain]);
        assert!(found.starts_with(&expected_sums), "{found}");
        assert!(found.contains(&format!("ReportMartExec: mart of {DATE}")), "{found}");
    }
}

fn exports_of_other_tools_are_read_or_refused_as_from_disk(store: &RunningStore) {
    let exports = TestExports::small();
    let expected = exports.report("b1", &[]);
    let day = exports.file("enrolments").with_file_name("hour=07");
    fs::create_dir(&day).expect("a folder");
    fs::rename(exports.file("enrolments"), day.join("000000_0")).expect("moved");
    let batches = exports.file("batches");
    let batches = batches.parent().expect("a folder");
    fs::rename(batches, batches.with_file_name("dt=20261122")).expect("renamed");
    let users = exports.file("users");
    fs::write(users.with_file_name("README.txt"), "not a table").expect("written");
    fs::rename(&users, users.with_file_name("PART-0.PARQUET")).expect("renamed");
    // An optional table that comes a day late, and a folder with nearly the name of one.
    let names = "select 'c1' as course_id, 'Physics' as course_name";
    let exports = exports.table_on("courses", "2026-11-21", names);
    let exports = exports.table("Tenant", "select 't1' as tenant_id, 'Odisha' as tenant_name");
    // A day as Spark names the folder of a timestamp: the `%` is in the key itself.
    let progress = fs::read(exports.file("course_progress")).expect("a file");
    let exports = exports.without("course_progress");
    store.write(
        "layout/course_progress/date=2026-11-22 00%3A00%3A00/part-0.c000.PARQUET",
        &progress,
    );
    store.upload("layout", &exports);
    let url = store.url("layout");
    assert_eq!(store.output(&["report", "--batch", "b1", "--exports", &url]), expected);
    store.output(&["nightly", "--exports", &url, "--out", &store.url("reports")]);
    let of_night = local_files(&TestExports::small());
    assert_published(store, &format!("reports/date={DATE}"), &of_night);
    let checked = store.output(&["check", "--exports", &url]);
    for words in [
        "README.txt is not Parquet",
        "table courses: there is no file of 2026-11-22, although there is a folder of 2026-11-21",
        "layout/Tenant' is not read",
        "rename it to tenants or set tables.tenants.path",
    ] {
        assert!(checked.contains(words), "'{words}' is not in: {checked}");
    }
    let compressed = "layout/course_progress/date=2026-11-22 00%3A00%3A00/part-1.parquet.gz";
    store.write(compressed, gzip(&progress));
    let refused = complaint_of(store.command(&["check"]).args(["--exports", &url]), 1);
    assert!(
        refused.contains(compressed) && refused.contains("decompress it"),
        "{refused}"
    );
    store.remove(compressed);
    fs::create_dir(exports.path().join("users/_delta_log")).expect("a folder");
    fs::write(exports.path().join("users/_delta_log/00000000000000000000.json"), "{}").expect("written");
    store.upload("layout", &exports);
    let refused = complaint_of(store.command(&["check"]).args(["--exports", &url]), 1);
    assert!(refused.contains("table users is a table of Delta Lake"), "{refused}");
}

fn telemetry_is_read_like_that_in_a_folder(store: &RunningStore) {
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
    store.upload("exports", &exports);
    let queries = [
        "select * from distinct_download_events order by mid",
        "select count(*) as events from download_events",
        "select * from malformed_telemetry order by file, line",
    ];
    for query in queries {
        let arguments = ["sql", "--format", "csv", "-c", query];
        let stored = store.output(&[&arguments[..], &["--exports", &store.url("exports")]].concat());
        assert_eq!(stored, exports.output("sql", &arguments[1..]), "{query}");
        assert!(stored.lines().count() > 1, "{query}: {stored}");
    }
}

#[cfg(feature = "cluster")]
fn executors_read_from_it_and_write_to_it_and_a_second_run_replaces_the_first(store: &RunningStore) {
    use crate::running_cluster::{RunningCluster, Setup};
    let cluster = RunningCluster::start_with(
        2,
        Setup {
            environment: store.environment.clone(),
            ..Setup::default()
        },
    );
    let exports = TestExports::sample(1_000, 12_000, 60, 1);
    store.upload("exports", &exports);
    let expected = local_files(&exports);
    let (address, out) = (cluster.address(), store.url("reports"));
    for _run in 0..2 {
        let exports = store.url("exports");
        store.output(&["nightly", "--cluster", &address, "--exports", &exports, "--out", &out]);
        assert_published(store, &format!("reports/date={DATE}"), &expected);
    }
    let largest = expected
        .iter()
        .filter(|(path, _)| path.starts_with("csv/"))
        .max_by_key(|(_, bytes)| bytes.len());
    let (path, _) = largest.expect("a report");
    let batch = path.rsplit('/').next().expect("a name").trim_end_matches(".csv");
    let report = store.output(&["report", "--reports", &out, "--batch", batch]);
    assert_eq!(report, exports.report(batch, &[]));
}

mod encryption {
    use super::*;

    #[test]
    fn what_is_written_to_s3_is_encrypted_as_the_environment_says() {
        let Some(store) = RunningStore::s3() else { return };
        store.upload("exports", &TestExports::small());
        let with_key = [
            ("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms"),
            ("AWS_SSE_KMS_KEY_ID", "reports-key"),
        ];
        for (out, variables) in [
            ("plain", &[("AWS_SERVER_SIDE_ENCRYPTION", "AES256")][..]),
            ("keyed", &with_key),
        ] {
            let arguments = ["nightly", "--exports", &store.url("exports"), "--out", &store.url(out)];
            store
                .command(&arguments)
                .envs(variables.iter().copied())
                .assert()
                .success();
            let places = store.list(out);
            assert!(places.len() > 3, "{places:?}");
            for place in places {
                let headers = store.head(&place);
                let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("text").to_owned());
                assert_eq!(
                    header("x-amz-server-side-encryption").as_deref(),
                    Some(variables[0].1),
                    "{place}"
                );
                let key = header("x-amz-server-side-encryption-aws-kms-key-id");
                assert_eq!(key.as_deref(), variables.get(1).map(|(_, key)| *key), "{place}");
            }
        }
    }
}

mod credentials {
    use super::*;

    const KEY: &str = "AKIDOFTHISTEST";
    const OF_THE_TEST: [&str; 2] = ["--only", KEY];

    /// Runs a report, with these variables in place of keys.
    fn report(store: &RunningStore, variables: &[(&str, &str)]) -> assert_cmd::Command {
        let exports = store.url("exports");
        let mut command = store.command(&["report", "--exports", &exports, "--batch", "b1"]);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        command.envs(variables.iter().copied());
        command
    }

    /// A store that only holders of the key may read, with exports, which a process with the key in its environment wrote.
    fn guarded(options: &[&str]) -> Option<RunningStore> {
        let mut store = RunningStore::s3_with(&[&OF_THE_TEST, options].concat())?;
        store.sign_with(KEY);
        store.upload("exports", &TestExports::small());
        Some(store)
    }

    fn assert_reads(mut command: assert_cmd::Command) {
        let output = command.output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), TestExports::small_report());
    }

    #[test]
    fn a_profile_of_keys_or_of_a_program_opens_s3() {
        let Some(store) = guarded(&[]) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let (keys, settings) = (folder.path().join("credentials"), folder.path().join("config"));
        let given = format!(r#"{{"Version":1,"AccessKeyId":"{KEY}","SecretAccessKey":"test"}}"#);
        let program = format!("echo '{given}'");
        let of_keys = format!("[reader]\naws_access_key_id = {KEY}\naws_secret_access_key = test\n");
        fs::write(&keys, of_keys).expect("a file");
        fs::write(
            &settings,
            format!("[profile program]\ncredential_process = {program}\n"),
        )
        .expect("a file");
        let files = [
            ("AWS_SHARED_CREDENTIALS_FILE", keys.to_str().expect("UTF-8")),
            ("AWS_CONFIG_FILE", settings.to_str().expect("UTF-8")),
        ];
        let with = |profile| [&files[..], &[("AWS_PROFILE", profile)]].concat();
        assert_reads(report(&store, &with("reader")));
        assert_reads(report(&store, &with("program")));
        // Keys in the environment itself come first.
        let more = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", "test")];
        assert_reads(report(&store, &[&with("nobody")[..], &more].concat()));

        let complaint = complaint_of(&mut report(&store, &with("nobody")), 1);
        let complaint = complaint.replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(wrapped(&complaint), @r"
        error: s3://lake/exports/telemetry cannot be listed: The operation lacked valid authentication
        credentials for path s3: profile 'nobody' (AWS_PROFILE) gives no credentials: profile `nobody` was
        not defined: could not find source profile nobody referenced from the root profile; check the
        address and the credentials in the environment
        ");
    }

    #[test]
    fn the_role_of_a_machine_opens_s3() {
        let Some(store) = guarded(&["--role", KEY]) else {
            return;
        };
        let endpoint = [("AWS_METADATA_ENDPOINT", store.endpoint.as_str())];
        assert_reads(report(&store, &endpoint));
    }

    #[test]
    fn a_key_that_s3_does_not_know_is_named_as_such_and_never_shown() {
        let Some(store) = guarded(&[]) else { return };
        let keys = [
            ("AWS_ACCESS_KEY_ID", "AKIDOFSOMEBODY"),
            ("AWS_SECRET_ACCESS_KEY", "hush"),
        ];
        let complaint = complaint_of(&mut report(&store, &keys), 1);
        assert!(complaint.contains("Access Denied"), "{complaint}");
        assert!(
            !complaint.contains("hush") && !complaint.contains("AKIDOFSOMEBODY"),
            "{complaint}"
        );
    }
}

#[cfg(feature = "delta")]
fn a_table_of_delta_lake_is_read_through_its_log(store: &RunningStore) {
    store.upload("lake", &crate::delta::with_a_file_that_does_not_count());
    let report = store.output(&["report", "--batch", "b1", "--exports", &store.url("lake")]);
    assert_eq!(report, TestExports::small_report());
}
