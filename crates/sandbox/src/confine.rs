//! Worker side: closing all layers, in order, and the token that says so.
//!
//! **Invariant**: a [`Confined`] is made in one place, after the last layer has closed; no input can be had without it.

use crate::{
    Exit, Limits, Role, SandboxError, landlocked, namespaces, office, privileges, probe, profile, root, stub,
    sys::{self, Fork},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    io::dup2,
    process::{PidfdFlags, Signal, fchdir, getpid, pidfd_open, set_parent_process_death_signal},
    thread::CapabilitySet,
};
use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// The token of a process that is confined: holds the job's descriptors, which exist nowhere else.
#[derive(Debug)]
#[must_use]
pub struct Confined {
    role: Role,
    limits: Limits,
    job: UnixStream,
    answers: File,
    third: OwnedFd,
}

/// The first byte on the job socket, from the supervisor: the process is where it is to be accounted for, and may begin.
pub(crate) const GO: u8 = b'G';

/// What the worker says on the job socket besides.
pub(crate) struct Report;

impl Report {
    /// The first byte: every layer is in place.
    pub(crate) const CONFINED: u8 = b'C';
    /// The first byte: a layer is missing; a sentence follows.
    pub(crate) const REFUSED: u8 = b'E';
    /// The last three bytes of a worker that was ended for a system call begin with this; the number follows.
    pub(crate) const FORBIDDEN: u8 = b'S';
}

/// Role and limits from the process's arguments, as [`crate::spawn`] wrote them.
pub fn arguments() -> Result<(Role, Limits), SandboxError> {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(OsString::into_string).collect::<Result<_, _>>().map_err(|_| SandboxError::Arguments)?;
    let (Some(role), Some(limits)) = (words.first(), words.get(1..5)) else {
        return Err(SandboxError::Arguments);
    };
    let role = role.parse().map_err(|_| SandboxError::Arguments)?;
    Ok((role, Limits::from_arguments(limits)?))
}

/// Confines the calling process for good. Call it first in `main`, before any thread or descriptor exists.
///
/// It returns in a new process (pid 1 of a new pid namespace); the calling one stays behind as the stub, which only
/// waits. On failure the supervisor has been told why; the worker must end.
pub fn confine(role: Role, limits: &Limits) -> Result<Confined, SandboxError> {
    confine_with(role, limits, || ()).map(|(confined, ())| confined)
}

/// [`confine`], with something of the station's own to be opened first: `prepare` runs after every inherited descriptor has
/// been closed and before the first layer closes. It must open nothing foreign and leave no thread behind.
pub fn confine_with<T>(role: Role, limits: &Limits, prepare: impl FnOnce() -> T) -> Result<(Confined, T), SandboxError> {
    // The descriptors can have one owner only.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.swap(true, Ordering::Relaxed) {
        return Err(SandboxError::Twice);
    }
    let closed = sys::close_from(3).map_err(SandboxError::CloseDescriptors);
    let mut streams =
        Streams { job: UnixStream::from(sys::inherited(0)), answers: File::from(sys::inherited(1)), third: sys::inherited(2) };
    await_go(&mut streams.job)?;
    let prepared = prepare();
    let outcome = closed.and_then(|()| separate(role, &streams)).and_then(|stub| close_layers(role, limits, &mut streams, &stub));
    let greeting = match &outcome {
        Ok(()) => vec![Report::CONFINED],
        Err(error) => [&[Report::REFUSED], error.to_string().as_bytes()].concat(),
    };
    let told = streams.job.write_all(&greeting).map_err(SandboxError::Report);
    outcome.and(told)?;
    let confined = Confined { role, limits: *limits, job: streams.job, answers: streams.answers, third: streams.third };
    if let Some(attempt) = probe::from_arguments() {
        sys::exit_now(probe::exit_code(attempt));
    }
    Ok((confined, prepared))
}

struct Streams {
    job: UnixStream,
    answers: File,
    third: OwnedFd,
}

impl Streams {
    /// Puts the new root directory where the handed-over descriptor was, which still leads outside.
    fn third_becomes_root(&mut self) -> Result<(), SandboxError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        open("/", flags, Mode::empty()).and_then(|root| dup2(&root, &mut self.third)).map_err(tree_error)
    }
}

fn tree_error(error: rustix::io::Errno) -> SandboxError {
    SandboxError::Tree(error.into())
}

fn await_go(job: &mut UnixStream) -> Result<(), SandboxError> {
    let mut first = [0];
    match job.read_exact(&mut first) {
        Ok(()) if first == [GO] => Ok(()),
        Ok(()) => Err(SandboxError::Arguments),
        Err(error) => Err(SandboxError::Report(error)),
    }
}

/// Makes the namespaces and the process that lives in them. Only that process returns with success, and with the way to
/// its stub.
fn separate(role: Role, streams: &Streams) -> Result<UnixStream, SandboxError> {
    let tie = |error: rustix::io::Errno| SandboxError::Tie(error.into());
    if role == Role::Tree {
        // The working directory goes along into the new mount namespace, where a descriptor would stay outside.
        fchdir(&streams.third).map_err(tree_error)?;
    }
    namespaces::enter(role)?;
    let stub = pidfd_open(getpid(), PidfdFlags::empty()).map_err(tie)?;
    let (to_stub, from_confined) = UnixStream::pair().map_err(SandboxError::Channel)?;
    match sys::fork().map_err(SandboxError::Fork)? {
        Fork::Parent(child) => stub::run(child, streams.job.as_fd(), from_confined),
        Fork::Child => {}
    }
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(tie)?;
    // The stub may have died before the signal was asked for.
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = poll(&mut [PollFd::new(&stub, PollFlags::IN)], Some(&now)).map_err(tie)?;
    if gone != 0 {
        return Err(SandboxError::Tie(std::io::ErrorKind::NotFound.into()));
    }
    sys::report_signals().map_err(SandboxError::Tie)?;
    Ok(to_stub)
}

fn close_layers(role: Role, limits: &Limits, streams: &mut Streams, stub: &UnixStream) -> Result<(), SandboxError> {
    match role {
        Role::RenderOffice => root::office(limits)?,
        Role::Tree => {
            root::tree(streams.third.as_fd())?;
            streams.third_becomes_root()?;
        }
        Role::Read | Role::Inspect | Role::Render | Role::Verify => root::empty()?,
    }
    privileges::limit(role, limits)?;
    privileges::give_up(match role {
        // A medium's files belong to whoever wrote them elsewhere; outside its own namespace this counts for nothing,
        // and an ordinary user's namespace has no other ids for which it could count.
        Role::Tree => CapabilitySet::DAC_READ_SEARCH,
        Role::Read | Role::Inspect | Role::Render | Role::RenderOffice | Role::Verify => CapabilitySet::empty(),
    })?;
    landlocked::restrict(role, Some(streams.third.as_fd()))?;
    let listener = profile::install_telling(profile::of(role))?;
    stub::hand_over(stub, listener)
}

impl Confined {
    /// The role this process is confined to.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The job socket (descriptor 0): requests, with the input's descriptors attached.
    pub fn job(&mut self) -> &mut UnixStream {
        &mut self.job
    }

    /// The answer pipe (descriptor 1), write end.
    pub fn answers(&mut self) -> &mut File {
        &mut self.answers
    }

    /// The directory a [`Role::Tree`] worker may read below; `None` in every other role.
    pub fn root(&self) -> Option<BorrowedFd<'_>> {
        (self.role == Role::Tree).then(|| self.third.as_fd())
    }

    /// Runs LibreOffice's `program` (`/usr/lib/libreoffice/program/soffice.bin`; Landlock lets nothing else start) with
    /// `arguments`, and `/work` as its home and the only directory it can write.
    ///
    /// After `wall` it is killed with everything it started: `Exit::Signal(SIGALRM)`. `Exit::Signal(SIGXCPU)` is its CPU
    /// limit. Exit code 0 does not mean that a document was converted. [`SandboxError::WrongRole`] outside
    /// [`Role::RenderOffice`].
    pub fn run_office(&self, program: &Path, arguments: &[OsString], wall: Duration) -> Result<Exit, SandboxError> {
        if self.role != Role::RenderOffice {
            return Err(SandboxError::WrongRole);
        }
        office::run(program, arguments, wall, &self.limits)
    }
}
