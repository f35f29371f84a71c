//! What nobody may do over HTTP: see other people's reports, forge a login, break out of headers and paths, or take the
//! service away from others by being slow or large.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pragati::config::{IdentityConfig, TokenAlgorithm};
use pragati::identity::{Identity, IdentityError};
use pragati::server::Limits;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running_service::{RunningService, Setup};
use crate::support::{COURSE_PROGRESS, ENROLMENTS, TestExports, USERS};
use crate::token_issuer::{SigningKey, TokenIssuer, claims, now};

fn service_of(settings: IdentityConfig) -> RunningService {
    let mut setup = Setup::new();
    setup.login = Some(settings);
    setup.start()
}

fn problem(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

fn batches_of(service: &RunningService, token: &str) -> Vec<String> {
    let answer = service.get(token, "/api/v1/batches");
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let page = answer.json();
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item["batch_id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The base64 of a part of a token.
fn encoded(part: &Value) -> String {
    // Whatever key signs it, the first part of a token is its header and the second its claims.
    let token = jsonwebtoken::encode(&Header::default(), part, &EncodingKey::from_secret(b"any")).expect("a token");
    token.split('.').nth(1).expect("claims").to_owned()
}

#[test]
fn only_valid_tokens_are_accepted() {
    let issuer = TokenIssuer::new();
    let rsa = SigningKey::rs256("rsa");
    issuer.publish(&[&issuer.key, &rsa]);
    let service = service_of(issuer.settings());
    let good = claims("mentor", &[]);
    let key = &issuer.key;
    for token in [key.sign(&good), rsa.sign(&good)] {
        assert_eq!(batches_of(&service, &token), ["b1", "b2"]);
    }

    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        key.sign(&changed)
    };
    let without = |name: &str| {
        let mut changed = good.clone();
        changed.as_object_mut().expect("claims").remove(name);
        key.sign(&changed)
    };
    let with_header = |change: &dyn Fn(&mut Header)| {
        let mut header = key.header();
        change(&mut header);
        key.sign_as(&header, &good)
    };
    let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
    let unsigned = |algorithm: &str| {
        let header = encoded(&json!({"alg": algorithm, "kid": key.id, "typ": "JWT"}));
        format!("{header}.{}.", encoded(&good))
    };
    // The public key is known to everybody; as the secret of an HMAC it must be worth nothing.
    let public = rsa.public();
    let by_secret = |secret: &[u8], id: &str| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(id.to_owned());
        jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(secret)).expect("a token")
    };
    let admin = encoded(&claims("mentor", &["pragati-admin"]));
    let honest = key.sign(&good);
    let head = honest.split('.').next().expect("a header");
    let embedded = SigningKey::es256("embedded");
    let embedded_public = serde_json::from_value(embedded.public()).expect("a key");

    let forged = [
        ("another key under a known id", SigningKey::es256(&key.id).sign(&good)),
        ("an unknown key", SigningKey::es256("unknown").sign(&good)),
        ("another key, and no key id", {
            let unknown = SigningKey::es256("unknown");
            unknown.sign_as(&Header::new(Algorithm::ES256), &good)
        }),
        ("a key of its own in the header", {
            let mut header = embedded.header();
            header.jwk = Some(embedded_public);
            embedded.sign_as(&header, &good)
        }),
        ("no signature, alg none", unsigned("none")),
        ("no signature, alg None", unsigned("None")),
        ("no signature, alg ES256", unsigned("ES256")),
        (
            "HMAC by the public modulus",
            by_secret(public["n"].as_str().expect("n").as_bytes(), "rsa"),
        ),
        (
            "HMAC by the public JWK",
            by_secret(public.to_string().as_bytes(), "rsa"),
        ),
        ("HMAC by nothing", by_secret(b"", &key.id)),
        (
            "an RSA key's id on an EC signature",
            with_header(&|header| header.kid = Some("rsa".to_owned())),
        ),
        ("an EC key's id on an RSA signature", {
            let mut header = rsa.header();
            header.kid = Some(key.id.clone());
            rsa.sign_as(&header, &good)
        }),
        ("another hash than the key's", {
            let mut header = rsa.header();
            header.alg = Algorithm::RS512;
            rsa.sign_as(&header, &good)
        }),
        ("another padding than the key's", {
            let mut header = rsa.header();
            header.alg = Algorithm::PS256;
            rsa.sign_as(&header, &good)
        }),
        (
            "other claims under a good signature",
            format!("{head}.{admin}.{}", signature(&honest)),
        ),
        (
            "an extension",
            with_header(&|header| header.crit = Some(vec!["b64".to_owned()])),
        ),
        ("expired", with("exp", json!(now() - 60))),
        ("expired before 1970", with("exp", json!(-1))),
        ("an end that is no number", with("exp", json!("tomorrow"))),
        ("no end", without("exp")),
        ("not valid yet", with("nbf", json!(now() + 120))),
        ("a start that is no number", with("nbf", json!("now"))),
        (
            "another issuer",
            with("iss", json!("https://login.example.org/realms/other")),
        ),
        ("several issuers, none of them ours", with("iss", json!(["a", "b"]))),
        ("no issuer", without("iss")),
        ("another audience", with("aud", json!("another-service"))),
        ("no audience", without("aud")),
        ("an empty audience", with("aud", json!([]))),
        ("nobody", without("sub")),
        ("nobody behind the realm", with("sub", json!("f:realm:"))),
        ("not a token", "abc".to_owned()),
        ("three dots", "...".to_owned()),
        ("a dev token", "dev:mentor".to_owned()),
        ("very long", format!("{honest}{}", "A".repeat(20_000))),
    ];
    for (what, token) in &forged {
        let answer = service.get(token, "/api/v1/batches");
        assert_eq!(answer.problem(), problem(401, "not-logged-in"), "{what}");
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{what}");
    }
    // Clocks may differ a little.
    for token in [with("exp", json!(now() - 10)), with("nbf", json!(now() + 10))] {
        assert_eq!(batches_of(&service, &token), ["b1", "b2"]);
    }
    for scheme in ["Basic", "Token", "BearerX"] {
        let request = service.request(Method::GET, "/api/v1/batches");
        let answer = service.send(request.header("Authorization", format!("{scheme} {honest}")));
        assert_eq!(answer.problem(), problem(401, "not-logged-in"), "{scheme}");
    }
}

#[test]
fn only_the_configured_algorithms_are_accepted() {
    let issuer = TokenIssuer::new();
    let rsa = SigningKey::rs256("rsa");
    issuer.publish(&[&issuer.key, &rsa]);
    let mut settings = issuer.settings();
    settings.algorithms = vec![TokenAlgorithm::RS256];
    let service = service_of(settings);
    let good = claims("mentor", &[]);
    assert_eq!(batches_of(&service, &rsa.sign(&good)), ["b1", "b2"]);
    let answer = service.get(&issuer.key.sign(&good), "/api/v1/batches");
    assert_eq!(answer.problem(), problem(401, "not-logged-in"));
}

#[test]
fn keys_may_change_while_the_service_runs() {
    let issuer = TokenIssuer::new();
    let service = service_of(issuer.settings());
    let next = SigningKey::es256("second");
    let (old, new) = (issuer.token("mentor", &[]), next.sign(&claims("mentor", &[])));
    let status = |token: &str| service.get(token, "/api/v1/batches").status.as_u16();
    assert_eq!((status(&old), status(&new)), (200, 401));
    issuer.publish(&[&issuer.key, &next]);
    assert_eq!((status(&old), status(&new)), (200, 200));
    issuer.publish(&[&next]);
    assert_eq!((status(&old), status(&new)), (401, 200));
    // What is broken or gone does not lock everybody out.
    issuer.publish_text("{");
    assert_eq!(status(&new), 200);
    std::fs::remove_file(issuer.file()).expect("the keys");
    assert_eq!(status(&new), 200);
    issuer.publish(&[&issuer.key]);
    assert_eq!((status(&old), status(&new)), (200, 401));
}

#[test]
fn settings_that_do_not_identify_people_are_refused() {
    let issuer = TokenIssuer::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let message = |change: &dyn Fn(&mut IdentityConfig)| {
        let mut settings = issuer.settings();
        change(&mut settings);
        let refused: IdentityError = runtime
            .block_on(Identity::by_tokens(&settings))
            .expect_err("no identity");
        let message = refused.to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    };
    assert!(message(&|settings| settings.jwks = None).contains("identity.jwks"));
    assert!(message(&|settings| settings.issuer = None).contains("identity.issuer"));
    assert!(message(&|settings| settings.audience = Some(" ".to_owned())).contains("identity.audience"));
    assert!(message(&|settings| settings.algorithms.clear()).contains("identity.algorithms"));
    assert!(message(&|settings| settings.tenant_admin_prefix.clear()).contains("identity.tenant_admin_prefix"));
    assert!(message(&|settings| settings.leeway_seconds = 3600).contains("identity.leeway_seconds"));
    assert!(message(&|settings| settings.jwks = Some("/no/such/file".to_owned())).contains("/no/such/file"));
    let plain = message(&|settings| settings.jwks = Some("http://login.example.org/keys".to_owned()));
    assert!(plain.contains("https://"), "{plain}");
    issuer.publish_text("{\"keys\": []}");
    assert!(message(&|_| ()).contains("no key"));
}

#[test]
fn batches_of_others_look_like_unknown_ones() {
    let issuer = TokenIssuer::new();
    let service = service_of(issuer.settings());
    let people = [
        ("maker", &[][..], &["b1"][..]),
        ("mentor", &[], &["b1", "b2"]),
        ("helper", &[], &["b1"]),
        ("other", &["user", "pragati-tenant-admin:t3"], &["b2"]),
        ("somebody", &["pragati-tenant-admin:t1"], &["b1"]),
        ("somebody", &["pragati-tenant-admin:"], &[]),
        ("somebody", &["pragati-tenant-admin"], &[]),
        ("somebody", &["PRAGATI-ADMIN"], &[]),
        ("admin", &["pragati-admin"], &["b1", "b2"]),
        // Learners are not mentors.
        ("u1", &[], &[]),
        ("MAKER", &[], &[]),
    ];
    let unknown = service
        .ask(&issuer.token("maker", &[]), "no-such-batch", "download")
        .body;
    for (user, roles, allowed) in people {
        let token = issuer.token(user, roles);
        assert_eq!(batches_of(&service, &token), allowed, "{user} {roles:?}");
        for batch in ["b1", "b2"] {
            let answer = service.ask(&token, batch, "download");
            if allowed.contains(&batch) {
                assert_eq!(answer.status, StatusCode::ACCEPTED, "{user} {roles:?} {batch}");
            } else {
                assert_eq!(
                    answer.problem(),
                    problem(404, "unknown-batch"),
                    "{user} {roles:?} {batch}"
                );
                assert_eq!(answer.body, unknown, "nobody learns which ids there are");
            }
        }
    }
}

#[test]
fn requests_of_others_look_like_unknown_ones() {
    let issuer = TokenIssuer::new();
    let service = service_of(issuer.settings());
    let mentor = issuer.token("mentor", &[]);
    let answer = service.ask(&mentor, "b1", "download");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    service.work();
    let never = "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44";
    // Not even those who may have the same report, or all of them.
    for token in [issuer.token("maker", &[]), issuer.token("admin", &["pragati-admin"])] {
        assert_eq!(service.get(&token, "/api/v1/reports").json()["items"], json!([]));
        for path in ["", "/file"] {
            let other = service.get(&token, &format!("/api/v1/reports/{id}{path}"));
            assert_eq!(other.problem(), problem(404, "not-found"));
            let unknown = service.get(&token, &format!("/api/v1/reports/{never}{path}"));
            assert_eq!(other.body, unknown.body);
        }
        let list = service.get(&token, &format!("/api/v1/reports?before={id}"));
        assert_eq!(list.json()["items"], json!([]));
    }
    let open = service.send(service.request(Method::GET, &format!("/api/v1/reports/{id}/file")));
    assert_eq!(open.problem(), problem(401, "not-logged-in"));
    assert_eq!(
        service.get(&mentor, &format!("/api/v1/reports/{id}/file")).status,
        StatusCode::OK
    );
}

#[test]
fn a_file_is_only_for_people_with_access_at_the_time() {
    let issuer = TokenIssuer::new();
    let service = service_of(issuer.settings());
    let by_role = issuer.token("admin", &["pragati-admin"]);
    let mentor = issuer.token("mentor", &[]);
    let ask = |token: &str| {
        let answer = service.ask(token, "b1", "download");
        service.work();
        format!("{}/file", answer.header("location"))
    };
    let (of_admin, of_mentor) = (ask(&by_role), ask(&mentor));
    assert_eq!(service.get(&by_role, &of_admin).status, StatusCode::OK);
    assert_eq!(service.get(&mentor, &of_mentor).status, StatusCode::OK);
    // The role is gone from the token.
    let plain = issuer.token("admin", &[]);
    assert_eq!(service.get(&plain, &of_admin).problem(), problem(403, "not-allowed"));
    let head = service.send(service.request(Method::HEAD, &of_admin).bearer_auth(&plain));
    assert_eq!(head.status, StatusCode::FORBIDDEN);
    // The next snapshot has another mentor.
    let exports = &service.exports;
    let later = "select 'b1' as batch_id, 'c1' as course_id, 'Batch 1' as batch_name, 't1' as tenant_id,
        'maker' as created_by, make_array('helper') as mentors";
    for (table, sql) in [
        ("users", USERS),
        ("enrolments", ENROLMENTS),
        ("course_progress", COURSE_PROGRESS),
        ("batches", later),
    ] {
        write_day(exports, table, "2026-11-23", sql);
    }
    service.runtime.block_on(service.parts.source.refresh());
    assert_eq!(service.get(&mentor, &of_mentor).problem(), problem(403, "not-allowed"));
    assert_eq!(
        service.ask(&mentor, "b1", "download").problem(),
        problem(404, "unknown-batch")
    );
}

fn write_day(exports: &TestExports, table: &str, day: &str, sql: &str) {
    let folder = exports.path().join(table).join(format!("date={day}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    crate::support::write_parquet(&folder.join("part-00000.parquet"), sql);
}

#[test]
fn ids_cannot_lead_to_other_files() {
    let service = Setup::new().start();
    for id in [
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2ffiles",
        "..%5c..%5cwindows",
        "%00",
        "%ff%fe",
        "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44%00.csv",
        "019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44'%20or%20'1'='1",
        "urn:uuid:019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44",
        "%7B019ab3a0-5c1e-7c2a-9f5e-3d1c0a8b7e44%7D",
        "019ab3a05c1e7c2a9f5e3d1c0a8b7e44",
    ] {
        for path in [format!("/api/v1/reports/{id}"), format!("/api/v1/reports/{id}/file")] {
            let answer = raw(
                &service,
                &format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\n\r\n"),
            );
            assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        }
    }
    for path in [
        "/api/v1/reports/../../etc/passwd",
        "/../../etc/passwd",
        "//etc/passwd",
        "/api/v1/reports/;/file",
    ] {
        let answer = raw(
            &service,
            &format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\n\r\n"),
        );
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
    for batch in ["../../etc/passwd", "b1'--", "b1\u{0}", "b1/../b2", "\u{202e}1b"] {
        assert_eq!(
            service.ask("dev:mentor", batch, "download").problem(),
            problem(404, "unknown-batch"),
            "{batch}"
        );
    }
}

#[test]
fn names_of_batches_cannot_inject_headers() {
    let mut setup = Setup::new();
    let exports = std::mem::replace(&mut setup.exports, TestExports::empty());
    setup.exports = exports.table(
        "batches",
        "select 'b1' as batch_id, 'c1' as course_id, concat('x\"; y', chr(13), chr(10), 'Set-Cookie: a=b', chr(13), chr(10), '/../z') as batch_name,
            't1' as tenant_id, 'maker' as created_by, make_array('mentor') as mentors",
    );
    let service = setup.start();
    let answer = service.ask("dev:mentor", "b1", "download");
    service.work();
    let file = service.get("dev:mentor", &format!("{}/file", answer.header("location")));
    assert_eq!(file.status, StatusCode::OK);
    assert!(!file.headers.contains_key("set-cookie"));
    let disposition = file.header("content-disposition");
    assert!(disposition.is_ascii(), "{disposition}");
    let plain = disposition
        .split("filename=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a name");
    assert!(!plain.contains(['/', '\\', '"', '\r', '\n']), "{plain}");
    // A line break cannot be sent in a header's value either.
    let smuggled = raw(
        &service,
        "POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\nIdempotency-Key: a\rb: c\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert!(smuggled.starts_with("HTTP/1.1 400 "), "{smuggled}");
    let both = raw(
        &service,
        "POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nTransfer-Encoding: chunked, identity\r\n\r\n{}",
    );
    assert!(both.starts_with("HTTP/1.1 400 "), "{both}");
}

#[test]
fn large_requests_are_refused() {
    let service = Setup::new().start();
    let large = format!(
        r#"{{"batch_id":"{}","format":"csv","deliver":"download"}}"#,
        "b".repeat(20_000)
    );
    let send = |body: reqwest::Body| {
        let request = service
            .request(Method::POST, "/api/v1/reports")
            .bearer_auth("dev:mentor");
        service.send(request.header("Content-Type", "application/json").body(body))
    };
    assert_eq!(send(large.into()).problem(), problem(413, "too-large"));
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    let answer = raw(&service, &head);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = "X: y\r\n".repeat(1_000);
    let answer = raw(&service, &format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // A body in pieces, without its length being said before.
    let piece = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    let chunked = format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{piece}{piece}0\r\n\r\n"
    );
    let answer = raw(&service, &chunked);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(batches_of(&service, "dev:maker"), ["b1"]);
}

/// A service that waits for nobody longer than half a second.
fn impatient_service() -> RunningService {
    let mut setup = Setup::new();
    let short = Duration::from_millis(500);
    setup.limits = Limits {
        connections: 8,
        head_time: short,
        body_time: short,
        write_time: short,
        ..Limits::default()
    };
    setup.start()
}

#[test]
fn slow_clients_are_disconnected() {
    let service = impatient_service();
    let connect = || {
        let stream = TcpStream::connect(service.address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time-out");
        stream
    };
    // Nothing at all, half a head, one letter at a time, and nothing after a request.
    let mut silent = connect();
    let mut half = connect();
    half.write_all(b"GET /healthz HTTP/1.1\r\nHo").expect("half a head");
    let mut idle = connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("a request");
    let start = Instant::now();
    let mut dripping = connect();
    for letter in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        std::thread::sleep(Duration::from_millis(20));
        if dripping.write_all(&[*letter]).is_err() {
            break;
        }
    }
    for (what, stream) in [
        ("silent", &mut silent),
        ("half a head", &mut half),
        ("idle", &mut idle),
        ("dripping", &mut dripping),
    ] {
        read_to_end(stream).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // A body that does not come.
    let mut body = connect();
    body.write_all(
        b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer dev:mentor\r\n\
          Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"batch_id\":",
    )
    .expect("half a body");
    let answer = read_to_end(&mut body).expect("an answer, and the end");
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("urn:pragati:problem:too-slow"),
        "{answer}"
    );
}

#[test]
fn a_client_that_reads_nothing_is_disconnected() {
    let service = impatient_service();
    let mut greedy = TcpStream::connect(service.address).expect("a connection");
    greedy
        .set_write_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    let requests = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let start = Instant::now();
    // Requests without end, while no answer is read: the service stops reading, then ends the connection.
    let error = loop {
        if let Err(error) = greedy.write_all(&requests) {
            break error;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the service takes everything"
        );
    };
    let is_cut_off = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(is_cut_off, "{error}");
}

#[test]
fn the_number_of_connections_is_limited() {
    let service = impatient_service();
    let open: Vec<TcpStream> = (0..8)
        .map(|_| TcpStream::connect(service.address).expect("a connection"))
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    let more = raw(&service, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(more, "", "one more is closed at once");
    drop(open);
    std::thread::sleep(Duration::from_millis(200));
    let after = raw(
        &service,
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(after.starts_with("HTTP/1.1 200 "), "{after}");
}

/// Sends a request as it is, as the last one of its connection, and reads until the service closes that.
fn raw(service: &RunningService, request: &str) -> String {
    let mut stream = TcpStream::connect(service.address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time-out");
    let request = request.replacen("Host: x\r\n", "Host: x\r\nConnection: close\r\n", 1);
    // The service may answer and close before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    read_to_end(&mut stream).unwrap_or_default()
}

/// What comes until the other side closes the connection, in whatever way.
fn read_to_end(stream: &mut TcpStream) -> Result<String, std::io::Error> {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => all.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}
