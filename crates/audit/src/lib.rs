//! The audit chain: what happened at this station, in order, and provably so (DESIGN.md I9, section 7).
//!
//! Each record carries the SHA-256 of the one before it; the newest hash is signed with the station's
//! Ed25519 key. One writer appends; anyone with the public key verifies, offline and without trusting
//! the machine that wrote it. Payloads of a session are encrypted under a key of that session's own, so
//! that names in them can be erased by destroying one small file, and the chain still verifies.
//!
//! **Invariant.** A record that [`AuditLog::append`] has acknowledged is on disk, and [`verify()`] either
//! finds it unchanged in its place or returns a [`Fault`]. No kill, power loss or full disk in between
//! leaves a chain that does not verify. This crate never rewrites or removes a record.
//!
//! # On disk
//!
//! ```text
//! STATE/audit/chain.jsonl          one JSON record a line
//! STATE/audit/HEAD                 signed: where the chain ends, and the last batch in full
//! STATE/audit/LOCK                 flock: one writer
//! STATE/keys/station.pk8, .pub     the station's signing key (0600) and its public half (hex)
//! STATE/keys/sessions/ID.key       payload key of one session (0600); ID.erased once destroyed
//! ```
//!
//! `HEAD` is replaced (temporary file, fsync, rename, fsync of the directory) *before* the same lines go
//! to `chain.jsonl`. The rename is the commit: a kill after it loses nothing, because the missing lines
//! stand in `HEAD`, and [`AuditLog::open`] completes the chain and says so in a `chain-repaired` record.
//!
//! # What it cannot see by itself
//!
//! Someone who puts back an older `chain.jsonl` *together with* its older `HEAD` shows a chain that was
//! once true. Only an outside anchor tells: every [`Position`] handed out (session reports, syslog) can be
//! given to [`verify_against`]. And someone who holds the station's private key can write a new chain.

mod batch;
mod clock;
mod durable;
mod error;
pub mod events;
pub mod export;
mod head;
mod hex;
mod key;
mod layout;
mod log;
mod record;
mod sealing;
mod show;
mod verify;
mod walk;

pub use clock::{Clock, Entropy, OsEntropy, SystemClock};
pub use error::{AuditError, Fault, FaultKind};
pub use export::ExportFormat;
pub use key::{NotAPublicKey, PublicKey, SIGNATURE_BYTES, StationKey};
pub use log::{AuditLog, CHECKPOINT_EVERY, Event};
pub use record::{MAX_BATCH_BYTES, MAX_LINE_BYTES, NotAPosition, Position};
pub use show::{Filter, Records, Shown, ShownPayload, show};
pub use verify::{Piece, Verified, verify, verify_against, verify_piece};
