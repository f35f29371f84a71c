//! A real browser for the tests of the page: Debian's Chromium, driven by Playwright.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::node::{has, packages};
use crate::support::skipped;

const CHROMIUM: &str = "/usr/bin/chromium";

/// A folder with the scripts of `tests/browser` and the packages that they need. `None`, after a
/// message SKIPPED, where they or the browser cannot be had.
pub fn browser_scripts() -> Option<PathBuf> {
    if !has(CHROMIUM, &["--version"]) {
        skipped(&format!("this test needs {CHROMIUM}; install chromium"));
        return None;
    }
    packages("browser")
}

/// Runs a script of [`browser_scripts`], which has to succeed. What it is told is written to `folder`.
pub fn passes_in_browser(scripts: &Path, script: &str, folder: &Path, told: &Value) {
    let settings = folder.join("settings.json");
    std::fs::write(&settings, told.to_string()).expect("written");
    let run = Command::new("node")
        .arg(script)
        .arg(&settings)
        .current_dir(scripts)
        .output()
        .expect("a run");
    let words = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    println!("{words}");
    assert!(run.status.success(), "{words}");
}
