//! `HEAD`: the signed end of the chain, and the last batch in full.
//!
//! One header line (JSON), then the lines of the batch as they stand, or will stand, in `chain.jsonl`.
//! The signature covers the end's sequence number and hash, and through the hash everything before it.
//!
//! **Invariant.** A [`Head`] exists only if its signature, its lines and their hashes fit each other.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::{self, Existing};
use crate::record::MAX_BATCH_BYTES;
use crate::walk::Walk;
use crate::{AuditError, Fault, FaultKind, Position, PublicKey, StationKey, hex, layout};

/// Version of the file's form.
const VERSION: u32 = 1;

/// Longest header line.
// BOUND: fixed fields: two 20-digit numbers, 64 and 128 hexadecimal digits, and names.
const MAX_HEADER_BYTES: usize = 512;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    offset: u64,
    seq: u64,
    hash: String,
    signature: String,
}

/// A verified `HEAD`.
pub(crate) struct Head {
    /// Where in `chain.jsonl` the batch begins, in bytes.
    pub(crate) offset: u64,
    /// The record before the batch.
    pub(crate) base: Position,
    /// The last record of the batch: the end of the chain.
    pub(crate) tip: Position,
    /// The last record's time.
    pub(crate) time: String,
    /// The station of the batch.
    pub(crate) station: String,
    /// The batch's lines.
    pub(crate) batch: Vec<u8>,
}

/// What is signed.
fn message(offset: u64, tip: &Position) -> Vec<u8> {
    let mut message = b"datenschleuse audit head 1\n".to_vec();
    message.extend_from_slice(&offset.to_be_bytes());
    message.extend_from_slice(&tip.seq.to_be_bytes());
    message.extend_from_slice(&tip.hash);
    message
}

/// Puts a new `HEAD` in place of the old one: the commit of a batch.
pub(crate) fn write(state: &Path, key: &StationKey, offset: u64, tip: &Position, batch: &[u8]) -> Result<(), AuditError> {
    let header = Header {
        version: VERSION,
        offset,
        seq: tip.seq,
        hash: hex::encode(&tip.hash),
        signature: hex::encode(&key.sign(&message(offset, tip))),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(AuditError::Serialise)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(batch);
    let path = layout::head(state);
    durable::write(&path, &bytes, Existing::Replace).map_err(|source| AuditError::WriteHead { path, source })
}

/// Reads and verifies `HEAD`; `None` when there is no such file.
pub(crate) fn load(state: &Path, key: &PublicKey) -> Result<Option<Head>, Fault> {
    match durable::read_capped(&layout::head(state), MAX_HEADER_BYTES + MAX_BATCH_BYTES) {
        Ok(bytes) => parse(&bytes, key).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(0, FaultKind::Unreadable(error.kind()))),
    }
}

fn fault(seq: u64, kind: FaultKind) -> Fault {
    Fault { seq, line: 0, kind }
}

fn parse(bytes: &[u8], key: &PublicKey) -> Result<Head, Fault> {
    let malformed = |seq| fault(seq, FaultKind::HeadMalformed);
    let end = bytes.iter().take(MAX_HEADER_BYTES).position(|byte| *byte == b'\n').ok_or(malformed(0))?;
    let (line, batch) = bytes.split_at(end);
    let batch = batch.strip_prefix(b"\n").unwrap_or(batch);
    let header: Header = serde_json::from_slice(line).map_err(|_| malformed(0))?;
    let seq = header.seq;
    let respelled = serde_json::to_vec(&header).map_err(|_| malformed(seq))?;
    if respelled != line || header.version != VERSION {
        return Err(malformed(seq));
    }
    let hash = hex::decode(&header.hash).ok_or(malformed(seq))?;
    let signature: [u8; 64] = hex::decode(&header.signature).ok_or(malformed(seq))?;
    let tip = Position { seq, hash };
    if !key.verify(&message(header.offset, &tip), &signature) {
        return Err(fault(seq, FaultKind::HeadSignature));
    }

    let mut walk = Walk::from_anywhere(*key);
    for line in batch.split_inclusive(|byte| *byte == b'\n') {
        walk.step(line).map_err(|_| malformed(seq))?;
    }
    match (walk.base, walk.station) {
        (Some(base), Some(station)) if walk.tip == tip => {
            Ok(Head { offset: header.offset, base, tip, time: walk.time, station, batch: batch.to_vec() })
        }
        _ => Err(malformed(seq)),
    }
}

impl Head {
    /// How many records of the batch are not whole in `tail`, the chain from [`Head::offset`] on; `None`
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

    /// Where the chain ends once the batch stands in it, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.batch.len() as u64)
    }
}
