//! Overwriting retired media so that what stood on them cannot be read any more, and saying honestly what was reached.
//!
//! [`wipe`] is the whole order: look and ask ([`Target`], [`Confirmed`]), passes of a keyed random stream, what the device
//! offers by itself, read-back of every byte, a new file system, a signed certificate, the audit chain.
//!
//! **Invariants.** This is the only code of the lock that opens a medium for writing (I5 holds everywhere else), and only
//! through a [`Confirmed`] target. The first write comes after the audit record that says so. A certificate never claims more
//! than *Clear*, and *Clear* only when every byte of the last pass was read back as written. No foreign format is parsed here.

mod bad;
mod blocks;
mod certificate;
mod error;
mod format;
mod journal;
mod medium;
mod native;
mod pass;
mod people;
mod progress;
mod resume;
mod station;
mod stream;
mod system;
mod target;
mod verify;
mod work;

pub use bad::{BadRange, BadRanges, Trouble};
pub use certificate::{
    CERTIFICATE_DE, CERTIFICATE_EN, CERTIFICATE_JSON, Certificate, Done, Formatted, Level, Outcome, Reached, SCHEMA, STREAM, Text,
    Verification, WipedMedium,
};
pub use error::{Refusal, WipeError, WipeFault};
pub use format::{FileSystem, Label, Layout};
pub use journal::{Journal, Journals, PassRecord, Stage, fingerprint};
pub use medium::{Medium, OpenMedium};
pub use native::{ATA_PASSWORD, Answer, Method, NativeResult, Step, Tools, plan as native_plan, run as native_run};
pub use people::certificate_pdf;
pub use progress::{At, Progress, Quiet};
pub use station::{Finished, Order, Station, wipe};
pub use stream::{KEY_BYTES, KeyStream, UNIT_BYTES};
pub use system::System;
pub use target::{Confirmed, Kind, Target};
pub use verify::{CapacityLie, LieKind, ReadBack};
