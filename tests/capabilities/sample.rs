//! `pragati sample`: made-up exports, always the same, sound, and small enough to keep beside the code.

use std::path::Path;

use crate::support::{TestExports, complaint_of, files_below, pragati};

#[test]
fn sample_data_is_what_the_command_makes() {
    let committed = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data"));
    let made = files_below(made(&[]).path());
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&committed));
    for ((name, made), (_, committed)) in made.iter().zip(&committed) {
        assert!(
            made == committed,
            "{name} differs; run `pragati sample --out sample_data` anew"
        );
    }
}

#[test]
fn the_same_options_make_the_same_bytes_and_another_seed_makes_others() {
    let options = ["--users", "40", "--enrolments", "60", "--batches", "3", "--days", "1"];
    let first = files_below(made(&options).path());
    assert_eq!(first, files_below(made(&options).path()));
    assert_ne!(
        first,
        files_below(made(&[&options[..], &["--seed", "8"]].concat()).path())
    );
}

#[test]
fn it_is_under_a_megabyte() {
    let bytes: usize = files_below(made(&[]).path()).iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 1_000_000, "{bytes} bytes");
}

#[test]
fn it_is_sound_and_has_the_rows_that_were_asked_for() {
    let exports = made(&[]);
    exports.output("check", &[]);
    let counts = "select (select count(*) from users) as users,
        (select count(*) from enrolments) as enrolments,
        (select count(*) from batches) as batches,
        (select count(*) from courses) as courses,
        (select count(*) from tenants) as tenants";
    insta::assert_snapshot!(exports.output("sql", &["-c", counts, "--format", "csv"]), @r"
    users,enrolments,batches,courses,tenants
    300,1500,12,3,4
    ");
}

#[test]
fn it_does_not_overwrite() {
    let exports = made(&[]);
    let before = files_below(exports.path());
    let complaint = complaint_of(pragati().args(["sample", "--out"]).arg(exports.path()), 1);
    insta::assert_snapshot!(complaint.replace(&exports.path().display().to_string(), "OUT"), @r"
    error: OUT/users/date=2026-11-21 is already there; remove it or choose another folder
    ");
    assert!(files_below(exports.path()) == before);
}

/// What the command makes with these options.
fn made(options: &[&str]) -> TestExports {
    let exports = TestExports::empty();
    pragati()
        .args(["sample", "--out"])
        .arg(exports.path())
        .args(options)
        .assert()
        .success();
    exports
}
