//! An SMTP client (RFC 5321): a [`Connection`], encrypted where it must be, the steps of one mail over it, and what a
//! reply means.
//!
//! Client libraries hide what deliveries depend on: the number after SIZE, answers that are not UTF-8, answers that
//! arrive while the content is still being written, and servers that accept one EHLO or only HELO.

mod capabilities;
mod connection;
mod dialogue;
mod login;
mod meaning;
mod reach;
mod reply;
mod step;

pub(super) use connection::{Connection, MailToSend};
pub(super) use login::Credentials;
pub(super) use meaning::{Meaning, meaning};
pub(super) use reach::{Security, Server, Tls};
pub(super) use reply::without_addresses;
pub(super) use step::{Step, StepFailure};
