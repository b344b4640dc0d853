//! Private servers a release can go to: their own configuration, users' passwords, keys and state below a temporary folder,
//! on a port of the loopback; ended with the test.
//!
//! They take root, and three accounts every Debian has: `daemon` plays the station, `games` and `mail` two customers.

mod samba;
mod sshd;

pub use samba::Samba;
pub use sshd::Sshd;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// The account the station logs in with.
pub const STATION: &str = "daemon";
/// The customers: account, and numbers of user and group in every Debian (base-passwd).
pub const CUSTOMERS: [(&str, u32, u32); 2] = [("games", 5, 60), ("mail", 8, 8)];
const STATION_UID: u32 = 1;

/// Why there can be no such server here; `None` when there can.
pub fn missing(program: &str) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some(format!("{program} takes root"));
    }
    (!Path::new(program).exists()).then(|| format!("{program} is not installed"))
}

/// Runs a command to its success.
fn succeed(command: &mut Command) -> Result<()> {
    let ended = crate::run(command)?;
    ensure!(ended.status == 0, "{command:?}: {ended:?}");
    Ok(())
}

/// A port that is free now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The folder releases go to, with one for each customer in it: the station writes, the customer's group reads.
fn make_share(dir: &Path) -> Result<PathBuf> {
    fs::set_permissions(dir, PermissionsExt::from_mode(0o755))?;
    let share = dir.join("share");
    fs::create_dir(&share)?;
    chown(&share, Some(STATION_UID), None)?;
    for (customer, _, group) in CUSTOMERS {
        let folder = share.join(customer);
        fs::create_dir(&folder)?;
        chown(&folder, Some(STATION_UID), Some(group))?;
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o2750))?;
    }
    Ok(share)
}

fn pid(child: &Child) -> Result<Pid> {
    Pid::from_raw(child.id() as i32).context("a process number")
}

/// A process and all that descend from it (`/proc/PID/task/TID/children`, proc(5)).
fn family(first: Pid) -> Vec<Pid> {
    let mut family = vec![first];
    let mut at = 0;
    while let Some(parent) = family.get(at) {
        let parent = parent.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|number| Pid::from_raw(number.parse().ok()?)));
        at += 1;
    }
    family
}

/// Ends a server with all its processes, as a power cut would.
fn kill(child: &mut Child) -> Result<()> {
    for process in family(pid(child)?) {
        // One that has gone meanwhile need not be ended.
        let _ = kill_process(process, Signal::KILL);
    }
    child.wait()?;
    Ok(())
}

/// Stops a server with all its processes, or lets them go on.
fn signal(child: &Child, signal: Signal) -> Result<()> {
    for process in family(pid(child)?) {
        kill_process(process, signal)?;
    }
    Ok(())
}
