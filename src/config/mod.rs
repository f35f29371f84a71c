//! The settings of a site: `pragati.toml`, overridden by `PRAGATI_…` environment variables, overridden by flags (in
//! `cli`).
//!
//! One typed struct, checked as a whole before any work starts. `pragati.toml` in the project's root explains every option.

mod ca_file;
mod cluster;
mod cluster_options;
mod files;
mod headers;
mod identity;
mod mail;
mod mistakes;
mod opentelemetry;
mod postgres;
mod ratio;
mod schema;
mod secret;
mod serve;
mod shown;
mod sign_in;
mod subscriptions;
mod url_secrets;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytesize::ByteSize;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ca_file::{CaFileError, ca_certificates};
pub use cluster::ClusterConfig;
pub use cluster_options::{AddressError, ClusterOptions, SchedulerAddress, TlsFiles};
pub use headers::Headers;
pub use identity::{AddressSource, IdentityConfig, TokenAlgorithm};
pub use mail::{DkimConfig, MailConfig};
pub use opentelemetry::{OpenTelemetryConfig, collector_url};
pub use postgres::PostgresConfig;
pub use ratio::RatioConfig;
pub use secret::Secret;
pub use serve::{DatabaseConfig, ServeConfig};
pub use sign_in::{LinkKind, RightsSource, SignInConfig};
pub use subscriptions::SubscriptionsConfig;
pub use url_secrets::without_secrets;

use crate::ids::SnapshotDate;
use crate::zone::Zone;

/// The file that is read from the working folder when `--config` names none.
const DEFAULT_FILE: &str = "pragati.toml";

/// The settings that are a [`Secret`].
const SECRETS: [&str; 6] = [
    "database.url",
    "mail.password",
    "mail.zip_password",
    "opentelemetry.headers",
    "serve.link_key",
    "sign_in.client_secret",
];

/// Variables `PRAGATI_…` that are no settings: those of options, of the log, and of a build.
const NO_SETTINGS: [&str; 4] = ["config", "log", "log_format", "commit"];

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ConfigError {
    #[error("configuration file {} cannot be read: {reason}; check the path given with --config", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("configuration: {0}")]
    Invalid(String),
    #[error("the secret file {} cannot be read: {reason}; check its path and permissions", path.display())]
    SecretFile { path: PathBuf, reason: String },
    #[error(
        "configuration: {setting} names {}, which cannot be used: {reason}; check its path and permissions",
        path.display()
    )]
    NamedFile {
        setting: &'static str,
        path: PathBuf,
        reason: String,
    },
    #[error("no exports given; use --exports DIR|URL, PRAGATI_EXPORTS, or `exports` in {DEFAULT_FILE}")]
    NoExports,
    #[error(
        "date format '{0}' is not one that dates can be written with; see https://docs.rs/chrono/latest/chrono/format/strftime"
    )]
    DateFormat(String),
}

/// Every setting, with its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder or URL of the daily exports.
    pub exports: Option<String>,
    /// The snapshot to read: `latest` or a date.
    pub date: DateChoice,
    /// The zone whose calendar turns UTC timestamps into dates, by its IANA name.
    pub timezone: Zone,
    /// A shipped mapping of a platform's raw tables: the name of a folder under `queries/staging/`.
    pub staging: Option<String>,
    /// The choices of the site where a platform's releases differ; the mapping's `mapping.toml` names the settings.
    pub staging_settings: BTreeMap<String, String>,
    /// Use a snapshot only when every table's folder holds `_SUCCESS`.
    pub success_marker: bool,
    /// Read a table that has no rows on the day although it has some on an earlier one. Without, that is taken for a failed
    /// export, and refused.
    pub allow_empty: bool,
    /// A folder whose SQL files replace the built-in ones of the same name.
    pub queries: Option<PathBuf>,
    /// The memory that a run may use; none means no limit. Bytes.
    #[serde(serialize_with = "in_bytes_where_given")]
    #[schemars(with = "Option<schema::Size>")]
    pub memory_limit: Option<ByteSize>,
    /// Worker threads; none means one a core.
    pub threads: Option<NonZeroUsize>,
    /// Where temporary files go: what sorts and joins spill, an output before its upload, the rows of a spreadsheet. None
    /// means the system's temporary folder.
    pub temp_dir: Option<PathBuf>,
    /// Folder or URL of the click events that `pragati serve` writes, to be counted with the exported ones.
    pub events: Option<String>,
    /// The platform's own events, and which of them are clicks.
    pub telemetry: TelemetryConfig,
    /// Tables whose place or shape differs from the contract.
    pub tables: BTreeMap<String, TableConfig>,
    /// Further exports that SQL may read, as they are: the name of a table, and the folder that holds its `date=…` folders, a
    /// URL, an absolute path, or relative to the exports.
    pub other_tables: BTreeMap<String, String>,
    /// A Ballista cluster that does the work of every command, in programs built with the feature `cluster`.
    pub cluster: ClusterConfig,
    /// How the Course Progress Report is written.
    pub report: ReportConfig,
    /// Where the nightly run writes, and what it keeps.
    pub nightly: NightlyConfig,
    /// How the download ratio is published.
    pub ratio: RatioConfig,
    /// The service behind "Download File".
    pub serve: ServeConfig,
    /// SQL for PostgreSQL clients.
    pub postgres: PostgresConfig,
    /// Where requests are kept.
    pub database: DatabaseConfig,
    /// Which login tokens are accepted, and what their claims mean.
    pub identity: IdentityConfig,
    /// Signing in with a browser; without a client, browsers are asked for an access token.
    pub sign_in: SignInConfig,
    /// The mail server; without one, reports can only be downloaded.
    pub mail: MailConfig,
    /// Traces and metrics for an OpenTelemetry collector; without its address, none are sent.
    pub opentelemetry: OpenTelemetryConfig,
    /// Subscriptions: reports that are mailed regularly.
    pub subscriptions: SubscriptionsConfig,
}

/// Where one table comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// The folder that holds the table's `date=…` folders: a URL, an absolute path, or relative to the exports.
    pub path: Option<String>,
    /// SQL that makes the table from raw tables: a file under the queries folder, such as `staging/mine/users.sql`.
    pub sql: Option<String>,
    /// Of a raw table that a mapping can do without: this site exports it, and a date without it is incomplete.
    pub required: bool,
}

/// The platform's telemetry, and which of its events are clicks on "Download File" (`docs/design.md`, "Download events
/// and the ratio"). An event is one where each list holds its value; an empty list holds any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The folder that holds the `date=…` folders of the days on which events arrived: a URL, an absolute path, or relative
    /// to the exports.
    pub path: String,
    /// `eid`.
    pub events: Vec<String>,
    /// `edata.id`.
    pub ids: Vec<String>,
    /// `edata.type`.
    pub types: Vec<String>,
    /// `edata.pageid`.
    pub pages: Vec<String>,
}

/// How the Course Progress Report is written (`docs/design.md`, "The Course Progress Report").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// `strftime` format of the two dates.
    pub date_format: String,
    /// Start CSV files with a byte-order mark, so that Excel shows Indian scripts.
    pub bom: bool,
    /// Put an apostrophe before cells that a spreadsheet would run as a formula.
    pub formula_escape: bool,
    /// End CSV lines with CR LF instead of LF.
    pub crlf: bool,
    /// Show External ID, School Name and Block Name only to the user's own tenant.
    pub same_tenant: bool,
    /// What to do with enrolments whose user is not in the `users` export.
    pub unknown_users: UnknownUsers,
    /// What the columns of CSV and XLSX files are called: the code of a language (`en`, `hi`, `ta`, `te`, `kn`, `or`), or a table of
    /// the site's own headers by the English ones.
    pub headers: Headers,
}

/// Where the nightly run writes, and what it keeps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NightlyConfig {
    /// Folder or URL of the output.
    pub out: Option<String>,
    /// The newest days whose output is kept; a run removes that of older ones. None means all.
    pub keep: Option<NonZeroU32>,
    /// Make every report anew, instead of taking over from an earlier output what did not change.
    pub full: bool,
    /// Compare some of the reports that were taken over with reports that are made anew; the run fails where they differ.
    pub verify: bool,
    /// Take files of the earlier output over by their sizes and times, without reading them: a file that was changed with its
    /// time set back is not found then.
    pub trust_file_times: bool,
}

/// What to do with enrolments whose user is not in the `users` export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownUsers {
    /// Keep the row, with the user's details blank.
    Keep,
    /// Leave the row out.
    Omit,
}

/// Which snapshot to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[allow(missing_docs, reason = "the names say it")]
pub enum DateChoice {
    /// The newest usable one.
    Latest,
    Day(SnapshotDate),
}

impl FromStr for DateChoice {
    type Err = crate::ids::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            day => day.parse().map(Self::Day),
        }
    }
}

impl TryFrom<String> for DateChoice {
    type Error = crate::ids::IdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DateChoice> for String {
    fn from(choice: DateChoice) -> String {
        match choice {
            DateChoice::Latest => "latest".to_owned(),
            DateChoice::Day(date) => date.to_string(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            exports: None,
            date: DateChoice::Latest,
            timezone: Zone::default(),
            staging: None,
            staging_settings: BTreeMap::new(),
            success_marker: false,
            allow_empty: false,
            queries: None,
            memory_limit: None,
            threads: None,
            temp_dir: None,
            events: None,
            telemetry: TelemetryConfig::default(),
            tables: BTreeMap::new(),
            other_tables: BTreeMap::new(),
            cluster: ClusterConfig::default(),
            report: ReportConfig::default(),
            nightly: NightlyConfig::default(),
            ratio: RatioConfig::default(),
            serve: ServeConfig::default(),
            postgres: PostgresConfig::default(),
            database: DatabaseConfig::default(),
            identity: IdentityConfig::default(),
            sign_in: SignInConfig::default(),
            mail: MailConfig::default(),
            opentelemetry: OpenTelemetryConfig::default(),
            subscriptions: SubscriptionsConfig::default(),
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        let list = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        Self {
            path: "telemetry".to_owned(),
            events: list(&["INTERACT"]),
            ids: list(&["download-progress-report", "download", "progress-exhaust"]),
            types: Vec::new(),
            pages: list(&["course-progress-dashboard", "on-demand-reports"]),
        }
    }
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            date_format: "%Y-%m-%d".to_owned(),
            bom: true,
            formula_escape: true,
            crlf: false,
            same_tenant: false,
            unknown_users: UnknownUsers::Keep,
            headers: Headers::default(),
        }
    }
}

impl Config {
    /// Reads `file` (or `pragati.toml` in the working folder where there is one), then the environment.
    ///
    /// # Errors
    /// The file cannot be read, or a setting is unknown or has a wrong value.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut settings = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = Self::file(file) {
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
            mistakes::check_syntax(path, &text)?;
            // Not figment's own `Toml::file`, which looks for the file in the folders above too.
            settings = settings.merge(Toml::file_exact(path));
        }
        let environment = Env::prefixed(mistakes::PREFIX)
            .ignore(&NO_SETTINGS)
            .split(mistakes::SEPARATOR);
        settings = settings.merge(environment);
        for name in SECRETS {
            // Taken literally: a password of digits alone is a text, and quotes and spaces are part of it.
            let variable = format!("PRAGATI_{}", name.to_uppercase().replace('.', "__"));
            if let Ok(secret) = std::env::var(&variable) {
                settings = settings.merge(Serialized::default(name, secret));
            }
        }
        let config: Self = settings.extract().map_err(|error| mistakes::invalid(&error))?;
        config.report.check()?;
        config.serve.check()?;
        config.postgres.check()?;
        config.sign_in.check()?;
        config.opentelemetry.check()?;
        config.subscriptions.check()?;
        Ok(config)
    }

    /// The file that [`Config::load`] reads: the one that is given, or `pragati.toml` where the working folder has one.
    pub fn file(given: Option<&Path>) -> Option<&Path> {
        let default = Path::new(DEFAULT_FILE);
        given.or_else(|| default.is_file().then_some(default))
    }

    /// Where temporary files go.
    pub fn temp_folder(&self) -> PathBuf {
        self.temp_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The folder or URL of the exports, or the error that says how to give it.
    ///
    /// # Errors
    /// No exports are configured.
    pub fn exports(&self) -> Result<&str, ConfigError> {
        self.exports.as_deref().ok_or(ConfigError::NoExports)
    }
}

impl ReportConfig {
    fn check(&self) -> Result<(), ConfigError> {
        use chrono::format::{Item, StrftimeItems};
        let format = &self.date_format;
        let bad = format.trim().is_empty() || StrftimeItems::new(format).any(|item| matches!(item, Item::Error));
        let needs_time = || {
            let mut out = String::new();
            let day = chrono::NaiveDate::default();
            std::fmt::Write::write_fmt(&mut out, format_args!("{}", day.format(format))).is_err()
        };
        if bad || needs_time() {
            return Err(ConfigError::DateFormat(format.clone()));
        }
        self.headers.check()
    }
}

/// Writes a size in bytes. Its usual text form is rounded, and defaults are serialised on loading.
fn in_bytes<S: serde::Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(size.as_u64())
}

/// The same for an optional size.
fn in_bytes_where_given<S: serde::Serializer>(size: &Option<ByteSize>, serializer: S) -> Result<S::Ok, S::Error> {
    size.map(|size| size.as_u64()).serialize(serializer)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pragati.toml");
        std::fs::write(&path, text).expect("a file");
        Config::load(Some(&path))
    }

    #[test]
    fn headers_are_a_language_or_a_table() {
        let headers = |text: &str| from_toml(text).map(|config| config.report.headers);
        assert_eq!(
            headers("report.headers = 'ta'").expect("Tamil"),
            Headers::Language(crate::language::Language::Tamil)
        );
        let own = headers("[report.headers]\n'Block Name' = 'Ward'").expect("a table");
        assert_eq!(own.of("Block Name"), "Ward");
        for (text, expected) in [
            ("report.headers = 'marathi'", "report.headers is a language (en,"),
            ("report.headers.Ward = 'x'", "no column 'Ward'"),
        ] {
            let said = from_toml(text).expect_err("refused").to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(from_toml("").expect("defaults"), Config::default());
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let config = from_toml(
            "exports = 's3://bucket/exports'\ndate = '2026-11-22'\ntimezone = 'Asia/Dhaka'\nmemory_limit = '2GB'\n\
             threads = 3\n[telemetry]\nids = ['download', 'save']\n[report]\nunknown_users = 'omit'\n[tables.users]\npath = 'people'\n",
        )
        .expect("a config");
        assert_eq!(config.exports.as_deref(), Some("s3://bucket/exports"));
        assert_eq!(config.timezone.name(), "Asia/Dhaka");
        assert_eq!(config.memory_limit, Some(ByteSize::gb(2)));
        assert_eq!(config.report.unknown_users, UnknownUsers::Omit);
        assert_eq!(config.telemetry.ids, ["download", "save"]);
        assert_eq!(config.telemetry.events, ["INTERACT"]);
        assert_eq!(config.tables["users"].path.as_deref(), Some("people"));
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_repeated() {
        for text in ["password = 12345678", "zip_password = true", "password = [1234]"] {
            let message = from_toml(&format!("[mail]\n{text}\n")).expect_err(text).to_string();
            assert!(
                message.contains("in quotes") && message.contains("password"),
                "{message}"
            );
            assert!(!message.contains("1234") && !message.contains("true"), "{message}");
        }
    }

    #[test]
    fn mistakes_are_one_line_that_names_the_option() {
        for (text, named) in [
            ("timezone = 'Asia/Nowhere'", "timezone"),
            ("[report]\nunknown_users = 'drop'", "unknown_users"),
            ("exprots = 'x'", "exprots"),
            ("date = 'yesterday'", "YYYY-MM-DD"),
            ("[ratio]\nrevise_days = 0", "revise_days"),
            ("[report]\ndate_format = '%Q'", "%Q"),
            ("[report]\ndate_format = '%H:%M'", "%H:%M"),
            ("[serve]\nworkers = 0", "serve.workers"),
            ("[sign_in]\nclient_id = ' '", "sign_in.client_id"),
            ("[sign_in]\nscopes = ['email']", "sign_in.scopes"),
            ("[sign_in]\nidle_minutes = 0", "sign_in.idle_minutes"),
            ("[sign_in]\nsession_minutes = 999999", "sign_in.session_minutes"),
            ("[serve]\nretention_days = 99999999", "serve.retention_days"),
            ("[opentelemetry]\nendpoint = 'collector'", "opentelemetry.endpoint"),
            ("[opentelemetry]\nservice_name = ''", "opentelemetry.service_name"),
            ("[subscriptions]\nroles_days = 0", "subscriptions.roles_days"),
        ] {
            let message = from_toml(text).expect_err(text).to_string();
            assert!(message.contains(named), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn mistakes_name_the_file_the_setting_and_what_is_wrong() {
        for (text, expected) in [
            (
                "[serve]\nworkrs = 3",
                "serve.workrs is no setting; did you mean serve.workers?",
            ),
            ("[serv]\nworkers = 3", "serv is no setting; did you mean serve?"),
            (
                "[tables.users]\nfolder = 'x'",
                "tables.users.folder is no setting; there are path, sql, required",
            ),
            (
                "[nightly]\nkeep = 0",
                "nightly.keep: expected a whole number of at least 1, found 0",
            ),
            (
                "[serve]\nworkers = 'three'",
                "serve.workers: expected a whole number of at least 0, found 'three'",
            ),
            (
                "[report]\nbom = 'yes'",
                "report.bom: expected true or false, found 'yes'",
            ),
            (
                "memory_limit = 'lots'",
                "memory_limit: expected a size such as 2GB, found 'lots'",
            ),
            ("serve = 3", "serve: expected a table of settings, found 3"),
            (
                "[report]\nunknown_users = 'drop'",
                "report.unknown_users: 'drop' is none of keep, omit",
            ),
            (
                "timezone = 'Asia/Nowhere'",
                "timezone: 'Asia/Nowhere' is not an IANA time zone such as 'Asia/Kolkata'",
            ),
            (
                "[mail.dkim]\nselector = 'x'\nkey_file = 'y'",
                "mail.dkim.domain is missing",
            ),
        ] {
            let message = from_toml(text).expect_err(text).to_string();
            let (file, said) = message.split_once("/pragati.toml: ").expect("the file");
            assert!(file.starts_with("configuration: /"), "{message}");
            assert_eq!(said, expected);
        }
    }
}
