//! The tokens of `--dev-auth`, which prove nothing: `dev:<user id>[,<mail address>[,<role>]…]`.

use super::claims;
use super::refusal::Reason;
use crate::config::IdentityConfig;
use crate::delivery::mail::usable_address;
use crate::delivery::person::Person;

/// The person whom the token names.
///
/// # Errors
///
/// Where it is of another form, or names nobody.
pub fn person(token: &str, config: &IdentityConfig) -> Result<Person, Reason> {
    let parts = token.strip_prefix("dev:");
    let mut parts = parts.ok_or(Reason::NotDev)?.split(',');
    let user_id = parts.next().and_then(claims::usable_id);
    let email = parts.next().and_then(usable_address);
    let roles: Vec<&str> = parts.collect();
    Ok(Person {
        user_id: user_id.ok_or(Reason::Nobody)?,
        email,
        roles: claims::roles(&roles, config),
        language: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_an_address_and_roles() {
        let config = IdentityConfig::default();
        let full = person("dev:u1,u1@example.org,pragati-admin,pragati-tenant-admin:t1", &config).expect("a person");
        assert_eq!(full.user_id.as_str(), "u1");
        assert_eq!(full.email.as_deref(), Some("u1@example.org"));
        assert!(full.roles.platform_admin);
        assert_eq!(full.roles.tenant_admin_of.len(), 1);
        let bare = person("dev:u1", &config).expect("a person");
        assert_eq!((bare.email, bare.roles), (None, Default::default()));
        for bad in ["", "u1", "dev:", "dev: ,a@example.org", "dev:u\u{7}"] {
            assert!(person(bad, &config).is_err(), "{bad}");
        }
    }
}
