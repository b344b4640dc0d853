//! The journal of a volume that was pulled out while it was in use (Linux, `Documentation/filesystems/ext4`: "Journal
//! (jbd2)"): what it has, and the volume does not have yet, is read as if it had been written.
//!
//! **Invariant:** the medium is not written. Only transactions whose commit block is there count.

use super::inode::Inode;
use crate::bytes::long_be;
use crate::cache::{ByteSource, Window};
use crate::pieces::{Piece, Place};
use std::collections::BTreeMap;
use std::io;

const MAGIC: u32 = 0xC03B_3998;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;
const INCOMPAT_64BIT: u32 = 0x2;
const INCOMPAT_CHECKSUM_2: u32 = 0x8;
const INCOMPAT_CHECKSUM_3: u32 = 0x10;
/// Revocations, 64 bits, asynchronous commits, checksums. Fast commits are missing: they have no blocks.
const INCOMPAT_KNOWN: u32 = 0x1F;
const TAG_ESCAPED: u32 = 1;
const TAG_SAME_UUID: u32 = 2;
const TAG_LAST: u32 = 8;
/// Most pieces the journal lies in.
// BOUND: mke2fs makes it of one piece, or a few.
const MAX_PIECES: usize = 4_096;
/// Most blocks of a journal.
// BOUND: mke2fs makes at most 10,240,000 of 4 KiB, by default 262,144.
const MAX_BLOCKS: u64 = 10_240_000;
/// Most blocks of the volume with a newer state in the journal, or revoked there.
// BOUND: 48 MiB of memory; a full journal of the usual 1 GiB names 262,144.
const MAX_NAMED: usize = 1 << 20;

/// A block of the journal in place of one of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Copy {
    /// First byte.
    at: u64,
    /// Whether its first four bytes were replaced, because they look like those of the journal.
    escaped: bool,
    /// Transaction.
    sequence: u32,
}

/// A volume with its journal before it.
#[derive(Debug)]
struct Replayed {
    window: Window,
    block_bytes: u64,
    copies: BTreeMap<u64, Copy>,
}

impl ByteSource for Replayed {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let (block, within) = (offset / self.block_bytes, offset % self.block_bytes);
        if let Some(copy) = self.copies.get(&block) {
            let most = (out.len() as u64).min(self.block_bytes - within) as usize;
            let out = out.get_mut(..most).unwrap_or_default();
            let n = self.window.read_at(copy.at.saturating_add(within), out)?;
            let magic = MAGIC.to_be_bytes().into_iter().skip(within as usize);
            if copy.escaped {
                out.iter_mut().take(n).zip(magic).for_each(|(byte, of_magic)| *byte = of_magic);
            }
            return Ok(n);
        }
        let until = self.copies.range(block..).next().map_or(u64::MAX, |(next, _)| next.saturating_mul(self.block_bytes));
        let most = (out.len() as u64).min(until - offset) as usize;
        self.window.read_at(offset, out.get_mut(..most).unwrap_or_default())
    }
}

/// The volume as it is after its journal; `None` when the journal cannot be read.
pub fn replayed(window: &Window, journal: &Inode, block_bytes: u64) -> Option<Window> {
    let log = Log::open(window, journal, block_bytes)?;
    let copies = log.copies()?;
    let length = window.length();
    Some(Window::new(std::rc::Rc::new(Replayed { window: window.again(), block_bytes, copies }), 0, length))
}

/// The log: a ring of blocks.
struct Log<'a> {
    window: &'a Window,
    block_bytes: u64,
    /// First block in the journal, and first byte on the volume, of each piece.
    places: BTreeMap<u64, u64>,
    /// First block of the ring, and the one behind its last.
    ring: std::ops::Range<u64>,
    start: u64,
    sequence: u32,
    incompat: u32,
}

impl<'a> Log<'a> {
    fn open(window: &'a Window, journal: &Inode, block_bytes: u64) -> Option<Self> {
        let mut places = BTreeMap::new();
        let mut next = 0;
        for piece in journal.pieces(window, block_bytes) {
            let Piece { place: Place::At(at), bytes } = piece.ok()? else { return None };
            let follows = places
                .last_key_value()
                .is_some_and(|(first, from): (&u64, &u64)| from.checked_add((next - first) * block_bytes) == Some(at));
            if !follows {
                places.insert(next, at);
            }
            next += bytes / block_bytes;
            if places.len() > MAX_PIECES || next > MAX_BLOCKS {
                return None;
            }
        }
        let mut log = Self { window, block_bytes, places, ring: 0..next, start: 0, sequence: 0, incompat: 0 };
        let superblock = log.block(0)?;
        let number = |at| long_be(&superblock, at);
        let version = number(4).filter(|kind| matches!(kind, 3 | 4))?;
        let incompat = if version == 4 { number(0x28)? } else { 0 };
        let fits = number(0)? == MAGIC && u64::from(number(12)?) == block_bytes && incompat & !INCOMPAT_KNOWN == 0;
        log.ring = u64::from(number(0x14)?)..u64::from(number(0x10)?).min(next);
        (log.start, log.sequence, log.incompat) = (number(0x1C)?.into(), number(0x18)?, incompat);
        (fits && log.ring.start > 0 && (log.start == 0 || log.ring.contains(&log.start))).then_some(log)
    }

    fn place(&self, block: u64) -> Option<u64> {
        let (first, at) = self.places.range(..=block).next_back()?;
        at.checked_add((block - first).checked_mul(self.block_bytes)?)
    }

    fn block(&self, block: u64) -> Option<Vec<u8>> {
        let mut raw = vec![0; self.block_bytes as usize];
        self.window.read_exact_at(self.place(block)?, &mut raw).ok()?;
        Some(raw)
    }

    const fn after(&self, block: u64) -> u64 {
        if block + 1 < self.ring.end { block + 1 } else { self.ring.start }
    }

    /// Which blocks of the volume have a newer state in the journal.
    fn copies(&self) -> Option<BTreeMap<u64, Copy>> {
        let (mut copies, mut revoked) = (BTreeMap::new(), BTreeMap::new());
        let (mut open_copies, mut open_revoked) = (Vec::new(), Vec::new());
        let (mut at, mut sequence) = (self.start, self.sequence);
        let mut left = if self.start == 0 { 0 } else { self.ring.end - self.ring.start };
        // Every round takes a block of the ring, which is gone round once.
        while left > 0 && copies.len() + open_copies.len() + revoked.len() + open_revoked.len() <= MAX_NAMED {
            let raw = self.block(at)?;
            if long_be(&raw, 0)? != MAGIC || long_be(&raw, 8)? != sequence {
                break;
            }
            at = self.after(at);
            left -= 1;
            match long_be(&raw, 4)? {
                DESCRIPTOR => {
                    for (block, escaped) in self.tags(&raw) {
                        open_copies.push((block, Copy { at: self.place(at)?, escaped, sequence }));
                        at = self.after(at);
                        left = left.saturating_sub(1);
                    }
                }
                REVOKE => open_revoked.extend(self.revocations(&raw)),
                COMMIT => {
                    copies.extend(open_copies.drain(..));
                    revoked.extend(open_revoked.drain(..).map(|block| (block, sequence)));
                    sequence = sequence.wrapping_add(1);
                }
                _ => break,
            }
        }
        // A block given back and taken by something that is not journaled must not get its old state again.
        copies.retain(|block, copy: &mut Copy| revoked.get(block).is_none_or(|at| (copy.sequence.wrapping_sub(*at) as i32) > 0));
        (copies.len() + revoked.len() <= MAX_NAMED).then_some(copies)
    }

    /// Blocks of the volume that follow a descriptor block, and whether each is escaped.
    fn tags(&self, raw: &[u8]) -> Vec<(u64, bool)> {
        let has = |feature: u32| self.incompat & feature != 0;
        let (wide, third) = (has(INCOMPAT_64BIT), has(INCOMPAT_CHECKSUM_3));
        let length = if third { 16 } else { 8 + if has(INCOMPAT_CHECKSUM_2) { 2 } else { 0 } + if wide { 4 } else { 0 } };
        let end = raw.len() - if third || has(INCOMPAT_CHECKSUM_2) { 4 } else { 0 };
        let mut tags = Vec::new();
        let mut at = 12;
        while at + length <= end {
            let (Some(low), Some(second)) = (long_be(raw, at), long_be(raw, at + 4)) else { break };
            let flags = if third { second } else { second & 0xFFFF };
            let high = if wide { long_be(raw, at + 8).unwrap_or(0) } else { 0 };
            tags.push((u64::from(low) | u64::from(high) << 32, flags & TAG_ESCAPED != 0));
            if flags & TAG_LAST != 0 {
                break;
            }
            at += length + if flags & TAG_SAME_UUID == 0 { 16 } else { 0 };
        }
        tags
    }

    fn revocations(&self, raw: &[u8]) -> Vec<u64> {
        let wide = self.incompat & INCOMPAT_64BIT != 0;
        let end = long_be(raw, 12).map_or(0, |bytes| bytes as usize).min(raw.len());
        let numbers = raw.get(16..end).unwrap_or_default();
        let number = |entry: &[u8]| entry.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        numbers.chunks_exact(if wide { 8 } else { 4 }).map(number).collect()
    }
}
