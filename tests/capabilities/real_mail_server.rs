//! Mail servers of Debian's packages, set up as the packages do it, that relay what they take to a mail server of the
//! test. They run in namespaces of their own, so that the machine's mail server and configuration stay as they are.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pragati::config::MailConfig;
use tempfile::TempDir;

use crate::prepared::prepared;
use crate::support::{free_port, skipped};

const UNPACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/debian_mail_servers.sh");
const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/mail_server.sh");
/// How long a server may take to answer, before it is started once more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is started in all.
const STARTS: u32 = 3;

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
    folder: Arc<TempDir>,
    variables: Vec<(&'static str, String)>,
}

impl RealSetup {
    pub fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // The server's users are not its owner.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its mode");
        Self {
            kind,
            folder: Arc::new(folder),
            variables: Vec::new(),
        }
    }

    /// Puts an unknown sender off for `seconds` seconds; Postfix alone can.
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
        if in_namespaces().is_none() {
            // Containers often may not, so this is not held against a machine that may not skip.
            eprintln!(
                "SKIPPED: a mail server of its own needs namespaces: root, or Debian's package uidmap and a line in /etc/subuid"
            );
            return None;
        }
        // Another process may take the port that was free a moment ago.
        let mut logs = Vec::new();
        for start in 1..=STARTS {
            let mut server = self.started(&unpacked, start, next);
            match server.greets() {
                Ok(()) => return Some(server),
                Err(log) => logs.push(log),
            }
        }
        panic!("no mail server after {STARTS} starts:\n{}", logs.join("\n"));
    }

    /// Its process, with a folder of its own for each start.
    fn started(&self, unpacked: &Path, start: u32, next: u16) -> RealMailServer {
        let own = self.folder.path().join(start.to_string());
        fs::create_dir(&own).expect("a folder");
        let added = self.folder.path().join("add");
        if added.exists() {
            symlink(added, own.join("add")).expect("a link");
        }
        let port = free_port();
        let mut command = in_namespaces().expect("they were there");
        command
            .args(["sh", RUN, self.kind.word()])
            .arg(unpacked)
            .arg(&own)
            .args([port.to_string(), next.to_string()])
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let running = command.spawn().expect("a mail server");
        RealMailServer {
            own,
            _folder: Arc::clone(&self.folder),
            port,
            running,
        }
    }
}

/// A mail server that runs; it ends with this value, or with the test's process.
pub struct RealMailServer {
    /// Its own files, below a folder that goes with the last start.
    own: PathBuf,
    _folder: Arc<TempDir>,
    port: u16,
    running: Child,
}

impl RealMailServer {
    /// Waits for its greeting; its log where it does not come.
    fn greets(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if greeting(self.port).is_some_and(|line| line.starts_with("220 ")) {
                return Ok(());
            }
            if self.running.try_wait().expect("its state").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(text_of(&self.own.join("log")) + &self.file("log/mail.log"))
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
        text_of(&self.own.join("var").join(path))
    }
}

impl Drop for RealMailServer {
    fn drop(&mut self) {
        // The first process of its namespace ends when its input does, and all others with it.
        drop(self.running.stdin.take());
        let _ = self.running.wait();
    }
}

/// The first line that is said on a port; none where nobody listens, or says nothing soon.
fn greeting(port: u16) -> Option<String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line)
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
