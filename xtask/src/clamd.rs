//! A private ClamAV daemon with the demonstration's signature set, as a child of this program.

use crate::run::command;
use anyhow::{Context as _, bail};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SYSTEM_SOCKET: &str = "/run/clamav/clamd.ctl";

/// A ClamAV daemon to talk to; a private one ends with this value.
#[derive(Debug)]
pub struct Clamd {
    socket: PathBuf,
    config: Option<PathBuf>,
    child: Option<Child>,
}

impl Clamd {
    /// The system's daemon when it answers and has signatures, otherwise a private child working in `dir`.
    pub fn any(dir: &Path) -> anyhow::Result<Self> {
        let system = Path::new(SYSTEM_SOCKET);
        // A daemon with official signatures names their number and date: `ClamAV 1.4.3/27789/…`.
        if ask(system, b"zVERSION\0").is_some_and(|version| version.contains('/')) {
            println!("── clamd: the system's, at {SYSTEM_SOCKET}");
            return Ok(Self { socket: system.into(), config: None, child: None });
        }
        println!("── clamd: no system daemon with signatures answers; starting a private one with the demonstration's signatures");
        Self::private(dir)
    }

    /// A private child.
    pub fn private(dir: &Path) -> anyhow::Result<Self> {
        let database = dir.join("signatures");
        std::fs::create_dir_all(&database)?;
        let hex: String = testkit::eicar().iter().map(|b| format!("{b:02x}")).collect();
        std::fs::write(database.join("demo.ndb"), format!("Demo.Eicar-Test-File:0:*:{hex}\n"))?;
        let socket = dir.join("clamd.sock");
        let _ = std::fs::remove_file(&socket);
        let config = dir.join("clamd.conf");
        std::fs::write(&config, configuration(&database, &socket)?)?;
        let log = std::fs::File::create(dir.join("clamd.log"))?;
        let child = command("/usr/sbin/clamd")
            .arg("--config-file")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("clamd cannot be started")?;
        let mut clamd = Self { socket, config: Some(config), child: Some(child) };
        clamd.wait_until_it_answers(&dir.join("clamd.log"))?;
        Ok(clamd)
    }

    fn wait_until_it_answers(&mut self, log: &Path) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if ask(&self.socket, b"zPING\0").as_deref() == Some("PONG") {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
                bail!("clamd ended ({status}); its log is {}", log.display());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bail!("clamd does not answer; its log is {}", log.display())
    }

    /// As `schleuse --clamd` wants it.
    pub fn address(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Configuration for `clamdscan`; none for the system's daemon.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It holds nothing that needs a farewell.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn configuration(database: &Path, socket: &Path) -> anyhow::Result<String> {
    let root = crate::run::output(command("id").arg("-u"))?.stdout == b"0\n";
    let user = if root { "User root\n" } else { "" };
    Ok(format!(
        "DatabaseDirectory {}\nLocalSocket {}\nForeground yes\nSelfCheck 0\nMaxThreads 4\nStreamMaxLength 100M\nMaxScanSize 400M\n\
         MaxFileSize 100M\nAlertEncrypted yes\nAlertOLE2Macros yes\nAlertExceedsMax yes\n{user}",
        database.display(),
        socket.display()
    ))
}

fn ask(socket: &Path, question: &[u8]) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(question).ok()?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer).ok()?;
    Some(answer.trim_end_matches('\0').to_owned())
}
