//! The options that all commands share, and what they change in the configuration.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{ArgAction, Args};
use pragati::config::{Config, ConfigError, DateChoice};
use pragati::zone::Zone;
use tracing_subscriber::EnvFilter;

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
    /// Zone whose calendar gives the dates [default: Asia/Kolkata]
    #[arg(long, value_name = "ZONE", help_heading = "Common options")]
    timezone: Option<Zone>,
    /// Folder whose SQL files replace the built-in ones of the same name
    #[arg(long, value_name = "DIR", help_heading = "Common options")]
    queries: Option<PathBuf>,
    /// Memory that a run may use, such as 2GB; what needs more works in groups or spills to disk [default: no limit]
    #[arg(long, value_name = "SIZE", help_heading = "Common options")]
    memory_limit: Option<ByteSize>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", help_heading = "Common options")]
    threads: Option<NonZeroUsize>,
    /// Ballista scheduler whose cluster does the work, as df://HOST:PORT [default: this process does]
    #[arg(long, value_name = "URL", help_heading = "Common options")]
    cluster: Option<String>,
    /// Folder of temporary files [default: the system's]
    #[arg(long, value_name = "DIR", help_heading = "Common options")]
    temp_dir: Option<PathBuf>,
    /// Folder or URL of the click events that `pragati serve` writes
    #[arg(long, value_name = "DIR|URL", help_heading = "Common options")]
    events: Option<String>,
    #[command(flatten)]
    talk: TalkOptions,
}

/// How much is said on standard error.
#[derive(Debug, Args)]
pub struct TalkOptions {
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Common options")]
    quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Common options")]
    verbose: u8,
}

impl CommonOptions {
    /// The configuration of file and environment with these options on top. Starts the log.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.talk.start_log();
        let mut config = Config::load(self.config.as_deref())?;
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

    /// Whether progress may be shown.
    pub fn is_quiet(&self) -> bool {
        self.talk.is_quiet()
    }
}

impl TalkOptions {
    /// Whether progress and summaries are unwanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Sends the log to standard error; `PRAGATI_LOG` may ask for more than the flags do.
    pub fn start_log(&self) {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, _) => "debug",
        };
        let filter =
            EnvFilter::try_from_env("PRAGATI_LOG").unwrap_or_else(|_| EnvFilter::new(format!("pragati={level}")));
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
        // A second start, as in tests within one process, changes nothing.
        let _ = log.try_init();
    }
}
