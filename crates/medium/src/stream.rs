//! What every reader sends: entries, then content.

use std::io::{Read, Write};
use wire::{Answer, AreaKind, EntryKind, Failure, Foreign, FrameWriter, WireError};

/// Bytes read from a file at a time.
const READ_BYTES: usize = 256 << 10;

/// Limits of a walk (policy: `session.max_items`, `session.max_depth`, `item.max_bytes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Most entries.
    pub max_entries: u32,
    /// Deepest nesting.
    pub max_depth: u32,
    /// Largest file that is read.
    pub max_file_bytes: u64,
}

/// Why a whole source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The supervisor is gone.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A limit; the number is the limit.
    #[error("more than {number} ({failure:?})")]
    Limit {
        /// Which.
        failure: Failure,
        /// Its number.
        number: u64,
    },
    /// The source itself cannot be read.
    #[error("the source cannot be read at byte {offset}")]
    Source {
        /// Where.
        offset: u64,
    },
}

impl ReadError {
    /// As it crosses to the supervisor.
    pub const fn failure(&self) -> (Failure, u64) {
        match self {
            Self::Wire(_) => (Failure::Request, 0),
            Self::Limit { failure, number } => (*failure, *number),
            Self::Source { offset } => (Failure::Read, *offset),
        }
    }
}

/// The inventory as it is sent: counts entries against the limit.
#[derive(Debug)]
pub(crate) struct Inventory<'a, W: Write> {
    out: &'a mut FrameWriter<W>,
    limits: ReadLimits,
    entries: u32,
    bytes: u64,
}

impl<'a, W: Write> Inventory<'a, W> {
    pub(crate) const fn new(out: &'a mut FrameWriter<W>, limits: ReadLimits) -> Self {
        Self { out, limits, entries: 0, bytes: 0 }
    }

    pub(crate) fn announce(&mut self, answer: &Answer) -> Result<(), ReadError> {
        Ok(self.out.control(answer)?)
    }

    /// Sends one entry and returns its index.
    pub(crate) fn entry(&mut self, path: &[Vec<u8>], kind: EntryKind, size_bytes: u64) -> Result<u32, ReadError> {
        let index = self.entries;
        if index >= self.limits.max_entries {
            return Err(ReadError::Limit { failure: Failure::LimitEntries, number: self.limits.max_entries.into() });
        }
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size_bytes);
        let path = path.iter().cloned().map(Foreign::new).collect();
        self.out.control(&Answer::Entry { path, kind, size_bytes })?;
        Ok(index)
    }

    /// Whether a directory at this path (its components) may be descended into.
    pub(crate) fn may_descend(&self, path: &[Vec<u8>]) -> bool {
        self.has_depth(path.len())
    }

    /// Whether a directory so many levels deep may be descended into.
    pub(crate) const fn has_depth(&self, levels: usize) -> bool {
        levels < self.limits.max_depth as usize
    }

    /// Sends a part of the medium that no reader looks into.
    pub(crate) fn area(&mut self, name: &[u8], kind: AreaKind, size_bytes: u64) -> Result<(), ReadError> {
        let before = self.bytes;
        self.entry(&[name.to_vec()], EntryKind::Area(kind), size_bytes)?;
        // Nothing of it will be read: it must not stand in the sum that progress is measured against.
        self.bytes = before;
        Ok(())
    }

    /// Where a directory breaks off there may be more entries; this line says so.
    pub(crate) fn broken_off(&mut self, directory: &[Vec<u8>]) -> Result<(), ReadError> {
        self.entry(&child(directory, b"(unreadable directory entry)"), EntryKind::Unreadable, 0).map(drop)
    }

    pub(crate) fn end(self) -> Result<(), ReadError> {
        Ok(self.out.control(&Answer::InventoryEnd { entries: self.entries, bytes: self.bytes })?)
    }
}

/// The path of an entry of a directory.
pub(crate) fn child(path: &[Vec<u8>], name: &[u8]) -> Vec<Vec<u8>> {
    path.iter().cloned().chain([name.to_vec()]).collect()
}

/// Sends the content of entry `index`: bytes until the end, or a read error with its offset. A file whose directory claims
/// more than the limit is not begun; one that turns out to be larger ends at the limit.
pub(crate) fn send_content<W: Write>(
    out: &mut FrameWriter<W>,
    index: u32,
    content: Option<&mut dyn Read>,
    claimed_bytes: u64,
    limits: &ReadLimits,
) -> Result<(), ReadError> {
    out.control(&Answer::Content { index })?;
    let (failure, offset) = match content {
        _ if claimed_bytes > limits.max_file_bytes => (Some(Failure::Limit), limits.max_file_bytes),
        None => (Some(Failure::Read), 0),
        Some(content) => copy(content, claimed_bytes, limits.max_file_bytes, out)?,
    };
    Ok(out.control(&Answer::EntryEnd { failure, offset })?)
}

fn copy<W: Write>(
    content: &mut dyn Read,
    claimed_bytes: u64,
    max_bytes: u64,
    out: &mut FrameWriter<W>,
) -> Result<(Option<Failure>, u64), ReadError> {
    let mut offset = 0u64;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match content.read(&mut buffer) {
            // An end before the length of the inventory is no whole file.
            Ok(0) => return Ok(((offset < claimed_bytes).then_some(Failure::Read), offset)),
            Ok(n) if offset + n as u64 > max_bytes => return Ok((Some(Failure::Limit), max_bytes)),
            Ok(n) => {
                out.bytes(buffer.get(..n).unwrap_or_default())?;
                offset += n as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Ok((Some(Failure::Read), offset)),
        }
    }
}
