//! `pragati bounces`: reads mails that came back, and notes in the database which requests they are about.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
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

Exit codes: 0 the mails were read, bounces or not; 75 a temporary failure, so that the mail server tries again (from
standard input: any failure; otherwise: the database does not answer); 1 some mails of the maildir could not be read;
2 wrong usage.";

/// The largest mail that is read, in bytes: a bounce may contain the whole returned mail.
const MOST_BYTES: u64 = 100 * 1024 * 1024;

/// Read mail servers' reports of mails that could not be delivered (RFC 3464), and mark their requests as bounced.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BouncesArguments {
    /// Read the new mails of this maildir, and move them to its folder `cur` [default: one mail from standard input]
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// The address that the mail on standard input came to
    #[arg(long, value_name = "ADDRESS", conflicts_with = "maildir")]
    recipient: Option<String>,
    /// Read nothing; allow mails to this address again, although one could not be delivered to it
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["maildir", "recipient"])]
    forget: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
}

impl BouncesArguments {
    /// Whether it reads one mail from standard input. The mail server keeps that mail only if the command reports a
    /// temporary failure.
    pub fn reads_input(&self) -> bool {
        self.maildir.is_none() && self.forget.is_none()
    }
}

pub async fn run(arguments: BouncesArguments) -> Result<(), Failure> {
    // Read first, so that a mail server can hand it over in any case.
    let mail = arguments.reads_input().then(read_input);
    let mail = mail.transpose().map_err(Failure::from)?;
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
    read_mail(io::stdin().lock()).context("standard input cannot be read")
}

fn read_mail(from: impl Read) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    from.take(MOST_BYTES).read_to_end(&mut mail)?;
    Ok(mail)
}

/// Notes a mail as a bounce. Returns whether it is one.
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
            format!("{name} is about request {id}, of which no mail was sent; it is ignored")
        }
    };
    arguments.place.say(&said);
    Ok(true)
}

/// Notes all new mails, and moves them to the folder `cur`. Mails that are no bounces are moved as unread, so that
/// somebody looks at them. A mail that cannot be read does not stop the others.
async fn read_maildir(arguments: &BouncesArguments, store: &Store, maildir: &Path) -> anyhow::Result<()> {
    let new = maildir.join("new");
    let names = names_in(&new).with_context(|| {
        format!(
            "{} is no maildir that can be read; it has the folders new and cur",
            maildir.display()
        )
    })?;
    let mut left = 0;
    for name in names {
        let shown = name.to_string_lossy().into_owned();
        let read = match read_file(&new.join(&name)) {
            Ok(mail) => {
                let is_bounce = note(arguments, store, &mail, &shown).await?;
                move_to_seen(maildir, &name, is_bounce)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            left += 1;
            tracing::warn!("{shown} is left where it is: {error}");
        }
    }
    match left {
        0 => Ok(()),
        _ => bail!(
            "{left} of the new mails in {} could not be read and moved",
            maildir.display()
        ),
    }
}

fn names_in(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// A mail in a file. Opening a pipe would wait for its other end.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    read_mail(fs::File::open(path)?)
}

fn move_to_seen(maildir: &Path, name: &OsStr, is_bounce: bool) -> io::Result<()> {
    let mut seen = name.to_owned();
    seen.push(if is_bounce { ":2,S" } else { ":2," });
    fs::rename(maildir.join("new").join(name), maildir.join("cur").join(seen))
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
