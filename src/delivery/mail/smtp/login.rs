//! Logging in: AUTH PLAIN (RFC 4616), or AUTH LOGIN, which some servers have instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::abilities::Abilities;
use super::answer::Answer;
use super::dialogue::Dialogue;
use super::step::{Step, Trouble, hoped};
use crate::config::Secret;

/// A user of the mail server.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

/// The server asks for more.
const GO_ON: u16 = 334;
/// The server does not know this way.
const UNKNOWN_WAY: u16 = 504;

/// Logs in, which must be said only where nobody can listen.
pub async fn log_in<S>(dialogue: &mut Dialogue<S>, abilities: &Abilities, login: &Login) -> Result<(), Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !abilities.plain && !abilities.login {
        return Err(Trouble::Lacking(
            "the mail server offers no login by PLAIN or LOGIN; check mail.user and mail.server".to_owned(),
        ));
    }
    if abilities.plain {
        let answer = by_plain(dialogue, login).await?;
        if !(answer.code == UNKNOWN_WAY && abilities.login) {
            return hoped(Step::Login, answer, Answer::is_good).map(|_| ());
        }
    }
    let answer = by_login(dialogue, login).await?;
    hoped(Step::Login, answer, Answer::is_good).map(|_| ())
}

async fn by_plain<S>(dialogue: &mut Dialogue<S>, login: &Login) -> Result<Answer, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let secret = STANDARD.encode(format!("\0{}\0{}", login.user, login.password.reveal()));
    let answer = dialogue.command(Step::Login, &format!("AUTH PLAIN {secret}")).await?;
    if answer.code == GO_ON {
        return dialogue.command(Step::Login, &secret).await;
    }
    Ok(answer)
}

async fn by_login<S>(dialogue: &mut Dialogue<S>, login: &Login) -> Result<Answer, Trouble>
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

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    /// What was said to a server that answers so, and what came of it.
    async fn talk(abilities: &Abilities, answers: &[&str]) -> (Vec<String>, Result<(), Trouble>) {
        let (here, there) = tokio::io::duplex(1000);
        let login = Login {
            user: "asha".to_owned(),
            password: "geheim ✓".to_owned().into(),
        };
        let server = async {
            let mut there = BufReader::new(there);
            let mut said = Vec::new();
            for answer in answers {
                let mut line = String::new();
                there.read_line(&mut line).await.expect("a line");
                said.push(line.trim_end().to_owned());
                there
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .expect("written");
            }
            said
        };
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let (result, said) = tokio::join!(log_in(&mut dialogue, abilities, &login), server);
        (said, result)
    }

    #[tokio::test]
    async fn both_ways_say_who_and_what() {
        let plain = Abilities {
            plain: true,
            ..Abilities::default()
        };
        let expected = format!("AUTH PLAIN {}", STANDARD.encode("\0asha\0geheim ✓"));
        let (said, result) = talk(&plain, &["235 fine"]).await;
        assert_eq!(said, [expected.as_str()]);
        assert!(result.is_ok());

        let (said, result) = talk(
            &Abilities::untold(),
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
    async fn a_refusal_is_told_and_nothing_is_said_where_there_is_no_way() {
        let (_, result) = talk(&Abilities::untold(), &["535 5.7.8 no"]).await;
        assert!(matches!(result, Err(Trouble::Answered { answer, .. }) if answer.code == 535));
        let (said, result) = talk(&Abilities::default(), &[]).await;
        assert!(said.is_empty() && matches!(result, Err(Trouble::Lacking(_))));
    }
}
