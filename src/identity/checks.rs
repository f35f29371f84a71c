//! Validates the claims of a token whose signature has been verified. Each check is separate, so that the service and
//! `pragati token explain` share them.

use serde_json::Value;

use super::claims::{Claims, claim};
use super::refusal::Reason;
use super::token::TokenHeader;
use crate::config::IdentityConfig;

/// What tokens are checked against.
#[derive(Debug)]
pub struct Rules {
    pub issuer: String,
    pub audience: String,
    pub config: IdentityConfig,
}

/// A token that is checked.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    pub rules: &'a Rules,
    pub header: &'a TokenHeader,
    pub claims: &'a Claims,
    /// Seconds since 1970.
    pub now: f64,
}

/// One check of the claims.
pub struct ClaimCheck {
    pub name: &'static str,
    /// Whether the token passes.
    pub check: fn(Checked) -> Result<(), Reason>,
}

/// The checks of claims, in the order in which they are made.
pub const CLAIM_CHECKS: [ClaimCheck; 6] = [
    ClaimCheck {
        name: "issuer",
        check: issuer,
    },
    ClaimCheck {
        name: "audience",
        check: audience,
    },
    ClaimCheck {
        name: "client",
        check: client,
    },
    ClaimCheck {
        name: "type",
        check: access_token,
    },
    ClaimCheck {
        name: "expiry",
        check: expiry,
    },
    ClaimCheck {
        name: "not before",
        check: not_before,
    },
];

/// The claims that name the client that a token was made for.
pub const CLIENT_CLAIMS: [&str; 2] = ["azp", "client_id"];
/// The claims that access tokens do not have: hashes of what ID tokens come with (OpenID Connect Core), and the events
/// of logout tokens. A `nonce` is none of them, because some issuers write it into access tokens too.
pub const OTHER_KINDS_CLAIMS: [&str; 4] = ["at_hash", "c_hash", "s_hash", "events"];

/// Checks that the issuer (`iss`) is the configured one.
///
/// # Errors
///
/// The claim is missing, malformed or another issuer's.
pub fn issuer(token: Checked) -> Result<(), Reason> {
    let issuer = claim(token.claims, "iss").ok_or(Reason::Lacks("iss"))?;
    let issuer = issuer.as_str().ok_or(Reason::Malformed("iss"))?;
    if issuer != token.rules.issuer {
        return Err(Reason::Issuer);
    }
    Ok(())
}

fn audience(token: Checked) -> Result<(), Reason> {
    is_for(token, &token.rules.audience)
}

/// Checks that the audience (`aud`) is `ours`, beside others or alone.
///
/// # Errors
///
/// The claim is missing, malformed or does not have `ours`.
pub fn is_for(token: Checked, ours: &str) -> Result<(), Reason> {
    let is_for_us = match claim(token.claims, "aud").ok_or(Reason::Lacks("aud"))? {
        Value::String(one) => one == ours,
        Value::Array(all) => all.iter().any(|one| one == ours),
        _ => return Err(Reason::Malformed("aud")),
    };
    if !is_for_us {
        return Err(Reason::Audience);
    }
    Ok(())
}

/// Every claim that names a client must name one of the list.
fn client(token: Checked) -> Result<(), Reason> {
    let clients = &token.rules.config.clients;
    if clients.is_empty() {
        return Ok(());
    }
    let mut is_named = false;
    for named in CLIENT_CLAIMS.iter().filter_map(|name| claim(token.claims, name)) {
        if !clients.iter().any(|client| named == client.as_str()) {
            return Err(Reason::Client);
        }
        is_named = true;
    }
    if !is_named {
        return Err(Reason::NoClient);
    }
    Ok(())
}

fn access_token(token: Checked) -> Result<(), Reason> {
    match kind(token.header, token.claims) {
        Kind::Other => Err(Reason::NotAccess),
        // A sender-constrained token needs a proof of possession (RFC 7800, 8705, 9449), which is not supported.
        _ if claim(token.claims, "cnf").is_some() => Err(Reason::Bound),
        Kind::Access => Ok(()),
        Kind::Unsaid if !token.rules.config.require_access_token => Ok(()),
        Kind::Unsaid => Err(Reason::KindUnsaid),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Access,
    Other,
    /// The token does not say what it is.
    Unsaid,
}

/// What a token says that it is: in its header (RFC 9068), in Keycloak's claim `typ`, or by claims of other tokens.
fn kind(header: &TokenHeader, claims: &Claims) -> Kind {
    if OTHER_KINDS_CLAIMS.iter().any(|name| claim(claims, name).is_some()) {
        return Kind::Other;
    }
    let by_claim = match claim(claims, "typ") {
        None => Kind::Unsaid,
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("Bearer") => Kind::Access,
        Some(_) => Kind::Other,
    };
    let media_type = header.kind.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    match media_type.strip_prefix("application/").unwrap_or(&media_type) {
        "jwt" => by_claim,
        "at+jwt" if by_claim == Kind::Unsaid => Kind::Access,
        "at+jwt" => by_claim,
        _ => Kind::Other,
    }
}

/// Checks that the token has not expired (`exp`).
///
/// # Errors
///
/// The claim is missing or malformed, or the time is over.
pub fn expiry(token: Checked) -> Result<(), Reason> {
    let end = time(token.claims, "exp")?.ok_or(Reason::Lacks("exp"))?;
    if token.now >= end + leeway(token) {
        return Err(Reason::Expired);
    }
    Ok(())
}

/// Checks that the token is valid already (`nbf`), where it says from when on.
///
/// # Errors
///
/// The claim is malformed, or the time is still to come.
pub fn not_before(token: Checked) -> Result<(), Reason> {
    match time(token.claims, "nbf")? {
        Some(start) if start > token.now + leeway(token) => Err(Reason::NotYet),
        _ => Ok(()),
    }
}

/// When it was issued, in seconds since 1970: not in the future.
///
/// # Errors
///
/// Where it does not say so, or says the future.
pub fn issued_at(token: Checked) -> Result<f64, Reason> {
    let at = time(token.claims, "iat")?.ok_or(Reason::Lacks("iat"))?;
    if at > token.now + leeway(token) {
        return Err(Reason::IssuedLater);
    }
    Ok(at)
}

/// Seconds that clocks may differ by.
pub fn leeway(token: Checked) -> f64 {
    f64::from(token.rules.config.leeway_seconds)
}

/// A time in seconds since 1970; numbers may have fractions (RFC 7519, "NumericDate").
///
/// # Errors
///
/// Where it is no number.
pub fn time(claims: &Claims, name: &'static str) -> Result<Option<f64>, Reason> {
    match claim(claims, name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(Reason::Malformed(name)),
    }
}

/// Tokens that the checks of this room are tried with.
#[cfg(test)]
pub mod tried {
    use super::*;

    /// Seconds since 1970.
    const NOW: f64 = 1_800_000_000.0;

    /// The rules of one issuer, with a change of the usual settings.
    pub fn rules(change: impl FnOnce(&mut IdentityConfig)) -> Rules {
        let mut config = IdentityConfig::default();
        change(&mut config);
        Rules {
            issuer: "https://login.example.org".to_owned(),
            audience: "reports".to_owned(),
            config,
        }
    }

    /// What a check says of a token of these parts.
    pub fn with_token<T>(
        rules: &Rules,
        algorithm: &str,
        typ: Option<&str>,
        claims: &Value,
        check: impl FnOnce(Checked<'_>) -> T,
    ) -> T {
        let header = TokenHeader {
            algorithm: algorithm.to_owned(),
            key_id: None,
            kind: typ.map(str::to_owned),
            extensions: None,
        };
        check(Checked {
            rules,
            header: &header,
            claims: claims.as_object().expect("claims"),
            now: NOW,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::tried::{rules, with_token};
    use super::*;

    fn good() -> Value {
        json!({"iss": "https://login.example.org", "aud": "reports", "exp": 1_800_000_060})
    }

    /// The first failed check.
    fn refused(rules: &Rules, typ: Option<&str>, claims: &Value) -> Option<Reason> {
        with_token(rules, "RS256", typ, claims, |token| {
            CLAIM_CHECKS.iter().find_map(|one| (one.check)(token).err())
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    #[test]
    fn issuer_audience_and_times_must_be_right() {
        let rules = rules(|_| ());
        assert_eq!(refused(&rules, None, &good()), None);
        for (claims, reason) in [
            (with("iss", json!("https://login.example.org/")), Some(Reason::Issuer)),
            (
                with("iss", json!(["https://login.example.org"])),
                Some(Reason::Malformed("iss")),
            ),
            (with("iss", Value::Null), Some(Reason::Lacks("iss"))),
            (with("aud", json!(["account", "reports"])), None),
            (with("aud", json!([])), Some(Reason::Audience)),
            (with("aud", json!("Reports")), Some(Reason::Audience)),
            (with("aud", json!({"reports": 1})), Some(Reason::Malformed("aud"))),
            (with("exp", json!(1_800_000_000 - 29)), None),
            (with("exp", json!(1_800_000_000 - 30)), Some(Reason::Expired)),
            (with("exp", json!(1_799_999_970.5)), None),
            (with("exp", json!(-1)), Some(Reason::Expired)),
            (with("exp", json!("1800000060")), Some(Reason::Malformed("exp"))),
            (with("exp", Value::Null), Some(Reason::Lacks("exp"))),
            (with("nbf", json!(0)), None),
            (with("nbf", json!(1_800_000_030)), None),
            (with("nbf", json!(1_800_000_031)), Some(Reason::NotYet)),
            (with("nbf", json!("now")), Some(Reason::Malformed("nbf"))),
        ] {
            assert_eq!(refused(&rules, None, &claims), reason, "{claims}");
        }
    }

    #[test]
    fn listed_clients_alone_are_accepted() {
        let any = rules(|_| ());
        assert_eq!(refused(&any, None, &with("azp", json!("whoever"))), None);
        let listed = rules(|config| config.clients = vec!["portal".to_owned(), "android".to_owned()]);
        assert_eq!(refused(&listed, None, &good()), Some(Reason::NoClient));
        assert_eq!(refused(&listed, None, &with("azp", json!("android"))), None);
        assert_eq!(refused(&listed, None, &with("client_id", json!("portal"))), None);
        assert_eq!(
            refused(&listed, None, &with("azp", json!("game"))),
            Some(Reason::Client)
        );
        assert_eq!(
            refused(&listed, None, &with("azp", json!(["portal"]))),
            Some(Reason::Client)
        );
        let mut both = with("azp", json!("portal"));
        both["client_id"] = json!("game");
        assert_eq!(refused(&listed, None, &both), Some(Reason::Client));
    }

    #[test]
    fn tokens_with_claims_of_other_tokens_are_refused() {
        let open = rules(|_| ());
        let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        for (name, value) in [
            ("at_hash", json!("MTIzNDU2Nzg5MDEyMzQ1Ng")),
            ("c_hash", json!("LDktKdoQak3Pk0cnXxCltA")),
            ("s_hash", json!("")),
            ("events", logout),
        ] {
            let claims = with(name, value);
            for header in [None, Some("JWT"), Some("at+jwt")] {
                assert_eq!(refused(&open, header, &claims), Some(Reason::NotAccess), "{claims}");
            }
        }
        assert_eq!(refused(&open, None, &with("at_hash", Value::Null)), None);
        assert_eq!(refused(&open, None, &with("nonce", json!("n-0S6_WzA2Mj"))), None);
    }

    #[test]
    fn tokens_that_are_bound_to_a_key_are_refused() {
        let strict = rules(|config| config.require_access_token = true);
        let mut bound = with("cnf", json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}));
        for header in [Some("JWT"), Some("at+jwt")] {
            assert_eq!(refused(&strict, header, &bound), Some(Reason::Bound), "{header:?}");
        }
        bound["typ"] = json!("DPoP");
        assert_eq!(refused(&strict, None, &bound), Some(Reason::NotAccess));
    }

    #[test]
    fn tokens_that_say_that_they_are_something_else_are_refused() {
        let open = rules(|_| ());
        let strict = rules(|config| config.require_access_token = true);
        let typ = |kind: &str| with("typ", json!(kind));
        for (header, claims, of_open, of_strict) in [
            (Some("JWT"), good(), None, Some(Reason::KindUnsaid)),
            (None, good(), None, Some(Reason::KindUnsaid)),
            (Some("at+jwt"), good(), None, None),
            (Some("application/AT+JWT"), good(), None, None),
            (Some("JWT"), typ("Bearer"), None, None),
            (Some("at+jwt"), typ("Bearer"), None, None),
        ] {
            assert_eq!(refused(&open, header, &claims), of_open, "{header:?} {claims}");
            assert_eq!(refused(&strict, header, &claims), of_strict, "{header:?} {claims}");
        }
        for (header, claims) in [
            (Some("JWT"), typ("ID")),
            (Some("JWT"), typ("Refresh")),
            (Some("JWT"), typ("Offline")),
            (Some("JWT"), with("typ", json!(7))),
            (Some("at+jwt"), typ("ID")),
            (Some("logout+jwt"), good()),
            (Some("dpop+jwt"), typ("Bearer")),
        ] {
            assert_eq!(
                refused(&open, header, &claims),
                Some(Reason::NotAccess),
                "{header:?} {claims}"
            );
        }
    }
}
