//! What can go wrong: [`AuditError`] while writing or showing, [`Fault`] when a chain does not verify.

use std::io;
use std::path::PathBuf;

/// An operation on the audit state failed. For the station each of these is a fault: it must not work on.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// Another process writes this chain.
    #[error("another process holds the audit chain {}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The chain on disk is not one this station could have left, not even by a crash.
    #[error("the audit chain does not verify: {0}")]
    Broken(#[from] Fault),
    /// The chain on disk was written under another station's name.
    #[error("the audit chain belongs to station {found:?}, not to {expected:?}")]
    ForeignStation {
        /// The name handed in.
        expected: String,
        /// The name in the chain.
        found: String,
    },
    /// There is a chain but not the key it was signed with; a new key must not quietly take its place.
    #[error("the station's key {} is missing although there is a chain signed with it", path.display())]
    KeyLost {
        /// Where the key should be.
        path: PathBuf,
    },
    /// A private key can be read by others than its owner.
    #[error("the key {} is readable by others (mode {mode:o})", path.display())]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key file does not hold a key.
    #[error("{} does not hold a valid key", path.display())]
    KeyMalformed {
        /// The key file.
        path: PathBuf,
    },
    /// The public key file does not belong to the private key beside it.
    #[error("{} is not the public half of the station's key", path.display())]
    KeyMismatch {
        /// The public key file.
        path: PathBuf,
    },
    /// The station has had as many keys as it may.
    #[error("the station has had {limit} keys and can have no more")]
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
    /// No randomness could be had.
    #[error("no randomness to be had")]
    Entropy,
    /// The clock shows a time outside the years 1970 to 9999.
    #[error("the clock shows {unix_ms} ms since 1970, which no record can carry")]
    Clock {
        /// What the clock said, milliseconds since 1970.
        unix_ms: i64,
    },
    /// A session id is not 1 to 64 of `A-Z a-z 0-9 - _`, or begins with `-`.
    #[error("{session:?} is no session id")]
    SessionId {
        /// The id.
        session: String,
    },
    /// A station, actor or event name is empty, too long or has forbidden characters.
    #[error("{name:?} cannot be a {what}")]
    Name {
        /// Which name: `station`, `actor` or `event`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Only the log itself writes this event.
    #[error("the event {event:?} is written by the log itself")]
    ReservedEvent {
        /// The event.
        event: String,
    },
    /// The session's payload key was destroyed; nothing more can be recorded for it.
    #[error("the payloads of session {session} were erased")]
    SessionErased {
        /// The session.
        session: String,
    },
    /// One record is longer than [`MAX_LINE_BYTES`](crate::MAX_LINE_BYTES).
    #[error("a record of {line_bytes} bytes is longer than {limit_bytes}")]
    RecordTooLong {
        /// Its length.
        line_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// One batch is longer than [`MAX_BATCH_BYTES`](crate::MAX_BATCH_BYTES).
    #[error("a batch of {batch_bytes} bytes is longer than {limit_bytes}")]
    BatchTooLong {
        /// Its length.
        batch_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A record or `HEAD` could not be serialised.
    #[error("cannot serialise a record")]
    Serialise(#[source] serde_json::Error),
    /// A payload could not be encrypted.
    #[error("cannot encrypt a payload of session {session}")]
    Seal {
        /// The session.
        session: String,
    },
    /// A line of the chain cannot be shown because it is no record.
    #[error("at byte {offset} of {file} stands no record")]
    NotARecord {
        /// Which file of the chain.
        file: String,
        /// Where in it.
        offset: u64,
    },
    /// A directory could not be created.
    #[error("cannot create the directory {}", path.display())]
    CreateDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock file could not be opened or locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The chain could not be opened.
    #[error("cannot open {}", path.display())]
    OpenChain {
        /// The chain.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The chain could not be read.
    #[error("cannot read {}", path.display())]
    ReadChain {
        /// The chain.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The chain could not be written; what is missing stands in `HEAD` and is completed later.
    #[error("cannot write {}", path.display())]
    WriteChain {
        /// The chain.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `HEAD` could not be written.
    #[error("cannot write {}", path.display())]
    WriteHead {
        /// The `HEAD` file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key file could not be read.
    #[error("cannot read the key {}", path.display())]
    ReadKey {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key file could not be written.
    #[error("cannot write the key {}", path.display())]
    WriteKey {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A session's key could not be destroyed; calling again finishes it.
    #[error("cannot destroy the key {}", path.display())]
    DestroyKey {
        /// The key file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where a chain stops being what the station wrote, and how that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}{}: {kind}", place(file, *line))]
pub struct Fault {
    /// Sequence number the first bad record should have; for a bad `HEAD` the number it claims, 0 if none.
    pub seq: u64,
    /// The file in the directory of the chain, `HEAD` among them; empty in a piece, and where no file can be named.
    pub file: String,
    /// Line of the file, from 1; 0 when the fault is not in a line.
    pub line: u64,
    /// What is wrong.
    pub kind: FaultKind,
}

/// Where a fault lies, in words.
fn place(file: &str, line: u64) -> String {
    match (file, line) {
        ("", 0) => String::new(),
        ("", line) => format!(" (line {line})"),
        (file, 0) => format!(" ({file})"),
        (file, line) => format!(" ({file} line {line})"),
    }
}

/// How a fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The line is no record in its one canonical spelling.
    #[error("the line is not a record in canonical form")]
    NotCanonical,
    /// The line is longer than any record.
    #[error("the line is longer than {limit_bytes} bytes")]
    LineTooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// The record's own hash does not fit its bytes: it was edited.
    #[error("the hash does not fit the record: it was edited")]
    HashWrong,
    /// A record is missing, repeated or out of order here.
    #[error("found record {found} here: one is missing, repeated or out of order")]
    SeqWrong {
        /// The sequence number found.
        found: u64,
    },
    /// The record does not follow on the one before it.
    #[error("the record does not follow on the one before it")]
    PrevWrong,
    /// The record names another station than the first record.
    #[error("the record is of another station")]
    ForeignStation,
    /// A checkpoint's signature does not fit what stands before it.
    #[error("the checkpoint's signature does not fit the records before it")]
    CheckpointSignature,
    /// A change of the signing key is not by the key before it.
    #[error("the change of the signing key is not signed by both keys: it is forged")]
    RotationSignature,
    /// The file's name does not fit the time of this record.
    #[error("the file's name does not fit the record: the file was renamed, or records were moved between files")]
    FileMisnamed,
    /// A file of the chain has no record.
    #[error("the file is empty")]
    FileEmpty,
    /// A file that is not the chain's lies beside it.
    #[error("the file has no place in the directory of the chain")]
    ForeignFile,
    /// The chain ends before the record that `HEAD` needs.
    #[error("the chain ends early: records were cut off")]
    Truncated,
    /// There is no `HEAD`.
    #[error("HEAD is missing")]
    HeadMissing,
    /// `HEAD` is not in its canonical form, or its lines do not fit its signed end.
    #[error("HEAD is malformed")]
    HeadMalformed,
    /// The signature of `HEAD` is not by this key.
    #[error("the signature of HEAD is not by this key")]
    HeadSignature,
    /// The chain is consistent in itself but is not the one `HEAD` signs.
    #[error("the chain is not the one HEAD signs")]
    HeadMismatch,
    /// There are records after the one `HEAD` signs.
    #[error("records follow after the end that HEAD signs")]
    AfterHead,
    /// A piece has no checkpoint, so nothing in it is signed.
    #[error("no checkpoint: nothing here is signed")]
    NoCheckpoint,
    /// The chain does not contain the position kept outside.
    #[error("the chain does not contain the position kept outside")]
    AnchorMissing,
    /// Reading failed.
    #[error("cannot read: {0}")]
    Unreadable(std::io::ErrorKind),
}
