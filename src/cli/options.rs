//! The options that all commands share, and how they change the configuration.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::{ArgAction, Args};
use pragati::config::{Config, ConfigError, DateChoice, OpenTelemetryConfig};
use pragati::zone::Zone;

use super::counts;
use super::log::{self, LogFormat};

#[derive(Debug, Args)]
pub struct CommonOptions {
    /// Configuration file [default: pragati.toml, where there is one]
    #[arg(long, value_name = "FILE", env = "PRAGATI_CONFIG", help_heading = "Common options")]
    config: Option<PathBuf>,
    /// Folder or URL (s3://, gs://, az://) of the daily exports
    #[arg(long, value_name = "DIR|URL", help_heading = "Common options")]
    exports: Option<String>,
    /// Snapshot to read, as YYYY-MM-DD [default: latest]
    #[arg(long, value_name = "DATE", help_heading = "Common options")]
    date: Option<DateChoice>,
    /// Read a table that has no rows although it had some on an earlier day [default: refuse it as a failed export]
    #[arg(long, help_heading = "Common options")]
    allow_empty: bool,
    /// Time zone in which times become dates [default: Asia/Kolkata]
    #[arg(long, value_name = "ZONE", help_heading = "Common options")]
    timezone: Option<Zone>,
    /// Folder whose SQL files replace the built-in ones of the same name
    #[arg(long, value_name = "DIR", help_heading = "Common options")]
    queries: Option<PathBuf>,
    /// Memory that a run may use, such as 2GB; what does not fit is done in groups of batches, or spills to disk
    /// [default: no limit]
    #[arg(long, value_name = "SIZE", help_heading = "Common options")]
    memory_limit: Option<ByteSize>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = counts::threads, help_heading = "Common options")]
    threads: Option<NonZeroUsize>,
    /// Ballista scheduler whose cluster does the work, as df://HOST:PORT [default: this process does]
    #[arg(long, value_name = "URL", help_heading = "Common options", hide = cfg!(not(feature = "cluster")))]
    cluster: Option<String>,
    /// Folder of temporary files [default: the system's]
    #[arg(long, value_name = "DIR", help_heading = "Common options")]
    temp_dir: Option<PathBuf>,
    /// Folder or URL of the click events that `pragati serve` writes
    #[arg(long, value_name = "DIR|URL", help_heading = "Common options")]
    events: Option<String>,
    #[command(flatten)]
    talk: MessageOptions,
}

/// The amount and the form of messages on standard error.
#[derive(Debug, Args)]
pub struct MessageOptions {
    /// Print errors only
    #[arg(short, long, help_heading = "Common options")]
    quiet: bool,
    /// Print more messages; -vv prints all of them
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Common options")]
    verbose: u8,
    /// Form of the messages
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t = LogFormat::Text,
        env = "PRAGATI_LOG_FORMAT",
        help_heading = "Common options"
    )]
    log_format: LogFormat,
}

impl CommonOptions {
    /// Loads file and environment, applies these options on top, and starts the log.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut config = self.talk.start_with(Config::load(self.config.as_deref()))?;
        config.exports = self.exports.clone().or(config.exports);
        config.date = self.date.unwrap_or(config.date);
        config.allow_empty |= self.allow_empty;
        config.timezone = self.timezone.clone().unwrap_or(config.timezone);
        config.queries = self.queries.clone().or(config.queries);
        config.memory_limit = self.memory_limit.or(config.memory_limit);
        config.threads = self.threads.or(config.threads);
        config.cluster.scheduler = self.cluster.clone().or(config.cluster.scheduler);
        config.events = self.events.clone().or(config.events);
        config.temp_dir = self.temp_dir.clone().or(config.temp_dir);
        Ok(config)
    }

    /// The configuration file that is read, if any.
    pub fn config_file(&self) -> Option<&Path> {
        Config::file(self.config.as_deref())
    }

    /// Whether progress is hidden.
    pub fn is_quiet(&self) -> bool {
        self.talk.is_quiet()
    }
}

impl MessageOptions {
    /// Whether progress and summaries are hidden.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Starts the log, and the traces and metrics that the configuration asks for; the error of loading it is said in
    /// the form of the log.
    pub fn start_with(&self, loaded: Result<Config, ConfigError>) -> Result<Config, ConfigError> {
        self.start(loaded.as_ref().ok().map(|config| &config.opentelemetry));
        loaded
    }

    /// Sends the log to standard error. `PRAGATI_LOG` overrides the level.
    pub fn start_log(&self) {
        self.start(None);
    }

    fn start(&self, opentelemetry: Option<&OpenTelemetryConfig>) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, _) => "debug",
        };
        log::start(level, self.log_format, opentelemetry);
    }
}
