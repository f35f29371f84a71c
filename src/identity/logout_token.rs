//! Validates the claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6) whose signature has been
//! verified. It proves that somebody has signed out at the issuer; it is never taken for a login.

use serde_json::Value;

use super::checks::{Checked, expiry, is_for, issued_at, issuer, leeway, not_before};
use super::claims::{self, claim};
use super::refusal::Reason;
use crate::ids::UserId;

/// The member of `events` that makes a token a logout token.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest time since a token was made, in seconds, whatever its `exp` says. The ids of used tokens are kept for
/// longer than this and twice the largest leeway, so that no token is taken twice.
const LONGEST_AGE: f64 = 300.0;

/// What has ended at the issuer: one session, all sessions of a person, or one session of that person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerLogout {
    /// `jti`, which no other logout token has.
    pub token_id: String,
    /// `sub`: whose sessions have ended.
    pub user: Option<UserId>,
    /// `sid`: the issuer's session that has ended.
    pub session: Option<String>,
}

/// What the logout token says has ended, where it is one for our client.
///
/// # Errors
///
/// Why it is none.
pub fn check(token: Checked, client: &str) -> Result<IssuerLogout, Reason> {
    kind(token)?;
    issuer(token)?;
    is_for(token, client)?;
    let issued_at = issued_at(token)?;
    if token.now > issued_at + LONGEST_AGE + leeway(token) {
        return Err(Reason::IssuedLongAgo);
    }
    // Drafts of the standard had no `exp`, and issuers of that time send none.
    if claim(token.claims, "exp").is_some() {
        expiry(token)?;
    }
    not_before(token)?;
    let token_id = match claim(token.claims, "jti").ok_or(Reason::Lacks("jti"))? {
        Value::String(id) if !id.is_empty() => id.clone(),
        _ => return Err(Reason::Malformed("jti")),
    };
    let user = match claim(token.claims, "sub") {
        Some(_) => Some(claims::subject(token.claims)?),
        None => None,
    };
    let session = claims::issuer_session(token.claims)?;
    if user.is_none() && session.is_none() {
        return Err(Reason::NamesNoSession);
    }
    Ok(IssuerLogout {
        token_id,
        user,
        session,
    })
}

/// Checks that it says it is a logout token, and nothing else: an ID token has a `nonce`, which a logout token must not
/// have.
fn kind(token: Checked) -> Result<(), Reason> {
    let media_type = token.header.kind.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    let media_type = media_type.strip_prefix("application/").unwrap_or(&media_type);
    let is_logout_event = match claim(token.claims, "events") {
        Some(Value::Object(events)) => events.get(LOGOUT_EVENT).is_some_and(Value::is_object),
        _ => false,
    };
    // Keycloak's tokens say it in a claim, too.
    let is_of_other_type = claim(token.claims, "typ").is_some_and(|typ| typ != "Logout");
    if !matches!(media_type, "jwt" | "logout+jwt")
        || !is_logout_event
        || is_of_other_type
        || token.claims.contains_key("nonce")
    {
        return Err(Reason::NotLogoutToken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::checks::tried::{rules, with_token};
    use super::*;

    fn good() -> Value {
        json!({
            "iss": "https://login.example.org", "aud": "pragati", "iat": 1_800_000_000, "exp": 1_800_000_120,
            "jti": "bWJq", "sub": "f:store:asha", "sid": "08a5019c", "events": {LOGOUT_EVENT: {}},
        })
    }

    fn checked(typ: Option<&str>, claims: &Value) -> Result<IssuerLogout, Reason> {
        with_token(&rules(|_| ()), "RS256", typ, claims, |token| check(token, "pragati"))
    }

    fn refused(claims: &Value) -> Option<Reason> {
        checked(None, claims).err()
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    #[test]
    fn a_logout_token_says_whose_and_which_session_has_ended() {
        let expected = |user: Option<&str>, session: Option<&str>| -> Result<IssuerLogout, Reason> {
            Ok(IssuerLogout {
                token_id: "bWJq".to_owned(),
                user: user.map(|id| id.parse().expect("an id")),
                session: session.map(str::to_owned),
            })
        };
        assert_eq!(checked(None, &good()), expected(Some("asha"), Some("08a5019c")));
        assert_eq!(
            checked(None, &with("sid", Value::Null)),
            expected(Some("asha"), None),
            "all of a person"
        );
        assert_eq!(
            checked(None, &with("sub", Value::Null)),
            expected(None, Some("08a5019c"))
        );
        let mut neither = with("sub", Value::Null);
        neither["sid"] = Value::Null;
        assert_eq!(refused(&neither), Some(Reason::NamesNoSession));
    }

    #[test]
    fn only_a_logout_token_for_our_client_is_one() {
        for (claims, reason) in [
            (with("iss", json!("https://evil.example.org")), Some(Reason::Issuer)),
            (with("iss", Value::Null), Some(Reason::Lacks("iss"))),
            (with("aud", json!(["portal", "pragati"])), None),
            (with("aud", json!("reports")), Some(Reason::Audience)),
            (with("aud", Value::Null), Some(Reason::Lacks("aud"))),
            (with("nonce", json!("n")), Some(Reason::NotLogoutToken)),
            (with("nonce", Value::Null), Some(Reason::NotLogoutToken)),
            (with("events", Value::Null), Some(Reason::NotLogoutToken)),
            (with("events", json!({})), Some(Reason::NotLogoutToken)),
            (with("events", json!([LOGOUT_EVENT])), Some(Reason::NotLogoutToken)),
            (
                with("events", json!({LOGOUT_EVENT: true})),
                Some(Reason::NotLogoutToken),
            ),
            (
                with("events", json!({LOGOUT_EVENT: {}, "revoke_offline_access": true})),
                None,
            ),
            (with("typ", json!("Logout")), None),
            (with("typ", json!("ID")), Some(Reason::NotLogoutToken)),
            (with("typ", json!("Bearer")), Some(Reason::NotLogoutToken)),
            (with("jti", Value::Null), Some(Reason::Lacks("jti"))),
            (with("jti", json!("")), Some(Reason::Malformed("jti"))),
            (with("jti", json!(7)), Some(Reason::Malformed("jti"))),
            (with("sub", json!(7)), Some(Reason::Malformed("sub"))),
            (with("sub", json!("")), Some(Reason::Nobody)),
            (with("sid", json!(7)), Some(Reason::Malformed("sid"))),
            (with("sid", json!("")), Some(Reason::Malformed("sid"))),
        ] {
            assert_eq!(refused(&claims), reason, "{claims}");
        }
        for (typ, is_taken) in [
            ("JWT", true),
            ("logout+jwt", true),
            ("application/logout+jwt", true),
            ("at+jwt", false),
            ("", false),
        ] {
            assert_eq!(checked(Some(typ), &good()).is_ok(), is_taken, "{typ}");
        }
    }

    #[test]
    fn a_logout_token_is_taken_for_some_minutes() {
        for (claims, reason) in [
            (with("exp", Value::Null), None),
            (with("exp", json!(1_800_000_000 - 29)), None),
            (with("exp", json!(1_800_000_000 - 30)), Some(Reason::Expired)),
            (with("exp", json!("soon")), Some(Reason::Malformed("exp"))),
            (with("iat", Value::Null), Some(Reason::Lacks("iat"))),
            (with("iat", json!(1_800_000_000 - 330)), None),
            (with("iat", json!(1_800_000_000 - 331)), Some(Reason::IssuedLongAgo)),
            (with("iat", json!(1_800_000_030)), None),
            (with("iat", json!(1_800_000_031)), Some(Reason::IssuedLater)),
            (with("nbf", json!(1_800_000_031)), Some(Reason::NotYet)),
        ] {
            assert_eq!(refused(&claims), reason, "{claims}");
        }
    }
}
