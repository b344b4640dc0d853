//! A private ClamAV daemon: own socket, own database with one signature, for the life of a test.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use tempfile::TempDir;

/// Where Debian puts the daemon.
const PROGRAM: &str = "/usr/sbin/clamd";
/// Longest wait for a line of the daemon before the socket is tried again.
const LINE_WAIT: Duration = Duration::from_millis(50);
// BOUND: 30 s of waits; the daemon with one signature takes a third of a second.
const TRIES: u32 = 600;

/// The running daemon; ended and reaped when dropped.
#[derive(Debug)]
pub struct Clamd {
    child: Child,
    dir: TempDir,
}

impl Clamd {
    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// When it is not installed, or does not answer in time.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts it with other values for some options of its configuration.
    ///
    /// # Errors
    /// As [`Clamd::start`].
    pub fn start_with(options: &[(&str, &str)]) -> Result<Self> {
        let dir = tempfile::tempdir().context("a directory for clamd")?;
        fs::create_dir(database(dir.path()))?;
        fs::write(database(dir.path()).join("test.ndb"), signature())?;
        fs::write(configuration(dir.path()), config_text(dir.path(), options))?;
        let mut clamd = Self { child: launch(dir.path())?, dir };
        clamd.wait()?;
        Ok(clamd)
    }

    /// The directory its signatures are in.
    pub fn database(&self) -> PathBuf {
        database(self.dir.path())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        socket(self.dir.path())
    }

    /// Kills it, as the kernel does when memory is short.
    ///
    /// # Errors
    /// When it cannot be collected.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again after [`Clamd::kill`].
    ///
    /// # Errors
    /// As [`Clamd::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.child = launch(self.dir.path())?;
        self.wait()
    }

    /// Stops it where it is; it keeps its socket, and says nothing.
    ///
    /// # Errors
    /// When it has gone.
    pub fn suspend(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::STOP)?)
    }

    /// Lets it go on after [`Clamd::suspend`].
    ///
    /// # Errors
    /// When it has gone.
    pub fn resume(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::CONT)?)
    }

    /// Its address, as `--clamd` takes it.
    pub fn address(&self) -> String {
        format!("unix:{}", socket(self.dir.path()).display())
    }

    /// Its process.
    pub fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait(&mut self) -> Result<()> {
        let (sender, lines) = mpsc::channel();
        let output = self.child.stdout.take().context("the daemon's output")?;
        // Reads on until the daemon ends, so that it never waits for a full pipe.
        std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut said = String::new();
        for _ in 0..TRIES {
            if answers(&socket(self.dir.path())) {
                return Ok(());
            }
            if !hear(&lines, &mut said) {
                break;
            }
        }
        bail!("clamd does not answer; it said:\n{said}")
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        // Both fail only when the daemon is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a line; false when there will be none.
fn hear(lines: &Receiver<String>, said: &mut String) -> bool {
    match lines.recv_timeout(LINE_WAIT) {
        Ok(line) => {
            said.push_str(&line);
            said.push('\n');
            true
        }
        Err(RecvTimeoutError::Timeout) => true,
        Err(RecvTimeoutError::Disconnected) => false,
    }
}

fn answers(socket: &Path) -> bool {
    let asked = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"zPING\0")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    });
    asked.is_ok_and(|answer| answer == *b"PONG\0")
}

fn launch(dir: &Path) -> Result<Child> {
    let mut command = crate::command(PROGRAM);
    command.arg("--config-file").arg(configuration(dir)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("starting {PROGRAM} (Debian package clamav-daemon)"))
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("clamd.sock")
}

fn configuration(dir: &Path) -> PathBuf {
    dir.join("clamd.conf")
}

fn database(dir: &Path) -> PathBuf {
    dir.join("database")
}

/// A body signature for the scanner test file (`NAME:TYPE:OFFSET:HEX`).
fn signature() -> String {
    let hex: Vec<String> = testkit::eicar().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("Eicar-Test-Signature:0:0:{}\n", hex.concat())
}

fn config_text(dir: &Path, options: &[(&str, &str)]) -> String {
    let usual = [
        ("Foreground", "yes"),
        ("StreamMaxLength", "100M"),
        ("MaxScanSize", "400M"),
        ("MaxFileSize", "100M"),
        ("AlertEncrypted", "yes"),
        ("AlertOLE2Macros", "yes"),
        ("AlertExceedsMax", "yes"),
        ("MaxThreads", "4"),
        ("SelfCheck", "0"),
    ];
    let usual = usual.iter().filter(|(name, _)| options.iter().all(|(other, _)| other != name));
    let mut text = format!("LocalSocket {}\nDatabaseDirectory {}\n", socket(dir).display(), database(dir).display());
    for (name, value) in usual.chain(options) {
        text.push_str(&format!("{name} {value}\n"));
    }
    if rustix::process::geteuid().is_root() {
        text.push_str("User root\n");
    }
    text
}
