//! The memory limit: what does not fit is spilled to temporary files, which are always removed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pragati::catalog::Catalog;
use pragati::config::Config;
use tokio::runtime::Runtime;

use crate::support::{SmallDisk, TestExports, complaint_of, wrapped};

/// How long anything here may take; a plan that waits for itself never ends.
const PATIENCE: Duration = Duration::from_secs(180);

const LIMIT: &str = "16MB";
const COPIES: usize = 8;
/// Sorts about 110 MB: every enrolment several times, with 1,080 bytes of filling.
const WIDE_SORT: &str = "select batch_id, user_id, copy, repeat(user_id, 30) as filling \
                         from enrolments cross join generate_series(1, 8) as copy order by filling desc, batch_id, copy";

fn exports() -> TestExports {
    TestExports::sample(2_000, 12_000, 40, 1)
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_sort_of_seven_times_the_limit_ends_and_is_right() {
    let exports = exports();
    let enrolments = exports.output("sql", &["--format", "csv", "-c", "select count(*) from enrolments"]);
    let enrolments: usize = enrolments.lines().nth(1).expect("a count").parse().expect("a number");
    let temp = tempfile::tempdir().expect("a folder");
    for threads in ["1", "2", "5"] {
        let mut command = exports.command("sql");
        command
            .args([
                "--memory-limit",
                LIMIT,
                "--threads",
                threads,
                "--format",
                "csv",
                "-c",
                WIDE_SORT,
            ])
            .arg("--temp-dir")
            .arg(temp.path());
        let output = command.timeout(PATIENCE).output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{threads} threads: {complaint}");
        let mut rows = 0;
        let mut seen: HashMap<(String, String), [usize; COPIES]> = HashMap::new();
        let mut before: Option<(String, String, usize)> = None;
        for row in csv::Reader::from_reader(output.stdout.as_slice()).into_deserialize() {
            let (batch, user, copy, filling): (String, String, usize, String) = row.expect("a row");
            assert_eq!(filling, user.repeat(30));
            if let Some((earlier_filling, earlier_batch, earlier_copy)) = before {
                let is_in_order = earlier_filling > filling
                    || earlier_filling == filling && (&earlier_batch, earlier_copy) <= (&batch, copy);
                assert!(is_in_order, "{threads} threads: {user} {batch} {copy}");
            }
            before = Some((filling, batch.clone(), copy));
            seen.entry((batch, user)).or_default()[copy - 1] += 1;
            rows += 1;
        }
        assert_eq!(rows, enrolments * COPIES, "{threads} threads");
        assert!(seen.values().all(|times| times.iter().all(|&each| each == times[0])));
        assert_eq!(names_in(temp.path()), [] as [String; 0]);
    }
}

#[test]
fn a_query_that_is_killed_while_it_spills_leaves_nothing_behind() {
    let exports = exports();
    let temp = tempfile::tempdir().expect("a folder");
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
        .args(["sql", "--memory-limit", LIMIT, "-c", WIDE_SORT, "--exports"])
        .arg(exports.path())
        .arg("--temp-dir")
        .arg(temp.path())
        .current_dir(temp.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a run");
    let deadline = Instant::now() + PATIENCE;
    while !has_spilled(&run, temp.path()) {
        assert!(
            run.try_wait().expect("a state").is_none(),
            "the query ended without spilling"
        );
        assert!(Instant::now() < deadline, "nothing was spilled");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(names_in(temp.path()), [] as [String; 0]);
    run.kill().expect("killed");
    run.wait().expect("an end");
    assert_eq!(names_in(temp.path()), [] as [String; 0]);
}

#[test]
fn an_answer_of_many_rows_takes_no_more_memory_than_one_of_few() {
    let exports = TestExports::small();
    for format in ["csv", "ndjson", "table"] {
        let peak = |rows: u32| {
            let sql =
                format!("select value, repeat('filling ', 10) as filling from generate_series(1, {rows}) as value");
            let mut run = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
                .args(["sql", "--format", format, "-o", "/dev/null", "-c", &sql, "--exports"])
                .arg(exports.path())
                .current_dir(exports.path())
                .spawn()
                .expect("a run");
            let mut peak = 0;
            let deadline = Instant::now() + PATIENCE;
            while run.try_wait().expect("a state").is_none() {
                assert!(Instant::now() < deadline, "{format}: {rows} rows take for ever");
                peak = peak_memory(&run).unwrap_or(peak);
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(run.wait().expect("an end").success());
            peak
        };
        // The larger answer is 100 MB more.
        let (few, many) = (peak(50_000), peak(1_000_000));
        assert!(
            many < few + 40_000_000,
            "{format}: {few} bytes for few rows, {many} for many"
        );
    }
}

/// The most memory that the process had until now, in bytes.
fn peak_memory(run: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", run.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Whether the process holds an unnamed file of the folder open.
fn has_spilled(run: &Child, folder: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{}/fd", run.id())) else {
        return false;
    };
    let folder = folder.canonicalize().expect("a folder");
    open.flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.starts_with(&folder) && target.to_string_lossy().ends_with("(deleted)"))
}

#[test]
fn a_full_disk_of_temporary_files_is_named() {
    let Some(disk) = SmallDisk::mount() else { return };
    let exports = exports();
    let mut command = exports.command("sql");
    command
        .args(["--memory-limit", LIMIT, "--threads", "1", "-c", WIDE_SORT])
        .arg("--temp-dir")
        .arg(disk.path());
    insta::assert_snapshot!(wrapped(&complaint_of(&mut command, 1)), @r"
    error: query: no space left for temporary files; free space or name a larger disk with --temp-dir
    ");
    assert_eq!(names_in(disk.path()), [] as [String; 0]);
}

#[test]
fn a_full_disk_of_mapped_tables_is_named() {
    let Some(disk) = SmallDisk::mount() else { return };
    let exports = exports();
    let queries = exports.path().join("queries");
    fs::create_dir_all(queries.join("staging/mine")).expect("a folder");
    let mine = "-- One row: one enrolment, three times.\nselect * from all_enrolments
        union all select * from all_enrolments union all select * from all_enrolments";
    fs::write(queries.join("staging/mine/enrolments.sql"), mine).expect("a file");
    let settings = format!(
        "queries = '{}'\n[tables.enrolments]\nsql = 'staging/mine/enrolments.sql'\n[tables.all_enrolments]\npath = '{}'\n",
        queries.display(),
        exports.path().join("enrolments").display()
    );
    let mut command = exports.command("check");
    command
        .args(["--quiet", "--config", &exports.config(&settings), "--temp-dir"])
        .arg(disk.path());
    assert_eq!(
        complaint_of(&mut command, 1).trim_end(),
        "error: rows of enrolments: no space left for temporary files; free space or name a larger disk with --temp-dir"
    );
    assert_eq!(names_in(disk.path()), [] as [String; 0]);
}

#[test]
fn the_tables_of_a_snapshot_end_with_it() {
    let exports = TestExports::small();
    let config = Config {
        exports: Some(exports.path().display().to_string()),
        ..Config::default()
    };
    Runtime::new().expect("a runtime").block_on(async {
        // A service opens the exports again and again, to look whether there is anything newer.
        let catalog = Catalog::open(&config).await.expect("a snapshot");
        let mut tables = Vec::new();
        for name in ["users", "download_requests", "enrolment_details"] {
            let table = catalog.session.table_provider(name).await.expect(name);
            tables.push((name, Arc::downgrade(&table)));
        }
        drop(catalog);
        for (name, table) in tables {
            assert!(table.upgrade().is_none(), "{name} is kept");
        }
    });
}

#[test]
fn a_temporary_folder_that_cannot_be_made_is_named() {
    let exports = TestExports::small();
    let below_a_file = exports.file("users").join("temp");
    let mut command = exports.command("sql");
    command.args(["-c", "select 1", "--temp-dir"]).arg(&below_a_file);
    let complaint = complaint_of(&mut command, 1).replace(&below_a_file.display().to_string(), "TEMP");
    insta::assert_snapshot!(wrapped(&complaint), @r"
    error: the engine cannot start: temporary folder TEMP: Not a directory (os error 20); check
    memory_limit, threads and temp_dir
    ");
}
