//! The way to `schleuse-mountd`: a program beside this one, started by root, or a socket that systemd listens on.

use sandbox::{Companion, SandboxError, start_mountd};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use wire::{MountAnswer, MountRefusal, MountRequest, WireError, receive_mount_answer, send_mount_request};

/// Why a device is not attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Neither root nor a socket.
    #[error(
        "a device is attached by schleuse-mountd: name its socket with --mountd (deploy/systemd has the units), or start schleuse as root"
    )]
    NoMountd,
    /// The program cannot be started.
    #[error("schleuse-mountd cannot be started: {0}")]
    Start(SandboxError),
    /// Nobody listens on the socket.
    #[error("nobody answers at {path}: {source}")]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It hung up, or said what it cannot say.
    #[error("schleuse-mountd does not answer ({0}); its own messages say why")]
    Wire(WireError),
    /// It is silent.
    #[error(
        "schleuse-mountd gave no answer about {device} within {seconds} s (session.read_stall_seconds); nothing was read. Pull the medium out and insert it again"
    )]
    Silent {
        /// Which device.
        device: String,
        /// How long.
        seconds: u32,
    },
    /// It says no.
    #[error("schleuse-mountd refuses {device}: {refusal}")]
    Refused {
        /// Which device.
        device: String,
        /// Why.
        refusal: MountRefusal,
    },
    /// An answer to something else.
    #[error("schleuse-mountd answered what was not asked")]
    Answer,
}

/// A `schleuse-mountd` that can be asked.
#[derive(Debug)]
pub struct Mountd {
    way: Way,
    stall_seconds: u32,
}

#[derive(Debug)]
enum Way {
    /// Started by this process; one question at a time.
    Own {
        program: PathBuf,
        arguments: &'static [&'static str],
        companion: Mutex<Option<Companion>>,
    },
    Socket(PathBuf),
}

impl Mountd {
    /// One that listens on a socket, and may be silent for `stall_seconds` when asked something.
    pub fn at(socket: &Path, stall_seconds: u32) -> Self {
        Self { way: Way::Socket(socket.to_owned()), stall_seconds }
    }

    /// One of this process's own; it must be root. `allow_virtual` lets it attach loop devices. `stall_seconds` as above.
    ///
    /// # Errors
    /// When this process is not root, or the program cannot be started.
    pub fn start(program: &Path, allow_virtual: bool, stall_seconds: u32) -> Result<Self, AttachError> {
        if !rustix::process::geteuid().is_root() {
            return Err(AttachError::NoMountd);
        }
        let arguments: &[&str] = if allow_virtual { &["--allow-virtual"] } else { &[] };
        let companion = Mutex::new(Some(start_mountd(program, arguments).map_err(AttachError::Start)?));
        Ok(Self { way: Way::Own { program: program.to_owned(), arguments, companion }, stall_seconds })
    }

    /// The whole disk, read-only and open for nobody else, with its size in bytes. Blocking.
    ///
    /// # Errors
    /// [`AttachError`].
    pub fn attach(&self, device: &str) -> Result<(OwnedFd, u64), AttachError> {
        match self.ask(device, &MountRequest::Attach { device: device.to_owned() })? {
            (MountAnswer::Attached { size_bytes }, Some(descriptor)) => Ok((descriptor, size_bytes)),
            _ => Err(AttachError::Answer),
        }
    }

    /// The root of a file system on a disk or partition, mounted read-only and seen by nobody. Blocking.
    ///
    /// # Errors
    /// [`AttachError`].
    pub fn mount(&self, device: &str, file_system: &str) -> Result<OwnedFd, AttachError> {
        let request = MountRequest::Mount { device: device.to_owned(), file_system: file_system.to_owned() };
        match self.ask(device, &request)? {
            (MountAnswer::Mounted, Some(root)) => Ok(root),
            _ => Err(AttachError::Answer),
        }
    }

    fn ask(&self, device: &str, request: &MountRequest) -> Result<(MountAnswer, Option<OwnedFd>), AttachError> {
        let answered = match &self.way {
            Way::Own { program, arguments, companion } => {
                let mut place = companion.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let companion = match place.take() {
                    Some(companion) => companion,
                    None => start_mountd(program, arguments).map_err(AttachError::Start)?,
                };
                let answered = self.exchange(companion.channel().ok_or(AttachError::Wire(WireError::Ended))?, request);
                match &answered {
                    Ok(_) => *place = Some(companion),
                    // What it says later would be taken for the answer to the next question.
                    Err(_) => companion.abandon(),
                }
                answered
            }
            Way::Socket(path) => {
                let channel = UnixStream::connect(path).map_err(|source| AttachError::Connect { path: path.clone(), source })?;
                self.exchange(&channel, request)
            }
        };
        let silent = |error: &WireError| matches!(error, WireError::Read(io) | WireError::Write(io) if matches!(io.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        match answered.map_err(|error| match error {
            error if silent(&error) => AttachError::Silent { device: device.to_owned(), seconds: self.stall_seconds },
            error => AttachError::Wire(error),
        })? {
            (MountAnswer::Refused(refusal), _) => Err(AttachError::Refused { device: device.to_owned(), refusal }),
            other => Ok(other),
        }
    }

    fn exchange(&self, channel: &UnixStream, request: &MountRequest) -> Result<(MountAnswer, Option<OwnedFd>), WireError> {
        let patience = Some(Duration::from_secs(self.stall_seconds.into()));
        channel.set_read_timeout(patience).and_then(|()| channel.set_write_timeout(patience)).map_err(WireError::Read)?;
        send_mount_request(channel, request)?;
        receive_mount_answer(channel)
    }
}
