//! How fast a long audit chain verifies, and in how much memory.
//!
//! `chain_speed write STATE RECORDS` makes a chain of twelve months; `chain_speed verify STATE` verifies it. Two calls, so that the memory
//! of the one is not counted for the other.

use anyhow::{Context as _, Result, bail};
use audit::{AuditLog, Clock, Event, KeyHistory, OsEntropy, StationKey, events};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Records of one batch.
const BATCH: u64 = 5_000;
/// 2026-01-01T00:00:00Z
const BEGIN: i64 = 1_767_225_600_000;
const YEAR: i64 = 365 * 86_400_000;

struct Stepping(AtomicI64);

impl Clock for Stepping {
    fn now_unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["write", state, records] => write(Path::new(state), records.parse()?),
        ["verify", state] => verify(Path::new(state)),
        _ => bail!("chain_speed write STATE RECORDS | verify STATE"),
    }
}

fn write(state: &Path, records: u64) -> Result<()> {
    std::fs::create_dir_all(state)?;
    let entropy = Arc::new(OsEntropy::new());
    let key = Arc::new(StationKey::load_or_create(state, entropy.as_ref())?);
    let clock = Arc::new(Stepping(AtomicI64::new(BEGIN)));
    let mut log = AuditLog::open(state, "lock-01", key, Arc::clone(&clock) as Arc<dyn Clock>, entropy)?;
    let started = Instant::now();
    while log.head().seq < records {
        let done = log.head().seq;
        let session = format!("s-{}", done / 50_000);
        let item = |number: u64| Event {
            session: Some(&session),
            actor: "kiosk-7",
            event: events::ITEM_RELEASED,
            payload: json!({ "path": format!("Angebote/Vertrag {number}.pdf"), "bytes": number, "sha256": "0".repeat(64) }),
        };
        log.append(&(0..BATCH.min(records - done)).map(|at| item(done + at)).collect::<Vec<_>>())?;
        let passed = YEAR.checked_div(i64::try_from(records / BATCH)?.max(1)).unwrap_or_default();
        clock.0.fetch_add(passed, Ordering::Relaxed);
    }
    println!("{} records written in {:.1} s", log.head().seq, started.elapsed().as_secs_f64());
    Ok(())
}

fn verify(state: &Path) -> Result<()> {
    let started = Instant::now();
    let verified = audit::verify(state, &KeyHistory::load(state)?.current).map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let files = std::fs::read_dir(state.join("audit"))?.filter_map(Result::ok);
    let bytes: u64 = files.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?.trim();
    println!(
        "{} records ({} MB) verified in {seconds:.1} s: {:.0} records/s, peak memory {peak}",
        verified.records,
        bytes / 1_000_000,
        verified.records as f64 / seconds
    );
    Ok(())
}
