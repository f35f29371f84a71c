//! The links by which people fetch the file of a request: an address of this service that asks for a login, or, where
//! the site chooses it, a link that is signed for one person and one file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::mail::Link;
use super::request::Request;
use crate::config::{ConfigError, Secret, ServeConfig};

/// A domain separator of signatures, so that the same key can be used for other purposes too.
const SIGNED_FOR: &str = "pragati: the file of a request, version 1";

/// Makes links to files.
#[derive(Debug, Clone)]
pub struct Links {
    /// The public address of the service, which ends with a slash.
    public_url: Option<Url>,
    kept: std::time::Duration,
    /// Signs the links in mails, where they are signed.
    key: Option<Secret>,
}

/// The parameters of a signed link; untrusted until [`Links::is_signed`] has checked them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPart {
    /// When the link ends, in seconds since 1970 UTC.
    pub until: i64,
    /// In base64 for URLs.
    pub key: String,
}

impl Links {
    /// Links below `serve.public_url`, which end with the retention of files.
    ///
    /// # Errors
    /// The address is not a URL, or links are to be signed and there is no key.
    pub fn new(config: &ServeConfig) -> Result<Self, ConfigError> {
        let invalid = |reason: String| {
            ConfigError::Invalid(format!(
                "serve.public_url {reason}; give the address under which people reach this service, such as https://reports.example.org"
            ))
        };
        let public_url = config.public_url.as_deref().map(|text| {
            let slash = if text.ends_with('/') { "" } else { "/" };
            let url = Url::parse(&format!("{text}{slash}")).map_err(|error| invalid(format!("is no URL: {error}")))?;
            match url.scheme() {
                "http" | "https" => Ok(url),
                scheme => Err(invalid(format!("begins with {scheme}:"))),
            }
        });
        Ok(Self {
            public_url: public_url.transpose()?,
            kept: config.retention(),
            key: config.link_key()?,
        })
    }

    /// The address under which people reach this service, with a slash at its end.
    pub fn public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// When the file of a request is removed.
    pub fn end_of(&self, request: &Request) -> DateTime<Utc> {
        let ended = request.finished_at.unwrap_or(request.requested_at);
        let kept = TimeDelta::from_std(self.kept).unwrap_or(TimeDelta::MAX);
        ended.checked_add_signed(kept).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Where its requester fetches the file of a request, with a login; none where the service's public address is not
    /// known.
    pub fn to_file(&self, request: &Request) -> Option<Link> {
        let url = self.public_url.as_ref()?;
        let url = url.join(&format!("api/v1/reports/{}/file", request.id)).ok()?;
        Some(Link {
            url: url.into(),
            ends_at: self.end_of(request),
            asks_for_login: true,
        })
    }

    /// The link for a mail: signed where the site chose that, else the one that asks for a login.
    pub fn for_mail(&self, request: &Request) -> Option<Link> {
        let ends_at = self.end_of(request);
        let Some(signature) = self.signature(request, ends_at.timestamp()) else {
            return self.to_file(request);
        };
        let mut url = self
            .public_url
            .as_ref()?
            .join(&format!("download/{}", request.id))
            .ok()?;
        url.query_pairs_mut()
            .append_pair("until", &ends_at.timestamp().to_string())
            .append_pair("key", &URL_SAFE_NO_PAD.encode(signature.finalize().into_bytes()));
        Some(Link {
            url: url.into(),
            ends_at,
            asks_for_login: false,
        })
    }

    /// Where the recipient of a subscription's mail ends these mails; none where the service's public address is not known.
    pub fn to_unsubscribe(&self, token: &str) -> Option<String> {
        let url = self.public_url.as_ref()?.join(&format!("unsubscribe/{token}")).ok()?;
        Some(url.into())
    }

    /// Whether the signature is ours, for this request of this person. The expiry is not checked.
    pub fn is_signed(&self, request: &Request, part: &SignedPart) -> bool {
        let Some(signature) = self.signature(request, part.until) else {
            return false;
        };
        let given = URL_SAFE_NO_PAD.decode(&part.key);
        given.is_ok_and(|given| signature.verify_slice(&given).is_ok())
    }

    /// The signature of a link to the file of a request that expires at that time; none where links are not signed.
    fn signature(&self, request: &Request, until: i64) -> Option<Hmac<Sha256>> {
        let key = self.key.as_ref()?;
        // Keys of HMAC may have any length.
        let mut signature = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).ok()?;
        let id = request.id.to_string();
        let until = until.to_string();
        // The user's id comes last, because it may contain the separator.
        for part in [SIGNED_FOR, &id, &until, request.person.user_id.as_str()] {
            signature.update(part.as_bytes());
            signature.update(b"\n");
        }
        Some(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LinkKind;
    use crate::delivery::request::RequestId;

    #[test]
    fn only_web_addresses_are_taken() {
        let links = |url: &str| {
            Links::new(&ServeConfig {
                public_url: Some(url.to_owned()),
                ..ServeConfig::default()
            })
        };
        assert!(links("https://reports.example.org/pragati").is_ok());
        for bad in ["reports.example.org", "javascript:alert(1)", "file:///etc"] {
            let message = links(bad).expect_err(bad).to_string();
            assert!(
                message.contains("serve.public_url") && !message.contains('\n'),
                "{message}"
            );
        }
    }

    fn signing(key: Option<&str>) -> Result<Links, ConfigError> {
        Links::new(&ServeConfig {
            public_url: Some("https://reports.example.org/pragati".to_owned()),
            links: LinkKind::Signed,
            link_key: key.map(|key| key.to_owned().into()),
            ..ServeConfig::default()
        })
    }

    /// The signed parameters of a mail's link.
    fn part_of(links: &Links, request: &Request) -> SignedPart {
        let link = links.for_mail(request).expect("a link");
        assert!(!link.asks_for_login);
        let url = Url::parse(&link.url).expect("a URL");
        assert_eq!(url.path(), format!("/pragati/download/{}", request.id));
        let value = |name: &str| {
            let found = url.query_pairs().find(|(key, _)| key == name);
            found.expect("a value").1.into_owned()
        };
        let until = value("until").parse().expect("a number");
        assert_eq!(until, link.ends_at.timestamp());
        SignedPart {
            until,
            key: value("key"),
        }
    }

    #[test]
    fn a_signed_link_is_for_one_request_of_one_person_until_one_time() {
        let links = signing(Some("0123456789abcdef0123456789abcdef")).expect("links");
        let request = Request::running();
        let part = part_of(&links, &request);
        assert!(links.is_signed(&request, &part));
        let mut other = request.clone();
        other.id = RequestId::new();
        assert!(!links.is_signed(&other, &part), "another file");
        let mut other = request.clone();
        other.person.user_id = "ravi".parse().expect("an id");
        assert!(!links.is_signed(&other, &part), "another person");
        let later = SignedPart {
            until: part.until + 1,
            ..part.clone()
        };
        assert!(!links.is_signed(&request, &later), "a later end");
        let another = signing(Some("another key, of thirty-two bytes")).expect("links");
        assert!(!another.is_signed(&request, &part), "another key");
        for key in ["", "AAAA", "=", "ü", &part.key[1..], &format!("{}A", part.key)] {
            let key = key.to_owned();
            assert!(!links.is_signed(&request, &SignedPart { key, ..part.clone() }));
        }
        assert!(!format!("{links:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn links_are_signed_where_the_site_chose_it_and_with_a_good_key_alone() {
        for bad in [None, Some(""), Some("thirty-one bytes are not enough")] {
            let message = signing(bad).expect_err("no key").to_string();
            assert!(
                message.contains("serve.link_key_file") && !message.contains('\n'),
                "{message}"
            );
        }
        let plain = Links::new(&ServeConfig {
            public_url: Some("https://reports.example.org".to_owned()),
            link_key: Some("0123456789abcdef0123456789abcdef".to_owned().into()),
            ..ServeConfig::default()
        });
        let (plain, request) = (plain.expect("links"), Request::running());
        let link = plain.for_mail(&request).expect("a link");
        assert!(link.asks_for_login && link.url.ends_with("/file"), "{}", link.url);
        let signed = signing(Some("0123456789abcdef0123456789abcdef")).expect("links");
        assert!(!plain.is_signed(&request, &part_of(&signed, &request)));
    }

    proptest::proptest! {
        #[test]
        fn no_made_up_key_is_taken_for_a_signature(key in "[A-Za-z0-9_=-]{0,60}", until in proptest::prelude::any::<i64>()) {
            let links = signing(Some("0123456789abcdef0123456789abcdef")).expect("links");
            let made_up = SignedPart { until, key };
            proptest::prop_assert!(!links.is_signed(&Request::running(), &made_up));
        }
    }
}
