//! One pass over the medium: written, and after each stretch synced and told.

use crate::bad::{BadRange, BadRanges, Trouble};
use crate::blocks::{Cut, over_blocks};
use crate::error::WipeFault;
use crate::medium::{ALIGNMENT, Aligned, Medium, forbidden, removed};
use crate::stream::KeyStream;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Hears how far a pass has come; with the bad ranges when everything up to there was synced, and only then it is on the
/// medium.
pub(crate) type Hear<'a> = &'a mut dyn FnMut(u64, Option<&BadRanges>) -> Result<(), WipeFault>;

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
    let writer = Writer { medium, stream, most: cut.max_bad_ranges, failures: AtomicUsize::new(0) };
    for stretch in cut.stretches(from, medium.size_bytes()) {
        let local = || (Aligned::new(cut.block_bytes), Vec::new());
        let mut heard = Ok(());
        let done = over_blocks(
            &stretch,
            cut.block_bytes,
            local,
            |(buffer, bad), offset, length| writer.block(buffer.first(length), offset, bad),
            &mut |offset| {
                if heard.is_ok() {
                    heard = hear(offset, None);
                }
            },
        )?;
        heard?;
        let mut found: Vec<BadRange> = done.into_iter().flat_map(|(_, bad)| bad).collect();
        if !writer.synced(stretch.end)? {
            // Which part of it did not arrive, nobody says.
            found = vec![BadRange { offset: stretch.start, bytes: stretch.end - stretch.start, trouble: Trouble::Write }];
        }
        if !found.is_empty() {
            // Errors come before the kernel takes a pulled device away; they are not the medium's.
            removed(medium, stretch.start)?;
        }
        found.sort_by_key(|range| range.offset);
        for range in found {
            bad.add(range, cut.max_bad_ranges);
        }
        hear(stretch.end, Some(bad))?;
        if writer.given_up() {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Writer<'a> {
    medium: &'a dyn Medium,
    stream: &'a KeyStream,
    /// Failed requests after which the pass is given up.
    most: usize,
    failures: AtomicUsize,
}

impl Writer<'_> {
    fn given_up(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > self.most
    }

    /// Writes a block; if that fails, piece by piece, so that only what really fails is bad.
    fn block(&self, block: &mut [u8], offset: u64, bad: &mut Vec<BadRange>) -> Result<(), WipeFault> {
        self.stream.fill(offset, block)?;
        if !self.given_up() {
            let Err(error) = self.medium.write_at(block, offset) else { return Ok(()) };
            forbidden(self.medium, &error, offset)?;
        }
        for (piece, at) in block.chunks(ALIGNMENT).zip((offset..).step_by(ALIGNMENT)) {
            let written = if self.given_up() { None } else { Some(self.medium.write_at(piece, at)) };
            if let Some(Err(error)) = &written {
                forbidden(self.medium, error, at)?;
            }
            if !matches!(written, Some(Ok(()))) {
                self.failures.fetch_add(1, Ordering::Relaxed);
                bad.push(BadRange { offset: at, bytes: piece.len() as u64, trouble: Trouble::Write });
            }
        }
        Ok(())
    }

    /// Syncs; gives whether the medium says that everything arrived.
    fn synced(&self, offset: u64) -> Result<bool, WipeFault> {
        if self.medium.sync().is_ok() {
            return Ok(true);
        }
        removed(self.medium, offset)?;
        self.failures.fetch_add(1, Ordering::Relaxed);
        Ok(false)
    }
}
