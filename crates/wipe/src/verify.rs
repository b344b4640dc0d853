//! The read-back: every byte of the medium compared with the stream of the last pass, which is made again.
//!
//! A medium that claims to be larger than it is shows here:
//! the stream differs at every address, so what was written past the real end is either gone or stands elsewhere.

use crate::bad::{BadRange, BadRanges, Trouble};
use crate::blocks::{Cut, Hear, over_blocks};
use crate::error::WipeFault;
use crate::medium::{ALIGNMENT, Aligned, Medium, removed};
use crate::stream::{KeyStream, SAMPLE_BYTES, SECTOR_BYTES};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the read-back found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReadBack {
    /// Bytes that were read and are what was written.
    pub equal_bytes: u64,
    /// Ranges that differ or could not be read.
    pub bad: BadRanges,
    /// Whether the whole medium was gone through; it is not when it refuses too often.
    pub complete: bool,
    /// What is known of a false claim of size.
    pub capacity_lie: Option<CapacityLie>,
}

/// A medium that is smaller than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityLie {
    /// How it hides.
    pub kind: LieKind,
    /// Bytes it really holds, where that can be told.
    pub real_bytes: Option<u64>,
    /// The address that was read.
    pub read_at: u64,
    /// The address whose content stood there; none when it is lost.
    pub holds: Option<u64>,
}

/// How a medium hides that it is smaller than it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LieKind {
    /// Addresses past the real end are those from the beginning again.
    Wraps,
    /// What is written past the real end is lost.
    Drops,
}

/// The first content that differs.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: u64,
    bytes: [u8; SAMPLE_BYTES],
}

/// Reads everything back. `hear` hears each block.
///
/// # Errors
/// When the medium was removed.
pub(crate) fn read_back(medium: &dyn Medium, stream: &KeyStream, cut: Cut, hear: Hear<'_>) -> Result<ReadBack, WipeFault> {
    let failures = AtomicUsize::new(0);
    let (mut found, mut sample) = (ReadBack { complete: true, ..ReadBack::default() }, None);
    for stretch in cut.stretches(0, medium.size_bytes()) {
        let local = || Comparison::new(medium, stream, cut, &failures);
        let done = over_blocks(&stretch, cut.block_bytes, local, Comparison::block, hear)?;
        hear(stretch.end);
        let mut bad: Vec<BadRange> = Vec::new();
        for own in done {
            found.equal_bytes += own.equal_bytes;
            bad.extend(own.bad);
            sample = own.sample.into_iter().chain(sample).min_by_key(|sample: &Sample| sample.at);
        }
        if bad.iter().any(|range| range.trouble == Trouble::Read) {
            // Errors come before the kernel takes a pulled device away; they are not the medium's.
            removed(medium, stretch.start)?;
        }
        bad.sort_by_key(|range| range.offset);
        for range in bad {
            found.bad.add(range, cut.max_bad_ranges);
        }
        if failures.load(Ordering::Relaxed) > cut.max_bad_ranges {
            found.complete = stretch.end == medium.size_bytes();
            break;
        }
    }
    found.capacity_lie = sample.map(|sample| lie(stream, sample, &found.bad, medium.size_bytes())).transpose()?.flatten();
    Ok(found)
}

/// What one thread reads and finds.
struct Comparison<'a> {
    medium: &'a dyn Medium,
    stream: &'a KeyStream,
    /// Failed requests after which nothing more is asked of the medium.
    most: usize,
    failures: &'a AtomicUsize,
    read: Aligned,
    expected: Vec<u8>,
    piece: Aligned,
    equal_bytes: u64,
    bad: Vec<BadRange>,
    sample: Option<Sample>,
}

impl<'a> Comparison<'a> {
    fn new(medium: &'a dyn Medium, stream: &'a KeyStream, cut: Cut, failures: &'a AtomicUsize) -> Self {
        let (read, piece, expected) = (Aligned::new(cut.block_bytes), Aligned::new(ALIGNMENT), vec![0; cut.block_bytes]);
        Self { medium, stream, most: cut.max_bad_ranges, failures, read, expected, piece, equal_bytes: 0, bad: Vec::new(), sample: None }
    }

    /// Reads a block and compares it; what cannot be read as a whole is read piece by piece.
    fn block(&mut self, offset: u64, length: usize) -> Result<(), WipeFault> {
        let mut expected = std::mem::take(&mut self.expected);
        let wanted = expected.get_mut(..length).unwrap_or_default();
        self.stream.fill(offset, wanted)?;
        let mut block = std::mem::replace(&mut self.read, Aligned::new(0));
        let read = block.first(length);
        if !self.given_up() && self.medium.read_at(read, offset).is_ok() {
            self.compare(read, wanted, offset);
        } else {
            self.pieces(wanted, offset)?;
        }
        (self.read, self.expected) = (block, expected);
        Ok(())
    }

    fn given_up(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > self.most
    }

    fn compare(&mut self, read: &[u8], wanted: &[u8], offset: u64) {
        if read == wanted {
            self.equal_bytes += read.len() as u64;
            return;
        }
        let addresses = (offset..).step_by(SECTOR_BYTES);
        for ((read, wanted), at) in read.chunks(SECTOR_BYTES).zip(wanted.chunks(SECTOR_BYTES)).zip(addresses) {
            if read == wanted {
                self.equal_bytes += read.len() as u64;
                continue;
            }
            self.note(at, read.len(), Trouble::Differs);
            if let (None, Some(bytes)) = (self.sample, read.first_chunk()) {
                self.sample = Some(Sample { at, bytes: *bytes });
            }
        }
    }

    fn pieces(&mut self, wanted: &[u8], offset: u64) -> Result<(), WipeFault> {
        removed(self.medium, offset)?;
        for (wanted, at) in wanted.chunks(ALIGNMENT).zip((offset..).step_by(ALIGNMENT)) {
            let mut piece = std::mem::replace(&mut self.piece, Aligned::new(0));
            let read = piece.first(wanted.len());
            if !self.given_up() && self.medium.read_at(read, at).is_ok() {
                self.compare(read, wanted, at);
            } else {
                removed(self.medium, at)?;
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.note(at, wanted.len(), Trouble::Read);
            }
            self.piece = piece;
        }
        Ok(())
    }

    fn note(&mut self, offset: u64, bytes: usize, trouble: Trouble) {
        let bytes = bytes as u64;
        match self.bad.last_mut() {
            Some(last) if last.trouble == trouble && last.end() == offset => last.bytes += bytes,
            _ => self.bad.push(BadRange { offset, bytes, trouble }),
        }
    }
}

/// Whether what differs is explained by a medium smaller than it says.
fn lie(stream: &KeyStream, sample: Sample, bad: &BadRanges, size: u64) -> Result<Option<CapacityLie>, WipeFault> {
    let differs = || bad.ranges.iter().filter(|range| range.trouble == Trouble::Differs);
    let Some(last_end) = differs().map(|range| range.end()).max() else { return Ok(None) };
    // Where it belongs and damaged further on is no lie.
    if let Some(holds) = stream.locate(sample.bytes, size)?.filter(|holds| *holds != sample.at) {
        // Addresses meet again after each real size; the last to be written stays, so exactly the last real size is right.
        let rest = size - last_end.min(size);
        let explains = bad.unlisted == 0 && rest > 0 && sample.at.abs_diff(holds).is_multiple_of(rest);
        let real_bytes = explains.then_some(rest);
        return Ok(Some(CapacityLie { kind: LieKind::Wraps, real_bytes, read_at: sample.at, holds: Some(holds) }));
    }
    // One stretch to the very end, and what was written there is nowhere.
    let one = bad.unlisted == 0 && differs().count() == 1 && last_end == size && sample.at > 0;
    Ok(one.then_some(CapacityLie { kind: LieKind::Drops, real_bytes: Some(sample.at), read_at: sample.at, holds: None }))
}
