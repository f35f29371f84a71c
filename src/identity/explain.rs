//! `pragati token explain`: every check of a token with its outcome, made by the same code as the service's.
//!
//! Nothing of a token is shown but what the checks are about; never its signature, and no name or address.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use super::checks::{CLAIM_CHECKS, CLIENT_CLAIMS, Checked, OTHER_KINDS_CLAIMS, time};
use super::claims::{self, Claims, claim};
use super::jwk::TokenKey;
use super::keys::{Candidates, named};
use super::refusal::Refusal;
use super::token::{TokenHeader, TokenParts};
use super::tokens::Tokens;
use crate::config::AddressSource;

/// The checks, in the order in which they are made.
const ORDER: [&str; 16] = [
    "form",
    "header",
    "algorithm",
    "key id",
    "key",
    "signature",
    "claims",
    "issuer",
    "audience",
    "client",
    "type",
    "expiry",
    "not before",
    "subject",
    "roles",
    "address",
];
/// The most values of a list, and the most characters of a value, that are shown.
const MOST_VALUES: usize = 10;
const MOST_CHARACTERS: usize = 120;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The token passes.
    Passed,
    /// The token does not pass.
    Failed,
    /// It could not be made, because of a failed one before it.
    NotMade,
}

/// A check of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedCheck {
    /// The check's name, as it is printed.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, and what was asked for.
    pub detail: String,
}

/// Every check of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The checks, in the order in which they are made.
    pub checks: Vec<ExplainedCheck>,
    /// Why the service refuses the token; none where it takes it.
    pub refusal: Option<Refusal>,
}

impl Explanation {
    /// Notes a check; what it found, where it passed.
    fn note<T>(
        &mut self,
        name: &'static str,
        result: Result<T, impl Into<Refusal>>,
        detail: impl Into<String>,
    ) -> Option<T> {
        let detail = detail.into();
        let (value, outcome, detail) = match result.map_err(|error| -> Refusal { error.into() }) {
            Ok(value) => (Some(value), Outcome::Passed, detail),
            Err(refusal) => {
                self.refusal = self.refusal.or(Some(refusal));
                let detail = match detail.as_str() {
                    "" => refusal.to_string(),
                    detail => format!("{refusal}: {detail}"),
                };
                (None, Outcome::Failed, detail)
            }
        };
        self.checks.push(ExplainedCheck { name, outcome, detail });
        value
    }

    /// Notes something that no token is refused for.
    fn tell(&mut self, name: &'static str, detail: impl Into<String>) {
        self.note(name, Ok::<(), Refusal>(()), detail);
    }

    /// Adds the checks that were not made.
    fn finished(mut self) -> Self {
        let made = std::mem::take(&mut self.checks);
        self.checks = ORDER
            .into_iter()
            .map(|name| {
                let found = made.iter().find(|check| check.name == name);
                found.cloned().unwrap_or(ExplainedCheck {
                    name,
                    outcome: Outcome::NotMade,
                    detail: String::new(),
                })
            })
            .collect();
        self
    }
}

impl Tokens {
    /// Makes every check that can be made, also after one that failed.
    pub async fn explain(&self, token: &str) -> Explanation {
        let mut told = Explanation::default();
        let parts = TokenParts::of(token).and_then(|parts| parts.check_form().map(|()| parts));
        let Some(parts) = told.note("form", parts, format!("{} bytes", token.len())) else {
            return told.finished();
        };
        let header = parts.header();
        let found = header.as_ref().map_or_else(|_| String::new(), shown_type);
        let Some(header) = told.note("header", header, found) else {
            return told.finished();
        };
        self.explain_key(&mut told, &parts, &header).await;
        if let Some(claims) = told.note("claims", parts.claims(), "") {
            self.explain_claims(&mut told, &header, &claims);
        }
        told.finished()
    }

    async fn explain_key(&self, told: &mut Explanation, parts: &TokenParts<'_>, header: &TokenHeader) {
        let algorithm = self.algorithm(header);
        let found = match algorithm {
            Ok(algorithm) => algorithm.to_string(),
            Err(_) => {
                let accepted: Vec<&str> = self.rules.config.algorithms.iter().map(|one| one.name()).collect();
                let found = quoted(&header.algorithm);
                format!("alg is {found}, identity.algorithms has {}", accepted.join(", "))
            }
        };
        let algorithm = told.note("algorithm", algorithm, found);
        told.tell(
            "key id",
            match header.key_id.as_deref() {
                Some(id) => format!("kid is {}", quoted(id)),
                None => "there is no kid: the keys for the algorithm are tried".to_owned(),
            },
        );
        let Some(algorithm) = algorithm else { return };
        let candidates = self.candidates(header, algorithm).await;
        let found = self.found_keys(&candidates);
        let Some(candidates) = told.note("key", candidates, found) else {
            return;
        };
        let signer = self.signer(parts, header, algorithm, candidates).await;
        let found = match &signer {
            Ok(key) => format!("by {}", named(key.id.as_deref())),
            Err(_) => String::new(),
        };
        told.note("signature", signer, found);
    }

    /// The keys that fit, or those that there are.
    fn found_keys(&self, candidates: &Result<Candidates, Refusal>) -> String {
        let place = self.keys.shown();
        let trouble = self.keys.trouble().map(|trouble| trouble.to_string());
        let list = |keys: &[Arc<TokenKey>]| {
            let keys = keys.iter().take(MOST_VALUES);
            let words = keys.map(|key| {
                let id = named(key.id.as_deref());
                format!("{id} ({}, for {})", key.what, key.algorithm_names())
            });
            words.collect::<Vec<_>>().join("; ")
        };
        match candidates {
            Ok(candidates) => list(candidates.keys()),
            Err(Refusal::NoKeys) => format!("{place}: {}", trouble.unwrap_or_default()),
            Err(_) => {
                let keys = self.keys.keys();
                let mut words = format!("{place} has {}", list(keys.keys()));
                for more in keys.faults().into_iter().chain(trouble) {
                    words.push_str("; ");
                    words.push_str(&more);
                }
                words
            }
        }
    }

    fn explain_claims(&self, told: &mut Explanation, header: &TokenHeader, claims: &Claims) {
        let token = self.checked(header, claims);
        for one in &CLAIM_CHECKS {
            told.note(one.name, (one.check)(token), found_claim(one.name, token));
        }
        let subject = claims::subject(claims);
        let found = match &subject {
            Ok(user) => format!("the user id is {}", quoted(user.as_str())),
            Err(_) => String::new(),
        };
        told.note("subject", subject, found);
        told.tell("roles", self.found_roles(claims));
        told.tell(
            "address",
            match self.rules.config.address {
                AddressSource::Users => "reports go to the address in the users export".to_owned(),
                AddressSource::Claim => match claims::address(claims, &self.rules.config) {
                    Ok(_) => "reports go to the address in the claim email".to_owned(),
                    Err(reason) => format!("none, so that reports can only be downloaded: {reason}"),
                },
            },
        );
    }

    fn found_roles(&self, claims: &Claims) -> String {
        let config = &self.rules.config;
        let names = claims::role_names(claims, config);
        let roles = claims::roles(&names, config);
        let mut words = Vec::new();
        if roles.platform_admin {
            words.push("platform admin".to_owned());
        }
        for tenant in roles.tenant_admin_of.iter().take(MOST_VALUES) {
            words.push(format!("admin of tenant {}", quoted(tenant.as_str())));
        }
        if words.is_empty() {
            words.push("no admin role".to_owned());
        }
        let number = match names.len() {
            1 => "1 role".to_owned(),
            number => format!("{number} roles"),
        };
        format!("{} ({} lists {number})", words.join(", "), config.roles_claim)
    }
}

/// What a claim says, beside what is asked for.
fn found_claim(check: &str, token: Checked) -> String {
    let of = |name: &str| format!("{name} is {}", shown(claim(token.claims, name)));
    let config = &token.rules.config;
    match check {
        "issuer" => format!("{}, identity.issuer {}", of("iss"), quoted(&token.rules.issuer)),
        "audience" => format!("{}, identity.audience {}", of("aud"), quoted(&token.rules.audience)),
        "client" => {
            let clients: Vec<String> = config.clients.iter().map(|client| quoted(client)).collect();
            let asked = if clients.is_empty() {
                "is empty, so that any will do".to_owned()
            } else {
                clients.join(", ")
            };
            format!("{}, identity.clients {asked}", CLIENT_CLAIMS.map(of).join(", "))
        }
        "type" => {
            let others = OTHER_KINDS_CLAIMS.iter().chain(&["cnf"]);
            let others = others.filter(|name| claim(token.claims, name).is_some());
            let others: String = others.map(|name| format!(", there is {name}")).collect();
            format!("{}, claim {}{others}", shown_type(token.header), of("typ"))
        }
        "expiry" => shown_time("exp", token),
        "not before" => shown_time("nbf", token),
        _ => String::new(),
    }
}

fn shown_type(header: &TokenHeader) -> String {
    match header.kind.as_deref() {
        Some(kind) => format!("typ is {}", quoted(kind)),
        None => "typ is missing".to_owned(),
    }
}

fn shown_time(name: &'static str, token: Checked) -> String {
    let Ok(Some(seconds)) = time(token.claims, name) else {
        return format!("{name} is {}", shown(claim(token.claims, name)));
    };
    // Casts of numbers that are too large give the largest, which is no date.
    let date = DateTime::from_timestamp(seconds as i64, 0).map_or_else(
        || "no date".to_owned(),
        |date| date.to_rfc3339_opts(SecondsFormat::Secs, true),
    );
    let away = seconds - token.now;
    let when = if away < 0.0 {
        format!("{:.0} s ago", -away)
    } else {
        format!("in {away:.0} s")
    };
    let leeway = token.rules.config.leeway_seconds;
    format!("{name} is {date}, {when}; clocks may differ by {leeway} s")
}

/// A claim's value: a text, or a list of texts.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::String(text)) => quoted(text),
        Some(Value::Array(all)) if !all.is_empty() => {
            let values = all.iter().take(MOST_VALUES);
            values.map(|value| shown(Some(value))).collect::<Vec<_>>().join(", ")
        }
        Some(Value::Array(_)) => "an empty list".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => "of a wrong form".to_owned(),
    }
}

/// A text in quotes: what could change a terminal is escaped, and what is long is cut.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MOST_CHARACTERS).collect();
    let dots = if short.len() == text.len() { "" } else { "…" };
    format!("{short:?}{dots}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{IdentityConfig, TokenAlgorithm};
    use crate::identity::checks::Rules;
    use crate::identity::refusal::Reason;

    #[test]
    fn every_check_has_its_place_and_says_what_it_found() {
        let rules = Rules {
            issuer: "https://login.example.org".to_owned(),
            audience: "reports".to_owned(),
            config: IdentityConfig::default(),
        };
        let header = TokenHeader {
            algorithm: TokenAlgorithm::RS256.name().to_owned(),
            key_id: None,
            kind: None,
            extensions: None,
        };
        let claims = Claims::new();
        let token = Checked {
            rules: &rules,
            header: &header,
            claims: &claims,
            now: 0.0,
        };
        for check in &CLAIM_CHECKS {
            assert!(ORDER.contains(&check.name), "{}", check.name);
            assert_ne!(found_claim(check.name, token), "", "{}", check.name);
        }
    }

    #[test]
    fn values_are_shown_without_what_could_change_a_terminal() {
        assert_eq!(shown(None), "missing");
        assert_eq!(shown(Some(&json!(["a", "b\u{1b}[2J"]))), r#""a", "b\u{1b}[2J""#);
        assert_eq!(shown(Some(&json!([]))), "an empty list");
        assert_eq!(shown(Some(&json!({"a": "secret"}))), "of a wrong form");
        assert_eq!(
            quoted(&"x".repeat(500)),
            format!("\"{}\"…", "x".repeat(MOST_CHARACTERS))
        );
    }

    #[test]
    fn the_first_failed_check_is_the_reason() {
        let mut told = Explanation::default();
        told.tell("form", "");
        told.note("issuer", Err::<(), _>(Reason::Issuer), "iss is missing");
        told.note("expiry", Err::<(), _>(Reason::Expired), "");
        let told = told.finished();
        assert_eq!(told.refusal, Some(Refusal::BadToken(Reason::Issuer)));
        let outcome = |name: &str| {
            let check = told.checks.iter().find(|check| check.name == name);
            check.map(|check| (check.outcome, check.detail.as_str()))
        };
        let issuer = "another issuer made it (iss): iss is missing";
        assert_eq!(outcome("issuer"), Some((Outcome::Failed, issuer)));
        assert_eq!(outcome("expiry"), Some((Outcome::Failed, "it has expired (exp)")));
        assert_eq!(outcome("signature"), Some((Outcome::NotMade, "")));
        assert_eq!(told.checks.len(), ORDER.len());
    }
}
