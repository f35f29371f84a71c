//! Python for the tests that need a package of it, in an environment of its own below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::prepared::prepared;
use crate::support::skipped;

/// A Python with the packages of `tests/<name>/requirements.txt`, of which `module` is one. `None`, after a message
/// SKIPPED, where they cannot be had.
pub fn python_for(name: &str, module: &str) -> Option<PathBuf> {
    let requirements = format!("{}/tests/{name}/requirements.txt", env!("CARGO_MANIFEST_DIR"));
    let wanted = fs::read(&requirements).expect("the list of packages");
    let python = |folder: &Path| folder.join("bin/python");
    let install = |folder: &Path| {
        let python = python(folder);
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(folder))
            && succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", &requirements]))
            && succeeds(Command::new(&python).args(["-c", &format!("import {module}")]))
    };
    let found = prepared(&format!("{name}-venv"), &wanted, install, python);
    if found.is_none() {
        skipped(&format!(
            "this test needs Python with the packages of {requirements}, which cannot be installed"
        ));
    }
    found
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
