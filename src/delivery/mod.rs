//! Delivery (`docs/design.md`, "Delivery"): a click on "Download File" becomes a mail with the report, and no click is
//! lost.
//!
//! A request is in the [`store`] before it is confirmed; a worker makes its report from the newest [`source`] and hands it
//! over by [`mail`], or keeps it among the [`files`] for a download. Who may ask is decided by [`access`], when a
//! request is made and again before anything is handed over. [`subscriptions`] makes requests of what is sent again and
//! again. Taking requests from the network and knowing who sends them is left to `server`.

pub mod access;
pub mod bounces;
pub mod directory;
pub mod events;
pub mod files;
mod format;
pub mod links;
pub mod mail;
pub mod metrics;
pub mod options;
pub mod person;
pub mod request;
pub mod retention;
pub mod source;
pub mod store;
pub mod subscriptions;
pub mod tokens;
pub mod worker;
