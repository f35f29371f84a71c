//! A real mail server for tests: it speaks TLS, requires a login, stores mails, and misbehaves by rules that a test
//! sets.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use mail_parser::{Message, MessageParser};
use pragati::config::MailConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::python::python_for;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/smtp_server.py");
pub const USER: &str = "pragati";
pub const PASSWORD: &str = "geheim ✓";

/// How a test's mail server keeps connections private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Plain,
    StartTls,
    Tls,
}

/// A mail server; it ends with this value.
pub struct SmtpServer {
    folder: TempDir,
    security: Security,
    port: u16,
    running: Option<(Child, BufReader<ChildStdout>)>,
    python: PathBuf,
}

/// A mail as the server got it.
#[derive(Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub parameters: Vec<String>,
    pub login: Option<String>,
    pub tls: bool,
    /// Counts the connections that the server took.
    pub connection: u64,
    pub raw: Vec<u8>,
}

impl SmtpServer {
    /// A server on this machine, with a certificate for it; where there is TLS it wants the login [`USER`],
    /// [`PASSWORD`]. None where its Python package cannot be had.
    pub fn start(security: Security) -> Option<Self> {
        Self::start_as(security, "127.0.0.1")
    }

    /// A server whose certificate is for another host.
    pub fn start_as(security: Security, host: &str) -> Option<Self> {
        let python = python_for("servers", "aiosmtpd")?;
        let folder = tempfile::tempdir().expect("a folder");
        write_certificates(folder.path(), host);
        let mut server = Self {
            folder,
            security,
            port: 0,
            running: None,
            python,
        };
        server.start_again();
        Some(server)
    }

    /// Starts it after [`Self::stop`], on the same port and with the mails that it has.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none());
        let mut command = Command::new(&self.python);
        command
            .arg(SERVER)
            .args(["--until-input-ends", "--port", &self.port.to_string()])
            .arg("--mails")
            .arg(self.mails())
            .arg("--behaviour")
            .arg(self.behaviour());
        if self.security == Security::Plain {
            command.arg("--plain");
        } else {
            command
                .args(["--user", USER, "--password", PASSWORD, "--certificate"])
                .arg(self.folder.path().join("server.pem"))
                .arg("--key")
                .arg(self.folder.path().join("server.key"));
        }
        if self.security == Security::Tls {
            command.arg("--implicit-tls");
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let (_, port) = line.trim().rsplit_once(':').expect("the server's place");
        self.port = port.parse().expect("a port");
        self.running = Some((child, output));
    }

    /// Kills it; what it confirmed is kept.
    pub fn stop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What `mail.server` is set to for it.
    pub fn url(&self) -> String {
        let scheme = match self.security {
            Security::Plain => "smtp+plain",
            Security::StartTls => "smtp",
            Security::Tls => "smtps",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The certificate authority to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Settings with which mails reach it.
    pub fn config(&self) -> MailConfig {
        let config = MailConfig {
            server: Some(self.url()),
            from: Some("Pragati Reports <reports@pragati.example>".to_owned()),
            timeout_seconds: 10,
            ..MailConfig::default()
        };
        if self.security == Security::Plain {
            return config;
        }
        MailConfig {
            user: Some(USER.to_owned()),
            password: Some(PASSWORD.to_owned().into()),
            ca_file: Some(self.ca_file()),
            ..config
        }
    }

    /// Sets the rules of its behaviour from now on (see the server); without rules it behaves well.
    pub fn set_behaviour(&self, rules: &str) {
        let next = self.folder.path().join("behaviour.next");
        fs::write(&next, rules).expect("written");
        fs::rename(next, self.behaviour()).expect("renamed");
    }

    /// The mails that it stored, oldest first.
    pub fn received(&self) -> Vec<Received> {
        let Ok(entries) = fs::read_dir(self.mails()) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort();
        files.iter().map(|file| Received::read(file)).collect()
    }

    /// The only mail that it stored.
    pub fn only_mail(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received.remove(0)
    }

    fn mails(&self) -> PathBuf {
        self.folder.path().join("mails")
    }

    fn behaviour(&self) -> PathBuf {
        self.folder.path().join("behaviour")
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Received {
    fn read(file: &Path) -> Self {
        let about = fs::read_to_string(file.with_extension("json")).expect("what the server knows");
        let about: serde_json::Value = serde_json::from_str(&about).expect("JSON");
        let texts = |name: &str| -> Vec<String> {
            let list = about[name].as_array().expect("a list").iter();
            list.map(|text| text.as_str().expect("text").to_owned()).collect()
        };
        Self {
            from: about["from"].as_str().expect("a sender").to_owned(),
            to: texts("to"),
            parameters: texts("parameters"),
            login: about["login"].as_str().map(str::to_owned),
            tls: about["tls"].as_bool().expect("whether TLS was on"),
            connection: about["connection"].as_u64().expect("a number"),
            raw: fs::read(file).expect("the mail"),
        }
    }

    /// The mail, parsed.
    pub fn message(&self) -> Message<'_> {
        MessageParser::default().parse(&self.raw).expect("a mail")
    }

    /// The attachment's name and content; there must be one at most.
    pub fn attachment(&self) -> Option<(String, Vec<u8>)> {
        use mail_parser::MimeHeaders;
        let message = self.message();
        assert!(message.attachment_count() <= 1);
        let part = message.attachment(0)?;
        Some((
            part.attachment_name().expect("a name").to_owned(),
            part.contents().to_owned(),
        ))
    }

    /// The head of the mail, up to the empty line.
    pub fn head(&self) -> String {
        let text = String::from_utf8_lossy(&self.raw);
        text.split("\r\n\r\n").next().unwrap_or_default().to_owned()
    }
}

/// A certificate authority and a certificate of it for `host`, as `ca.pem`, `server.pem` and `server.key`.
fn write_certificates(folder: &Path, host: &str) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec![host.to_owned()])
        .expect("parameters")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    fs::write(folder.join("ca.pem"), ca_pem).expect("written");
    fs::write(folder.join("server.pem"), server.pem()).expect("written");
    fs::write(folder.join("server.key"), key.serialize_pem()).expect("written");
}
