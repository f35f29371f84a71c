//! Node.js for the tests that need a package of it, in a folder of its own below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::prepared::prepared;
use crate::support::skipped;

/// A folder with the scripts of `tests/<name>` and the packages of their `package-lock.json`, which npm checks against
/// their digests. `None`, after a message SKIPPED, where they cannot be had.
pub fn packages(name: &str) -> Option<PathBuf> {
    if !has("node", &["--version"]) {
        skipped("this test needs Node.js; install nodejs and npm");
        return None;
    }
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let list = scripts.join("package-lock.json");
    let wanted = fs::read(&list).expect("the list of packages");
    let install = |folder: &Path| {
        for list in ["package.json", "package-lock.json"] {
            fs::copy(scripts.join(list), folder.join(list)).expect("copied");
        }
        let mut install = Command::new("npm");
        install.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
        install
            .current_dir(folder)
            .status()
            .is_ok_and(|status| status.success())
    };
    let folder = prepared(&format!("{name}-node"), &wanted, install, |folder| {
        copy_changed(&scripts, folder);
        folder.to_owned()
    });
    if folder.is_none() {
        skipped(&format!(
            "this test needs the packages of {}, which npm cannot install",
            list.display()
        ));
    }
    folder
}

/// Brings the scripts up to date. Other tests may run them at this time, so a file is exchanged as a whole, and only
/// where it differs.
fn copy_changed(scripts: &Path, folder: &Path) {
    for entry in fs::read_dir(scripts).expect("the scripts").flatten() {
        let (script, copy) = (entry.path(), folder.join(entry.file_name()));
        if !script.is_file() {
            continue;
        }
        let text = fs::read(&script).expect("a script");
        if fs::read(&copy).is_ok_and(|copied| copied == text) {
            continue;
        }
        let staged = folder.join(format!(
            "{}.{}",
            entry.file_name().to_string_lossy(),
            std::process::id()
        ));
        fs::write(&staged, text).expect("copied");
        fs::rename(&staged, &copy).expect("in place");
    }
}

/// Whether a program runs.
pub fn has(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}
