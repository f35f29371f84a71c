//! Speaking with a mail server (RFC 5321): a [`Connection`] that is private where it must be, the steps of one mail
//! over it, and what an answer means.
//!
//! Libraries for this hide what deliveries depend on: the number after SIZE, answers that are not UTF-8, answers that
//! come while the content is still written, and servers that take one EHLO or only HELO.

mod abilities;
mod answer;
mod connection;
mod dialogue;
mod login;
mod meaning;
mod reach;
mod step;

pub(super) use answer::without_addresses;
pub(super) use connection::{Connection, MailToSend};
pub(super) use login::Login;
pub(super) use meaning::{Meaning, meaning};
pub(super) use reach::{Security, Server, Tls};
pub(super) use step::{Step, Trouble};
