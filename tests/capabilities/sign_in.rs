//! Signing in with a browser, and what nobody may reach by it: the security of the flow, against an issuer that can be made
//! to do anything. `sign_in_browser` does the same with a real browser and a real issuer.

use jsonwebtoken::{EncodingKey, Header};
use pragati::config::RightsSource;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, Row};

use crate::browser_like::{BrowserLike, callback, page};
use crate::fake_issuer::{Asked, CLIENT, FakeIssuer};
use crate::running_service::{Answer, RunningService, Setup};
use crate::token_issuer::{SigningKey, now};

const PUBLIC: &str = "https://reports.example.org/below";
const SESSION: &str = "__Host-pragati-session";

/// The service as a site has it: behind a proxy that does TLS, below a path.
pub fn setup(issuer: &FakeIssuer) -> Setup {
    let mut setup = Setup::new();
    setup.config.serve.public_url = Some(PUBLIC.to_owned());
    setup.config.identity = issuer.settings();
    setup.config.sign_in.client_id = Some(CLIENT.to_owned());
    setup.login = Some(issuer.settings());
    setup
}

/// A request of the mentor for batch b1, whose file is made.
fn request_of(service: &RunningService, token: &str) -> String {
    let answer = service.ask(token, "b1", "download");
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    service.work();
    answer.json()["id"].as_str().expect("an id").to_owned()
}

fn file_of(id: &str) -> String {
    format!("/api/v1/reports/{id}/file")
}

/// Checks that the sign-in failed, and that a page says so.
fn assert_refused(answer: &Answer, browser: &mut BrowserLike, what: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
    assert!(page(answer).contains("You could not be signed in"), "{what}");
    assert!(!browser.cookies.contains_key(SESSION), "{what}");
    assert_eq!(browser.api_status(), 401, "{what}");
}

#[test]
fn the_link_of_a_mail_leads_through_a_sign_in_to_the_file() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let id = request_of(&service, &issuer.token("mentor", &[]));
    let mut browser = BrowserLike::new(&service);
    let answer = browser.open(&file_of(&id));
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), format!("../../../../download/{id}"));
    let text = page(&browser.open(&format!("/download/{id}")));
    assert!(text.contains(&format!("href=\"../sign-in?report={id}\"")), "{text}");
    assert!(!text.contains("Batch"), "nothing is told of it: {text}");

    let asked = browser.begin(&format!("/sign-in?report={id}"));
    assert_eq!(asked.get("redirect_uri"), format!("{PUBLIC}/sign-in/callback"));
    let code = issuer.code(&asked, "mentor", &[]);
    let answer = browser.come_back(&issuer, &asked, &code);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
    assert_eq!(answer.header("location"), format!("{PUBLIC}/download/{id}"));
    assert_eq!(issuer.last_exchange()["client_id"], CLIENT);
    let text = page(&browser.open(&format!("/download/{id}")));
    assert!(
        text.contains("course-progress_Batch-1_") && text.contains("mentor"),
        "{text}"
    );
    assert!(text.contains(&format!("1; url=..{}", file_of(&id))), "{text}");
    let answer = browser.open(&file_of(&id));
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-disposition").starts_with("attachment; "));
    assert!(answer.body.starts_with("\u{feff}External ID".as_bytes()));
    // The next link of a mail leads to its file at once.
    let next = request_of(&service, &issuer.token("mentor", &[]));
    assert_eq!(browser.open(&file_of(&next)).status, StatusCode::OK);
}

#[test]
fn programs_without_a_session_get_401_and_tokens_work() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let token = issuer.token("mentor", &[]);
    let id = request_of(&service, &token);
    let answer = service.send(service.request(Method::GET, &file_of(&id)));
    assert_eq!(answer.problem(), (401, "not-logged-in".to_owned()));
    assert_eq!(service.get(&token, &file_of(&id)).status, StatusCode::OK);
    let script = service.request(Method::GET, &file_of(&id));
    let script = service.send(script.header("Sec-Fetch-Mode", "cors").header("Accept", "text/html"));
    assert_eq!(script.status, StatusCode::UNAUTHORIZED);
    let wrong = service.request(Method::GET, "/api/v1/reports/1/file");
    assert_eq!(service.send(wrong).status, StatusCode::UNAUTHORIZED);
}

#[test]
fn cookies_are_for_this_service_alone_and_ids_are_not_stored() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let code = issuer.code(&asked, "mentor", &["pragati-tenant-admin:t1"]);
    let answer = browser.come_back(&issuer, &asked, &code);
    let set: Vec<&str> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().expect("text"))
        .collect();
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set[0].starts_with(&format!("{SESSION}=")), "{set:?}");
    assert!(set[0].ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set:?}");
    assert!(
        set[1].starts_with("__Host-pragati-sign-in-") && set[1].contains("Max-Age=0"),
        "{set:?}"
    );
    assert_eq!(browser.cookies.len(), 1);
    let id = browser.cookies[SESSION].clone();
    assert!(id.len() >= 43, "256 bits");
    let file = service.folder.path().join("requests.sqlite");
    let rows = service.runtime.block_on(async {
        let url = format!("sqlite://{}", file.display());
        let mut database = sqlx::SqliteConnection::connect(&url).await.expect("the database");
        let rows = sqlx::query("select id_hash, sign_in_hash, user_id from sessions");
        let rows = rows.fetch_all(&mut database).await.expect("rows");
        rows.iter()
            .map(|row| {
                [
                    row.get::<String, _>(0),
                    row.get::<String, _>(1),
                    row.get::<String, _>(2),
                ]
            })
            .collect::<Vec<_>>()
    });
    let [[hash, sign_in, user]] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!((hash.len(), sign_in.len(), user.as_str()), (64, 64, "mentor"));
    assert!(*hash != id && *sign_in != asked.get("state"));
    // What the database holds opens nothing.
    browser.cookies.insert(SESSION.to_owned(), hash.clone());
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn redirects_stay_on_the_service() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    for path in [
        "/sign-in?report=https://evil.example",
        "/sign-in?report=//evil.example",
        "/sign-in?report=..%2F..%2Fevil",
        "/sign-in?next=https://evil.example&return_to=https://evil.example&redirect_uri=https://evil.example",
    ] {
        let mut browser = BrowserLike::new(&service);
        let asked = browser.begin(path);
        assert_eq!(
            asked.get("redirect_uri"),
            format!("{PUBLIC}/sign-in/callback"),
            "{path}"
        );
        let code = issuer.code(&asked, "mentor", &[]);
        let back = callback(&issuer, asked.get("state"), &code);
        let answer = browser.open(&format!("{back}&next=https://evil.example&report=https://evil.example"));
        assert_eq!(answer.header("location"), format!("{PUBLIC}/"), "{path}");
    }
    // A proxy's headers and the host that a client names change nothing.
    let mut browser = BrowserLike::new(&service);
    let request = browser.request(Method::GET, "/sign-in");
    let request = request
        .header("Host", "evil.example")
        .header("X-Forwarded-Host", "evil.example");
    let answer = browser.send(request);
    let asked = Asked::of(answer.header("location"));
    assert_eq!(asked.get("redirect_uri"), format!("{PUBLIC}/sign-in/callback"));
}

#[test]
fn session_fixation_does_not_work() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    // An id that the attacker chose, and one of a session of the attacker's own.
    let mut attacker = BrowserLike::new(&service);
    attacker.sign_in(&issuer, "other", &[]);
    let own = attacker.cookies[SESSION].clone();
    for planted in ["A".repeat(43), own] {
        let mut victim = BrowserLike::new(&service);
        victim.cookies.insert(SESSION.to_owned(), planted.clone());
        victim.sign_in(&issuer, "mentor", &[]);
        let new = victim.cookies[SESSION].clone();
        assert_ne!(new, planted);
        assert_eq!(victim.api_status(), 200);
        attacker.cookies.insert(SESSION.to_owned(), planted);
        assert_eq!(attacker.api_status(), 401, "what was planted knows nobody");
    }
    // Two cookies of the name, of which one is another's: neither is accepted.
    let mut victim = BrowserLike::new(&service);
    victim.sign_in(&issuer, "mentor", &[]);
    let good = format!("{SESSION}={}", victim.cookies[SESSION]);
    let request = service.request(Method::GET, "/api/v1/reports");
    let answer = service.send(request.header("Cookie", format!("{good}; {SESSION}={}", "A".repeat(43))));
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[test]
fn cross_site_requests_change_nothing() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    let body = json!({"batch_id": "b1", "format": "csv", "deliver": "download"});
    let from = |browser: &mut BrowserLike, headers: &[(&str, &str)]| {
        let mut request = browser.request(Method::POST, "/api/v1/reports").json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        browser.send(request)
    };
    for headers in [
        &[("Sec-Fetch-Site", "cross-site")][..],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[
            ("Sec-Fetch-Site", "cross-site"),
            ("Origin", "https://reports.example.org"),
        ],
        &[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "https://evil.example")],
        &[("Origin", "https://reports.example.org.evil.example")],
        &[("Origin", "http://reports.example.org")],
        &[("Origin", "null")],
        &[],
    ] {
        let answer = from(&mut browser, headers);
        assert_eq!(answer.problem(), (403, "cross-site".to_owned()), "{headers:?}");
    }
    for headers in [
        [("Sec-Fetch-Site", "same-origin")],
        [("Origin", "https://reports.example.org")],
    ] {
        assert_eq!(from(&mut browser, &headers).status, StatusCode::ACCEPTED, "{headers:?}");
    }
    // Nor do they sign somebody out.
    let request = browser
        .request(Method::POST, "/sign-out")
        .header("Sec-Fetch-Site", "cross-site");
    let answer = browser.send(request);
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(page(&answer).contains("still signed in"));
    assert_eq!(browser.api_status(), 200);
    assert_eq!(browser.open("/sign-out").status, StatusCode::METHOD_NOT_ALLOWED);
    // And a token that a program sends needs no word of a browser.
    let answer = service.ask(&issuer.token("mentor", &[]), "b2", "download");
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[test]
fn scripts_of_other_sites_read_nothing() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    for path in [
        "/api/v1/session",
        "/api/v1/reports",
        "/sign-in",
        "/sign-out",
        "/back-channel-logout",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let request = browser
                .request(method.clone(), path)
                .header("Origin", "https://evil.example")
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "content-type");
            let answer = service.send(request);
            let allowing = answer
                .headers
                .keys()
                .filter(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(allowing.count(), 0, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(browser.api_status(), 200);
}

#[test]
fn a_session_s_id_is_a_cookie_and_nothing_else() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    let id = &browser.cookies[SESSION];
    assert_eq!(service.get(id, "/api/v1/reports").status, StatusCode::UNAUTHORIZED);
    let in_address = format!("/api/v1/reports?session={id}&{SESSION}={id}&pragati-session={id}");
    let in_address = service.request(Method::GET, &in_address);
    let other_names = service.request(Method::GET, "/api/v1/reports");
    // Without the prefix, another host of the site could have set it.
    let other_names = other_names.header("Cookie", format!("pragati-session={id}; __Secure-pragati-session={id}"));
    for request in [in_address, other_names] {
        assert_eq!(service.send(request).status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(browser.api_status(), 200);
}

#[test]
fn sign_in_pages_reflect_no_parameters_and_cannot_be_framed() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let state = asked.get("state");
    let attack = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let iss = callback(&issuer, state, "x");
    let (_, iss) = iss.split_once("&iss=").expect("an issuer");
    for path in [
        format!("/sign-in/callback?code={attack}&state={attack}"),
        format!("/sign-in/callback?error={attack}&error_description={attack}&state={state}&iss={iss}"),
        format!("/download/{attack}"),
        format!("/download/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44?{attack}={attack}"),
        format!("/signed-out?state={attack}&post_logout_redirect_uri={attack}"),
    ] {
        let answer = browser.open(&path);
        let text = page(&answer);
        assert!(!text.contains("alert(1)") && !text.contains(attack), "{path}: {text}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.contains("form-action 'self'"), "{path}: {policy}");
        // The code and the state of an address go to no other site.
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    }
    assert_eq!(issuer.exchanges(), 0);
}

#[test]
fn a_sign_in_ends_only_in_the_browser_that_began_it() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut attacker = BrowserLike::new(&service);
    let asked = attacker.begin("/sign-in");
    let code = issuer.code(&asked, "other", &[]);
    // The attacker's code in the victim's browser would make it work for the attacker.
    let mut victim = BrowserLike::new(&service);
    let answer = victim.come_back(&issuer, &asked, &code);
    assert_refused(&answer, &mut victim, "no cookie");
    let own = victim.begin("/sign-in");
    let answer = victim.come_back(&issuer, &asked, &code);
    assert_refused(&answer, &mut victim, "the cookie of another sign-in");
    let mixed = callback(&issuer, own.get("state"), &code);
    let answer = victim.open(&mixed);
    assert_refused(&answer, &mut victim, "a code of another sign-in: PKCE");
    for query in [
        "",
        "?code=a",
        "?state=",
        "?code=a&state=b&state=c",
        "?error=access_denied&state=x",
        "?state=%00%0d%0a&code=x",
    ] {
        let answer = victim.open(&format!("/sign-in/callback{query}"));
        assert_refused(&answer, &mut victim, query);
    }
    assert_eq!(issuer.exchanges(), 1, "the issuer is asked for known sign-ins alone");
}

#[test]
fn another_site_cannot_fill_a_browser_with_sign_ins() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    // In five tabs, people can sign in at the same time.
    let tabs: Vec<Asked> = (0..5).map(|_| browser.begin("/sign-in")).collect();
    assert_eq!(browser.cookies.len(), 5);
    for asked in tabs.iter().rev() {
        let code = issuer.code(asked, "mentor", &[]);
        assert_eq!(browser.come_back(&issuer, asked, &code).status, StatusCode::SEE_OTHER);
    }
    assert_eq!(browser.cookies.len(), 1, "the session's alone is left");
    for _ in 0..23 {
        browser.begin("/sign-in");
        assert!(browser.cookies.len() <= 6, "{:?}", browser.cookies.keys());
    }
    assert_eq!(browser.api_status(), 200, "the session goes on");
    let asked = browser.begin("/sign-in");
    let code = issuer.code(&asked, "mentor", &[]);
    assert_eq!(browser.come_back(&issuer, &asked, &code).status, StatusCode::SEE_OTHER);
}

#[test]
fn a_code_works_once() {
    let issuer = FakeIssuer::start();
    issuer.is_careless();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let attempt = browser.cookies.clone();
    let code = issuer.code(&asked, "mentor", &[]);
    assert_eq!(browser.come_back(&issuer, &asked, &code).status, StatusCode::SEE_OTHER);
    let session = browser.cookies.clone();
    // The same address again, in the same browser.
    let answer = browser.come_back(&issuer, &asked, &code);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.api_status(), 200, "who is signed in stays so");
    // And with the cookie that the browser had, although the issuer takes the code again.
    for (signed_out, what) in [(false, "while the session lasts"), (true, "after it ended")] {
        if signed_out {
            let mut browser = BrowserLike::new(&service);
            browser.cookies.clone_from(&session);
            browser.post("/sign-out", String::new());
        }
        let mut thief = BrowserLike::new(&service);
        thief.cookies.clone_from(&attempt);
        let answer = thief.come_back(&issuer, &asked, &code);
        assert_refused(&answer, &mut thief, what);
    }
}

/// Makes an ID token and an access token of the claims of a good ID token.
type Tokens<'a> = Box<dyn Fn(&Value) -> (String, String) + 'a>;

fn made<'a>(make: impl Fn(&Value) -> (String, String) + 'a) -> Tokens<'a> {
    Box::new(make)
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[test]
fn invalid_id_tokens_sign_nobody_in() {
    let owner = FakeIssuer::start();
    let issuer = &owner;
    let service = setup(issuer).start();
    let key = &issuer.tokens.key;
    let access = &issuer.token("mentor", &["pragati-admin"]);
    let stranger = &SigningKey::es256(&key.id);
    let id = |name: &'static str, value: Value| {
        made(move |claims| (key.sign(&with(claims, name, value.clone())), access.clone()))
    };
    let unsigned = |claims: &Value| {
        let secret = EncodingKey::from_secret(b"x");
        jsonwebtoken::encode(&Header::default(), claims, &secret).expect("a token")
    };
    let other = &with(&issuer.access_claims("mentor", &[]), "aud", json!("other"));
    let cases = [
        ("wrong nonce", id("nonce", json!("another"))),
        ("no nonce", id("nonce", Value::Null)),
        ("another client's", id("aud", json!("portal"))),
        ("the API's audience", id("aud", json!("reports"))),
        ("another issuer's", id("iss", json!("https://evil.example"))),
        ("expired", id("exp", json!(now() - 60))),
        ("of the future", id("iat", json!(now() + 120))),
        ("another access token's", id("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))),
        ("another person's", id("sub", json!("other"))),
        ("nobody's", id("sub", json!(""))),
        ("an access token's type", id("typ", json!("Bearer"))),
        (
            "signed by another key",
            made(|claims| (stranger.sign(claims), access.clone())),
        ),
        ("signed by a secret", made(|claims| (unsigned(claims), access.clone()))),
        ("no token", made(|_| ("abc".to_owned(), access.clone()))),
        (
            "an opaque access token",
            made(|claims| (key.sign(claims), "opaque".to_owned())),
        ),
        (
            "an access token for another service",
            made(|claims| (key.sign(claims), key.sign(other))),
        ),
        (
            "an ID token as access token",
            made(|claims| (key.sign(claims), key.sign(claims))),
        ),
    ];
    for (what, tokens) in cases {
        let mut browser = BrowserLike::new(&service);
        let asked = browser.begin("/sign-in");
        let (id_token, access_token) = tokens(&issuer.id_claims(&asked, "mentor"));
        let code = issuer.code_for(&asked, &id_token, &access_token);
        let answer = browser.come_back(issuer, &asked, &code);
        assert_refused(&answer, &mut browser, what);
    }
    // Clocks may differ a little.
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let mut claims = issuer.id_claims(&asked, "mentor");
    (claims["iat"], claims["exp"]) = (json!(now() + 15), json!(now() - 15));
    let code = issuer.code_for(&asked, &key.sign(&claims), access);
    assert_eq!(browser.come_back(issuer, &asked, &code).status, StatusCode::SEE_OTHER);
}

#[test]
fn another_issuer_s_answer_is_not_taken() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    for wrong in ["&iss=https%3A%2F%2Fevil.example", ""] {
        let mut browser = BrowserLike::new(&service);
        let asked = browser.begin("/sign-in");
        let code = issuer.code(&asked, "mentor", &[]);
        let back = callback(&issuer, asked.get("state"), &code);
        let (start, _) = back.split_once("&iss=").expect("an issuer");
        let answer = browser.open(&format!("{start}{wrong}"));
        assert_refused(&answer, &mut browser, wrong);
    }
    assert_eq!(issuer.exchanges(), 0);
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let path = callback(&issuer, asked.get("state"), "x").replace("code=x", "error=access_denied");
    let answer = browser.open(&path);
    assert!(page(&answer).contains("you did not agree"), "{answer:?}");
}

#[test]
fn a_session_ends_when_it_is_not_used_and_when_its_time_is_over() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let minute = 60_000;
    let change = |statement: String| {
        let url = format!("sqlite://{}", service.folder.path().join("requests.sqlite").display());
        service.runtime.block_on(async {
            let mut database = sqlx::SqliteConnection::connect(&url).await.expect("the database");
            let changed = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut database).await;
            assert_eq!(changed.expect("a change").rows_affected(), 1);
        });
    };
    for (column, before, after) in [("seen_at", 29, 31), ("ends_at", 119, 121)] {
        let mut browser = BrowserLike::new(&service);
        browser.sign_in(&issuer, "mentor", &[]);
        change(format!(
            "update sessions set {column} = {column} - {} where ended_at is null",
            before * minute
        ));
        assert_eq!(browser.api_status(), 200, "{column}");
        if column == "seen_at" {
            // Being used, it lives on: the 31 minutes begin again.
            assert_eq!(browser.api_status(), 200);
        }
        change(format!(
            "update sessions set {column} = {column} - {} where ended_at is null",
            if column == "seen_at" { after } else { after - before } * minute
        ));
        assert_eq!(browser.api_status(), 401, "{column}");
        let session = browser.request(Method::GET, "/api/v1/session");
        assert_eq!(browser.send(session).json()["login"], "refused");
        let text = page(&browser.open("/download/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44"));
        assert!(
            text.contains("Your last session has ended") && text.contains("Sign in"),
            "{text}"
        );
        browser.post("/sign-out", String::new());
    }
}

#[test]
fn signing_out_ends_the_session_here_and_at_the_issuer() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    let stolen = browser.cookies.clone();
    let answer = browser.post("/sign-out", String::new());
    assert_eq!(answer.status, StatusCode::OK);
    assert!(browser.cookies.is_empty());
    let text = page(&answer).replace("&amp;", "&");
    let (_, rest) = text.split_once("content=\"0; url=").expect("the way on");
    let url = url::Url::parse(rest.split('"').next().expect("a URL")).expect("a URL");
    assert_eq!(url.as_str().split('?').next(), Some(&*format!("{}/end", issuer.url)));
    let asked = Asked::of(url.as_str());
    assert_eq!(asked.get("client_id"), CLIENT);
    assert_eq!(asked.get("post_logout_redirect_uri"), format!("{PUBLIC}/signed-out"));
    browser.cookies = stolen;
    assert_eq!(
        browser.api_status(),
        401,
        "a cookie that was copied before is worth nothing"
    );
    assert!(page(&browser.open("/signed-out")).contains("You are signed out"));
    // Operators end all sessions of a person.
    browser.sign_in(&issuer, "mentor", &[]);
    let user = "mentor".parse().expect("an id");
    let ended = service
        .runtime
        .block_on(service.parts.store.end_sessions_of(&user, chrono::Utc::now()));
    assert_eq!(ended.expect("the store"), 1);
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn pages_are_in_the_language_that_the_browser_asks_for() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    for (path, title) in [
        ("/signed-out", "आप साइन आउट हो गए हैं"),
        ("/download/x", "यहाँ कुछ नहीं है"),
        ("/download/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44", "रिपोर्ट डाउनलोड करें"),
        ("/sign-in/callback?code=x&state=x", "आपको साइन इन नहीं किया जा सका"),
        ("/unsubscribe/x", "यहाँ कुछ नहीं है"),
    ] {
        let answer = browser.open_in("hi-IN,hi;q=0.9,en;q=0.8", path);
        assert_eq!(answer.header("content-language"), "hi", "{path}");
        let text = page(&answer);
        assert!(
            text.contains(&format!("<h2 id=\"title\">{title}</h2>")),
            "{path}: {text}"
        );
        assert!(text.contains("पाठ्यक्रम प्रगति रिपोर्टें"), "{path}: {text}");
    }
}

#[test]
fn a_forwarded_mail_gives_no_access() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let id = request_of(&service, &issuer.token("mentor", &[]));
    // Somebody who may have the same report, and even an admin: a request is its requester's alone.
    for (user, roles) in [("maker", &[][..]), ("admin", &["pragati-admin"])] {
        let mut browser = BrowserLike::new(&service);
        let asked = browser.begin(&format!("/sign-in?report={id}"));
        let code = issuer.code(&asked, user, roles);
        browser.come_back(&issuer, &asked, &code);
        let answer = browser.open(&format!("/download/{id}"));
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let text = page(&answer);
        assert!(
            text.contains("under another account") && !text.contains("Batch"),
            "{text}"
        );
        let unknown = browser.open("/download/019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44");
        assert_eq!(page(&unknown), text, "nobody learns which ids there are");
        let answer = browser.open(&file_of(&id));
        assert_eq!(answer.header("location"), format!("../../../../download/{id}?failed"));
        let request = browser.request(Method::GET, &file_of(&id));
        assert_eq!(browser.send(request).problem(), (404, "not-found".to_owned()));
    }
}

#[test]
fn a_session_has_the_rights_of_its_access_token_and_no_others() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let figures = |browser: &mut BrowserLike| {
        let request = browser.request(Method::GET, "/api/v1/download-ratio");
        browser.send(request).status.as_u16()
    };
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    assert_eq!(figures(&mut browser), 403);
    browser.sign_in(&issuer, "mentor", &["pragati-tenant-admin:t1"]);
    assert_eq!(figures(&mut browser), 200);
    let request = browser.request(Method::GET, "/api/v1/session");
    let session = browser.send(request).json();
    assert_eq!(
        session,
        json!({
            "login": "valid", "user_id": "mentor", "platform_admin": false, "tenant_admin_of": ["t1"], "by": "session",
            "sign_in": true,
        })
    );
    // A report that is asked for goes to the address of the token.
    let body = json!({"batch_id": "b1", "format": "csv", "deliver": "email"});
    let request = browser
        .request(Method::POST, "/api/v1/reports")
        .header("Sec-Fetch-Site", "same-origin");
    let answer = browser.send(request.json(&body));
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").parse().expect("an id");
    let found = service
        .runtime
        .block_on(service.parts.store.find(id))
        .expect("the store");
    let person = found.expect("a request").person;
    assert_eq!(person.email.as_deref(), Some("mentor@example.org"));
    assert_eq!(person.roles.tenant_admin_of.len(), 1);
}

#[test]
fn with_opaque_access_tokens_the_id_token_has_the_rights() {
    let issuer = FakeIssuer::start();
    let mut setup = setup(&issuer);
    setup.config.sign_in.rights = RightsSource::IdToken;
    let service = setup.start();
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let mut claims = issuer.id_claims(&asked, "mentor");
    claims["realm_access"] = json!({"roles": ["pragati-admin"]});
    let code = issuer.code_for(&asked, &issuer.tokens.key.sign(&claims), "opaque");
    assert_eq!(browser.come_back(&issuer, &asked, &code).status, StatusCode::SEE_OTHER);
    let request = browser.request(Method::GET, "/api/v1/session");
    assert_eq!(browser.send(request).json()["platform_admin"], true);
    // The ID token itself is no login of the API.
    let id_token = issuer.tokens.key.sign(&claims);
    assert_eq!(
        service.get(&id_token, "/api/v1/reports").status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn a_token_of_a_proxy_wins_over_a_session() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    let as_token = |browser: &mut BrowserLike, token: &str| {
        let request = browser.request(Method::GET, "/api/v1/session").bearer_auth(token);
        browser.send(request).json()
    };
    let good = as_token(&mut browser, &issuer.token("other", &[]));
    assert_eq!((&good["user_id"], &good["by"]), (&json!("other"), &json!("token")));
    let bad = as_token(&mut browser, "forged");
    assert_eq!((&bad["user_id"], &bad["login"]), (&Value::Null, &json!("refused")));
    let request = browser.request(Method::GET, "/api/v1/reports").bearer_auth("forged");
    assert_eq!(browser.send(request).status, StatusCode::UNAUTHORIZED);
    // Behind a proxy, the link of a mail is the file at once.
    let token = issuer.token("mentor", &[]);
    let id = request_of(&service, &token);
    let mut behind = BrowserLike::new(&service);
    let request = behind.request(Method::GET, &file_of(&id)).bearer_auth(&token);
    let answer = behind.send(request.header("Sec-Fetch-Mode", "navigate"));
    assert_eq!(answer.status, StatusCode::OK);
}

#[test]
fn an_issuer_that_does_not_answer_is_a_page_that_says_so() {
    let issuer = FakeIssuer::start();
    issuer.goes_down();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    let answer = browser.open("/sign-in?report=019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44");
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "10");
    let text = page(&answer);
    assert!(text.contains("127.0.0.1, where you sign in, does not answer"), "{text}");
    assert!(
        text.contains("href=\"sign-in?report=019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44\""),
        "{text}"
    );
    assert!(browser.cookies.is_empty());

    // It may also go while somebody signs in.
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let code = issuer.code(&asked, "mentor", &[]);
    issuer.goes_down();
    let answer = browser.come_back(&issuer, &asked, &code);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page(&answer).contains("Try again in a little while"));
}

#[test]
fn a_session_is_known_to_every_process_and_after_a_restart() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    browser.sign_in(&issuer, "mentor", &[]);
    let cookies = browser.cookies.clone();
    drop(browser);
    let (exports, data) = service.stopped();
    let mut again = setup(&issuer);
    again.config.exports = Some(exports.path().display().to_string());
    (again.exports, again.data) = (exports, Some(data));
    let service = again.start();
    let mut browser = BrowserLike::new(&service);
    browser.cookies = cookies;
    assert_eq!(browser.api_status(), 200);
}

#[test]
fn where_nobody_can_sign_in_pages_ask_for_a_token() {
    let service = Setup::new().start();
    let mut browser = BrowserLike::new(&service);
    let id = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44";
    let answer = browser.open(&file_of(id));
    assert_eq!(answer.header("location"), format!("../../../../download/{id}"));
    let text = page(&browser.open(&format!("/download/{id}")));
    assert!(
        text.contains("Access token") && text.contains(&format!("data-file=\"..{}\"", file_of(id))),
        "{text}"
    );
    for path in ["/sign-in", "/sign-in/callback?code=a&state=b"] {
        assert_eq!(browser.open(path).status, StatusCode::NOT_FOUND, "{path}");
    }
    let request = browser.request(Method::GET, "/api/v1/session");
    assert_eq!(browser.send(request).json()["sign_in"], false);
    let answer = browser.open("/download/no-id");
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    page(&answer);
}
