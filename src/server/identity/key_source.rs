//! Where the issuer's keys come from: a file, read again when it changes, or a URL, fetched again now and then.
//!
//! Keys that were good stay in use while newer ones cannot be had. A key that nobody knows is looked for at once, but not
//! more often than every few seconds, so that made-up tokens do not become requests to the issuer.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use reqwest::{Client, redirect};
use tokio::sync::{Mutex, MutexGuard};
use url::{Host, Url};

use super::keys::{KeySet, TokenKey};
use super::{IdentityError, Refusal};
use crate::config::{IdentityConfig, TokenAlgorithm};

/// The least time between two fetches.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);
/// The time that a fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The issuer's keys, kept up to date.
#[derive(Debug)]
pub struct KeySource {
    place: Place,
    algorithms: Vec<TokenAlgorithm>,
    refresh_every: Duration,
    least_interval: Duration,
    current: RwLock<Loaded>,
    /// When the last fetch began; held while one is under way.
    last_fetch: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Url(Url, Client),
}

#[derive(Debug, Default, Clone)]
struct Loaded {
    keys: Arc<KeySet>,
    /// When they were fetched.
    at: Option<Instant>,
    /// The file's state when it was last looked into.
    file: Option<FileState>,
}

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    modified: SystemTime,
    size: u64,
    number: u64,
}

impl KeySource {
    /// Looks for the keys. A file must hold some; a URL may answer later, and until then nobody is let in.
    pub async fn open(jwks: &str, config: &IdentityConfig) -> Result<Self, IdentityError> {
        let place = place(jwks)?;
        let source = Self {
            place,
            algorithms: config.algorithms.clone(),
            refresh_every: Duration::from_secs(u64::from(config.jwks_refresh_seconds)),
            least_interval: LEAST_INTERVAL,
            current: RwLock::default(),
            last_fetch: Mutex::new(None),
        };
        match &source.place {
            Place::File(path) => {
                let unusable = |reason| IdentityError::Keys {
                    path: path.clone(),
                    reason,
                };
                let file = file_state(path).await.map_err(|error| unusable(error.to_string()))?;
                source.read_file(path, file).await.map_err(unusable)?;
            }
            Place::Url(..) => source.fetch_unless_recent(source.last_fetch.lock().await).await,
        }
        Ok(source)
    }

    /// Whether keys can be had from a file. A URL is not asked, only looked at.
    ///
    /// # Errors
    /// Where the file holds no keys, or keys would be fetched without TLS.
    pub async fn check(jwks: &str, config: &IdentityConfig) -> Result<(), IdentityError> {
        match place(jwks)? {
            Place::File(_) => Self::open(jwks, config).await.map(drop),
            Place::Url(..) => Ok(()),
        }
    }

    /// The key of that id.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<TokenKey>>, Refusal> {
        match &self.place {
            Place::File(path) => self.read_file_if_changed(path).await,
            Place::Url(..) if self.is_stale() => {
                // While one request waits for newer keys, others go on with those that are known.
                if let Ok(last_fetch) = self.last_fetch.try_lock() {
                    self.fetch_unless_recent(last_fetch).await;
                }
            }
            Place::Url(..) => {}
        }
        if let Some(key) = self.known(id) {
            return Ok(Some(key));
        }
        if let Place::Url(..) = &self.place {
            let last_fetch = self.last_fetch.lock().await;
            // Whoever held the lock before may have found it.
            if self.known(id).is_none() {
                self.fetch_unless_recent(last_fetch).await;
            }
        }
        match self.known(id) {
            None if self.loaded().keys.is_empty() => Err(Refusal::NoKeys),
            key => Ok(key),
        }
    }

    fn known(&self, id: &str) -> Option<Arc<TokenKey>> {
        self.loaded().keys.get(id)
    }

    fn is_stale(&self) -> bool {
        self.loaded().at.is_none_or(|at| at.elapsed() >= self.refresh_every)
    }

    fn loaded(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Loaded)) {
        change(&mut self.current.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn read_file_if_changed(&self, path: &PathBuf) {
        let seen = self.loaded().file;
        let found = file_state(path).await;
        if found.as_ref().ok() == seen.as_ref() {
            return;
        }
        // A file that is gone or broken is complained of once, not with every request.
        let result = match found {
            Ok(file) => self.read_file(path, file).await,
            Err(error) => {
                self.change(|loaded| loaded.file = None);
                Err(error.to_string())
            }
        };
        if let Err(reason) = result {
            tracing::warn!(
                "the keys in {} cannot be used, and the old ones stay: {reason}",
                path.display()
            );
        }
    }

    async fn read_file(&self, path: &PathBuf, file: FileState) -> Result<(), String> {
        self.change(|loaded| loaded.file = Some(file));
        let document = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
        let keys = Arc::new(KeySet::parse(&document, &self.algorithms)?);
        self.change(|loaded| loaded.keys = keys);
        Ok(())
    }

    async fn fetch_unless_recent(&self, mut last_fetch: MutexGuard<'_, Option<Instant>>) {
        let Place::Url(url, client) = &self.place else { return };
        if last_fetch.is_some_and(|last| last.elapsed() < self.least_interval) {
            return;
        }
        *last_fetch = Some(Instant::now());
        let fetched = fetch(client, url).await;
        match fetched.and_then(|document| KeySet::parse(&document, &self.algorithms)) {
            Ok(keys) => self.change(|loaded| {
                loaded.keys = Arc::new(keys);
                loaded.at = Some(Instant::now());
            }),
            Err(reason) => tracing::warn!("the keys at {url} cannot be had, and the old ones stay: {reason}"),
        }
    }
}

/// The file or URL that `identity.jwks` names.
fn place(jwks: &str) -> Result<Place, IdentityError> {
    let Some(url) = Url::parse(jwks).ok().filter(|url| url.scheme().starts_with("http")) else {
        return Ok(Place::File(PathBuf::from(jwks)));
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !is_loopback {
        return Err(IdentityError::InsecureUrl { url: url.to_string() });
    }
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(FETCH_TIME)
        .build()
        .map_err(|error| IdentityError::Client {
            reason: error.to_string(),
        })?;
    Ok(Place::Url(url, client))
}

async fn fetch(client: &Client, url: &Url) -> Result<Vec<u8>, String> {
    let said = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.get(url.clone()).send().await.map_err(said)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let mut document = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(said)? {
        document.extend_from_slice(&piece);
        if document.len() > LARGEST_ANSWER {
            return Err(format!("the answer is larger than {LARGEST_ANSWER} bytes"));
        }
    }
    Ok(document)
}

async fn file_state(path: &PathBuf) -> std::io::Result<FileState> {
    let metadata = tokio::fs::metadata(path).await?;
    Ok(FileState {
        modified: metadata.modified()?,
        size: metadata.len(),
        number: metadata.ino(),
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;

    /// An issuer's web server, which counts how often its keys are asked for.
    struct Issuer {
        address: SocketAddr,
        answer: Arc<std::sync::Mutex<(StatusCode, String)>>,
        asked: Arc<AtomicUsize>,
    }

    impl Issuer {
        async fn start() -> Self {
            let answer = Arc::new(std::sync::Mutex::new((StatusCode::OK, keys(&["first"]))));
            let asked = Arc::new(AtomicUsize::new(0));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let (given, counter) = (Arc::clone(&answer), Arc::clone(&asked));
            let router = Router::new().fallback(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                let answer = given.lock().expect("an answer").clone();
                async move { answer }
            });
            let service = axum_server::Server::<SocketAddr>::from_listener(listener);
            tokio::spawn(service.serve(router.into_make_service()));
            Self { address, answer, asked }
        }

        fn answers(&self, status: StatusCode, text: String) {
            *self.answer.lock().expect("an answer") = (status, text);
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }

        async fn source(&self, refresh_every: Duration, least_interval: Duration) -> KeySource {
            let url = format!("http://{}/keys", self.address);
            let mut source = KeySource::open(&url, &IdentityConfig::default())
                .await
                .expect("a source");
            (source.refresh_every, source.least_interval) = (refresh_every, least_interval);
            source
        }
    }

    fn keys(ids: &[&str]) -> String {
        // The generator of P-256 (NIST SP 800-186), a point like any other.
        let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
        let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
        let key = |id: &&str| json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y});
        json!({"keys": ids.iter().map(key).collect::<Vec<_>>()}).to_string()
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_but_not_too_often() {
        let issuer = Issuer::start().await;
        let source = issuer.source(LONG, Duration::ZERO).await;
        assert!(source.find("first").await.expect("keys").is_some());
        assert_eq!(issuer.asked(), 1);
        issuer.answers(StatusCode::OK, keys(&["second"]));
        assert!(source.find("first").await.expect("keys").is_some(), "not stale yet");
        assert!(source.find("second").await.expect("keys").is_some());
        assert!(source.find("first").await.expect("keys").is_none(), "it was withdrawn");

        let source = issuer.source(LONG, LONG).await;
        let asked = issuer.asked();
        for made_up in 0..20 {
            assert!(
                source
                    .find(&format!("made up {made_up}"))
                    .await
                    .expect("keys")
                    .is_none()
            );
        }
        assert_eq!(issuer.asked(), asked);
    }

    #[tokio::test]
    async fn old_keys_stay_while_new_ones_cannot_be_had() {
        let issuer = Issuer::start().await;
        let source = issuer.source(Duration::ZERO, Duration::ZERO).await;
        for (status, text) in [
            (StatusCode::INTERNAL_SERVER_ERROR, keys(&["second"])),
            (StatusCode::FOUND, keys(&["second"])),
            (StatusCode::OK, "<html>".to_owned()),
            (StatusCode::OK, keys(&[])),
            (
                StatusCode::OK,
                format!("{}{}", keys(&["second"]), " ".repeat(LARGEST_ANSWER)),
            ),
        ] {
            issuer.answers(status, text);
            assert!(source.find("first").await.expect("keys").is_some(), "{status}");
            assert!(source.find("second").await.expect("keys").is_none(), "{status}");
        }
        issuer.answers(StatusCode::OK, keys(&["second"]));
        assert!(source.find("second").await.expect("keys").is_some());
    }

    #[tokio::test]
    async fn nobody_is_let_in_before_there_are_keys() {
        let issuer = Issuer::start().await;
        issuer.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
        let source = issuer.source(LONG, Duration::ZERO).await;
        assert!(matches!(source.find("first").await, Err(Refusal::NoKeys)));
        issuer.answers(StatusCode::OK, keys(&["first"]));
        assert!(source.find("first").await.expect("keys").is_some());
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in [
            "https://login.example.org/keys",
            "http://localhost:1/keys",
            "http://127.0.0.1/k",
            "http://[::1]/k",
        ] {
            assert!(matches!(place(good), Ok(Place::Url(..))), "{good}");
        }
        for bad in [
            "http://login.example.org/keys",
            "http://localhost.example.org/keys",
            "http://10.0.0.1/keys",
        ] {
            assert!(matches!(place(bad), Err(IdentityError::InsecureUrl { .. })), "{bad}");
        }
        assert!(matches!(place("/etc/pragati/keys.json"), Ok(Place::File(_))));
    }
}
