//! One record: its fields, its one canonical spelling, its hash.
//!
//! A record is a JSON object on one line, its fields in the order of [`Record`], without white space.
//! The hash is SHA-256 over exactly those bytes without the `hash` field (the closing brace stays).
//!
//! **Invariant.** Two different lines are never the same record: a line that is not spelled as this module
//! would spell it is refused.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{AuditError, PublicKey, hex};

/// Longest line, in bytes with its line end.
// BOUND: a record describes one fact; the longest (engine lists, an item's findings) stay under 100 KiB.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Longest batch, in bytes: the memory that opening and verifying need.
// BOUND: some 30,000 records of the usual 500 bytes; one batch is at most one stage of a session.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// Length of `,"hash":"<64 digits>"}`, which ends every record.
const TAIL_BYTES: usize = 9 + 64 + 2;

/// SHA-256 of a record.
pub(crate) type Hash = [u8; 32];

/// A place in the chain: a record's number and hash. Kept outside, it is an anchor: see
/// [`verify_against`](crate::verify_against). `Display` and `FromStr` are `SEQ:HASH`, the hash in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Sequence number of the record, from 1; 0 before the first.
    pub seq: u64,
    /// SHA-256 of the record; zeros before the first.
    pub hash: [u8; 32],
}

impl Position {
    /// Before the first record.
    pub const START: Self = Self { seq: 0, hash: [0; 32] };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(&self.hash))
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

/// The text is not `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is a number, a colon and 64 lower-case hexadecimal digits")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let (seq, hash) = text.split_once(':').ok_or(NotAPosition)?;
        Ok(Self { seq: seq.parse().map_err(|_| NotAPosition)?, hash: hex::decode(hash).ok_or(NotAPosition)? })
    }
}

/// A record's payload as it stands in the chain.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Payload<'a> {
    /// In clear: station-level events and checkpoints.
    Clear(Cow<'a, RawValue>),
    /// Base64 of nonce and ciphertext under the session's key.
    Sealed(Cow<'a, str>),
}

/// One record; the order of the fields is the order on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record<'a> {
    pub(crate) seq: u64,
    #[serde(borrow)]
    pub(crate) prev: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) time: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) station: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) actor: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) payload: Payload<'a>,
    #[serde(borrow)]
    pub(crate) hash: Cow<'a, str>,
}

impl Record<'_> {
    /// Spells the record (whose `hash` is ignored) as its line, with line end, and returns its hash.
    pub(crate) fn to_line(&self) -> Result<(String, Hash), AuditError> {
        let unhashed = serde_json::to_string(&Record {
            hash: Cow::Borrowed(""),
            prev: Cow::Borrowed(&self.prev),
            time: Cow::Borrowed(&self.time),
            station: Cow::Borrowed(&self.station),
            session: self.session.as_deref().map(Cow::Borrowed),
            actor: Cow::Borrowed(&self.actor),
            event: Cow::Borrowed(&self.event),
            payload: match &self.payload {
                Payload::Clear(raw) => Payload::Clear(Cow::Borrowed(raw)),
                Payload::Sealed(text) => Payload::Sealed(Cow::Borrowed(text)),
            },
            seq: self.seq,
        })
        .map_err(AuditError::Serialise)?;
        let content = unhashed.strip_suffix(r#","hash":""}"#).unwrap_or(&unhashed);
        let hash = digest(content.as_bytes());
        let line = format!("{content}{}\n", tail(&hash));
        if line.len() > MAX_LINE_BYTES {
            return Err(AuditError::RecordTooLong { line_bytes: line.len(), limit_bytes: MAX_LINE_BYTES });
        }
        Ok((line, hash))
    }
}

/// What every record with this hash ends with, before the line end.
pub(crate) fn tail(hash: &Hash) -> String {
    format!(r#","hash":"{}"}}"#, hex::encode(hash))
}

/// Parses `line` (without line end) if it is spelled canonically; the hash is not yet checked.
pub(crate) fn parse_canonical(line: &[u8]) -> Option<Record<'_>> {
    let record: Record<'_> = serde_json::from_slice(line).ok()?;
    let respelled = serde_json::to_vec(&record).ok()?;
    (respelled == line).then_some(record)
}

/// The hash that a canonical `line` (without line end) must carry.
pub(crate) fn hash_of_line(line: &[u8]) -> Hash {
    digest(line.get(..line.len().saturating_sub(TAIL_BYTES)).unwrap_or_default())
}

/// SHA-256 over a record's content and the closing brace.
fn digest(content: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(content);
    context.update(b"}");
    let mut hash = [0; 32];
    // SHA-256 is 32 bytes (FIPS 180-4); zip keeps this free of a panic.
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

/// What a checkpoint's signature covers: everything up to `before`, the record ahead of it.
pub(crate) fn checkpoint_message(before: &Position) -> Vec<u8> {
    let mut message = b"datenschleuse audit checkpoint 1\n".to_vec();
    message.extend_from_slice(&before.seq.to_be_bytes());
    message.extend_from_slice(&before.hash);
    message
}

/// Payload of a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    /// Ed25519 signature over [`checkpoint_message`], hexadecimal.
    pub(crate) signature: String,
}

/// What both signatures of a rotation cover: that `next` follows on `previous` after the record `before`.
pub(crate) fn rotation_message(before: &Position, previous: &PublicKey, next: &PublicKey) -> Vec<u8> {
    let mut message = b"datenschleuse audit key rotation 1\n".to_vec();
    message.extend_from_slice(&before.seq.to_be_bytes());
    message.extend_from_slice(&before.hash);
    message.extend_from_slice(&previous.0);
    message.extend_from_slice(&next.0);
    message
}

/// Payload of a rotation; everything hexadecimal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// The public key until here.
    pub(crate) previous: String,
    /// The public key from here on.
    pub(crate) next: String,
    /// The previous key's signature over [`rotation_message`]: it names its successor.
    pub(crate) by_previous: String,
    /// The next key's: it is in the station's hands.
    pub(crate) by_next: String,
}
