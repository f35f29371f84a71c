//! Opens object stores. Environment variables set endpoints, credentials and server-side encryption.
//!
//! They are the variables of the stores' own tools (`AWS_…`, `AZURE_…`, `GOOGLE_…`); their values are never printed.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{CredentialProvider, ObjectStore, ObjectStoreScheme, parse_url_opts};
use url::Url;

use super::retried_lists::RetriedLists;

/// Prefixes of the variables that are read. Unprefixed ones, such as `REGION` or `TOKEN`, may belong to other programs.
const OF_STORES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Credentials are renewed this long before they expire.
const RENEW_BEFORE_END: Duration = Duration::from_secs(300);

/// Opens the store of a URL. Returns it with the path in it.
///
/// # Errors
/// The URL or the credentials in the environment cannot be used.
pub fn open_store(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Path)> {
    let (scheme, place) = ObjectStoreScheme::parse(url)?;
    if let (ObjectStoreScheme::AmazonS3, Some(profile)) = (scheme, profile()) {
        let store = AmazonS3Builder::from_env()
            .with_url(url.as_str())
            .with_credentials(Arc::new(Profile::new(profile)))
            .build()?;
        return Ok((Arc::new(RetriedLists::new(store)), Path::parse(place)?));
    }
    let (store, path) = parse_url_opts(url, settings())?;
    Ok((Arc::new(RetriedLists::new(store)), path))
}

fn settings() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| OF_STORES.iter().any(|prefix| name.starts_with(prefix)))
}

/// `AWS_PROFILE`, unless the environment itself has credentials: as in AWS's tools, those take precedence.
fn profile() -> Option<String> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match of("AWS_ACCESS_KEY_ID") {
        Some(_) => None,
        None => of("AWS_PROFILE"),
    }
}

/// The client configuration for the services that a profile may name, such as STS for the credentials of a role.
fn services() -> ProviderConfig {
    let tls = tls::Provider::Rustls(CryptoMode::Ring);
    let client = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    ProviderConfig::without_region()
        .with_http_client(client)
        .with_region(region.map(Region::new))
}

/// A profile of AWS's files (`~/.aws/config`, `~/.aws/credentials`): keys, a role, or a program that gives keys.
#[derive(Debug)]
struct Profile {
    name: String,
    current: tokio::sync::Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    credential: Arc<AwsCredential>,
    until: Option<SystemTime>,
}

impl Profile {
    fn new(name: String) -> Self {
        Self {
            name,
            current: tokio::sync::Mutex::default(),
        }
    }

    /// Reads the files anew: a provider that is used again would return cached credentials, or lose the reason of a
    /// failure.
    async fn read(&self) -> object_store::Result<Credentials> {
        let files = ProfileFileCredentialsProvider::builder()
            .profile_name(&self.name)
            .configure(&services())
            .build();
        files.provide_credentials().await.map_err(|error| self.useless(&error))
    }

    fn useless(&self, error: &(dyn Error + 'static)) -> object_store::Error {
        // The innermost cause says what is wrong with the files.
        let causes = std::iter::successors(Some(error), |&cause| cause.source());
        let reason = causes.last().map(ToString::to_string).unwrap_or_default();
        object_store::Error::Unauthenticated {
            path: "s3".to_owned(),
            source: format!("profile '{}' (AWS_PROFILE) gives no credentials: {reason}", self.name).into(),
        }
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Profile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut current = self.current.lock().await;
        if let Some(current) = current.as_ref().filter(|current| current.is_good(SystemTime::now())) {
            return Ok(Arc::clone(&current.credential));
        }
        let given = self.read().await?;
        Ok(Arc::clone(&current.insert(Current::of(&given)).credential))
    }
}

impl Current {
    fn of(given: &Credentials) -> Self {
        Self {
            credential: Arc::new(AwsCredential {
                key_id: given.access_key_id().to_owned(),
                secret_key: given.secret_access_key().to_owned(),
                token: given.session_token().map(str::to_owned),
            }),
            until: given.expiry(),
        }
    }

    fn is_good(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|end| now + RENEW_BEFORE_END < end)
    }
}
