//! `schleuse-mountd`: sets a medium read-only, opens or mounts it, hands the descriptor back. Parses no foreign format.
//!
//! Its standard input is a Unix stream socket: a connected one when the supervisor started it, a listening one when systemd
//! did (`StandardInput=socket`). One supervisor and one request at a time.
//!
//! **Invariant:** what it hands out cannot be written through: the device is read-only in the kernel before the descriptor
//! leaves (I5). It serves one user, and only devices that come and go.

mod attach;
mod mount;
mod node;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_acceptconn, socket_peercred};
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Uid, geteuid};
use std::io::stdin;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;
use wire::{MountAnswer, MountRequest, WireError, receive_mount_request, send_mount_answer};

/// How long a connected supervisor may be silent while others may wait.
// BOUND: a supervisor asks at once and hangs up after the answer; ten seconds are for a machine that swaps.
const PATIENCE: Duration = Duration::from_secs(10);

struct Settings {
    /// Whom it serves.
    user: Uid,
    /// Whether loop devices are attached.
    allow_virtual: bool,
}

fn main() -> ExitCode {
    match settings().and_then(|settings| serve(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("schleuse-mountd: {what}");
            ExitCode::from(2)
        }
    }
}

fn settings() -> Result<Settings, String> {
    let mut settings = Settings { user: geteuid(), allow_virtual: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--allow-virtual" => settings.allow_virtual = true,
            "--user" => settings.user = words.next().and_then(|name| user(&name)).ok_or("--user names no user of this machine")?,
            _ => return Err("usage: schleuse-mountd [--user NAME|UID] [--allow-virtual], with a Unix socket as standard input".into()),
        }
    }
    Ok(settings)
}

fn user(name: &str) -> Option<Uid> {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let listed = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)).flatten()
    });
    listed.unwrap_or(name).parse().ok().map(Uid::from_raw)
}

fn serve(settings: &Settings) -> Result<(), String> {
    let socket = stdin().as_fd().try_clone_to_owned().map_err(|error| format!("no standard input: {error}"))?;
    let listening = socket_acceptconn(&socket).map_err(|error| format!("the standard input is no socket: {error}"))?;
    // The copy would be closed with everything else that was inherited.
    drop(socket);
    sandbox::confine_mountd().map_err(|error| error.to_string())?;
    let socket = stdin().as_fd().try_clone_to_owned().map_err(|error| format!("no standard input: {error}"))?;
    if !listening {
        return converse(&socket, settings).map_err(|error| error.to_string());
    }
    loop {
        let supervisor = accept_with(&socket, SocketFlags::CLOEXEC).map_err(|error| format!("nobody can connect: {error}"))?;
        set_socket_timeout(&supervisor, Timeout::Recv, Some(PATIENCE)).map_err(|error| error.to_string())?;
        if let Err(error) = converse(&supervisor, settings) {
            // A supervisor that breaks the protocol loses its connection, not the others theirs.
            eprintln!("schleuse-mountd: {error}");
        }
    }
}

/// Answers one supervisor until it hangs up.
fn converse(supervisor: &OwnedFd, settings: &Settings) -> Result<(), WireError> {
    let peer = socket_peercred(supervisor).map_err(|error| WireError::Read(error.into()))?;
    if peer.uid != settings.user {
        eprintln!("schleuse-mountd: user {} is not served", peer.uid.as_raw());
        return Ok(());
    }
    while let Some(request) = receive_mount_request(supervisor)? {
        let answered = match &request {
            MountRequest::Attach { device } => attach::attach(device, settings.allow_virtual)
                .map(|(descriptor, size_bytes)| (MountAnswer::Attached { size_bytes }, descriptor)),
            MountRequest::Mount { device, file_system } => {
                mount::mount(device, file_system, settings.allow_virtual).map(|root| (MountAnswer::Mounted, root))
            }
        };
        match answered {
            Ok((answer, descriptor)) => send_mount_answer(supervisor, &answer, Some(descriptor.as_fd()))?,
            Err(refusal) => send_mount_answer(supervisor, &MountAnswer::Refused(refusal), None)?,
        }
    }
    Ok(())
}
