//! What a site allows of subscriptions, checked and ready to use.

use chrono::{DateTime, TimeDelta, Utc};

use super::TimeOfDay;
use crate::config::{Config, ConfigError, SubscriptionsConfig};
use crate::delivery::mail::usable_address;
use crate::delivery::person::{Person, Roles};
use crate::zone::Zone;

/// The rules of a site.
#[derive(Debug, Clone)]
pub struct SubscriptionRules {
    /// The settings of `[subscriptions]`.
    pub config: SubscriptionsConfig,
    /// The zone of days and times of day.
    pub zone: Zone,
    /// When daily and weekly subscriptions are sent that name no time.
    pub usual_time: TimeOfDay,
    /// The allowed domains of officers' addresses, in lower case.
    domains: Vec<String>,
}

impl SubscriptionRules {
    /// The rules of a configuration.
    ///
    /// # Errors
    /// Where a setting cannot be used.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let settings = config.subscriptions.clone();
        let usual_time = TimeOfDay::parse(&settings.send_at).ok_or_else(|| {
            ConfigError::Invalid(format!(
                "subscriptions.send_at = \"{}\" is no time of day; write it as HH:MM, such as 07:00",
                settings.send_at
            ))
        })?;
        let domains = settings.officer_domains.iter().map(|domain| {
            // A domain in the normal form of addresses.
            let address = usable_address(&format!("x@{}", domain.trim())).and_then(|address| domain_of(&address));
            address.ok_or_else(|| {
                ConfigError::Invalid(format!(
                    "subscriptions.officer_domains has '{domain}', which is no domain; write what follows the @, such as example.org"
                ))
            })
        });
        Ok(Self {
            domains: domains.collect::<Result<_, _>>()?,
            usual_time,
            zone: config.timezone.clone(),
            config: settings,
        })
    }

    /// Whether mails of officers may go to an address: it is of one of the allowed domains. Subdomains are others.
    pub fn is_allowed(&self, address: &str) -> bool {
        domain_of(address).is_some_and(|domain| self.domains.contains(&domain))
    }

    /// The person with the roles that still count at a moment: those of an admin are valid for a while after their last
    /// login here. A creator or mentor is one by the newest data.
    pub fn person_at(&self, person: &Person, roles_at: DateTime<Utc>, now: DateTime<Utc>) -> Person {
        let mut person = person.clone();
        if now - roles_at > TimeDelta::days(i64::from(self.config.roles_days)) {
            person.roles = Roles::default();
        }
        person
    }
}

/// What follows the `@` of an address, in lower case.
fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    (!domain.is_empty()).then(|| domain.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(domains: &[&str], send_at: &str) -> Result<SubscriptionRules, ConfigError> {
        let mut config = Config::default();
        config.subscriptions.officer_domains = domains.iter().map(|&domain| domain.to_owned()).collect();
        config.subscriptions.send_at = send_at.to_owned();
        SubscriptionRules::new(&config)
    }

    #[test]
    fn addresses_of_other_domains_are_refused() {
        let none = rules(&[], "07:00").expect("rules");
        assert!(!none.is_allowed("bno@example.org"));
        let some = rules(&["Example.org", "edu.gov.in"], "07:00").expect("rules");
        for (address, is_allowed) in [
            ("bno@example.org", true),
            ("bno@EXAMPLE.ORG", true),
            ("bno@edu.gov.in", true),
            ("bno@up.edu.gov.in", false),
            ("bno@example.org.evil.example", false),
            ("example.org", false),
            ("bno@example.org@evil.example", false),
        ] {
            assert_eq!(some.is_allowed(address), is_allowed, "{address}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        for (domains, send_at, named) in [
            (&["a b"][..], "07:00", "subscriptions.officer_domains"),
            (&[""], "07:00", "subscriptions.officer_domains"),
            (&[], "7 am", "subscriptions.send_at"),
        ] {
            let message = rules(domains, send_at).expect_err("a mistake").to_string();
            assert!(message.contains(named) && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn roles_of_an_admin_are_valid_for_a_while() {
        let rules = rules(&[], "07:00").expect("rules");
        let admin = Person {
            user_id: "u1".parse().expect("an id"),
            email: None,
            roles: Roles {
                platform_admin: true,
                ..Roles::default()
            },
            language: None,
        };
        let then: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().expect("a time");
        let days = |days| {
            rules
                .person_at(&admin, then, then + TimeDelta::days(days))
                .roles
                .platform_admin
        };
        assert!(days(30));
        assert!(!days(31));
    }
}
