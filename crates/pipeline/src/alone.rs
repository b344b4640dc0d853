//! Reading without anything after it, to measure it: the same reader, spool and hashes as in a session, and nothing else.

use crate::fault::StationFault;
use crate::reading::{Arrival, Reading};
use crate::session::budget::SessionBudget;
use model::Policy;
use model::escape_text;
use spool::Spool;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What reading took.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadAlone {
    /// Entries met.
    pub entries: u32,
    /// Bytes in the spool.
    pub bytes: u64,
    /// Until the first figures: entries and bytes of the whole medium.
    pub inventory: Duration,
    /// Until the last byte.
    pub whole: Duration,
}

/// Reads an image or directory into a spool below `spool`, and removes it again. Blocking.
///
/// # Errors
/// As a session that cannot read.
pub fn read_alone(worker: &Path, policy: &Policy, source: &Path, spool: &Path) -> Result<ReadAlone, StationFault> {
    let begun = Instant::now();
    let reading = Reading {
        worker: worker.into(),
        policy: policy.clone(),
        source: source.into(),
        device: None,
        shown: escape_text(&source.to_string_lossy()),
        spool: Arc::new(Spool::create(spool, "alone", policy.session.max_spool_bytes)?),
        budget: SessionBudget::begin(&policy.session),
        keys: Vec::new(),
    };
    let (sender, mut arrivals) = mpsc::channel(64);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let sender = sender;
            reading.run(&sender)
        });
        let mut met = ReadAlone::default();
        while let Some(arrival) = arrivals.blocking_recv() {
            match arrival {
                Arrival::InventoryEnd { entries, .. } => (met.entries, met.inventory) = (entries, begun.elapsed()),
                Arrival::Content { content: Ok(file), .. } => met.bytes += file.size_bytes,
                Arrival::Stopped(stopped) => {
                    return Err(StationFault::Medium { source_path: reading.shown.clone(), what: stopped.finding.detail });
                }
                Arrival::Volume(..) | Arrival::Entry { .. } | Arrival::Content { content: Err(_), .. } => {}
            }
        }
        met.whole = begun.elapsed();
        reader.join().map_err(|_| StationFault::Internal("reader task"))??;
        Ok(met)
    })
}
