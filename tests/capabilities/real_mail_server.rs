//! Mail servers of Debian's packages, set up as the packages do it, that relay what they take to a mail server of the
//! test. They run in namespaces of their own, so that the machine's mail server and configuration stay as they are.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pragati::config::MailConfig;
use tempfile::TempDir;

use crate::prepared::prepared;
use crate::support::{skipped, wait_at_most};

const UNPACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/debian_mail_servers.sh");
const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/mail_server.sh");
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postfix,
    Exim,
    OpenSmtpd,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Postfix => "postfix",
            Self::Exim => "exim",
            Self::OpenSmtpd => "opensmtpd",
        }
    }
}

/// How a server is set up.
#[derive(Debug)]
pub struct RealSetup {
    kind: Kind,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl RealSetup {
    pub fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            kind,
            folder,
            variables: Vec::new(),
        }
    }

    /// Puts an unknown sender off for so many seconds; Postfix alone can.
    pub fn greylisting(mut self, seconds: u32) -> Self {
        self.variables.push(("GREYLIST", seconds.to_string()));
        self
    }

    /// With more text in a file of its configuration (see `mail_server.sh`).
    pub fn adding(self, file: &str, text: &str) -> Self {
        let folder = self.folder.path().join("add");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(file), text).expect("written");
        self
    }

    /// It can pipe mails to this program, which it knows as `/usr/local/bin/pragati`.
    pub fn piping_to_pragati(mut self) -> Self {
        let program = assert_cmd::cargo::cargo_bin("pragati");
        self.variables.push(("PRAGATI", program.display().to_string()));
        self
    }

    /// Starts it; it relays to `next`, a port of this machine. None where its packages or namespaces cannot be had.
    pub fn start(self, next: u16) -> Option<RealMailServer> {
        let unpacked = unpacked()?;
        let Some(mut command) = in_namespaces() else {
            // Containers often may not, so this is not held against a machine that may not skip.
            eprintln!(
                "SKIPPED: a mail server of its own needs namespaces: root, or Debian's package uidmap and a line in /etc/subuid"
            );
            return None;
        };
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let own = self.folder.path();
        command
            .args(["sh", RUN, self.kind.word()])
            .arg(&unpacked)
            .arg(own)
            .args([port.to_string(), next.to_string()])
            .envs(self.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let running = command.spawn().expect("a mail server");
        let mut server = RealMailServer {
            folder: self.folder,
            port,
            running,
        };
        server.wait();
        Some(server)
    }
}

/// A mail server that runs; it ends with this value, or with the test's process.
pub struct RealMailServer {
    folder: TempDir,
    port: u16,
    running: Child,
}

impl RealMailServer {
    /// Waits for its greeting.
    fn wait(&mut self) {
        let place = (Ipv4Addr::LOCALHOST, self.port);
        let folder = self.folder.path().to_owned();
        let is_there = || {
            let ended = self.running.try_wait().expect("its state");
            assert!(ended.is_none(), "{}", text_of(&folder.join("log")));
            let Ok(stream) = TcpStream::connect(place) else {
                return false;
            };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let mut greeting = String::new();
            BufReader::new(stream).read_line(&mut greeting).is_ok() && greeting.starts_with("220 ")
        };
        wait_at_most(PATIENCE, is_there, "a mail server's greeting");
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("smtp+plain://127.0.0.1:{}", self.port)
    }

    /// Settings with which mails reach it.
    pub fn config(&self) -> MailConfig {
        MailConfig {
            server: Some(self.url()),
            from: Some("reports@pragati.example".to_owned()),
            timeout_seconds: 30,
            ..MailConfig::default()
        }
    }

    /// What is in a file of its `/var`.
    pub fn file(&self, path: &str) -> String {
        text_of(&self.folder.path().join("var").join(path))
    }
}

impl Drop for RealMailServer {
    fn drop(&mut self) {
        // The first process of its namespace ends when its input does, and all others with it.
        drop(self.running.stdin.take());
        let _ = self.running.wait();
    }
}

fn text_of(file: &Path) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The folder of unpacked servers, made where it is missing.
fn unpacked() -> Option<PathBuf> {
    let source = fs::read(UNPACK).expect("the script");
    let make = |folder: &Path| {
        let made = Command::new("sh").arg(UNPACK).arg(folder).stdin(Stdio::null()).output();
        let made = made.expect("a shell");
        if !made.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&made.stderr));
        }
        made.status.success()
    };
    let found = prepared("mail-servers", &source, make, Path::to_owned);
    if found.is_none() {
        skipped("this test needs Debian's packages of mail servers, which cannot be downloaded; try `apt-get update`");
    }
    found
}

/// A command that runs what follows it in namespaces of its own; none where it may not.
fn in_namespaces() -> Option<Command> {
    let command = || {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user", "--map-auto"]);
        }
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command
    };
    let tried = command().arg("true").stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success()).then(command)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
