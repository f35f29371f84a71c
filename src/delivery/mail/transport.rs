//! Hands mails over to the mail server, over connections that are kept for the next mails.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::circuit_breaker::CircuitBreaker;
use super::error::{NotSent, SendError};
use super::handover::Handover;
use super::size_limit::SizeLimit;
use super::smtp::{Connection, Credentials, MailToSend, Meaning, Server, StepFailure, meaning};

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
    login: Option<Credentials>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
    size_limit: SizeLimit,
    breaker: CircuitBreaker,
}

impl Transport {
    /// A pool without a connection, which is opened for the first mail.
    pub fn new(server: Server, login: Option<Credentials>, timeout: Duration) -> Self {
        Self {
            server,
            login,
            timeout,
            idle: Mutex::new(Vec::new()),
            size_limit: SizeLimit::default(),
            breaker: CircuitBreaker::default(),
        }
    }

    /// Bytes of the largest mail that the server may take, as far as it said so; a larger one need not be offered.
    pub fn size_limit(&self) -> Option<u64> {
        self.size_limit.at(Instant::now())
    }

    /// Sends one mail. `handover` is called once, when the server has accepted sender and recipient and waits for the
    /// content; where it refuses, the connection is closed, and the server discards the mail.
    pub async fn send(&self, mail: &MailToSend, handover: &impl Handover) -> Result<(), NotSent> {
        let permit = self.breaker.permit(Instant::now());
        let _permit = permit.map_err(|words| NotSent::Other(SendError::Unavailable(words)))?;
        let mut connection = self.offer(mail).await?;
        if !handover.begin().await {
            return Err(NotSent::Other(SendError::CalledOff));
        }
        let began = Instant::now();
        let handed_over = connection.hand_over(mail).await;
        match &handed_over {
            Ok(()) => self.breaker.close(),
            Err(failure) => {
                self.breaker.refused(failure, began, Instant::now());
                self.learn(failure, mail);
            }
        }
        self.keep(connection);
        handed_over.map_err(|failure| NotSent::from_failure(failure, true))
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
                Err(no) if no.opened_circuit || is_about_the_mail(&no.failure) => {
                    return Err(self.refused(used, no.failure, mail));
                }
                Err(_) => {}
            }
        }
        let mut new = self.open().await?;
        match self.offer_over(&mut new, mail).await {
            Ok(()) => Ok(new),
            Err(no) => Err(self.refused(new, no.failure, mail)),
        }
    }

    async fn offer_over(&self, connection: &mut Connection, mail: &MailToSend) -> Result<(), NotOffered> {
        let began = Instant::now();
        connection.offer(mail).await.map_err(|failure| NotOffered {
            opened_circuit: self.breaker.refused(&failure, began, Instant::now()),
            failure,
        })
    }

    fn refused(&self, connection: Connection, failure: StepFailure, mail: &MailToSend) -> NotSent {
        self.learn(&failure, mail);
        self.keep(connection);
        NotSent::from_failure(failure, false)
    }

    /// Remembers the size of a mail that the server refused by a limit of its own, not one mailbox's.
    fn learn(&self, failure: &StepFailure, mail: &MailToSend) {
        let StepFailure::Answered { step, answer } = failure else {
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
            Err(failure) => {
                let error = NotSent::from_failure(failure, false).for_good();
                // Refusals that an operator has to fix are logged once, where they are counted.
                if !matches!(error, SendError::Misconfigured(_)) {
                    tracing::warn!(server = %self.server, "no mail can be sent: {error}; check [mail] and the mail server");
                }
                self.breaker.not_reached(&error.to_string(), began, Instant::now());
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
    failure: StepFailure,
    /// Whether the circuit breaker is open now, because the server did not answer.
    opened_circuit: bool,
}

/// Whether a new connection would fail in the same way.
fn is_about_the_mail(failure: &StepFailure) -> bool {
    match failure {
        StepFailure::Answered { step, answer } => {
            matches!(meaning(*step, answer), Meaning::Mail | Meaning::TooLarge { .. })
        }
        StepFailure::Unsendable(_) | StepFailure::TooLarge { .. } => true,
        StepFailure::Broken(_) | StepFailure::Lacking(_) => false,
    }
}
