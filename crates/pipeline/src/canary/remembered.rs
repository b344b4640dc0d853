//! When the line was last tried, and with what: `STATE/canaries.json`.
//!
//! This file is a cache that spares the next start a few seconds, not evidence: the evidence is the event `canaries-tried` in
//! the audit chain. Whoever can write into the state directory (mode 0700) can also exchange this program's configuration.
//! What cannot be read or does not fit counts as never tried.

use model::{Digest, EngineStamp};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "datenschleuse-canaries/1";
const FILE: &str = "canaries.json";
// BOUND: a handful of engines and two programs.
const MAX_BYTES: u64 = 64 << 10;

/// What the line consisted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    /// Policy, format table and rules.
    pub policy_sha256: Digest,
    /// Engines with version and signatures; this program is one of them.
    pub engines: Vec<EngineStamp>,
    /// Programs the line starts, each with its length and time of change (nanoseconds since 1970).
    pub programs: Vec<(PathBuf, u64, i128)>,
}

impl Tested {
    /// The line made of these engines and programs.
    ///
    /// # Errors
    /// When a program is not there.
    pub fn of(policy_sha256: Digest, engines: Vec<EngineStamp>, programs: &[&Path]) -> io::Result<Self> {
        let seen = |path: &&Path| {
            let meta = fs::metadata(path)?;
            let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            Ok((path.to_path_buf(), meta.len(), changed))
        };
        Ok(Self { policy_sha256, engines, programs: programs.iter().map(seen).collect::<io::Result<_>>()? })
    }
}

/// The last trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    schema: String,
    tried_at_unix_ms: i64,
    /// The first canary that was missed; none when all did as they must.
    missed: Option<String>,
    tested: Tested,
}

impl Remembered {
    /// A trial at this time of this line.
    pub fn new(tried_at_unix_ms: i64, missed: Option<String>, tested: Tested) -> Self {
        Self { schema: SCHEMA.into(), tried_at_unix_ms, missed, tested }
    }

    /// The last one below `state`; none when there is none that can be read.
    pub fn read(state: &Path) -> Option<Self> {
        let path = state.join(FILE);
        if fs::metadata(&path).ok()?.len() > MAX_BYTES {
            return None;
        }
        serde_json::from_slice::<Self>(&fs::read(path).ok()?).ok().filter(|found| found.schema == SCHEMA)
    }

    /// Keeps it below `state`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, state: &Path) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".canaries-").tempfile_in(state)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(state.join(FILE)).map(drop).map_err(|error| error.error)
    }

    /// Whether canaries were missed.
    pub const fn missed(&self) -> bool {
        self.missed.is_some()
    }

    /// Whether this trial still speaks for `tested` at `now_unix_ms`. A clock that stands before it says nothing.
    pub fn speaks_for(&self, tested: &Tested, now_unix_ms: i64, interval_hours: u32) -> bool {
        let age_ms = now_unix_ms.checked_sub(self.tried_at_unix_ms);
        let fresh = age_ms.is_some_and(|age| (0..i64::from(interval_hours) * 3_600_000).contains(&age));
        fresh && self.missed.is_none() && self.tested == *tested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(policy: u8, signatures: &str) -> Tested {
        let mut clamav = EngineStamp::own();
        clamav.signatures = Some(signatures.into());
        Tested::of(Digest([policy; 32]), vec![clamav], &[Path::new("/proc/self/exe")]).unwrap()
    }

    #[test]
    fn a_success_speaks_for_the_same_line_until_its_time_is_over() {
        let hour = 3_600_000;
        let success = Remembered::new(10 * hour, None, tested(1, "2026-01-01"));
        let speaks = |tested: &Tested, hours: i64| success.speaks_for(tested, hours * hour, 24);
        assert!(speaks(&tested(1, "2026-01-01"), 10) && speaks(&tested(1, "2026-01-01"), 33));
        assert!(!speaks(&tested(1, "2026-01-01"), 34) && !speaks(&tested(1, "2026-01-01"), 9));
        assert!(!speaks(&tested(2, "2026-01-01"), 10) && !speaks(&tested(1, "2026-01-02"), 10));
        let missed = Remembered::new(10 * hour, Some("eicar".into()), tested(1, "2026-01-01"));
        assert!(!missed.speaks_for(&tested(1, "2026-01-01"), 10 * hour, 24));
        let extreme = Remembered::new(i64::MIN, None, tested(1, "2026-01-01"));
        assert!(!extreme.speaks_for(&tested(1, "2026-01-01"), i64::MAX, 24));
    }

    #[test]
    fn what_cannot_be_read_counts_as_never_tried() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Remembered::read(state.path()), None);
        let written = Remembered::new(5, None, tested(1, "x"));
        written.write(state.path()).unwrap();
        assert_eq!(Remembered::read(state.path()), Some(written));
        for damaged in [&b""[..], b"{}", b"[1,2", &b" ".repeat(70_000)] {
            fs::write(state.path().join(FILE), damaged).unwrap();
            assert_eq!(Remembered::read(state.path()), None);
        }
    }
}
