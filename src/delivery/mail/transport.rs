//! Hands mails over to the mail server, over connections that are kept for the next mails.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp::authentication::Credentials;

use super::connection::{Connection, MailToSend};
use super::error::{SendError, Trouble};
use super::settings::Server;

/// Connections that wait for a mail. More are opened where more mails go out at the same time, and closed afterwards.
const MAX_IDLE: usize = 4;
/// How long a connection waits; servers close theirs after some minutes.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// Mails over one connection. Servers have limits of their own.
const MAX_MAILS: u32 = 100;

/// A server that keeps us waiting for a connection longer than this and then does not give one is left alone for
/// [`REST`]: everybody's reports would wait for it, also those that are fetched.
const LONG_WAIT: Duration = Duration::from_secs(3);
const REST: Duration = Duration::from_secs(15);

/// The way to the mail server.
pub(super) struct Transport {
    server: Server,
    login: Option<Credentials>,
    timeout: Duration,
    idle: Mutex<Vec<Connection>>,
    /// When the server is asked again, and what came of asking it the last time.
    resting: Mutex<Option<(Instant, String)>>,
}

impl Transport {
    /// Does not connect yet.
    pub fn new(server: Server, login: Option<Credentials>, timeout: Duration) -> Self {
        Self {
            server,
            login,
            timeout,
            idle: Mutex::new(Vec::new()),
            resting: Mutex::new(None),
        }
    }

    /// Sends one mail. `before_handover` is asked once, when the server has accepted sender and recipient and waits for the
    /// content; where it says no, the connection is cut, which tells the server to forget the mail.
    pub async fn send(
        &self,
        mail: &MailToSend,
        before_handover: impl Future<Output = bool> + Send,
    ) -> Result<(), SendError> {
        let mut connection = self.offer(mail).await?;
        if !before_handover.await {
            return Err(SendError::CalledOff);
        }
        let handed_over = connection.hand_over(mail).await;
        if handed_over.as_ref().err().is_none_or(Trouble::is_answer) {
            self.keep(connection).await;
        }
        handed_over.map_err(Trouble::after_handover)
    }

    /// A connection over which the mail was offered.
    async fn offer(&self, mail: &MailToSend) -> Result<Connection, SendError> {
        // A connection that waited may have been closed or used up by the server; only a new one tells whether it is the mail.
        if let Some(mut used) = self.take_idle()
            && used.is_ready().await
        {
            match used.offer(mail).await {
                Ok(()) => return Ok(used),
                Err(refused @ Trouble::Permanent(_)) => {
                    self.keep(used).await;
                    return Err(refused.before_handover());
                }
                Err(Trouble::Temporary(_) | Trouble::Broken(_)) => {}
            }
        }
        let mut new = self.open().await?;
        match new.offer(mail).await {
            Ok(()) => Ok(new),
            Err(trouble) => {
                if trouble.is_answer() {
                    self.keep(new).await;
                }
                Err(trouble.before_handover())
            }
        }
    }

    async fn open(&self) -> Result<Connection, SendError> {
        let began = Instant::now();
        if let Some(words) = self.rests(began) {
            return Err(SendError::Unavailable(words));
        }
        let opened = Connection::open(&self.server, self.login.as_ref(), self.timeout).await;
        opened.map_err(|trouble| {
            let error = trouble.while_connecting();
            tracing::warn!(server = %self.server, "no mail can be sent: {error}; check [mail] and the mail server");
            if began.elapsed() >= LONG_WAIT {
                let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
                *resting = Some((Instant::now() + REST, error.to_string()));
            }
            error
        })
    }

    /// Why the server is not asked now, where it is left alone.
    fn rests(&self, now: Instant) -> Option<String> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, words) = resting.as_ref()?;
        (now < *until).then(|| words.clone())
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.last_used.elapsed() < MAX_IDLE_TIME);
        idle.pop()
    }

    async fn keep(&self, connection: Connection) {
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
            surplus.close().await;
        }
    }
}
