//! What Pragati promises its users, capability by capability, mostly through the command as they run it.
//!
//! One binary, because each one links the whole engine.

mod browser;
mod check;
mod cli_tools;
#[cfg(feature = "cluster")]
mod cluster;
mod consent_rules;
mod dashboards;
mod delivery;
mod delivery_api;
mod delivery_bounces;
mod delivery_events;
mod delivery_fuzz;
mod delivery_mail;
mod delivery_metrics;
mod delivery_odd_servers;
mod delivery_retention;
mod delivery_security;
mod delivery_steps;
mod delivery_store;
#[cfg(feature = "delta")]
mod delta;
#[cfg(feature = "cluster")]
mod deployment;
mod endpoint;
mod endpoint_abuse;
mod endpoint_clients;
mod endpoint_tenants;
mod exports;
mod exports_files;
mod exports_layout;
mod exports_types;
mod figures;
mod history;
mod identity;
mod impossible_times;
mod mapped_plans;
mod mapping_cases;
mod memory;
mod moodle;
#[cfg(feature = "cluster")]
mod network;
mod nightly;
mod nightly_ratio;
mod node;
mod odd_mail_server;
mod openedx;
mod oracle;
mod page;
mod postgres;
mod postgres_expressions;
mod postgres_times;
mod prepared;
mod prometheus;
mod published;
mod python;
mod queries;
mod query;
mod ratio;
mod ratio_explained;
mod ratio_over_time;
mod raw_client;
mod reports;
mod requests;
mod rooms;
#[cfg(feature = "cluster")]
mod running_cluster;
mod running_endpoint;
mod running_service;
mod running_store;
mod sample;
mod served;
mod smtp;
mod sql;
mod stores;
mod sunbird;
mod sunbird_cases;
mod sunbird_consent;
mod sunbird_lern;
mod support;
mod telemetry;
mod terminal;
mod token_issuer;
mod writers;
mod zones;
