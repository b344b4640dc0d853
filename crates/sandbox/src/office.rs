//! Running LibreOffice inside the office jail.
//!
//! **Invariant**: when [`run`] returns, no process of the jail is left but the worker itself.

use crate::{
    Exit, Limits, SandboxError,
    root::{OFFICE_PROGRAMS, WORK},
    spawn::await_end,
    sys,
};
use rustix::process::{WaitOptions, wait};
use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Starts `program` with `arguments` and waits at most `wall` for its end; then kills whatever is left of it.
pub(crate) fn run(program: &Path, arguments: &[OsString], wall: Duration, limits: &Limits) -> Result<Exit, SandboxError> {
    #[expect(clippy::disallowed_methods, reason = "inside the jail; what is started inherits every layer of it")]
    let started = Command::new(program)
        .args(arguments)
        .env_clear()
        // Without /proc the loader cannot find out where the program lies ($ORIGIN).
        .env("LD_LIBRARY_PATH", OFFICE_PROGRAMS)
        .env("HOME", WORK)
        .env("TMPDIR", "/work/tmp")
        // File names are UTF-8, numbers and dates the same on every machine.
        .env("LC_ALL", "C.UTF-8")
        .env("SAL_USE_VCLPLUGIN", "svp")
        .current_dir(WORK)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let child = started.map_err(|source| SandboxError::Start { path: program.to_owned(), source })?;
    let pid = child.id() as i32;
    let in_time = await_end(pid, wall);
    // Also after an end in time: nothing it started may stay behind.
    sys::kill_all_others().map_err(SandboxError::Wait)?;
    let ended = sys::wait_for(pid).map_err(SandboxError::Wait)?;
    // Pid 1 collects the orphans; the error that ends the loop says that there is none left.
    while wait(WaitOptions::empty()).is_ok() {}
    if !in_time.map_err(SandboxError::Wait)? {
        return Ok(Exit::Signal(libc::SIGALRM));
    }
    if !libc::WIFSIGNALED(ended.status) {
        return Ok(Exit::Code(libc::WEXITSTATUS(ended.status)));
    }
    Ok(match libc::WTERMSIG(ended.status) {
        libc::SIGKILL if reached(ended.cpu, limits) => Exit::Signal(libc::SIGXCPU),
        signal => Exit::Signal(signal),
    })
}

/// Whether the CPU time used amounts to the limit, for a program that ignores the signal that says so.
fn reached(cpu: Duration, limits: &Limits) -> bool {
    // The kernel keeps the limit by clock ticks and the account by run time; on a busy machine they differ.
    cpu * 10 >= Duration::from_secs(u64::from(limits.cpu_seconds)) * 9
}
