//! Links that are signed for one person and one file, where a site chooses them: what they give, to whom, and for how long.

use chrono::{TimeDelta, Utc};
use pragati::config::LinkKind;
use pragati::delivery::links::Links;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::browser_like::{BrowserLike, page};
use crate::fake_issuer::FakeIssuer;
use crate::running_service::{RunningService, Setup};
use crate::sign_in;
use crate::support::pragati;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const MENTOR: &str = "dev:mentor";

fn signing(mut setup: Setup) -> Setup {
    setup.config.serve.public_url = Some("https://reports.example.org".to_owned());
    setup.config.serve.links = LinkKind::Signed;
    setup.config.serve.link_key = Some(KEY.to_owned().into());
    setup
}

/// A request of the mentor for batch b1, whose file is made: its id, and the path of its link.
fn link_of(service: &RunningService, token: &str) -> (String, String) {
    let id = service.ask(token, "b1", "download").json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    service.work();
    let found = service
        .runtime
        .block_on(service.parts.store.find(id.parse().expect("an id")));
    let request = found.expect("the store").expect("a request");
    let links = Links::new(&service.parts.config).expect("links");
    let link = links.for_mail(&request).expect("a link");
    let url = Url::parse(&link.url).expect("a URL");
    (id, link.url[url.origin().ascii_serialization().len()..].to_owned())
}

/// The path and the query of a link.
fn parts(link: &str) -> (&str, &str) {
    link.split_once('?').expect("a query")
}

fn files_given_out(service: &RunningService, by: &str) -> f64 {
    let text = service.send(service.request(Method::GET, "/metrics"));
    let text = String::from_utf8(text.body).expect("UTF-8");
    let start = format!("pragati_files_fetched_total{{by=\"{by}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start));
    line.expect("a counter").parse().expect("a number")
}

#[test]
fn a_signed_link_is_a_page_with_a_button_that_downloads() {
    let service = signing(Setup::new()).start();
    let (_, link) = link_of(&service, MENTOR);
    let (path, query) = parts(&link);
    let mut browser = BrowserLike::new(&service);
    // A program that looks into mails opens links, and presses no buttons.
    let answer = browser.open(&link);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    let text = page(&answer);
    assert!(
        text.contains("course-progress_Batch-1_") && text.contains("do not pass it on"),
        "{text}"
    );
    assert!(
        !text.contains("http-equiv") && text.contains(&format!("action=\"..{path}\"")),
        "{text}"
    );
    assert_eq!(files_given_out(&service, "signed_link"), 0.0);
    let answer = browser.post(path, query.to_owned());
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-disposition").starts_with("attachment; "));
    assert!(answer.body.starts_with("\u{feff}External ID".as_bytes()));
    assert_eq!(files_given_out(&service, "signed_link"), 1.0);
    assert_eq!(files_given_out(&service, "token"), 0.0);
    // The click was counted when the report was asked for; following its link adds none, as with a login.
    let events = service
        .runtime
        .block_on(service.parts.store.figures())
        .expect("figures");
    assert_eq!(events.events_to_write, 2, "one click, one delivery");
}

#[test]
fn a_link_that_was_changed_or_cut_gives_nothing() {
    let service = signing(Setup::new()).start();
    let (id, link) = link_of(&service, MENTOR);
    let (other, _) = link_of(&service, MENTOR);
    let (_, query) = parts(&link);
    let key = query.rsplit('=').next().expect("a key");
    let later = Utc::now().timestamp() + 400 * 24 * 3600;
    let mut browser = BrowserLike::new(&service);
    for changed in [
        format!("/download/{other}?{query}"),
        format!("/download/{id}?until={later}&key={key}"),
        format!("/download/{id}?{}", &query[..query.len() - 1]),
        format!("/download/{id}?{query}A"),
        format!("/download/{id}?until=0&key="),
        format!("/download/{id}?key={key}"),
        format!("/download/{id}?until=nonsense&key={key}"),
        format!("/download/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44?{query}"),
    ] {
        let answer = browser.open(&changed);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{changed}");
        let text = page(&answer);
        assert!(text.contains("not as it was sent") && !text.contains("Batch"), "{text}");
        let (path, query) = parts(&changed);
        let answer = browser.post(path, query.to_owned());
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{changed}");
        page(&answer);
    }
    let answer = browser.post(&format!("/download/{id}"), String::new());
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(files_given_out(&service, "signed_link"), 0.0);
    // It is a link of the file, and no login.
    let answer = service.send(service.request(Method::GET, &format!("/api/v1/reports/{id}/file?{query}")));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_link_ends_with_its_file_and_when_it_is_revoked() {
    let service = signing(Setup::new()).start();
    let (id, link) = link_of(&service, MENTOR);
    let (path, query) = parts(&link);
    let until: i64 = query
        .split(['=', '&'])
        .nth(1)
        .and_then(|until| until.parse().ok())
        .expect("an end");
    let days = TimeDelta::days(i64::from(service.parts.config.retention_days)).num_seconds();
    assert!((until - Utc::now().timestamp() - days).abs() < 60, "with its file");
    let mut browser = BrowserLike::new(&service);
    let request = id.parse().expect("an id");
    let revoked = service
        .runtime
        .block_on(service.parts.store.revoke_link(request, Utc::now()));
    assert!(revoked.expect("the store"));
    for answer in [browser.open(&link), browser.post(path, query.to_owned())] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(page(&answer).contains("was revoked"), "{answer:?}");
    }
    // Its requester still has the file, with a login.
    assert_eq!(
        service.get(MENTOR, &format!("/api/v1/reports/{id}/file")).status,
        StatusCode::OK
    );
    let again = service
        .runtime
        .block_on(service.parts.store.revoke_link(request, Utc::now()));
    assert!(again.expect("the store"), "twice is no error");
    let never = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44".parse().expect("an id");
    let unknown = service
        .runtime
        .block_on(service.parts.store.revoke_link(never, Utc::now()));
    assert!(!unknown.expect("the store"));

    // An old link of a request that is kept on: what it says holds, not what the setting says now.
    let mut setup = signing(Setup::new());
    setup.config.serve.retention_days = 1;
    let short = setup.start();
    let (id, _) = link_of(&short, MENTOR);
    let found = short
        .runtime
        .block_on(short.parts.store.find(id.parse().expect("an id")));
    let mut request = found.expect("the store").expect("a request");
    request.finished_at = request.finished_at.map(|at| at - TimeDelta::days(2));
    let links = Links::new(&short.parts.config).expect("links");
    let old = links.for_mail(&request).expect("a link").url;
    let mut browser = BrowserLike::new(&short);
    let answer = browser.open(&old["https://reports.example.org".len()..]);
    assert_eq!(answer.status, StatusCode::GONE);
    assert!(page(&answer).contains("has ended"));
}

#[test]
fn a_link_follows_the_current_access_of_its_person() {
    // The requester of the link was an admin when the report was asked for, and is known by that alone.
    let service = signing(Setup::new()).start();
    let (_, link) = link_of(&service, "dev:admin,,pragati-admin");
    let mut browser = BrowserLike::new(&service);
    assert_eq!(browser.open(&link).status, StatusCode::OK);

    // Somebody who is no mentor any more: the newest batches decide.
    let service = signing(Setup::new()).start();
    let (id, link) = link_of(&service, MENTOR);
    let (exports, data) = service.stopped();
    let exports = exports.table(
        "batches",
        "select 'b1' as batch_id, 'c1' as course_id, 'Batch 1' as batch_name, 't1' as tenant_id, 'maker' as created_by,
            make_array('helper') as mentors",
    );
    let mut again = signing(Setup::over(exports));
    again.data = Some(data);
    let service = again.start();
    let mut browser = BrowserLike::new(&service);
    let (path, query) = parts(&link);
    for answer in [browser.open(&link), browser.post(path, query.to_owned())] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{id}");
        assert!(page(&answer).contains("You may not have this report"), "{answer:?}");
    }
}

#[test]
fn a_broken_link_leads_its_requester_to_the_sign_in() {
    let issuer = FakeIssuer::start();
    let mut setup = signing(sign_in::setup(&issuer));
    setup.config.serve.public_url = Some("https://reports.example.org".to_owned());
    let service = setup.start();
    let (id, link) = link_of(&service, &issuer.token("mentor", &[]));
    let mut browser = BrowserLike::new(&service);
    let text = page(&browser.open(&link[..link.len() - 2]));
    assert!(text.contains(&format!("href=\"../sign-in?report={id}\"")), "{text}");
    // A whole one asks nobody, whoever is signed in.
    browser.sign_in(&issuer, "other", &[]);
    let text = page(&browser.open(&link));
    assert!(text.contains("course-progress_Batch-1_"), "{text}");
}

#[test]
fn operators_revoke_links_and_end_sessions() {
    let issuer = FakeIssuer::start();
    let service = signing(sign_in::setup(&issuer)).start();
    let (id, link) = link_of(&service, &issuer.token("mentor", &[]));
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    assert_eq!(browser.api_status(), 200);
    let requests = |arguments: &[&str]| {
        let mut command = pragati();
        command
            .arg("requests")
            .args(arguments)
            .arg("--data")
            .arg(service.folder.path());
        command.assert()
    };
    let said = format!("the signed link of request {id} is revoked\n");
    requests(&["revoke-link", &id]).success().stderr(said);
    assert_eq!(browser.open(&link).status, StatusCode::GONE);
    requests(&["sign-out", "mentor"]).success().stderr("1 session ended\n");
    assert_eq!(browser.api_status(), 401);
    requests(&["sign-out", "nobody"]).success().stderr("0 sessions ended\n");
    let never = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44";
    let complaint = requests(&["revoke-link", never]).failure().code(1);
    let complaint = String::from_utf8(complaint.get_output().stderr.clone()).expect("UTF-8");
    assert!(
        complaint.contains(&format!("there is no request {never}")),
        "{complaint}"
    );
    requests(&["sign-out", " "]).failure().code(2);
}
