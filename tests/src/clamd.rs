//! A private ClamAV daemon: own socket, own database with one signature, for the life of a test.

use anyhow::{Context as _, Result, bail};
use rustix::process::Pid;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
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
        let dir = tempfile::tempdir().context("a directory for clamd")?;
        let config = dir.path().join("clamd.conf");
        let database = dir.path().join("database");
        fs::create_dir(&database)?;
        fs::write(database.join("test.ndb"), signature())?;
        fs::write(&config, config_text(dir.path()))?;
        let mut command = crate::command(PROGRAM);
        command.arg("--config-file").arg(&config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {PROGRAM} (Debian package clamav-daemon)"))?;
        let mut clamd = Self { child, dir };
        clamd.wait()?;
        Ok(clamd)
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

fn socket(dir: &Path) -> std::path::PathBuf {
    dir.join("clamd.sock")
}

/// A body signature for the scanner test file (`NAME:TYPE:OFFSET:HEX`).
fn signature() -> String {
    let hex: Vec<String> = testkit::eicar().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("Eicar-Test-Signature:0:0:{}\n", hex.concat())
}

fn config_text(dir: &Path) -> String {
    let user = if rustix::process::geteuid().is_root() { "User root\n" } else { "" };
    format!(
        "Foreground yes\nLocalSocket {}\nDatabaseDirectory {}\nStreamMaxLength 100M\nMaxScanSize 400M\nMaxFileSize 100M\n\
         AlertEncrypted yes\nAlertOLE2Macros yes\nAlertExceedsMax yes\nMaxThreads 4\nSelfCheck 0\n{user}",
        socket(dir).display(),
        dir.join("database").display()
    )
}
