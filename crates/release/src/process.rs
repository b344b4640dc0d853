//! The one place that starts programs for the way out: `id`, `smbclient`, `ssh`. They see artefacts this program made and
//! names that went through the name policy, nothing foreign; so they need no confinement of a worker.
//!
//! **Invariant:** no shell, no inherited environment, no secret among the arguments; nobody waits without an end.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// BOUND: More than this of an answer is not kept; a user with 10,000 groups has less.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Why a program did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or its answer not be read.
    #[error("{program} cannot be run: {source}. Is it installed?")]
    Run {
        /// Which.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It gave no answer in time.
    #[error("{program} did not answer within {seconds} s")]
    Silent {
        /// Which.
        program: &'static str,
        /// The limit.
        seconds: u64,
    },
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// A program with nothing of this one's environment, by absolute path.
#[expect(clippy::disallowed_methods, reason = "the one place that starts the programs of the way out")]
pub(crate) fn program(path: &'static str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A started program; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already cannot be ended again; waiting for it never lasts.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end, within `limit`.
pub(crate) fn run(path: &'static str, arguments: &[&str], limit: Duration) -> Result<Ended, ProcessError> {
    let failed = |source| ProcessError::Run { program: path, source };
    let mut running = Running(program(path).args(arguments.iter().map(OsStr::new)).spawn().map_err(failed)?);
    let (Some(mut out), Some(mut err)) = (running.0.stdout.take(), running.0.stderr.take()) else {
        return Err(failed(io::ErrorKind::BrokenPipe.into()));
    };
    let deadline = Instant::now() + limit;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut polled: Vec<PollFd<'_>> = Vec::with_capacity(2);
        if out_open {
            polled.push(PollFd::from_borrowed_fd(out.as_fd(), PollFlags::IN));
        }
        if err_open {
            polled.push(PollFd::from_borrowed_fd(err.as_fd(), PollFlags::IN));
        }
        if left.is_zero() || poll(&mut polled, Some(&timespec(left))).map_err(|error| failed(error.into()))? == 0 {
            return Err(ProcessError::Silent { program: path, seconds: limit.as_secs() });
        }
        let ready: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        if out_open && ready.next() == Some(true) {
            out_open = take(&mut out, &mut stdout).map_err(failed)?;
        }
        if err_open && ready.next() == Some(true) {
            err_open = take(&mut err, &mut stderr).map_err(failed)?;
        }
    }
    let success = running.0.wait().map_err(failed)?.success();
    Ok(Ended { success, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

/// Reads what is there; `false` at the end.
fn take(from: &mut impl io::Read, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    let n = from.read(&mut buffer)?;
    if into.len() + n > MAX_ANSWER_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    into.extend_from_slice(buffer.get(..n).unwrap_or_default());
    Ok(n > 0)
}

/// For `poll`.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let ended = run("/usr/bin/sleep", &["1000"], Duration::from_millis(50));
        assert!(matches!(ended, Err(ProcessError::Silent { .. })), "{ended:?}");
    }

    #[test]
    fn nothing_of_the_environment_is_handed_on() {
        let ended = run("/usr/bin/env", &[], Duration::from_secs(30)).unwrap();
        let mut lines: Vec<&str> = std::str::from_utf8(&ended.stdout).unwrap().lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"]);
    }
}
