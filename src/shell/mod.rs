//! Interactive SQL: `pragati sql` on a terminal, and what `pragati sql -c` and `pragati query` share with it.
//!
//! The line editor is reedline, which has multi-line statements, history, completion and colours. We do not use
//! datafusion-cli's shell: its prompt and its history file (in the working folder) are fixed, it cannot stop at a
//! script's first error, it silently drops rows of CSV and JSON results beyond a limit, and it reads any file that is
//! named like a table. Running statements and writing rows is the business of `engine`, `catalog` and `formats`.

mod command;
mod completion;
mod copy;
mod describe;
mod destination;
mod editor;
mod error;
mod guard;
mod highlight;
mod history_file;
mod pager;
mod parameter;
mod progress;
mod session;
mod shown;
mod sql_names;
mod statements;
mod tokens;

use std::future::Future;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use datafusion::arrow::array::AsArray;
use datafusion::execution::SendableRecordBatchStream;
use futures::{FutureExt, StreamExt};
use reedline::{Reedline, Signal as Key};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::DateChoice;
use crate::engine::{EngineError, RunningQuery};
use crate::formats::{Format, one_line};
use command::{COMMANDS, Command};
use destination::OpenFile;
use editor::{EditorOptions, ShellPrompt, new_editor};
use sql_names::SharedSqlNames;
use statements::{Step, is_command, statements, steps};

pub use destination::{Style, to_standard_output, wants_colors};
pub use error::ShellError;
pub use history_file::default_place as default_history;
pub use parameter::{Parameter, ParameterError};
pub use progress::{line as progress_line, watched};
pub use session::{Session, parse};

/// The deepest nesting of included files; deeper means that files include each other.
const DEEPEST_INCLUDE: usize = 16;

/// Settings of a session on a terminal.
pub struct ShellOptions {
    /// The format of results at the start.
    pub format: Format,
    /// The file that results are written to.
    pub output: Option<PathBuf>,
    /// The history file; `None` keeps no history.
    pub history: Option<PathBuf>,
    /// Whether only results and errors are shown.
    pub is_quiet: bool,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The user quit.
    Quit,
    /// The process received SIGTERM.
    Terminated,
}

/// The result of a step.
enum Outcome {
    Done,
    /// Ctrl-C.
    Cancelled,
    Quit,
    Terminated,
}

/// One session on a terminal.
struct Shell {
    session: Session,
    names: SharedSqlNames,
    style: Style,
    shows_times: bool,
    file: Option<OpenFile>,
    /// The previous statement, for `\explain`.
    last: Option<String>,
    is_quiet: bool,
    interrupts: Signal,
    terminated: watch::Receiver<bool>,
}

/// Runs a session until the user quits or `terminate` is ready.
///
/// # Errors
/// The terminal cannot be used; errors of statements are printed.
pub async fn run(
    session: Session,
    options: ShellOptions,
    terminate: impl Future<Output = ()> + Send + 'static,
) -> Result<End, ShellError> {
    let interrupts = signal(SignalKind::interrupt()).map_err(|error| ShellError::Terminal(error.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, terminated) = watch::channel(false);
    let stop_editor = Arc::clone(&stop);
    tokio::spawn(async move {
        terminate.await;
        stop_editor.store(true, Ordering::Relaxed);
        tell.send_replace(true);
    });
    let names = SharedSqlNames::default();
    let mut shell = Shell {
        session,
        names: Arc::clone(&names),
        style: Style {
            format: options.format,
            expanded: false,
            colors: wants_colors(),
        },
        shows_times: false,
        file: options.output.as_deref().map(OpenFile::open).transpose()?,
        last: None,
        is_quiet: options.is_quiet,
        interrupts,
        terminated,
    };
    shell.refresh_names().await?;
    let (editor, failure) = new_editor(EditorOptions {
        names,
        colors: destination::allows_colors() && io::stderr().is_terminal(),
        history: options.history.as_deref(),
        stop,
    });
    if let (Some(error), Some(place)) = (failure, &options.history) {
        complain(&format!(
            "no history is kept: {}: {error}; give another --history",
            place.display()
        ));
    }
    shell.greet();
    let end = shell.run_lines(editor).await?;
    // A file whose last result is incomplete does not appear.
    if end == End::Quit {
        shell.close_file()?;
    }
    Ok(end)
}

impl Shell {
    fn greet(&self) {
        self.say(&format!(
            "The snapshot of {}. End statements with a semicolon; \\? lists commands, \\q ends.",
            self.session.date()
        ));
    }

    /// Reads and runs lines until the end.
    async fn run_lines(&mut self, mut editor: Reedline) -> Result<End, ShellError> {
        loop {
            let prompt = ShellPrompt {
                date: self.session.date(),
            };
            let read = tokio::task::spawn_blocking(move || {
                let key = editor.read_line(&prompt);
                // Saved at once, so that a killed session loses nothing. A failure to save does not stop the session.
                let _ = editor.sync_history();
                (editor, key)
            });
            let (returned, key) = read.await.map_err(|error| ShellError::Terminal(error.to_string()))?;
            editor = returned;
            match key.map_err(|error| ShellError::Terminal(error.to_string()))? {
                Key::Success(text) => {
                    // Discards Ctrl-C from before this statement.
                    while self.interrupts.recv().now_or_never().is_some() {}
                    match self.execute(&text).await {
                        Outcome::Quit => return Ok(End::Quit),
                        Outcome::Terminated => return Ok(End::Terminated),
                        Outcome::Done | Outcome::Cancelled => {}
                    }
                }
                Key::CtrlD => return Ok(End::Quit),
                Key::ExternalBreak(_) => return Ok(End::Terminated),
                _ => {}
            }
        }
    }

    /// Runs input: one command, or statements up to the first that fails.
    async fn execute(&mut self, text: &str) -> Outcome {
        let steps = if is_command(text) {
            vec![Step::Command(text.trim().to_owned())]
        } else {
            statements(text)
                .into_iter()
                .map(|sql| Step::Sql(sql.to_owned()))
                .collect()
        };
        match self.take(steps, 0).await {
            Ok(outcome) => outcome,
            Err(error) => {
                complain(&error.to_string());
                Outcome::Done
            }
        }
    }

    /// Runs steps up to the first that fails, is cancelled or ends the session. `depth` is the nesting of included
    /// files.
    async fn take(&mut self, steps: Vec<Step>, depth: usize) -> Result<Outcome, ShellError> {
        for step in steps {
            let outcome = match step {
                Step::Sql(sql) => self.statement(&sql).await?,
                Step::Command(line) => match Command::parse(&line)? {
                    Command::Include(file) => Box::pin(self.include(&file, depth + 1)).await?,
                    command => self.command(command).await?,
                },
            };
            if !matches!(outcome, Outcome::Done) {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Done)
    }

    async fn include(&mut self, file: &Path, depth: usize) -> Result<Outcome, ShellError> {
        if depth > DEEPEST_INCLUDE {
            return Err(ShellError::TooDeep(DEEPEST_INCLUDE));
        }
        let script = std::fs::read_to_string(file).map_err(|error| ShellError::Script(file.to_owned(), error))?;
        self.take(steps(&script), depth).await
    }

    /// Runs one backslash command.
    async fn command(&mut self, command: Command) -> Result<Outcome, ShellError> {
        match command {
            Command::Describe(name) => self.describe(name.as_deref()).await,
            Command::Tables => {
                let names = self.session.names().await?;
                self.list(describe::tables(&self.session, &names)).await
            }
            Command::Views => {
                let names = self.session.names().await?;
                self.list(describe::views(&self.session, &names)).await
            }
            Command::Functions(text) => self.list(describe::functions(&self.session, text.as_deref())).await,
            Command::Timing(on) => {
                self.set_timing(on);
                Ok(Outcome::Done)
            }
            Command::Expanded(on) => {
                self.set_expanded(on);
                Ok(Outcome::Done)
            }
            Command::Format(format) => {
                self.style.format = format.unwrap_or(self.style.format);
                self.say(&format!("The format is {}.", self.style.format.name()));
                Ok(Outcome::Done)
            }
            Command::Output(place) => {
                self.close_file()?;
                self.file = place.as_deref().map(OpenFile::open).transpose()?;
                Ok(Outcome::Done)
            }
            Command::Date(None) => {
                self.say(&format!("The snapshot of {}.", self.session.date()));
                Ok(Outcome::Done)
            }
            Command::Date(Some(date)) => self.switch(date).await,
            Command::Explain(sql) => self.explain(sql).await,
            Command::Help => {
                let line =
                    |(name, takes, what): (&str, &str, &str)| format!("{:24} {what}\n", format!("{name} {takes}"));
                destination::show_text(&COMMANDS.map(line).concat())?;
                Ok(Outcome::Done)
            }
            Command::Quit => Ok(Outcome::Quit),
            // Handled where the nesting of included files is known.
            Command::Include(file) => Box::pin(self.include(&file, 1)).await,
        }
    }

    /// Lists all tables and views, or the columns of one and the description of its query.
    async fn describe(&mut self, name: Option<&str>) -> Result<Outcome, ShellError> {
        let Some(name) = name else {
            let names = self.session.names().await?;
            return self.list(describe::all(&self.session, &names)).await;
        };
        let outcome = self.list(describe::columns(&self.session, name).await?).await?;
        if let Some(origin) = describe::origin(&self.session, name) {
            destination::show_text(&origin)?;
        }
        Ok(outcome)
    }

    /// Switches the display of execution times; `None` toggles it.
    fn set_timing(&mut self, on: Option<bool>) {
        self.shows_times = on.unwrap_or(!self.shows_times);
        self.say(if self.shows_times {
            "Times are shown."
        } else {
            "Times are not shown."
        });
    }

    /// Switches between one line a value and one line a row; `None` toggles it.
    fn set_expanded(&mut self, on: Option<bool>) {
        self.style.expanded = on.unwrap_or(!self.style.expanded);
        let shape = if self.style.expanded { "value" } else { "row" };
        self.say(&format!("One line a {shape}."));
    }

    /// Opens another day; where that fails, the earlier one stays.
    async fn switch(&mut self, date: DateChoice) -> Result<Outcome, ShellError> {
        let opened = tokio::select! {
            opened = self.session.on(date) => opened?,
            _ = self.interrupts.recv() => return Ok(self.cancelled()),
            _ = self.terminated.changed() => return Ok(Outcome::Terminated),
        };
        self.session = opened;
        self.refresh_names().await?;
        self.say(&format!("The snapshot of {}.", self.session.date()));
        Ok(Outcome::Done)
    }

    /// Shows the plan of a statement, as text.
    async fn explain(&mut self, sql: Option<String>) -> Result<Outcome, ShellError> {
        let sql = sql.or_else(|| self.last.clone()).ok_or(ShellError::NothingToExplain)?;
        let Some(statement) = parse(&format!("explain {sql}"))?.into_iter().next() else {
            return Err(ShellError::NothingToExplain);
        };
        let mut rows = self.session.start(statement).await?.rows;
        let mut text = String::new();
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(EngineError::running("explain"))?;
            let (kinds, plans) = (
                batch.column(0).as_string_opt::<i32>(),
                batch.column(1).as_string_opt::<i32>(),
            );
            for (kind, plan) in kinds.into_iter().flatten().zip(plans.into_iter().flatten()) {
                text.push_str(&format!("{}\n{}\n", kind.unwrap_or_default(), plan.unwrap_or_default()));
            }
        }
        destination::show_text(&text)?;
        Ok(Outcome::Done)
    }

    /// Runs one statement and shows or files its rows.
    async fn statement(&mut self, sql: &str) -> Result<Outcome, ShellError> {
        let begun = Instant::now();
        let mut outcome = Outcome::Done;
        for statement in parse(sql)? {
            self.last = Some(sql.to_owned());
            let query = tokio::select! {
                query = self.session.start(statement) => query?,
                _ = self.interrupts.recv() => return Ok(self.cancelled()),
                _ = self.terminated.changed() => return Ok(Outcome::Terminated),
            };
            if query.rows.schema().fields().is_empty() {
                self.refresh_names().await?;
                self.say("Done.");
            } else {
                outcome = self.write_rows(query).await?;
            }
        }
        if self.shows_times && matches!(outcome, Outcome::Done) {
            eprintln!("Time: {:.3} s", begun.elapsed().as_secs_f64());
        }
        Ok(outcome)
    }

    async fn write_rows(&mut self, query: RunningQuery) -> Result<Outcome, ShellError> {
        let line = progress_line(!self.is_quiet);
        let rows = watched(query, line.clone());
        let Some(file) = &mut self.file else {
            return self.show(rows, self.style, line).await;
        };
        let mark = file.mark()?;
        let added = tokio::select! {
            added = file.add(rows, self.style.format) => Some(added),
            _ = self.interrupts.recv() => None,
            _ = self.terminated.changed() => {
                return Ok(Outcome::Terminated);
            }
        };
        match added {
            Some(Ok(count)) => {
                let place = file.place().display().to_string();
                if !self.style.format.is_text() {
                    self.close_file()?;
                }
                self.say(&format!("{count} rows to {place}"));
                Ok(Outcome::Done)
            }
            Some(Err(error)) => {
                file.rewind(mark)?;
                Err(error)
            }
            None => {
                file.rewind(mark)?;
                Ok(self.cancelled())
            }
        }
    }

    /// Shows rows on the terminal until they end or Ctrl-C stops them.
    async fn show(
        &mut self,
        rows: SendableRecordBatchStream,
        style: Style,
        line: indicatif::ProgressBar,
    ) -> Result<Outcome, ShellError> {
        let shown = tokio::select! {
            shown = to_standard_output(rows, style, true, line) => Some(shown),
            _ = self.interrupts.recv() => None,
            _ = self.terminated.changed() => return Ok(Outcome::Terminated),
        };
        match shown {
            Some(shown) => shown.map(|_count| Outcome::Done),
            None => Ok(self.cancelled()),
        }
    }

    async fn list(&mut self, listing: describe::Listing) -> Result<Outcome, ShellError> {
        let style = Style {
            format: Format::Table,
            ..self.style
        };
        self.show(listing.into_rows()?, style, progress_line(false)).await
    }

    fn cancelled(&self) -> Outcome {
        eprintln!("Cancelled.");
        Outcome::Cancelled
    }

    fn close_file(&mut self) -> Result<(), ShellError> {
        self.file.take().map_or(Ok(()), OpenFile::finish)
    }

    async fn refresh_names(&mut self) -> Result<(), ShellError> {
        let names = self.session.names().await?;
        if let Ok(mut shared) = self.names.write() {
            *shared = names;
        }
        Ok(())
    }

    fn say(&self, text: &str) {
        if !self.is_quiet {
            eprintln!("{text}");
        }
    }
}

/// Prints an error in one line.
fn complain(message: &str) {
    eprintln!("error: {}", one_line(message));
}
