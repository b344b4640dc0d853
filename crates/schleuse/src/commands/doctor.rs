//! `schleuse doctor`: what is wrong with this station, and how to mend it.

mod outside;
mod station;

use super::print_json;
use crate::cli::Doctor;
use crate::settings;
use pipeline::station::OFFICE_PROGRAM;
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
    checks.push(station::storage(&state));
    checks.extend(station::room(&state, &settings.policy));
    checks.push(station::keys(&state));
    checks.push(station::reviewers(&state));
    let chain = station::audit_chain(&state);
    checks.push(station::clock(&state, chain.holds));
    checks.push(chain);
    checks.push(station::sessions(&state));
    let clamav = clamav(what, &settings);
    let scanner = clamav.holds;
    checks.push(clamav);
    checks.push(outside::canaries(what, &settings, &worker, scanner));
    checks.extend(outside::targets(&settings.policy));
    checks.push(outside::collector(&settings.policy));
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
