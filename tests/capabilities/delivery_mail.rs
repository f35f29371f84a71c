//! Reports by mail, against a real mail server: what arrives, and what is known where nothing does.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mail_parser::{Address, MimeHeaders};
use pragati::config::{DkimConfig, MailConfig};
use pragati::delivery::access::BatchFacts;
use pragati::delivery::mail::{Handover, Link, MailContext, Mailer, SendError, SubscriptionMail, report_file_name};
use pragati::delivery::person::{Person, Roles};
use pragati::delivery::request::{Deliver, Failure, FailureCause, NoticeState, ReportFile, Request, RequestId, Status};
use pragati::report::{ConsentCounts, ReportFormat};
use pragati::zone::Zone;
use tempfile::NamedTempFile;

use crate::python::python_for;
use crate::smtp::{PASSWORD, Received, Security, SmtpServer, USER};

const CSV: &[u8] = b"\xef\xbb\xbfExternal ID,User ID\nE1,u1\n.,u2\n\"a\r\nb\",u3\n";

/// A report that is to be sent.
pub struct Delivery {
    pub request: Request,
    pub file: ReportFile,
    copy: NamedTempFile,
    batch: BatchFacts,
    link: Option<Link>,
    /// Where the mails of its subscription end; none of a click.
    unsubscribe: Option<String>,
    handovers: AtomicUsize,
    taken_back: AtomicUsize,
}

/// Says yes or no to a handover, and counts how often it was asked.
struct Asked<'a> {
    delivery: &'a Delivery,
    go_on: bool,
}

impl Handover for Asked<'_> {
    async fn begin(&self) -> bool {
        self.delivery.handovers.fetch_add(1, Ordering::Relaxed);
        self.go_on
    }

    async fn take_back(&self) -> bool {
        self.delivery.taken_back.fetch_add(1, Ordering::Relaxed);
        true
    }
}

impl Delivery {
    pub fn new(content: &[u8]) -> Self {
        Self::of_batch("Batch 1", content)
    }

    pub fn of_batch(name: &str, content: &[u8]) -> Self {
        let batch = BatchFacts {
            batch_id: "b1".parse().expect("an id"),
            course_id: Some("c1".to_owned()),
            batch_name: Some(name.to_owned()),
            tenant_id: None,
            created_by: None,
            mentors: BTreeSet::new(),
            rows: None,
        };
        let date = "2026-11-22".parse().expect("a date");
        let mut copy = NamedTempFile::new().expect("a file");
        copy.write_all(content).expect("written");
        let now = "2026-11-23T06:00:00Z".parse().expect("a time");
        Self {
            request: Request {
                id: RequestId::new(),
                person: Person {
                    user_id: "u1".parse().expect("an id"),
                    email: Some("asha@school.example".to_owned()),
                    roles: Roles::default(),
                    language: None,
                },
                batch_id: batch.batch_id.clone(),
                course_id: batch.course_id.clone(),
                tenant_id: None,
                format: ReportFormat::Csv,
                deliver: Deliver::Email,
                asked: pragati::delivery::options::RequestOptions::default(),
                status: Status::Running,
                failure: None,
                notice: NoticeState::None,
                requested_at: now,
                deadline: now,
                finished_at: None,
                snapshot_date: date,
                attempts: 1,
                handover_started_at: None,
                bounce: None,
                file: None,
            },
            file: ReportFile {
                snapshot_date: date,
                rows: 3,
                unknown_users: 0,
                name: report_file_name(&batch, date, ReportFormat::Csv),
                path: "unused".to_owned(),
                bytes: content.len() as u64,
                sha256: String::new(),
                consent_rules: None,
            },
            copy,
            batch,
            link: None,
            unsubscribe: None,
            handovers: AtomicUsize::new(0),
            taken_back: AtomicUsize::new(0),
        }
    }

    pub fn to(mut self, address: &str) -> Self {
        self.request.person.email = Some(address.to_owned());
        self
    }

    fn of_subscription(mut self, unsubscribe: &str) -> Self {
        self.unsubscribe = Some(unsubscribe.to_owned());
        self
    }

    pub fn with_link(mut self) -> Self {
        self.link = Some(Link {
            url: "https://reports.example.org/api/v1/reports/1/file".to_owned(),
            ends_at: "2026-12-23T06:00:00Z".parse().expect("a time"),
            asks_for_login: true,
        });
        self
    }

    fn context(&self) -> MailContext<'_> {
        MailContext {
            batch: Some(&self.batch),
            names: None,
            link: self.link.as_ref(),
            consent: ConsentCounts::default(),
            subscription: self.unsubscribe.as_deref().map(|unsubscribe| SubscriptionMail {
                unsubscribe: Some(unsubscribe),
                is_officer: false,
            }),
        }
    }

    pub async fn send(&self, mailer: &Mailer) -> Result<(), SendError> {
        self.send_if(mailer, true).await
    }

    async fn send_if(&self, mailer: &Mailer, go_on: bool) -> Result<(), SendError> {
        let asked = Asked { delivery: self, go_on };
        mailer
            .send_report(&self.request, &self.file, self.copy.path(), self.context(), &asked)
            .await
    }

    pub async fn notify(&self, mailer: &Mailer) -> Result<(), SendError> {
        let asked = Asked {
            delivery: self,
            go_on: true,
        };
        mailer.send_failure_notice(&self.request, self.context(), &asked).await
    }

    /// How often the word before the handover was asked for.
    pub fn handovers(&self) -> usize {
        self.handovers.load(Ordering::Relaxed)
    }

    /// How often a handover was taken back, for another form of the mail.
    pub fn taken_back(&self) -> usize {
        self.taken_back.load(Ordering::Relaxed)
    }
}

pub fn mailer(config: &MailConfig) -> Mailer {
    Mailer::new(config, Zone::default())
        .expect("good settings")
        .expect("a mail server")
}

/// The words of an error of the expected kind.
pub fn words(kind: &str, sent: Result<(), SendError>) -> String {
    let error = sent.expect_err("not sent");
    let found = match &error {
        SendError::Refused(_) => "refused",
        SendError::Unsendable(_) => "unsendable",
        SendError::Unavailable(_) => "unavailable",
        SendError::Misconfigured(_) => "misconfigured",
        SendError::Unconfirmed(_) => "unconfirmed",
        SendError::CalledOff => "called off",
    };
    assert_eq!(found, kind, "{error}");
    error.to_string()
}

/// The one address of a `To`, `From` or `Reply-To`.
fn only_address(address: Option<&Address<'_>>) -> String {
    let list = address.expect("the header").as_list().expect("a plain list");
    assert_eq!(list.len(), 1);
    list[0].address().expect("an address").to_owned()
}

fn unpacked(zip: &[u8], password: Option<&str>) -> Option<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("an archive");
    assert_eq!(archive.len(), 1);
    let mut file = match password {
        Some(password) => archive.by_index_decrypt(0, password.as_bytes()),
        None => archive.by_index(0),
    }
    .ok()?;
    let name = file.name().expect("a name").into_owned();
    let mut content = Vec::new();
    file.read_to_end(&mut content).ok()?;
    Some((name, content))
}

/// Bytes that no packing makes smaller.
pub fn noise(bytes: usize) -> Vec<u8> {
    use rand::{RngExt, SeedableRng};
    let mut noise = vec![0; bytes];
    rand_chacha::ChaCha8Rng::seed_from_u64(7).fill(&mut noise[..]);
    noise
}

fn check_delivered(mail: &Received, delivery: &Delivery) {
    assert_eq!(mail.to, ["asha@school.example"]);
    let (name, content) = mail.attachment().expect("an attachment");
    assert_eq!(name, "course-progress_Batch-1_2026-11-22.csv");
    assert_eq!(content, CSV);
    assert_eq!(delivery.handovers(), 1);
}

#[tokio::test]
async fn a_report_arrives_over_starttls_with_everything_a_mail_needs() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let config = MailConfig {
        reply_to: Some("help@pragati.example".to_owned()),
        ..server.config()
    };
    let delivery = Delivery::new(CSV);
    delivery.send(&mailer(&config)).await.expect("sent");

    let mail = server.only_mail();
    check_delivered(&mail, &delivery);
    assert!(mail.tls);
    assert_eq!(mail.login.as_deref(), Some(USER));
    assert_eq!(mail.from, "reports@pragati.example");
    assert_eq!(mail.parameters, [format!("SIZE={}", mail.raw.len())]);

    let message = mail.message();
    assert_eq!(only_address(message.to()), "asha@school.example");
    assert_eq!(only_address(message.from()), "reports@pragati.example");
    assert_eq!(only_address(message.reply_to()), "help@pragati.example");
    assert!(message.cc().is_none() && message.bcc().is_none());
    assert_eq!(
        message.subject(),
        Some("Course Progress Report: Batch 1 (b1), data as of 22 November 2026")
    );
    let id = delivery.request.id;
    assert_eq!(
        message.message_id(),
        Some(format!("{id}.report@pragati.example").as_str())
    );
    let age = chrono::Utc::now().timestamp() - message.date().expect("a date").to_timestamp();
    assert!((0..60).contains(&age), "{age}");
    assert!(
        mail.head().contains("Auto-Submitted: auto-generated"),
        "{}",
        mail.head()
    );

    let text = message.body_text(0).expect("text");
    assert!(
        text.contains("The report is attached: course-progress_Batch-1_2026-11-22.csv"),
        "{text}"
    );
    assert!(message.body_html(0).expect("HTML").contains("<html lang=\"en\">"));
    assert!(message.root_part().is_content_type("multipart", "mixed"));
    assert!(message.parts[1].is_content_type("multipart", "alternative"));
    assert!(message.attachment(0).expect("one").is_content_type("text", "csv"));
    assert!(mail.raw.is_ascii());
}

#[tokio::test]
async fn a_report_arrives_over_tls_and_on_the_machine_itself() {
    for security in [Security::Tls, Security::Plain] {
        let Some(server) = SmtpServer::start(security) else {
            return;
        };
        let delivery = Delivery::new(CSV);
        delivery.send(&mailer(&server.config())).await.expect("sent");
        let mail = server.only_mail();
        check_delivered(&mail, &delivery);
        assert_eq!(mail.tls, security == Security::Tls);
    }
}

#[tokio::test]
async fn every_script_survives_in_names_and_texts() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mailer = mailer(&server.config());
    // The dots come to stand at the beginning of a line, where the protocol gives one a meaning.
    let dots = ".".repeat(100);
    for name in [
        "बैच १ क्\u{200d}ष",
        "வகுப்பு ௧",
        "বাংলা ব্যাচ",
        "Ünïcödé – “quoted” 😀",
        &format!("é{dots}"),
    ] {
        let delivery = Delivery::of_batch(name, CSV);
        delivery.send(&mailer).await.expect("sent");
        let received = server.received();
        let mail = received.last().expect("a mail");
        assert_eq!(mail.attachment().expect("one").0, delivery.file.name);
        let message = mail.message();
        let expected = format!("Course Progress Report: {name} (b1), data as of 22 November 2026");
        assert_eq!(message.subject(), Some(expected.as_str()));
        let text = message.body_text(0).expect("text");
        assert!(text.contains(&format!("Batch:      {name} (b1)")), "{text}");
        assert!(mail.raw.is_ascii());
    }
}

#[tokio::test]
async fn names_and_addresses_cannot_add_headers_or_recipients() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mailer = mailer(&server.config());
    let evil = "x\r\nBcc: mallory@evil.example\r\n\r\n.\r\nRCPT TO:<mallory@evil.example>\r\n\"\u{202e}";
    let mut delivery = Delivery::of_batch(evil, CSV);
    delivery.batch.course_id = Some(evil.to_owned());
    delivery.file.name = format!("{evil}.csv");
    delivery.send(&mailer).await.expect("sent");
    let mail = server.only_mail();
    assert_eq!(mail.to, ["asha@school.example"]);
    let message = mail.message();
    assert!(message.bcc().is_none() && message.cc().is_none());
    let headers: Vec<&str> = message.headers().iter().map(|header| header.name()).collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(BTreeSet::from_iter(headers), BTreeSet::from(expected));
    let (name, content) = mail.attachment().expect("an attachment");
    assert!(!name.contains(['\r', '\n', '"', ':', '<', '/', '\u{202e}']), "{name:?}");
    assert_eq!(content, CSV);

    for address in [
        "asha@school.example\r\nBcc: mallory@evil.example",
        "asha@school.example>\r\nRCPT TO:<mallory@evil.example",
        "asha@school.example, mallory@evil.example",
        "Asha <asha@school.example>",
        "",
    ] {
        let delivery = Delivery::new(CSV).to(address);
        let words = words("unsendable", delivery.send(&mailer).await);
        assert!(words.contains("no mail address"), "{words}");
        assert_eq!(delivery.handovers(), 0);
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn addresses_beyond_ascii_are_written_as_the_server_supports() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mailer = mailer(&server.config());
    Delivery::new(CSV)
        .to("asha@स्कूल.example")
        .send(&mailer)
        .await
        .expect("sent");
    assert_eq!(server.received()[0].to, ["asha@xn--11b2dq5bzc.example"]);
    Delivery::new(CSV)
        .to("आशा@school.example")
        .send(&mailer)
        .await
        .expect("sent");
    let mail = &server.received()[1];
    assert_eq!(mail.to, ["आशा@school.example"]);
    assert!(
        mail.parameters.contains(&"SMTPUTF8".to_owned()),
        "{:?}",
        mail.parameters
    );
    assert_eq!(only_address(mail.message().to()), "आशा@school.example");
}

#[tokio::test]
async fn large_reports_are_zipped_and_larger_ones_linked() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let text = "a,b,c\n".repeat(20_000).into_bytes();
    let limited = |bytes| MailConfig {
        max_attachment: bytesize::ByteSize::b(bytes),
        ..server.config()
    };
    let size = text.len() as u64;

    Delivery::new(&text).send(&mailer(&limited(size))).await.expect("sent");
    assert_eq!(server.received()[0].attachment().expect("one").1, text);

    Delivery::new(&text)
        .send(&mailer(&limited(size - 1)))
        .await
        .expect("sent");
    let mail = &server.received()[1];
    let (name, zip) = mail.attachment().expect("one");
    assert_eq!(name, "course-progress_Batch-1_2026-11-22.zip");
    assert_eq!(
        unpacked(&zip, None),
        Some(("course-progress_Batch-1_2026-11-22.csv".to_owned(), text))
    );
    assert!(
        mail.message()
            .attachment(0)
            .expect("one")
            .is_content_type("application", "zip")
    );

    let noise = noise(100_000);
    Delivery::new(&noise)
        .with_link()
        .send(&mailer(&limited(99_999)))
        .await
        .expect("sent");
    let mail = &server.received()[2];
    assert!(mail.attachment().is_none());
    let message = mail.message();
    let text = message.body_text(0).expect("text");
    assert!(
        text.contains("https://reports.example.org/api/v1/reports/1/file"),
        "{text}"
    );
    assert!(text.contains("until 23 December 2026, 11:30 IST"), "{text}");

    Delivery::new(&noise)
        .send(&mailer(&limited(99_999)))
        .await
        .expect("sent");
    let mail = &server.received()[3];
    assert!(mail.attachment().is_none());
    let message = mail.message();
    let text = message.body_text(0).expect("text");
    assert!(text.contains("fetch the report there as a download"), "{text}");
}

#[tokio::test]
async fn with_a_password_every_report_is_an_aes_archive() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let config = MailConfig {
        zip_password: Some("सीक्रेट 1".to_owned().into()),
        ..server.config()
    };
    Delivery::new(CSV).send(&mailer(&config)).await.expect("sent");
    let mail = server.only_mail();
    let (name, zip) = mail.attachment().expect("one");
    assert_eq!(name, "course-progress_Batch-1_2026-11-22.zip");
    let expected = ("course-progress_Batch-1_2026-11-22.csv".to_owned(), CSV.to_vec());
    assert_eq!(unpacked(&zip, Some("सीक्रेट 1")), Some(expected));
    assert_eq!(unpacked(&zip, Some("wrong")), None);
    assert_eq!(unpacked(&zip, None), None);
    assert!(!String::from_utf8_lossy(&mail.raw).contains("सीक्रेट"));
}

#[tokio::test]
async fn failures_before_the_handover_are_known_not_to_have_arrived() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let config = MailConfig {
        timeout_seconds: 1,
        ..server.config()
    };
    for (rules, kind, said) in [
        (
            "recipient answer 550 5.1.1 <asha@school.example>: no such mailbox",
            "refused",
            "550 5.1.1 (address) no such mailbox (naming the recipient)",
        ),
        ("recipient answer 451 4.3.0 later", "unavailable", "451 4.3.0 later"),
        ("recipient drop", "unavailable", "naming the recipient"),
        ("recipient delay 3", "unavailable", "did not answer within 1 s"),
        (
            "data answer 554 5.7.1 not from you",
            "misconfigured",
            "554 5.7.1 not from you",
        ),
        ("data answer 421 4.3.2 closing", "unavailable", "421 4.3.2 closing"),
        ("data answer 250 what", "unavailable", "unexpected answer: 250"),
        ("data drop", "unavailable", "offering the content"),
        ("connect drop", "unavailable", "mail server"),
    ] {
        server.set_behaviour(rules);
        let delivery = Delivery::new(CSV);
        let words = words(kind, delivery.send(&mailer(&config)).await);
        assert!(words.contains(said), "{rules}: {words}");
        for hidden in ["\n", PASSWORD, "asha"] {
            assert!(!words.contains(hidden), "{words}");
        }
        assert_eq!(delivery.handovers(), 0, "{rules}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn after_the_handover_only_the_server_s_answer_decides() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let config = MailConfig {
        timeout_seconds: 1,
        ..server.config()
    };
    for (rules, kind, said, stored) in [
        (
            "content answer 554 5.6.0 malformed",
            "refused",
            "554 5.6.0 malformed",
            0,
        ),
        (
            "content answer 452 4.3.1 disk full",
            "unavailable",
            "452 4.3.1 disk full",
            0,
        ),
        ("content answer 354 go on", "unconfirmed", "unexpected answer: 354", 0),
        ("content drop", "unconfirmed", "handing over the content", 0),
        ("stored drop", "unconfirmed", "handing over the content", 1),
        ("stored delay 8", "unconfirmed", "did not answer within 5 s", 1),
    ] {
        server.set_behaviour(rules);
        let before = server.received().len();
        let delivery = Delivery::new(CSV);
        let words = words(kind, delivery.send(&mailer(&config)).await);
        assert!(words.contains(said), "{rules}: {words}");
        assert_eq!(delivery.handovers(), 1, "{rules}");
        assert_eq!(server.received().len() - before, stored, "{rules}");
    }
    // A server that takes its time over the content is not given up.
    server.set_behaviour("content delay 2");
    Delivery::new(CSV).send(&mailer(&config)).await.expect("sent");
}

#[tokio::test]
async fn a_cancelled_handover_sends_nothing() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let mailer = mailer(&server.config());
    let delivery = Delivery::new(CSV);
    words("called off", delivery.send_if(&mailer, false).await);
    assert_eq!(delivery.handovers(), 1);
    let other = Delivery::new(CSV);
    other.send(&mailer).await.expect("sent");
    check_delivered(&server.only_mail(), &other);
}

#[tokio::test]
async fn only_the_right_server_gets_login_and_report() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let unknown_authority = MailConfig {
        ca_file: None,
        ..server.config()
    };
    let wrong_password = MailConfig {
        password: Some("wrong".to_owned().into()),
        ..server.config()
    };
    let Some(other) = SmtpServer::start_as(Security::Tls, "mail.other.example") else {
        return;
    };
    let Some(without_tls) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let no_starttls = MailConfig {
        server: Some(without_tls.url().replace("smtp+plain", "smtp")),
        ..server.config()
    };
    for (config, kind, said) in [
        (unknown_authority, "misconfigured", "certificate"),
        (wrong_password, "misconfigured", "535"),
        (other.config(), "misconfigured", "certificate"),
        (no_starttls, "misconfigured", "STARTTLS is not supported"),
    ] {
        let delivery = Delivery::new(CSV);
        let words = words(kind, delivery.send(&mailer(&config)).await);
        assert!(words.contains(said), "{words}");
        assert_eq!(delivery.handovers(), 0);
    }
    for server in [&server, &other, &without_tls] {
        assert!(server.received().is_empty());
    }
}

#[test]
fn reports_never_leave_the_machine_unprotected() {
    let config = MailConfig {
        server: Some("smtp+plain://mail.example.org:25".to_owned()),
        from: Some("reports@pragati.example".to_owned()),
        ..MailConfig::default()
    };
    let error = Mailer::new(&config, Zone::utc()).expect_err("refused").to_string();
    assert!(error.contains("unprotected to mail.example.org"), "{error}");
    assert!(
        Mailer::new(&MailConfig::default(), Zone::utc())
            .expect("no mistake")
            .is_none()
    );
}

#[tokio::test]
async fn connections_serve_many_mails_and_broken_ones_are_replaced() {
    let Some(mut server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let mailer = mailer(&server.config());
    let send = async || Delivery::new(CSV).send(&mailer).await;
    send().await.expect("sent");
    send().await.expect("sent");
    // A mail that is refused leaves the connection as it was.
    server.set_behaviour("recipient answer 550 5.1.1 no such mailbox");
    words("refused", send().await);
    server.set_behaviour("");
    send().await.expect("sent");
    let connections: Vec<u64> = server.received().iter().map(|mail| mail.connection).collect();
    assert_eq!(connections, [1, 1, 1]);

    server.stop();
    words("unavailable", send().await);
    server.start_again();
    send().await.expect("sent");
    // The connection that waits is dead now, and its end may not have been noticed yet.
    server.stop();
    server.start_again();
    send().await.expect("sent");
    assert_eq!(server.received().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_sent_concurrently() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let mailer = std::sync::Arc::new(mailer(&server.config()));
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let mailer = std::sync::Arc::clone(&mailer);
            tokio::spawn(async move {
                let delivery = Delivery::new(CSV).to(&format!("mentor{number}@school.example"));
                delivery.send(&mailer).await.expect("sent");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let received = server.received();
    let recipients: BTreeSet<&String> = received.iter().flat_map(|mail| &mail.to).collect();
    assert_eq!((received.len(), recipients.len()), (20, 20));
    assert!(
        received
            .iter()
            .all(|mail| mail.attachment().is_some_and(|(_, content)| content == CSV))
    );
}

#[tokio::test]
async fn the_mail_of_a_subscription_has_the_headers_by_which_it_ends() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mailer = mailer(&server.config());
    // As long as an address of this service is, with a token of 43 characters.
    let url = format!("https://reports.example.org/pragati/unsubscribe/{}", "Ab-_".repeat(10));
    for delivery in [
        Delivery::new(CSV),
        Delivery::new(CSV).of_subscription(&url),
        Delivery::new(CSV).of_subscription("http://127.0.0.1/unsubscribe/x"),
    ] {
        delivery.send(&mailer).await.expect("sent");
    }
    let header = |place: usize, name: &str| -> Option<String> {
        let head = server.received()[place].head().replace("\r\n ", " ");
        let start = format!("{name}: ");
        let mut values = head.lines().filter_map(|line| line.strip_prefix(start.as_str()));
        values.next().map(|value| value.trim().to_owned())
    };
    let (unsubscribe, one_click) = ("List-Unsubscribe", "List-Unsubscribe-Post");
    assert_eq!((header(0, unsubscribe), header(0, one_click)), (None, None));
    assert_eq!(header(1, unsubscribe), Some(format!("<{url}>")));
    assert_eq!(header(1, one_click).as_deref(), Some("List-Unsubscribe=One-Click"));
    assert_eq!(
        header(2, unsubscribe).as_deref(),
        Some("<http://127.0.0.1/unsubscribe/x>")
    );
    assert_eq!(header(2, one_click), None);
    let text = server.received()[1].message().body_text(0).expect("text").into_owned();
    assert!(text.contains(&url) && !text.contains("you clicked"), "{text}");
}

#[tokio::test]
async fn a_failure_notice_says_why_and_where_the_report_is() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut delivery = Delivery::new(CSV).with_link();
    delivery.request.status = Status::Failed;
    delivery.request.failure = Some(Failure {
        cause: FailureCause::MailUnconfirmed,
        words: String::new(),
    });
    delivery.notify(&mailer(&server.config())).await.expect("sent");
    let mail = server.only_mail();
    assert_eq!(mail.to, ["asha@school.example"]);
    assert!(mail.attachment().is_none());
    let message = mail.message();
    let id = delivery.request.id;
    assert_eq!(
        message.message_id(),
        Some(format!("{id}.notice@pragati.example").as_str())
    );
    assert!(message.root_part().is_content_type("multipart", "alternative"));
    let text = message.body_text(0).expect("text");
    assert!(text.contains("It may have reached you or not."), "{text}");
    assert!(
        text.contains("https://reports.example.org/api/v1/reports/1/file"),
        "{text}"
    );
}

#[tokio::test]
async fn an_incomplete_copy_is_not_sent() {
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let mut delivery = Delivery::new(CSV);
    delivery.file.bytes += 1;
    let words = words("unavailable", delivery.send(&mailer(&server.config())).await);
    assert!(words.contains("bytes instead of"), "{words}");
    assert_eq!(delivery.handovers(), 0);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn the_largest_attachment_goes_out_in_seconds() {
    let Some(server) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let content = noise(18_000_000);
    let mut delivery = Delivery::new(&content);
    // Noise is no text, and the parser would make text of it.
    delivery.request.format = ReportFormat::Xlsx;
    let start = Instant::now();
    delivery.send(&mailer(&server.config())).await.expect("sent");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    let mail = server.only_mail();
    // What common mail services take.
    assert!(mail.raw.len() < 25_000_000, "{}", mail.raw.len());
    let (_, attached) = mail.attachment().expect("one");
    // Not `assert_eq`, which would print both.
    assert!(attached == content);
}

#[tokio::test]
async fn signed_mails_are_verified_by_another_implementation() {
    let Some(python) = python_for("servers", "dkim") else {
        return;
    };
    let Some(server) = SmtpServer::start(Security::Plain) else {
        return;
    };
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/dkim");
    let config = MailConfig {
        dkim: Some(DkimConfig {
            selector: "pragati".to_owned(),
            domain: "pragati.example".to_owned(),
            key_file: format!("{data}/private.pem").into(),
        }),
        ..server.config()
    };
    Delivery::of_batch(
        "बैच १ with a long name that is folded in the header, twice at least, or more",
        CSV,
    )
    .send(&mailer(&config))
    .await
    .expect("sent");
    let verify = |raw: &[u8]| {
        let file = NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), raw).expect("written");
        let script = "import dkim, sys
record = open(sys.argv[1], 'rb').read()
names = []
def dns(name, timeout=5):
    names.append(name)
    return record
is_good = dkim.verify(open(sys.argv[2], 'rb').read(), dnsfunc=dns)
assert names == [b'pragati._domainkey.pragati.example.'], names
sys.exit(0 if is_good else 7)";
        let mut command = std::process::Command::new(&python);
        command
            .args(["-c", script, &format!("{data}/record.txt")])
            .arg(file.path());
        let output = command.output().expect("a run");
        let code = output.status.code().expect("a code");
        assert!(code == 0 || code == 7, "{}", String::from_utf8_lossy(&output.stderr));
        code == 0
    };
    let mail = server.only_mail();
    assert!(mail.head().contains("DKIM-Signature"));
    assert!(verify(&mail.raw));
    let text = String::from_utf8(mail.raw.clone()).expect("ASCII");
    let forged = text.replacen("asha@school.example", "mallory@evil.example", 1);
    assert!(!verify(forged.as_bytes()));
}
