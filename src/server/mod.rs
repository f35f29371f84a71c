//! The HTTP service (`docs/design.md`, "Delivery"): requests for reports, their state and files, figures
//! for monitoring, and the page that shows the download ratio.
//!
//! [`crate::identity`] authenticates a request, `api` answers it, and [`HttpServer`] listens, within limits that keep
//! slow or greedy clients from taking the service away from others. [`Service`] runs it together with the workers.
//! Making and sending reports is left to `delivery`.

mod api;
pub mod batch_figures;
mod connection;
mod entity_tag;
mod error;
pub mod figures;
mod page;
mod serve;
mod service;
mod settings;
mod sign_in;

use std::sync::Arc;

use tokio::sync::Notify;

pub use api::openapi_document;
pub use error::ServerError;
pub use serve::{HttpServer, Limits};
pub use service::{Service, ServiceError};
pub use settings::check_settings;
pub use sign_in::{SignIn, SignInError};

use crate::config::ServeConfig;
use crate::delivery::files::ReportFiles;
use crate::delivery::metrics::DeliveryMetrics;
use crate::delivery::source::ReportSource;
use crate::delivery::store::Store;
use crate::delivery::subscriptions::SubscriptionRules;
use crate::identity::Identity;
use crate::postgres::PostgresMetrics;
use batch_figures::BatchFiguresSource;
use figures::FiguresSource;

/// The parts that the HTTP service shares with the rest of the process.
#[derive(Clone)]
pub struct ServerParts {
    /// The settings of `[serve]`.
    pub config: ServeConfig,
    /// Verifies login tokens.
    pub identity: Arc<Identity>,
    /// Signing in with a browser, where the site has it set up.
    pub sign_in: Option<Arc<SignIn>>,
    /// The database of requests.
    pub store: Store,
    /// The newest snapshot and output.
    pub source: Arc<ReportSource>,
    /// Makes and reads report files.
    pub files: Arc<ReportFiles>,
    /// Counters of deliveries.
    pub metrics: Arc<DeliveryMetrics>,
    /// The ratio, held in memory.
    pub figures: Arc<FiguresSource>,
    /// Figures of batches, held in memory.
    pub batch_figures: Arc<BatchFiguresSource>,
    /// Figures of the PostgreSQL endpoint, where there is one.
    pub postgres: Option<Arc<PostgresMetrics>>,
    /// Whether a mail server is set, so that reports can be mailed.
    pub can_mail: bool,
    /// What the site allows of subscriptions.
    pub subscriptions: Arc<SubscriptionRules>,
    /// Notified of each new request, so that a worker of this process takes it up at once.
    pub accepted: Arc<Notify>,
    /// Notified of each click that was counted, so that its event is written at once.
    pub clicked: Arc<Notify>,
}
