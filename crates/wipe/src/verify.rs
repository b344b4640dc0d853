//! The read-back: every byte of the medium compared with the stream of the last pass, which is made again.
//!
//! One thread reads while the other makes the stream and compares. A medium that claims to be larger than it is shows here:
//! the stream differs at every address, so what was written past the real end is either gone or stands elsewhere.

use crate::bad::{BadRange, BadRanges, Trouble};
use crate::error::WipeFault;
use crate::medium::{ALIGNMENT, Aligned, Medium, removed};
use crate::pass::{BUFFERS, Cut, block_at};
use crate::stream::{KeyStream, SAMPLE_BYTES, SECTOR_BYTES};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

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

/// Reads everything back. `on_progress` hears each block.
///
/// # Errors
/// When the medium was removed.
pub(crate) fn read_back(
    medium: &dyn Medium,
    stream: &KeyStream,
    cut: Cut,
    on_progress: &mut dyn FnMut(u64),
) -> Result<ReadBack, WipeFault> {
    let (mut found, sample) = std::thread::scope(|scope| {
        let (full_in, full) = sync_channel(BUFFERS);
        let (empty_in, empty) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            empty_in.send(Aligned::new(cut.block_bytes)).map_err(|_closed| WipeFault::Internal("buffers"))?;
        }
        let reader = scope.spawn(move || read(medium, cut.block_bytes, &empty, &full_in));
        let compared = Comparison::new(medium, stream, cut).run(full, empty_in, on_progress);
        reader.join().map_err(|_panic| WipeFault::Internal("reading"))?;
        compared
    })?;
    found.capacity_lie = sample.map(|sample| lie(stream, sample, &found.bad, medium.size_bytes())).transpose()?.flatten();
    Ok(found)
}

/// Reads until the end, or until nobody wants it any more. What cannot be read as a whole is read again piece by piece by the
/// other thread.
fn read(medium: &dyn Medium, block_bytes: usize, empty: &Receiver<Aligned>, full: &SyncSender<(Aligned, io::Result<()>)>) {
    let (size, mut offset) = (medium.size_bytes(), 0);
    while offset < size {
        let Ok(mut buffer) = empty.recv() else { break };
        let length = block_at(offset, size, block_bytes);
        let outcome = medium.read_at(buffer.first(length), offset);
        if full.send((buffer, outcome)).is_err() {
            break;
        }
        offset += length as u64;
    }
}

struct Comparison<'a> {
    medium: &'a dyn Medium,
    stream: &'a KeyStream,
    cut: Cut,
    expected: Vec<u8>,
    piece: Aligned,
    failures: usize,
    found: ReadBack,
    sample: Option<Sample>,
}

impl<'a> Comparison<'a> {
    fn new(medium: &'a dyn Medium, stream: &'a KeyStream, cut: Cut) -> Self {
        let (expected, piece) = (vec![0; cut.block_bytes], Aligned::new(ALIGNMENT));
        Self { medium, stream, cut, expected, piece, failures: 0, found: ReadBack::default(), sample: None }
    }

    fn run(
        mut self,
        full: Receiver<(Aligned, io::Result<()>)>,
        empty: SyncSender<Aligned>,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<(ReadBack, Option<Sample>), WipeFault> {
        let (size, mut offset) = (self.medium.size_bytes(), 0);
        while offset < size {
            let (mut buffer, outcome) = full.recv().map_err(|_closed| WipeFault::Internal("reading"))?;
            let length = block_at(offset, size, self.cut.block_bytes);
            let mut expected = std::mem::take(&mut self.expected);
            let wanted = expected.get_mut(..length).unwrap_or_default();
            self.stream.fill(offset, wanted)?;
            match outcome {
                Ok(()) => self.compare(buffer.first(length), wanted, offset),
                Err(_unreadable) => self.pieces(wanted, offset)?,
            }
            self.expected = expected;
            offset += length as u64;
            // After the last block nobody takes it any more.
            let _ = empty.send(buffer);
            on_progress(offset);
            if self.failures > self.cut.max_bad_ranges {
                return Ok((self.found, self.sample));
            }
        }
        self.found.complete = true;
        Ok((self.found, self.sample))
    }

    fn compare(&mut self, read: &[u8], wanted: &[u8], offset: u64) {
        if read == wanted {
            self.found.equal_bytes += read.len() as u64;
            return;
        }
        let addresses = (offset..).step_by(SECTOR_BYTES);
        for ((read, wanted), at) in read.chunks(SECTOR_BYTES).zip(wanted.chunks(SECTOR_BYTES)).zip(addresses) {
            if read == wanted {
                self.found.equal_bytes += read.len() as u64;
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
            if self.failures <= self.cut.max_bad_ranges && self.medium.read_at(read, at).is_ok() {
                self.compare(read, wanted, at);
            } else {
                removed(self.medium, at)?;
                self.failures += 1;
                self.note(at, wanted.len(), Trouble::Read);
            }
            self.piece = piece;
        }
        Ok(())
    }

    fn note(&mut self, offset: u64, bytes: usize, trouble: Trouble) {
        self.found.bad.add(BadRange { offset, bytes: bytes as u64, trouble }, self.cut.max_bad_ranges);
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
