//! The part of a connection before STARTTLS, in which anyone on the way can add words to the server's.
//!
//! Words that are added behind the server's last answer in plain text must not be taken for its first answers under TLS. They
//! would be if they lay in a buffer when TLS begins, so until then a read gives one byte: no more is read than is answered to,
//! and what was added reaches the TLS handshake, which fails on it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that begins in plain text.
#[derive(Debug)]
pub(super) struct PlainPhase {
    stream: TcpStream,
    is_over: Arc<AtomicBool>,
}

/// Ends the plain part of a connection.
pub(super) struct EndOfPlainPhase(Arc<AtomicBool>);

impl PlainPhase {
    /// The connection, and the means to tell it that TLS has begun.
    pub fn new(stream: TcpStream) -> (Self, EndOfPlainPhase) {
        let is_over = Arc::new(AtomicBool::new(false));
        let end = EndOfPlainPhase(Arc::clone(&is_over));
        (Self { stream, is_over }, end)
    }
}

impl EndOfPlainPhase {
    /// From now on reads give what there is.
    pub fn reached(self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl AsyncTokioStream for PlainPhase {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for PlainPhase {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_over.load(Ordering::Relaxed) || into.remaining() == 0 {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut one))?;
        into.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PlainPhase {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn nothing_is_read_ahead_of_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            stream.write_all(b"220 go\r\n250 added\r\n").await.expect("written");
        };
        let client = async {
            let (stream, end) = PlainPhase::new(TcpStream::connect(address).await.expect("a server"));
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            reader.read_line(&mut line).await.expect("a line");
            assert_eq!(line, "220 go\r\n");
            assert!(reader.buffer().is_empty());
            end.reached();
            let mut rest = [0; 11];
            assert_eq!(reader.get_mut().read(&mut rest).await.expect("the rest"), 11);
            assert_eq!(&rest, b"250 added\r\n");
        };
        tokio::join!(server, client);
    }
}
