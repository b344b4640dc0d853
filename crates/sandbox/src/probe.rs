//! Proof that confinement holds on this machine: workers that try what they must not be able to do.
//!
//! A forbidden call is refused with an error number or ends the process, so every attempt has a worker of its own; it
//! is fully confined like any other, makes the one attempt, and ends. The attempt's name is a further argument of the
//! worker; it adds an attempt after the last layer has closed and takes nothing away.

use crate::{Exit, Limits, Role, SandboxError, spawn::spawn_with, sys};
use rustix::fd::OwnedFd;
use std::{ffi::CStr, io, path::Path, str::FromStr};

/// The word before an attempt's name in the worker's arguments.
const ATTEMPT_ARGUMENT: &str = "attempt";
/// Exit codes of a worker that made an attempt.
const REFUSED: i32 = 0;
const SUCCEEDED: i32 = 3;

/// Something no worker may be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// Open `/etc/shadow` for reading.
    OpenFile,
    /// Create a file in the root directory.
    CreateFile,
    /// Open a TCP socket.
    TcpSocket,
    /// Open a UDP socket.
    UdpSocket,
    /// Open a Unix socket.
    UnixSocket,
    /// Fork a process.
    Fork,
    /// Execute a shell.
    Execute,
    /// Trace another process.
    Trace,
    /// Send a signal to another process.
    Kill,
    /// Mount a file system.
    Mount,
    /// Make a user namespace.
    Unshare,
    /// Map memory that can be both written and executed.
    ExecutableMemory,
    /// Load a BPF program.
    Bpf,
    /// Raise a resource limit.
    RaiseLimit,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The call failed.
    Refused,
    /// The kernel ended the worker for it (SIGSYS).
    Killed,
    /// The call succeeded: confinement does not hold.
    Succeeded,
    /// The worker ended in a way that proves nothing; to be treated like [`Outcome::Succeeded`].
    Unproven(Exit),
}

impl Outcome {
    /// Whether confinement held.
    pub fn held(self) -> bool {
        match self {
            Self::Refused | Self::Killed => true,
            Self::Succeeded | Self::Unproven(_) => false,
        }
    }
}

/// One attempt and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was tried.
    pub attempt: Attempt,
    /// What became of it.
    pub outcome: Outcome,
}

/// Supervisor side: makes every attempt in a confined worker of its own and reports what became of it.
///
/// `program` is any worker that calls [`crate::confine`]; for [`Role::Tree`] the root directory is handed over. Fails when
/// a worker cannot be confined at all; the error's text says what is missing.
pub fn probe(program: &Path, role: Role, limits: &Limits) -> Result<Vec<ProbeResult>, SandboxError> {
    Attempt::ALL
        .into_iter()
        .filter(|attempt| attempt.is_forbidden_to(role))
        .map(|attempt| {
            let root = match role {
                Role::Tree => Some(tree_to_read()?),
                Role::Read | Role::Inspect | Role::Render | Role::RenderOffice | Role::Verify => None,
            };
            let further = [ATTEMPT_ARGUMENT, attempt.as_str()];
            let outcome = match spawn_with(program, role, limits, root, &further)?.wait()? {
                Exit::Code(REFUSED) => Outcome::Refused,
                Exit::Code(SUCCEEDED) => Outcome::Succeeded,
                Exit::Signal(libc::SIGSYS) => Outcome::Killed,
                exit => Outcome::Unproven(exit),
            };
            Ok(ProbeResult { attempt, outcome })
        })
        .collect()
}

/// A directory every machine has, and nothing the attempts are after is in.
fn tree_to_read() -> Result<OwnedFd, SandboxError> {
    use rustix::fs::{Mode, OFlags, open};
    open("/usr", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|error| SandboxError::Channel(error.into()))
}

impl Attempt {
    /// Every attempt.
    pub const ALL: [Self; 14] = [
        Self::OpenFile,
        Self::CreateFile,
        Self::TcpSocket,
        Self::UdpSocket,
        Self::UnixSocket,
        Self::Fork,
        Self::Execute,
        Self::Trace,
        Self::Kill,
        Self::Mount,
        Self::Unshare,
        Self::ExecutableMemory,
        Self::Bpf,
        Self::RaiseLimit,
    ];

    /// The attempt's name in arguments and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenFile => "open-file",
            Self::CreateFile => "create-file",
            Self::TcpSocket => "tcp-socket",
            Self::UdpSocket => "udp-socket",
            Self::UnixSocket => "unix-socket",
            Self::Fork => "fork",
            Self::Execute => "execute",
            Self::Trace => "trace",
            Self::Kill => "kill",
            Self::Mount => "mount",
            Self::Unshare => "unshare",
            Self::ExecutableMemory => "executable-memory",
            Self::Bpf => "bpf",
            Self::RaiseLimit => "raise-limit",
        }
    }

    /// Whether a worker in `role` must not be able to do it; LibreOffice starts threads and processes in its jail.
    pub fn is_forbidden_to(self, role: Role) -> bool {
        !(role == Role::RenderOffice && self == Self::Fork)
    }

    /// The attempt this process was started for, if any.
    pub(crate) fn from_arguments() -> Option<Self> {
        let mut words = std::env::args_os().skip(6);
        let (word, name) = (words.next()?, words.next()?);
        if word != ATTEMPT_ARGUMENT {
            return None;
        }
        name.to_str()?.parse().ok()
    }

    fn make(self) -> io::Result<i64> {
        const SHADOW: &CStr = c"/etc/shadow";
        const NEW: &CStr = c"/work/../new";
        const SHELL: &CStr = c"/bin/sh";
        const ROOT: &CStr = c"/";
        const TMPFS: &CStr = c"tmpfs";
        static UNLIMITED: [libc::rlim_t; 2] = [libc::RLIM_INFINITY; 2];
        let socket = |family: i32, kind: i32| {
            let arguments = [i64::from(family), i64::from(kind), 0, 0, 0];
            (libc::SYS_socket, arguments)
        };
        let text = |text: &'static CStr| text.as_ptr() as libc::c_long;
        let cwd = libc::c_long::from(libc::AT_FDCWD);
        let (number, arguments) = match self {
            Self::OpenFile => (libc::SYS_openat, [cwd, text(SHADOW), 0, 0, 0]),
            Self::CreateFile => {
                let flags = i64::from(libc::O_CREAT | libc::O_WRONLY);
                (libc::SYS_openat, [cwd, text(NEW), flags, 0o600, 0])
            }
            Self::TcpSocket => socket(libc::AF_INET, libc::SOCK_STREAM),
            Self::UdpSocket => socket(libc::AF_INET6, libc::SOCK_DGRAM),
            Self::UnixSocket => socket(libc::AF_UNIX, libc::SOCK_DGRAM),
            Self::Fork => (libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0]),
            Self::Execute => (libc::SYS_execve, [text(SHELL), 0, 0, 0, 0]),
            Self::Trace => (libc::SYS_ptrace, [i64::from(libc::PTRACE_TRACEME), 0, 0, 0, 0]),
            Self::Kill => (libc::SYS_kill, [1, 0, 0, 0, 0]),
            Self::Mount => (libc::SYS_mount, [text(TMPFS), text(ROOT), text(TMPFS), 0, 0]),
            Self::Unshare => (libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0]),
            Self::ExecutableMemory => {
                let protection = i64::from(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC);
                let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
                (libc::SYS_mmap, [0, 4096, protection, flags, -1])
            }
            Self::Bpf => (libc::SYS_bpf, [0, 0, 0, 0, 0]),
            Self::RaiseLimit => (libc::SYS_prlimit64, [0, i64::from(libc::RLIMIT_AS), UNLIMITED.as_ptr() as i64, 0, 0]),
        };
        sys::raw(number, arguments)
    }
}

impl FromStr for Attempt {
    type Err = SandboxError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|attempt| attempt.as_str() == word).ok_or(SandboxError::Arguments)
    }
}

/// Worker side: makes the attempt and says by an exit code what became of it.
pub(crate) fn exit_code(attempt: Attempt) -> i32 {
    match attempt.make() {
        Ok(_) => SUCCEEDED,
        Err(_) => REFUSED,
    }
}
