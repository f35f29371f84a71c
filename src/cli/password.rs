//! `pragati password`: makes the salted form of a password for the users file of the PostgreSQL endpoint.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use clap::Args;
use pragati::postgres::ScramSecret;

use super::failure::UsageError;

const EXAMPLES: &str = "\
Examples:
  pragati password                                 asks for the password, without showing it
  pragati password < password-of-asha              takes it from a file's first line

What it prints stands in the file of postgres.users, which only the service may read (chmod 600):

  [users.asha]
  password = \"scram-sha-256$15000$…\"
  tenants = [\"tn\"]        # or all_tenants = true
  personal = false        # names, addresses, numbers and external ids read ***

Who has such a line can log in with it: keep it like the password itself.";

/// Make the salted form of a password, for a user of the PostgreSQL endpoint.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PasswordArguments {}

pub fn run(_arguments: PasswordArguments) -> anyhow::Result<()> {
    let password = if io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ").context("the password cannot be read")?;
        let again = rpassword::prompt_password("Once more: ").context("the password cannot be read")?;
        if password != again {
            return Err(UsageError("the two passwords differ; try again".to_owned()).into());
        }
        password
    } else {
        let mut line = String::new();
        io::stdin()
            .lock()
            .read_line(&mut line)
            .context("the password cannot be read from standard input")?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.is_empty() {
        return Err(UsageError("the password is empty; give one".to_owned()).into());
    }
    println!("{}", ScramSecret::of_password(&password));
    Ok(())
}
