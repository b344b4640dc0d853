//! `schleuse doctor`: what is wrong with this station, and how to mend it.

use super::print_json;
use crate::cli::Doctor;
use crate::settings;
use pipeline::station::{OFFICE_PROGRAM, StatePaths};
use sandbox::Role;
use serde::Serialize;
use std::path::Path;

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    holds: bool,
    says: String,
}

fn check(name: &str, outcome: Result<String, String>) -> Check {
    let (holds, says) = match outcome {
        Ok(says) => (true, says),
        Err(says) => (false, says),
    };
    Check { name: name.into(), holds, says }
}

pub fn run(what: &Doctor) -> anyhow::Result<u8> {
    let settings = settings::load(what.policy.policy.as_deref())?;
    let state = settings::state_dir(what.state.state.as_deref())?;
    let worker = settings::worker_program()?;
    let mut checks: Vec<Check> = Role::ALL.into_iter().map(|role| confinement(&worker, role)).collect();
    checks.push(check("resources", Ok(sandbox::ResourceControl::in_force().to_string())));
    checks.push(check(
        "office",
        if Path::new(OFFICE_PROGRAM).is_file() {
            Ok(OFFICE_PROGRAM.into())
        } else {
            Err(pipeline::StationFault::OfficeAbsent { path: OFFICE_PROGRAM.into() }.to_string())
        },
    ));
    checks.push(storage(&state));
    checks.push(clamav(what, &settings));
    checks.push(audit_chain(&state));
    checks.push(reviewers(&state));
    let bad = checks.iter().any(|c| !c.holds);
    if what.state.json {
        print_json(&checks)?;
    } else {
        for c in &checks {
            println!("{}  {:26} {}", if c.holds { "holds " } else { "BROKEN" }, c.name, c.says);
        }
    }
    Ok(u8::from(bad))
}

/// Workers of this role try what must be impossible.
fn confinement(worker: &Path, role: Role) -> Check {
    let limits = sandbox::Limits {
        cpu_seconds: 10,
        memory_bytes: 1 << 30,
        file_bytes: 0,
        processes: if role == Role::RenderOffice { 64 } else { 1 },
    };
    let name = format!("confinement {}", role.as_str());
    let outcome = match sandbox::probe(worker, role, &limits, sandbox::Attempt::all()) {
        Err(error) => Err(error.to_string()),
        Ok(results) => {
            let escaped: Vec<&str> = results.iter().filter(|r| !r.outcome.held()).map(|r| r.attempt.as_str()).collect();
            if escaped.is_empty() {
                Ok(format!("{} attempts denied", results.len()))
            } else {
                Err(format!("NOT denied: {}", escaped.join(", ")))
            }
        }
    };
    check(&name, outcome)
}

/// The spool lies below the state directory: nobody else may look in, and nothing in it may ever be executed.
fn storage(state: &Path) -> Check {
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

fn clamav(what: &Doctor, settings: &pipeline::Settings) -> Check {
    use audit::Clock as _;
    let now = audit::SystemClock.now_unix_ms() / 1_000;
    let connected = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(scan::ClamAv::connect(&what.clamd, &settings.policy.scan, now)));
    let outcome = match connected {
        Err(error) => Err(error.to_string()),
        Ok(Err(fault)) => Err(fault.to_string()),
        Ok(Ok(engine)) => {
            use scan::Engine as _;
            let stamp = engine.stamp();
            Ok(format!("{} {}, signatures of {}", engine.address(), stamp.version, stamp.signatures.as_deref().unwrap_or("-")))
        }
    };
    check("clamav", outcome)
}

fn audit_chain(state: &Path) -> Check {
    let outcome = match audit::PublicKey::load(state) {
        Err(_) if !state.exists() => Ok("no state yet; it is made by the first session".into()),
        Err(error) => Err(error.to_string()),
        Ok(key) => match audit::verify(state, &key) {
            Ok(verified) => Ok(format!("{} records", verified.records)),
            Err(fault) => Err(fault.to_string()),
        },
    };
    check("audit chain", outcome)
}

fn reviewers(state: &Path) -> Check {
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
