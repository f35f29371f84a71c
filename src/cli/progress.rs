//! Progress on a terminal; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pragati::nightly::Progress;

const TICK: Duration = Duration::from_millis(120);
const BAR: &str = "{msg:20} {bar:30} {pos}/{len} reports  {elapsed_precise}  {eta} left";

/// A spinner for work of unknown length. indicatif draws on terminals only.
pub fn spinner(message: &'static str, quiet: bool) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target(quiet));
    spinner.set_message(message);
    spinner.enable_steady_tick(TICK);
    spinner
}

/// The progress bar of a nightly run.
pub struct NightlyBar(ProgressBar);

impl NightlyBar {
    /// A bar that starts as a spinner.
    pub fn new(quiet: bool) -> Self {
        let bar = spinner("", quiet);
        bar.set_length(0);
        Self(bar)
    }

    /// Clears the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for NightlyBar {
    fn stage(&self, name: &'static str) {
        tracing::info!("{name}");
        self.0.set_message(name);
    }

    fn batches(&self, more: u64) {
        self.0.inc_length(more);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            self.0.set_style(style);
        }
    }

    fn batches_written(&self, more: u64) {
        self.0.inc(more);
    }
}

fn target(quiet: bool) -> ProgressDrawTarget {
    if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}
