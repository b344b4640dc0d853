//! What the surfaces hear while a session runs.

use model::Reason;
use model::report::Outcome;

/// Listens to a session. Called from several tasks; must be quick.
pub trait Progress: Send + Sync {
    /// An entry of the medium was met.
    fn entry(&self);
    /// The inventory is complete.
    fn inventory(&self, entries: u32, bytes: u64);
    /// Content arrived in the spool.
    fn spooled(&self, bytes: u64);
    /// Further items were met in an archive.
    fn members(&self, count: u32);
    /// An item ended.
    fn ended(&self, path: &str, outcome: Outcome, reason: Reason);
    /// The release is being written.
    fn releasing(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn entry(&self) {}
    fn inventory(&self, _entries: u32, _bytes: u64) {}
    fn spooled(&self, _bytes: u64) {}
    fn members(&self, _count: u32) {}
    fn ended(&self, _path: &str, _outcome: Outcome, _reason: Reason) {}
    fn releasing(&self) {}
}
