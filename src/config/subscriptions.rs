//! Settings of subscriptions: how many, when, and to whom mails of officers may go.

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[subscriptions]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriptionsConfig {
    /// Subscriptions of one person that have not ended; 0 means that nobody subscribes.
    pub per_person: u32,
    /// When daily and weekly subscriptions without a time of their own are sent: HH:MM in `timezone`.
    pub send_at: String,
    /// Domains that addresses of officers may have: the part after the @; none means that officers get no mails.
    pub officer_domains: Vec<String>,
    /// Officers that one sending goes to at most.
    pub officers_per_sending: u32,
    /// Lines of a list of officers.
    pub officers_per_list: u32,
    /// The largest list of officers that is accepted, in bytes.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub largest_list: ByteSize,
    /// Days after somebody's last login here for which its admin roles count.
    pub roles_days: u32,
}

impl Default for SubscriptionsConfig {
    fn default() -> Self {
        Self {
            per_person: 20,
            send_at: "07:00".to_owned(),
            officer_domains: Vec::new(),
            officers_per_sending: 500,
            officers_per_list: 5_000,
            largest_list: ByteSize::mib(1),
            roles_days: 30,
        }
    }
}

impl SubscriptionsConfig {
    /// Refuses numbers of zero.
    ///
    /// # Errors
    /// A number is zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("officers_per_sending", self.officers_per_sending),
            ("officers_per_list", self.officers_per_list),
            ("roles_days", self.roles_days),
        ];
        match numbers.iter().find(|(_, number)| *number == 0) {
            Some((name, _)) => Err(ConfigError::Invalid(format!(
                "subscriptions.{name} must be a number from 1"
            ))),
            None => Ok(()),
        }
    }
}
