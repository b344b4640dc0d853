//! The connection to the collector.
//!
//! **Invariant.** No call waits longer than the deadline it is given; nothing is sent in clear when the policy says TLS.

use crate::{SiemError, tls};
use model::policy::{SiemPolicy, SiemTransport};
use rustls::{ClientConnection, ProtocolVersion};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::{Duration, Instant};

/// Longest wait, after a TLS 1.3 handshake, for the collector's first word: a ticket, or that it refuses the station's
/// certificate. (In TLS 1.3 the client's side is finished before the server has looked at the client's certificate.)
// BOUND: a refusal takes one round trip; collectors that send no tickets cost this much once a connection.
const SETTLE: Duration = Duration::from_secs(2);

/// Longest wait for the collector to close its side in turn: what it had not read yet would be lost with a reset.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most reads of what a collector says of its own accord, at a time.
// BOUND: syslog collectors say nothing; TLS ones send a few tickets.
const CHATTER: u32 = 64;

/// A socket whose every read and write ends by a deadline.
#[derive(Debug)]
struct Wire {
    socket: TcpStream,
    deadline: Instant,
}

impl Wire {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    Tcp(Wire),
    Tls(Box<ClientConnection>, Wire),
}

/// A connection that was made.
#[derive(Debug)]
pub struct Link {
    collector: String,
    way: Way,
}

impl Link {
    /// Connects, and over TLS shakes hands, until `deadline`.
    ///
    /// # Errors
    /// [`SiemError::Connect`], [`SiemError::Handshake`], and what the TLS settings give.
    pub fn connect(policy: &SiemPolicy, deadline: Instant) -> Result<Self, SiemError> {
        let collector = policy.collector.clone().ok_or(SiemError::NoCollector)?;
        let unreachable = |source| SiemError::Connect { collector: collector.clone(), source };
        let way = match policy.transport {
            SiemTransport::Udp => Way::Udp(udp(&collector).map_err(unreachable)?),
            SiemTransport::Tcp => Way::Tcp(tcp(&collector, deadline).map_err(unreachable)?),
            SiemTransport::Tls => {
                let mut connection = Box::new(tls::client(policy)?);
                let mut wire = tcp(&collector, deadline).map_err(unreachable)?;
                let refused = |source| SiemError::Handshake { collector: collector.clone(), source };
                shake_hands(&mut connection, &mut wire).map_err(refused)?;
                Way::Tls(connection, wire)
            }
        };
        Ok(Self { collector, way })
    }

    /// Sends one message until `deadline`. It counts as taken when it was written, flushed, and the connection was open
    /// before and after.
    ///
    /// # Errors
    /// [`SiemError::Send`]: the link is of no more use.
    pub fn send(&mut self, message: &str, deadline: Instant) -> Result<(), SiemError> {
        let sent = match &mut self.way {
            Way::Udp(socket) => socket.send(message.as_bytes()).map(drop),
            Way::Tcp(wire) => {
                wire.deadline = deadline;
                send_tcp(wire, message)
            }
            Way::Tls(connection, wire) => {
                wire.deadline = deadline;
                send_tls(connection, wire, message)
            }
        };
        sent.map_err(|source| SiemError::Send { collector: self.collector.clone(), source })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let wire = match &mut self.way {
            Way::Udp(_) => return,
            Way::Tcp(wire) => wire,
            Way::Tls(connection, wire) => {
                connection.send_close_notify();
                wire.deadline = Instant::now() + FAREWELL;
                // A collector that does not hear the farewell has closed already.
                let _ = connection.write_tls(wire);
                wire
            }
        };
        wire.deadline = Instant::now() + FAREWELL;
        let _ = wire.socket.shutdown(Shutdown::Write);
        let mut last_words = [0; 4_096];
        while matches!(wire.read(&mut last_words), Ok(1..)) {}
    }
}

fn addresses(collector: &str) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = collector.to_socket_addrs()?.collect();
    if addresses.is_empty() { Err(ErrorKind::NotFound.into()) } else { Ok(addresses) }
}

fn udp(collector: &str) -> io::Result<UdpSocket> {
    let mut failed = io::Error::from(ErrorKind::NotFound);
    for address in addresses(collector)? {
        let own: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
        match UdpSocket::bind(own).and_then(|socket| socket.connect(address).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn tcp(collector: &str, deadline: Instant) -> io::Result<Wire> {
    let mut failed = io::Error::from(ErrorKind::NotFound);
    for address in addresses(collector)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(Wire { socket, deadline });
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn shake_hands(connection: &mut ClientConnection, wire: &mut Wire) -> io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(wire)?;
    }
    while connection.wants_write() {
        connection.write_tls(wire)?;
    }
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Ok(());
    }
    wire.deadline = wire.deadline.min(Instant::now() + SETTLE);
    while connection.tls13_tickets_received() == 0 {
        match connection.read_tls(wire) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                connection.process_new_packets().map_err(io::Error::other)?;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Octet counting: RFC 6587 section 3.4.1, RFC 5425 section 4.3.
fn frame(message: &str) -> String {
    format!("{} {message}", message.len())
}

fn send_tcp(wire: &mut Wire, message: &str) -> io::Result<()> {
    tcp_is_open(&wire.socket)?;
    wire.write_all(frame(message).as_bytes())?;
    wire.flush()?;
    tcp_is_open(&wire.socket)
}

fn tcp_is_open(socket: &TcpStream) -> io::Result<()> {
    unblocked(socket, |mut socket| socket.read(&mut [0; 4_096]))
}

fn send_tls(connection: &mut ClientConnection, wire: &mut Wire, message: &str) -> io::Result<()> {
    tls_is_open(connection, &wire.socket)?;
    connection.writer().write_all(frame(message).as_bytes())?;
    while connection.wants_write() {
        connection.write_tls(wire)?;
    }
    wire.flush()?;
    tls_is_open(connection, &wire.socket)
}

fn tls_is_open(connection: &mut ClientConnection, socket: &TcpStream) -> io::Result<()> {
    unblocked(socket, |mut socket| {
        let read = connection.read_tls(&mut socket)?;
        let state = connection.process_new_packets().map_err(io::Error::other)?;
        // What it says is not listened to.
        let mut heard = vec![0; state.plaintext_bytes_to_read()];
        let _ = connection.reader().read(&mut heard);
        Ok(if state.peer_has_closed() { 0 } else { read })
    })
}

/// Reads what is there without waiting: the end of the stream is an error, nothing to read is not.
fn unblocked(socket: &TcpStream, mut read: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let mut outcome = Ok(());
    for _ in 0..CHATTER {
        match read(socket) {
            Ok(0) => outcome = Err(io::Error::new(ErrorKind::ConnectionAborted, "the collector closed the connection")),
            Ok(_) => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => outcome = Err(error),
        }
        break;
    }
    socket.set_nonblocking(false)?;
    outcome
}
