//! What the claims of a checked token say of a person.

use serde_json::{Map, Value};

use super::Refusal;
use crate::config::IdentityConfig;
use crate::delivery::mail::usable_address;
use crate::delivery::person::{Person, Roles};
use crate::ids::{TenantId, UserId};

/// The claims of a token, by name.
pub type Claims = Map<String, Value>;

/// The person whom the claims describe.
pub fn person(claims: &Claims, config: &IdentityConfig) -> Result<Person, Refusal> {
    let subject = claims.get("sub").and_then(Value::as_str);
    let user_id = subject
        .and_then(user_id)
        .ok_or(Refusal::BadToken("its sub names nobody"))?;
    let is_verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let email = claims
        .get("email")
        .and_then(Value::as_str)
        .filter(|_| is_verified || !config.require_verified_email)
        .and_then(usable_address);
    Ok(Person {
        user_id,
        email,
        roles: roles(&words(claims, &config.roles_claim), config),
    })
}

/// What the named roles allow.
pub fn roles(names: &[&str], config: &IdentityConfig) -> Roles {
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
    let id = match subject.strip_prefix("f:").and_then(|rest| rest.rsplit_once(':')) {
        Some((_, id)) => id,
        None => subject,
    };
    id.parse().ok()
}

/// The texts of the claim at `path`: a name, or names of nested objects with dots between them.
fn words<'a>(claims: &'a Claims, path: &str) -> Vec<&'a str> {
    let nested = || {
        let mut names = path.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    };
    match claims.get(path).or_else(nested) {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn person_of(claims: Value) -> Result<Person, Refusal> {
        let claims = claims.as_object().expect("an object");
        person(claims, &IdentityConfig::default())
    }

    #[test]
    fn federated_subjects_end_with_the_user_id() {
        for (subject, id) in [
            ("f:5a8a3f2b-3409:4cd4c690-eab6", Some("4cd4c690-eab6")),
            ("4cd4c690-eab6", Some("4cd4c690-eab6")),
            ("urn:somebody:else", Some("urn:somebody:else")),
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
            words(claims.as_object().expect("claims"), &config.roles_claim),
            ["pragati-admin"]
        );
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
