//! A listener that speaks ClamAV's protocol and lies, for the tests of what the line does about it.

use anyhow::{Context as _, Result};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// What it does about content.
#[derive(Debug, Clone, Copy)]
pub enum ScanAnswer {
    /// Takes all of it, sends these bytes and closes.
    Says(&'static [u8]),
    /// Takes all of it, then keeps the connection open and says nothing.
    Hangs,
    /// Takes all of it, then talks until nobody listens.
    Endless,
    /// Takes the first chunk, sends these bytes, and takes the rest only then.
    SaysEarly(&'static [u8]),
    /// Takes the first chunk, sends these bytes and closes.
    SaysAndCloses(&'static [u8]),
    /// Takes the first chunk and no more.
    StopsTaking,
    /// Takes the first chunk and closes; who answers afterwards has another version.
    IsReplaced,
}

/// How it lies: always, or about content that begins with a mark; other content has nothing in it.
#[derive(Debug)]
struct Lies {
    version: String,
    mark: &'static [u8],
    answer: ScanAnswer,
    replaced: AtomicBool,
    scans: mpsc::Sender<()>,
}

/// The listener; ends when dropped.
#[derive(Debug)]
pub struct FakeClamd {
    dir: TempDir,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
    scans: Receiver<()>,
}

impl FakeClamd {
    /// Listens; `version` is the whole answer to `VERSION`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(version: &str, answer: ScanAnswer) -> Result<Self> {
        Self::lying(version.to_owned(), b"", answer)
    }

    /// One whose signatures are of today.
    ///
    /// # Errors
    /// As [`FakeClamd::start`].
    pub fn fresh(answer: ScanAnswer) -> Result<Self> {
        Self::lying(version_of("now")?, b"", answer)
    }

    /// One whose signatures are of today, and that lies only about content that begins with `mark`.
    ///
    /// # Errors
    /// As [`FakeClamd::start`].
    pub fn about(mark: &'static [u8], answer: ScanAnswer) -> Result<Self> {
        Self::lying(version_of("now")?, mark, answer)
    }

    fn lying(version: String, mark: &'static [u8], answer: ScanAnswer) -> Result<Self> {
        let dir = tempfile::tempdir().context("a directory for the listener")?;
        let listener = UnixListener::bind(dir.path().join("clamd.sock")).context("listening")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, scans) = mpsc::channel();
        let lies = Arc::new(Lies { version, mark, answer, replaced: AtomicBool::new(false), scans: sender });
        let stopped = Arc::clone(&stop);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let lies = Arc::clone(&lies);
                // A client that hangs up ends its own conversation, nothing else.
                std::thread::spawn(move || drop(lies.converse(&stream)));
            }
        });
        Ok(Self { dir, stop, accepting: Some(accepting), scans })
    }

    /// Its address, as `--clamd` takes it.
    pub fn address(&self) -> String {
        format!("unix:{}", self.dir.path().join("clamd.sock").display())
    }

    /// Waits until some content has been sent to it.
    ///
    /// # Errors
    /// When none comes within a minute.
    pub fn wait_for_scan(&self) -> Result<()> {
        self.scans.recv_timeout(Duration::from_mins(1)).context("nothing was sent to the scanner")
    }
}

impl Drop for FakeClamd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is to end.
        let _ = UnixStream::connect(self.dir.path().join("clamd.sock"));
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

/// An answer to `VERSION` with signatures of a time that `date --date` understands.
///
/// # Errors
/// When `date` does not.
pub fn version_of(when: &str) -> Result<String> {
    let date = crate::run(crate::command("date").env("LC_ALL", "C").args(["-u", "--date", when, "+%a %b %e %H:%M:%S %Y"]))?;
    anyhow::ensure!(date.status == 0, "{date:?}");
    Ok(format!("ClamAV 1.4.3/27789/{}\0", date.stdout.trim_end()))
}

impl Lies {
    fn converse(&self, stream: &UnixStream) -> io::Result<()> {
        let mut from = BufReader::new(stream);
        let mut to = stream;
        let mut command = Vec::new();
        from.read_until(0, &mut command)?;
        match command.as_slice() {
            b"zVERSION\0" if self.replaced.load(Ordering::SeqCst) => to.write_all(b"ClamAV 0.99.4\0"),
            b"zVERSION\0" => to.write_all(self.version.as_bytes()),
            b"zPING\0" => to.write_all(b"PONG\0"),
            b"zINSTREAM\0" => self.scan(&mut from, to),
            _ => to.write_all(b"UNKNOWN COMMAND\0"),
        }
    }

    fn scan(&self, from: &mut BufReader<&UnixStream>, mut to: &UnixStream) -> io::Result<()> {
        let first = take_chunk(from)?;
        let answer = if first.starts_with(self.mark) { self.answer } else { ScanAnswer::Says(b"stream: OK\0") };
        match answer {
            ScanAnswer::SaysEarly(said) => {
                to.write_all(said)?;
                return take_rest(from);
            }
            ScanAnswer::SaysAndCloses(said) => return to.write_all(said),
            ScanAnswer::StopsTaking => {
                let _ = self.scans.send(());
                // Nothing is read from the client; its end is seen all the same.
                return wait_for_end(to);
            }
            ScanAnswer::IsReplaced => {
                self.replaced.store(true, Ordering::SeqCst);
                return Ok(());
            }
            ScanAnswer::Says(_) | ScanAnswer::Hangs | ScanAnswer::Endless => {}
        }
        if !first.is_empty() {
            take_rest(from)?;
        }
        // Nobody may be waiting for it any more.
        let _ = self.scans.send(());
        match answer {
            ScanAnswer::Says(said) => to.write_all(said),
            ScanAnswer::Endless => loop {
                to.write_all(&[b'x'; 4096])?;
            },
            // Until the client has gone.
            _ => io::copy(from, &mut io::sink()).map(drop),
        }
    }
}

/// A chunk: a four-byte length and bytes. The last one is empty.
fn take_chunk(from: &mut BufReader<&UnixStream>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut chunk = Vec::new();
    from.by_ref().take(u32::from_be_bytes(length).into()).read_to_end(&mut chunk)?;
    Ok(chunk)
}

fn take_rest(from: &mut BufReader<&UnixStream>) -> io::Result<()> {
    while !take_chunk(from)?.is_empty() {}
    Ok(())
}

fn wait_for_end(stream: &UnixStream) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    // No event is asked for: only hanging up ends this.
    poll(&mut [PollFd::new(stream, PollFlags::empty())], None)?;
    Ok(())
}
