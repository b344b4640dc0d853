//! One `ssh` with the SFTP subsystem at its other end.

use super::{Login, short};
use crate::process::{Running, program};
use russh_sftp::client::error::Error;
use russh_sftp::client::{Config, SftpSession};
use std::future::Future;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStderr, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const PROGRAM: &str = "/usr/bin/ssh";
/// BOUND: the last words of `ssh` are one line or two.
const MAX_WORDS: u64 = 4096;
/// With these words the other side, or `ssh` itself, refuses; anything else may pass.
const REFUSALS: [&str; 6] =
    ["Permission denied", "Host key verification failed", "host key", "Bad owner or permissions", "UNPROTECTED", "no matching"];

/// What requests are sent on.
pub(super) type Session = Arc<SftpSession>;

/// Why there is no connection.
pub(super) enum Trouble {
    /// The program or its pipes.
    Local(io::Error),
    /// Login or host key.
    Refused(String),
    /// It ended, or did not answer.
    Ended(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// A logged-in connection.
pub(super) struct Connection {
    session: Session,
    runtime: Runtime,
    _running: Running,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Starts `ssh` and waits until SFTP answers, or why not.
    pub(super) fn start(login: &Login, stall: Duration) -> Result<Self, Trouble> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = program(PROGRAM);
        command.args(["-F", "none", "-T", "-x", "-a"]).args(options(login, stall)?);
        command.arg("-p").arg(login.port.to_string()).arg("-l").arg(&login.user).arg("-s").arg("--").arg(&login.server).arg("sftp");
        command.stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?))).stdout(Stdio::from(OwnedFd::from(theirs)));
        let mut running = Running(command.spawn()?);
        // The command still holds the other end; without it an end of `ssh` is an end of the stream.
        drop(command);
        let said = running.0.stderr.take();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let config = Config { request_timeout_secs: stall.as_secs(), ..Config::default() };
        let session = runtime.block_on(async {
            ours.set_nonblocking(true)?;
            let stream = tokio::net::UnixStream::from_std(ours)?;
            // Connecting and logging in may each take as long as an answer.
            Ok::<_, io::Error>(tokio::time::timeout(stall.saturating_mul(2), SftpSession::new_with_config(stream, config)).await)
        })?;
        match session {
            Ok(Ok(session)) => Ok(Self { session: Arc::new(session), runtime, _running: running }),
            Err(_) | Ok(Err(Error::Timeout)) => Err(Trouble::Ended(format!("no answer within {} s", stall.as_secs()))),
            Ok(Err(_)) => Err(last_words(running, said)),
        }
    }

    /// Runs requests to their end.
    pub(super) fn run<T, F: Future<Output = Result<T, Error>>>(&self, requests: impl FnOnce(Session) -> F) -> Result<T, Error> {
        self.runtime.block_on(requests(self.session.clone()))
    }
}

/// What `ssh` said before it ended.
fn last_words(running: Running, said: Option<ChildStderr>) -> Trouble {
    drop(running);
    let mut text = Vec::new();
    if let Some(said) = said {
        // It has ended, so this does too; half of it is as good.
        let _ = said.take(MAX_WORDS).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with('@'));
    let line = short(line.unwrap_or("the connection ended"));
    if REFUSALS.iter().any(|words| text.contains(words)) { Trouble::Refused(line) } else { Trouble::Ended(line) }
}

/// Nothing but what is given here: no settings of the machine or user, no agent, no other key, no forwarding, no question.
fn options(login: &Login, stall: Duration) -> io::Result<Vec<String>> {
    let known_hosts = format!("UserKnownHostsFile={}", quoted(&login.known_hosts)?);
    let identity = format!("IdentityFile={}", quoted(&login.identity)?);
    let connect = format!("ConnectTimeout={}", stall.as_secs());
    let alive = format!("ServerAliveInterval={}", stall.as_secs());
    let fixed = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "PubkeyAuthentication=yes",
        "PasswordAuthentication=no",
        "KbdInteractiveAuthentication=no",
        "HostbasedAuthentication=no",
        "GSSAPIAuthentication=no",
        "ClearAllForwardings=yes",
        "ControlMaster=no",
        "ControlPath=none",
        "PermitLocalCommand=no",
        "ServerAliveCountMax=1",
        "LogLevel=ERROR",
    ];
    let options = fixed.into_iter().map(str::to_owned).chain([known_hosts, identity, connect, alive]);
    Ok(options.flat_map(|option| ["-o".to_owned(), option]).collect())
}

/// A path as ssh_config(5) reads it: quoted, and without its tokens and variables.
fn quoted(path: &Path) -> io::Result<String> {
    let text = path.to_str().filter(|text| text.starts_with('/') && !text.contains(['"', '$', '\\', '\n']));
    let text = text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "key and known_hosts must be absolute plain paths"))?;
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}
