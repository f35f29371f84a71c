//! Mails that come back: which request they are about, what becomes of it, and that nothing more goes to a broken address.

use pragati::delivery::request::RequestId;
use reqwest::StatusCode;
use serde_json::Value;

use crate::running_service::BATCHES;
use crate::service_process::ServiceProcess;
use crate::smtp::{Security, SmtpServer};
use crate::support::{TestExports, pragati};

const MENTOR: &str = "dev:mentor,mentor@school.example";

/// A bounce as mail servers write it, of a mail to that envelope sender.
pub fn bounce(to: &str, code: &str, words: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mail.example.org\r\nTo: {to}\r\nSubject: Undelivered\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"x\"\r\n\r\n\
         --x\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n\
         --x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n\
         Final-Recipient: rfc822; mentor@school.example\r\nAction: failed\r\nStatus: {code}\r\n\
         Diagnostic-Code: smtp; {words}\r\n\r\n--x--\r\n"
    )
}

/// What `pragati bounces` says of a mail on its standard input, and its exit code.
fn read(served: &ServiceProcess, mail: &str, options: &[&str]) -> (Option<i32>, String) {
    let mut command = pragati();
    command.args(["bounces", "--data"]).arg(served.data()).args(options);
    let output = command.write_stdin(mail).output().expect("a run");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn id_of(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_bounce_is_reported_and_no_mail_is_sent_to_the_address_again() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let exports = TestExports::small().table("batches", BATCHES);
    let mut served =
        ServiceProcess::new(exports, &smtp).with("PRAGATI_MAIL__BOUNCE_ADDRESS", "bounces+{id}@pragati.example");
    served.start();
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    let id = id_of(&answer);
    served.wait_for(MENTOR, &id, "sent");
    // The envelope names the request; what people see does not.
    let mail = smtp.only_mail();
    let compact = id.parse::<RequestId>().expect("an id").compact();
    assert_eq!(mail.from, format!("bounces+{compact}@pragati.example"));
    assert!(mail.head().contains("reports@pragati.example"), "{}", mail.head());

    let words = "550 5.1.1 <mentor@school.example>: no such mailbox";
    let (code, said) = read(&served, &bounce(&mail.from, "5.1.1", words), &[]);
    assert_eq!(code, Some(0), "{said}");
    let state = served.state(MENTOR, &id);
    assert_eq!(state["status"], "bounced");
    assert_eq!(state["failure"]["cause"], "mail_bounced");
    assert_eq!(state["failure"]["reason"], "550 5.1.1 (address) no such mailbox");
    let (status, _) = served.get(MENTOR, &format!("/api/v1/reports/{id}/file"));
    assert_eq!(status, StatusCode::OK);
    let metrics = String::from_utf8(served.get("dev:nobody", "/metrics").1).expect("UTF-8");
    assert!(
        metrics.contains("pragati_requests{status=\"bounced\"} 1\n"),
        "{metrics}"
    );
    // The same word again changes nothing.
    let (code, said) = read(&served, &bounce(&mail.from, "5.1.2", "other words"), &[]);
    assert!(code == Some(0) && said.contains("bounced before"), "{said}");

    // Neither a report nor a notice goes there, and the file can be fetched.
    let (_, answer) = served.click(MENTOR, "b1", "email", "k2").expect("an answer");
    let second = id_of(&answer);
    let state = served.wait_for(MENTOR, &second, "failed");
    assert_eq!(state["failure"]["cause"], "mail_bounced");
    let (status, _) = served.get(MENTOR, &format!("/api/v1/reports/{second}/file"));
    assert_eq!(status, StatusCode::OK);
    assert_eq!(smtp.received().len(), 1);

    // Once the mailbox is there, an operator says so.
    let (code, said) = read(&served, "", &["--forget", "Mentor@School.example"]);
    assert!(code == Some(0) && said.contains("again"), "{said}");
    let (_, answer) = served.click(MENTOR, "b1", "email", "k3").expect("an answer");
    served.wait_for(MENTOR, &id_of(&answer), "sent");
    let received = smtp.received();
    assert_eq!(received.len(), 2);

    // What came back from where it was passed on to says nothing about the mentor's address.
    let passed_on = bounce(&received[1].from, "5.1.1", words).replace("rfc822; mentor@", "rfc822; old@");
    let (code, said) = read(&served, &passed_on, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(served.state(MENTOR, &id_of(&answer))["status"], "bounced");
    let (_, answer) = served.click(MENTOR, "b1", "email", "k4").expect("an answer");
    served.wait_for(MENTOR, &id_of(&answer), "sent");
}

#[test]
fn a_maildir_of_bounces_is_read_once() {
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let exports = TestExports::small().table("batches", BATCHES);
    let mut served = ServiceProcess::new(exports, &smtp);
    served.start();
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    let id = id_of(&answer);
    served.wait_for(MENTOR, &id, "sent");
    let maildir = tempfile::tempdir().expect("a folder");
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir(maildir.path().join(folder)).expect("a folder");
    }
    let compact = id.parse::<RequestId>().expect("an id").compact();
    let new = maildir.path().join("new");
    let ours = bounce(&format!("bounces+{compact}@pragati.example"), "5.2.2", "552 5.2.2 full");
    std::fs::write(new.join("1.ours"), ours).expect("written");
    let away = "From: a@x.example\r\nTo: bounces@pragati.example\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n";
    std::fs::write(new.join("2.away"), away).expect("written");
    // An entry that is no file is ignored.
    std::fs::create_dir(new.join("0.folder")).expect("a folder");
    let made = std::process::Command::new("mkfifo").arg(new.join("0.pipe")).status();
    assert!(made.expect("mkfifo").success());
    let path = maildir.path().display().to_string();
    let (code, said) = read(&served, "", &["--maildir", &path]);
    assert_eq!(code, Some(1), "{said}");
    for part in [
        "2.away is no bounce of a report",
        "0.folder is left where it is: it is no regular file",
        "0.pipe is left where it is: it is no regular file",
        "2 of the new mails",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(served.state(MENTOR, &id)["status"], "bounced");
    let names = |folder: &str| {
        let entries = std::fs::read_dir(maildir.path().join(folder)).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("new"), ["0.folder", "0.pipe"]);
    assert_eq!(names("cur"), ["1.ours:2,S", "2.away:2,"]);
    // A full mailbox is no broken address: the next report goes there.
    let (_, answer) = served.click(MENTOR, "b1", "email", "k2").expect("an answer");
    served.wait_for(MENTOR, &id_of(&answer), "sent");
}

#[test]
fn a_broken_configuration_loses_no_bounce() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pragati.toml");
    std::fs::write(&config, "[database]\nurl = \"mysql://user:hunter2@host/x\"\n").expect("written");
    let missing = folder.path().join("none.toml");
    let run = |config: &std::path::Path, options: &[&str]| {
        let mut command = pragati();
        command.arg("bounces").args(options).arg("--config").arg(config);
        let output = command.write_stdin("From: x\r\n\r\n").output().expect("a run");
        output.status.code()
    };
    for config in [&config, &missing] {
        assert_eq!(run(config, &[]), Some(75));
        assert_eq!(run(config, &["--maildir", "none"]), Some(2));
    }
    assert_eq!(run(&config, &["--no-such-option"]), Some(2));
}

#[test]
fn a_mail_server_is_told_to_retry_while_the_database_is_unavailable() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = pragati();
    command.args(["bounces", "--data"]).arg(folder.path());
    let output = command.write_stdin("From: x\r\n\r\n").output().expect("a run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("there is no database"), "{said}");
}
