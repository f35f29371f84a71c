//! What Pragati promises its users, capability by capability, mostly through the command as they run it.
//!
//! One binary, because each one links the whole engine.

mod python;
mod running_service;
mod support;
mod token_issuer;

mod check;
mod delivery_api;
mod delivery_fuzz;
mod delivery_security;
mod exports;
mod memory;
mod nightly;
mod oracle;
mod published;
mod queries;
mod ratio;
mod reports;
mod sample;
mod sql;
mod stores;
mod sunbird;
