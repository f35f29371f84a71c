//! What Pragati promises its users, capability by capability, mostly through the command as they run it.
//!
//! One binary, because each one links the whole engine.

mod check;
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
mod history;
mod memory;
mod nightly;
mod oracle;
mod postgres;
mod published;
mod python;
mod queries;
mod query;
mod ratio;
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
mod terminal;
mod token_issuer;
