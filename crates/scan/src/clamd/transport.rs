//! The connection under the client crate: Unix or TCP, with a cap on what the daemon may send back, and an ear for what it
//! says before it was told everything.

use super::ClamdAddress;
use clamav_client::tokio::TransportProtocol;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Longest reply that is read.
// BOUND: a reply is one line with a signature name; the client crate itself would read for ever.
const MAX_REPLY_BYTES: usize = 16 << 10;

/// Connects anew for every command, as the daemon expects outside of IDSESSION.
pub struct Transport<'a>(&'a ClamdAddress);

impl<'a> Transport<'a> {
    pub const fn new(address: &'a ClamdAddress) -> Self {
        Self(address)
    }
}

impl TransportProtocol for Transport<'_> {
    type Stream = Capped;

    async fn connect(&self) -> io::Result<Capped> {
        let stream: Box<dyn Duplex> = match self.0 {
            ClamdAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
            ClamdAddress::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            ClamdAddress::Auto => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        Ok(Capped { stream, left: MAX_REPLY_BYTES, hung_up: None })
    }
}

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection whose reply ends at the cap.
pub struct Capped {
    stream: Box<dyn Duplex>,
    left: usize,
    /// How writing ended, when it did: the daemon's last words may still wait to be read.
    hung_up: Option<io::Error>,
}

impl AsyncRead for Capped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let mut limited = buf.take(self.left);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut limited);
        let filled = limited.filled().to_vec();
        if polled.is_ready() {
            self.left -= filled.len();
            buf.put_slice(&filled);
        }
        polled
    }
}

/// What the daemon said while content was still being sent: never an answer about that content.
#[derive(Debug, thiserror::Error)]
#[error("it answered before it had been sent everything")]
pub struct Early(pub Vec<u8>);

impl AsyncWrite for Capped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut space = [0; 512];
            let mut early = ReadBuf::new(&mut space);
            match (Pin::new(&mut self.stream).poll_read(cx, &mut early), self.hung_up.take()) {
                (Poll::Ready(Ok(())), _) if !early.filled().is_empty() => {
                    return Poll::Ready(Err(io::Error::other(Early(early.filled().to_vec()))));
                }
                (Poll::Ready(_), Some(error)) | (Poll::Ready(Err(error)), None) => return Poll::Ready(Err(error)),
                (Poll::Ready(Ok(())), None) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                // The other end is gone, so there is an end to hear, with or without words before it.
                (Poll::Pending, Some(error)) => {
                    self.hung_up = Some(error);
                    return Poll::Pending;
                }
                (Poll::Pending, None) => match Pin::new(&mut self.stream).poll_write(cx, bytes) {
                    Poll::Ready(Err(error)) => self.hung_up = Some(error),
                    other => return other,
                },
            }
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
