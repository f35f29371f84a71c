//! A test of crash safety: no request is lost and no mail is sent twice, while `pragati serve` is killed at random and
//! its mail server answers oddly in every way by turns.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mail_parser::MessageParser;
use pragati::config::MailConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::odd_mail_server::{At, HANG_UP, Habit, OddServer, SILENCE, brings};
use crate::service_process::ServiceProcess;
use crate::support::{TestExports, is_full, usually};

/// Bytes of a mail that takes a report's archive, and neither its CSV nor its spreadsheet.
const SMALL: usize = 55_000;

/// A server that does one thing oddly.
const fn odd(odd: &'static [(At, &'static [u8])]) -> Habit {
    Habit { odd, ..Habit::NONE }
}

/// The same, which takes no mail above [`SMALL`] and does not say so before.
const fn small(odd: &'static [(At, &'static [u8])]) -> Habit {
    Habit {
        ehlo: &["8BITMIME", "SIZE"],
        limit: SMALL,
        odd,
        ..Habit::NONE
    }
}

/// Every habit, beside those that fall silent.
const HABITS: &[Habit] = &[
    // How it greets.
    odd(&[(At::SecondEhlo, b"503 5.5.1 Duplicate EHLO")]),
    odd(&[
        (At::Ehlo, b"502 5.5.1 what?"),
        (At::SizeParameter, b"555 no parameters"),
    ]),
    odd(&[(
        At::UnqualifiedRecipient,
        b"504 5.5.2 Helo command rejected: need fully-qualified hostname",
    )]),
    odd(&[(At::Greeting, HANG_UP)]),
    odd(&[(At::Greeting, b"421 4.3.2 too busy")]),
    odd(&[(At::Anew, HANG_UP)]),
    // What is too large for it.
    Habit {
        ehlo: &["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 55000"],
        ..small(&[(At::TooLargeSender, b"552 5.3.4 Message size exceeds fixed limit")])
    },
    small(&[(At::TooLargeSender, b"554 5.3.4 too large")]),
    small(&[(At::TooLargeRecipient, b"550 5.2.3 too large for this mailbox")]),
    small(&[(At::TooLargeContent, b"552 5.3.4 message file too big")]),
    small(&[(At::WithinContent, b"552 5.3.4 enough")]),
    small(&[(At::WithinContent, HANG_UP)]),
    small(&[(
        At::TooLargeContent,
        b"552 Requested mail action aborted: exceeded storage allocation",
    )]),
    // What an operator has to mend.
    odd(&[(At::Sender, b"530 5.7.0 Authentication required")]),
    odd(&[(
        At::Sender,
        b"550 5.7.1 Sender address rejected: not owned by this client",
    )]),
    odd(&[(At::Recipient, b"554 5.7.1 Client host rejected: Access denied")]),
    odd(&[(At::Recipient, b"550 relay not permitted")]),
    // What passes.
    odd(&[(At::Recipient, b"451 4.7.1 Greylisted, please try again later")]),
    odd(&[(At::Content, b"451 4.3.0 later")]),
    odd(&[(At::Sender, HANG_UP)]),
    odd(&[(At::Recipient, HANG_UP)]),
    Habit {
        closes: true,
        ..odd(&[(At::Recipient, b"421 4.3.2 Service shutting down")])
    },
    // What does not.
    odd(&[(At::Recipient, b"550 5.1.1 Utilisateur inconnu: bo\xeete supprim\xe9e")]),
    odd(&[(At::Content, b"554 5.6.0 no")]),
    // Of which nobody knows whether it took the mail.
    odd(&[(At::Content, HANG_UP)]),
    odd(&[(At::Taken, HANG_UP)]),
    // Words in any bytes, and slow ones.
    odd(&[(At::Taken, b"250 2.0.0 Message accept\xe9")]),
    Habit {
        takes: Duration::from_millis(300),
        ..Habit::NONE
    },
];

/// They keep a worker waiting until its time is up, and all others for a while.
const SILENT: &[Habit] = &[
    odd(&[(At::Sender, SILENCE)]),
    odd(&[(At::Content, SILENCE)]),
    odd(&[(At::Taken, SILENCE)]),
];

/// Every habit once, and a server without any as often as all of them.
fn habits(silent: &[Habit]) -> Vec<Habit> {
    let odd = [HABITS, silent].concat();
    let well = vec![Habit::NONE; odd.len()];
    [odd, well].concat()
}

/// Batches whose CSV has some 65 kB, packs to 10 kB, and is an XLSX of 45 kB.
fn exports() -> TestExports {
    let rows = |columns: &str| format!("select {columns} from (select unnest(range(1, 701)) as n)");
    let users = "concat('user-', n) as user_id, concat('KA-', n * 7919) as external_id, concat('अनीता ', n) as first_name,
        'Kumar' as last_name, concat('teacher.', n, '@example.org') as email, concat('+9198', n * 104729 % 100000000) as mobile,
        'SCERT' as organization_name, concat('District ', n % 31) as district_name, 'GHS' as school_name,
        concat('Block ', n % 97) as block_name, 't1' as tenant_id";
    let enrolments = |batch: &str| {
        rows(&format!(
            "concat('user-', n) as user_id, 'c1' as course_id, '{batch}' as batch_id,
            arrow_cast('2026-10-01T06:00:00', 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at, true as active"
        ))
    };
    TestExports::small().table("users", &rows(users)).table(
        "enrolments",
        &format!("{} union all {}", enrolments("b1"), enrolments("b2")),
    )
}

/// The service and its mail server, with the actions that disturb them.
struct Danger {
    served: ServiceProcess,
    server: OddServer,
    runtime: Runtime,
    draws: StdRng,
    runs: usize,
}

impl Danger {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime.block_on(OddServer::start_drawing(habits(&[]), usize::MAX));
        let mail = MailConfig {
            timeout_seconds: 5,
            ..server.config()
        };
        let mut served = ServiceProcess::with_mail(exports(), mail).with("PRAGATI_SERVE__WORKERS", 6);
        served.start();
        Self {
            served,
            server,
            runtime,
            draws: StdRng::seed_from_u64(7),
            runs: 1,
        }
    }

    /// Kills the service with SIGKILL, and starts it again.
    fn kill(&mut self) {
        self.served.kill();
        self.served.start();
        self.runs += 1;
    }

    /// Clicks until it is answered, with the same key, as a client does; the request's id.
    fn click(&mut self, number: usize) -> String {
        let person = format!("dev:user-{number},user{number}@example.org,pragati-admin");
        let (batch, format) = (["b1", "b2"][number % 2], ["csv", "csv", "xlsx"][number % 3]);
        loop {
            let answer = self
                .served
                .click_for(format, &person, batch, "email", &format!("key-{number}"));
            if let Some((status, answer)) = answer {
                assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
                return answer["id"].as_str().expect("an id").to_owned();
            }
        }
    }

    fn sleep(&mut self, longest: u64) {
        let milliseconds = self.draws.random_range(50..longest);
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    /// Nobody can connect to the mail server for a moment, in which the service dies too.
    fn close_for_a_moment(&mut self, then: Vec<Habit>) {
        self.runtime.block_on(self.server.close());
        self.kill();
        self.sleep(1_000);
        self.runtime.block_on(self.server.open_again(then));
    }
}

/// How often a mail of a kind and request came, and what the reports brought.
type Mails = (BTreeMap<(String, String), usize>, BTreeMap<String, usize>);

fn mails_of(server: &OddServer) -> Mails {
    let (mut mails, mut forms) = Mails::default();
    for raw in server.taken() {
        let message = MessageParser::default().parse(&raw).expect("a mail");
        let id = message.message_id().expect("a Message-ID").to_owned();
        let (request, rest) = id.split_once('.').expect("a request");
        let (kind, _) = rest.split_once('@').expect("a kind");
        *mails.entry((kind.to_owned(), request.to_owned())).or_insert(0) += 1;
        if kind == "report" {
            *forms.entry(brings(&raw)).or_insert(0) += 1;
        }
    }
    (mails, forms)
}

/// Checks a request that ended against the mails that came; the word for its end.
fn checked_end(request: &Value, has: impl Fn(&str) -> bool) -> String {
    match request["status"].as_str().expect("a status") {
        "sent" => {
            assert!(has("report") && !has("notice"), "{request}");
            "sent".to_owned()
        }
        "failed" => {
            let cause = request["failure_cause"].as_str().expect("a cause");
            // A request fails where the service stopped each time it worked on it; a long row of kills can bring that about.
            let is_expected = ["mail_refused", "mail_unconfirmed"].contains(&cause);
            assert!(is_expected || is_full() && cause == "report_failed", "{request}");
            assert!(cause == "mail_unconfirmed" || !has("report"), "{request}");
            // A notice can be refused too, or be cut off; it is then given up and never sent twice.
            match request["notice"].as_str().expect("a notice") {
                "sent" => assert!(has("notice"), "{request}"),
                "given_up" => {}
                other => panic!("{other}: {request}"),
            }
            cause.to_owned()
        }
        other => panic!("{other}: {request}"),
    }
}

#[test]
fn no_request_is_lost_and_no_mail_is_sent_twice_however_often_the_service_is_killed() {
    let clicks = usually(80, 2_000);
    let mut danger = Danger::new();
    let mut ids = BTreeSet::new();
    for number in 0..clicks {
        ids.insert(danger.click(number));
        if danger.draws.random_bool(0.05) {
            danger.kill();
        }
        if number % (clicks / 4) == clicks / 8 {
            // Silence costs all workers a quarter of a minute each time.
            let silent = if is_full() && number < clicks / 2 { SILENT } else { &[] };
            danger.close_for_a_moment(habits(silent));
        }
    }
    danger.server.set_habits(habits(&[]));
    for _ in 0..usually(4, 60) {
        danger.sleep(3_000);
        danger.kill();
    }
    danger.server.set_habits(vec![Habit::NONE]);
    let ended = danger.served.all_ended();
    danger.served.all_events_written();
    danger.served.stop();

    assert_eq!(ids.len(), clicks);
    let found: BTreeSet<String> = ended
        .iter()
        .map(|request| request["id"].as_str().expect("an id").to_owned())
        .collect();
    assert!(found == ids, "every accepted request is there, and no other");
    let (mails, forms) = mails_of(&danger.server);
    for ((kind, request), count) in &mails {
        assert_eq!(*count, 1, "the {kind} of {request} came {count} times");
        assert!(ids.contains(request));
    }
    let mut by_end: BTreeMap<String, usize> = BTreeMap::new();
    for request in &ended {
        let id = request["id"].as_str().expect("an id");
        let end = checked_end(request, |kind| mails.contains_key(&(kind.to_owned(), id.to_owned())));
        *by_end.entry(end).or_default() += 1;
    }
    eprintln!(
        "{clicks} clicks, {} runs of the service: {by_end:?}; reports came as {forms:?}",
        danger.runs
    );
    assert!(by_end["sent"] > clicks / 2, "{by_end:?}");
    // Of few clicks, none may be on a spreadsheet that a server finds too large.
    let expected: &[&str] = match is_full() {
        true => &["csv", "xlsx", "zip", "link"],
        false => &["csv", "xlsx", "zip"],
    };
    assert!(expected.iter().all(|form| forms.contains_key(*form)), "{forms:?}");
    assert_eq!(
        danger.served.event_mids("INTERACT").len(),
        clicks,
        "each click is one event"
    );
    assert_eq!(
        danger.served.event_mids("AUDIT").len(),
        by_end["sent"],
        "each delivery is one event"
    );
}
