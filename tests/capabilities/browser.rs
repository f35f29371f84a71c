//! A real browser for the tests of the page: Debian's Chromium, driven by Playwright.

use std::path::PathBuf;

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
