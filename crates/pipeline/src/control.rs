//! The socket over which a second program of the same station (a reviewer's command) hands its events to the one writer of
//! the chain.
//!
//! One message is a length (4 bytes, big-endian) and so many bytes of JSON; each is answered before the next. The socket has
//! mode 0600 in a directory of mode 0700: whoever can connect could write the state directory itself. **Invariant:** what the
//! log writes by itself (checkpoints, repairs, erasures) cannot be said here in its name.

use crate::fault::StationFault;
use crate::record::{Message, Owned};
use audit::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::oneshot;

/// Name of the socket in the state directory.
const SOCKET: &str = "control.sock";
/// Longest message.
// BOUND: as long as a record may be (audit::MAX_LINE_BYTES), and a little for its frame.
const MAX_BYTES: u32 = (1 << 20) + 4_096;
/// Longest wait for an answer: two rounds of fsync on a busy disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said over the socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Said {
    Append { session: Option<String>, actor: String, event: String, payload: Value },
    Flush,
    Close { session: String },
    Erase { session: String, actor: String, reason: String },
}

/// What is answered: where the chain ends, or what failed, in words.
type Answered = Result<Option<String>, String>;

/// The socket, being served; gone when dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    path: PathBuf,
    listener: UnixListener,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        // Ends the wait for connections (accept(2) fails with EINVAL).
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
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
    let serving = Serving { path: path.clone(), listener: listener.try_clone().map_err(unusable)? };
    std::thread::spawn(move || {
        while let Ok((connection, _from)) = listener.accept() {
            let messages = messages.clone();
            std::thread::spawn(move || {
                // A program that says something else is let go; it hears nothing more.
                let _ = converse(connection, &messages);
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
        let message = match said {
            Said::Append { session, actor, event, payload } => {
                messages.send(Message::Append(Owned { session, actor, event, payload })).map_err(|_| gone())?;
                write_frame(&mut connection, &serde_json::to_vec(&Answered::Ok(None))?)?;
                continue;
            }
            Said::Flush => Message::Flush(answer),
            Said::Close { session } => Message::Close(session, answer),
            Said::Erase { session, actor, reason } => Message::Erase { session, actor, reason, answer },
        };
        messages.send(message).map_err(|_| gone())?;
        let answered: Answered = match heard.blocking_recv().map_err(|_| gone())? {
            Ok(position) => Ok(Some(position.to_string())),
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

    /// Says one thing and waits for the answer; the position is the start of the chain where there is none to tell.
    pub(crate) fn tell(&mut self, said: &Said) -> Result<Position, StationFault> {
        let mut exchange = || -> io::Result<Answered> {
            write_frame(&mut self.0, &serde_json::to_vec(said)?)?;
            Ok(serde_json::from_slice(&read_frame(&mut self.0)?)?)
        };
        match exchange() {
            Ok(Ok(None)) => Ok(Position::START),
            Ok(Ok(Some(position))) => position.parse().map_err(|_| StationFault::Internal("audit writer")),
            Ok(Err(what)) => Err(StationFault::Recorded { what }),
            Err(source) => Err(StationFault::Occupied { path: SOCKET.into(), source }),
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
