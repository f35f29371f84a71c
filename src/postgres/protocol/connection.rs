//! One connection: its messages one after the other, and how long they may be.
//!
//! `pgwire`'s own loop takes messages of up to a gigabyte before a login, and goes on after one that failed. Here a
//! client that is not logged in may send only short messages, and is disconnected at the first error.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::StreamExt;
use pgwire::api::NoopHandler;
use pgwire::error::PgWireError;
use pgwire::messages::PgWireFrontendMessage;
use pgwire::tokio::server::{MaybeTls, PgWireMessageServerCodec, negotiate_tls, process_error, process_message};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::{Framed, FramedParts};

use super::handler::Handler;
use crate::postgres::error::fatal;
use crate::postgres::session::Prepared;
use crate::postgres::session::client::{Cancelling, Client};
use crate::postgres::session::login::LoggingIn;

/// The longest message before the login, in bytes: a token has some thousands.
const LONGEST_BEFORE_LOGIN: usize = 64 * 1024;
/// The longest message after it, in bytes: a statement, or the values of its parameters.
const LONGEST: usize = 16 * 1024 * 1024;

/// Bytes of the output buffer; it is flushed when full and at the end of an answer. With the library's 8 KiB, a copy of a
/// large table is mostly system calls.
const WRITTEN_AT_ONCE: usize = 64 * 1024;

/// The message handlers of one connection.
pub struct Handlers {
    pub startup: Arc<LoggingIn>,
    pub queries: Arc<Handler>,
    pub cancelling: Arc<Cancelling>,
}

type Socket = Framed<Metered, PgWireMessageServerCodec<Prepared>>;

/// Serves a client until it or the network ends the connection.
pub async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handlers: &Handlers,
    client: &Arc<Client>,
) -> io::Result<()> {
    let Some(mut socket) = negotiated(stream, tls, client).await? else {
        return Ok(());
    };
    while let Some(message) = socket.next().await {
        let message = match message {
            Ok(PgWireFrontendMessage::Terminate(_)) => break,
            Ok(message) => message,
            Err(error) => {
                let error = fatal("08P01", &format!("the connection ends: {error}"));
                return process_error(&mut socket, error, false).await;
            }
        };
        let waits_for_sync = message.is_extended_query();
        let processed = process_message(
            message,
            &mut socket,
            Arc::clone(&handlers.startup),
            Arc::clone(&handlers.queries),
            Arc::clone(&handlers.queries),
            Arc::new(NoopHandler),
            Arc::clone(&handlers.cancelling),
        );
        if let Err(error) = processed.await {
            let is_over = client.login().is_none() || is_fatal(&error);
            process_error(&mut socket, error, waits_for_sync).await?;
            if is_over {
                break;
            }
        }
    }
    Ok(())
}

fn is_fatal(error: &PgWireError) -> bool {
    matches!(error, PgWireError::UserError(info) if info.is_fatal())
}

/// The connection, with TLS where the client requests it; `None` where it requests encryption that is not offered.
async fn negotiated(stream: TcpStream, tls: Option<TlsAcceptor>, client: &Arc<Client>) -> io::Result<Option<Socket>> {
    let Some(negotiated) = negotiate_tls(stream, tls).await? else {
        return Ok(None);
    };
    let before = negotiated.into_parts();
    // Bytes that an attacker injected before the first encrypted byte would pass for the client's (CVE-2021-23214).
    if matches!(before.io, MaybeTls::Tls(_)) && !before.read_buf.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "unencrypted bytes came after the request for TLS",
        ));
    }
    let mut lengths = Lengths::default();
    lengths.pass(&before.read_buf, LONGEST_BEFORE_LOGIN).map_err(too_long)?;
    let metered = Metered {
        io: before.io,
        lengths,
        client: Arc::clone(client),
    };
    let mut parts = FramedParts::new(metered, before.codec);
    parts.read_buf = before.read_buf;
    parts.write_buf = before.write_buf;
    let mut socket = Framed::from_parts(parts);
    socket.set_backpressure_boundary(WRITTEN_AT_ONCE);
    Ok(Some(socket))
}

fn too_long(TooLong { length, most }: TooLong) -> io::Error {
    let reason = format!("a message of {length} bytes is longer than {most}");
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A stream that fails at a message that is too long, before the message is read.
struct Metered {
    io: MaybeTls,
    lengths: Lengths,
    client: Arc<Client>,
}

impl AsyncRead for Metered {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let metered = self.get_mut();
        let before = bytes.filled().len();
        ready!(Pin::new(&mut metered.io).poll_read(context, bytes))?;
        let most = match metered.client.login() {
            Some(_) => LONGEST,
            None => LONGEST_BEFORE_LOGIN,
        };
        let passed = metered.lengths.pass(&bytes.filled()[before..], most);
        Poll::Ready(passed.map_err(too_long))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

/// Finds the lengths of messages in the bytes that come.
#[derive(Debug, Default)]
struct Lengths {
    /// The first message has no byte that says its type.
    is_after_first: bool,
    header: Vec<u8>,
    /// Bytes of the message still to come.
    left: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct TooLong {
    length: usize,
    most: usize,
}

impl Lengths {
    const OF_TYPE: usize = 1;
    const OF_LENGTH: usize = 4;

    fn pass(&mut self, mut bytes: &[u8], most: usize) -> Result<(), TooLong> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            self.header.push(*first);
            bytes = rest;
            let type_bytes = if self.is_after_first { Self::OF_TYPE } else { 0 };
            if let Ok(length) = <[u8; Self::OF_LENGTH]>::try_from(self.header.get(type_bytes..).unwrap_or_default()) {
                let length = u32::from_be_bytes(length) as usize;
                if length > most {
                    return Err(TooLong { length, most });
                }
                // The length counts itself.
                self.left = length.saturating_sub(Self::OF_LENGTH);
                self.header.clear();
                self.is_after_first = true;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 100;

    fn message(kind: Option<u8>, content: usize) -> Vec<u8> {
        let length = u32::try_from(content + Lengths::OF_LENGTH).expect("short");
        let mut bytes: Vec<u8> = kind.into_iter().collect();
        bytes.extend(length.to_be_bytes());
        bytes.resize(bytes.len() + content, b'x');
        bytes
    }

    proptest! {
        #[test]
        fn messages_pass_however_they_are_cut_up(
            contents in prop::collection::vec(0..MOST - Lengths::OF_LENGTH, 1..8),
            pieces in prop::collection::vec(1..40_usize, 1..200),
        ) {
            let kinds = std::iter::once(None).chain(std::iter::repeat(Some(b'Q')));
            let bytes: Vec<u8> = kinds.zip(&contents).flat_map(|(kind, content)| message(kind, *content)).collect();
            let mut lengths = Lengths::default();
            let (mut left, mut sizes) = (bytes.as_slice(), pieces.iter().cycle());
            while !left.is_empty() {
                let (piece, rest) = left.split_at((*sizes.next().expect("endless")).min(left.len()));
                prop_assert_eq!(lengths.pass(piece, MOST), Ok(()));
                left = rest;
            }
            prop_assert_eq!(lengths.left, 0);
            prop_assert!(lengths.header.is_empty());
        }

        #[test]
        fn a_long_message_is_told_by_its_header(length in MOST + 1..0x3fff_ffff, content in 0..MOST - Lengths::OF_LENGTH) {
            let mut lengths = Lengths::default();
            prop_assert_eq!(lengths.pass(&message(None, content), MOST), Ok(()));
            let header = [&b"B"[..], &u32::try_from(length).expect("a length").to_be_bytes()].concat();
            prop_assert_eq!(lengths.pass(&header, MOST), Err(TooLong { length, most: MOST }));
        }
    }
}
