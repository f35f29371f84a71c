//! `pragati sql`: any SQL over the tables and views of a snapshot, on a terminal or not.

use std::future::Future;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use datafusion::sql::parser::Statement;
use pragati::config::Config;
use pragati::exports::Location;
use pragati::formats::Format;
use pragati::shell::{self, End, Session, ShellOptions, default_history, parse};

use super::failure::{Failure, UsageError};
use super::format::RowsOptions;
use super::options::CommonOptions;
use super::parameters::ParameterOptions;
use super::rows::RowOutput;

const STANDARD_INPUT: &str = "-";

const EXAMPLES: &str = "\
Examples:
  pragati sql --exports exports                       a shell: completion, history, \\? for its commands
  pragati sql --exports exports -c 'show tables'
  pragati sql --exports exports -c 'select * from course_progress_report limit 5' --format csv
  pragati sql --exports exports -c 'select * from enrolments where batch_id = $batch' --param batch=013…
  pragati sql --exports exports -c 'select snapshot_date, count(*) from users_history group by 1 order by 1'
  pragati sql --exports exports -f question.sql --format parquet -o answer.parquet
  pragati sql --exports exports --reports reports     the report view from the nightly output, where that fits
  echo 'select count(*) from users' | pragati sql --exports exports

Parameters are bound as values, never pasted into the SQL: --param name=text, --param rows:int=5, --param day:date=2026-11-22.
Statements run in order; the first that fails ends the run with exit code 1. Where one cannot be parsed, none runs, with
exit code 2.";

/// Run SQL over the tables and views of a snapshot; an interactive shell on a terminal.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SqlArguments {
    /// SQL to run; may be repeated, and may hold several statements
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,
    /// File of SQL to run, after the commands; - for standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    given: ParameterOptions,
    #[command(flatten)]
    rows: RowsOptions,
    /// Folder or URL of a nightly run's output: course_progress_report is read from it where it has the snapshot's day
    /// and was made with the same settings and queries [default: serve.reports]
    #[arg(long, value_name = "DIR|URL")]
    reports: Option<String>,
    /// File with the shell's history [default: pragati/history in the user's state folder]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    #[command(flatten)]
    common: CommonOptions,
}

impl SqlArguments {
    /// Whether a shell should be started: there is a terminal, and no SQL was given.
    pub fn is_interactive(&self) -> bool {
        let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        self.command.is_empty() && self.file.is_none() && is_terminal
    }

    fn config(&self) -> anyhow::Result<Config> {
        let mut config = self.common.load()?;
        if let Some(reports) = &self.reports {
            // A configured folder may be missing until the first nightly run; one that is named here may not.
            Location::parse(reports)?;
            config.serve.reports = Some(reports.clone());
        }
        Ok(config)
    }
}

/// Runs the shell, which handles Ctrl-C itself, until the user quits or `terminate` is ready.
pub async fn run_shell(
    arguments: SqlArguments,
    terminate: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let config = arguments.config()?;
    let options = ShellOptions {
        format: arguments.rows.format(),
        output: Some(arguments.rows.output).filter(|place| place.as_os_str() != STANDARD_INPUT),
        history: arguments.history.or_else(default_history),
        is_quiet: arguments.common.is_quiet(),
    };
    let session = Session::open(config, arguments.given.parameters)
        .await
        .map_err(anyhow::Error::from)?;
    match shell::run(session, options, terminate)
        .await
        .map_err(anyhow::Error::from)?
    {
        End::Quit => Ok(()),
        End::Terminated => Err(Failure::Terminated),
    }
}

/// Runs the SQL of the arguments or of standard input.
pub async fn run(arguments: SqlArguments) -> anyhow::Result<()> {
    let config = arguments.config()?;
    let statements = statements(&arguments)?;
    let format = arguments.rows.format();
    if !format.is_text() && statements.len() != 1 {
        return Err(UsageError(format!(
            "a {} file holds one result, not {}; give one statement",
            if format == Format::Arrow { "Arrow" } else { "Parquet" },
            statements.len()
        ))
        .into());
    }
    let mut output = RowOutput::open(&arguments.rows, arguments.common.is_quiet())?;
    let session = Session::open(config, arguments.given.parameters).await?;
    for statement in statements {
        output.write(session.start(statement).await?).await?;
    }
    Ok(output.finish()?)
}

/// All statements, parsed before any of them runs.
fn statements(arguments: &SqlArguments) -> anyhow::Result<Vec<Statement>> {
    let mut texts = arguments.command.clone();
    let reads_input = arguments
        .file
        .as_ref()
        .is_some_and(|file| file.as_os_str() == STANDARD_INPUT);
    match &arguments.file {
        Some(file) if !reads_input => {
            let text = std::fs::read_to_string(file);
            texts.push(
                text.with_context(|| format!("{} cannot be read; check the path given with -f", file.display()))?,
            );
        }
        _ if reads_input || (texts.is_empty() && !io::stdin().is_terminal()) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .context("standard input cannot be read as text")?;
            texts.push(text);
        }
        _ => {}
    }
    let mut statements = Vec::new();
    for text in &texts {
        statements.extend(parse(text)?);
    }
    if statements.is_empty() {
        return Err(UsageError("no SQL given; use -c SQL, -f FILE or standard input".to_owned()).into());
    }
    Ok(statements)
}
