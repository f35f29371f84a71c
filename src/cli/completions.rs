//! `pragati completions`: the script with which a shell completes commands and options.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::{Shell, generate};

const EXAMPLES: &str = "\
Examples:
  pragati completions bash > /etc/bash_completion.d/pragati
  pragati completions zsh > /usr/local/share/zsh/site-functions/_pragati
  pragati completions fish > ~/.config/fish/completions/pragati.fish";

/// Print the completion script of a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for `program`.
pub fn run(arguments: CompletionsArguments, mut program: Command) -> anyhow::Result<()> {
    // Generated in memory first: the generator panics on a closed pipe.
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, "pragati", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
