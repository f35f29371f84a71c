//! Reports by mail through the mail servers that sites have: Postfix, Exim and OpenSMTPD as Debian sets them up.

use std::io::{Cursor, Read};
use std::time::Duration;

use mail_parser::MessageParser;
use pragati::config::MailConfig;
use pragati::delivery::bounces::read_bounce;
use pragati::report::ReportFormat;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::delivery_mail::{Delivery, mailer, noise, words};
use crate::odd_mail_server::{At, Habit, OddServer, brings};
use crate::postgres::Postgres;
use crate::real_mail_server::{Kind, RealSetup};
use crate::running_service::BATCHES;
use crate::service_process::ServiceProcess;
use crate::support::{TestExports, wait_at_most};

const MENTOR: &str = "dev:mentor,mentor@school.example";
const MEGABYTE: usize = 1_000_000;
/// How long a mail may take through a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server behind the real one.
const USUAL: Habit = Habit {
    ehlo: &["8BITMIME", "SIZE 104857600"],
    ..Habit::NONE
};

/// Rows of made-up people, which pack to about a seventh.
fn csv(bytes: usize) -> Vec<u8> {
    let mut csv = b"External ID,User ID,User Name,Email ID,Course Progress\n".to_vec();
    let mut number: u64 = 7;
    while csv.len() < bytes {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let id = number >> 33;
        csv.extend(format!("KA-{id},अनीता कुमार,teacher.{id}@example.org,{}%\n", id % 101).bytes());
    }
    csv
}

fn delivery(format: ReportFormat, bytes: usize) -> (Delivery, Vec<u8>) {
    let content = match format {
        ReportFormat::Csv => csv(bytes),
        // They are packed already.
        ReportFormat::Xlsx | ReportFormat::Parquet => noise(bytes),
    };
    let mut delivery = Delivery::new(&content).with_link();
    delivery.request.format = format;
    delivery.file.name = format!("course-progress_Batch-1_2026-11-22.{}", format.word());
    (delivery, content)
}

/// Checks that the mail brings this content, as a file, in a ZIP archive or by its link, and says as which.
fn checked(raw: &[u8], content: &[u8]) -> String {
    let mail = MessageParser::default().parse(raw).expect("a mail");
    let form = brings(raw);
    let attached = mail.attachment(0).map(|part| part.contents());
    match (form.as_str(), attached) {
        ("link", None) => {
            let text = mail.body_text(0).expect("text");
            assert!(
                text.contains("https://reports.example.org/api/v1/reports/1/file"),
                "{text}"
            );
        }
        ("zip", Some(zip)) => {
            let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("an archive");
            let mut found = Vec::new();
            archive
                .by_index(0)
                .expect("a file")
                .read_to_end(&mut found)
                .expect("unpacked");
            assert!(found == content, "other bytes");
        }
        (_, Some(file)) => assert!(file == content, "other bytes"),
        (form, None) => panic!("{form} without an attachment"),
    }
    form
}

/// The table of sizes in `docs/delivery.md`: megabytes, and what the row of a format and a server says of each.
fn documented_forms(format: ReportFormat, server: &str) -> Vec<(usize, String)> {
    let docs = include_str!("../../docs/delivery.md");
    let row_of = |first: &str| -> Vec<&'static str> {
        let start = format!("| {first} | ");
        let row = docs.lines().find_map(|line| line.strip_prefix(&start));
        let row = row.unwrap_or_else(|| panic!("docs/delivery.md has no row {first:?}"));
        row.trim_end_matches(" |").split(" | ").collect()
    };
    let sizes = row_of("report");
    let forms = row_of(&format!("{} by {server}", format.word().to_uppercase()));
    assert_eq!(sizes.len(), forms.len(), "{forms:?}");
    let megabytes = |size: &str| {
        size.strip_suffix(" MB")
            .expect("MB")
            .parse::<usize>()
            .expect("a number")
    };
    sizes
        .into_iter()
        .zip(forms)
        .map(|(size, form)| (megabytes(size), form.to_owned()))
        .collect()
}

/// Sends reports of the documented sizes, as CSV and as XLSX, and compares in which form each comes out at the other end
/// with the documented one.
async fn every_size_goes_as_documented(kind: Kind, name: &str) {
    let formats = [ReportFormat::Csv, ReportFormat::Xlsx].map(|format| (format, documented_forms(format, name)));
    let next = OddServer::start(USUAL).await;
    let Some(server) = RealSetup::new(kind).start(next.port()) else {
        return;
    };
    let mailer = mailer(&server.config());
    for (format, documented) in formats {
        let sizes: Vec<usize> = documented.iter().map(|(megabytes, _)| *megabytes).collect();
        assert_eq!(sizes, [5, 12, 17, 26]);
        let mut measured = Vec::new();
        for megabytes in sizes {
            let (delivery, content) = delivery(format, megabytes * MEGABYTE);
            delivery.send(&mailer).await.expect("sent");
            // By what it announced, without a refusal.
            assert_eq!((delivery.handovers(), delivery.taken_back()), (1, 0), "{megabytes} MB");
            wait_at_most(PATIENCE, || next.has_mail(), "a mail through the server");
            let mails = next.taken();
            assert_eq!(mails.len(), 1, "{megabytes} MB");
            let form = match checked(&mails[0], &content).as_str() {
                "zip" => "ZIP".to_owned(),
                form if form == format.word() => "attached".to_owned(),
                form => form.to_owned(),
            };
            measured.push((megabytes, form));
        }
        assert_eq!(
            measured, documented,
            "{name}, {format:?}: measured, and in docs/delivery.md"
        );
    }
    assert!(!next.has_mail());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_goes_through_a_postfix_with_its_defaults() {
    every_size_goes_as_documented(Kind::Postfix, "Postfix").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_goes_through_an_exim_with_its_defaults() {
    every_size_goes_as_documented(Kind::Exim, "Exim").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_goes_through_an_opensmtpd_with_its_defaults() {
    every_size_goes_as_documented(Kind::OpenSmtpd, "OpenSMTPD").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_postfix_is_reported_in_its_words() {
    let next = OddServer::start(Habit::NONE).await;
    // The server does not relay for this machine, and the mailbox is not one of its own.
    let setup = RealSetup::new(Kind::Postfix).adding(
        "main.cf",
        "mynetworks = 192.0.2.0/24\nmydestination = localhost, school.example\n\
         smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n",
    );
    let Some(server) = setup.start(next.port()) else {
        return;
    };
    let mailer = mailer(&server.config());
    let (mail, _) = delivery(ReportFormat::Csv, 100);
    let said = words("refused", mail.send(&mailer).await);
    assert!(
        said.starts_with("550 5.1.1 ") && said.contains("User unknown"),
        "{said}"
    );
    let (mail, _) = delivery(ReportFormat::Csv, 100);
    let said = words("misconfigured", mail.to("asha@elsewhere.example").send(&mailer).await);
    assert!(
        said.starts_with("554 5.7.1 ") && said.contains("Relay access denied"),
        "{said}"
    );
    assert!(!next.has_mail());
}

fn exports() -> TestExports {
    TestExports::small().table("batches", BATCHES)
}

fn clicked(served: &ServiceProcess) -> String {
    let (_, answer) = served.click(MENTOR, "b1", "email", "k1").expect("an answer");
    answer["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_mail_that_postgrey_greylists_arrives_once() {
    let runtime = Runtime::new().expect("a runtime");
    let next = runtime.block_on(OddServer::start(USUAL));
    let setup = RealSetup::new(Kind::Postfix).greylisting(2);
    let Some(server) = setup.start(next.port()) else {
        return;
    };
    let mut served = ServiceProcess::with_mail(exports(), server.config());
    served.start();
    let id = clicked(&served);
    served.wait_for(MENTOR, &id, "sent");
    wait_at_most(PATIENCE, || next.has_mail(), "the mail");
    assert_eq!(next.brought(), ["csv"]);
    let log = server.file("log/mail.log");
    assert!(log.contains("450 4.2.0") && log.contains("Greylisted"), "{log}");
    let request = &served.all_ended()[0];
    assert_eq!(request["notice"], "none", "{request}");
}

/// The lines of `docs/delivery.md` after the one that begins a server's part, as its fenced block has them.
fn documented(server: &str) -> String {
    let docs = include_str!("../../docs/delivery.md");
    let (_, part) = docs
        .split_once(&format!("\nWith **{server}**"))
        .expect("the server's part");
    let block = part.split("```").nth(1).expect("a block");
    block.trim_start().to_owned()
}

/// A part of a documented block, between the comments that begin with these words.
fn between(block: &str, begin: &str, end: &str) -> String {
    let (_, part) = block.split_once(begin).expect(begin);
    let (_, part) = part.split_once('\n').expect("lines");
    part.split(end).next().expect("lines").to_owned()
}

/// A mail whose mailbox is gone comes back through the server, which pipes the bounce to `pragati bounces` as the docs say.
fn a_bounce_is_read(setup: RealSetup, how_it_says: &str) {
    let (Some(postgres), runtime) = (Postgres::start(), Runtime::new().expect("a runtime")) else {
        return;
    };
    // The server behind has no such mailbox.
    let next = runtime.block_on(OddServer::start(Habit {
        odd: &[(At::Recipient, b"550 5.1.1 <mentor@school.example>: no such mailbox")],
        ..USUAL
    }));
    let shared = tempfile::tempdir().expect("a folder");
    let place = |name: &str| shared.path().join(name).display().to_string();
    let config = format!(
        "[database]\nurl = '{}'\n[serve]\nfiles = '/var/tmp/files'\n",
        postgres.url()
    );
    let setup = setup.adding("pragati.toml", &config).piping_to_pragati();
    let Some(server) = setup.start(next.port()) else {
        return;
    };
    let mut served = ServiceProcess::with_mail(exports(), server.config())
        .with("PRAGATI_MAIL__BOUNCE_ADDRESS", "bounces+{id}@example.org")
        .with("PRAGATI_DATABASE__URL", postgres.url())
        .with("PRAGATI_SERVE__FILES", place("files"))
        .with("PRAGATI_EVENTS", place("events"));
    served.start();
    let id = clicked(&served);
    let state = served.wait_for(MENTOR, &id, "bounced");
    assert_eq!(state["failure"]["cause"], "mail_bounced");
    let reason = state["failure"]["reason"].as_str().expect("words");
    assert!(
        reason.contains("550 5.1.1") && reason.contains("no such mailbox"),
        "{reason}"
    );
    assert!(!reason.contains("mentor@"), "{reason}");
    // The next report does not go there.
    let (_, answer) = served.click(MENTOR, "b1", "email", "k2").expect("an answer");
    let second = answer["id"].as_str().expect("an id");
    let state: Value = served.wait_for(MENTOR, second, "failed");
    assert_eq!(state["failure"]["cause"], "mail_bounced");
    assert!(!next.has_mail());
    let log = server.file(if how_it_says.starts_with("status") {
        "log/mail.log"
    } else {
        "log/exim4/mainlog"
    });
    assert!(log.contains(how_it_says), "{log}");
}

#[test]
fn a_bounce_of_postfix_is_read_as_documented() {
    let documented = documented("Postfix");
    let setup = RealSetup::new(Kind::Postfix)
        .adding(
            "master.cf",
            &between(&documented, "# /etc/postfix/master.cf", "# /etc/postfix/"),
        )
        .adding(
            "transport",
            &between(&documented, "# /etc/postfix/transport", "# /etc/postfix/"),
        )
        .adding(
            "main.cf",
            &format!(
                "transport_maps = hash:/etc/postfix/transport\n{}",
                between(&documented, "# /etc/postfix/main.cf", "# /etc/postfix/")
            ),
        );
    a_bounce_is_read(setup, "status=sent (delivered via pragati service)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounce_of_opensmtpd_is_read() {
    let next = OddServer::start(Habit {
        odd: &[(At::Recipient, b"550 5.1.1 no such mailbox")],
        times: 1,
        ..Habit::NONE
    })
    .await;
    let Some(server) = RealSetup::new(Kind::OpenSmtpd).start(next.port()) else {
        return;
    };
    let config = MailConfig {
        bounce_address: Some("bounces+{id}@example.org".to_owned()),
        ..server.config()
    };
    let (mail, _) = delivery(ReportFormat::Csv, 100);
    mail.send(&mailer(&config)).await.expect("sent");
    wait_at_most(PATIENCE, || next.has_mail(), "the bounce");
    let read = read_bounce(&next.taken()[0], None).expect("a bounce");
    assert_eq!(read.request, mail.request.id);
    assert_eq!(read.code.as_deref(), Some("5.1.1"));
    assert_eq!(read.words, "550 5.1.1 no such mailbox");
    assert_eq!(read.recipients, ["asha@school.example"]);
}

#[test]
fn a_bounce_of_exim_is_read_as_documented() {
    let documented = documented("Exim");
    let setup = RealSetup::new(Kind::Exim)
        .adding("routers", &between(&documented, "# routers", "# transports"))
        .adding("transports", &between(&documented, "# transports", "# the end"));
    a_bounce_is_read(setup, "T=pragati_bounces");
}
