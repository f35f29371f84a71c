//! Says which commit is built, for `pragati --version`, and compiles again when a file of `queries/`, a view of `pg_catalog` or a
//! migration changes: the macros that include them do not tell cargo what they read.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=queries");
    println!("cargo::rerun-if-changed=src/server/page");
    println!("cargo::rerun-if-changed=src/postgres/catalog/system/pg_catalog");
    println!("cargo::rerun-if-changed=src/postgres/catalog/system/information_schema");
    println!("cargo::rerun-if-changed=src/delivery/store/migrations");
    println!("cargo::rerun-if-env-changed=PRAGATI_COMMIT");
    // Cargo sets it for the programs that it runs too, which would take a name PRAGATI_… for a setting.
    println!("cargo::rustc-env=BUILT_FROM={}", commit());
}

/// The commit and its day: as `PRAGATI_COMMIT` has it, where sources are built without their history, or as git does.
fn commit() -> String {
    let given = env::var("PRAGATI_COMMIT").unwrap_or_default();
    if let Some(line) = given.lines().map(str::trim).find(|line| !line.is_empty()) {
        return line.to_owned();
    }
    // Each commit would compile a program for debugging again.
    if env::var("PROFILE").as_deref() != Ok("release") {
        return "debug build".to_owned();
    }
    from_git().unwrap_or_else(|| "unknown commit".to_owned())
}

/// What git says; none where the sources are no work tree of their own.
fn from_git() -> Option<String> {
    // A copy of the sources within another repository has none of its commits.
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    let commit = git(&["log", "-1", "--abbrev=12", "--format=%h %cs"])?;
    // HEAD changes with the branch, its log with every commit; a clone that keeps no log has the branch itself.
    let branch = git(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
    for name in ["HEAD", "logs/HEAD", "packed-refs", branch.as_str()] {
        let file = git(&["rev-parse", "--git-path", name]).filter(|file| Path::new(file).is_file());
        if let Some(file) = file {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    Some(commit)
}

/// What a git command answers, without the line's end; none where it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let answer = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    answer.status.success().then(|| text.trim().to_owned())
}
