//! One connection to the mail server and the steps of one mail over it.
//!
//! A mail is sent in two steps, because after the second has begun it may arrive: [`Connection::offer`] ends when the
//! server is ready for the content, [`Connection::hand_over`] sends the content.

use std::time::{Duration, Instant};

use lettre::Address;
use tokio::io::{AsyncRead, AsyncWrite};

use super::capabilities::Capabilities;
use super::dialogue::{Dialogue, Duplex};
use super::login::{Credentials, log_in};
use super::reach::{Security, Server};
use super::reply::SmtpReply;
use super::step::{Step, StepFailure, expected};

/// The lowest rate at which a mail may be sent, in bytes a second.
const SLOWEST: u64 = 64 * 1024;
/// The time limit for the server's answer to the content, in time-outs. It may scan the content for viruses first, and
/// giving up early would leave us not knowing whether the mail arrived (RFC 5321, section 4.5.3.2.6).
const CONTENT_TIMEOUTS: u32 = 5;
/// The time limit for checking an idle connection.
const IDLE_CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit for QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A mail as the protocol sees it: envelope and content.
#[derive(Debug)]
pub struct MailToSend {
    pub sender: Address,
    pub recipient: Address,
    pub content: Vec<u8>,
}

/// A connection that is ready for mails.
pub struct Connection {
    dialogue: Dialogue<Box<dyn Duplex>>,
    capabilities: Capabilities,
    timeout: Duration,
    /// Whether client and server agree on the state of the dialogue.
    pub is_usable: bool,
    /// Mails that were offered over it.
    pub mails: u32,
    pub last_used: Instant,
}

impl Connection {
    /// Connects, makes the connection private, and logs in. TLS is never left out where it is asked for, and the login
    /// is never sent without it, unless to this machine.
    pub async fn open(server: &Server, login: Option<&Credentials>, timeout: Duration) -> Result<Self, StepFailure> {
        let stream = server.connect(timeout).await?;
        let name = server.name_for(stream.local_addr().ok().map(|address| address.ip()));
        let (mut dialogue, capabilities) = match &server.security {
            Security::Loopback(_) => greeted(Box::new(stream), timeout, &name).await?,
            Security::Tls(tls) => {
                let stream = tls.wrap(stream, timeout).await?;
                greeted(Box::new(stream), timeout, &name).await?
            }
            Security::StartTls(tls) => {
                let stream = plain_phase(Dialogue::new(stream, timeout), &name).await?;
                let stream: Box<dyn Duplex> = Box::new(tls.wrap(stream, timeout).await?);
                let mut dialogue = Dialogue::new(stream, timeout);
                // Plain text may have been tampered with, so EHLO is sent again under TLS.
                let capabilities = hello_again(&mut dialogue, &name).await?;
                (dialogue, capabilities)
            }
        };
        if let Some(login) = login {
            log_in(&mut dialogue, &capabilities, login).await?;
        }
        Ok(Self {
            dialogue,
            capabilities,
            timeout,
            is_usable: true,
            mails: 0,
            last_used: Instant::now(),
        })
    }

    /// Bytes of the largest mail that the server says it takes.
    pub fn max_bytes(&self) -> Option<u64> {
        self.capabilities.max_bytes
    }

    /// Resets the state after the previous mail (RSET). Returns whether the connection still works.
    pub async fn is_ready(&mut self) -> bool {
        let answering = self.dialogue.command(Step::Anew, "RSET");
        let answered = tokio::time::timeout(IDLE_CHECK_TIMEOUT, answering).await;
        matches!(answered, Ok(Ok(answer)) if answer.is_good())
    }

    /// Offers a mail. Afterwards the server waits for its content.
    pub async fn offer(&mut self, mail: &MailToSend) -> Result<(), StepFailure> {
        self.mails += 1;
        let offered = self.try_offer(mail).await;
        if let Err(failure) = &offered {
            self.is_usable = failure.leaves_the_connection();
        }
        offered
    }

    async fn try_offer(&mut self, mail: &MailToSend) -> Result<(), StepFailure> {
        let bytes = mail.content.len() as u64;
        if let Some(limit) = self.capabilities.max_bytes.filter(|&limit| bytes > limit) {
            return Err(StepFailure::TooLarge { bytes, limit });
        }
        let parameters = self.parameters(mail)?;
        let sender = format!("MAIL FROM:<{}>{parameters}", mail.sender);
        self.said(Step::Sender, &sender, SmtpReply::is_good).await?;
        let recipient = format!("RCPT TO:<{}>", mail.recipient);
        self.said(Step::Recipient, &recipient, SmtpReply::is_good).await?;
        self.said(Step::Offer, "DATA", |answer| answer.code == 354).await
    }

    /// Hands the content over that was offered.
    pub async fn hand_over(&mut self, mail: &MailToSend) -> Result<(), StepFailure> {
        let time = self.timeout * CONTENT_TIMEOUTS + Duration::from_secs(mail.content.len() as u64 / SLOWEST);
        // Until the outcome is known.
        self.is_usable = false;
        let handed_over = self.dialogue.content(&mail.content, time).await?;
        self.is_usable = handed_over.is_whole && handed_over.answer.code != 421;
        expected(Step::Content, handed_over.answer, SmtpReply::is_good)?;
        self.last_used = Instant::now();
        Ok(())
    }

    /// Sends QUIT, if the connection still works.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(QUIT_TIMEOUT, self.dialogue.command(Step::Anew, "QUIT")).await;
    }

    async fn said(
        &mut self,
        step: Step,
        line: &str,
        is_expected: impl FnOnce(&SmtpReply) -> bool,
    ) -> Result<(), StepFailure> {
        let answer = self.dialogue.command(step, line).await?;
        expected(step, answer, is_expected).map(|_| ())
    }

    /// The parameters of MAIL FROM, each with a space before it.
    fn parameters(&self, mail: &MailToSend) -> Result<String, StepFailure> {
        let mut parameters = String::new();
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        if !is_ascii(&mail.sender) || !is_ascii(&mail.recipient) {
            if !self.capabilities.utf8 {
                return Err(StepFailure::Unsendable(
                    "the address has letters beyond a to z before its @, and the mail server cannot send to such addresses \
                     (it does not offer SMTPUTF8)"
                        .to_owned(),
                ));
            }
            parameters.push_str(" SMTPUTF8");
        }
        if !mail.content.is_ascii() {
            parameters.push_str(" BODY=8BITMIME");
        }
        if self.capabilities.takes_size {
            parameters.push_str(&format!(" SIZE={}", mail.content.len()));
        }
        Ok(parameters)
    }
}

/// Reads the greeting and sends EHLO.
async fn greeted(
    stream: Box<dyn Duplex>,
    timeout: Duration,
    name: &str,
) -> Result<(Dialogue<Box<dyn Duplex>>, Capabilities), StepFailure> {
    let mut dialogue = Dialogue::new(stream, timeout);
    read_greeting(&mut dialogue).await?;
    let capabilities = hello(&mut dialogue, name).await?;
    Ok((dialogue, capabilities))
}

/// The dialogue before TLS. Returns the connection on which TLS begins.
async fn plain_phase<S>(mut dialogue: Dialogue<S>, name: &str) -> Result<S, StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    read_greeting(&mut dialogue).await?;
    if !hello(&mut dialogue, name).await?.starttls {
        return Err(StepFailure::Lacking(
            "STARTTLS is not supported by the mail server; check mail.server, or speak smtps:// with it".to_owned(),
        ));
    }
    let answer = dialogue.command(Step::StartTls, "STARTTLS").await?;
    expected(Step::StartTls, answer, SmtpReply::is_good)?;
    dialogue.into_stream().ok_or_else(|| {
        StepFailure::Broken("somebody on the way to the mail server added words before TLS began".to_owned())
    })
}

async fn read_greeting<S>(dialogue: &mut Dialogue<S>) -> Result<(), StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = dialogue.answer(Step::Connecting).await?;
    expected(Step::Connecting, answer, SmtpReply::is_good).map(|_| ())
}

/// EHLO, or HELO where the server does not support that.
async fn hello<S>(dialogue: &mut Dialogue<S>, name: &str) -> Result<Capabilities, StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = dialogue.command(Step::Hello, &format!("EHLO {name}")).await?;
    let is_unknown = matches!(answer.code, 500..=504);
    match expected(Step::Hello, answer, SmtpReply::is_good) {
        Ok(answer) => Ok(Capabilities::of(&answer)),
        Err(refused) if is_unknown => match dialogue.command(Step::Hello, &format!("HELO {name}")).await {
            Ok(answer) if answer.is_good() => Ok(Capabilities::default()),
            _ => Err(refused),
        },
        Err(refused) => Err(refused),
    }
}

/// EHLO again, as is required after STARTTLS. Some servers accept only one in a session; their capabilities are then
/// unknown.
async fn hello_again<S>(dialogue: &mut Dialogue<S>, name: &str) -> Result<Capabilities, StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer = dialogue.command(Step::Hello, &format!("EHLO {name}")).await?;
    if answer.code == 503 {
        return Ok(Capabilities::not_announced());
    }
    expected(Step::Hello, answer, SmtpReply::is_good).map(|answer| Capabilities::of(&answer))
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::scripted;
    use super::*;

    /// The commands that `hello` sends to a server with these answers, and the result.
    async fn talk(answers: &[&str]) -> (Vec<String>, Result<Capabilities, StepFailure>) {
        let (here, there) = tokio::io::duplex(1000);
        let server = scripted::server(there, answers);
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let (result, said) = tokio::join!(hello(&mut dialogue, "reports.example.org"), server);
        (said, result)
    }

    #[tokio::test]
    async fn a_server_that_knows_only_helo_has_no_abilities() {
        let (said, capabilities) = talk(&["502 what", "250 hello"]).await;
        assert_eq!(said, ["EHLO reports.example.org", "HELO reports.example.org"]);
        assert_eq!(capabilities.expect("an answer"), Capabilities::default());
    }

    #[tokio::test]
    async fn a_refusal_of_ehlo_and_helo_quotes_the_first_answer() {
        let (_, refused) = talk(&["504 5.5.2 need a name", "500 no"]).await;
        assert!(matches!(refused, Err(StepFailure::Answered { answer, .. }) if answer.code == 504));
        let (said, refused) = talk(&["554 go away"]).await;
        assert!(said.len() == 1 && refused.is_err());
    }

    #[tokio::test]
    async fn ehlo_is_sent_once_per_connection() {
        let (said, capabilities) = talk(&["250-x\r\n250 SIZE 100"]).await;
        assert_eq!(said.len(), 1);
        assert_eq!(capabilities.expect("an answer").max_bytes, Some(100));
    }
}
