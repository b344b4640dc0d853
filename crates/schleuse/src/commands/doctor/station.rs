//! What lies on this machine: state directory, room, keys, chain, clock, sessions.

use super::{Check, check};
use audit::{Clock as _, Filter, SystemClock};
use model::Policy;
use pipeline::Station;
use pipeline::station::StatePaths;
use std::path::Path;

/// Said where nothing has been made yet.
const NO_STATE: &str = "no state yet; it is made by the first session";

/// The spool lies below the state directory: nobody else may look in, and nothing in it may ever be executed.
pub fn storage(state: &Path) -> Check {
    use rustix::fs::StatVfsMountFlags;
    use std::os::unix::fs::PermissionsExt as _;
    let outcome = match std::fs::metadata(state) {
        Err(_) if !state.exists() => Ok("no state yet; it is made by the first session".into()),
        Err(error) => Err(error.to_string()),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            Err(format!("others may look into {}; run `chmod 700` on it", state.display()))
        }
        Ok(_) => match rustix::fs::statvfs(state) {
            Err(error) => Err(error.to_string()),
            Ok(stat) => {
                let wanted =
                    [(StatVfsMountFlags::NOEXEC, "noexec"), (StatVfsMountFlags::NOSUID, "nosuid"), (StatVfsMountFlags::NODEV, "nodev")];
                let missing: Vec<&str> =
                    wanted.into_iter().filter(|(flag, _)| !stat.f_flag.contains(*flag)).map(|(_, name)| name).collect();
                Ok(if missing.is_empty() {
                    "mode 0700, on a file system mounted noexec,nosuid,nodev".into()
                } else {
                    format!("mode 0700; better on a file system of its own, mounted also {}", missing.join(","))
                })
            }
        },
    };
    check("state directory", outcome)
}

/// Room where content lies, for each file system once.
pub fn room(state: &Path, policy: &Policy) -> Vec<Check> {
    let paths = StatePaths::new(state);
    let wanted = policy.session.min_free_bytes;
    let mut seen = Vec::new();
    let mut checks = Vec::new();
    for (name, path) in
        [("state", state.to_owned()), ("spool", paths.spool()), ("quarantine", paths.quarantine()), ("outbox", paths.outbox())]
    {
        // Where there is none yet, the file system it would be made on is that of the state directory.
        let Ok(stat) = rustix::fs::statvfs(&path) else { continue };
        if seen.contains(&stat.f_fsid) {
            continue;
        }
        seen.push(stat.f_fsid);
        let free = stat.f_bavail * stat.f_frsize;
        let said = format!("{} MB free, {} MB wanted (session.min_free_bytes)", free / 1_000_000, wanted / 1_000_000);
        let cure = "make room: `schleuse retention run`, `schleuse release deliver`, or a larger disk";
        checks.push(check(&format!("room for {name}"), if free >= wanted { Ok(said) } else { Err(format!("{said}; {cure}")) }));
    }
    checks
}

/// The station's own key: there, and nobody else's to read.
pub fn keys(state: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt as _;
    let key = state.join("keys/station.pk8");
    let outcome = match std::fs::metadata(&key) {
        Err(_) if !state.exists() => Ok(NO_STATE.into()),
        Err(error) => Err(format!("{}: {error}; restore it from the backup, or the chain cannot go on", key.display())),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            Err(format!("others may read {}; run `chmod 600` on it, and `schleuse keys rotate`", key.display()))
        }
        Ok(_) => match audit::PublicKey::load(state) {
            Ok(public) => Ok(public.to_string()),
            Err(error) => Err(error.to_string()),
        },
    };
    check("station key", outcome)
}

/// The clock against the last record: a chain does not go back in time.
pub fn clock(state: &Path, chain_holds: bool) -> Check {
    let now = spool::instant::rfc3339(SystemClock.now_unix_ms());
    let synchronised = if Path::new("/run/systemd/timesync/synchronized").exists() {
        "synchronised by systemd-timesyncd"
    } else {
        "nothing shows that it is synchronised: run systemd-timesyncd or chrony against the house's time server"
    };
    let outcome = match (now, last_time(state, chain_holds)) {
        (None, _) => Err("it shows no usable time; set it".into()),
        (Some(now), Some(last)) if now.get(..19) < last.get(..19) => {
            Err(format!("it shows {now}, and the last record is of {last}: set it, and look into why it went back"))
        }
        (Some(now), _) => Ok(format!("{now}; {synchronised}")),
    };
    check("clock", outcome)
}

/// Time of the last record; none without a chain that holds.
fn last_time(state: &Path, chain_holds: bool) -> Option<String> {
    let key = chain_holds.then(|| audit::PublicKey::load(state).ok()).flatten()?;
    let head = audit::verify(state, &key).ok()?.head;
    let filter = Filter { after: Some(head.seq.saturating_sub(1)), ..Filter::default() };
    audit::show(state, filter).ok()?.last()?.ok().map(|record| record.time)
}

/// Sessions that never ended, and releases that wait.
pub fn sessions(state: &Path) -> Check {
    let outcome = match Station::waiting(state) {
        Err(error) => Err(error.to_string()),
        Ok(waiting) => {
            let journals = std::fs::read_dir(StatePaths::new(state).sessions()).map_or(0, |entries| {
                entries.flatten().filter(|entry| entry.path().extension().is_some_and(|ending| ending == "json")).count()
            });
            match (journals, waiting.len()) {
                (0, _) => Ok("none is open".into()),
                (open, 0) => Ok(format!("{open} at work, or left by a crash: the next start finishes or voids them")),
                (_, waiting) => {
                    Err(format!("{waiting} releases wait in the outbox; look at their targets, then run `schleuse release deliver`"))
                }
            }
        }
    };
    check("sessions", outcome)
}

pub fn audit_chain(state: &Path) -> Check {
    let outcome = match audit::PublicKey::load(state) {
        Err(_) if !state.exists() => Ok(NO_STATE.into()),
        Err(error) => Err(error.to_string()),
        Ok(key) => match audit::verify(state, &key) {
            Ok(verified) => Ok(format!("{} records", verified.records)),
            Err(fault) => Err(fault.to_string()),
        },
    };
    check("audit chain", outcome)
}

pub fn reviewers(state: &Path) -> Check {
    let paths = StatePaths::new(state);
    let outcome = if paths.first_identity().exists() {
        Err(format!("the secret key of the reviewer still lies at {}; move it to the reviewer's machine", paths.first_identity().display()))
    } else {
        match spool::Reviewers::load(&paths.reviewers()) {
            Ok(reviewers) => Ok(format!("{} public keys", reviewers.public_keys().len())),
            Err(_) if !state.exists() => Ok("no state yet".into()),
            Err(error) => Err(error.to_string()),
        }
    };
    check("reviewers", outcome)
}
