//! `HEAD`: the signed end of the chain, the keys that signed it, and the last batch in full.
//!
//! One header line (JSON), then the lines of the batch as they stand, or will stand, in the file it names. The signature covers
//! that place, the end's sequence number and hash, through the hash everything before it, and the keys.
//!
//! **Invariant.** A [`Head`] exists only if its signature, its lines and their hashes fit each other.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::{self, Existing};
use crate::layout::{self, FileName};
use crate::record::MAX_BATCH_BYTES;
use crate::walk::Walk;
use crate::{AuditError, Fault, FaultKind, Position, PublicKey, StationKey, hex};

/// Version of the file's form.
const VERSION: u32 = 2;

/// Most keys a station has had.
// BOUND: a rotation a month for 80 years.
pub(crate) const MAX_KEYS: usize = 1_000;

/// Longest header line.
// BOUND: fixed fields (two 20-digit numbers, 64 and 128 hexadecimal digits, names), and the keys.
const MAX_HEADER_BYTES: usize = 512 + MAX_KEYS * 67;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    file: String,
    offset: u64,
    seq: u64,
    hash: String,
    keys: Vec<String>,
    signature: String,
}

/// Where a batch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file it goes to.
    pub(crate) file: FileName,
    /// Where in it, in bytes.
    pub(crate) offset: u64,
}

/// A verified `HEAD`.
pub(crate) struct Head {
    /// Where the batch begins.
    pub(crate) place: Place,
    /// The record before the batch.
    pub(crate) base: Position,
    /// The last record of the batch: the end of the chain.
    pub(crate) tip: Position,
    /// The last record's time.
    pub(crate) time: String,
    /// The station of the batch.
    pub(crate) station: String,
    /// The station's keys, oldest first; the last one signed this `HEAD`.
    pub(crate) keys: Vec<PublicKey>,
    /// The batch's lines.
    pub(crate) batch: Vec<u8>,
}

/// What is signed.
fn message(place: &Place, tip: &Position, keys: &[PublicKey]) -> Vec<u8> {
    let mut message = format!("datenschleuse audit head 2\n{}\n", place.file).into_bytes();
    message.extend_from_slice(&place.offset.to_be_bytes());
    message.extend_from_slice(&tip.seq.to_be_bytes());
    message.extend_from_slice(&tip.hash);
    for key in keys {
        message.extend_from_slice(&key.0);
    }
    message
}

/// Puts a new `HEAD` in place of the old one: the commit of a batch. `key` is the last of `keys`.
pub(crate) fn write(
    state: &Path,
    key: &StationKey,
    keys: &[PublicKey],
    place: &Place,
    tip: &Position,
    batch: &[u8],
) -> Result<(), AuditError> {
    let header = Header {
        version: VERSION,
        file: place.file.to_string(),
        offset: place.offset,
        seq: tip.seq,
        hash: hex::encode(&tip.hash),
        keys: keys.iter().map(PublicKey::to_string).collect(),
        signature: hex::encode(&key.sign(&message(place, tip, keys))),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(AuditError::Serialise)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(batch);
    let path = layout::head(state);
    durable::write(&path, &bytes, Existing::Replace).map_err(|source| AuditError::WriteHead { path, source })
}

/// Reads `HEAD` and verifies it by its own last key, which may be anybody's; `None` when there is no such file.
pub(crate) fn load_any(state: &Path) -> Result<Option<Head>, Fault> {
    match durable::read_capped(&layout::head(state), MAX_HEADER_BYTES + MAX_BATCH_BYTES) {
        Ok(bytes) => parse(&bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(0, FaultKind::Unreadable(error.kind()))),
    }
}

/// Reads and verifies a `HEAD` of the station that has, or once had, `key`; `None` when there is no such file. That the keys after `key`
/// really followed on it is for the walk over the chain to say.
pub(crate) fn load(state: &Path, key: &PublicKey) -> Result<Option<Head>, Fault> {
    match load_any(state)? {
        Some(head) if !head.keys.contains(key) => Err(fault(head.tip.seq, FaultKind::HeadSignature)),
        found => Ok(found),
    }
}

fn fault(seq: u64, kind: FaultKind) -> Fault {
    Fault { seq, file: layout::HEAD.into(), line: 0, kind }
}

fn parse(bytes: &[u8]) -> Result<Head, Fault> {
    let malformed = |seq| fault(seq, FaultKind::HeadMalformed);
    let end = bytes.iter().take(MAX_HEADER_BYTES).position(|byte| *byte == b'\n').ok_or(malformed(0))?;
    let (line, batch) = bytes.split_at(end);
    let batch = batch.strip_prefix(b"\n").unwrap_or(batch);
    let header: Header = serde_json::from_slice(line).map_err(|_| malformed(0))?;
    let seq = header.seq;
    let respelled = serde_json::to_vec(&header).map_err(|_| malformed(seq))?;
    if respelled != line || header.version != VERSION || header.keys.len() > MAX_KEYS {
        return Err(malformed(seq));
    }
    let hash = hex::decode(&header.hash).ok_or(malformed(seq))?;
    let signature: [u8; 64] = hex::decode(&header.signature).ok_or(malformed(seq))?;
    let file = FileName::parse(&header.file).ok_or(malformed(seq))?;
    let keys: Vec<PublicKey> = header.keys.iter().map(|key| key.parse().ok()).collect::<Option<_>>().ok_or(malformed(seq))?;
    let place = Place { file, offset: header.offset };
    let tip = Position { seq, hash };
    let signer = keys.last().ok_or(malformed(seq))?;
    if !signer.verify(&message(&place, &tip, &keys), &signature) {
        return Err(fault(seq, FaultKind::HeadSignature));
    }
    // A batch that replaces the key begins under the one before.
    let walk = keys.iter().rev().take(2).find_map(|first| walk_batch(*first, batch).filter(|walk| walk.keys.last() == Some(signer)));
    match walk.map(|walk| (walk.base, walk.station, walk.tip, walk.time)) {
        Some((Some(base), Some(station), end, time)) if end == tip => {
            Ok(Head { place, base, tip, time, station, keys, batch: batch.to_vec() })
        }
        _ => Err(malformed(seq)),
    }
}

fn walk_batch(key: PublicKey, batch: &[u8]) -> Option<Walk> {
    let mut walk = Walk::from_anywhere(key);
    batch.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| walk.step(line)).ok()?;
    Some(walk)
}

impl Head {
    /// How many records of the batch are not whole in `tail`, the file from where the batch begins; `None`
    /// when `tail` is not what a crash can have left of the batch.
    ///
    /// A crash leaves each byte written or not: cut off, or zero where the file grew before its blocks were
    /// written. A record never contains a zero byte.
    pub(crate) fn pending(&self, tail: &[u8]) -> Option<u64> {
        if tail.len() > self.batch.len() {
            return None;
        }
        let left_by_crash = tail.iter().zip(&self.batch).all(|(found, meant)| found == meant || *found == 0);
        if !left_by_crash {
            return None;
        }
        let whole = tail.iter().zip(&self.batch).take_while(|(found, meant)| found == meant).count();
        let rest = self.batch.get(whole..).unwrap_or_default();
        Some(rest.split_inclusive(|byte| *byte == b'\n').count() as u64)
    }

    /// Where its file ends once the batch stands in it, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.place.offset.saturating_add(self.batch.len() as u64)
    }
}
