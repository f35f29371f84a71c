//! What Pragati promises its users, capability by capability, mostly through the command as they run it.
//!
//! One binary, because each one links the whole engine.

mod browser;
mod check;
mod dashboards;
mod delivery;
mod delivery_api;
mod delivery_events;
mod delivery_fuzz;
mod delivery_mail;
mod delivery_metrics;
mod delivery_retention;
mod delivery_security;
mod delivery_steps;
mod delivery_store;
mod exports;
mod figures;
mod history;
mod memory;
mod nightly;
mod nightly_ratio;
mod oracle;
mod page;
mod postgres;
mod prometheus;
mod published;
mod python;
mod queries;
mod query;
mod ratio;
mod ratio_explained;
mod ratio_over_time;
mod reports;
mod requests;
mod running_service;
mod sample;
mod served;
mod smtp;
mod sql;
mod stores;
mod sunbird;
mod support;
mod telemetry;
mod terminal;
mod token_issuer;
