//! Commands and answers over a connection, each within a time-out, and the content of a mail.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::reply::{SmtpReply, read_reply};
use super::step::{Step, StepFailure};

/// The time limit for an answer that the server sent before it closed the connection.
const FINAL_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const END_OF_CONTENT: &[u8] = b"\r\n.\r\n";

/// A connection to the server, with TLS or without.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A dialogue over a connection.
pub struct Dialogue<S> {
    stream: S,
    /// Bytes that were read and belong to no answer yet.
    unread: BytesMut,
    timeout: Duration,
}

/// The outcome of sending a content.
pub struct HandedOver {
    pub answer: SmtpReply,
    /// Whether the content was sent to its end; where that is not certain, the server may wait for more of it.
    pub is_whole: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    /// A dialogue with this time limit for each answer.
    pub fn new(stream: S, timeout: Duration) -> Self {
        Self {
            stream,
            unread: BytesMut::new(),
            timeout,
        }
    }

    /// The connection, unless bytes are left that belong to no answer. Bytes that an attacker appended to the server's
    /// last answer in plain text must not be taken for its first answers under TLS.
    pub fn into_stream(self) -> Option<S> {
        self.unread.is_empty().then_some(self.stream)
    }

    /// The server's next answer.
    pub async fn answer(&mut self, step: Step) -> Result<SmtpReply, StepFailure> {
        let reading = read_reply(&mut self.stream, &mut self.unread);
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(read) => read.map_err(|error| StepFailure::broken(step, &error)),
            Err(_) => Err(StepFailure::timed_out(step, self.timeout)),
        }
    }

    /// Sends one line and returns the answer, whatever it is.
    pub async fn command(&mut self, step: Step, line: &str) -> Result<SmtpReply, StepFailure> {
        // No text from outside has a line break here, which would start another command.
        if line.contains(char::is_control) {
            return Err(StepFailure::Broken(format!(
                "a command with control characters was not sent ({step})"
            )));
        }
        let line = format!("{line}\r\n");
        let timeout = self.timeout;
        let saying = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(timeout, saying).await {
            Ok(Ok(())) => self.answer(step).await,
            Ok(Err(error)) => Err(self.last_words(step, &error).await),
            Err(_) => Err(StepFailure::timed_out(step, timeout)),
        }
    }

    /// Sends the content that was offered. An answer of the server counts even if it arrives while the content is still
    /// being written.
    pub async fn content(&mut self, content: &[u8], time: Duration) -> Result<HandedOver, StepFailure> {
        let has_ended = AtomicBool::new(false);
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let unread = &mut self.unread;
        let handing_over = async {
            let writing = write_content(&mut writer, content, &has_ended);
            let reading = read_reply(&mut reader, unread);
            tokio::pin!(writing, reading);
            tokio::select! {
                biased;
                written = &mut writing => match written {
                    Ok(()) => reading.await.map(|answer| (answer, true)),
                    // The server may have sent a reason before it closed the connection.
                    Err(error) => match tokio::time::timeout(FINAL_ANSWER_TIMEOUT, reading).await {
                        Ok(Ok(answer)) => Ok((answer, false)),
                        Ok(Err(_)) | Err(_) => Err(error),
                    },
                },
                early = &mut reading => early.map(|answer| (answer, false)),
            }
        };
        let (answer, is_whole) = match tokio::time::timeout(time, handing_over).await {
            Ok(answered) => answered.map_err(|error| StepFailure::broken(Step::Content, &error))?,
            Err(_) => return Err(StepFailure::timed_out(Step::Content, time)),
        };
        if answer.is_good() && !has_ended.load(Ordering::Relaxed) {
            return Err(StepFailure::Broken(format!(
                "the mail server took the content before its end: {} ({})",
                answer.words(),
                Step::Content
            )));
        }
        Ok(HandedOver { answer, is_whole })
    }

    /// A server may send a reason and close the connection before the next command.
    async fn last_words(&mut self, step: Step, error: &io::Error) -> StepFailure {
        let reading = read_reply(&mut self.stream, &mut self.unread);
        match tokio::time::timeout(FINAL_ANSWER_TIMEOUT, reading).await {
            Ok(Ok(answer)) if answer.is_temporary() || answer.is_permanent() => StepFailure::Answered { step, answer },
            _ => StepFailure::broken(step, error),
        }
    }
}

/// Writes a content and its end. Lines that begin with a dot get another one (dot-stuffing).
async fn write_content(
    writer: &mut (impl AsyncWrite + Unpin),
    content: &[u8],
    has_ended: &AtomicBool,
) -> io::Result<()> {
    // The end of the content brings its own line break.
    let content = content.strip_suffix(b"\r\n").unwrap_or(content);
    if content.starts_with(b".") {
        writer.write_all(b".").await?;
    }
    let mut begin = 0;
    for found in memmem::find_iter(content, b"\r\n.") {
        let end = found + 2;
        writer.write_all(&content[begin..end]).await?;
        writer.write_all(b".").await?;
        begin = end;
    }
    writer.write_all(&content[begin..]).await?;
    // Set before writing: whatever is written may arrive.
    has_ended.store(true, Ordering::Relaxed);
    writer.write_all(END_OF_CONTENT).await?;
    writer.flush().await
}

/// The other side of a dialogue in tests.
#[cfg(test)]
pub mod scripted {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

    /// Answers each line with the next of `answers`, and returns the lines.
    pub async fn server(stream: DuplexStream, answers: &[&str]) -> Vec<String> {
        let mut stream = BufReader::new(stream);
        let mut said = Vec::new();
        for answer in answers {
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a line");
            said.push(line.trim_end().to_owned());
            stream
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .expect("written");
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn written(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_content(&mut out, content, &AtomicBool::new(false))
            .await
            .expect("written");
        out
    }

    #[tokio::test]
    async fn dots_at_the_beginning_of_lines_are_doubled() {
        for (content, expected) in [
            ("a\r\nb\r\n", "a\r\nb\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".a\r\n.\r\n..b\r\nc.\r\n", "..a\r\n..\r\n...b\r\nc.\r\n.\r\n"),
        ] {
            assert_eq!(
                String::from_utf8(written(content.as_bytes()).await).expect("text"),
                expected
            );
        }
    }

    #[tokio::test]
    async fn bytes_injected_before_tls_are_detected() {
        let (here, mut there) = tokio::io::duplex(1000);
        there.write_all(b"220 go\r\n250 added\r\n").await.expect("written");
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        assert_eq!(dialogue.answer(Step::StartTls).await.expect("an answer").code, 220);
        assert!(dialogue.into_stream().is_none());
    }

    #[tokio::test]
    async fn a_command_is_one_line() {
        let (here, _there) = tokio::io::duplex(1000);
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let said = dialogue.command(Step::Hello, "EHLO x\r\nRCPT TO:<m@example.org>").await;
        assert!(matches!(said, Err(StepFailure::Broken(_))));
    }

    #[tokio::test]
    async fn an_answer_during_the_content_is_read() {
        let (here, mut there) = tokio::io::duplex(1000);
        let server = async move {
            let mut some = [0; 100];
            there.read_exact(&mut some).await.expect("content");
            there.write_all(b"552 5.3.4 enough\r\n").await.expect("written");
            // The server neither reads on nor closes the connection.
            there
        };
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let content = vec![b'x'; 100_000];
        let (handed_over, _there) = tokio::join!(dialogue.content(&content, Duration::from_secs(30)), server);
        let handed_over = handed_over.expect("an answer");
        assert_eq!((handed_over.answer.code, handed_over.is_whole), (552, false));
    }

    #[tokio::test]
    async fn a_content_that_is_accepted_before_its_end_is_unconfirmed() {
        let (here, mut there) = tokio::io::duplex(1000);
        there.write_all(b"250 thanks\r\n").await.expect("written");
        let mut dialogue = Dialogue::new(here, Duration::from_secs(5));
        let content = vec![b'x'; 100_000];
        let handed_over = dialogue.content(&content, Duration::from_secs(30)).await;
        assert!(matches!(handed_over, Err(StepFailure::Broken(_))));
    }
}
