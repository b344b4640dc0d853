//! A relay between the line and a real ClamAV daemon that stops in the middle of one content, so that a test can do
//! something to the daemon at exactly that moment. It passes on every byte as it is, but for the date it puts to `VERSION`:
//! the daemon's own signatures have none, and behind a relay its files cannot be looked at.

use crate::fake_clamd::version_of;
use anyhow::{Context as _, Result};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// The relay; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    dir: TempDir,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
    reached: Receiver<()>,
    go_on: Sender<()>,
}

#[derive(Debug)]
struct Passing {
    daemon: PathBuf,
    version: String,
    mark: &'static [u8],
    reached: Sender<()>,
    /// Taken by the first connection that meets the mark.
    go_on: Mutex<Option<Receiver<()>>>,
}

impl Relay {
    /// Listens before the daemon at `daemon`; stops in the first content that holds `mark`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(daemon: &Path, mark: &'static [u8]) -> Result<Self> {
        let dir = tempfile::tempdir().context("a directory for the relay")?;
        let listener = UnixListener::bind(dir.path().join("relay.sock")).context("listening")?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, reached) = mpsc::channel();
        let (go_on, receiver) = mpsc::channel();
        let passing =
            Passing { daemon: daemon.into(), version: version_of("now")?, mark, reached: sender, go_on: Mutex::new(Some(receiver)) };
        let (passing, stopped) = (Arc::new(passing), Arc::clone(&stop));
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let passing = Arc::clone(&passing);
                // One end that hangs up ends this conversation, nothing else.
                std::thread::spawn(move || {
                    let _ = passing.pass(&client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Ok(Self { dir, stop, accepting: Some(accepting), reached, go_on })
    }

    /// Its address, as `--clamd` takes it.
    pub fn address(&self) -> String {
        format!("unix:{}", self.dir.path().join("relay.sock").display())
    }

    /// Waits until the marked content has been sent in part, and no more of it is passed on.
    ///
    /// # Errors
    /// When none comes within a minute.
    pub fn wait_in_the_middle(&self) -> Result<()> {
        self.reached.recv_timeout(Duration::from_mins(1)).context("the marked content was never sent")
    }

    /// Passes on the rest.
    ///
    /// # Errors
    /// When nobody waits for that.
    pub fn go_on(&self) -> Result<()> {
        self.go_on.send(()).context("the relay does not wait")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it is to end.
        let _ = UnixStream::connect(self.dir.path().join("relay.sock"));
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

impl Passing {
    fn pass(&self, mut client: &UnixStream) -> io::Result<()> {
        let daemon = UnixStream::connect(&self.daemon)?;
        let mut buffer = vec![0; 256 << 10];
        let n = client.read(&mut buffer)?;
        (&daemon).write_all(buffer.get(..n).unwrap_or_default())?;
        if buffer.starts_with(b"zVERSION\0") {
            // The daemon must answer, or nobody does.
            (&daemon).read_exact(&mut [0; 1])?;
            return client.write_all(self.version.as_bytes());
        }
        let (mut answers, mut back) = (daemon.try_clone()?, client.try_clone()?);
        let paused = Arc::new(Mutex::new(()));
        let while_paused = Arc::clone(&paused);
        let answering = std::thread::spawn(move || {
            let _ = io::copy(&mut answers, &mut back);
            // What happens to the daemon during the pause is seen after it.
            let _pause = while_paused.lock();
            let _ = back.shutdown(Shutdown::Both);
        });
        let passed = self.pass_content(client, &daemon, &mut buffer, &paused);
        if passed.is_err() {
            // The daemon has gone; what it had said is passed on first.
            let _ = daemon.shutdown(Shutdown::Both);
        }
        let _ = answering.join();
        passed
    }

    fn pass_content(&self, mut client: &UnixStream, mut daemon: &UnixStream, buffer: &mut [u8], paused: &Mutex<()>) -> io::Result<()> {
        loop {
            let n = client.read(buffer)?;
            let bytes = buffer.get(..n).unwrap_or_default();
            if bytes.is_empty() {
                return daemon.shutdown(Shutdown::Write);
            }
            let marked = bytes.windows(self.mark.len()).any(|window| window == self.mark);
            let waits = if marked { self.go_on.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
            let (first, rest) = if waits.is_some() { bytes.split_at(n / 2) } else { (bytes, &[][..]) };
            daemon.write_all(first)?;
            if let Some(waits) = waits {
                let _pause = paused.lock();
                let _ = self.reached.send(());
                // A test that has ended no longer says so.
                let _ = waits.recv();
            }
            daemon.write_all(rest)?;
        }
    }
}
