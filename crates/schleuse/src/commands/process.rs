//! `schleuse process`.

use super::{WAITING, index, metrics, print_json, secrets, siem};
use crate::cli::Process;
use crate::destination::{self, Destination};
use crate::device;
use crate::settings::{self, ConfigurationError};
use crate::terminal;
use anyhow::Context as _;
use audit::{OsEntropy, SystemClock};
use pipeline::{Order, Progress, Quiet, Station, Unobserved};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Exit status when something was withheld.
const WITHHELD: u8 = 10;

pub fn run(order: &Process) -> anyhow::Result<u8> {
    let settings = settings::load(order.policy.policy.as_deref())?;
    let state = settings::state_dir(order.state.state.as_deref())?;
    let worker = settings::worker_program()?;
    let keys = if order.unlock_stdin { secrets::from_stdin()? } else { Vec::new() };
    let source = source(&order.source)?;
    if let Some(folder) = &order.destination.release_to {
        apart(&source, &std::path::absolute(folder)?, "the release folder")?;
    }
    apart(&source, &state, "the state directory")?;
    let policy = settings.policy.clone();
    let device = match device::named(&source)? {
        Some(facts) => Some((facts, device::mountd(order.mountd.as_deref(), &policy)?)),
        None => None,
    };
    let progress: Arc<dyn Progress> = if order.state.json { Arc::new(Quiet) } else { terminal::progress() };
    let forwarding = siem::start(&state, &policy)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let finished = runtime.block_on(async {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        let station = Station::open(&state, worker, settings, order.clamd.clone(), clock, entropy, Arc::new(Unobserved)).await?;
        warn_of_first_identity(&station);
        let wanted = &order.destination;
        let Destination { owner, release_to } =
            destination::choose(&station, &policy.release, wanted.release_to.as_deref(), wanted.owner.as_deref()).await?;
        let mut job = Order { source, device: None, release_to, owner, keys };
        if let Some((facts, mountd)) = device {
            job.device = Some(device::admit(&station, &policy, facts, &mountd).await?);
        }
        let ended = pipeline::process(&station, &job, progress).await;
        metrics::write(&station, &state, forwarding.as_ref()).await;
        let stopped = station.stop().await;
        let finished = ended?;
        stopped?;
        Ok::<_, anyhow::Error>(finished)
    });
    // Also after a fault: what was held before it counts.
    if state.is_dir() {
        index::keep(&state);
    }
    let finished = finished?;
    if let Some(peak_kib) = peak_memory_kib() {
        tracing::info!(peak_kib, "peak memory of the supervisor");
    }
    if let Some(path) = &order.report {
        let json = serde_json::to_vec_pretty(&finished.report)?;
        std::fs::write(path, json).with_context(|| format!("the report {} cannot be written", path.display()))?;
    }
    if order.state.json {
        print_json(&finished.report)?;
    } else {
        print!("{}", terminal::session_table(&finished, &state));
    }
    if finished.waiting.is_some() {
        return Ok(WAITING);
    }
    let totals = &finished.report.totals;
    Ok(if totals.withheld + totals.unreadable > 0 { WITHHELD } else { 0 })
}

/// `VmHWM` of this process (proc(5)).
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn source(path: &Path) -> anyhow::Result<PathBuf> {
    let missing = |error| ConfigurationError(format!("the source {} cannot be used: {error}", path.display()));
    Ok(path.canonicalize().map_err(missing)?)
}

/// Releasing into the medium, or keeping the state on it, would write to it and read it again.
fn apart(source: &Path, other: &Path, what: &str) -> anyhow::Result<()> {
    let other = other.canonicalize().unwrap_or_else(|_| other.to_path_buf());
    if other.starts_with(source) {
        return Err(ConfigurationError(format!("{what} {} lies inside the source", other.display())).into());
    }
    Ok(())
}

pub fn warn_of_first_identity(station: &Station) {
    let identity = station.first_identity();
    if identity.exists() {
        eprintln!(
            "note: the key that opens the quarantine lies at {}. Move it to the reviewer's machine; this station does not need it.",
            identity.display()
        );
    }
}
