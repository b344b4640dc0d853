//! Blocks handed out to a few threads, each of which makes the stream and talks to the medium itself: the medium always has
//! requests waiting, and nothing passes from thread to thread.

use crate::error::WipeFault;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Threads at work.
// BOUND: as many requests are under way at once; more gain nothing on one medium.
const WORKERS: usize = 4;

/// How the work is cut; numbers of the policy.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Bytes of one read or write; a multiple of [`UNIT_BYTES`](crate::UNIT_BYTES).
    pub block_bytes: usize,
    /// Bytes after which the medium is synced and the journal written, rounded up to whole blocks.
    pub sync_bytes: u64,
    /// Bad ranges that are listed; after as many failed requests a pass is given up.
    pub max_bad_ranges: usize,
}

impl Cut {
    /// The stretches of at most `sync_bytes` from `from` to `size`.
    pub(crate) fn stretches(self, from: u64, size: u64) -> impl Iterator<Item = Range<u64>> {
        let step = self.sync_bytes.max(1).next_multiple_of(self.block_bytes as u64);
        std::iter::successors(Some(from), move |at| at.checked_add(step))
            .take_while(move |at| *at < size)
            .map(move |at| at..at.saturating_add(step).min(size))
    }
}

/// Bytes of the block at `offset` of a medium of `size` bytes.
pub(crate) fn block_at(offset: u64, size: u64, block_bytes: usize) -> usize {
    usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(block_bytes)
}

/// Hears which blocks were done.
pub(crate) type Hear<'a> = &'a mut dyn FnMut(u64);

/// Does `work` for each block of `range`, with what `local` makes for each thread, and gives all of those. `hear` is told the
/// end of every block this very thread has done.
///
/// # Errors
/// The first error of `work`; blocks after it are not begun.
pub(crate) fn over_blocks<L: Send>(
    range: &Range<u64>,
    block_bytes: usize,
    local: impl Fn() -> L + Sync,
    work: impl Fn(&mut L, u64, usize) -> Result<(), WipeFault> + Sync,
    hear: Hear<'_>,
) -> Result<Vec<L>, WipeFault> {
    let (next, stopped) = (AtomicU64::new(range.start), AtomicBool::new(false));
    let one = |hear: Hear<'_>| {
        let mut own = local();
        while !stopped.load(Ordering::Relaxed) {
            let offset = next.fetch_add(block_bytes as u64, Ordering::Relaxed);
            if offset >= range.end {
                break;
            }
            let length = block_at(offset, range.end, block_bytes);
            work(&mut own, offset, length).inspect_err(|_fault| stopped.store(true, Ordering::Relaxed))?;
            hear(offset + length as u64);
        }
        Ok(own)
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..WORKERS).map(|_| scope.spawn(|| one(&mut |_offset| {}))).collect();
        let mut all = vec![one(hear)];
        all.extend(others.into_iter().map(|other| other.join().unwrap_or(Err(WipeFault::Internal("a thread of the wipe")))));
        all.into_iter().collect()
    })
}
