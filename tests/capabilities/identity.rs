//! Logins that can be set up: tokens of every algorithm, of Keycloak's and Sunbird's shapes; what operators learn of a
//! token that is refused; and the server of the issuer's keys, with certificates of all kinds and in all kinds of trouble.

mod key_servers;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::{Algorithm, Header};
use pragati::config::{IdentityConfig, TokenAlgorithm};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running_process::Running;
use crate::running_service::{RunningService, Setup};
use crate::support::{TestExports, pragati, wait_at_most};
use crate::token_issuer::{AUDIENCE, ISSUER, SigningKey, TokenIssuer, claims, now};

fn service_of(settings: IdentityConfig) -> RunningService {
    let mut setup = Setup::new();
    setup.login = Some(settings);
    setup.start()
}

fn status(service: &RunningService, token: &str) -> u16 {
    service.get(token, "/api/v1/batches").status.as_u16()
}

fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("claims").remove(name);
    claims
}

#[test]
fn tokens_of_every_algorithm_are_accepted() {
    let issuer = TokenIssuer::new();
    let rsa = SigningKey::rs256("RS256");
    let mut keys: Vec<SigningKey> = [
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ]
    .map(|algorithm| rsa.also(&format!("{algorithm:?}"), algorithm))
    .into();
    keys.extend([
        rsa,
        SigningKey::es256("ES256"),
        SigningKey::es384("ES384"),
        SigningKey::eddsa("EdDSA"),
    ]);
    assert_eq!(keys.len(), TokenAlgorithm::ALL.len());
    issuer.publish(&keys.iter().collect::<Vec<_>>());
    let service = service_of(issuer.settings());
    let good = claims("mentor", &[]);
    for key in &keys {
        assert_eq!(status(&service, &key.sign(&good)), 200, "{}", key.id);
        // Another's signature under its name.
        let other = match key.algorithm {
            Algorithm::ES256 => SigningKey::es256(&key.id),
            Algorithm::ES384 => SigningKey::es384(&key.id),
            Algorithm::EdDSA => SigningKey::eddsa(&key.id),
            _ => continue,
        };
        assert_eq!(status(&service, &other.sign(&good)), 401, "{}", key.id);
    }
    // A key is for the algorithm that it names, and no other of its type.
    let of_rs256 = keys.iter().find(|key| key.id == "RS256").expect("a key");
    for algorithm in [Algorithm::RS384, Algorithm::PS256] {
        let token = of_rs256.also("RS256", algorithm).sign(&good);
        assert_eq!(status(&service, &token), 401, "{algorithm:?}");
    }
}

#[test]
fn a_key_without_an_algorithm_is_for_all_of_its_type() {
    let issuer = TokenIssuer::new();
    let rsa = SigningKey::rs256("rsa");
    let public = without(rsa.public(), "alg");
    issuer.publish_text(&json!({"keys": [public]}).to_string());
    let service = service_of(issuer.settings());
    let good = claims("mentor", &[]);
    for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS384] {
        let token = rsa.also("rsa", algorithm).sign(&good);
        assert_eq!(status(&service, &token), 200, "{algorithm:?}");
    }
    let mut settings = issuer.settings();
    settings.algorithms = vec![TokenAlgorithm::RS256];
    let strict = service_of(settings);
    assert_eq!(status(&strict, &rsa.sign(&good)), 200);
    assert_eq!(status(&strict, &rsa.also("rsa", Algorithm::PS256).sign(&good)), 401);
}

#[test]
fn keys_and_tokens_may_have_no_ids_and_keys_may_share_one() {
    let issuer = TokenIssuer::new();
    let good = claims("mentor", &[]);
    let nameless = |key: &SigningKey| key.sign_as(&Header::new(key.algorithm), &good);

    // The set has ids, and the token none.
    let (first, rsa) = (&issuer.key, SigningKey::rs256("rsa"));
    issuer.publish(&[first, &rsa]);
    let service = service_of(issuer.settings());
    for key in [first, &rsa] {
        assert_eq!(status(&service, &nameless(key)), 200, "{}", key.id);
    }
    assert_eq!(status(&service, &nameless(&SigningKey::es256("other"))), 401);
    assert_eq!(status(&service, &nameless(&SigningKey::es384("other"))), 401);

    // The set has none, with two keys of one type, and the token may have one.
    let second = SigningKey::es256("second");
    let keys: Vec<Value> = [first, &second].map(|key| without(key.public(), "kid")).into();
    issuer.publish_text(&json!({ "keys": keys }).to_string());
    for key in [first, &second] {
        assert_eq!(status(&service, &nameless(key)), 200, "{}", key.id);
        assert_eq!(status(&service, &key.sign(&good)), 200, "{}", key.id);
    }
    assert_eq!(status(&service, &nameless(&rsa)), 401);
    assert_eq!(status(&service, &nameless(&SigningKey::es256("other"))), 401);

    // Keys of one id, of one type and of several.
    let shared = [first, &second, &rsa].map(|key| key.also("shared", key.algorithm));
    issuer.publish(&shared.iter().collect::<Vec<_>>());
    for key in &shared {
        assert_eq!(status(&service, &key.sign(&good)), 200, "{:?}", key.algorithm);
    }
    assert_eq!(status(&service, &SigningKey::es256("shared").sign(&good)), 401);
}

/// What a stock Keycloak (26) puts into an access token of a client of the realm.
fn of_keycloak(user: &str, client: &str) -> Value {
    json!({
        "exp": now() + 300,
        "iat": now(),
        "auth_time": now() - 5,
        "jti": "onrtac:1f3a9c2e-6f0b-4b7a-9d44-8c8f6e5d4c3b",
        "iss": ISSUER,
        "aud": "account",
        "sub": user,
        "typ": "Bearer",
        "azp": client,
        "sid": "5f0e4c3b-2a19-4d8e-8f77-6e5d4c3b2a19",
        "acr": "1",
        "allowed-origins": ["https://portal.example.org"],
        "realm_access": {"roles": ["default-roles-learning", "offline_access", "uma_authorization"]},
        "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
        "scope": "openid email profile",
        "email_verified": true,
        "name": "Asha Kumar",
        "preferred_username": "asha",
        "email": "asha@example.org",
    })
}

fn settings_for_keycloak(issuer: &TokenIssuer) -> IdentityConfig {
    IdentityConfig {
        audience: Some("account".to_owned()),
        clients: vec!["portal".to_owned()],
        require_access_token: true,
        ..issuer.settings()
    }
}

#[test]
fn keycloak_s_access_tokens_of_listed_clients_are_accepted_and_no_other_tokens() {
    let issuer = TokenIssuer::new();
    let service = service_of(settings_for_keycloak(&issuer));
    let key = &issuer.key;
    let access = of_keycloak("mentor", "portal");
    assert_eq!(status(&service, &key.sign(&access)), 200);
    let mut newer = key.header();
    newer.typ = Some("at+jwt".to_owned());
    assert_eq!(status(&service, &key.sign_as(&newer, &access)), 200);

    let refused = [
        ("another client", of_keycloak("mentor", "game")),
        ("no client", without(access.clone(), "azp")),
        // An ID token is for the client; one whose audience is ours is no access token all the same.
        (
            "an ID token",
            with(access.clone(), json!({"typ": "ID", "aud": "portal"})),
        ),
        ("an ID token for us", with(access.clone(), json!({"typ": "ID"}))),
        (
            "a refresh token",
            with(access.clone(), json!({"typ": "Refresh", "aud": ISSUER})),
        ),
        (
            "a refresh token for us",
            with(access.clone(), json!({"typ": "Refresh"})),
        ),
        (
            "an offline token for us",
            with(access.clone(), json!({"typ": "Offline"})),
        ),
        ("a token of DPoP", with(access.clone(), json!({"typ": "DPoP"}))),
        (
            "a token bound to a key",
            with(
                access.clone(),
                json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}),
            ),
        ),
        ("a token that does not say", without(access.clone(), "typ")),
        ("no audience", without(access.clone(), "aud")),
        (
            "another realm",
            with(
                access.clone(),
                json!({"iss": "https://login.example.org/realms/master"}),
            ),
        ),
    ];
    for (what, claims) in &refused {
        assert_eq!(status(&service, &key.sign(claims)), 401, "{what}");
    }
    let mut logout = key.header();
    logout.typ = Some("logout+jwt".to_owned());
    assert_eq!(status(&service, &key.sign_as(&logout, &access)), 401);
}

#[test]
fn sunbird_s_user_tokens_are_accepted_with_their_roles_of_organisations() {
    let issuer = TokenIssuer::new();
    let key = SigningKey::rs256("accessv1_key1");
    issuer.publish(&[&key]);
    let realm = "https://sunbird.example.org/auth/realms/sunbird";
    let service = service_of(IdentityConfig {
        issuer: Some(realm.to_owned()),
        audience: Some("account".to_owned()),
        clients: vec!["portal".to_owned(), "android".to_owned()],
        require_access_token: true,
        roles_claim: "roles".to_owned(),
        tenant_admin_prefix: "ORG_ADMIN:".to_owned(),
        ..issuer.settings()
    });
    let token = |user: &str, roles: Value| {
        key.sign(&json!({
            "jti": "0b9d8c7a-6f5e-4d3c-2b1a-0f9e8d7c6b5a",
            "exp": now() + 300,
            "nbf": 0,
            "iat": now(),
            "iss": realm,
            "aud": "account",
            "sub": format!("f:5a8a3f2b-3409-42e0-9001-f913bc0fde31:{user}"),
            "typ": "Bearer",
            "azp": "portal",
            "roles": roles,
            "name": "Asha",
            "preferred_username": "asha",
        }))
    };
    let batches = |token: &str| {
        let answer = service.get(token, "/api/v1/batches");
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let items = answer.json()["items"].as_array().expect("items").clone();
        let ids = items
            .iter()
            .map(|item| item["batch_id"].as_str().expect("an id").to_owned());
        ids.collect::<Vec<_>>()
    };
    let public = json!({"role": "PUBLIC", "scope": []});
    assert_eq!(batches(&token("helper", json!([public]))), ["b1"]);
    assert!(batches(&token("somebody", json!([public]))).is_empty());
    let admin_of = |tenant: &str| json!([public, {"role": "ORG_ADMIN", "scope": [{"organisationId": tenant}]}]);
    assert_eq!(batches(&token("somebody", admin_of("t1"))), ["b1"]);
    assert_eq!(batches(&token("somebody", admin_of("t2"))), ["b2"]);
    // Without an organisation, the role is of none.
    assert!(batches(&token("somebody", json!([{"role": "ORG_ADMIN", "scope": []}]))).is_empty());
}

#[test]
fn a_role_whose_scope_cannot_be_read_is_none() {
    let issuer = TokenIssuer::new();
    let service = service_of(IdentityConfig {
        roles_claim: "roles".to_owned(),
        ..issuer.settings()
    });
    let batches = |scope: Value| {
        let roles = json!([{"role": "pragati-admin", "scope": scope}]);
        let token = issuer.key.sign(&with(claims("somebody", &[]), json!({"roles": roles})));
        let answer = service.get(&token, "/api/v1/batches");
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()["items"].as_array().expect("items").len()
    };
    assert!(batches(json!([])) > 0);
    for unreadable in [json!({"organisationId": "01"}), json!("01"), json!([{}]), json!(1)] {
        assert_eq!(batches(unreadable.clone()), 0, "{unreadable}");
    }
}

#[test]
fn a_subject_after_its_store_is_the_user_s_to_the_end() {
    let issuer = TokenIssuer::new();
    let shown = |subject: &str| {
        let token = issuer.key.sign(&with(claims("mentor", &[]), json!({"sub": subject})));
        let (table, code, _) = explained(&issuer.settings(), &token);
        let line = table.lines().find(|line| line.starts_with("subject ")).expect("a line");
        (line.to_owned(), code)
    };
    assert_eq!(
        shown("f:s:evil:mentor"),
        (r#"subject     ok        the user id is "evil:mentor""#.to_owned(), 0)
    );
    let (line, code) = shown("f:s:mentor\u{1b}[2J");
    assert_eq!(
        (line.as_str(), code),
        ("subject     FAILS     its subject (sub) names nobody", 1)
    );
}

#[test]
fn tokens_for_something_else_are_known_by_their_claims() {
    let issuer = TokenIssuer::new();
    let good = claims("mentor", &[]);
    let line = |changes: Value| {
        let (table, code, _) = explained(&issuer.settings(), &issuer.key.sign(&with(good.clone(), changes)));
        let line = table.lines().find(|line| line.starts_with("type ")).expect("a line");
        (line.to_owned(), code)
    };
    for name in ["at_hash", "c_hash", "s_hash", "events"] {
        let (line, code) = line(json!({name: "x"}));
        assert_eq!(code, 1, "{line}");
        assert!(line.contains("it is not an access token"), "{line}");
        assert!(line.ends_with(&format!("there is {name}")), "{line}");
    }
    let (bound, code) = line(json!({"cnf": {"jkt": "x"}}));
    assert_eq!(code, 1, "{bound}");
    insta::assert_snapshot!(
        bound,
        @r#"type        FAILS     it is bound to a key (cnf), which is not checked here: typ is "JWT", claim typ is missing, there is cnf"#
    );
    let (line, code) = line(json!({"nonce": "x"}));
    assert_eq!(code, 0, "{line}");
}

#[test]
fn weak_keys_are_not_used() {
    let issuer = TokenIssuer::new();
    let neutral = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let weak = json!({"kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": neutral});
    issuer.publish_text(&json!({"keys": [issuer.key.public(), weak]}).to_string());
    let (table, code, _) = explained(
        &issuer.settings(),
        &SigningKey::eddsa("weak").sign(&claims("mentor", &[])),
    );
    assert_eq!(code, 1, "{table}");
    assert!(
        table.contains(r#"key "weak" is no point that a key of its curve can be"#),
        "{table}"
    );
}

/// `pragati serve` with its log, as operators see it by default.
struct Logged {
    _child: Running,
    lines: Arc<Mutex<Vec<String>>>,
    _exports: TestExports,
    _data: TempDir,
}

impl Logged {
    fn start(settings: &IdentityConfig) -> Self {
        let (exports, data) = (TestExports::small(), tempfile::tempdir().expect("a folder"));
        let child = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
            .args(["serve", "--listen", "127.0.0.1:0", "--exports"])
            .arg(exports.path())
            .arg("--data")
            .arg(data.path())
            .current_dir(data.path())
            .env_remove("PRAGATI_LOG")
            .envs(environment(settings))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service");
        let mut child = Running(child);
        let words = BufReader::new(child.0.stderr.take().expect("its words"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in words.lines().map_while(Result::ok) {
                seen.lock().expect("lines").push(line);
            }
        });
        Self {
            _child: child,
            lines,
            _exports: exports,
            _data: data,
        }
    }

    fn lines_with(&self, words: &str) -> Vec<String> {
        let lines = self.lines.lock().expect("lines");
        lines.iter().filter(|line| line.contains(words)).cloned().collect()
    }

    fn wait_for(&self, words: &str) -> String {
        let found = || !self.lines_with(words).is_empty();
        wait_at_most(Duration::from_secs(100), found, words);
        self.lines_with(words).remove(0)
    }
}

/// Settings as environment variables.
fn environment(settings: &IdentityConfig) -> Vec<(&'static str, String)> {
    let list = |all: &[String]| json!(all).to_string();
    let mut variables = vec![
        ("PRAGATI_IDENTITY__CLIENTS", list(&settings.clients)),
        (
            "PRAGATI_IDENTITY__REQUIRE_ACCESS_TOKEN",
            settings.require_access_token.to_string(),
        ),
    ];
    let ca_file = settings.ca_file.as_ref().map(|path| path.display().to_string());
    for (name, value) in [
        ("PRAGATI_IDENTITY__JWKS", settings.jwks.clone()),
        ("PRAGATI_IDENTITY__ISSUER", settings.issuer.clone()),
        ("PRAGATI_IDENTITY__AUDIENCE", settings.audience.clone()),
        ("PRAGATI_IDENTITY__CA_FILE", ca_file),
    ] {
        variables.extend(value.map(|value| (name, value)));
    }
    variables
}

#[test]
fn why_a_token_is_refused_is_one_line_of_the_default_log() {
    let issuer = TokenIssuer::new();
    let service = Logged::start(&issuer.settings());
    let listening = service.wait_for("listening on ");
    let url = listening.trim_start_matches("listening on ").to_owned();
    let expired = issuer
        .key
        .sign(&with(claims("mentor", &[]), json!({"exp": now() - 600})));
    let foreign = issuer
        .key
        .sign(&with(claims("mentor", &[]), json!({"aud": "elsewhere"})));
    let client = reqwest::Client::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for token in [&expired, &foreign] {
        for _ in 0..50 {
            let request = client.get(format!("{url}/api/v1/batches")).bearer_auth(token);
            let answer = runtime.block_on(request.send()).expect("an answer");
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
    }
    service.wait_for("it is for another service (aud)");
    let refusals = service.lines_with("a login token was refused");
    // A busy machine may take more than a minute for them; then there are lines with counts.
    let firsts: Vec<&String> = refusals.iter().filter(|line| !line.contains("more like it")).collect();
    assert!(firsts.len() <= 2 && refusals.len() <= 6, "{refusals:?}");
    assert!(
        refusals[0].contains("WARN") && refusals[0].contains("it has expired (exp)"),
        "{refusals:?}"
    );
    for token in [expired, foreign] {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(service.lines_with(signature).is_empty(), "tokens are secrets");
    }
}

/// What `pragati token explain` prints of a token, with the details that differ from run to run left out; its exit code
/// and its last words.
fn explained(settings: &IdentityConfig, token: &str) -> (String, i32, String) {
    explained_with(settings, token, &[])
}

/// The same, with more variables in the environment.
fn explained_with(settings: &IdentityConfig, token: &str, more: &[(&str, &str)]) -> (String, i32, String) {
    let mut command = pragati();
    command.args(["token", "explain"]).envs(environment(settings));
    command.envs(more.iter().copied());
    let output = command.write_stdin(token).output().expect("a run");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    let talk = String::from_utf8(output.stderr).expect("UTF-8");
    let signature = token.trim().rsplit('.').next().expect("a part");
    for part in [token.trim(), signature] {
        let is_shown = part.len() > 20 && (table.contains(part) || talk.contains(part));
        assert!(!is_shown, "tokens are secrets: {table}{talk}");
    }
    let jwks = settings.jwks.clone().unwrap_or_default();
    let lines = table.replace(&jwks, "JWKS");
    let shown = lines.lines().map(|line| {
        let differs = ["form  ", "expiry  ", "not before  "]
            .iter()
            .any(|name| line.starts_with(name));
        if differs { line[..20].trim_end() } else { line }
    });
    let last = talk.lines().last().unwrap_or_default().to_owned();
    let code = output.status.code().expect("an exit code");
    (shown.collect::<Vec<_>>().join("\n"), code, last)
}

#[test]
fn token_explain_shows_every_check_of_a_good_token() {
    let issuer = TokenIssuer::new();
    let token = issuer.token("mentor", &["pragati-tenant-admin:t1", "user"]);
    let (table, code, _) = explained(&issuer.settings(), &token);
    insta::assert_snapshot!(table, @r#"
    form        ok
    header      ok        typ is "JWT"
    algorithm   ok        ES256
    key id      ok        kid is "first"
    key         ok        key "first" (an EC key of P-256, for ES256)
    signature   ok        by key "first"
    claims      ok
    issuer      ok        iss is "https://login.example.org/realms/learning", identity.issuer "https://login.example.org/realms/learning"
    audience    ok        aud is "reports", "account", identity.audience "reports"
    client      ok        azp is missing, client_id is missing, identity.clients is empty, so that any will do
    type        ok        typ is "JWT", claim typ is missing
    expiry      ok
    not before  ok
    subject     ok        the user id is "mentor"
    roles       ok        admin of tenant "t1" (realm_access.roles lists 2 roles)
    address     ok        reports go to the address in the claim email
    accepted
    "#);
    assert_eq!(code, 0);
    let (table, _, _) = explained(&issuer.settings(), &issuer.token("mentor", &["user"]));
    assert!(
        table.contains("no admin role (realm_access.roles lists 1 role)\n"),
        "{table}"
    );
    // As it is copied from a header.
    assert_eq!(explained(&issuer.settings(), &format!("Bearer {token}\n")).1, 0);
}

#[test]
fn token_explain_names_each_check_that_fails() {
    let issuer = TokenIssuer::new();
    let game = with(
        of_keycloak("mentor", "game"),
        json!({"exp": now() - 600, "typ": "ID", "email_verified": false}),
    );
    let forged = SigningKey::es256("first").sign(&game);
    let settings = IdentityConfig {
        audience: Some(AUDIENCE.to_owned()),
        ..settings_for_keycloak(&issuer)
    };
    let (table, code, last) = explained(&settings, &forged);
    insta::assert_snapshot!(table, @r#"
    form        ok
    header      ok        typ is "JWT"
    algorithm   ok        ES256
    key id      ok        kid is "first"
    key         ok        key "first" (an EC key of P-256, for ES256)
    signature   FAILS     its signature is wrong
    claims      ok
    issuer      ok        iss is "https://login.example.org/realms/learning", identity.issuer "https://login.example.org/realms/learning"
    audience    FAILS     it is for another service (aud): aud is "account", identity.audience "reports"
    client      FAILS     it was made for a client that identity.clients does not list (azp, client_id): azp is "game", client_id is missing, identity.clients "portal"
    type        FAILS     it is not an access token, but an ID, refresh or logout token (typ, at_hash, c_hash, s_hash, events): typ is "JWT", claim typ is "ID"
    expiry      FAILS
    not before  ok
    subject     ok        the user id is "mentor"
    roles       ok        no admin role (realm_access.roles lists 3 roles)
    address     ok        none, so that reports can only be downloaded: email_verified is not true, as identity.require_verified_email asks
    refused
    "#);
    assert_eq!(code, 1);
    assert_eq!(last, "error: the token is refused: its signature is wrong");
    assert!(!table.contains("asha"), "no names and addresses");
}

#[test]
fn token_explain_says_what_is_wrong_with_keys_and_forms() {
    let issuer = TokenIssuer::new();
    let settings = issuer.settings();
    let good = claims("mentor", &[]);
    let mut padded = issuer.key.public();
    padded["kid"] = json!("padded");
    padded["x"] = json!(format!("{}=", padded["x"].as_str().expect("x")));
    issuer.publish_text(&json!({"keys": [issuer.key.public(), padded]}).to_string());
    let failing = |token: &str| {
        let (table, code, last) = explained(&settings, token);
        assert_eq!(code, 1, "{table}");
        let line = table
            .lines()
            .find(|line| line.contains("FAILS"))
            .expect("a failed check");
        assert!(last.starts_with("error: the token is refused: "), "{last}");
        line.to_owned()
    };
    let token = issuer.key.sign(&good);
    insta::assert_snapshot!(failing("dev:mentor"), @"form        FAILS");
    insta::assert_snapshot!(failing(&format!("{token}=")), @"form        FAILS");
    insta::assert_snapshot!(
        failing(&SigningKey::es256("padded").sign(&good)),
        @r#"key         FAILS     the keys have none of its id (kid): JWKS has key "first" (an EC key of P-256, for ES256); key "padded" has an x in padded base64: keys have no '='"#
    );
    let rsa = SigningKey::rs256("first").sign(&good);
    insta::assert_snapshot!(
        failing(&rsa),
        @r#"key         FAILS     its algorithm (alg) is not its key's: JWKS has key "first" (an EC key of P-256, for ES256); key "padded" has an x in padded base64: keys have no '='"#
    );
    let secret = jsonwebtoken::EncodingKey::from_secret(b"word");
    let shared = jsonwebtoken::encode(&Header::default(), &good, &secret).expect("a token");
    insta::assert_snapshot!(
        failing(&shared),
        @r#"algorithm   FAILS     its algorithm (alg) is none of identity.algorithms: alg is "HS256", identity.algorithms has RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"#
    );
    let (head, tail) = token.split_at(token.len() - 10);
    let (_, _, last) = explained(&settings, &format!("{head}\n{tail}"));
    assert_eq!(
        last,
        "error: the token is refused: its signature is not base64 of the URL-safe alphabet; there is white space in it: \
         the terminal may have cut it"
    );
    let (_, _, last) = explained(&settings, &format!("{token}="));
    assert_eq!(
        last,
        "error: the token is refused: its signature is padded base64: a token has no '='"
    );
}

#[test]
fn token_explain_needs_a_token_and_settings() {
    let issuer = TokenIssuer::new();
    let (_, code, last) = explained(&issuer.settings(), " \n");
    assert_eq!(code, 2);
    assert!(last.contains("there is no token"), "{last}");
    let (_, code, last) = explained(&IdentityConfig::default(), "a.b.c");
    assert_eq!(code, 1);
    assert!(last.contains("identity.jwks is not set"), "{last}");
    let mut command = pragati();
    command
        .args(["token", "explain", "/nowhere/token.txt"])
        .envs(environment(&issuer.settings()));
    let output = command.output().expect("a run");
    let talk = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(talk.contains("/nowhere/token.txt cannot be read"), "{talk}");
}
