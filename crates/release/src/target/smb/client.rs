//! One `smbclient`: a command on its standard input, its answer on its standard error.
//!
//! It waits for the descriptor before it reads a line, and forgets the lines it has read along with that one. So its input is
//! a socket that keeps messages apart (`SOCK_SEQPACKET`), of which one read takes one.
//!
//! Its commands end where an unknown word after them is complained about: that word is another one each time.

use super::Share;
use crate::process::{Running, program, timespec};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{ChildStderr, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/bin/smbclient";
/// The pipe a file that is read back comes through, in the client's working folder.
pub(super) const INCOMING: &str = "incoming";
/// The link to the file that is sent.
const OUTGOING: &str = "outgoing";
/// BOUND: it reads this much at once (the block of a socket), and forgets the rest of a longer line.
pub(super) const MAX_LINE_BYTES: usize = 4_000;
/// BOUND: An answer is a listing of one folder at most; 16 MiB are 200,000 names.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Takes what is read back.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The program, its folder or its pipes.
    Local(io::Error),
    /// Nothing came for too long.
    Silent,
    /// It ended; its last words.
    Ended(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// A running `smbclient` that is logged in.
#[derive(Debug)]
pub(super) struct Client {
    _running: Running,
    orders: OwnedFd,
    answers: ChildStderr,
    asked: u64,
    /// Its working folder, where nothing has a foreign name.
    folder: TempDir,
}

impl Client {
    /// Starts it and waits until it is logged in, or why not.
    pub(super) fn start(share: &Share, stall: Duration) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new().prefix("datenschleuse-smb-").tempdir()?;
        fs::write(folder.path().join("smb.conf"), configuration(folder.path()))?;
        rustix::fs::mknodat(CWD, folder.path().join(INCOMING), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(io::Error::from)?;
        let mut command = program(PROGRAM);
        command.arg(format!("//{}/{}", share.server, share.name)).arg("--port").arg(share.port.to_string());
        command.arg("--authentication-file").arg(&share.credentials).arg("--configfile").arg(folder.path().join("smb.conf"));
        command.args(["--client-protection=encrypt", "--stderr", "--quiet", "--debuglevel=0"]);
        command.arg("--timeout").arg(stall.as_secs().to_string());
        let (orders, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(io::Error::from)?;
        command.current_dir(folder.path()).stdin(Stdio::from(theirs)).stdout(Stdio::null());
        let mut running = Running(command.spawn()?);
        let Some(answers) = running.0.stderr.take() else {
            return Err(Trouble::Local(io::ErrorKind::BrokenPipe.into()));
        };
        let mut client = Self { _running: running, orders, answers, asked: 0, folder };
        client.ask("", stall, None)?;
        Ok(client)
    }

    /// Makes a file sendable; gives the name to send it by.
    pub(super) fn offer(&self, from: &Path) -> io::Result<&'static str> {
        let link = self.folder.path().join(OUTGOING);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(std::path::absolute(from)?, link)?;
        Ok(OUTGOING)
    }

    /// One command and its answer; what comes through [`INCOMING`] goes to `sink`. `limit` is the longest silence.
    pub(super) fn ask(&mut self, command: &str, limit: Duration, mut sink: Option<Sink<'_>>) -> Result<String, Trouble> {
        self.asked += 1;
        let word = format!("xqend{}", self.asked);
        let end = format!("{word}: command not found");
        let mut incoming = self.incoming(sink.is_some())?;
        for line in [command, &word] {
            if send(&self.orders, format!("{line}\n").as_bytes(), SendFlags::NOSIGNAL).is_err() {
                // It has ended; its last words say why.
                return self.last_words(limit);
            }
        }
        let mut answer = Vec::new();
        loop {
            let [said, came] = self.wait(incoming.as_ref(), limit)?;
            if came && let (Some(pipe), Some(sink)) = (&mut incoming, &mut sink) {
                // After its writer has closed it, the pipe would be ready for ever.
                incoming = if drain(pipe, *sink)? { None } else { incoming };
            }
            if said && !self.hear(&mut answer)? {
                return Err(Trouble::Ended(String::from_utf8_lossy(&answer).into_owned()));
            }
            if let Some(text) = up_to(&answer, &end) {
                if let (Some(pipe), Some(sink)) = (&mut incoming, &mut sink) {
                    drain(pipe, *sink)?;
                }
                return Ok(text);
            }
        }
    }

    fn incoming(&self, wanted: bool) -> io::Result<Option<File>> {
        if !wanted {
            return Ok(None);
        }
        let path = self.folder.path().join(INCOMING);
        let pipe = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Some(File::from(pipe)))
    }

    /// Waits until it says something, or the pipe has something.
    fn wait(&self, incoming: Option<&File>, limit: Duration) -> Result<[bool; 2], Trouble> {
        let mut polled = vec![PollFd::from_borrowed_fd(self.answers.as_fd(), PollFlags::IN)];
        if let Some(pipe) = incoming {
            polled.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        }
        if poll(&mut polled, Some(&timespec(limit))).map_err(io::Error::from)? == 0 {
            return Err(Trouble::Silent);
        }
        let ready = |at: usize| polled.get(at).is_some_and(|fd| !fd.revents().is_empty());
        Ok([ready(0), ready(1)])
    }

    /// Reads what it said; `false` when it has ended.
    fn hear(&mut self, answer: &mut Vec<u8>) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let n = self.answers.read(&mut buffer)?;
        if answer.len() + n > MAX_ANSWER_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        answer.extend_from_slice(buffer.get(..n).unwrap_or_default());
        Ok(n > 0)
    }

    fn last_words<T>(&mut self, limit: Duration) -> Result<T, Trouble> {
        let (mut answer, deadline) = (Vec::new(), Instant::now() + limit);
        while Instant::now() < deadline {
            self.wait(None, limit)?;
            if !self.hear(&mut answer)? {
                return Err(Trouble::Ended(String::from_utf8_lossy(&answer).into_owned()));
            }
        }
        Err(Trouble::Silent)
    }
}

/// Hands on what the pipe holds; `true` when its writer has closed it.
fn drain(pipe: &mut File, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    let mut buffer = vec![0; 256 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(n) => sink(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The lines before the one that is `end`.
fn up_to(answer: &[u8], end: &str) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let at = if text.starts_with(end) { 0 } else { text.find(&format!("\n{end}"))? + 1 };
    text.get(..at).map(str::to_owned)
}

/// Nothing of the machine's own Samba settings, and nothing weaker than encrypted SMB 3.1.1.
fn configuration(folder: &Path) -> String {
    let mut text = "[global]\nclient min protocol = SMB3_11\nclient max protocol = SMB3_11\nclient smb encrypt = required\n\
                    client signing = required\nname resolve order = host\ndisable netbios = yes\n"
        .to_owned();
    for setting in ["private dir", "lock directory", "state directory", "cache directory"] {
        text += &format!("{setting} = {}\n", folder.display());
    }
    text
}
