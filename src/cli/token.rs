//! `pragati token`: looks into login tokens as the service does.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use pragati::config::Config;
use pragati::identity::{Explanation, Outcome, explain_token};

use super::failure::UsageError;
use super::options::MessageOptions;

const EXAMPLES: &str = "\
Examples:
  pragati token explain < token.txt
  pragati token explain token.txt --config /etc/pragati/pragati.toml
  xclip -o | pragati token explain

The settings are those of [identity]. Neither the token nor its signature is shown. Exit code 0: the service takes the
token; 1: it does not, and the first check that fails is the reason.";

/// The most bytes of a token that are read: more than the service accepts.
const MOST_BYTES: u64 = 64 * 1024;

/// Check login tokens as `pragati serve` does.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct TokenArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show each check of a login token, and which one it fails
    Explain(ExplainArguments),
}

#[derive(Debug, Args)]
struct ExplainArguments {
    /// File that holds the token [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Configuration file [default: pragati.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PRAGATI_CONFIG", help_heading = "Common options")]
    config: Option<PathBuf>,
    #[command(flatten)]
    talk: MessageOptions,
}

pub async fn run(arguments: TokenArguments) -> anyhow::Result<()> {
    match arguments.action {
        Action::Explain(arguments) => explain(arguments).await,
    }
}

async fn explain(arguments: ExplainArguments) -> anyhow::Result<()> {
    arguments.talk.start_log();
    let config = Config::load(arguments.config.as_deref())?;
    let token = read_token(arguments.file.as_deref(), arguments.talk.is_quiet())?;
    let explanation = explain_token(&config.identity, &token).await?;
    print(&explanation).context("the checks cannot be written")?;
    match explanation.refusal {
        None => Ok(()),
        Some(refusal) if token.contains(char::is_whitespace) => {
            bail!("the token is refused: {refusal}; there is white space in it: the terminal may have cut it")
        }
        Some(refusal) => bail!("the token is refused: {refusal}"),
    }
}

/// The token of a file or of standard input, also where it stands behind `Bearer`.
fn read_token(file: Option<&Path>, is_quiet: bool) -> anyhow::Result<String> {
    let bytes = match file.filter(|file| *file != Path::new("-")) {
        Some(path) => File::open(path).and_then(bytes_of).map_err(|error| {
            let path = path.display();
            anyhow!("{path} cannot be read: {error}; give a file that holds the token")
        })?,
        None => {
            let input = io::stdin();
            if input.is_terminal() && !is_quiet {
                eprintln!("give the token, a new line and Ctrl-D (long ones from a file: terminals cut lines)");
            }
            let bytes = bytes_of(input.lock());
            bytes.map_err(|error| anyhow!("the token cannot be read from standard input: {error}"))?
        }
    };
    let text =
        String::from_utf8(bytes).map_err(|_| UsageError("what was given is not text, so no token".to_owned()))?;
    let text = text.trim();
    let token = match text.split_once(char::is_whitespace) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    };
    if token.is_empty() {
        return Err(UsageError("there is no token; give one on standard input, or a file".to_owned()).into());
    }
    Ok(token.to_owned())
}

fn bytes_of(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn print(explanation: &Explanation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for check in &explanation.checks {
        let outcome = match check.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILS",
            Outcome::NotMade => "not made",
        };
        let line = format!("{:10}  {outcome:8}  {}", check.name, check.detail);
        writeln!(out, "{}", line.trim_end())?;
    }
    match explanation.refusal {
        None => writeln!(out, "accepted")?,
        Some(_) => writeln!(out, "refused")?,
    }
    out.flush()
}
