//! One pass over the medium: the stream is made by one thread while another writes, in a few buffers that go round.

use crate::bad::{BadRange, BadRanges, Trouble};
use crate::error::WipeFault;
use crate::medium::{ALIGNMENT, Aligned, Medium, removed};
use crate::stream::KeyStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Buffers on their way between the two threads.
// BOUND: two would do; four even out a medium that stalls now and then.
pub(crate) const BUFFERS: usize = 4;

/// How the work is cut; numbers of the policy.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Bytes of one read or write; a multiple of [`UNIT_BYTES`](crate::UNIT_BYTES).
    pub block_bytes: usize,
    /// Bytes after which the medium is synced and the journal written.
    pub sync_bytes: u64,
    /// Bad ranges that are listed; after as many failed requests a pass is given up.
    pub max_bad_ranges: usize,
}

/// Hears how far a pass has come, after each block; with the bad ranges when everything up to there was synced, and only then
/// it is on the medium.
pub(crate) type Hear<'a> = &'a mut dyn FnMut(u64, Option<&BadRanges>) -> Result<(), WipeFault>;

/// Bytes of the block at `offset` of a medium of `size` bytes.
pub(crate) fn block_at(offset: u64, size: u64, block_bytes: usize) -> usize {
    usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(block_bytes)
}

/// Writes `stream` from `from` to the end. What cannot be written becomes a bad range. Gives whether it came to the end; it
/// does not when the medium refuses too often.
///
/// # Errors
/// When the medium was removed, or as `hear`.
pub(crate) fn write(
    medium: &dyn Medium,
    stream: &KeyStream,
    from: u64,
    cut: Cut,
    bad: &mut BadRanges,
    hear: Hear<'_>,
) -> Result<bool, WipeFault> {
    let size = medium.size_bytes();
    std::thread::scope(|scope| {
        let (full_in, full) = sync_channel(BUFFERS);
        let (empty_in, empty) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            empty_in.send(Aligned::new(cut.block_bytes)).map_err(|_closed| WipeFault::Internal("buffers"))?;
        }
        let producer = scope.spawn(move || produce(stream, from, size, cut.block_bytes, &empty, &full_in));
        let written = Writer { medium, cut, bad, failures: 0 }.consume(from, full, empty_in, hear);
        match producer.join() {
            Ok(made) => made.and(written),
            Err(_panic) => Err(WipeFault::Internal("the random stream")),
        }
    })
}

/// Makes the stream until the end, or until nobody wants it any more.
fn produce(
    stream: &KeyStream,
    from: u64,
    size: u64,
    block_bytes: usize,
    empty: &Receiver<Aligned>,
    full: &SyncSender<Aligned>,
) -> Result<(), WipeFault> {
    let mut offset = from;
    while offset < size {
        let Ok(mut buffer) = empty.recv() else { break };
        let length = block_at(offset, size, block_bytes);
        stream.fill(offset, buffer.first(length))?;
        if full.send(buffer).is_err() {
            break;
        }
        offset += length as u64;
    }
    Ok(())
}

struct Writer<'a> {
    medium: &'a dyn Medium,
    cut: Cut,
    bad: &'a mut BadRanges,
    /// Requests that failed in this pass.
    failures: usize,
}

impl Writer<'_> {
    // Both ends are taken by value: dropping them is what ends the producer.
    fn consume(
        mut self,
        from: u64,
        full: Receiver<Aligned>,
        empty: SyncSender<Aligned>,
        hear: Hear<'_>,
    ) -> Result<bool, WipeFault> {
        let size = self.medium.size_bytes();
        let (mut offset, mut synced) = (from, from);
        while offset < size {
            let mut buffer = full.recv().map_err(|_closed| WipeFault::Internal("the random stream"))?;
            let length = block_at(offset, size, self.cut.block_bytes);
            self.block(buffer.first(length), offset)?;
            offset += length as u64;
            // After the last block nobody takes it any more.
            let _ = empty.send(buffer);
            let given_up = self.failures > self.cut.max_bad_ranges;
            if offset - synced >= self.cut.sync_bytes || offset >= size || given_up {
                self.sync(synced, offset)?;
                synced = offset;
                hear(offset, Some(self.bad))?;
            } else {
                hear(offset, None)?;
            }
            if given_up {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes a block; if that fails, piece by piece, so that only what really fails is bad.
    fn block(&mut self, bytes: &[u8], offset: u64) -> Result<(), WipeFault> {
        if self.medium.write_at(bytes, offset).is_ok() {
            return Ok(());
        }
        removed(self.medium, offset)?;
        for (piece, at) in bytes.chunks(ALIGNMENT).zip((offset..).step_by(ALIGNMENT)) {
            if self.failures > self.cut.max_bad_ranges || self.medium.write_at(piece, at).is_err() {
                removed(self.medium, at)?;
                self.failures += 1;
                self.bad.add(BadRange { offset: at, bytes: piece.len() as u64, trouble: Trouble::Write }, self.cut.max_bad_ranges);
            }
        }
        Ok(())
    }

    fn sync(&mut self, from: u64, to: u64) -> Result<(), WipeFault> {
        if self.medium.sync().is_err() {
            removed(self.medium, to)?;
            self.failures += 1;
            // Which of them did not arrive, nobody says.
            self.bad.add(BadRange { offset: from, bytes: to - from, trouble: Trouble::Write }, self.cut.max_bad_ranges);
        }
        Ok(())
    }
}
