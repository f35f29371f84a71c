//! A real browser for the tests of the page: Debian's Chromium, driven by Playwright, whose package is installed below the
//! target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::skipped;

/// The scripts and the list of their packages.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
const CHROMIUM: &str = "/usr/bin/chromium";

/// A folder with the scripts of `tests/browser` and the packages that they need. `None`, and a loud word on standard error,
/// where they or the browser cannot be had.
pub fn browser_scripts() -> Option<PathBuf> {
    if !has("node", &["--version"]) || !has("npm", &["--version"]) {
        skipped("this test needs Node.js; install nodejs and npm");
        return None;
    }
    if !has(CHROMIUM, &["--version"]) {
        skipped(&format!("this test needs {CHROMIUM}; install chromium"));
        return None;
    }
    packages()
}

/// A folder with the packages of `tests/browser/package-lock.json`, which npm checks against their digests.
pub fn packages() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target folder");
    // Tests run at the same time; one of them installs the packages.
    let lock = File::create(target.join("browser.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let folder = target.join("browser");
    fs::create_dir_all(&folder).expect("a folder");
    let list = "package-lock.json";
    let wanted = fs::read(Path::new(SCRIPTS).join(list)).expect("the list of packages");
    let is_ready = fs::read(folder.join("installed.json")).is_ok_and(|installed| installed == wanted);
    for entry in fs::read_dir(SCRIPTS).expect("the scripts").flatten() {
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
                "this test needs the packages of {SCRIPTS}/{list}, which cannot be installed"
            ));
            return None;
        }
        fs::write(folder.join("installed.json"), wanted).expect("noted");
    }
    Some(folder)
}

fn has(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}
