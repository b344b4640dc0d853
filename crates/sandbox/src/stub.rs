//! The outer process of a worker: waits, passes the end on, and kills the confined process when the supervisor is gone.
//!
//! **Invariant**: it reads nothing, so nothing foreign can reach it; it never outlives the confined process.

use crate::{SandboxError, privileges, profile, sys};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    thread::CapabilitySet,
};
use std::os::fd::BorrowedFd;

/// Confines the stub itself and stays until the confined process `pid` has ended; then ends in the same way.
///
/// `job` is the stub's copy of the job socket, watched for the supervisor's end only.
pub(crate) fn run(pid: i32, job: BorrowedFd<'_>) -> ! {
    let Ok(status) = watch(pid, job) else {
        // The confined process dies with the stub (parent-death signal); the supervisor sees the early end.
        sys::exit_now(1);
    };
    if libc::WIFSIGNALED(status) {
        sys::die_by(libc::WTERMSIG(status));
    }
    let code = libc::WEXITSTATUS(status);
    if let Some(signal) = sys::reported_signal(code) {
        sys::die_by(signal);
    }
    sys::exit_now(code);
}

/// Waits for the end of the process `pid`, or brings it about; its status as `wait4(2)` gives it.
fn watch(pid: i32, job: BorrowedFd<'_>) -> Result<i32, SandboxError> {
    // The answer pipe must have one writer only, so that its end is seen. The values that own these descriptors are never
    // dropped, because this process does not return.
    sys::close_from(1).map_err(SandboxError::CloseDescriptors)?;
    let child = Pid::from_raw(pid)
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))
        .map_err(|error| SandboxError::Tie(error.into()))?;
    privileges::give_up(CapabilitySet::empty())?;
    // No Landlock here: its signal scope would forbid the stub to kill, and to take with it, a process that is not in
    // the same domain. The filter leaves it nothing to open a file with.
    profile::install(profile::STUB)?;
    loop {
        let mut watched = [
            PollFd::new(&child, PollFlags::IN),
            // No event is asked for: only the hang-up, which is always told, matters.
            PollFd::new(&job, PollFlags::empty()),
        ];
        match poll(&mut watched, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(SandboxError::Wait(error.into())),
        }
        let [ended, hung_up] = watched;
        if !ended.revents().is_empty() {
            break;
        }
        if !hung_up.revents().is_empty() {
            // It may have ended in the meantime, which is as well.
            let _ = pidfd_send_signal(&child, Signal::KILL);
            break;
        }
    }
    let ended = sys::wait_for(pid).map_err(SandboxError::Wait)?;
    Ok(ended.status)
}
