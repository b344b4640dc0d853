//! `schleuse-mountd`: starting it beside the supervisor, and what it gives up before it listens.
//!
//! **Invariant**: it keeps one capability, and what its seccomp profile names.

use crate::{SandboxError, privileges, profile, sys};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::CapabilitySet;
use std::{
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Descriptors it may have open: its sockets, one disk, its partitions one by one, one mount.
const OPEN_FILES: u64 = 32;

/// A `schleuse-mountd` of the supervisor's own. Ends when dropped: its socket closes.
#[derive(Debug)]
pub struct Companion {
    child: Child,
    channel: Option<UnixStream>,
    abandoned: bool,
}

/// Starts `program` with `arguments`, an empty environment, and one end of a socket as its standard input.
///
/// # Errors
/// When there is no such program.
pub fn start_mountd(program: &Path, arguments: &[&str]) -> Result<Companion, SandboxError> {
    let (ours, theirs) = UnixStream::pair().map_err(SandboxError::Channel)?;
    #[expect(clippy::disallowed_methods, reason = "the one program that is not a worker; it confines itself before it listens")]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
    let child = command.spawn().map_err(|source| SandboxError::Start { path: program.to_owned(), source })?;
    Ok(Companion { child, channel: Some(ours), abandoned: false })
}

impl Companion {
    /// The socket it listens on.
    pub const fn channel(&self) -> Option<&UnixStream> {
        self.channel.as_ref()
    }

    /// Gives it up without waiting for it: it may hang in the kernel, on a device that does not answer.
    pub fn abandon(mut self) {
        self.channel = None;
        // It may have ended already.
        let _ = self.child.kill();
        self.abandoned = true;
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.channel = None;
        if !self.abandoned {
            // It ends at the end of its input; an error means that it has been collected.
            let _ = self.child.wait();
        }
    }
}

/// Inside `schleuse-mountd`: closes what was inherited and gives up everything but setting devices read-only and mounting.
///
/// # Errors
/// When a layer cannot be closed; nothing may be served then.
pub fn confine_mountd() -> Result<(), SandboxError> {
    sys::close_from(3).map_err(SandboxError::CloseDescriptors)?;
    for (limit, resource, most) in [("open files", Resource::Nofile, OPEN_FILES), ("core file", Resource::Core, 0)] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| SandboxError::Limit { limit, source: error.into() })?;
    }
    // BLKROSET, fsopen and fsmount ask for this one; device nodes are root's own, so opening them needs none.
    privileges::give_up(CapabilitySet::SYS_ADMIN)?;
    profile::install(profile::MOUNTD)
}
