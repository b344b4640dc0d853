//! Syslog collectors of a test's own, on loopback: UDP, TCP and TLS, reading frames as the RFCs say; and certificates for them.

use crate::{command, run};
use anyhow::{Context as _, Result, bail, ensure};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

// BOUND: messages come within milliseconds; this is for a busy machine.
const WAIT: Duration = Duration::from_secs(60);

/// What a collector heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// One message, without framing.
    Message(Vec<u8>),
    /// A connection came to its end: in order, or for this reason.
    Closed(Option<String>),
}

/// A collector at work; ended when dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    heard: Receiver<Heard>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    datagrams: bool,
    /// The connection it listens to.
    connection: Arc<Mutex<Option<TcpStream>>>,
}

impl Collector {
    /// Octet-counted frames over TCP, at a port of the system's choice or at `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn tcp(address: Option<SocketAddr>) -> Result<Self> {
        Self::streams(address, None)
    }

    /// The same over TLS.
    ///
    /// # Errors
    /// As [`Collector::tcp`].
    pub fn tls(config: ServerConfig) -> Result<Self> {
        Self::streams(None, Some(Arc::new(config)))
    }

    /// One message a datagram.
    ///
    /// # Errors
    /// As [`Collector::tcp`].
    pub fn udp() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let (sender, heard) = channel();
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let thread = std::thread::spawn(move || {
            let mut datagram = vec![0; 65_536];
            while let Ok(size) = socket.recv(&mut datagram)
                && !ended.load(Ordering::SeqCst)
            {
                let _ = sender.send(Heard::Message(datagram[..size].to_vec()));
            }
        });
        Ok(Self { address, heard, ending, thread: Some(thread), datagrams: true, connection: Arc::default() })
    }

    fn streams(address: Option<SocketAddr>, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let listener = TcpListener::bind(address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()))?;
        let address = listener.local_addr()?;
        let (sender, heard) = channel();
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let connection: Arc<Mutex<Option<TcpStream>>> = Arc::default();
        let current = Arc::clone(&connection);
        // One connection after the other: what they bring stays in order.
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _from)) = listener.accept()
                && !ended.load(Ordering::SeqCst)
            {
                *current.lock().unwrap_or_else(PoisonError::into_inner) = stream.try_clone().ok();
                let why = converse(stream, tls.as_ref(), &sender).err();
                let _ = sender.send(Heard::Closed(why.map(|error| format!("{error:#}"))));
            }
        });
        Ok(Self { address, heard, ending, thread: Some(thread), datagrams: false, connection })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next thing it hears.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn next(&self) -> Result<Heard> {
        self.heard.recv_timeout(WAIT).context("the collector hears nothing")
    }

    /// The next `count` messages, whichever connections they come over.
    ///
    /// # Errors
    /// When they do not come.
    pub fn messages(&self, count: usize) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        while messages.len() < count {
            if let Heard::Message(bytes) = self.next()? {
                messages.push(Message::read(&bytes)?);
            }
        }
        Ok(messages)
    }

    /// Every message until the connection's end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn until_closed(&self) -> Result<(Vec<Message>, Option<String>)> {
        let mut messages = Vec::new();
        loop {
            match self.next()? {
                Heard::Message(bytes) => messages.push(Message::read(&bytes)?),
                Heard::Closed(why) => return Ok((messages, why)),
            }
        }
    }

    /// Whether nothing was heard that has not been asked for.
    pub fn is_silent(&self) -> bool {
        self.heard.try_recv().is_err()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes the thread, wherever it waits.
        if let Some(connection) = self.connection.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        if self.datagrams {
            let _ = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"", self.address));
        } else {
            let _ = TcpStream::connect(self.address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn converse(stream: TcpStream, tls: Option<&Arc<ServerConfig>>, heard: &Sender<Heard>) -> Result<()> {
    stream.set_read_timeout(Some(WAIT))?;
    match tls {
        None => read_frames(stream, heard),
        Some(config) => read_frames(StreamOwned::new(ServerConnection::new(Arc::clone(config))?, stream), heard),
    }
}

/// RFC 6587 section 3.4.1: MSG-LEN SP SYSLOG-MSG.
fn read_frames(mut from: impl Read, heard: &Sender<Heard>) -> Result<()> {
    loop {
        let mut length = 0_usize;
        let mut digits = 0;
        loop {
            let mut byte = [0];
            match from.read_exact(&mut byte) {
                // Killed or closed between two frames.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof && digits == 0 => return Ok(()),
                other => other?,
            }
            match byte[0] {
                digit @ b'0'..=b'9' if digits < 5 && (digit != b'0' || digits > 0) => length = length * 10 + usize::from(digit - b'0'),
                b' ' if digits > 0 => break,
                other => bail!("{other:#x} in a frame's length"),
            }
            digits += 1;
        }
        let mut message = vec![0; length];
        from.read_exact(&mut message)?;
        heard.send(Heard::Message(message))?;
    }
}

/// A message by the grammar of RFC 5424, section 6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `<PRI>`.
    pub priority: u8,
    /// MSGID.
    pub event: String,
    /// `seq` of the structured data.
    pub seq: u64,
    /// `position` of the structured data.
    pub position: String,
    /// The message part.
    pub body: String,
    /// Its length in bytes.
    pub bytes: usize,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// When it is not well-formed.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        ensure!(bytes.iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic()), "not printable: {}", bytes.escape_ascii());
        let text = std::str::from_utf8(bytes)?;
        let (priority, rest) = text.strip_prefix('<').and_then(|rest| rest.split_once(">1 ")).with_context(|| text.to_owned())?;
        let header: Vec<&str> = rest.splitn(6, ' ').collect();
        let [_time, _host, program, process, event, rest] = header.as_slice() else { bail!("{text}") };
        ensure!([*program, *process] == ["schleuse", "-"] && event.len() <= 32, "{text}");
        let (data, body) = structured(rest).with_context(|| text.to_owned())?;
        let value = |name: &str| data.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).context("a parameter");
        Ok(Self {
            priority: priority.parse()?,
            event: (*event).to_owned(),
            seq: value("seq")?.parse()?,
            position: value("position")?,
            body: body.to_owned(),
            bytes: bytes.len(),
        })
    }
}

/// `[ID NAME="VALUE" …] REST`, with `\"`, `\\` and `\]` in values.
fn structured(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut rest = text.strip_prefix('[')?.strip_prefix(siem::STRUCTURED_DATA_ID)?;
    let mut parameters = Vec::new();
    while let Some(parameter) = rest.strip_prefix(' ') {
        let (name, after) = parameter.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => value.push(characters.next().map(|(_, c)| c).filter(|c| ['"', '\\', ']'].contains(c))?),
                (at, '"') => break at,
                (_, ']') => return None,
                (_, character) => value.push(character),
            }
        };
        parameters.push((name.to_owned(), value));
        rest = &after[end + 1..];
    }
    Some((parameters, rest.strip_prefix("] ")?))
}

/// A certification authority in a directory, and what it issued.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    name: String,
}

impl Authority {
    /// A new one; its files in `dir` begin with `name`.
    ///
    /// # Errors
    /// When `openssl` fails.
    pub fn new(dir: &Path, name: &str) -> Result<Self> {
        let authority = Self { dir: dir.into(), name: name.into() };
        let (key, certificate) = (authority.file("ca.key"), authority.file("ca.pem"));
        openssl(
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=ca"],
            &[("-keyout", &key), ("-out", &certificate)],
        )?;
        Ok(authority)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{}-{name}", self.name))
    }

    /// Its certificate (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// Issues a certificate for `host`; gives certificate and key (PEM).
    ///
    /// # Errors
    /// When `openssl` fails.
    pub fn issue(&self, host: &str) -> Result<(PathBuf, PathBuf)> {
        let at = |ending: &str| self.file(&format!("{host}.{ending}"));
        let (key, request, certificate) = (at("key"), at("csr"), at("pem"));
        let (subject, names) = (format!("/CN={host}"), format!("subjectAltName=DNS:{host}"));
        openssl(
            &["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", &subject, "-addext", &names],
            &[("-keyout", &key), ("-out", &request)],
        )?;
        openssl(
            &["x509", "-req", "-days", "2", "-copy_extensions", "copy", "-CAcreateserial"],
            &[("-in", &request), ("-CA", &self.certificate()), ("-CAkey", &self.file("ca.key")), ("-out", &certificate)],
        )?;
        Ok((certificate, key))
    }

    /// A server for `host` that wants a client certificate of this authority.
    ///
    /// # Errors
    /// When the certificates cannot be made.
    pub fn server(&self, host: &str, versions: &[&'static SupportedProtocolVersion]) -> Result<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.certificate())?)?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
        let (certificate, key) = self.issue(host)?;
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
        let builder = builder.with_client_cert_verifier(clients);
        Ok(builder.with_single_cert(vec![CertificateDer::from_pem_file(certificate)?], PrivateKeyDer::from_pem_file(key)?)?)
    }
}

fn openssl(words: &[&str], files: &[(&str, &Path)]) -> Result<()> {
    let mut command = command("openssl");
    command.args(words);
    for (option, path) in files {
        command.arg(option).arg(path);
    }
    let ended = run(&mut command)?;
    ensure!(ended.status == 0, "openssl: {ended:?}");
    Ok(())
}
