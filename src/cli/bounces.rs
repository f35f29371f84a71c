//! `pragati bounces`: reads mails that came back, and notes in the database which requests they are about.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use clap::Args;
use pragati::delivery::bounces::read_bounce;
use pragati::delivery::store::{NotedBounce, Store};

use super::failure::Failure;
use super::requests::PlaceOptions;

const EXAMPLES: &str = "\
Examples:
  pragati bounces < bounce.eml                                   what a mail server's pipe does
  pragati bounces --recipient bounces+01a2…@example.org < mail   with the address that it came to
  pragati bounces --maildir /var/mail/bounces                    all new mails of a maildir
  pragati bounces --forget asha@example.org                      her mailbox is there now: send to it again

Exit codes: 0 read, whatever it was; 75 the database does not answer, so that the mail server tries again; 2 wrong usage.";

/// The longest mail that is read: a bounce may bring the whole mail back.
const MOST_BYTES: u64 = 100 * 1024 * 1024;

/// Read mails that came back (RFC 3464), and mark their requests as bounced.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BouncesArguments {
    /// Read the new mails of this maildir, and move them to its folder `cur` [default: one mail from standard input]
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// The address that the mail on standard input came to
    #[arg(long, value_name = "ADDRESS", conflicts_with = "maildir")]
    recipient: Option<String>,
    /// Read nothing; let mails go to this address again although one came back from it
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["maildir", "recipient"])]
    forget: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
}

pub async fn run(arguments: BouncesArguments) -> Result<(), Failure> {
    // Read first, so that a mail server can hand it over in any case.
    let mail = match (&arguments.maildir, &arguments.forget) {
        (None, None) => Some(read_input().map_err(Failure::from)?),
        _ => None,
    };
    let (_, store) = arguments.place.open().await.map_err(Failure::or_later)?;
    let done = match (mail, &arguments.maildir, &arguments.forget) {
        (Some(mail), _, _) => note(&arguments, &store, &mail, "the mail").await.map(|_| ()),
        (None, Some(maildir), _) => read_maildir(&arguments, &store, maildir).await,
        (None, None, Some(address)) => forget(&arguments, &store, address).await,
        (None, None, None) => Ok(()),
    };
    store.close().await;
    done.map_err(Failure::or_later)
}

fn read_input() -> anyhow::Result<Vec<u8>> {
    let mut mail = Vec::new();
    io::stdin()
        .lock()
        .take(MOST_BYTES)
        .read_to_end(&mut mail)
        .context("standard input cannot be read")?;
    Ok(mail)
}

/// Notes the bounce that a mail is; says whether it is one.
async fn note(arguments: &BouncesArguments, store: &Store, mail: &[u8], name: &str) -> anyhow::Result<bool> {
    let report = match read_bounce(mail, arguments.recipient.as_deref()) {
        Ok(report) => report,
        Err(reason) => {
            arguments
                .place
                .say(&format!("{name} is no bounce of a report: {reason}"));
            return Ok(false);
        }
    };
    let id = report.request;
    let bounce = match store.find(id).await? {
        Some(request) => report.of(&request, Utc::now()),
        None => {
            arguments
                .place
                .say(&format!("{name} is about request {id}, which is not there (any more)"));
            return Ok(true);
        }
    };
    let said = match store.note_bounce(id, &bounce).await? {
        NotedBounce::Noted => format!("request {id} bounced: {}", bounce.words),
        NotedBounce::NotedBefore => format!("request {id} has bounced before"),
        NotedBounce::NoSuchRequest => format!("{name} is about request {id}, which is not there (any more)"),
        NotedBounce::NotMailed => {
            format!("{name} is about request {id}, of which no mail was sent; it is not believed")
        }
    };
    arguments.place.say(&said);
    Ok(true)
}

/// Notes all new mails, and moves them to the folder of those that were seen. What is no bounce is moved as unread, so
/// that somebody looks at it.
async fn read_maildir(arguments: &BouncesArguments, store: &Store, maildir: &Path) -> anyhow::Result<()> {
    let (new, cur) = (maildir.join("new"), maildir.join("cur"));
    let unreadable = || {
        format!(
            "{} is no maildir that can be read; it has the folders new and cur",
            maildir.display()
        )
    };
    let mut names = fs::read_dir(&new)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect::<io::Result<Vec<_>>>()
        })
        .with_context(unreadable)?;
    names.sort();
    for name in names {
        let (file, shown) = (new.join(&name), name.to_string_lossy().into_owned());
        let mail = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let is_bounce = note(arguments, store, &mail, &shown).await?;
        let mut seen = name;
        seen.push(if is_bounce { ":2,S" } else { ":2," });
        fs::rename(&file, cur.join(seen)).with_context(unreadable)?;
    }
    Ok(())
}

async fn forget(arguments: &BouncesArguments, store: &Store, address: &str) -> anyhow::Result<()> {
    let forgotten = store.forget_bounces(address.trim()).await?;
    let said = match forgotten {
        0 => "no bounce stands in the way of mails to this address".to_owned(),
        _ => "mails go to this address again".to_owned(),
    };
    arguments.place.say(&said);
    Ok(())
}
