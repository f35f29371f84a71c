//! The audit log: who ran which statement when, from where, and how it ended. It has no bound values and no results.
//!
//! One JSON object a line, in one private file a day (UTC). A statement is noted before it runs, and does not run where
//! that fails; how it ended is a second line of the same `id`. The site removes old files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use uuid::Uuid;

/// Characters of a statement that are noted.
const NOTED: usize = 16 * 1024;
/// Bytes of a name that are noted, as many as PostgreSQL's names have, so that failed logins cannot fill the disk.
const NAME_NOTED: usize = 63;

/// Writes the log.
#[derive(Debug)]
pub struct AuditLog {
    folder: PathBuf,
    open: Mutex<Option<(NaiveDate, File)>>,
}

/// The client that runs statements.
#[derive(Debug, Clone)]
pub struct Actor {
    pub user: String,
    pub address: SocketAddr,
    /// The client's `application_name`.
    pub application: Option<String>,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct End<'a> {
    pub outcome: &'static str,
    /// PostgreSQL's code of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// Rows that were sent.
    pub rows: u64,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Login {
        at: String,
        user: &'a str,
        address: SocketAddr,
        #[serde(skip_serializing_if = "Option::is_none")]
        application: Option<&'a str>,
        outcome: &'static str,
    },
    Query {
        at: String,
        id: Uuid,
        user: &'a str,
        address: SocketAddr,
        #[serde(skip_serializing_if = "Option::is_none")]
        application: Option<&'a str>,
        sql: &'a str,
        #[serde(skip_serializing_if = "is_false")]
        shortened: bool,
    },
    End {
        at: String,
        id: Uuid,
        user: &'a str,
        #[serde(flatten)]
        end: End<'a>,
        milliseconds: u64,
    },
}

fn name_noted(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_NOTED)]
}

fn is_false(value: &bool) -> bool {
    !value
}

impl AuditLog {
    /// A log in `folder`, which is made where it is missing.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let log = Self {
            folder: folder.to_owned(),
            open: Mutex::new(None),
        };
        log.write_line(Utc::now(), b"")?;
        Ok(log)
    }

    /// Notes an attempt to log in, with its outcome.
    pub fn login(&self, actor: &Actor, outcome: &'static str) -> io::Result<()> {
        let now = Utc::now();
        self.write(
            now,
            &Line::Login {
                at: time(now),
                user: name_noted(&actor.user),
                address: actor.address,
                application: actor.application.as_deref().map(name_noted),
                outcome,
            },
        )
    }

    /// Notes a statement that is about to run.
    pub fn query(&self, id: Uuid, actor: &Actor, sql: &str) -> io::Result<()> {
        let now = Utc::now();
        let end = sql.char_indices().nth(NOTED).map_or(sql.len(), |(end, _)| end);
        self.write(
            now,
            &Line::Query {
                at: time(now),
                id,
                user: name_noted(&actor.user),
                address: actor.address,
                application: actor.application.as_deref().map(name_noted),
                sql: &sql[..end],
                shortened: end < sql.len(),
            },
        )
    }

    /// Notes how a statement ended. Where that fails the service's own log says so.
    pub fn end(&self, id: Uuid, actor: &Actor, end: End<'_>, took: Duration) {
        let now = Utc::now();
        let line = Line::End {
            at: time(now),
            id,
            user: name_noted(&actor.user),
            end,
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        if let Err(error) = self.write(now, &line) {
            tracing::error!("the audit log in {} cannot be written: {error}", self.folder.display());
        }
    }

    fn write(&self, now: DateTime<Utc>, line: &Line<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.write_line(now, &text)
    }

    /// Appends to the file of the day. A line is one write, so that lines of several processes do not mix.
    fn write_line(&self, now: DateTime<Utc>, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.date_naive();
        let file = match open.take() {
            Some((of, file)) if of == day => file,
            _ => self.file_of(day)?,
        };
        let (_, file) = open.insert((day, file));
        file.write_all(line)
    }

    fn file_of(&self, day: NaiveDate) -> io::Result<File> {
        let path = self.folder.join(format!("sql-{day}.ndjson"));
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lines_tell_who_ran_what_and_how_it_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = AuditLog::open(&folder.path().join("audit")).expect("a log");
        let actor = Actor {
            user: "asha".to_owned(),
            address: "127.0.0.1:5000".parse().expect("an address"),
            application: Some("psql".to_owned()),
        };
        let id = Uuid::nil();
        log.login(&actor, "ok").expect("noted");
        log.query(id, &actor, &"é".repeat(NOTED + 1)).expect("noted");
        let end = End {
            outcome: "failed",
            code: Some("22012"),
            rows: 3,
        };
        log.end(id, &actor, end, Duration::from_millis(12));
        let day = Utc::now().date_naive();
        let path = folder.path().join(format!("audit/sql-{day}.ndjson"));
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(path).expect("text");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["event"], "login");
        assert_eq!(lines[1]["sql"].as_str().map(|sql| sql.chars().count()), Some(NOTED));
        assert_eq!(lines[1]["shortened"], true);
        assert_eq!((&lines[2]["code"], &lines[2]["rows"]), (&"22012".into(), &3.into()));
        assert_eq!(lines[2]["milliseconds"], 12);
    }
}
