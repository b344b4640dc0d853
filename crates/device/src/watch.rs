//! When to look: udev says that something happened to a block device, after its rules have run.

use crate::discovery::{Change, Discovery};
use crate::facts::{DeviceFacts, FactsError, block_names, facts};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

/// Where udevd listens.
const CONTROL: &str = "/run/udev/control";

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// No udevd.
    #[error("udevd is not running ({CONTROL}: {0}); start systemd-udevd.service, or hand a device to `schleuse process` by name")]
    NoUdevd(io::Error),
    /// The events cannot be had.
    #[error("the events of udev cannot be received: {0}")]
    Events(io::Error),
    /// sysfs.
    #[error(transparent)]
    Facts(#[from] FactsError),
}

/// Watches the block devices of this machine. Stays on the thread it was made on.
pub struct Watch {
    events: udev::MonitorSocket,
    sysfs: PathBuf,
    discovery: Discovery,
    first: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("discovery", &self.discovery).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to listen. Before the first look, so that nothing is missed between the two.
    ///
    /// # Errors
    /// [`WatchError::NoUdevd`] when nobody would send events.
    pub fn open(sysfs: &Path) -> Result<Self, WatchError> {
        udevd_answers().map_err(WatchError::NoUdevd)?;
        let builder = udev::MonitorBuilder::new().and_then(|builder| builder.match_subsystem("block"));
        let events = builder.and_then(udev::MonitorBuilder::listen).map_err(WatchError::Events)?;
        Ok(Self { events, sysfs: sysfs.to_owned(), discovery: Discovery::default(), first: true })
    }

    /// What happened since the last call; waits until something did. At the first call, what is there. `None` when `stop`
    /// became readable (or its other end closed).
    ///
    /// # Errors
    /// When events or sysfs cannot be read.
    pub fn next(&mut self, stop: BorrowedFd<'_>) -> Result<Option<Vec<Change>>, WatchError> {
        loop {
            if !std::mem::take(&mut self.first) && !self.wait(stop)? {
                return Ok(None);
            }
            let changes = self.discovery.look(look(&self.sysfs)?);
            if !changes.is_empty() {
                return Ok(Some(changes));
            }
        }
    }

    /// Waits for an event; `false` when it is time to stop.
    fn wait(&self, stop: BorrowedFd<'_>) -> Result<bool, WatchError> {
        loop {
            let mut fds = [PollFd::new(&self.events, PollFlags::IN), PollFd::from_borrowed_fd(stop, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                other => other.map_err(|error| WatchError::Events(error.into()))?,
            };
            let [events, stop] = &fds;
            if !stop.revents().is_empty() {
                return Ok(false);
            }
            if !events.revents().is_empty() {
                // Which they were does not matter, nor whether the socket overflowed: the look says what is so.
                self.events.iter().for_each(drop);
                return Ok(true);
            }
        }
    }
}

/// What one look at the machine shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// The facts about every block device.
    pub devices: Vec<DeviceFacts>,
    /// Devices that are there and whose facts could not be read: sysfs is being changed, or says what it cannot say.
    pub unreadable: Vec<String>,
}

/// Looks that are made at a device whose facts change while they are read.
const TRIES: usize = 3;

/// Looks at every block device. One that goes away meanwhile is not there; one that cannot be read costs no other.
///
/// # Errors
/// When sysfs does not list the devices.
pub fn look(sysfs: &Path) -> Result<Look, FactsError> {
    let mut look = Look::default();
    for name in block_names(sysfs)? {
        match (0..TRIES).find_map(|_| facts(sysfs, &name).ok()) {
            Some(facts) => look.devices.push(facts),
            None if sysfs.join("block").join(&name).join("size").exists() => look.unreadable.push(name),
            None => {}
        }
    }
    Ok(look)
}

fn udevd_answers() -> io::Result<()> {
    let control = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok(connect(control.as_fd(), &SocketAddrUnix::new(CONTROL)?)?)
}
