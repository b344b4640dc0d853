//! A station in a temporary directory, with a clock and an entropy that the test decides.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod mutate;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use audit::{AuditError, AuditLog, Clock, Entropy, Event, Fault, PublicKey, StationKey, Verified, verify};
use serde_json::json;
use tempfile::TempDir;

pub const STATION: &str = "lock-01";

/// 2026-11-18T11:06:40.000Z
pub const NOON: i64 = 1_795_000_000_000;

/// The file of that month.
pub const NOVEMBER: &str = "chain-2026-11.jsonl";

pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn step(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_unix_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Different bytes at each call, the same in each run.
pub struct TestEntropy(AtomicU64);

impl TestEntropy {
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for TestEntropy {
    fn fill(&self, buf: &mut [u8]) -> Result<(), AuditError> {
        for chunk in buf.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

pub struct Station {
    state: PathBuf,
    /// Removed with the station; a child process works in its parent's.
    _dir: Option<TempDir>,
    pub key: Arc<StationKey>,
    pub clock: Arc<TestClock>,
    pub entropy: Arc<TestEntropy>,
}

impl Station {
    pub fn new() -> Self {
        Self::seeded(1)
    }

    pub fn seeded(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let station = Self::with(dir.path().to_owned(), seed);
        Self { _dir: Some(dir), ..station }
    }

    /// The station whose state directory exists already.
    pub fn at(state: PathBuf) -> Self {
        Self::with(state, 9)
    }

    fn with(state: PathBuf, seed: u64) -> Self {
        let entropy = Arc::new(TestEntropy::seeded(seed << 32));
        let key = Arc::new(StationKey::load_or_create(&state, entropy.as_ref()).unwrap());
        Self { state, _dir: None, key, clock: Arc::new(TestClock(AtomicI64::new(NOON))), entropy }
    }

    pub fn state(&self) -> &Path {
        &self.state
    }

    pub fn chain(&self) -> PathBuf {
        self.state().join("audit").join(NOVEMBER)
    }

    pub fn head(&self) -> PathBuf {
        self.state().join("audit/HEAD")
    }

    /// The same station with the key that lies there now.
    pub fn reloaded(self) -> Self {
        let key = Arc::new(StationKey::load_or_create(&self.state, self.entropy.as_ref()).unwrap());
        Self { key, ..self }
    }

    /// The private key as it lies there.
    pub fn key_file(&self) -> Vec<u8> {
        fs::read(self.state().join("keys/station.pk8")).unwrap()
    }

    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    pub fn try_open(&self) -> Result<AuditLog, AuditError> {
        self.try_open_as(STATION)
    }

    pub fn try_open_as(&self, name: &str) -> Result<AuditLog, AuditError> {
        AuditLog::open(self.state(), name, self.key.clone(), self.clock.clone(), self.entropy.clone())
    }

    pub fn open(&self) -> AuditLog {
        self.try_open().unwrap()
    }

    pub fn verify(&self) -> Result<Verified, Fault> {
        verify(self.state(), &self.public_key())
    }

    /// The file of November and `HEAD` as they are now.
    pub fn files(&self) -> (Vec<u8>, Vec<u8>) {
        (fs::read(self.chain()).unwrap(), fs::read(self.head()).unwrap())
    }
}

pub fn station_event(event: &str) -> Event<'_> {
    Event { session: None, actor: "station", event, payload: json!({ "version": "0.1.0" }) }
}

pub fn item_event(session: &str, item: u32) -> Event<'_> {
    Event {
        session: Some(session),
        actor: "kiosk-7",
        event: audit::events::ITEM_RELEASED,
        payload: json!({ "path": format!("Vertrag {item}.pdf"), "bytes": item }),
    }
}

/// Lines with their line ends.
pub fn lines(chain: &[u8]) -> Vec<Vec<u8>> {
    chain.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Lower-case hexadecimal, without the crate's own.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// The same numbers in each run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}
