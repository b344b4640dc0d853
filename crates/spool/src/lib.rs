//! Where bytes lie while the lock works on them: the content-addressed spool, and the quarantine store.
//!
//! **Invariants:** a file appears under its final name only by rename, when it is complete; the spool never leaves the
//! state directory; the quarantine is encrypted to the reviewers and cannot be read back here.

mod content;
mod durable;
mod identity;
pub mod instant;
mod quarantine;
pub mod retention;
mod reviewers;
pub mod reviews;

pub use content::{Spool, SpoolError, SpoolFile, SpoolWriter};
pub use durable::{sync_dir, write_durably};
pub use identity::{IdentityError, IdentityFile, ReviewerIdentity};
pub use quarantine::{
    Destruction, HoldLock, HoldRecord, Original, OriginalError, PreviewLine, Progress, Quarantine, QuarantineError, RECORD_SCHEMA,
};
pub use reviewers::{Reviewer, ReviewerError, Reviewers, SigningKey, is_reviewer_name};
