//! Figures about the station's work since its start, for Prometheus (DESIGN.md section 8).
//!
//! They count; they are no record. Nothing in them names a person, a file or a session. They begin at zero with every start:
//! Prometheus knows a counter that was reset (`rate`, `increase`).
//!
//! **Invariant.** Counting changes nothing about what is counted, and no label's value comes from a medium.

mod text;

pub use text::{Figures, HoldCount};

use crate::fault::StationFault;
use crate::session::Finished;
use model::HoldClass;
use model::report::{ItemLine, Outcome, SessionReport};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the histograms' buckets, in seconds; one without bound comes after them.
// BOUND: from a text file (milliseconds) to the longest time a worker may take (minutes).
const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// What is timed. All but the last are stages of an item; `Convert` is without `Verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// What the bytes are, and YARA.
    Identify,
    /// Engines of the supervisor.
    Scan,
    /// Policy.
    Decide,
    /// Active content out.
    Strip,
    /// Rendering, rebuilding, unpacking.
    Convert,
    /// Strict verifier and engines over finished bytes.
    Verify,
    /// Writing a session's release.
    Release,
}

impl Timed {
    const ALL: [Self; 7] = [Self::Identify, Self::Scan, Self::Decide, Self::Strip, Self::Convert, Self::Verify, Self::Release];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Scan => "scan",
            Self::Decide => "decide",
            Self::Strip => "strip",
            Self::Convert => "convert",
            Self::Verify => "verify",
            Self::Release => "release",
        }
    }
}

#[derive(Debug, Default)]
struct Histogram {
    /// How often each bucket was the first that fits; the last is for what exceeds all bounds.
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let at = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.sum_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

const CLASSES: [HoldClass; 4] = [HoldClass::Malicious, HoldClass::Suspicious, HoldClass::Uninspectable, HoldClass::Policy];

/// What happened since the start.
#[derive(Debug)]
pub struct Metrics {
    started_unix_ms: i64,
    reconciled: AtomicU64,
    voided: AtomicU64,
    faults: AtomicU64,
    released: AtomicU64,
    unreadable: AtomicU64,
    structural: AtomicU64,
    /// In the order of [`CLASSES`].
    withheld: [AtomicU64; CLASSES.len()],
    /// In the order of [`Timed::ALL`].
    timed: [Histogram; Timed::ALL.len()],
    /// Engine to the date of its signatures, seconds since 1970, as of the last session.
    signatures: Mutex<BTreeMap<String, i64>>,
}

impl Metrics {
    /// Nothing has happened; the station started at `started_unix_ms`.
    pub fn new(started_unix_ms: i64) -> Self {
        Self {
            started_unix_ms,
            reconciled: AtomicU64::default(),
            voided: AtomicU64::default(),
            faults: AtomicU64::default(),
            released: AtomicU64::default(),
            unreadable: AtomicU64::default(),
            structural: AtomicU64::default(),
            withheld: Default::default(),
            timed: Default::default(),
            signatures: Mutex::default(),
        }
    }

    /// Does `work`, and counts how long it took.
    pub async fn timed<T>(&self, what: Timed, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        self.took(what, begun.elapsed());
        done
    }

    /// Counts how long something took.
    pub fn took(&self, what: Timed, took: Duration) {
        if let Some(histogram) = self.timed.get(what as usize) {
            histogram.observe(took);
        }
    }

    /// A session ended. Items count only when it reconciled.
    pub(crate) fn session_ended(&self, ended: &Result<Finished, StationFault>) {
        match ended {
            Ok(finished) => self.session_reconciled(&finished.report),
            Err(_fault) => {
                self.voided.fetch_add(1, Relaxed);
                self.faults.fetch_add(1, Relaxed);
            }
        }
    }

    fn session_reconciled(&self, report: &SessionReport) {
        self.reconciled.fetch_add(1, Relaxed);
        for line in &report.items {
            if let Some(count) = self.count_of(line) {
                count.fetch_add(1, Relaxed);
            }
        }
        let mut signatures = self.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        for engine in &report.engines {
            if let Some(date) = engine.signatures.as_deref().and_then(day) {
                signatures.insert(engine.name.clone(), date);
            }
        }
    }

    fn count_of(&self, line: &ItemLine) -> Option<&AtomicU64> {
        match line.disposition {
            Outcome::Released => Some(&self.released),
            Outcome::Unreadable => Some(&self.unreadable),
            Outcome::Structural => Some(&self.structural),
            Outcome::Withheld => {
                let class = HoldClass::of(line.reason, &line.findings);
                let at = CLASSES.iter().position(|known| *known == class)?;
                self.withheld.get(at)
            }
        }
    }
}

/// Midnight of `YYYY-MM-DD`, seconds since 1970.
fn day(text: &str) -> Option<i64> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Some(time::Date::parse(text, format).ok()?.midnight().assume_utc().unix_timestamp())
}

/// A time of day, milliseconds since 1970, as RFC 3339 in UTC with milliseconds.
pub fn rfc3339_ms(unix_ms: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH).format(&format).unwrap_or_default()
}
