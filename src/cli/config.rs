//! `pragati config`: shows the configuration that commands work with, checks it, and describes it for editors.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use pragati::config::Config;
use pragati::{catalog, server};

use super::options::CommonOptions;

const EXAMPLES: &str = "\
Examples:
  pragati config show                               all settings: file, environment and flags together
  pragati config schema > pragati.schema.json       for editors; '#:schema ./pragati.schema.json' begins pragati.toml
  pragati config check --config /etc/pragati/pragati.toml";

/// Show, check or describe the configuration.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(ShowArguments),
    Check(CheckArguments),
    Schema(SchemaArguments),
}

/// Print all settings that are in effect as a pragati.toml, without secrets.
#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    common: CommonOptions,
}

/// Check all settings and the files that they name, without opening the exports; exit code 1 for a mistake.
#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    common: CommonOptions,
}

/// Print the JSON schema of pragati.toml, by which editors complete and check it.
#[derive(Debug, Args)]
struct SchemaArguments {}

/// A mistake that the check found. It is the check's result, and no wrong usage of the check.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsound(String);

pub async fn run(arguments: ConfigArguments) -> anyhow::Result<()> {
    let text = match arguments.action {
        Action::Show(arguments) => arguments.common.load()?.to_toml()?,
        Action::Check(arguments) => {
            let options = &arguments.common;
            let config = options.load().map_err(|error| Unsound(error.to_string()))?;
            check(&config).await?;
            let file = options.config_file().map(|file| file.display().to_string());
            let checked = file.unwrap_or_else(|| "the defaults and the environment".to_owned());
            format!("{checked}: sound\n")
        }
        Action::Schema(SchemaArguments {}) => format!("{:#}\n", Config::schema()),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Makes the checks that loading does not make.
async fn check(config: &Config) -> Result<(), Unsound> {
    config.check_files().map_err(|error| Unsound(error.to_string()))?;
    catalog::check_settings(config).map_err(|error| Unsound(error.to_string()))?;
    let checked = server::check_settings(config).await;
    checked.map_err(|error| Unsound(error.to_string()))
}
