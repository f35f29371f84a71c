//! Reads a person from the claims of a validated token.

use serde_json::{Map, Value};

use super::refusal::Reason;
use crate::config::IdentityConfig;
use crate::delivery::mail::usable_address;
use crate::delivery::person::{Person, Roles};
use crate::ids::{TenantId, UserId};
use crate::language::Language;

/// The claims of a token, by name.
pub type Claims = Map<String, Value>;

/// The person whom the claims describe.
///
/// # Errors
///
/// The subject is not a usable user id.
pub fn person(claims: &Claims, config: &IdentityConfig) -> Result<Person, Reason> {
    Ok(Person {
        user_id: subject(claims)?,
        email: address(claims, config).ok(),
        roles: roles(&role_names(claims, config), config),
        language: claim(claims, "locale")
            .and_then(Value::as_str)
            .and_then(Language::from_tag),
    })
}

/// A claim; one that is null is taken for a missing one.
pub fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// The user whom the claims are about.
///
/// # Errors
///
/// `sub` is missing or not a usable user id.
pub fn subject(claims: &Claims) -> Result<UserId, Reason> {
    let subject = claim(claims, "sub").ok_or(Reason::Lacks("sub"))?;
    let subject = subject.as_str().ok_or(Reason::Malformed("sub"))?;
    user_id(subject).ok_or(Reason::Nobody)
}

/// The issuer's session (`sid`), where the token names one.
///
/// # Errors
///
/// Where it is no text, or an empty one.
pub fn issuer_session(claims: &Claims) -> Result<Option<String>, Reason> {
    match claim(claims, "sid") {
        None => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(id.clone())),
        Some(_) => Err(Reason::Malformed("sid")),
    }
}

/// The mail address that the claims prove.
///
/// # Errors
///
/// Says in words why there is none.
pub fn address(claims: &Claims, config: &IdentityConfig) -> Result<String, &'static str> {
    let address = claim(claims, "email").ok_or("there is no claim email")?;
    if config.require_verified_email && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err("email_verified is not true, as identity.require_verified_email asks");
    }
    let address = address.as_str().and_then(usable_address);
    address.ok_or("the claim email is no address that mail can be sent to")
}

/// The roles of the configured claim. A role that holds in some organisations alone, as Sunbird writes it
/// (`{"role": R, "scope": [{"organisationId": O}]}`), is named `R:O` for each of them.
pub fn role_names(claims: &Claims, config: &IdentityConfig) -> Vec<String> {
    match at_path(claims, &config.roles_claim) {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(roles)) => roles.iter().flat_map(names_of_role).collect(),
        _ => Vec::new(),
    }
}

/// What the named roles allow.
pub fn roles(names: &[impl AsRef<str>], config: &IdentityConfig) -> Roles {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let tenants = names
        .iter()
        .filter_map(|name| name.strip_prefix(&config.tenant_admin_prefix));
    Roles {
        platform_admin: names.contains(&config.platform_admin_role.as_str()),
        tenant_admin_of: tenants.filter_map(|tenant| tenant.parse::<TenantId>().ok()).collect(),
    }
}

/// The user of a subject. Keycloak names users of a federated store `f:<store>:<user id>`.
fn user_id(subject: &str) -> Option<UserId> {
    // A store's id has no colon, but a user's id may: taking the part after the last colon could give another user's
    // id.
    match subject.strip_prefix("f:").and_then(|rest| rest.split_once(':')) {
        Some((_, id)) => usable_id(id),
        None => usable_id(subject),
    }
}

/// The user of that id; none where it is blank, or has what could change a log or a terminal.
pub fn usable_id(id: &str) -> Option<UserId> {
    if id.chars().any(char::is_control) {
        return None;
    }
    id.parse().ok()
}

/// The claim at `path`: a name, or names of nested objects with dots between them.
fn at_path<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    let nested = || {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    };
    claims.get(path).or_else(nested)
}

fn names_of_role(role: &Value) -> Vec<String> {
    if let Some(name) = role.as_str() {
        return vec![name.to_owned()];
    }
    let Some(name) = role.get("role").and_then(Value::as_str) else {
        return Vec::new();
    };
    match role.get("scope") {
        None | Some(Value::Null) => vec![name.to_owned()],
        Some(Value::Array(scopes)) if scopes.is_empty() => vec![name.to_owned()],
        Some(Value::Array(scopes)) => {
            let places = scopes.iter().filter_map(|scope| scope.get("organisationId")?.as_str());
            places.map(|place| format!("{name}:{place}")).collect()
        }
        // Where a scope is given and cannot be read, the role holds nowhere.
        Some(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person_of(claims: Value) -> Result<Person, Reason> {
        let claims = claims.as_object().expect("an object");
        person(claims, &IdentityConfig::default())
    }

    #[test]
    fn federated_subjects_end_with_the_user_id() {
        for (subject, id) in [
            ("f:5a8a3f2b-3409:4cd4c690-eab6", Some("4cd4c690-eab6")),
            ("4cd4c690-eab6", Some("4cd4c690-eab6")),
            ("urn:somebody:else", Some("urn:somebody:else")),
            ("f:s:evil:victim", Some("evil:victim")),
            ("f:s", Some("f:s")),
            ("u1\n", None),
            ("u1\u{1b}[2J", None),
            ("f:realm:u\u{0}1", None),
            ("f:realm: ", None),
            ("f:realm:", None),
            ("", None),
        ] {
            let found = person_of(json!({"sub": subject})).ok();
            assert_eq!(found.as_ref().map(|person| person.user_id.as_str()), id, "{subject}");
        }
        assert!(person_of(json!({"sub": 7})).is_err());
        assert!(person_of(json!({})).is_err());
    }

    #[test]
    fn the_language_is_that_of_the_claim_locale() {
        let language = |claims| person_of(claims).expect("a person").language;
        assert_eq!(language(json!({"sub": "u1", "locale": "ta-IN"})), Some(Language::Tamil));
        for other in [
            json!({"sub": "u1"}),
            json!({"sub": "u1", "locale": "fr"}),
            json!({"sub": "u1", "locale": 7}),
        ] {
            assert_eq!(language(other), None);
        }
    }

    #[test]
    fn roles_come_from_the_configured_claim() {
        let person = person_of(json!({
            "sub": "u1",
            "roles": ["pragati-admin"],
            "realm_access": {"roles": ["user", "pragati-tenant-admin:t1", "pragati-tenant-admin:", 7]},
        }))
        .expect("a person");
        assert!(!person.roles.platform_admin);
        assert_eq!(person.roles.tenant_admin_of, [("t1".parse().expect("an id"))].into());
        let admin = person_of(json!({"sub": "u1", "realm_access": {"roles": "pragati-admin"}})).expect("a person");
        assert!(admin.roles.platform_admin);
        for nothing in [
            json!({"sub": "u1", "realm_access": []}),
            json!({"sub": "u1", "realm_access": {"roles": {}}}),
        ] {
            assert_eq!(person_of(nothing).expect("a person").roles, Roles::default());
        }
        // A claim whose own name has dots, as some issuers require.
        let config = IdentityConfig {
            roles_claim: "https://example.org/roles".to_owned(),
            ..IdentityConfig::default()
        };
        let claims = json!({"https://example.org/roles": ["pragati-admin"]});
        assert_eq!(
            role_names(claims.as_object().expect("claims"), &config),
            ["pragati-admin"]
        );
    }

    #[test]
    fn roles_of_organisations_are_those_of_their_tenants() {
        let config = IdentityConfig {
            roles_claim: "roles".to_owned(),
            tenant_admin_prefix: "ORG_ADMIN:".to_owned(),
            platform_admin_role: "REPORT_ADMIN".to_owned(),
            ..IdentityConfig::default()
        };
        let roles_of = |given: Value| {
            let claims = json!({"sub": "u1", "roles": given});
            person(claims.as_object().expect("claims"), &config)
                .expect("a person")
                .roles
        };
        let roles = roles_of(json!([
            {"role": "PUBLIC", "scope": []},
            {"role": "ORG_ADMIN", "scope": [{"organisationId": "0123"}, {"organisationId": "0124"}, {"other": 1}]},
            {"role": "REPORT_ADMIN", "scope": [{"organisationId": "0123"}]},
        ]));
        assert!(!roles.platform_admin, "it is one of an organisation alone");
        let tenants = ["0123", "0124"].map(|id| id.parse::<TenantId>().expect("an id"));
        assert_eq!(roles.tenant_admin_of, tenants.into());
        assert!(roles_of(json!([{"role": "REPORT_ADMIN", "scope": []}])).platform_admin);
        assert!(roles_of(json!([{"role": "REPORT_ADMIN"}, {"role": "PUBLIC"}])).platform_admin);
        assert!(roles_of(json!([{"role": "REPORT_ADMIN", "scope": null}])).platform_admin);
        for unreadable in [
            json!([{}]),
            json!(["0123"]),
            json!({"organisationId": "0123"}),
            json!({}),
            json!("0123"),
            json!(""),
            json!(7),
            json!(false),
        ] {
            for role in ["REPORT_ADMIN", "ORG_ADMIN"] {
                let roles = roles_of(json!([{"role": role, "scope": unreadable}]));
                assert_eq!(roles, Roles::default(), "{role} {unreadable}");
            }
        }
        for nothing in [
            json!([{"scope": []}]),
            json!([7, null, []]),
            json!({"role": "REPORT_ADMIN"}),
        ] {
            assert_eq!(roles_of(nothing), Roles::default());
        }
    }

    #[test]
    fn an_address_must_be_verified() {
        let email = |verified: Value| {
            let claims = json!({"sub": "u1", "email": "asha@example.org", "email_verified": verified});
            person_of(claims).expect("a person").email
        };
        assert_eq!(email(json!(true)), Some("asha@example.org".to_owned()));
        assert_eq!(email(json!(false)), None);
        assert_eq!(email(json!("true")), None);
        assert_eq!(email(Value::Null), None);
    }
}
