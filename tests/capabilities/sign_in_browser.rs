//! Signing in with Chromium at the issuer of the npm package oidc-provider, and the pages and mails on a phone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use bytesize::ByteSize;
use chrono::{TimeDelta, Utc};
use pragati::config::{IdentityConfig, LinkKind, MailConfig};
use pragati::delivery::links::Links;
use pragati::delivery::request::{Failure, FailureCause};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{browser_scripts, passes_in_browser};
use crate::delivery_mail::{Delivery, mailer};
use crate::delivery_store::{accepted, click};
use crate::node::packages;
use crate::running_process::Running;
use crate::running_service::{RunningService, Setup};
use crate::smtp::{Security, SmtpServer};
use crate::support::free_port;

const CLIENT: &str = "pragati";
const AUDIENCE: &str = "urn:reports";
/// A name as no screen has room for, in letters that are no longer than words, and in one word.
const LONG_NAMES: [&str; 2] = [
    "उच्च प्राथमिक विद्यालयों के शिक्षकों के लिए बुनियादी साक्षरता और संख्या ज्ञान प्रशिक्षण, तीसरा समूह",
    "Fundamentals_of_Foundational_Literacy_and_Numeracy_for_Teachers_of_Upper_Primary_Schools_2026",
];

/// The issuer as a process of Node.js; it ends with this value.
struct NodeIssuer {
    _process: Running,
    /// Kept open: the package ends where it cannot write its warnings.
    _output: BufReader<ChildStdout>,
    url: String,
    jwks: Value,
}

impl NodeIssuer {
    fn start(scripts: &Path, folder: &Path, public_url: &str) -> Self {
        let settings = folder.join("issuer.json");
        let told = json!({
            "client": CLIENT, "publicUrl": public_url, "audience": AUDIENCE,
            "people": {"mentor": [], "admin": ["pragati-admin"]},
        });
        fs::write(&settings, told.to_string()).expect("written");
        let process = Command::new("node")
            .arg("issuer.mjs")
            .arg(&settings)
            .current_dir(scripts)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the issuer");
        let mut process = Running(process);
        let mut output = BufReader::new(process.0.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self {
            _process: process,
            _output: output,
            url: said["url"].as_str().expect("a URL").to_owned(),
            jwks: said["jwks"].clone(),
        }
    }
}

/// An address that nobody listens on: the issuer must know it before the service starts.
fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// The id and the name of the mentor's report, whose file is made.
fn report_of(service: &RunningService, asked: &Value) -> (String, String) {
    let id = asked["id"].as_str().expect("an id").to_owned();
    service.work();
    let found = service
        .runtime
        .block_on(service.parts.store.find(id.parse().expect("an id")));
    let file = found.expect("the store").expect("a request").file;
    (id, file.expect("a file").name)
}

/// Mails with long names as HTML files: with the file, with a link, and of a failure.
fn mails(folder: &Path) -> Vec<PathBuf> {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return Vec::new();
    };
    let links_alone = mailer(&MailConfig {
        max_attachment: ByteSize::b(0),
        ..server.config()
    });
    let mailer = mailer(&server.config());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for name in LONG_NAMES {
        let report = Delivery::of_batch(name, b"External ID\n").with_link();
        runtime.block_on(report.send(&mailer)).expect("sent");
        let linked = Delivery::of_batch(name, b"External ID\n").with_link();
        runtime.block_on(linked.send(&links_alone)).expect("sent");
        let mut failed = Delivery::of_batch(name, b"External ID\n").with_link();
        failed.request.failure = Some(Failure {
            cause: FailureCause::MailRefused,
            words: format!("552 5.3.4 {}", "x".repeat(120)),
        });
        runtime.block_on(failed.notify(&mailer)).expect("sent");
    }
    let written = server.received().into_iter().enumerate().map(|(number, mail)| {
        let file = folder.join(format!("mail-{number}.html"));
        let message = mail.message();
        fs::write(&file, message.body_html(0).expect("HTML").as_bytes()).expect("written");
        file
    });
    written.collect()
}

#[test]
fn people_sign_in_and_download_with_a_browser() {
    let Some(scripts) = browser_scripts() else { return };
    let Some(issuer_scripts) = packages("issuer") else {
        return;
    };
    let folder: TempDir = tempfile::tempdir().expect("a folder");
    let address = free_address();
    let public_url = format!("http://{address}");
    let issuer = NodeIssuer::start(&issuer_scripts, folder.path(), &public_url);
    let keys = folder.path().join("jwks.json");
    fs::write(&keys, issuer.jwks.to_string()).expect("written");

    let identity = IdentityConfig {
        jwks: Some(keys.display().to_string()),
        issuer: Some(issuer.url.clone()),
        audience: Some(AUDIENCE.to_owned()),
        clients: vec![CLIENT.to_owned()],
        require_access_token: true,
        ..IdentityConfig::default()
    };
    let mut setup = Setup::new();
    setup.config.serve.listen = address;
    setup.config.serve.public_url = Some(public_url);
    setup.config.identity = identity.clone();
    setup.config.sign_in.client_id = Some(CLIENT.to_owned());
    setup.login = Some(identity);
    let service = setup.start();
    // Nobody holds a token here, so the request is put into the store as a click puts it there.
    let mut new = click("mentor", "b1");
    (new.requested_at, new.deadline) = (Utc::now(), Utc::now() + TimeDelta::minutes(30));
    let request = service.runtime.block_on(accepted(&service.parts.store, new));
    let (id, name) = report_of(&service, &json!({"id": request.id.to_string()}));

    let address = free_address();
    let mut setup = Setup::new();
    setup.config.serve.listen = address;
    setup.config.serve.public_url = Some(format!("http://{address}"));
    setup.config.serve.links = LinkKind::Signed;
    setup.config.serve.link_key = Some("0123456789abcdef0123456789abcdef".to_owned().into());
    let plain = setup.start();
    let (plain_id, _) = report_of(&plain, &plain.ask("dev:mentor", "b1", "download").json());
    let found = plain
        .runtime
        .block_on(plain.parts.store.find(plain_id.parse().expect("an id")));
    let links = Links::new(&plain.parts.config).expect("links");
    let signed = links
        .for_mail(&found.expect("the store").expect("a request"))
        .expect("a link");

    let told = json!({
        "url": service.url, "issuer": issuer.url, "report": {"id": id, "name": name}, "tokenUrl": plain.url,
        "tokenReport": plain_id, "signedLink": signed.url, "mails": mails(folder.path()),
    });
    passes_in_browser(&scripts, "sign_in.mjs", folder.path(), &told);
}
