//! Shows a result on the terminal: directly where it fits the screen, through the user's pager where it does not.

use std::env;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use indicatif::ProgressBar;

/// The flags that most people want for `less`: quit where everything fits, keep colours, cut long lines, leave the text
/// on screen.
const DEFAULT_PAGER: &str = "less -FRSX";
/// A result without line ends goes to the pager once it has this many bytes.
const HELD_BYTES: usize = 1024 * 1024;
/// Screen lines that the prompt needs.
const PROMPT_LINES: usize = 2;

/// The pager command: `$PAGER`, or `less` where it is installed. An empty `$PAGER` means no pager.
pub fn pager_command() -> Option<String> {
    match env::var("PAGER") {
        Ok(command) => Some(command).filter(|command| !command.trim().is_empty()),
        Err(_) => {
            let folders = env::var_os("PATH").unwrap_or_default();
            let has_less = env::split_paths(&folders).any(|folder| folder.join("less").is_file());
            has_less.then(|| DEFAULT_PAGER.to_owned())
        }
    }
}

/// A writer for a result, which buffers it until it is known whether it fits the screen.
pub struct Paged {
    command: Option<String>,
    lines_that_fit: usize,
    lines: usize,
    held: Vec<u8>,
    shown: Shown,
    /// Cleared before the result is shown.
    progress: ProgressBar,
}

enum Shown {
    Nothing,
    Directly(BufWriter<Stdout>),
    Through(Child, BufWriter<ChildStdin>),
}

impl Paged {
    /// A writer to a terminal with `height` lines. Without a pager, everything is shown directly.
    pub fn new(command: Option<String>, height: usize, progress: ProgressBar) -> Self {
        Self {
            command,
            lines_that_fit: height.saturating_sub(PROMPT_LINES),
            lines: 0,
            held: Vec::new(),
            shown: Shown::Nothing,
            progress,
        }
    }

    /// Chooses the destination and writes what was buffered.
    fn show(&mut self, is_too_long: bool) -> io::Result<()> {
        self.progress.finish_and_clear();
        let started = match &self.command {
            Some(command) if is_too_long => start(command),
            _ => None,
        };
        self.shown = started.unwrap_or_else(|| Shown::Directly(BufWriter::new(io::stdout())));
        let held = std::mem::take(&mut self.held);
        self.out().map_or(Ok(()), |out| out.write_all(&held))
    }

    fn out(&mut self) -> Option<&mut dyn Write> {
        match &mut self.shown {
            Shown::Nothing => None,
            Shown::Directly(out) => Some(out),
            Shown::Through(_, out) => Some(out),
        }
    }

    /// Shows the rest and waits until the pager is closed.
    pub fn finish(mut self) -> io::Result<()> {
        if matches!(self.shown, Shown::Nothing) {
            self.show(false)?;
        }
        self.out().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Paged {
    /// Two programs must not read the keyboard at once, so the pager is waited for even where the result was cancelled.
    fn drop(&mut self) {
        if let Shown::Through(mut pager, out) = std::mem::replace(&mut self.shown, Shown::Nothing) {
            // Closes the pager's input, whether or not it read everything.
            drop(out.into_parts());
            let _ = pager.wait();
        }
    }
}

/// Where the pager cannot be started, the result is shown without it.
fn start(command: &str) -> Option<Shown> {
    let pager = Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).spawn();
    let mut pager = pager.ok()?;
    let input = pager.stdin.take()?;
    Some(Shown::Through(pager, BufWriter::new(input)))
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(out) = self.out() {
            return out.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        if self.lines > self.lines_that_fit || self.held.len() > HELD_BYTES {
            self.show(true)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out().map_or(Ok(()), Write::flush)
    }
}
