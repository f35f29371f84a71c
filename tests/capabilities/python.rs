//! Python for the tests that need a package of it, in an environment of its own below the target folder.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skipped;

/// A Python with the packages of `tests/<name>/requirements.txt`, of which `module` is one. `None`, and a loud word on
/// standard error, where they cannot be had.
pub fn python_for(name: &str, module: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    // Tests run at the same time; one of them makes the environment.
    let lock = File::create(target.join(format!("{name}-venv.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    let folder = target.join(format!("{name}-venv"));
    let python = folder.join("bin/python");
    let requirements = format!("{}/tests/{name}/requirements.txt", env!("CARGO_MANIFEST_DIR"));
    let has_module = || succeeds(Command::new(&python).args(["-c", &format!("import {module}")]));
    let is_ready = has_module()
        || (succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r", &requirements]))
            && has_module());
    if !is_ready {
        skipped(&format!(
            "this test needs Python with the packages of {requirements}, which cannot be installed"
        ));
    }
    is_ready.then_some(python)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
