//! Proof that confinement holds on this machine: workers that try what they must not be able to do.
//!
//! A forbidden call is refused with an error number or ends the process, so every attempt has a worker of its own; it
//! is fully confined like any other, makes the one attempt, and ends. The attempt's name is a further argument of the
//! worker; it adds an attempt after the last layer has closed and takes nothing away.

use crate::{Attempt, Exit, Limits, Role, SandboxError, spawn::spawn_with};
use rustix::fd::OwnedFd;
use std::path::Path;

/// The word before an attempt's name in the worker's arguments.
const ATTEMPT_ARGUMENT: &str = "attempt";
/// Exit code of a worker whose attempt succeeded; error numbers are below it (`errno(3)`: the last one is 133).
const SUCCEEDED: i32 = 200;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The call failed with this error number.
    Refused(i32),
    /// The call did not take place, and the worker was ended for it.
    Killed,
    /// The call succeeded: confinement does not hold.
    Succeeded,
    /// The worker ended in a way that proves nothing; to be treated like [`Outcome::Succeeded`].
    Unproven(Exit),
}

impl Outcome {
    /// Whether confinement held: the attempt ended the worker, or was refused with one of the error numbers by which this
    /// crate's layers refuse. Any other error number is the kernel's complaint about the arguments, and proves nothing.
    pub fn held(self) -> bool {
        match self {
            Self::Refused(number) => REFUSALS.contains(&number),
            Self::Killed => true,
            Self::Succeeded | Self::Unproven(_) => false,
        }
    }
}

/// By these the layers refuse: seccomp, Landlock and missing capabilities (EPERM, EACCES, EAGAIN, ENOSYS, ENOTTY), a root
/// without the file (ENOENT) or without write access (EROFS), no descriptor to be found (EBADF), nobody to talk to or to
/// signal in the namespace (ECONNREFUSED, ESRCH).
const REFUSALS: [i32; 10] = [
    libc::EPERM,
    libc::EACCES,
    libc::EAGAIN,
    libc::ENOSYS,
    libc::ENOTTY,
    libc::ENOENT,
    libc::EROFS,
    libc::EBADF,
    libc::ECONNREFUSED,
    libc::ESRCH,
];

/// One attempt and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was tried.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
}

/// Supervisor side: makes every one of `attempts` that is forbidden to `role` in a confined worker of its own and reports
/// what became of it.
///
/// `program` is any worker that calls [`crate::confine`]; for [`Role::Tree`] a root directory is handed over. Fails when
/// a worker cannot be confined at all; the error's text says what is missing.
pub fn probe(
    program: &Path,
    role: Role,
    limits: &Limits,
    attempts: impl IntoIterator<Item = Attempt>,
) -> Result<Vec<ProbeResult>, SandboxError> {
    let forbidden = attempts.into_iter().filter(|attempt| attempt.is_forbidden_to(role));
    forbidden
        .map(|attempt| {
            let root = match role {
                Role::Tree => Some(tree_to_read()?),
                Role::Read | Role::Inspect | Role::Render | Role::RenderOffice | Role::Verify => None,
            };
            let further = [ATTEMPT_ARGUMENT, attempt.as_str()];
            let outcome = match spawn_with(program, role, limits, root, &further)?.wait()? {
                Exit::Code(SUCCEEDED) => Outcome::Succeeded,
                Exit::Code(number) if (1..SUCCEEDED).contains(&number) => Outcome::Refused(number),
                Exit::Forbidden(_) | Exit::Signal(libc::SIGSYS) => Outcome::Killed,
                exit => Outcome::Unproven(exit),
            };
            Ok(ProbeResult { attempt, outcome })
        })
        .collect()
}

/// A directory every machine has, and nothing the attempts are after is in.
fn tree_to_read() -> Result<OwnedFd, SandboxError> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open("/usr/share", flags, Mode::empty()).map_err(|error| SandboxError::Channel(error.into()))
}

/// Worker side: the attempt this process was started for, if any.
pub(crate) fn from_arguments() -> Option<Attempt> {
    let mut words = std::env::args_os().skip(6);
    let (word, name) = (words.next()?, words.next()?);
    if word != ATTEMPT_ARGUMENT {
        return None;
    }
    name.to_str()?.parse().ok()
}

/// Worker side: makes the attempt and says by an exit code what became of it.
pub(crate) fn exit_code(attempt: Attempt) -> i32 {
    match attempt.make() {
        Ok(_) => SUCCEEDED,
        // No number at all proves nothing; exit code 0 is not one either.
        Err(error) => error.raw_os_error().unwrap_or(0),
    }
}
