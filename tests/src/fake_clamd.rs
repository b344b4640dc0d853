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

/// What it does when content has been sent.
#[derive(Debug, Clone, Copy)]
pub enum ScanAnswer {
    /// Sends these bytes and closes.
    Says(&'static [u8]),
    /// Keeps the connection open and says nothing.
    Hangs,
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
    pub fn start(version: &str, scan: ScanAnswer) -> Result<Self> {
        let dir = tempfile::tempdir().context("a directory for the listener")?;
        let listener = UnixListener::bind(dir.path().join("clamd.sock")).context("listening")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, scans) = mpsc::channel();
        let (version, stopped) = (version.to_owned(), Arc::clone(&stop));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (version, sender) = (version.clone(), sender.clone());
                // A client that hangs up ends its own conversation, nothing else.
                std::thread::spawn(move || drop(converse(&stream, &version, scan, &sender)));
            }
        });
        Ok(Self { dir, stop, accepting: Some(accepting), scans })
    }

    /// One whose signatures are of today.
    ///
    /// # Errors
    /// As [`FakeClamd::start`].
    pub fn fresh(scan: ScanAnswer) -> Result<Self> {
        let now = crate::run(crate::command("date").env("LC_ALL", "C").args(["-u", "+%a %b %e %H:%M:%S %Y"]))?;
        Self::start(&format!("ClamAV 1.4.3/27789/{}\0", now.stdout.trim_end()), scan)
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

fn converse(stream: &UnixStream, version: &str, scan: ScanAnswer, scans: &mpsc::Sender<()>) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let mut to = stream;
    let mut command = Vec::new();
    from.read_until(0, &mut command)?;
    match command.as_slice() {
        b"zVERSION\0" => to.write_all(version.as_bytes()),
        b"zPING\0" => to.write_all(b"PONG\0"),
        b"zINSTREAM\0" => {
            take_content(&mut from)?;
            // Nobody may be waiting for it any more.
            let _ = scans.send(());
            match scan {
                ScanAnswer::Says(answer) => to.write_all(answer),
                // Until the client has gone.
                ScanAnswer::Hangs => io::copy(&mut from, &mut io::sink()).map(drop),
            }
        }
        _ => to.write_all(b"UNKNOWN COMMAND\0"),
    }
}

/// Chunks of a four-byte length and bytes, ended by a length of 0.
fn take_content(from: &mut BufReader<&UnixStream>) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u64::from(u32::from_be_bytes(length));
        if length == 0 {
            return Ok(());
        }
        io::copy(&mut from.by_ref().take(length), &mut io::sink())?;
    }
}
