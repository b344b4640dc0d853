//! The way to `schleuse-mountd`: a program beside this one, started by root, or a socket that systemd listens on.

use sandbox::{Companion, SandboxError, start_mountd};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
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
pub struct Mountd(Way);

#[derive(Debug)]
enum Way {
    /// Started by this process; one question at a time.
    Own(Mutex<Companion>),
    Socket(PathBuf),
}

impl Mountd {
    /// One that listens on a socket.
    pub fn at(socket: &Path) -> Self {
        Self(Way::Socket(socket.to_owned()))
    }

    /// One of this process's own; it must be root. `allow_virtual` lets it attach loop devices.
    ///
    /// # Errors
    /// When this process is not root, or the program cannot be started.
    pub fn start(program: &Path, allow_virtual: bool) -> Result<Self, AttachError> {
        if !rustix::process::geteuid().is_root() {
            return Err(AttachError::NoMountd);
        }
        let arguments: &[&str] = if allow_virtual { &["--allow-virtual"] } else { &[] };
        start_mountd(program, arguments).map(|companion| Self(Way::Own(Mutex::new(companion)))).map_err(AttachError::Start)
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
        let answered = match &self.0 {
            Way::Own(companion) => {
                let companion = companion.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                exchange(companion.channel().ok_or(AttachError::Wire(WireError::Ended))?, request)
            }
            Way::Socket(path) => {
                let channel = UnixStream::connect(path).map_err(|source| AttachError::Connect { path: path.clone(), source })?;
                exchange(&channel, request)
            }
        };
        match answered.map_err(AttachError::Wire)? {
            (MountAnswer::Refused(refusal), _) => Err(AttachError::Refused { device: device.to_owned(), refusal }),
            other => Ok(other),
        }
    }
}

fn exchange(channel: &UnixStream, request: &MountRequest) -> Result<(MountAnswer, Option<OwnedFd>), WireError> {
    send_mount_request(channel, request)?;
    receive_mount_answer(channel)
}
