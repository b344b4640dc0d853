//! The outer process of a worker: waits, passes the end on, kills the confined process when the supervisor is gone or when
//! it tries a forbidden system call, and then says which.
//!
//! **Invariant**: it reads nothing but the number of a system call, so nothing foreign can reach it; it never outlives the
//! confined process.

use crate::{SandboxError, confine::Report, privileges, profile, sys};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::AsFd,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    thread::CapabilitySet,
};
use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// How the confined process came to its end.
struct Ended {
    /// Its status, as `wait4(2)` gives it.
    status: i32,
    /// The system call it was ended for.
    forbidden: Option<u32>,
}

/// Confines the stub itself and stays until the confined process `pid` has ended; then ends in the same way.
///
/// `job` is the stub's copy of the job socket: watched for the supervisor's end, and written to once, when the confined
/// process has been ended for a system call. `from_confined` brings the listener of its filter.
pub(crate) fn run(pid: i32, job: BorrowedFd<'_>, from_confined: UnixStream) -> ! {
    let Ok(ended) = watch(pid, job, from_confined) else {
        // The confined process dies with the stub (parent-death signal); the supervisor sees the early end.
        sys::exit_now(1);
    };
    if let Some(call) = ended.forbidden {
        let [low, high, ..] = call.to_le_bytes();
        // A supervisor that is gone does not want to know.
        let _ = rustix::io::write(job, &[Report::FORBIDDEN, low, high]);
        sys::die_by(libc::SIGSYS);
    }
    if libc::WIFSIGNALED(ended.status) {
        sys::die_by(libc::WTERMSIG(ended.status));
    }
    let code = libc::WEXITSTATUS(ended.status);
    if let Some(signal) = sys::reported_signal(code) {
        sys::die_by(signal);
    }
    sys::exit_now(code);
}

/// The confined process hands the listener of its own filter to the stub; afterwards it has no way to the stub any more.
pub(crate) fn hand_over(stub: &UnixStream, listener: OwnedFd) -> Result<(), SandboxError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [listener.as_fd()];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(SandboxError::Tie(std::io::ErrorKind::OutOfMemory.into()));
    }
    let sent = sendmsg(stub, &[IoSlice::new(b"L")], &mut ancillary, SendFlags::NOSIGNAL);
    sent.map(drop).map_err(|error| SandboxError::Tie(error.into()))
}

/// The listener, or nothing when the confined process ended before it had one.
fn take_over(from_confined: &UnixStream) -> Result<Option<OwnedFd>, SandboxError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(from_confined, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        .map_err(|error| SandboxError::Tie(error.into()))?;
    Ok(ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}

/// Waits for the end of the process `pid`, or brings it about.
fn watch(pid: i32, job: BorrowedFd<'_>, from_confined: UnixStream) -> Result<Ended, SandboxError> {
    // The answer pipe must have one writer only, so that its end is seen. The values that own these descriptors are never
    // dropped, because this process does not return; the one that is used is moved to 1 first.
    let mut first = sys::inherited(1);
    rustix::io::dup2(&from_confined, &mut first).map_err(|error| SandboxError::Tie(error.into()))?;
    sys::close_from(2).map_err(SandboxError::CloseDescriptors)?;
    std::mem::forget(from_confined);
    let from_confined = UnixStream::from(first);
    let child = Pid::from_raw(pid)
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))
        .map_err(|error| SandboxError::Tie(error.into()))?;
    let listener = take_over(&from_confined)?;
    drop(from_confined);
    privileges::give_up(CapabilitySet::empty())?;
    // No Landlock here: its signal scope would forbid the stub to kill, and to take with it, a process that is not in
    // the same domain. The filter leaves it nothing to open a file with.
    profile::install(profile::STUB)?;
    let mut forbidden = None;
    loop {
        let mut watched = vec![
            PollFd::new(&child, PollFlags::IN),
            // No event is asked for: only the hang-up, which is always told, matters.
            PollFd::new(&job, PollFlags::empty()),
        ];
        watched.extend(listener.as_ref().map(|listener| PollFd::new(listener, PollFlags::IN)));
        match poll(&mut watched, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(SandboxError::Wait(error.into())),
        }
        let happened = |index: usize| watched.get(index).is_some_and(|entry| !entry.revents().is_empty());
        if happened(0) {
            break;
        }
        if happened(1) || happened(2) {
            // Without a number (it was killed in this very moment) the end itself is all there is to tell.
            forbidden = listener.as_ref().filter(|_| happened(2)).and_then(|listener| sys::told_call(listener.as_fd()).ok());
            // It may have ended in the meantime, which is as well.
            let _ = pidfd_send_signal(&child, Signal::KILL);
            break;
        }
    }
    let ended = sys::wait_for(pid).map_err(SandboxError::Wait)?;
    Ok(Ended { status: ended.status, forbidden })
}
