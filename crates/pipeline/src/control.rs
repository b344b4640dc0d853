//! The socket over which a second program of the same station (a reviewer's command) hands its events to the one writer of
//! the chain.
//!
//! One message is a length (4 bytes, big-endian) and so many bytes of JSON; each is answered before the next. The socket has
//! mode 0600 in a directory of mode 0700: whoever can connect could write the state directory itself. **Invariant:** what the
//! log writes by itself (checkpoints, repairs, erasures) cannot be said here in its name.

use crate::fault::StationFault;
use crate::record::{Message, Owned, Unsaid};
use audit::Position;
use rustix::net::{Shutdown, shutdown};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Name of the socket in the state directory.
const SOCKET: &str = "control.sock";
/// Longest message.
// BOUND: as long as a batch may be (audit::MAX_BATCH_BYTES).
const MAX_BYTES: u32 = 16 << 20;
/// Longest wait for an answer: two rounds of fsync on a busy disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Said {
    /// All of them, or none; answered when they are durable.
    Events(Vec<Owned>),
    Flush,
    Close {
        session: String,
    },
    Erase {
        session: String,
        actor: String,
        reason: String,
    },
}

/// What is answered: where the chain ends, or what failed, in words.
type Answered = Result<String, String>;

/// The socket, being served; gone when dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    path: PathBuf,
    listener: UnixListener,
    connections: Connections,
}

type Connections = Arc<Mutex<Open>>;

/// Who is served.
#[derive(Debug, Default)]
struct Open {
    /// Nobody new.
    stopped: bool,
    /// Connections by number.
    streams: BTreeMap<u64, UnixStream>,
}

impl Serving {
    /// Hears nothing new. What has been said is still answered, by threads that each end with [`Message::HungUp`]; whoever says
    /// something later is told that nobody heard it.
    pub(crate) fn stop(&self) {
        let mut open = lock(&self.connections);
        open.stopped = true;
        let _ = std::fs::remove_file(&self.path);
        // Ends the wait for connections (accept(2) fails with EINVAL).
        let _ = shutdown(&self.listener, Shutdown::Both);
        for connection in open.streams.values() {
            let _ = shutdown(connection, Shutdown::Read);
        }
    }

    /// How many are still being answered.
    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.connections).streams.len()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(connections: &Connections) -> MutexGuard<'_, Open> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves the socket in `state` for the holder of the chain; each connection gets a thread of its own.
pub(crate) fn serve(state: &Path, messages: Sender<Message>) -> Result<Serving, StationFault> {
    let path = state.join(SOCKET);
    let unusable = |source| StationFault::State { path: path.clone(), source };
    // Whoever holds the chain's lock is the only one to serve: what lies here is left over.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(unusable)?;
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(unusable)?;
    let connections = Connections::default();
    let serving = Serving { path: path.clone(), listener: listener.try_clone().map_err(unusable)?, connections: Arc::clone(&connections) };
    std::thread::spawn(move || {
        let mut number = 0;
        loop {
            let connection = match listener.accept() {
                Ok((connection, _from)) => connection,
                Err(_) if lock(&connections).stopped => return,
                // Out of descriptors, or the other end is gone again: that passes.
                Err(_) => {
                    std::thread::park_timeout(Duration::from_millis(100));
                    continue;
                }
            };
            let (messages, open) = (messages.clone(), Arc::clone(&connections));
            let Ok(other_end) = connection.try_clone() else { continue };
            number += 1;
            let this = number;
            {
                let mut open = lock(&open);
                if open.stopped {
                    return;
                }
                open.streams.insert(this, other_end);
            }
            std::thread::spawn(move || {
                // A program that says something else is let go; it hears nothing more.
                let _ = converse(connection, &messages);
                lock(&open).streams.remove(&this);
                let _ = messages.send(Message::HungUp);
            });
        }
    });
    Ok(serving)
}

fn converse(mut connection: UnixStream, messages: &Sender<Message>) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    loop {
        let said: Said = serde_json::from_slice(&read_frame(&mut connection)?)?;
        let (answer, heard) = oneshot::channel();
        messages.send(Message::Foreign(said, answer)).map_err(|_| gone())?;
        let answered: Answered = match heard.blocking_recv().map_err(|_| gone())? {
            Ok(position) => Ok(position.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        write_frame(&mut connection, &serde_json::to_vec(&answered)?)?;
    }
}

/// A connection to the holder of the chain.
#[derive(Debug)]
pub(crate) struct Link(UnixStream);

impl Link {
    /// Connects to the socket in `state`.
    pub(crate) fn connect(state: &Path) -> Result<Self, StationFault> {
        let path = state.join(SOCKET);
        let connect = || {
            let stream = UnixStream::connect(&path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        connect().map(Self).map_err(|source| StationFault::Occupied { path: path.clone(), source })
    }

    /// Says one thing and waits for the answer: where the chain ends now.
    pub(crate) fn tell(&mut self, said: &Said) -> Result<Position, Unsaid> {
        let unknown = |source| Unsaid::Fault(StationFault::Occupied { path: SOCKET.into(), source });
        let bytes = serde_json::to_vec(said).map_err(|error| unknown(error.into()))?;
        match write_frame(&mut self.0, &bytes) {
            Ok(()) => {}
            // Its end of the connection is gone: it read nothing of this.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(Unsaid::NotHeard),
            Err(error) => return Err(unknown(error)),
        }
        let answered = read_frame(&mut self.0).and_then(|bytes| Ok(serde_json::from_slice::<Answered>(&bytes)?));
        match answered.map_err(unknown)? {
            Ok(position) => position.parse().map_err(|_| Unsaid::Fault(StationFault::Internal("audit writer"))),
            Err(what) => Err(Unsaid::Fault(StationFault::Recorded { what })),
        }
    }
}

fn read_frame(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MAX_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_BYTES).ok_or(io::ErrorKind::InvalidData)?;
    to.write_all(&[&length.to_be_bytes(), bytes].concat())
}
