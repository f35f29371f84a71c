//! An end-to-end scenario of a mentor and three officers over four nights, with PostgreSQL, a mail server and a
//! browser: from the nightly run over a download and a subscription to mails that are sent, left out, ended and
//! bounced.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use zip::ZipArchive;

use crate::browser::{browser_scripts, passes_in_browser};
use crate::delivery_bounces::bounce;
use crate::postgres::Postgres;
use crate::running_service::BATCHES;
use crate::service_process::ServiceProcess;
use crate::smtp::{Received, Security, SmtpServer};
use crate::support::{TestExports, course_progress, csv_columns, enrolments, pragati, wait_at_most};

const MENTOR: &str = "dev:mentor,mentor@example.org";
const ADMIN: &str = "dev:admin,admin@example.org,pragati-tenant-admin:t1";
const OFFICERS: &str = "block,address\nBlock 1,bno1@example.org\nBlock 2,bno2@example.org\nखंड 3,bno3@example.org\n";
const LINK: &str = "https://reports.example.org/unsubscribe/";

/// Three learners of batch b1, each of another block.
const LEARNERS: &str = "
    select user_id, cast(null as varchar) as external_id, user_id as first_name, cast(null as varchar) as last_name,
        cast(null as varchar) as email, cast(null as varchar) as mobile, cast(null as varchar) as organization_name,
        cast(null as varchar) as district_name, cast(null as varchar) as school_name, block_name, 't1' as tenant_id
    from (values ('u1', 'Block 1'), ('u2', 'Block 2'), ('u3', 'खंड 3')) as users(user_id, block_name)";

/// The service, its mail server, and a folder for what the nightly runs and the service write.
struct Life {
    served: ServiceProcess,
    smtp: SmtpServer,
    folder: TempDir,
}

impl Life {
    /// A service that is not started yet, before the first night.
    fn of(smtp: SmtpServer, postgres: &Postgres) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let served = ServiceProcess::new(TestExports::empty(), &smtp)
            .with("PRAGATI_DATABASE__URL", postgres.url())
            .with("PRAGATI_SERVE__REPORTS", place(&folder, "reports"))
            .with("PRAGATI_SERVE__FILES", place(&folder, "files"))
            .with("PRAGATI_EVENTS", place(&folder, "events"))
            .with("PRAGATI_SERVE__REFRESH_SECONDS", 1)
            .with("PRAGATI_MAIL__BOUNCE_ADDRESS", "bounces+{id}@pragati.example")
            .with("PRAGATI_SUBSCRIPTIONS__OFFICER_DOMAINS", "[\"example.org\"]");
        Self { served, smtp, folder }
    }

    /// An admin uploads the list of officers.
    fn name_the_officers(&self) {
        let list = "/api/v1/officers?batch_id=b1&column=block";
        let (status, _) = self.served.send(Method::PUT, ADMIN, list, "text/csv", OFFICERS);
        assert_eq!(status, StatusCode::OK);
    }

    /// The last mail to the address comes back: there is no such mailbox.
    fn comes_back_from(&self, address: &str, postgres: &Postgres) {
        let sender = self.last_mail_to(address).from;
        let mail = bounce(&sender, "5.1.1", "550 5.1.1 no such mailbox").replace("mentor@school.example", address);
        let mut command = pragati();
        command.args(["bounces", "--data"]).arg(self.served.data());
        command.env("PRAGATI_DATABASE__URL", postgres.url());
        command.write_stdin(mail).assert().success();
    }

    /// The mail program of the address ends the mails, by the link in the last one (RFC 8058).
    fn is_ended_by(&self, address: &str) {
        let head = self.last_mail_to(address).head().replace("\r\n ", "");
        let (_, token) = head.split_once(LINK).expect("a link");
        let (token, _) = token.split_once('>').expect("its end");
        let (path, form) = (format!("/unsubscribe/{token}"), "application/x-www-form-urlencoded");
        let body = "List-Unsubscribe=One-Click";
        let (status, _) = self.served.send(Method::POST, "dev:anybody", &path, form, body);
        assert_eq!(status, StatusCode::OK);
    }

    /// What a query says of the events that the service wrote.
    fn counted(&self, sql: &str) -> String {
        let events = place(&self.folder, "events");
        let arguments = ["--events", &events, "--format", "csv", "-c", sql];
        self.served.exports.output("sql", &arguments)
    }

    /// The night that ends with the day on which the learners are so far.
    fn night(&mut self, day: &str, percents: [u32; 3]) {
        let exports = std::mem::replace(&mut self.served.exports, TestExports::empty());
        self.served.exports = on_day(exports, day, percents);
        self.served
            .exports
            .output("nightly", &["--out", &place(&self.folder, "reports")]);
    }

    /// Waits until there are `all` mails, and gives the last `new` of them: to whom, and of which learners.
    fn mails(&self, all: usize, new: usize) -> Vec<(String, String)> {
        let received = || self.smtp.received();
        wait_at_most(Duration::from_secs(120), || received().len() >= all, "mails");
        // Others of the same sending would come at the same time.
        std::thread::sleep(Duration::from_secs(2));
        let received = received();
        assert_eq!(received.len(), all, "{received:?}");
        let mut mails: Vec<_> = received[all - new..].iter().map(of_whom).collect();
        mails.sort();
        mails
    }

    /// The last mail to an address.
    fn last_mail_to(&self, address: &str) -> Received {
        let received = self.smtp.received();
        let mut to = received.into_iter().filter(|mail| mail.to == [address]);
        to.next_back().expect("a mail")
    }

    /// How many requests have ended like that.
    fn requests_that(&self, status: &str, cause: Option<&str>) -> usize {
        let requests = self.served.requests();
        let is_meant = |request: &&serde_json::Value| {
            request["status"] == status && cause.is_none_or(|cause| request["failure_cause"] == cause)
        };
        requests.iter().filter(is_meant).count()
    }
}

fn place(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

fn on_day(exports: TestExports, day: &str, percents: [u32; 3]) -> TestExports {
    let rows = |row: &dyn Fn(usize, u32) -> String| {
        let rows = (1..).zip(percents).map(|(number, percent)| row(number, percent));
        rows.collect::<Vec<_>>().join(", ")
    };
    let enrolled = rows(&|number, _| format!("('u{number}', 'c1', 'b1', '2026-10-01T00:00:00', true)"));
    let progress = rows(&|number, percent| format!("('u{number}', {percent}, cast(null as varchar))"));
    exports
        .table_on("users", day, LEARNERS)
        .table_on("enrolments", day, &enrolments(&enrolled))
        .table_on("course_progress", day, &course_progress(&progress))
        .table_on("batches", day, BATCHES)
}

/// To whom a mail is, and the learners in its report.
fn of_whom(mail: &Received) -> (String, String) {
    let (_, csv) = mail.attachment().expect("an attachment");
    let learners = csv_columns(&String::from_utf8(csv).expect("UTF-8"), &["User ID"]);
    (mail.to.concat(), learners.trim().replace('\n', " "))
}

fn expected(mails: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(to, learners): &(&str, &str)| ((*to).to_owned(), (*learners).to_owned());
    mails.iter().map(owned).collect()
}

/// What a mentor does in a browser on the first day; the file that is downloaded is kept at `file`.
fn first_day_in_the_browser(scripts: &Path, served: &ServiceProcess, file: &Path) {
    let told = json!({"url": served.url(), "mentor": MENTOR, "batch": "Batch 1", "file": file});
    passes_in_browser(scripts, "first_day.mjs", served.data(), &told);
}

/// The text of a file of an archive.
fn text_in(archive: &mut ZipArchive<File>, name: &str) -> String {
    let mut text = String::new();
    archive
        .by_name(name)
        .expect(name)
        .read_to_string(&mut text)
        .expect("UTF-8");
    text
}

/// The archive that was downloaded has the learner of each block in a file of its own, and lists them.
fn assert_is_by_block(file: &Path) {
    let mut archive = ZipArchive::new(File::open(file).expect("a file")).expect("an archive");
    let index = text_in(&mut archive, "index.csv");
    let listed = csv_columns(&index, &["Value", "Rows", "Average Progress"]);
    assert_eq!(listed, "Block 1,1,10.0%\nBlock 2,1,10.0%\nखंड 3,1,10.0%\n");
    for (line, learner) in csv_columns(&index, &["File", "Rows"]).lines().zip(["u1", "u2", "u3"]) {
        let (name, _) = line.split_once(',').expect("a name");
        assert_eq!(csv_columns(&text_in(&mut archive, name), &["User ID"]).trim(), learner);
    }
}

#[test]
fn officers_get_their_blocks_when_they_change_until_they_want_no_more() {
    let Some(scripts) = browser_scripts() else { return };
    let Some(smtp) = SmtpServer::start(Security::StartTls) else {
        return;
    };
    let Some(postgres) = Postgres::start() else { return };
    let mut life = Life::of(smtp, &postgres);

    life.night("2026-11-22", [10, 10, 10]);
    life.served.start();
    life.name_the_officers();
    let file = life.folder.path().join("downloaded.zip");
    first_day_in_the_browser(&scripts, &life.served, &file);
    assert_is_by_block(&file);

    // The second night: all get theirs for the first time.
    life.night("2026-11-23", [20, 20, 10]);
    let first = [
        ("bno1@example.org", "u1"),
        ("bno2@example.org", "u2"),
        ("bno3@example.org", "u3"),
        ("mentor@example.org", "u1 u2 u3"),
    ];
    assert_eq!(life.mails(4, 4), expected(&first));

    // The third night: nothing to the officer whose block did not change.
    life.night("2026-11-24", [30, 30, 10]);
    let changed = [
        ("bno1@example.org", "u1"),
        ("bno2@example.org", "u2"),
        ("mentor@example.org", "u1 u2 u3"),
    ];
    assert_eq!(life.mails(7, 3), expected(&changed));

    life.comes_back_from("bno1@example.org", &postgres);
    assert_eq!(life.requests_that("bounced", None), 1);
    life.is_ended_by("bno2@example.org");

    // The fourth night: everything changed. One officer is left; what the first one gets is no mail.
    life.night("2026-11-25", [40, 40, 40]);
    let left = [("bno3@example.org", "u3"), ("mentor@example.org", "u1 u2 u3")];
    assert_eq!(life.mails(9, 2), expected(&left));
    let is_refused = || life.requests_that("failed", Some("mail_bounced")) == 1;
    wait_at_most(
        Duration::from_secs(60),
        is_refused,
        "the request to the mailbox that is gone",
    );

    // One click, one delivery for it, and nine sendings, which are counted apart.
    life.served.all_events_written();
    life.served.stop();
    assert_eq!(
        life.counted("select count(*) as clicks from distinct_download_events"),
        "clicks\n1\n"
    );
    assert_eq!(
        life.counted("select by_subscription, count(*) as deliveries from distinct_deliveries group by 1 order by 1"),
        "by_subscription,deliveries\nfalse,1\ntrue,9\n"
    );
}
