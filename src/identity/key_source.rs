//! The source of the issuer's keys: a file, reloaded when it changes, or a URL, refreshed periodically.
//!
//! The last good keys stay in use while a refresh fails. An unknown key id triggers a refresh at once, but at most
//! every few seconds, so that forged tokens cannot flood the issuer with requests.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use super::IdentityError;
use super::fetch::{FetchError, IssuerUrl, IssuerUrlError};
use super::keys::{Candidates, KeySet, KeySetError};
use super::refusal::Refusal;
use crate::config::{IdentityConfig, TokenAlgorithm, without_secrets};

/// The least time between two fetches.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);

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

/// Why the keys are not available.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum KeyTrouble {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    Set(#[from] KeySetError),
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Url(IssuerUrl),
}

#[derive(Debug, Default, Clone)]
struct Loaded {
    keys: Arc<KeySet>,
    /// When they were fetched.
    at: Option<Instant>,
    /// The file's state when it was last looked into.
    file: Option<FileState>,
    /// Why the last fetch failed.
    trouble: Option<Arc<KeyTrouble>>,
}

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileState {
    modified: SystemTime,
    size: u64,
    number: u64,
}

impl KeySource {
    /// Loads the keys. A file must hold some; a URL may answer later, and until then every token is refused.
    ///
    /// # Errors
    ///
    /// Where a file holds no usable keys, or keys may not be fetched from a URL.
    pub async fn open(jwks: &str, config: &IdentityConfig) -> Result<Self, IdentityError> {
        let source = Self {
            place: place(jwks, config)?,
            algorithms: config.algorithms.clone(),
            refresh_every: Duration::from_secs(u64::from(config.jwks_refresh_seconds)),
            least_interval: LEAST_INTERVAL,
            current: RwLock::default(),
            last_fetch: Mutex::new(None),
        };
        match &source.place {
            Place::File(path) => {
                let unusable = |source| IdentityError::Keys {
                    path: path.clone(),
                    source,
                };
                let file = file_state(path).await.map_err(|error| unusable(error.into()))?;
                source.read_file(path, file).await.map_err(unusable)?;
            }
            Place::Url(_) => source.fetch_unless_recent(source.last_fetch.lock().await).await,
        }
        Ok(source)
    }

    /// Checks that a file holds keys. Of a URL, only the form is checked.
    ///
    /// # Errors
    /// Where the file holds no keys, or keys would be fetched without TLS.
    pub async fn check(jwks: &str, config: &IdentityConfig) -> Result<(), IdentityError> {
        match place(jwks, config)? {
            Place::File(_) => Self::open(jwks, config).await.map(drop),
            Place::Url(_) => Ok(()),
        }
    }

    /// The keys for a token of that key id and algorithm.
    ///
    /// # Errors
    ///
    /// Where no keys were fetched yet.
    pub async fn find(&self, id: Option<&str>, algorithm: TokenAlgorithm) -> Result<Candidates, Refusal> {
        match &self.place {
            Place::File(path) => self.read_file_if_changed(path).await,
            Place::Url(_) if self.is_stale() => {
                // While one request refreshes the keys, others continue with the known ones.
                if let Ok(last_fetch) = self.last_fetch.try_lock() {
                    self.fetch_unless_recent(last_fetch).await;
                }
            }
            Place::Url(_) => {}
        }
        let known = self.keys().candidates(id, algorithm);
        if !matches!(known, Candidates::None) {
            return Ok(known);
        }
        let newer = self.look_again().await;
        if newer.is_empty() {
            return Err(Refusal::NoKeys);
        }
        Ok(newer.candidates(id, algorithm))
    }

    /// The keys after a refresh, unless the last one was too recent: for a token whose key is unknown.
    pub async fn look_again(&self) -> Arc<KeySet> {
        let before = self.keys();
        if let Place::Url(_) = &self.place {
            let last_fetch = self.last_fetch.lock().await;
            // The previous holder of the lock may have refreshed the keys.
            if Arc::ptr_eq(&before, &self.keys()) {
                self.fetch_unless_recent(last_fetch).await;
            }
        }
        self.keys()
    }

    /// The keys as they are known.
    pub fn keys(&self) -> Arc<KeySet> {
        self.loaded().keys
    }

    /// The place of the keys, for messages.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::File(path) => without_secrets(&path.to_string_lossy()),
            Place::Url(server) => server.shown(),
        }
    }

    /// Why the last fetch failed.
    pub fn trouble(&self) -> Option<Arc<KeyTrouble>> {
        self.loaded().trouble
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
        // An error of the file is logged once, not with every request.
        let result = match found {
            Ok(file) => self.read_file(path, file).await,
            Err(error) => {
                self.change(|loaded| loaded.file = None);
                Err(error.into())
            }
        };
        if let Err(trouble) = result {
            self.complain(trouble);
        }
    }

    async fn read_file(&self, path: &PathBuf, file: FileState) -> Result<(), KeyTrouble> {
        self.change(|loaded| loaded.file = Some(file));
        let document = tokio::fs::read(path).await?;
        self.take(KeySet::parse(&document, &self.algorithms)?);
        Ok(())
    }

    async fn fetch_unless_recent(&self, mut last_fetch: MutexGuard<'_, Option<Instant>>) {
        let Place::Url(server) = &self.place else { return };
        if last_fetch.is_some_and(|last| last.elapsed() < self.least_interval) {
            return;
        }
        *last_fetch = Some(Instant::now());
        let fetched = server.fetch().await.map_err(KeyTrouble::from);
        match fetched.and_then(|document| Ok(KeySet::parse(&document, &self.algorithms)?)) {
            Ok(keys) => self.take(keys),
            Err(trouble) => self.complain(trouble),
        }
    }

    /// Replaces the keys. Unusable keys of the set are logged once.
    fn take(&self, keys: KeySet) {
        let faults = keys.faults();
        if faults != self.keys().faults() {
            for fault in &faults {
                tracing::warn!("of the keys at {}, {fault}; it is not used", self.shown());
            }
        }
        self.change(|loaded| {
            loaded.keys = Arc::new(keys);
            loaded.at = Some(Instant::now());
            loaded.trouble = None;
        });
    }

    fn complain(&self, trouble: KeyTrouble) {
        let place = self.shown();
        if self.keys().is_empty() {
            tracing::warn!("the keys at {place} are not available, and nobody can log in: {trouble}");
        } else {
            tracing::warn!("the keys at {place} are not available, so those of the last fetch stay in use: {trouble}");
        }
        self.change(|loaded| loaded.trouble = Some(Arc::new(trouble)));
    }
}

/// The file or URL that `identity.jwks` names.
fn place(jwks: &str, config: &IdentityConfig) -> Result<Place, IssuerUrlError> {
    let url = Url::parse(jwks).ok().filter(|url| url.scheme().starts_with("http"));
    Ok(match url {
        Some(url) => Place::Url(IssuerUrl::new("identity.jwks", url, config.ca_file.as_deref())?),
        None => Place::File(PathBuf::from(jwks)),
    })
}

async fn file_state(path: &PathBuf) -> io::Result<FileState> {
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

    use super::super::fetch::LARGEST_ANSWER;
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

    /// Whether there is a key of that id; the keys must be there.
    async fn is_known(source: &KeySource, id: &str) -> bool {
        let found = source.find(Some(id), TokenAlgorithm::ES256).await.expect("keys");
        matches!(found, Candidates::OfId(_))
    }

    #[tokio::test]
    async fn an_unknown_key_is_looked_for_but_not_too_often() {
        let issuer = Issuer::start().await;
        let source = issuer.source(LONG, Duration::ZERO).await;
        assert!(is_known(&source, "first").await);
        assert_eq!(issuer.asked(), 1);
        issuer.answers(StatusCode::OK, keys(&["second"]));
        assert!(is_known(&source, "first").await, "not stale yet");
        assert!(is_known(&source, "second").await);
        assert!(!is_known(&source, "first").await, "it was withdrawn");

        let source = issuer.source(LONG, LONG).await;
        let asked = issuer.asked();
        for made_up in 0..20 {
            assert!(!is_known(&source, &format!("made up {made_up}")).await);
        }
        assert_eq!(issuer.asked(), asked);
    }

    #[tokio::test]
    async fn old_keys_stay_while_new_ones_cannot_be_fetched() {
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
            assert!(is_known(&source, "first").await, "{status}");
            assert!(!is_known(&source, "second").await, "{status}");
        }
        issuer.answers(StatusCode::OK, keys(&["second"]));
        assert!(is_known(&source, "second").await);
    }

    #[tokio::test]
    async fn every_token_is_refused_before_keys_are_fetched() {
        let issuer = Issuer::start().await;
        issuer.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
        let source = issuer.source(LONG, Duration::ZERO).await;
        let found = source.find(Some("first"), TokenAlgorithm::ES256).await;
        assert!(matches!(found, Err(Refusal::NoKeys)));
        issuer.answers(StatusCode::OK, keys(&["first"]));
        assert!(is_known(&source, "first").await);
    }

    #[test]
    fn what_is_no_url_is_a_file() {
        let config = IdentityConfig::default();
        assert!(matches!(place("/etc/pragati/keys.json", &config), Ok(Place::File(_))));
        assert!(matches!(
            place("https://login.example.org/keys", &config),
            Ok(Place::Url(_))
        ));
        assert!(place("http://login.example.org/keys", &config).is_err());
    }

    #[tokio::test]
    async fn trouble_is_remembered_until_keys_are_fetched() {
        let issuer = Issuer::start().await;
        let source = issuer.source(Duration::ZERO, Duration::ZERO).await;
        assert!(source.trouble().is_none());
        issuer.answers(StatusCode::SERVICE_UNAVAILABLE, String::new());
        assert!(is_known(&source, "first").await);
        let trouble = source.trouble().expect("trouble").to_string();
        assert!(trouble.contains("503"), "{trouble}");
        issuer.answers(StatusCode::OK, keys(&["first"]));
        assert!(is_known(&source, "first").await);
        assert!(source.trouble().is_none());
    }
}
