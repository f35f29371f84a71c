//! Logging in by AUTH PLAIN (RFC 4616), or by AUTH LOGIN where a server has only that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::capabilities::Capabilities;
use super::dialogue::Dialogue;
use super::reply::SmtpReply;
use super::step::{Step, StepFailure, expected};
use crate::config::Secret;

/// The name and password by which this service logs in to the mail server.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

/// The code of a server that waits for the next part of the login.
const GO_ON: u16 = 334;
/// The code of a server that does not support the login mechanism.
const UNKNOWN_WAY: u16 = 504;

/// Replaces a line of an answer that repeats a secret.
const LEFT_OUT: &str = "(a line that repeats the login is left out)";
/// The length of a secret's prefix that is searched for in answers, since servers truncate or wrap long commands.
const SHOWING_CHARS: usize = 8;

/// The secrets that are sent while logging in, which no log and no error may show. Some servers repeat a command that
/// they refuse.
struct Secrets(Vec<String>);

impl Secrets {
    fn of(login: &Credentials) -> Self {
        let password = login.password.reveal();
        let all = [
            plain_words(login),
            STANDARD.encode(&login.user),
            STANDARD.encode(password),
            password.to_owned(),
        ];
        Self(all.into_iter().filter(|secret| !secret.is_empty()).collect())
    }

    /// The answer without the lines that repeat a secret; an enhanced code at the beginning is kept.
    fn hidden(&self, heard: Result<SmtpReply, StepFailure>) -> Result<SmtpReply, StepFailure> {
        match heard {
            Ok(answer) => Ok(self.hidden_in(answer)),
            Err(StepFailure::Answered { step, answer }) => Err(StepFailure::Answered {
                step,
                answer: self.hidden_in(answer),
            }),
            Err(failure) => Err(failure),
        }
    }

    fn hidden_in(&self, mut answer: SmtpReply) -> SmtpReply {
        let has_code = answer.enhanced().is_some();
        for (number, line) in answer.lines.iter_mut().enumerate() {
            if self.is_shown_by(line) {
                let code = line.split_whitespace().next().filter(|_| number == 0 && has_code);
                *line = code.map_or_else(|| LEFT_OUT.to_owned(), |code| format!("{code} {LEFT_OUT}"));
            }
        }
        answer
    }

    fn is_shown_by(&self, line: &str) -> bool {
        let line = line.to_lowercase();
        self.0.iter().any(|secret| {
            let secret: Vec<char> = secret.to_lowercase().chars().collect();
            let length = secret.len().min(SHOWING_CHARS);
            secret
                .windows(length)
                .any(|part| line.contains(&String::from_iter(part)))
        })
    }
}

/// Logs in. Must be called only on a connection that nobody can eavesdrop on.
pub async fn log_in<S>(
    dialogue: &mut Dialogue<S>,
    capabilities: &Capabilities,
    login: &Credentials,
) -> Result<(), StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !capabilities.plain && !capabilities.login {
        return Err(StepFailure::Lacking(
            "the mail server offers no login by PLAIN or LOGIN; check mail.user and mail.server".to_owned(),
        ));
    }
    let secrets = Secrets::of(login);
    if capabilities.plain {
        let answer = secrets.hidden(by_plain(dialogue, login).await)?;
        if !(answer.code == UNKNOWN_WAY && capabilities.login) {
            return expected(Step::Login, answer, SmtpReply::is_good).map(|_| ());
        }
    }
    let answer = secrets.hidden(by_login(dialogue, login).await)?;
    expected(Step::Login, answer, SmtpReply::is_good).map(|_| ())
}

async fn by_plain<S>(dialogue: &mut Dialogue<S>, login: &Credentials) -> Result<SmtpReply, StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let secret = plain_words(login);
    let answer = dialogue.command(Step::Login, &format!("AUTH PLAIN {secret}")).await?;
    if answer.code == GO_ON {
        return dialogue.command(Step::Login, &secret).await;
    }
    Ok(answer)
}

/// User and password as AUTH PLAIN encodes them.
fn plain_words(login: &Credentials) -> String {
    STANDARD.encode(format!("\0{}\0{}", login.user, login.password.reveal()))
}

async fn by_login<S>(dialogue: &mut Dialogue<S>, login: &Credentials) -> Result<SmtpReply, StepFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut answer = dialogue.command(Step::Login, "AUTH LOGIN").await?;
    for word in [login.user.as_str(), login.password.reveal()] {
        if answer.code != GO_ON {
            break;
        }
        answer = dialogue.command(Step::Login, &STANDARD.encode(word)).await?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::dialogue::scripted;
    use super::*;

    /// The commands that are sent to a server with these answers, and the result.
    async fn talk(capabilities: &Capabilities, answers: &[&str]) -> (Vec<String>, Result<(), StepFailure>) {
        let (here, there) = tokio::io::duplex(1000);
        let login = Credentials {
            user: "asha".to_owned(),
            password: "geheim ✓".to_owned().into(),
        };
        let server = scripted::server(there, answers);
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let (result, said) = tokio::join!(log_in(&mut dialogue, capabilities, &login), server);
        (said, result)
    }

    #[tokio::test]
    async fn both_mechanisms_send_user_and_password() {
        let plain = Capabilities {
            plain: true,
            ..Capabilities::default()
        };
        let expected = format!("AUTH PLAIN {}", STANDARD.encode("\0asha\0geheim ✓"));
        let (said, result) = talk(&plain, &["235 fine"]).await;
        assert_eq!(said, [expected.as_str()]);
        assert!(result.is_ok());

        let (said, result) = talk(
            &Capabilities::not_announced(),
            &["504 what", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 fine"],
        )
        .await;
        let expected = [
            expected,
            "AUTH LOGIN".to_owned(),
            STANDARD.encode("asha"),
            STANDARD.encode("geheim ✓"),
        ];
        assert_eq!(said, expected);
        assert!(result.is_ok());
    }

    #[tokio::test]
    async fn secrets_that_a_server_repeats_are_not_shown() {
        let blob = STANDARD.encode("\0asha\0geheim ✓");
        let user = STANDARD.encode("asha");
        let password = STANDARD.encode("geheim ✓");
        let unknown = format!("500-5.5.1 Command unrecognized: \"AUTH PLAIN {blob}\"\r\n500 5.5.1 ask your operator");
        let cut_short = format!("500 Unknown command AUTH PLAIN {}", &blob[..blob.len() - 3]);
        let broken = format!("535-no {}\r\n535 {}", &blob[..10], &blob[10..]);
        let unexpected = format!("354 go on with {blob}");
        let by_login = format!("535 5.7.8 {password} is wrong for {user}");
        let in_plain = "535 geheim ✓ is no good";
        for (answers, shown) in [
            (vec![unknown.as_str()], "500 5.5.1 (a line"),
            (vec![cut_short.as_str()], "500 (a line"),
            (vec![broken.as_str()], "535 (a line"),
            (vec![unexpected.as_str()], "354 (a line"),
            (vec!["504 no", "334 x", "334 y", by_login.as_str()], "535 5.7.8 (a line"),
            (vec!["334 go on", in_plain], "535 (a line"),
        ] {
            let (_, result) = talk(&Capabilities::not_announced(), &answers).await;
            let words = match result.expect_err("refused") {
                StepFailure::Answered { answer, .. } => answer.words(),
                failure => format!("{failure:?}"),
            };
            assert!(words.contains(shown), "{words}");
            for secret in [&blob[..8], &blob[10..18], &user, &password, "geheim"] {
                assert!(!words.contains(secret), "{words}");
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_is_reported_and_nothing_is_sent_without_a_common_mechanism() {
        let (_, result) = talk(&Capabilities::not_announced(), &["535 5.7.8 no"]).await;
        assert!(matches!(result, Err(StepFailure::Answered { answer, .. }) if answer.code == 535));
        let (said, result) = talk(&Capabilities::default(), &[]).await;
        assert!(said.is_empty() && matches!(result, Err(StepFailure::Lacking(_))));
    }
}
