//! Supervisor side: starting, ending and collecting a worker.
//!
//! **Invariant**: [`spawn`] gives a [`Worker`] only after the worker reported full confinement; a [`Worker`] that goes
//! out of scope is killed and collected.

use crate::{
    Limits, ResourceControl, Role, SandboxError,
    confine::{GO, Report},
    control::Group,
    memory::OUT_OF_MEMORY,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use std::{
    fmt,
    io::{self, PipeReader, Read, Write as _},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a fresh worker may take until it is confined.
// BOUND: it takes a few milliseconds; half a minute survives a machine that is swapping, and ends a hang.
const CONFINEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest sentence a worker may give for its refusal, in bytes.
// BOUND: the longest text of `SandboxError` is under 400 bytes.
const MAX_REFUSAL_BYTES: u64 = 1024;

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself with this exit code.
    Code(i32),
    /// A signal ended it: 24 (SIGXCPU) the CPU limit, 6 (SIGABRT) a defect, 11 (SIGSEGV) a fault, 31
    /// (SIGSYS) a system call of another architecture, 9 (SIGKILL) whoever killed it.
    Signal(i32),
    /// It was ended for the forbidden system call of this number (SIGSYS).
    Forbidden(u32),
    /// It reached its address-space limit (and said so), or with what it started the memory limit of their control group.
    OutOfMemory,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            Self::Forbidden(number) => match syscalls::Sysno::new(*number as usize) {
                Some(call) => write!(f, "signal 31 (SIGSYS), system call {number} ({call})"),
                None => write!(f, "signal 31 (SIGSYS), system call {number}"),
            },
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

const fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        _ => return None,
    })
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            // Neither an exit nor a signal cannot come from a wait without WUNTRACED; never report it as success.
            (None, None) => Self::Code(-1),
        }
    }
}

/// A confined worker, seen from the supervisor. Killed and collected when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    job: Option<UnixStream>,
    answers: Option<PipeReader>,
    exit: Option<Exit>,
    // Last: it can be removed only when the processes have gone.
    group: Option<Group>,
}

/// Starts `program` as a worker in `role` and waits until it is confined.
///
/// `root` is the directory a [`Role::Tree`] worker reads; every other role takes `None`. Blocks for the few milliseconds
/// that confinement takes. Fails when the program cannot be started or the machine cannot confine it: the error's text
/// says what is missing.
pub fn spawn(program: &Path, role: Role, limits: &Limits, root: Option<OwnedFd>) -> Result<Worker, SandboxError> {
    spawn_with(program, role, limits, root, &[])
}

/// [`spawn`] with further arguments; for [`crate::probe`] only.
pub(crate) fn spawn_with(
    program: &Path,
    role: Role,
    limits: &Limits,
    root: Option<OwnedFd>,
    further: &[&str],
) -> Result<Worker, SandboxError> {
    let third = match (role, root) {
        (Role::Tree, Some(directory)) => Stdio::from(directory),
        (Role::Tree, None) | (_, Some(_)) => return Err(SandboxError::RootDescriptor),
        (_, None) => Stdio::null(),
    };
    // All four ends are close-on-exec; only the slots 0, 1 and 2 cross into the worker.
    let (ours, theirs) = UnixStream::pair().map_err(SandboxError::Channel)?;
    let (answers, answer_end) = std::io::pipe().map_err(SandboxError::Channel)?;
    #[expect(clippy::disallowed_methods, reason = "the one place that starts programs, and what it starts is confined")]
    let mut command = Command::new(program);
    command
        .arg(role.as_str())
        .args(limits.to_arguments())
        .args(further)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(answer_end))
        .stderr(third);
    let child = command.spawn().map_err(|source| SandboxError::Start { path: program.to_owned(), source })?;
    // The command holds our copies of the worker's ends: without them an end of file is seen when the worker is gone.
    drop(command);
    let mut worker = Worker { child, job: Some(ours), answers: Some(answers), exit: None, group: None };
    // Before the worker starts another process, so that nothing of it is outside of the group.
    worker.group = ResourceControl::in_force().group(worker.pid(), limits).map_err(SandboxError::ControlGroup)?;
    worker.await_confinement()?;
    Ok(worker)
}

impl Worker {
    /// The worker's job socket (blocking); `None` after [`Worker::hang_up`].
    pub fn job(&self) -> Option<&UnixStream> {
        self.job.as_ref()
    }

    /// Closes the job socket, which **ends the worker** at once; to say "no more requests", shut down its write half.
    pub fn hang_up(&mut self) {
        self.job = None;
    }

    /// The pipe the worker answers on; `None` when taken before. What comes out of it is foreign.
    pub fn take_answers(&mut self) -> Option<PipeReader> {
        self.answers.take()
    }

    /// Kills the worker and everything it started. The worker must still be waited for, or dropped.
    pub fn kill(&mut self) {
        // An error means that it has already been collected, which is what is wanted.
        let _ = self.child.kill();
        if let Some(group) = &self.group {
            group.kill();
        }
    }

    /// Waits until the worker has ended; later calls give the same answer.
    pub fn wait(&mut self) -> Result<Exit, SandboxError> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        // `Child::wait` closes a piped stdin first; ours is not one, so the job socket stays as it is.
        let exit = match Exit::from(self.child.wait().map_err(SandboxError::Wait)?) {
            Exit::Signal(libc::SIGSYS) => self.forbidden_call().map_or(Exit::Signal(libc::SIGSYS), Exit::Forbidden),
            Exit::Code(OUT_OF_MEMORY) => Exit::OutOfMemory,
            Exit::Signal(libc::SIGKILL) if self.group.as_ref().is_some_and(Group::out_of_memory) => Exit::OutOfMemory,
            other => other,
        };
        self.exit = Some(exit);
        Ok(exit)
    }

    /// Waits until the worker has ended, but no longer than `time`; `None` when it is still at work then.
    pub fn wait_at_most(&mut self, time: Duration) -> Result<Option<Exit>, SandboxError> {
        if self.exit.is_none() {
            let pid = self.child.id() as i32;
            if !await_end(pid, time).map_err(SandboxError::Wait)? {
                return Ok(None);
            }
        }
        self.wait().map(Some)
    }

    /// The process id of the worker's stub, in the supervisor's pid namespace.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the stub wrote last: the system call its worker was ended for. Before it may stand what the worker itself wrote.
    fn forbidden_call(&self) -> Option<u32> {
        let mut job = self.job.as_ref()?;
        // Stub and worker have gone, so the end is there; this only guards against a defect.
        job.set_read_timeout(Some(CONFINEMENT_TIMEOUT)).ok()?;
        let mut last = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = job.read(&mut chunk) {
            // BOUND: what was unread in the socket's buffer.
            last.extend_from_slice(chunk.get(..length)?);
            last.drain(..last.len().saturating_sub(3));
        }
        match last.as_slice() {
            [Report::FORBIDDEN, low, high] => Some(u32::from(u16::from_le_bytes([*low, *high]))),
            _ => None,
        }
    }

    fn await_confinement(&mut self) -> Result<(), SandboxError> {
        let Some(job) = self.job.as_mut() else {
            return Err(SandboxError::NotConfined(None));
        };
        // One that has ended already cannot be told; the reading below says so.
        let _ = job.write_all(&[GO]);
        job.set_read_timeout(Some(CONFINEMENT_TIMEOUT)).map_err(SandboxError::Channel)?;
        let mut first = [0_u8; 1];
        let refusal = match job.read_exact(&mut first) {
            Ok(()) if first == [Report::CONFINED] => {
                return job.set_read_timeout(None).map_err(SandboxError::Channel);
            }
            Ok(()) if first == [Report::REFUSED] => {
                let mut sentence = Vec::new();
                // An error here leaves a shorter sentence; the refusal stands.
                let _ = job.take(MAX_REFUSAL_BYTES).read_to_end(&mut sentence);
                let printable: String = String::from_utf8_lossy(&sentence).chars().filter(|character| !character.is_control()).collect();
                Some(printable)
            }
            Ok(()) | Err(_) => None,
        };
        self.kill();
        let exit = self.wait().ok();
        Err(refusal.map_or(SandboxError::NotConfined(exit), SandboxError::Refused))
    }
}

/// Whether the child `pid` ends before `time` has passed; it still has to be collected.
pub(crate) fn await_end(pid: i32, time: Duration) -> io::Result<bool> {
    let child = Pid::from_raw(pid).ok_or(rustix::io::Errno::SRCH).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))?;
    let begin = Instant::now();
    loop {
        let Some(left) = time.checked_sub(begin.elapsed()) else {
            return Ok(false);
        };
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(&child, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.kill();
            // Nothing can be done about a failed wait here; the kernel hands the dead child to init.
            let _ = self.wait();
        }
    }
}
