//! Hands mails over to the mail server, over connections that are kept for the next mails.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::{NotSent, SendError};
use super::handover::Handover;
use super::rest::Rests;
use super::size_limit::SizeLimit;
use super::smtp::{Connection, Login, MailToSend, Meaning, Server, Trouble, meaning};

/// Idle connections that are kept. More are opened while more mails are sent at the same time, and closed afterwards.
const MAX_IDLE: usize = 4;
/// How long an idle connection is kept; servers close theirs after some minutes.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// Mails over one connection. Servers have limits of their own.
const MAX_MAILS: u32 = 100;

/// No size limit is learned from a refusal of a mail smaller than this, whatever the server's reason.
const SMALLEST_LIMIT: u64 = 128 * 1024;

/// A pool of connections to the mail server.
pub(super) struct Transport {
    server: Server,
    login: Option<Login>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
    size_limit: SizeLimit,
    rests: Rests,
}

impl Transport {
    /// Does not connect yet.
    pub fn new(server: Server, login: Option<Login>, timeout: Duration) -> Self {
        Self {
            server,
            login,
            timeout,
            idle: Mutex::new(Vec::new()),
            size_limit: SizeLimit::default(),
            rests: Rests::default(),
        }
    }

    /// Bytes of the largest mail that the server may take, as far as it said so; a larger one need not be offered.
    pub fn size_limit(&self) -> Option<u64> {
        self.size_limit.at(Instant::now())
    }

    /// Sends one mail. `handover` is called once, when the server has accepted sender and recipient and waits for the
    /// content; where it refuses, the connection is closed, and the server discards the mail.
    pub async fn send(&self, mail: &MailToSend, handover: &impl Handover) -> Result<(), NotSent> {
        let leave = self.rests.leave(Instant::now());
        let _leave = leave.map_err(|words| NotSent::Other(SendError::Unavailable(words)))?;
        let mut connection = self.offer(mail).await?;
        if !handover.begin().await {
            return Err(NotSent::Other(SendError::CalledOff));
        }
        let began = Instant::now();
        let handed_over = connection.hand_over(mail).await;
        match &handed_over {
            Ok(()) => self.rests.end(),
            Err(trouble) => {
                self.rests.refused(trouble, began, Instant::now());
                self.learn(trouble, mail);
            }
        }
        self.keep(connection);
        handed_over.map_err(|trouble| NotSent::from_trouble(trouble, true))
    }

    /// A connection over which the mail was offered.
    async fn offer(&self, mail: &MailToSend) -> Result<Connection, NotSent> {
        // The server may have closed an idle connection or reached its limit of mails; only a new connection tells
        // whether the mail itself is the reason.
        if let Some(mut used) = self.take_idle()
            && used.is_ready().await
        {
            match self.offer_over(&mut used, mail).await {
                Ok(()) => return Ok(used),
                Err(no) if no.rests || is_about_the_mail(&no.trouble) => {
                    return Err(self.refused(used, no.trouble, mail));
                }
                Err(_) => {}
            }
        }
        let mut new = self.open().await?;
        match self.offer_over(&mut new, mail).await {
            Ok(()) => Ok(new),
            Err(no) => Err(self.refused(new, no.trouble, mail)),
        }
    }

    async fn offer_over(&self, connection: &mut Connection, mail: &MailToSend) -> Result<(), NotOffered> {
        let began = Instant::now();
        connection.offer(mail).await.map_err(|trouble| NotOffered {
            rests: self.rests.refused(&trouble, began, Instant::now()),
            trouble,
        })
    }

    fn refused(&self, connection: Connection, trouble: Trouble, mail: &MailToSend) -> NotSent {
        self.learn(&trouble, mail);
        self.keep(connection);
        NotSent::from_trouble(trouble, false)
    }

    /// Remembers the size of a mail that the server refused by a limit of its own, not one mailbox's.
    fn learn(&self, trouble: &Trouble, mail: &MailToSend) {
        let Trouble::Answered { step, answer } = trouble else {
            return;
        };
        let bytes = mail.content.len() as u64;
        if meaning(*step, answer) == (Meaning::TooLarge { of_server: true }) && bytes >= SMALLEST_LIMIT {
            tracing::warn!(server = %self.server, "mails of {bytes} bytes are too large: {}", answer.words());
            self.size_limit.refused(bytes, Instant::now());
        }
    }

    async fn open(&self) -> Result<Connection, NotSent> {
        let began = Instant::now();
        match Connection::open(&self.server, self.login.as_ref(), self.timeout).await {
            Ok(connection) => {
                self.size_limit.announced(connection.max_bytes());
                Ok(connection)
            }
            Err(trouble) => {
                let error = NotSent::from_trouble(trouble, false).for_good();
                // Refusals that an operator has to fix are logged once, where they are counted.
                if !matches!(error, SendError::Misconfigured(_)) {
                    tracing::warn!(server = %self.server, "no mail can be sent: {error}; check [mail] and the mail server");
                }
                self.rests.not_reached(&error.to_string(), began, Instant::now());
                Err(NotSent::Other(error))
            }
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.last_used.elapsed() < MAX_IDLE_TIME);
        idle.pop()
    }

    /// Keeps a connection for the next mail, where it is of use.
    fn keep(&self, connection: Connection) {
        if !connection.is_usable {
            return;
        }
        let surplus = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE && connection.mails < MAX_MAILS {
                idle.push(connection);
                None
            } else {
                Some(connection)
            }
        };
        if let Some(surplus) = surplus {
            // The outcome of the mail is stored first.
            tokio::spawn(surplus.close());
        }
    }
}

/// Why a mail was not offered over one connection.
struct NotOffered {
    trouble: Trouble,
    /// The server did not answer, and is not asked for a while.
    rests: bool,
}

/// Whether a new connection would fail in the same way.
fn is_about_the_mail(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Answered { step, answer } => {
            matches!(meaning(*step, answer), Meaning::Mail | Meaning::TooLarge { .. })
        }
        Trouble::Unsendable(_) | Trouble::TooLarge { .. } => true,
        Trouble::Broken(_) | Trouble::Lacking(_) => false,
    }
}
