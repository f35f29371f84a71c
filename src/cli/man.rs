//! `pragati man`: the manual pages of the program and its subcommands, made from their help.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::failure::UsageError;
use super::version;

const EXAMPLES: &str = "\
Examples:
  pragati man | man -l -                             read the page of the program
  pragati man report | man -l -                      that of a command
  pragati man --out /usr/local/share/man/man1        all pages, for `man pragati-report`";

/// Print a manual page, or write all of them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArguments {
    /// The command whose page is printed, such as `report` or `requests list` [default: the program]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Folder that all pages are written to: pragati.1, pragati-report.1, …
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Prints the page of a command of `program`, or writes all pages.
pub fn run(arguments: ManArguments, program: Command) -> anyhow::Result<()> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder).map_err(|error| not_written(folder, &error))?;
        return write_all(&program, folder);
    }
    let page = page(named(&program, &arguments.command)?)?;
    let mut out = io::stdout().lock();
    out.write_all(&page)?;
    out.flush()?;
    Ok(())
}

/// The command of that name, from the program downwards.
fn named<'a>(program: &'a Command, names: &[String]) -> Result<&'a Command, UsageError> {
    let mut command = program;
    for name in names {
        command = command.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = subcommands(command).map(Command::get_name).collect();
            let parent = command.get_bin_name().unwrap_or("pragati");
            UsageError(match known.as_slice() {
                [] => format!("{parent} has no commands, so none named {name}"),
                known => format!("{parent} has no command {name}; it has {}", known.join(", ")),
            })
        })?;
    }
    Ok(command)
}

/// The commands below one, as people see them.
fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(Man::new(command.clone()).get_filename());
    fs::write(&path, page(command)?).map_err(|error| not_written(&path, &error))?;
    for command in subcommands(command) {
        write_all(command, folder)?;
    }
    Ok(())
}

/// A page: what the command is for, its options, the commands below it, and examples.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let source = format!("pragati {}", version::SHORT);
    let man = Man::new(command.clone()).source(source).manual("Pragati");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if subcommands(command).next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_help() {
        examples(&help.to_string()).to_writer(&mut page)?;
    }
    Ok(page)
}

/// The text below the help of a command, line by line, because examples are not running text.
fn examples(help: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXAMPLES"]);
    section.control("nf", []);
    for line in help.lines().filter(|line| *line != "Examples:") {
        section.text([roman(line)]);
    }
    section.control("fi", []);
    section
}

fn not_written(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!(
        "{} cannot be written: {error}; check the folder given with --out",
        path.display()
    )
}
