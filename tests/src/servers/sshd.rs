//! A private sshd that does SFTP and nothing else.

use super::{CUSTOMERS, STATION, free_port, kill, make_share, missing, signal, succeed};
use crate::{Ended, command, run};
use anyhow::{Context as _, Result, bail};
use model::policy::TargetPlace;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/sshd";
/// Where it locks its unprivileged half in; not to be configured.
const EMPTY: &str = "/run/sshd";

/// A running sshd. One test at a time has it: a lock is held as long.
#[derive(Debug)]
pub struct Sshd {
    child: Child,
    port: u16,
    share: PathBuf,
    made_empty: bool,
    dir: TempDir,
    _lock: File,
}

impl Sshd {
    /// Why there can be none here.
    pub fn missing() -> Option<String> {
        missing(PROGRAM).or_else(|| missing("/usr/bin/ssh"))
    }

    /// Starts one.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        let lock = File::create(std::env::temp_dir().join("datenschleuse-sshd.lock"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let made_empty = fs::create_dir(EMPTY).is_ok();
        let dir = tempfile::tempdir()?;
        let (share, port) = (make_share(dir.path())?, free_port()?);
        for key in ["host", "other-host", "wrong", STATION, CUSTOMERS[0].0, CUSTOMERS[1].0] {
            succeed(command("/usr/bin/ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(key)))?;
        }
        for host in ["host", "other-host"] {
            let public = fs::read_to_string(dir.path().join(format!("{host}.pub")))?;
            fs::write(dir.path().join(format!("known-{host}")), format!("[127.0.0.1]:{port} {public}"))?;
        }
        fs::write(dir.path().join("sshd_config"), configuration(dir.path(), port))?;
        let child = spawn(dir.path())?;
        Ok(Self { child, port, share, made_empty, dir, _lock: lock })
    }

    /// The folder on this machine.
    pub fn share(&self) -> &Path {
        &self.share
    }

    /// The target, with the station's key or another one, and the host key that is right (`host`) or not (`other-host`).
    pub fn place(&self, key: &str, host: &str, folder: &str) -> TargetPlace {
        let file = |name: &str| self.dir.path().join(name).to_string_lossy().into_owned();
        let user = if key == "wrong" { STATION } else { key };
        TargetPlace::Sftp {
            server: "127.0.0.1".into(),
            port: self.port,
            user: user.into(),
            folder: self.share.join(folder).to_string_lossy().trim_end_matches('/').to_owned(),
            identity: file(key),
            known_hosts: file(&format!("known-{host}")),
        }
    }

    /// What OpenSSH's client gets as `user`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn client(&self, user: &str, order: &str) -> Result<Ended> {
        let (batch, known) = (self.dir.path().join("batch"), self.dir.path().join("known-host"));
        fs::write(&batch, format!("{order}\n"))?;
        let mut client = command("/usr/bin/sftp");
        client.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o"]);
        client.arg(format!("UserKnownHostsFile={}", known.display())).arg("-i").arg(self.dir.path().join(user));
        client.arg("-P").arg(self.port.to_string()).arg("-b").arg(batch).arg(format!("{user}@127.0.0.1"));
        run(client.current_dir(self.dir.path()))
    }

    /// Ends it with all its processes, at once.
    ///
    /// # Errors
    /// When that fails.
    pub fn kill(&mut self) -> Result<()> {
        kill(&mut self.child)
    }

    /// Starts it again, at the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.dir.path())?;
        Ok(())
    }

    /// Lets it hang.
    ///
    /// # Errors
    /// When that fails.
    pub fn hang(&self) -> Result<()> {
        signal(&self.child, Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When that fails.
    pub fn go_on(&self) -> Result<()> {
        signal(&self.child, Signal::CONT)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.kill();
        if self.made_empty {
            let _ = fs::remove_dir(EMPTY);
        }
    }
}

/// Starts it, and waits until it says that it listens.
fn spawn(dir: &Path) -> Result<Child> {
    let mut sshd = command(PROGRAM);
    sshd.args(["-D", "-e", "-f"]).arg(dir.join("sshd_config"));
    let mut child = sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = BufReader::new(child.stderr.take().context("its messages")?);
    let mut line = String::new();
    while said.read_line(&mut line)? > 0 {
        if line.contains("Server listening") {
            // Read on until it ends, so that it never waits for a full pipe.
            std::thread::spawn(move || said.lines().map_while(std::result::Result::ok).for_each(drop));
            return Ok(child);
        }
    }
    let _ = child.wait();
    bail!("sshd does not start: {line}")
}

fn configuration(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nPidFile none\nAuthorizedKeysFile {dir}/%u.pub\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n\
         ForceCommand internal-sftp\nAllowTcpForwarding no\nAllowUsers {STATION} {} {}\n",
        CUSTOMERS[0].0, CUSTOMERS[1].0
    )
}
