//! An OpenID Connect issuer for tests: it describes itself, gives codes to whom a test says, and makes tokens of them once,
//! as RFC 6749 and RFC 7636 have it. What its tokens say can be changed by the test.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pragati::config::IdentityConfig;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use url::Url;

use crate::token_issuer::{TokenIssuer, claims, now};

pub const CLIENT: &str = "pragati";

pub struct FakeIssuer {
    pub tokens: TokenIssuer,
    pub url: String,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    url: Mutex<String>,
    codes: Mutex<HashMap<String, Grant>>,
    /// What each exchange was asked with.
    asked: Mutex<Vec<HashMap<String, String>>>,
    is_down: AtomicBool,
    /// Codes can be used again, as with a careless issuer.
    is_careless: AtomicBool,
}

struct Grant {
    challenge: String,
    redirect: String,
    answer: Value,
}

/// What a browser was sent to the issuer with.
pub struct Asked(HashMap<String, String>);

impl Asked {
    pub fn of(url: &str) -> Self {
        let url = Url::parse(url).expect("a URL");
        Self(url.query_pairs().into_owned().collect())
    }

    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl FakeIssuer {
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/token", post(exchange))
            .with_state(Arc::clone(&shared));
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let server = axum_server::Server::<SocketAddr>::from_listener(listener);
            tokio::spawn(server.serve(router.into_make_service()));
            address
        });
        let url = format!("http://{address}");
        shared.url.lock().expect("the URL").clone_from(&url);
        Self {
            tokens: TokenIssuer::new(),
            url,
            shared,
            _runtime: runtime,
        }
    }

    /// The settings that trust it.
    pub fn settings(&self) -> IdentityConfig {
        IdentityConfig {
            issuer: Some(self.url.clone()),
            ..self.tokens.settings()
        }
    }

    pub fn goes_down(&self) {
        self.shared.is_down.store(true, Ordering::Relaxed);
    }

    pub fn is_careless(&self) {
        self.shared.is_careless.store(true, Ordering::Relaxed);
    }

    /// The claims of a person's access token.
    pub fn access_claims(&self, user: &str, roles: &[&str]) -> Value {
        let mut claims = claims(user, roles);
        claims["iss"] = json!(self.url);
        claims
    }

    /// A person's access token.
    pub fn token(&self, user: &str, roles: &[&str]) -> String {
        self.tokens.key.sign(&self.access_claims(user, roles))
    }

    /// The claims of the ID token for somebody who signs in as asked.
    pub fn id_claims(&self, asked: &Asked, user: &str) -> Value {
        let access = self.access_claims(user, &[]);
        json!({
            "iss": self.url, "aud": CLIENT, "sub": access["sub"], "nonce": asked.get("nonce"),
            "exp": now() + 300, "iat": now(),
        })
    }

    /// The person has signed in: the code for it.
    pub fn code(&self, asked: &Asked, user: &str, roles: &[&str]) -> String {
        let id_token = self.tokens.key.sign(&self.id_claims(asked, user));
        self.code_for(asked, &id_token, &self.token(user, roles))
    }

    /// The code for which these tokens are given.
    pub fn code_for(&self, asked: &Asked, id_token: &str, access_token: &str) -> String {
        assert_eq!(asked.get("response_type"), "code");
        assert_eq!(asked.get("client_id"), CLIENT);
        assert_eq!(asked.get("code_challenge_method"), "S256");
        assert_eq!(asked.get("scope"), "openid email");
        let mut codes = self.shared.codes.lock().expect("the codes");
        let code = format!("code {}/{}", codes.len(), asked.get("state"));
        let grant = Grant {
            challenge: asked.get("code_challenge").to_owned(),
            redirect: asked.get("redirect_uri").to_owned(),
            answer: json!({
                "access_token": access_token, "id_token": id_token, "token_type": "Bearer", "expires_in": 300,
                "scope": "openid email",
            }),
        };
        codes.insert(code.clone(), grant);
        code
    }

    /// What the last exchange was asked with.
    pub fn last_exchange(&self) -> HashMap<String, String> {
        let asked = self.shared.asked.lock().expect("the exchanges");
        asked.last().expect("an exchange").clone()
    }

    pub fn exchanges(&self) -> usize {
        self.shared.asked.lock().expect("the exchanges").len()
    }
}

async fn describe(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_down.load(Ordering::Relaxed) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let url = shared.url.lock().expect("the URL").clone();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "end_session_endpoint": format!("{url}/end"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    }))
    .into_response()
}

async fn exchange(State(shared): State<Arc<Shared>>, form: String) -> Response {
    if shared.is_down.load(Ordering::Relaxed) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    shared.asked.lock().expect("the exchanges").push(form.clone());
    let refused = |word: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": word }))).into_response();
    let value = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut codes = shared.codes.lock().expect("the codes");
    let grant = if shared.is_careless.load(Ordering::Relaxed) {
        codes
            .get(&value("code"))
            .map(|grant| (grant.challenge.clone(), grant.redirect.clone(), grant.answer.clone()))
    } else {
        codes
            .remove(&value("code"))
            .map(|grant| (grant.challenge, grant.redirect, grant.answer))
    };
    let Some((challenge, redirect, answer)) = grant else {
        return refused("invalid_grant");
    };
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(value("code_verifier").as_bytes()));
    if value("grant_type") != "authorization_code" || hashed != challenge || value("redirect_uri") != redirect {
        return refused("invalid_grant");
    }
    Json(answer).into_response()
}
