//! `pragati nightly --keep`: old days go as a whole, what is no output stays, and the history of the ratio is never lost.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::nightly_ratio::late_clicks;
use crate::prepared::{copy_folder, prepared};
use crate::ratio::clicks;
use crate::recorded::can_record;
use crate::support::{TestExports, complaint_of, files_below, pragati, program_made, tests_made};

const DAYS: [&str; 4] = ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"];

/// What a run says that has nothing to say.
const NOTHING: [&str; 0] = [];

/// Exports of four days, with a click each, and the folder of their output.
struct Nights {
    exports: TestExports,
    out: TempDir,
}

impl Nights {
    fn new() -> Self {
        let exports = DAYS.into_iter().fold(TestExports::empty(), |exports, day| {
            exports.small_on(day).table_on(
                "download_events",
                day,
                &clicks(&format!("('m{day}', '{day}T10:00:00', 'c1', 'b1', 't1')")),
            )
        });
        Self {
            exports,
            out: tempfile::tempdir().expect("a folder"),
        }
    }

    /// With the output of these days, a copy of one that tests share.
    fn with(self, days: &[&str]) -> Self {
        let make = |folder: &Path| {
            for day in days {
                self.command_into(folder, day, &[]).assert().success();
            }
            true
        };
        let name = format!("nights-of-{}", days.join("-"));
        let made_from = [program_made(), tests_made()].concat();
        let copied = prepared(&name, &made_from, make, |folder| {
            copy_folder(folder, self.out.path());
        });
        copied.expect("nights");
        self
    }

    fn command(&self, day: &str, arguments: &[&str]) -> assert_cmd::Command {
        self.command_into(self.out.path(), day, arguments)
    }

    fn command_into(&self, out: &Path, day: &str, arguments: &[&str]) -> assert_cmd::Command {
        let mut nightly = self.exports.command("nightly");
        nightly
            .args(["--date", day, "--out"])
            .arg(out)
            .args(arguments)
            // The ratio by day begins with the first click.
            .env("PRAGATI_RATIO__REVISE_DAYS", "1");
        nightly
    }

    /// What the run says, line by line, without that of what it made.
    fn run(&self, day: &str, arguments: &[&str]) -> Vec<String> {
        let output = self.command(day, arguments).output().expect("a run");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.success(), "{said}");
        let said = said.replace(&self.out.path().display().to_string(), "OUT");
        let lines = said.lines().filter(|line| !line.contains(" reports with "));
        lines.map(without_time_and_size).collect()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.out.path().join(name)
    }

    /// The names in the output folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.out.path()).expect("a folder").flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }
}

/// The size of a manifest depends on the time that a run took.
fn without_time_and_size(line: &str) -> String {
    let words = line.split_once(" WARN ").map_or(line, |(_, words)| words);
    let (said, size) = words.rsplit_once(" (").unwrap_or((words, ""));
    if size.ends_with("iB)") { said } else { words }.to_owned()
}

#[test]
fn the_newest_days_stay_readable_and_removed_ones_are_logged() {
    let nights = Nights::new().with(&DAYS[..3]);
    let earlier = files_below(&nights.place("date=2026-11-21"));
    assert_eq!(
        nights.run(DAYS[3], &["--keep", "2"]),
        ["removed the output of 2 days, 2026-11-19 to 2026-11-20"]
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-21", "date=2026-11-22"]);
    assert_eq!(files_below(&nights.place("date=2026-11-21")), earlier);
    let report = |day: &str| {
        let mut report = pragati();
        report
            .args(["report", "--batch", "b1", "--date", day, "--reports"])
            .arg(nights.out.path());
        report
    };
    report("2026-11-21").assert().success();
    let gone = complaint_of(&mut report("2026-11-20"), 1);
    assert!(gone.contains("there is no nightly output of 2026-11-20"), "{gone}");
    // Nothing is old any more.
    assert_eq!(nights.run(DAYS[3], &["--keep", "2"]), NOTHING);
}

#[test]
fn the_number_may_come_from_the_configuration_and_is_at_least_one() {
    let nights = Nights::new().with(&DAYS[..2]);
    let config = nights.exports.config("[nightly]\nkeep = 1\n");
    assert_eq!(nights.run(DAYS[2], &["--config", &config, "--keep", "3"]), NOTHING);
    assert_eq!(
        nights.run(DAYS[3], &["--config", &config]),
        ["removed the output of 3 days, 2026-11-19 to 2026-11-21"]
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-22"]);
    let config = nights.exports.config("[nightly]\nkeep = 0\n");
    let refused = complaint_of(&mut nights.command(DAYS[3], &["--config", &config]), 2);
    let expected = "nightly.keep: expected a whole number of at least 1, found 0";
    assert!(refused.trim_end().ends_with(expected), "{refused}");
    let refused = nights.command(DAYS[3], &["--keep", "0"]).output().expect("a run");
    assert_eq!(refused.status.code(), Some(2));
    let refused = String::from_utf8(refused.stderr).expect("UTF-8");
    assert!(
        refused.starts_with("error: invalid value '0' for '--keep <N>': keep at least 1 day\n"),
        "{refused}"
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-22"]);
}

#[test]
fn the_day_that_was_made_stays_although_it_is_old() {
    let nights = Nights::new().with(&DAYS[1..]);
    assert_eq!(
        nights.run(DAYS[0], &["--keep", "1"]),
        ["removed the output of 2 days, 2026-11-20 to 2026-11-21"]
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-19", "date=2026-11-22"]);
    assert_eq!(
        nights.run(DAYS[3], &["--keep", "1"]),
        ["removed the output of 2026-11-19"]
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-22"]);
}

#[test]
fn only_output_is_removed() {
    let nights = Nights::new().with(&DAYS[..3]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    // Beside the days, among the files of one, and instead of one.
    fs::write(nights.place("date=2026-01-01"), "a file").expect("written");
    fs::create_dir_all(nights.place("date=2026-01-02/csv")).expect("a folder");
    fs::create_dir_all(nights.place("date=2026-01-03")).expect("a folder");
    fs::write(
        nights.place("date=2026-01-03/manifest.json"),
        "{\"files\": [\"../../etc/passwd\"]}",
    )
    .expect("written");
    fs::create_dir_all(nights.place("backup/date=2026-01-04")).expect("a folder");
    fs::write(nights.place("date=2026-11-19/csv/t1/notes.txt"), "by hand").expect("written");
    fs::rename(nights.place("date=2026-11-20"), elsewhere.path().join("moved")).expect("moved");
    symlink(elsewhere.path().join("moved"), nights.place("date=2026-11-20")).expect("a link");
    let before = files_below(nights.out.path());
    let advice = "is not a part of it; move it elsewhere, and the next run removes the day";
    assert_eq!(
        nights.run(DAYS[3], &["--keep", "1"]),
        [
            "OUT/date=2026-01-03/manifest.json is no manifest of 2026-01-03 that this pragati reads".to_owned(),
            format!("the output of 2026-11-19 is old and stays: OUT/date=2026-11-19/csv/t1/notes.txt {advice}"),
            format!("the output of 2026-11-20 is old and stays: OUT/date=2026-11-20 {advice}"),
            "removed the output of 2026-11-21".to_owned(),
        ]
    );
    for (path, content) in before.iter().filter(|(path, _)| !path.starts_with("date=2026-11-21")) {
        assert!(fs::read(nights.place(path)).expect("it stays") == *content, "{path}");
    }
    assert!(elsewhere.path().join("moved/manifest.json").exists());

    fs::remove_file(nights.place("date=2026-11-19/csv/t1/notes.txt")).expect("removed");
    fs::remove_file(nights.place("date=2026-11-20")).expect("removed");
    nights.run(DAYS[3], &["--keep", "1"]);
    assert!(!nights.place("date=2026-11-19").exists());
}

#[test]
fn a_manifest_of_another_day_or_version_is_left_alone() {
    let nights = Nights::new().with(&DAYS[..3]);
    let manifest = |day: &str, from: &str, to: &str| {
        let path = nights.place(&format!("date={day}/manifest.json"));
        let text = fs::read_to_string(&path).expect("a manifest");
        assert!(text.contains(from));
        fs::write(&path, text.replacen(from, to, 1)).expect("written");
    };
    manifest("2026-11-19", "\"format_version\": 1", "\"format_version\": 99");
    manifest("2026-11-20", "\"2026-11-20\"", "\"2026-11-18\"");
    fs::rename(nights.place("date=2026-11-21"), nights.place("date=2026-11-18")).expect("renamed");
    let unknown = ["2026-11-18", "2026-11-19", "2026-11-20"]
        .map(|day| format!("OUT/date={day}/manifest.json is no manifest of {day} that this pragati reads"));
    assert_eq!(nights.run(DAYS[3], &["--keep", "1"]), unknown);
    assert_eq!(
        nights.names(),
        [
            ".pragati.lock",
            "date=2026-11-18",
            "date=2026-11-19",
            "date=2026-11-20",
            "date=2026-11-22"
        ]
    );
}

#[test]
fn removing_days_changes_no_later_ratio() {
    let all_kept = late_clicks(&[]);
    let one_kept = late_clicks(&["--keep", "1"]);
    let ratio = |day: &Path| {
        let files = files_below(day).into_iter();
        files.filter(|(path, _)| path != "manifest.json").collect::<Vec<_>>()
    };
    let newest = "2026-11-22";
    assert!(ratio(&all_kept.day(newest)) == ratio(&one_kept.day(newest)));
    assert!(all_kept.day("2026-11-20").exists() && !one_kept.day("2026-11-20").exists());
    assert!(
        all_kept.by_day(newest, "all").contains("2026-11-18,"),
        "a day that the events do not tell of any more"
    );
}

#[test]
fn a_day_with_history_that_no_later_output_has_stays() {
    let mut nights = Nights::new().with(&DAYS[..1]);
    // The events of the first day are gone, and the next output was made without the first one.
    fs::remove_dir_all(nights.exports.path().join("download_events/date=2026-11-19")).expect("removed");
    nights.exports = nights.exports.table_on(
        "download_events",
        DAYS[1],
        &clicks("('late', '2026-11-20T10:00:00', 'c1', 'b1', 't1')"),
    );
    let config = nights.exports.config("[ratio]\nrevise_days = 1\n");
    let apart = tempfile::tempdir().expect("a folder");
    let mut elsewhere = nights.exports.command("nightly");
    elsewhere
        .args(["--config", &config, "--date", DAYS[1], "--out"])
        .arg(apart.path());
    elsewhere.assert().success();
    fs::rename(apart.path().join("date=2026-11-20"), nights.place("date=2026-11-20")).expect("moved");
    let said = nights.run(DAYS[2], &["--config", &config, "--keep", "1"]);
    let [stays, removed] = said.as_slice() else {
        panic!("{said:?}")
    };
    let (before, after) = stays.split_once(" rows of 2026-11-19, ").expect("the rows");
    assert!(
        before.starts_with("the output of 2026-11-19 is old and stays: its ratio by day has "),
        "{stays}"
    );
    assert_eq!(
        after,
        "which the output of 2026-11-21 does not have; copy it elsewhere and remove it by hand, if they are not needed"
    );
    assert_eq!(removed, "removed the output of 2026-11-20");
    assert!(nights.place("date=2026-11-19").exists());
    // Its history was copied elsewhere.
    fs::remove_dir_all(nights.place("date=2026-11-19")).expect("removed");
    assert_eq!(
        nights.run(DAYS[3], &["--config", &config, "--keep", "1"]),
        ["removed the output of 2026-11-21"]
    );
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-22"]);
}

#[test]
fn days_of_another_time_zone_or_with_a_damaged_ratio_stay() {
    let nights = Nights::new().with(&DAYS[..2]);
    let table = nights.place("date=2026-11-20/download_ratio_by_day/part-00000.parquet");
    let mut bytes = fs::read(&table).expect("a table");
    bytes[4] ^= 0xff;
    fs::write(&table, bytes).expect("written");
    let config = nights.exports.config("timezone = \"America/New_York\"\n");
    let said = nights.run(DAYS[2], &["--config", &config, "--keep", "1"]);
    for part in [
        "the output of 2026-11-19 is old and stays: its ratio is by days of Asia/Kolkata, and that of 2026-11-21 by days of \
         America/New_York",
        "the output of 2026-11-20 is old and stays: its history of the ratio cannot be read: \
         OUT/date=2026-11-20/download_ratio_by_day/part-00000.parquet has not the SHA-256 that its manifest says",
    ] {
        assert!(said.iter().any(|line| line.starts_with(part)), "{part}: {said:?}");
    }
    assert_eq!(
        nights.names(),
        [".pragati.lock", "date=2026-11-19", "date=2026-11-20", "date=2026-11-21"]
    );
}

#[test]
fn a_second_run_at_the_same_time_removes_nothing() {
    let nights = Nights::new().with(&DAYS[..2]);
    let before = files_below(nights.out.path());
    let lock = File::options()
        .append(true)
        .open(nights.place(".pragati.lock"))
        .expect("a lock file");
    lock.lock().expect("the lock");
    let refused = complaint_of(&mut nights.command(DAYS[1], &["--keep", "1"]), 1);
    assert!(refused.contains("another nightly run is writing to"), "{refused}");
    assert_eq!(files_below(nights.out.path()), before);
}

#[test]
fn a_killed_removal_is_finished_by_the_next_run() {
    if !can_record() {
        return;
    }
    let nights = Nights::new().with(&DAYS[..2]);
    let earlier = files_below(&nights.place("date=2026-11-20"));
    let mut nightly = Command::new("strace");
    // The files of two days are removed by many calls; this one is in the middle of them.
    nightly
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=unlinkat",
            "-e",
            "inject=unlinkat:signal=KILL:when=5",
        ])
        .arg(assert_cmd::cargo::cargo_bin("pragati"))
        .args(["nightly", "--date", DAYS[2], "--keep", "2", "--exports"])
        .arg(nights.exports.path())
        .arg("--out")
        .arg(nights.out.path())
        .current_dir(nights.exports.path());
    let killed = nightly.output().expect("a run");
    assert!(!killed.status.success());
    let hidden = ".pragati-removing-date=2026-11-19";
    assert_eq!(
        nights.names(),
        [hidden, ".pragati.lock", "date=2026-11-20", "date=2026-11-21"]
    );
    assert_eq!(files_below(&nights.place("date=2026-11-20")), earlier);
    // Also one that keeps every day.
    nights.run(DAYS[2], &[]);
    assert_eq!(nights.names(), [".pragati.lock", "date=2026-11-20", "date=2026-11-21"]);
}

#[test]
fn a_day_that_cannot_be_removed_is_an_error_after_the_output_is_there() {
    let nights = Nights::new().with(&DAYS[..1]);
    let Some(_readonly) = ReadOnly::mount(&nights.place("date=2026-11-19")) else {
        return;
    };
    let complaint = complaint_of(
        nights
            .command(DAYS[1], &["--keep", "1", "--quiet"])
            .env("PRAGATI_LOG", "off"),
        1,
    );
    let complaint = complaint.replace(&nights.out.path().display().to_string(), "OUT");
    assert_eq!(
        complaint.trim_end(),
        "error: OUT/date=2026-11-20 was published, and older days could not be removed: OUT/date=2026-11-19 cannot be written: \
         Device or resource busy (os error 16); check the folder and its permissions"
    );
    assert!(nights.place("date=2026-11-20/manifest.json").exists());
}

/// A folder that is mounted on itself: it can be neither moved nor removed.
struct ReadOnly(PathBuf);

impl ReadOnly {
    /// None where nothing can be mounted.
    fn mount(folder: &Path) -> Option<Self> {
        let mounted = Command::new("mount").arg("--bind").args([folder, folder]).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        if !is_mounted {
            eprintln!("SKIPPED: a folder that cannot be moved needs root and a bind mount");
        }
        is_mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
