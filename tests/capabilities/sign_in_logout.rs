//! Back-channel logout (OpenID Connect Back-Channel Logout): which sessions end, and which
//! messages end none.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser_like::{BrowserLike, page};
use crate::fake_issuer::{CLIENT, FakeIssuer};
use crate::running_service::{Answer, RunningService, Setup};
use crate::sign_in::setup;
use crate::token_issuer::{SigningKey, now};

const PATH: &str = "/back-channel-logout";
const FORM: &str = "application/x-www-form-urlencoded";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Signs in a browser in a session of the issuer's.
fn signed_in<'a>(service: &'a RunningService, issuer: &FakeIssuer, user: &str, sid: &str) -> BrowserLike<'a> {
    let mut browser = BrowserLike::new(service);
    let asked = browser.begin("/sign-in");
    let mut claims = issuer.id_claims(&asked, user);
    claims["sid"] = json!(sid);
    let code = issuer.code_for(&asked, &issuer.tokens.key.sign(&claims), &issuer.token(user, &[]));
    assert_eq!(browser.come_back(issuer, &asked, &code).status, StatusCode::SEE_OTHER);
    assert_eq!(browser.api_status(), 200);
    browser
}

/// The claims of a good logout token.
fn claims(issuer: &FakeIssuer, id: &str, user: &str, sid: &str) -> Value {
    json!({
        "iss": issuer.url, "aud": CLIENT, "iat": now(), "exp": now() + 120, "jti": id, "events": {EVENT: {}},
        "sub": issuer.access_claims(user, &[])["sub"], "sid": sid,
    })
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn form(token: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("logout_token", token);
    form.finish()
}

/// Sends a logout token, as the issuer does.
fn tell(service: &RunningService, token: &str) -> Answer {
    let request = service.request(Method::POST, PATH).header("Content-Type", FORM);
    service.send(request.body(form(token)))
}

fn assert_taken(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.body.is_empty(), "{answer:?}");
}

fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert_eq!(answer.json()["error"], "invalid_request", "{what}");
}

#[test]
fn a_logout_at_the_issuer_ends_the_sessions_that_it_names() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let key = &issuer.tokens.key;
    let mut desk = signed_in(&service, &issuer, "mentor", "sid 1");
    let mut phone = signed_in(&service, &issuer, "mentor", "sid 2");
    let mut tablet = signed_in(&service, &issuer, "mentor", "sid 3");
    let mut other = signed_in(&service, &issuer, "other", "sid 4");
    let mut all = || [&mut desk, &mut phone, &mut tablet, &mut other].map(BrowserLike::api_status);

    let one = claims(&issuer, "t1", "mentor", "sid 1");
    assert_taken(&tell(&service, &key.sign(&one)));
    assert_eq!(all(), [401, 200, 200, 200], "one session");
    let by_session = without(claims(&issuer, "t2", "mentor", "sid 2"), "sub");
    assert_taken(&tell(&service, &key.sign(&by_session)));
    assert_eq!(all(), [401, 401, 200, 200], "one session, whoever it is of");
    let unknown = claims(&issuer, "t3", "mentor", "sid of another client");
    assert_taken(&tell(&service, &key.sign(&unknown)));
    assert_eq!(all(), [401, 401, 200, 200], "none of them");
    let by_person = without(claims(&issuer, "t4", "mentor", ""), "sid");
    assert_taken(&tell(&service, &key.sign(&by_person)));
    assert_eq!(all(), [401, 401, 401, 200], "all of the person");

    // The page says what it says of every session that ended, and a new sign-in works.
    let session = desk.request(Method::GET, "/api/v1/session");
    assert_eq!(desk.send(session).json()["login"], "refused");
    desk.sign_in(&issuer, "mentor", &[]);
    assert_eq!(desk.api_status(), 200);
}

#[test]
fn a_session_without_a_name_at_the_issuer_ends_with_its_person() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let mut browser = BrowserLike::new(&service);
    // This issuer's ID token has no `sid`.
    browser.sign_in(&issuer, "mentor", &[]);
    let key = &issuer.tokens.key;
    assert_taken(&tell(&service, &key.sign(&claims(&issuer, "t1", "other", "sid 1"))));
    assert_eq!(browser.api_status(), 200, "somebody else");
    assert_taken(&tell(&service, &key.sign(&claims(&issuer, "t2", "mentor", "sid 1"))));
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn a_logout_token_is_taken_once() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let key = &issuer.tokens.key;
    let mut browser = signed_in(&service, &issuer, "mentor", "sid 1");
    let token = key.sign(&claims(&issuer, "t1", "mentor", "sid 1"));
    assert_taken(&tell(&service, &token));
    assert_eq!(browser.api_status(), 401);
    // Somebody who recorded it cannot end the next session with it, nor can a token of the same id.
    let mut browser = signed_in(&service, &issuer, "mentor", "sid 2");
    assert_refused(&tell(&service, &token), "the same token");
    let same_id = without(claims(&issuer, "t1", "mentor", ""), "sid");
    assert_refused(&tell(&service, &key.sign(&same_id)), "another token of that id");
    assert_eq!(browser.api_status(), 200);
    // A token that was refused has not used up its id.
    let old = with(claims(&issuer, "t2", "mentor", "sid 2"), "iat", json!(now() - 600));
    assert_refused(&tell(&service, &key.sign(&old)), "too old");
    assert_taken(&tell(&service, &key.sign(&claims(&issuer, "t2", "mentor", "sid 2"))));
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn a_sign_in_that_was_under_way_at_the_logout_makes_no_session() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let key = &issuer.tokens.key;
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    let id_token = key.sign(&with(issuer.id_claims(&asked, "mentor"), "sid", json!("sid 1")));
    let code = issuer.code_for(&asked, &id_token, &issuer.token("mentor", &[]));
    assert_taken(&tell(&service, &key.sign(&claims(&issuer, "t1", "mentor", "sid 1"))));
    let answer = browser.come_back(&issuer, &asked, &code);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        page(&answer).contains("127.0.0.1 has signed you out meanwhile"),
        "{answer:?}"
    );
    assert_eq!(browser.api_status(), 401);
    signed_in(&service, &issuer, "mentor", "sid 2");
}

#[test]
fn invalid_logout_tokens_end_no_session() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let key = &issuer.tokens.key;
    let mut browser = signed_in(&service, &issuer, "mentor", "sid 1");
    let asked = BrowserLike::new(&service).begin("/sign-in");
    let good = || claims(&issuer, "t1", "mentor", "sid 1");
    let stranger = SigningKey::es256(&key.id);
    let unsigned = format!("{}.", key.sign(&good()).rsplit_once('.').expect("a signature").0);
    for (what, token) in [
        ("nothing", String::new()),
        ("no token", "abc".to_owned()),
        ("another key's signature", stranger.sign(&good())),
        ("no signature", unsigned),
        ("an access token", issuer.token("mentor", &[])),
        ("an ID token", key.sign(&issuer.id_claims(&asked, "mentor"))),
        ("another client's", key.sign(&with(good(), "aud", json!("portal")))),
        ("for the API", key.sign(&with(good(), "aud", json!("reports")))),
        (
            "another issuer's",
            key.sign(&with(good(), "iss", json!("https://evil.example"))),
        ),
        ("with a nonce", key.sign(&with(good(), "nonce", json!("n")))),
        ("without events", key.sign(&without(good(), "events"))),
        (
            "of another event",
            key.sign(&with(
                good(),
                "events",
                json!({"https://schemas.openid.net/secevent/caep": {}}),
            )),
        ),
        ("without an id", key.sign(&without(good(), "jti"))),
        ("without a time", key.sign(&without(good(), "iat"))),
        ("of the future", key.sign(&with(good(), "iat", json!(now() + 120)))),
        ("expired", key.sign(&with(good(), "exp", json!(now() - 60)))),
        ("of nobody", key.sign(&without(without(good(), "sub"), "sid"))),
    ] {
        let answer = tell(&service, &token);
        assert_refused(&answer, what);
        let said = answer.json()["error_description"].as_str().expect("words").to_owned();
        assert_eq!(said, "The logout token is not accepted; the log says why.", "{what}");
    }
    // Nor does a good token that does not come as a form, once.
    let token = key.sign(&good());
    let send = |media_type: &str, body: String| {
        let request = service.request(Method::POST, PATH).header("Content-Type", media_type);
        service.send(request.body(body))
    };
    assert_refused(
        &send("application/json", json!({"logout_token": token}).to_string()),
        "JSON",
    );
    assert_refused(&send("text/plain", form(&token)), "text");
    assert_refused(&send(FORM, format!("{}&{}", form(&token), form(&token))), "two tokens");
    let by_address = service.request(Method::POST, &format!("{PATH}?{}", form(&token)));
    assert_refused(&service.send(by_address.header("Content-Type", FORM)), "in the address");
    let read = service.request(Method::GET, &format!("{PATH}?{}", form(&token)));
    assert_eq!(service.send(read).status, StatusCode::METHOD_NOT_ALLOWED);
    // Nor the cookie of the person, which another site's form would bring along.
    let request = browser.request(Method::POST, PATH).header("Content-Type", FORM);
    assert_refused(&browser.send(request), "a cookie alone");
    assert_eq!(browser.api_status(), 200);
    // And the token is a good one.
    assert_taken(&tell(&service, &token));
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn a_logout_token_is_no_login() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    let key = &issuer.tokens.key;
    // As one that an issuer makes for the API and the client at once.
    let mut claims = claims(&issuer, "t1", "mentor", "sid 1");
    claims["aud"] = json!([CLIENT, "reports"]);
    let answer = service.get(&key.sign(&claims), "/api/v1/reports");
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let mut browser = BrowserLike::new(&service);
    let asked = browser.begin("/sign-in");
    claims["aud"] = json!(CLIENT);
    claims["nonce"] = json!(asked.get("nonce"));
    let code = issuer.code_for(&asked, &key.sign(&claims), &issuer.token("mentor", &[]));
    let answer = browser.come_back(&issuer, &asked, &code);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.api_status(), 401);
}

#[test]
fn an_id_token_whose_sid_is_no_text_signs_nobody_in() {
    let issuer = FakeIssuer::start();
    let service = setup(&issuer).start();
    for wrong in [json!(7), json!(""), json!(["sid 1"])] {
        let mut browser = BrowserLike::new(&service);
        let asked = browser.begin("/sign-in");
        let claims = with(issuer.id_claims(&asked, "mentor"), "sid", wrong);
        let code = issuer.code_for(&asked, &issuer.tokens.key.sign(&claims), &issuer.token("mentor", &[]));
        let answer = browser.come_back(&issuer, &asked, &code);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{claims}");
        assert_eq!(browser.api_status(), 401);
    }
}

#[test]
fn where_nobody_signs_in_there_are_no_logouts() {
    let issuer = FakeIssuer::start();
    let service = Setup::new().start();
    let token = issuer.tokens.key.sign(&claims(&issuer, "t1", "mentor", "sid 1"));
    assert_eq!(tell(&service, &token).problem(), (404, "not-found".to_owned()));
}
