//! One connection to the mail server and the steps of one mail over it, each with a time-out.
//!
//! A mail goes out in two parts, since what is known of it changes between them: [`Connection::offer`] ends with the server's
//! word that it will take the content, [`Connection::hand_over`] gives it the content.

use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use tokio::net::TcpStream;

use super::error::Trouble;
use super::plain::one_line;
use super::plain_phase::PlainPhase;
use super::settings::{Security, Server};

/// Addresses of a server that may be tried within the time-out of connecting.
const ADDRESSES_TRIED: u32 = 3;
/// What is written to the server at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// The slowest connection that a mail may go over, in bytes a second.
const SLOWEST: u64 = 64 * 1024;
/// Time-outs that the server may take for its answer to the content. It may scan the content for viruses first, and giving up
/// early would leave us not knowing whether the mail arrived (RFC 5321, section 4.5.3.2.6).
const CONTENT_TIMEOUTS: u32 = 5;
/// For an answer that the server gave before it closed the connection, and for saying goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A mail as the protocol sees it: envelope and content.
#[derive(Debug)]
pub(super) struct MailToSend {
    pub sender: Address,
    pub recipient: Address,
    pub content: Vec<u8>,
}

/// A connection that is ready for mails.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    timeout: Duration,
    /// The server wants to know sizes beforehand.
    takes_size: bool,
    /// Mails that were offered over it.
    pub mails: u32,
    pub last_used: Instant,
}

impl Connection {
    /// Connects, makes the connection private, and logs in. TLS is never left out where it is asked for, and the login is never
    /// sent without it, unless to this machine.
    pub async fn open(server: &Server, login: Option<&Credentials>, timeout: Duration) -> Result<Self, Trouble> {
        let name = ClientId::default();
        let mut smtp = connect(server, timeout, &name).await?;
        if let Some(login) = login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            step("logging in", timeout, smtp.auth(&mechanisms, login)).await?;
        }
        // lettre keeps what it knows of the server's abilities; the size is not among it.
        let abilities = step("saying hello", timeout, smtp.command(Ehlo::new(name))).await?;
        let takes_size = abilities
            .message()
            .filter_map(|line| line.split_whitespace().next())
            .any(|word| word.eq_ignore_ascii_case("SIZE"));
        Ok(Self {
            smtp,
            timeout,
            takes_size,
            mails: 0,
            last_used: Instant::now(),
        })
    }

    /// Ends what may be left of the mail before; says whether the connection still works.
    pub async fn is_ready(&mut self) -> bool {
        step("starting anew", self.timeout, self.smtp.command(Rset))
            .await
            .is_ok()
    }

    /// Offers a mail. Afterwards the server waits for its content.
    pub async fn offer(&mut self, mail: &MailToSend) -> Result<(), Trouble> {
        self.mails += 1;
        let parameters = self.parameters(mail)?;
        let from = Mail::new(Some(mail.sender.clone()), parameters);
        step("naming the sender", self.timeout, self.smtp.command(from)).await?;
        let to = Rcpt::new(mail.recipient.clone(), Vec::new());
        step("naming the recipient", self.timeout, self.smtp.command(to)).await?;
        let answer = step("offering the content", self.timeout, self.smtp.command(Data)).await?;
        if !answer.has_code(354) {
            return Err(unexpected(&answer));
        }
        Ok(())
    }

    /// Hands the content over that was offered.
    pub async fn hand_over(&mut self, mail: &MailToSend) -> Result<(), Trouble> {
        // The end of the content brings its own line break.
        let content = mail.content.strip_suffix(b"\r\n").unwrap_or(&mail.content);
        let time = self.timeout * CONTENT_TIMEOUTS + Duration::from_secs(content.len() as u64 / SLOWEST);
        // Lines that begin with a dot get another one in there.
        let sending = self.smtp.message_iter(content.chunks(CHUNK_BYTES));
        let what = "handing over the content";
        let answer = match tokio::time::timeout(time, sending).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if error.status().is_some() => return Err(Trouble::from_smtp(what, &error)),
            Ok(Err(error)) => return Err(self.last_words().await.unwrap_or(Trouble::from_smtp(what, &error))),
            Err(_) => return Err(Trouble::timed_out(what, time)),
        };
        if answer.code().severity != Severity::PositiveCompletion {
            return Err(unexpected(&answer));
        }
        self.last_used = Instant::now();
        Ok(())
    }

    /// Says goodbye, where the server listens.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(LAST_WORDS, self.smtp.command(Quit)).await;
    }

    /// A server that does not want the content may say so and close while it is still being written.
    async fn last_words(&mut self) -> Option<Trouble> {
        match tokio::time::timeout(LAST_WORDS, self.smtp.read_response()).await {
            Ok(Err(error)) if error.status().is_some() => Some(Trouble::from_smtp("handing over the content", &error)),
            _ => None,
        }
    }

    fn parameters(&self, mail: &MailToSend) -> Result<Vec<MailParameter>, Trouble> {
        let abilities = self.smtp.server_info();
        let mut parameters = Vec::new();
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !is_ascii(&mail.sender) || !is_ascii(&mail.recipient) {
            if !abilities.supports_feature(Extension::SmtpUtfEight) {
                return Err(Trouble::Permanent(
                    "the mail server cannot send to an address with letters beyond a to z".to_owned(),
                ));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !mail.content.is_ascii() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if self.takes_size {
            parameters.push(MailParameter::Size(mail.content.len()));
        }
        Ok(parameters)
    }
}

/// Connects and makes the connection private.
async fn connect(server: &Server, timeout: Duration, name: &ClientId) -> Result<AsyncSmtpConnection, Trouble> {
    let each = Some(timeout / ADDRESSES_TRIED);
    match &server.security {
        Security::Tls(tls) => {
            let host = (server.host.as_str(), server.port);
            let connecting = AsyncSmtpConnection::connect_tokio1(host, each, name, Some(tls.clone()), None);
            step("connecting", timeout, connecting).await
        }
        Security::Loopback(addresses) => {
            let connecting = AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), each, name, None, None);
            step("connecting", timeout, connecting).await
        }
        Security::StartTls(tls) => {
            let (stream, end) = PlainPhase::new(connect_tcp(server, timeout).await?);
            let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), name);
            let mut smtp = step("saying hello", timeout, greeting).await?;
            // An error where the server does not offer it.
            step("starting TLS", timeout, smtp.starttls(tls.clone(), name)).await?;
            end.reached();
            Ok(smtp)
        }
    }
}

/// Tries the addresses of the server one after the other.
async fn connect_tcp(server: &Server, timeout: Duration) -> Result<TcpStream, Trouble> {
    let unreachable = |reason: std::io::Error| Trouble::Broken(format!("the mail server cannot be reached: {reason}"));
    let trying = async {
        let mut last = std::io::Error::other("its name has no address");
        for address in tokio::net::lookup_host((server.host.as_str(), server.port)).await? {
            match tokio::time::timeout(timeout / ADDRESSES_TRIED, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = std::io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    };
    match tokio::time::timeout(timeout, trying).await {
        Ok(tried) => tried.map_err(unreachable),
        Err(_) => Err(Trouble::timed_out("connecting", timeout)),
    }
}

fn unexpected(answer: &Response) -> Trouble {
    let words = one_line(answer.first_line().unwrap_or_default(), 100);
    Trouble::Broken(format!(
        "the mail server gave an unexpected answer: {} {words}",
        answer.code()
    ))
}

async fn step<T>(
    what: &str,
    timeout: Duration,
    work: impl Future<Output = Result<T, SmtpError>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done.map_err(|error| Trouble::from_smtp(what, &error)),
        Err(_) => Err(Trouble::timed_out(what, timeout)),
    }
}
