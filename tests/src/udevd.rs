//! A udevd for tests of hot plug: the machine's own when one runs, otherwise one of the test's, ended with it.

use crate::command;
use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

/// Where Debian puts it.
const PROGRAM: &str = "/lib/systemd/systemd-udevd";
const RUN: &str = "/run/udev";

/// A running udevd. One test at a time has it: a lock is held as long.
#[derive(Debug)]
pub struct Udevd {
    own: Option<(Child, bool)>,
    _lock: File,
}

/// Why there can be none here; `None` when there can.
pub fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("udevd takes root");
    }
    (!Path::new(PROGRAM).exists()).then_some("udevd is not installed")
}

/// Whether one answers.
pub fn answers() -> bool {
    let control = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let address = SocketAddrUnix::new("/run/udev/control");
    matches!((control, address), (Ok(socket), Ok(address)) if connect(&socket, &address).is_ok())
}

/// The right to change whether a udevd runs; waits for it.
///
/// # Errors
/// When the lock cannot be made.
pub fn lock() -> Result<File> {
    let lock = File::create(std::env::temp_dir().join("datenschleuse-udevd.lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

impl Udevd {
    /// Starts it, unless the machine has one, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        let lock = lock()?;
        if answers() {
            return Ok(Self { own: None, _lock: lock });
        }
        let was_there = Path::new(RUN).exists();
        let mut child = command(PROGRAM).arg("--debug").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = child.stderr.take().context("its messages")?;
        let own = Self { own: Some((child, was_there)), _lock: lock };
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        // What it says while it starts; it listens before it says that the event loop runs.
        let ready = lines.any(|_| answers());
        ensure!(ready, "udevd ended at once");
        // Its pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(own)
    }
}

impl Drop for Udevd {
    fn drop(&mut self) {
        if let Some((child, was_there)) = &mut self.own {
            let _ = child.kill();
            let _ = child.wait();
            if !*was_there {
                let _ = std::fs::remove_dir_all(RUN);
            }
        }
    }
}
