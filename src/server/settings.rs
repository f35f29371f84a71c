//! The settings of the service, checked without starting it: nothing is connected to, made or listened on.

use super::serve::HttpServer;
use super::service::{ServiceError, database};
use super::sign_in::SignIn;
use crate::config::Config;
use crate::delivery::links::Links;
use crate::delivery::mail::Mailer;
use crate::delivery::subscriptions::SubscriptionRules;
use crate::identity::Identity;
use crate::postgres::PostgresServer;

/// Checks `[serve]`, `[postgres]`, `[database]`, `[identity]`, `[sign_in]`, `[mail]` and `[subscriptions]`, with the
/// files that they name. Sections that are not set are no mistake: a site may have no service.
///
/// # Errors
/// Where the service would not start with these settings.
pub async fn check_settings(config: &Config) -> Result<(), ServiceError> {
    Links::new(&config.serve)?;
    HttpServer::check_settings(&config.serve)?;
    Mailer::new(&config.mail, config.timezone.clone())?;
    SubscriptionRules::new(config)?;
    Identity::check_settings(&config.identity).await?;
    SignIn::check_settings(config)?;
    database(config)?.check()?;
    PostgresServer::check_settings(config)?;
    Ok(())
}
