//! Where bytes lie while the lock works on them: the content-addressed spool, and the quarantine store.
//!
//! **Invariants:** a file appears under its final name only by rename, when it is complete; the spool never leaves the
//! state directory; the quarantine is encrypted to the reviewers and cannot be read back here.

mod content;
mod durable;
mod quarantine;
mod reviewers;

pub use content::{Spool, SpoolError, SpoolFile, SpoolWriter};
pub use durable::{sync_dir, write_durably};
pub use quarantine::{HoldRecord, PreviewLine, Quarantine, QuarantineError, RECORD_SCHEMA};
pub use reviewers::{ReviewerError, Reviewers};
