//! Incremental nights: what did not change is taken over from an earlier output, and nothing else is.

mod exports;
mod histories;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pragati::nightly::manifest::{Content, Manifest, TakenOver};
use serde_json::Value;
use tempfile::TempDir;

use crate::prepared::{copy_folder, prepared};
use crate::support::{TestExports, files_below, program_made, rewrite_parquet, wrapped};

const DAYS: [&str; 2] = ["2026-11-21", "2026-11-22"];
/// Users, enrolments, batches and days of the exports.
const SIZES: [usize; 4] = [2_000, 12_000, 40, 1];

/// Exports whose only day is another day too, the one before.
pub fn on_two_days(exports: TestExports) -> TestExports {
    for table in fs::read_dir(exports.path()).expect("a folder").flatten() {
        let (only, first) = (
            table.path().join("date=2026-11-22"),
            table.path().join("date=2026-11-21"),
        );
        if only.is_dir() {
            fs::create_dir_all(&first).expect("a folder");
            copy_folder(&only, &first);
        }
    }
    exports
}

/// Two days of exports in which little changes, and an output folder.
struct Nights {
    exports: TestExports,
    out: TempDir,
}

impl Nights {
    /// The first night is over: all tests have a copy of its output.
    fn new() -> Self {
        let [users, enrolments, batches, days] = SIZES;
        let nights = Self {
            exports: on_two_days(TestExports::sample(users, enrolments, batches, days)),
            out: tempfile::tempdir().expect("a folder"),
        };
        let made_from = [format!("{DAYS:?} {SIZES:?} ").into_bytes(), program_made()].concat();
        let make = |folder: &Path| {
            let folder = folder.display().to_string();
            nights.exports.output("nightly", &["--date", DAYS[0], "--out", &folder]);
            true
        };
        let copied = prepared("first-night", &made_from, make, |folder| {
            copy_folder(folder, nights.out.path());
        });
        copied.expect("a night");
        nights
    }

    fn day(&self, day: &str) -> PathBuf {
        self.out.path().join(format!("date={day}"))
    }

    /// Runs a night and gives its manifest, and what it said.
    fn run_and_talk(&self, day: &str, arguments: &[&str]) -> (Manifest, String) {
        let out = self.out.path().display().to_string();
        let all = [&["--date", day, "--out", out.as_str()], arguments].concat();
        let (_, talk) = self.exports.output_and_talk("nightly", &all);
        (manifest(&self.day(day)), talk.replace(&out, "OUT"))
    }

    fn run(&self, day: &str, arguments: &[&str]) -> Manifest {
        self.run_and_talk(day, arguments).0
    }

    /// The files that the second night takes over.
    fn taken(&self, arguments: &[&str]) -> u64 {
        let manifest = self.run(DAYS[1], arguments);
        manifest.taken_over.map_or(0, |taken| taken.files)
    }

    /// The paths of the reports and of the files of the mart.
    fn comparable(&self, day: &str) -> Vec<String> {
        let files = manifest(&self.day(day)).files.into_iter();
        let is_comparable =
            |content: &Content| matches!(content, Content::ReportCsv { .. } | Content::ReportMart { .. });
        files
            .filter(|file| is_comparable(&file.content))
            .map(|file| file.path)
            .collect()
    }

    fn inode(&self, day: &str, path: &str) -> u64 {
        fs::metadata(self.day(day).join(path)).expect("a file").ino()
    }

    /// Compares the second night's files with those of a full run.
    fn assert_as_full(&self, arguments: &[&str]) {
        let found = files_but_manifest(&self.day(DAYS[1]));
        let made = self.run(DAYS[1], &[arguments, &["--full"]].concat());
        assert_eq!(made.taken_over, None);
        let full = files_but_manifest(&self.day(DAYS[1]));
        assert_eq!(found.keys().collect::<Vec<_>>(), full.keys().collect::<Vec<_>>());
        for (path, bytes) in &full {
            assert!(&found[path] == bytes, "{path} differs");
        }
    }

    /// Changes the rows of some batches on the second day.
    fn change(self, table: &str, sql: &str) -> Self {
        rewrite_parquet(&self.exports.file(table), sql);
        self
    }
}

fn manifest(day: &Path) -> Manifest {
    let text = fs::read(day.join("manifest.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("the manifest's form")
}

fn files_but_manifest(day: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files_below(day).into_iter();
    files.filter(|(path, _)| path != "manifest.json").collect()
}

mod taking_over {
    use super::*;

    #[test]
    fn a_night_without_changes_links_every_report_and_every_file_of_the_mart() {
        let nights = Nights::new();
        let manifest = nights.run(DAYS[1], &[]);
        let files = nights.comparable(DAYS[1]);
        let marts = files.iter().filter(|path| path.starts_with("course_progress_report/"));
        assert!(marts.count() > 2, "the mart has several files");
        let bytes = manifest
            .files
            .iter()
            .filter(|file| files.contains(&file.path))
            .map(|file| file.bytes);
        let expected = TakenOver {
            from: "2026-11-21".parse().expect("a day"),
            files: files.len() as u64,
            bytes: bytes.sum(),
        };
        assert_eq!(manifest.taken_over, Some(expected));
        for path in &files {
            assert_eq!(nights.inode(DAYS[0], path), nights.inode(DAYS[1], path), "{path}");
        }
        nights.assert_as_full(&[]);
    }

    #[test]
    fn a_changed_batch_is_made_anew_and_its_neighbours_are_not() {
        let first = "(select min(batch_id) from rows where active)";
        let change = format!(
            "select * replace (case when batch_id = {first} then enrolled_at + interval '40 days' else enrolled_at end
                as enrolled_at) from rows"
        );
        let nights = Nights::new().change("enrolments", &change);
        nights.run(DAYS[1], &["--verify"]);
        let files = nights.comparable(DAYS[1]);
        let (made, taken): (Vec<_>, Vec<_>) = files.iter().partition(|path| {
            let earlier = nights.day(DAYS[0]).join(path);
            !earlier.exists() || nights.inode(DAYS[0], path) != nights.inode(DAYS[1], path)
        });
        let reports = made.iter().filter(|path| path.starts_with("csv/")).count();
        assert_eq!((reports, made.len()), (1, 2), "{made:?}");
        assert!(taken.len() > 40, "{taken:?}");
        nights.assert_as_full(&[]);
    }

    #[test]
    fn a_user_who_changed_is_changed_in_every_batch() {
        let change = "select * replace (case when user_id = (select min(user_id) from rows) then 'चित्रा'
            else first_name end as first_name) from rows";
        let nights = Nights::new().change("users", change);
        nights.run(DAYS[1], &["--verify", "--memory-limit", "50MB"]);
        nights.assert_as_full(&[]);
    }

    #[test]
    fn where_the_queries_run_as_they_are_files_are_taken_over_too() {
        let change = "select * replace (case when user_id = (select min(user_id) from rows) then 'चित्रा'
            else first_name end as first_name) from rows";
        let nights = Nights::new().change("users", change);
        let queries = tempfile::tempdir().expect("a folder");
        fs::create_dir(queries.path().join("reports")).expect("a folder");
        let built_in = include_str!("../../queries/reports/all_reports.sql");
        let own = queries.path().join("reports/all_reports.sql");
        fs::write(own, format!("{}, tenant_id", built_in.trim_end())).expect("a query");
        let queries = queries.path().display().to_string();
        let of_the_site = ["--queries", queries.as_str(), "--verify"];
        // The queries are digested as text, so the usual output has the same basis; its fingerprints are of other things.
        nights.run(DAYS[0], &of_the_site);
        let files = nights.comparable(DAYS[0]).len() as u64;
        let taken = nights.run(DAYS[0], &of_the_site).taken_over.expect("something");
        assert_eq!(taken.files, files);
        let taken = nights.run(DAYS[1], &of_the_site).taken_over.expect("something");
        assert!(taken.files > 20 && taken.files < files, "{taken:?} of {files}");
        nights.assert_as_full(&of_the_site[..2]);
    }

    #[test]
    fn a_run_for_the_same_day_takes_over_from_that_day() {
        let nights = Nights::new();
        let manifest = nights.run(DAYS[0], &[]);
        let taken = manifest.taken_over.expect("something");
        assert_eq!(taken.from.to_string(), DAYS[0]);
        assert_eq!(taken.files as usize, nights.comparable(DAYS[0]).len());
    }

    #[test]
    fn files_stay_for_their_owner_alone_and_outlive_the_earlier_day() {
        let nights = Nights::new();
        nights.run(DAYS[1], &[]);
        fs::remove_dir_all(nights.day(DAYS[0])).expect("removed");
        for path in nights.comparable(DAYS[1]) {
            let mode = fs::metadata(nights.day(DAYS[1]).join(&path))
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{path}");
        }
        let rows: u64 = manifest(&nights.day(DAYS[1])).counts.rows_reported;
        assert!(rows > 5_000, "{rows}");
    }
}

mod nothing_is_taken_over {
    use super::*;

    #[test]
    fn where_a_setting_a_zone_or_a_query_is_another_one() {
        let nights = Nights::new();
        let queries = tempfile::tempdir().expect("a folder");
        fs::create_dir(queries.path().join("metrics")).expect("a folder");
        let built_in = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/queries/metrics/download_ratio_overall.sql"
        );
        let text = fs::read_to_string(built_in).expect("a query");
        let own = queries.path().join("metrics/download_ratio_overall.sql");
        fs::write(own, format!("{text}\n-- The site's own.\n")).expect("written");
        let report = nights.exports.config("[report]\nbom = false\n");
        let password = nights.exports.path().join("password.toml");
        fs::write(&password, "[mail]\nzip_password = \"secret\"\n").expect("written");
        for arguments in [
            ["--timezone", "Asia/Kathmandu"],
            ["--config", &report],
            ["--config", &password.display().to_string()],
            ["--queries", &queries.path().display().to_string()],
        ] {
            assert_eq!(nights.taken(&arguments), 0, "{arguments:?}");
            fs::remove_dir_all(nights.day(DAYS[1])).expect("removed");
        }
        assert_ne!(nights.taken(&[]), 0);
    }

    #[test]
    fn where_another_format_made_the_earlier_output() {
        let nights = Nights::new();
        edit_manifest(&nights, |manifest| manifest["basis"] = "0".repeat(64).into());
        assert_eq!(nights.taken(&[]), 0);
        edit_manifest(&nights, |manifest| {
            manifest.as_object_mut().expect("an object").remove("basis");
        });
        fs::remove_dir_all(nights.day(DAYS[1])).expect("removed");
        assert_eq!(nights.taken(&[]), 0);
    }

    #[test]
    fn where_the_manifest_is_damaged_which_is_a_warning() {
        let nights = Nights::new();
        let path = nights.day(DAYS[0]).join("manifest.json");
        let text = fs::read(&path).expect("a manifest");
        fs::write(&path, &text[..text.len() / 2]).expect("written");
        let (manifest, talk) = nights.run_and_talk(DAYS[1], &[]);
        assert_eq!(manifest.taken_over, None);
        let warning =
            "the manifest of 2026-11-21 cannot be trusted: OUT/date=2026-11-21/manifest.json is not a manifest: ";
        let (_, warned) = talk.split_once(warning).expect("a warning");
        let (warned, _) = warned.split_once('\n').expect("a line");
        assert!(
            warned.ends_with("; nothing is taken over, and all reports are made anew"),
            "{warned}"
        );
        // The run does what an advice to run again would ask for.
        assert!(!talk.contains("run `pragati nightly`"), "{talk}");
        nights.assert_as_full(&[]);
    }

    fn edit_manifest(nights: &Nights, edit: impl FnOnce(&mut Value)) {
        let path = nights.day(DAYS[0]).join("manifest.json");
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
        edit(&mut manifest);
        fs::write(&path, manifest.to_string()).expect("written");
    }

    #[test]
    fn of_a_file_that_was_changed_by_hand() {
        let nights = Nights::new();
        let files = nights.comparable(DAYS[0]);
        let largest = |prefix: &str| {
            let files = files.iter().filter(|path| path.starts_with(prefix));
            files.max_by_key(|path| fs::metadata(nights.day(DAYS[0]).join(path)).expect("a file").len())
        };
        let (report, mart) = (largest("csv/").expect("a report"), largest("course").expect("a file"));
        for path in [report, mart] {
            let path = nights.day(DAYS[0]).join(path);
            let mut bytes = fs::read(&path).expect("a file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            let modified = fs::metadata(&path).expect("a file").modified().expect("a time");
            fs::write(&path, bytes).expect("written");
            // Not even its time tells it.
            fs::File::options()
                .write(true)
                .open(&path)
                .expect("a file")
                .set_modified(modified)
                .expect("a time");
        }
        let missing = files
            .iter()
            .find(|path| path.starts_with("csv/") && *path != report)
            .expect("another");
        fs::remove_file(nights.day(DAYS[0]).join(missing)).expect("removed");
        let (manifest, talk) = nights.run_and_talk(DAYS[1], &[]);
        let taken = manifest.taken_over.expect("something").files as usize;
        assert_eq!(taken, files.len() - 3);
        for path in [report, mart] {
            let warning = format!("OUT/date=2026-11-21/{path} is not as its manifest says");
            assert!(talk.contains(&warning), "{talk}");
        }
        nights.assert_as_full(&[]);
    }
}

mod verifying {
    use super::*;

    #[test]
    fn a_report_that_was_taken_over_wrongly_is_named_and_nothing_is_published() {
        let nights = Nights::new();
        // As if an earlier program had written something else for the same rows: every report says so.
        let path = nights.day(DAYS[0]).join("manifest.json");
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).expect("a manifest")).expect("JSON");
        for file in manifest["files"].as_array_mut().expect("files") {
            let path = nights.day(DAYS[0]).join(file["path"].as_str().expect("a path"));
            if file["content"] == "report_csv" {
                let text = "something else\n";
                fs::write(path, text).expect("written");
                file["bytes"] = text.len().into();
                file["sha256"] = sha256(text).into();
            }
        }
        fs::write(&path, manifest.to_string()).expect("written");
        let out = nights.out.path().display().to_string();
        let complaint = nights.exports.complaint(1, "nightly", &["--verify", "--out", &out]);
        let (_, after) = complaint.split_once(".csv").expect("a report");
        insta::assert_snapshot!(wrapped(after), @r"
        was taken over from an earlier output and is not what the exports give now; run `pragati nightly
        --full`, and please report this
        ");
        assert!(!nights.day(DAYS[1]).exists());
        nights.run(DAYS[1], &["--full"]);
    }

    fn sha256(text: &str) -> String {
        use sha2::{Digest, Sha256};
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

mod summary {
    use super::*;
    use crate::support::complaint_of;

    /// What a run says of where its reports come from.
    fn origin(talk: &str) -> &str {
        let line = talk.lines().find(|line| line.contains(" reports with "));
        let (_, origin) = line.expect("a summary").split_once(" s; ").expect("an origin");
        origin
    }

    #[test]
    fn counts_the_reports_that_were_taken_over_made_anew_and_compared() {
        let first = "(select min(batch_id) from rows where active)";
        let nights = Nights::new().change(
            "enrolments",
            &format!(
                "select * replace (case when batch_id = {first} then enrolled_at + interval '40 days' else enrolled_at end
                    as enrolled_at) from rows"
            ),
        );
        let (manifest, talk) = nights.run_and_talk(DAYS[1], &[]);
        let taken = manifest.counts.batches - 1;
        let expected = format!("{taken} taken over from the output of 2026-11-21, 1 made anew");
        assert_eq!(origin(&talk), expected);
        fs::remove_dir_all(nights.day(DAYS[1])).expect("removed");
        let (_, talk) = nights.run_and_talk(DAYS[1], &["--verify"]);
        let (counted, compared) = origin(&talk).split_once("; compared ").expect("a comparison");
        assert_eq!(counted, expected);
        let compared = compared.strip_suffix(" of those taken over with reports made anew: no difference");
        let compared: u64 = compared.expect("its end").parse().expect("a number");
        assert!((1..=taken).contains(&compared), "{compared} of {taken}");
        let (_, talk) = nights.run_and_talk(DAYS[1], &["--full"]);
        assert_eq!(origin(&talk), "all made anew");
    }

    #[test]
    fn says_that_a_full_night_compares_nothing_although_the_configuration_asks_for_it() {
        let nights = Nights::new();
        let config = nights.exports.config("[nightly]\nverify = true\n");
        let (_, talk) = nights.run_and_talk(DAYS[1], &["--config", &config, "--full"]);
        assert_eq!(
            origin(&talk),
            "all made anew; nothing compared, since no report was taken over"
        );
    }

    #[test]
    fn a_comparison_of_a_full_night_is_refused() {
        let nights = Nights::new();
        let night = |arguments: &[&str]| {
            let mut night = nights.exports.command("nightly");
            night.arg("--out").arg(nights.out.path()).args(arguments);
            night
        };
        let refused = night(&["--full", "--verify"]).output().expect("a run");
        assert_eq!(refused.status.code(), Some(2));
        let refused = String::from_utf8(refused.stderr).expect("UTF-8");
        let first = refused.lines().next().expect("a line");
        assert!(first.contains("cannot be used with"), "{first}");
        assert!(first.contains("'--full'") && first.contains("'--verify'"), "{first}");
        let config = nights.exports.config("[nightly]\nfull = true\n");
        let refused = complaint_of(&mut night(&["--config", &config, "--verify"]), 2);
        insta::assert_snapshot!(wrapped(&refused), @r"
        error: --verify compares reports that are taken over, and `full` under [nightly], or
        PRAGATI_NIGHTLY__FULL, takes none over; give one of the two
        ");
        assert!(!nights.day(DAYS[1]).exists());
    }
}

mod interruption {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_killed_night_leaves_the_earlier_day_whole_and_the_next_run_completes_it() {
        let nights = Nights::new();
        let earlier = files_below(&nights.day(DAYS[0]));
        let mut run = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
            .args(["nightly", "--exports"])
            .arg(nights.exports.path())
            .arg("--out")
            .arg(nights.out.path())
            .current_dir(nights.exports.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("a run");
        let staged = || {
            let entries = fs::read_dir(nights.out.path()).expect("a folder").flatten();
            let staged = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".pragati-staging-"));
            staged.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        let has_linked = || staged().iter().any(|folder| folder.join("csv").is_dir());
        let deadline = Instant::now() + Duration::from_secs(60);
        while !has_linked() {
            assert!(Instant::now() < deadline, "no file was taken over");
            std::thread::sleep(Duration::from_millis(2));
        }
        run.kill().expect("the run is not over");
        run.wait().expect("an end");
        assert_eq!(staged().len(), 1, "the run was killed in the middle");
        assert_eq!(files_below(&nights.day(DAYS[0])), earlier);
        let manifest = nights.run(DAYS[1], &["--verify"]);
        assert_eq!(staged(), [] as [PathBuf; 0]);
        assert_eq!(files_below(&nights.day(DAYS[0])), earlier);
        assert_eq!(
            manifest.taken_over.expect("something").files as usize,
            nights.comparable(DAYS[1]).len()
        );
        nights.assert_as_full(&[]);
    }
}
