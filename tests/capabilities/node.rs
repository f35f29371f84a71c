//! Node.js for the tests that need a package of it, in a folder of its own below the target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skipped;

/// A folder with the scripts of `tests/<name>` and the packages of their `package-lock.json`, which npm checks against their
/// digests. `None`, and a loud word on standard error, where they cannot be had.
pub fn packages(name: &str) -> Option<PathBuf> {
    if !has("node", &["--version"]) || !has("npm", &["--version"]) {
        skipped("this test needs Node.js; install nodejs and npm");
        return None;
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    // Tests run at the same time; one of them installs the packages.
    let lock = File::create(target.join(format!("{name}-node.lock"))).expect("a lock file");
    lock.lock().expect("the lock");
    let folder = target.join(format!("{name}-node"));
    fs::create_dir_all(&folder).expect("a folder");
    let list = "package-lock.json";
    let wanted = fs::read(scripts.join(list)).expect("the list of packages");
    let is_ready = fs::read(folder.join("installed.json")).is_ok_and(|installed| installed == wanted);
    for entry in fs::read_dir(&scripts).expect("the scripts").flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).expect("copied");
        }
    }
    if !is_ready {
        let mut install = Command::new("npm");
        install
            .args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
            .current_dir(&folder);
        if !install.status().is_ok_and(|status| status.success()) {
            skipped(&format!(
                "this test needs the packages of {}/{list}, which cannot be installed",
                scripts.display()
            ));
            return None;
        }
        fs::write(folder.join("installed.json"), wanted).expect("noted");
    }
    Some(folder)
}

/// Whether a program runs.
pub fn has(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}
