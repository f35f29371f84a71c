//! The files of `deploy/`: sound by the schemas of what reads them, with options that the command has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python::python_for;
use crate::support::{files_below, pragati};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

#[test]
fn compose_and_kubernetes_files_keep_their_schemas() {
    let Some(python) = python_for("deploy", "kubernetes_validate") else {
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deploy/check_deploy.py");
    let checked = Command::new(python).arg(script).output().expect("a run");
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success(),
        "{words}{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn units_are_sound_where_systemd_can_tell() {
    let units = [
        "pragati-serve.service",
        "pragati-nightly.service",
        "pragati-nightly.timer",
    ];
    let mut verify = Command::new("systemd-analyze");
    verify
        .args(["verify", "--man=no"])
        .args(units.map(|unit| deploy().join("systemd").join(unit)));
    // Not on every machine; the lines themselves are checked below.
    if let Ok(checked) = verify.output() {
        let words = String::from_utf8_lossy(&checked.stderr).into_owned();
        let of_ours = words
            .lines()
            .filter(|line| line.contains("pragati") && !line.contains("is not executable"));
        assert_eq!(of_ours.collect::<Vec<_>>(), Vec::<&str>::new());
    }
    for unit in units {
        let text = fs::read_to_string(deploy().join("systemd").join(unit)).expect("a unit");
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            assert!(line.starts_with('[') || line.contains('='), "{unit}: {line}");
        }
    }
}

/// Every `--option` in the files is one that some command has.
#[test]
fn options_exist() {
    let mut helps = String::new();
    for command in [
        &["nightly"][..],
        &["serve"],
        &["cluster", "scheduler"],
        &["cluster", "executor"],
    ] {
        let help = pragati().args(command).arg("--help").output().expect("help");
        helps.push_str(&String::from_utf8_lossy(&help.stdout));
    }
    let mut options = BTreeSet::new();
    for (path, content) in files_below(&deploy()) {
        // Scripts of the package call other programs.
        let is_script = path.ends_with(".sh") || path.ends_with(".py") || path.starts_with("debian/");
        if is_script || path.ends_with(".md") || path == "Dockerfile" {
            continue;
        }
        let text = String::from_utf8(content).expect("UTF-8");
        let used = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = used.flat_map(|line| line.split(|c: char| " ,[]\"'".contains(c)));
        options.extend(
            words
                .filter(|word| word.starts_with("--") && word.len() > 3)
                .map(|word| {
                    let end = word.find('=').unwrap_or(word.len());
                    word[..end].to_owned()
                }),
        );
    }
    assert!(options.len() > 8, "{options:?}");
    for option in options {
        assert!(helps.contains(&option), "{option}");
    }
}
