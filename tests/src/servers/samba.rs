//! A private smbd.

use super::{CUSTOMERS, STATION, free_port, kill, make_share, missing, signal, succeed};
use crate::{Ended, command, run};
use anyhow::{Context as _, Result};
use model::policy::TargetPlace;
use rustix::process::Signal;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/smbd";
/// Name of the share.
pub const SHARE: &str = "freigabe";
/// BOUND: it is ready within a second; this is for a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running smbd.
#[derive(Debug)]
pub struct Samba {
    child: Child,
    port: u16,
    share: PathBuf,
    dir: TempDir,
}

impl Samba {
    /// Why there can be none here.
    pub fn missing() -> Option<String> {
        missing(PROGRAM).or_else(|| missing("/usr/bin/smbclient"))
    }

    /// Starts one that requires encryption, or, to be refused, one that cannot encrypt.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(encrypts: bool) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let (share, port) = (make_share(dir.path())?, free_port()?);
        fs::write(dir.path().join("smb.conf"), configuration(dir.path(), &share, port, encrypts)?)?;
        for user in [STATION, CUSTOMERS[0].0, CUSTOMERS[1].0] {
            let mut smbpasswd = command("/usr/bin/smbpasswd");
            smbpasswd.arg("-c").arg(dir.path().join("smb.conf")).args(["-s", "-a", user]).stdin(Stdio::piped()).stdout(Stdio::null());
            let mut child = smbpasswd.spawn()?;
            child.stdin.take().context("its input")?.write_all(format!("geheim-{user}\ngeheim-{user}\n").as_bytes())?;
            anyhow::ensure!(child.wait()?.success(), "smbpasswd {user}");
            write_credentials(&dir.path().join(user), user, &format!("geheim-{user}"))?;
        }
        write_credentials(&dir.path().join("wrong"), STATION, "falsch-falsch")?;
        let child = spawn(dir.path())?;
        Ok(Self { child, port, share, dir })
    }

    /// The share's folder on this machine.
    pub fn share(&self) -> &Path {
        &self.share
    }

    /// The target, with the credentials of `user` (`wrong` for the station's name with a wrong password).
    pub fn place(&self, user: &str, folder: &str) -> TargetPlace {
        TargetPlace::Smb {
            server: "127.0.0.1".into(),
            port: self.port,
            share: SHARE.into(),
            folder: folder.into(),
            credentials: self.dir.path().join(user).to_string_lossy().into_owned(),
        }
    }

    /// What Debian's client gets as `user`, with `protocol` (`SMB2_10` cannot encrypt) at most.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn client(&self, user: &str, protocol: &str, order: &str) -> Result<Ended> {
        let mut client = command("/usr/bin/smbclient");
        client.arg(format!("//127.0.0.1/{SHARE}")).arg("-p").arg(self.port.to_string()).arg("-A").arg(self.dir.path().join(user));
        client.args(["-m", protocol, "-s", "/dev/null", "-c", order]).current_dir(self.dir.path());
        run(&mut client)
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

impl Drop for Samba {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn write_credentials(path: &Path, user: &str, password: &str) -> Result<()> {
    fs::write(path, format!("username = {user}\npassword = {password}\ndomain = SCHLEUSE\n"))?;
    Ok(fs::set_permissions(path, PermissionsExt::from_mode(0o600))?)
}

/// Starts it, and waits until it says that it is ready (sd_notify(3)).
fn spawn(dir: &Path) -> Result<Child> {
    let notify = dir.join("notify");
    let _ = fs::remove_file(&notify);
    let socket = UnixDatagram::bind(&notify)?;
    socket.set_read_timeout(Some(READY_WITHIN))?;
    let mut smbd = command(PROGRAM);
    smbd.args(["-F", "--no-process-group", "--debug-stdout", "-d0", "-s"]).arg(dir.join("smb.conf")).env("NOTIFY_SOCKET", &notify);
    let child = smbd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut message = [0; 512];
    while !String::from_utf8_lossy(&message).contains("READY=1") {
        message = [0; 512];
        socket.recv(&mut message).context("smbd does not get ready")?;
    }
    Ok(child)
}

fn configuration(dir: &Path, share: &Path, port: u16, encrypts: bool) -> Result<String> {
    let mut text = format!(
        "[global]\nworkgroup = SCHLEUSE\nserver role = standalone server\ninterfaces = 127.0.0.1/8\nbind interfaces only = yes\n\
         smb ports = {port}\ndisable netbios = yes\nload printers = no\nprinting = bsd\nprintcap name = /dev/null\n\
         server min protocol = SMB2_10\nserver smb encrypt = {}\npassdb backend = tdbsam:{}/passdb.tdb\nlog file = {}/log\n",
        if encrypts { "required" } else { "off" },
        dir.display(),
        dir.display()
    );
    for setting in ["private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"] {
        let folder = dir.join(setting.replace(' ', "-"));
        fs::create_dir(&folder)?;
        succeed(command("/bin/chmod").arg("0755").arg(&folder))?;
        text += &format!("{setting} = {}\n", folder.display());
    }
    text += &format!("[{SHARE}]\npath = {}\nread only = no\nvalid users = {STATION}, @games, @mail\n", share.display());
    Ok(text)
}
