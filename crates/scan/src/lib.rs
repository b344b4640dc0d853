//! The engines the supervisor asks about content: `clamd` and the digest block list. (YARA runs in the confined worker.)
//!
//! **Invariant (I2):** what an engine does not say in so many words is never "nothing found". A reply that cannot be read,
//! a time-out, a limit, a missing engine: all are findings with the effect *undetermined*, or a [`ScanFault`] that stops
//! the station.

pub mod clamd;
pub mod engine;
pub mod hash_list;

pub use clamd::{ClamAv, ClamdAddress};
pub use engine::{Engine, EngineReport, ScanFault, Subject};
pub use hash_list::HashList;
