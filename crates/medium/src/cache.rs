//! A read-only window on a medium, with a small block cache.
//!
//! **Invariant (I5):** there is no way to write through it, and no way to read outside of it.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

const BLOCK_BYTES: u64 = 64 << 10;
// BOUND: 64 blocks of 64 KiB, 4 MiB in all: enough that the table and the directory being walked stay in memory.
const BLOCKS: usize = 64;
/// Most defective blocks that are remembered.
// BOUND: 4 GiB of a medium; what is beyond is tried again.
const MAX_DEFECTIVE: usize = 65_536;
/// What is read at a time where a whole block cannot be: a defective sector takes nothing else with it.
const SECTOR_BYTES: u64 = 512;

/// Where the bytes of a medium come from.
pub trait ByteSource: fmt::Debug {
    /// Reads some bytes from `offset`; none at the end.
    ///
    /// # Errors
    /// Those of the medium.
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize>;

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` at the end, or those of the medium.
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.checked_add(filled as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
            filled += match self.read_at(at, rest) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }
}

impl ByteSource for File {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, out, offset)
    }
}

/// Blocks by number, the oldest first.
type Blocks = VecDeque<(u64, Rc<Vec<u8>>)>;

/// Bytes `start..start + length` of a medium.
#[derive(Debug)]
pub struct Window {
    bytes: Rc<dyn ByteSource>,
    start: u64,
    length: u64,
    blocks: Rc<RefCell<Blocks>>,
    /// Blocks that cannot be read whole: each try may cost a defective medium seconds.
    defective: Rc<RefCell<BTreeSet<u64>>>,
}

impl Window {
    /// A window on part of a medium; it never reaches past it.
    pub(crate) fn new(bytes: Rc<dyn ByteSource>, start: u64, length: u64) -> Self {
        // No read can then be beyond the largest offset.
        let length = length.min(u64::MAX - start);
        Self { bytes, start, length, blocks: Rc::default(), defective: Rc::default() }
    }

    /// The same part of the medium once more, with the same cache: what one reader looked at, the next one need not read.
    pub(crate) fn again(&self) -> Self {
        let (blocks, defective) = (Rc::clone(&self.blocks), Rc::clone(&self.defective));
        Self { bytes: Rc::clone(&self.bytes), start: self.start, length: self.length, blocks, defective }
    }

    /// Bytes it may reach.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Reads at least one byte from `offset`, and no more than fit into `out`; none only when `out` is empty.
    ///
    /// # Errors
    /// `UnexpectedEof` at the end of the window or of the file, or the error of the file.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if offset >= self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Ok(block) = self.block(offset / BLOCK_BYTES) else { return self.read_sector(offset, out) };
        let there = block.get((offset % BLOCK_BYTES) as usize..).unwrap_or_default();
        let n = there.len().min(out.len());
        match (out.get_mut(..n), there.get(..n)) {
            (Some(to), Some(from)) if n > 0 => to.copy_from_slice(from),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(n)
    }

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// As for [`Window::read_at`].
    pub fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.checked_add(filled as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
            filled += self.read_at(at, rest)?;
        }
        Ok(())
    }

    fn block(&self, number: u64) -> io::Result<Rc<Vec<u8>>> {
        let mut blocks = self.blocks.borrow_mut();
        if let Some((_, block)) = blocks.iter().find(|(n, _)| *n == number) {
            return Ok(Rc::clone(block));
        }
        let from = number * BLOCK_BYTES;
        let mut bytes = vec![0; BLOCK_BYTES.min(self.length.saturating_sub(from)) as usize];
        if self.defective.borrow().contains(&number) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if let Err(error) = self.bytes.read_exact_at(self.start + from, &mut bytes) {
            let mut defective = self.defective.borrow_mut();
            if defective.len() < MAX_DEFECTIVE {
                defective.insert(number);
            }
            return Err(error);
        }
        let block = Rc::new(bytes);
        if blocks.len() >= BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((number, Rc::clone(&block)));
        Ok(block)
    }

    fn read_sector(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        let n = (out.len() as u64).min(SECTOR_BYTES - offset % SECTOR_BYTES).min(self.length - offset) as usize;
        let wanted = out.get_mut(..n).unwrap_or_default();
        match self.bytes.read_at(self.start + offset, wanted)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            n => Ok(n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(bytes: &[u8]) -> Rc<dyn ByteSource> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Rc::new(file)
    }

    fn pattern(n: usize) -> Vec<u8> {
        (0..n).map(|i| (i / 251 + i) as u8).collect()
    }

    #[test]
    fn reads_across_blocks_and_stops_at_its_edges() {
        let bytes = pattern(300_000);
        let window = Window::new(file(&bytes), 1_000, 200_000);
        for (offset, length) in [(0, 1), (0, 200_000), (65_535, 2), (65_536, 65_536), (131_071, 3), (199_999, 1)] {
            let mut out = vec![0; length];
            window.read_exact_at(offset, &mut out).unwrap();
            assert_eq!(out, bytes[1_000 + offset as usize..][..length], "{offset} {length}");
        }
        for (offset, length) in [(199_999, 2), (200_000, 1), (u64::MAX, 1), (u64::MAX - 1, 9)] {
            let failed = window.read_exact_at(offset, &mut vec![0; length]).unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::UnexpectedEof, "{offset} {length}");
        }
        assert_eq!(window.read_at(u64::MAX, &mut []).unwrap(), 0);
    }

    #[test]
    fn a_window_wider_than_its_file_ends_where_the_file_ends() {
        let bytes = pattern(70_000);
        let window = Window::new(file(&bytes), 10, u64::MAX);
        let mut out = vec![0; 69_990];
        window.read_exact_at(0, &mut out).unwrap();
        assert_eq!(out, bytes[10..]);
        assert!(window.read_at(69_990, &mut [0]).is_err());
        assert!(Window::new(file(&bytes), u64::MAX, u64::MAX).read_at(0, &mut [0]).is_err());
    }

    #[test]
    fn more_blocks_than_the_cache_holds_are_read_right() {
        let bytes = pattern((BLOCKS + 3) * BLOCK_BYTES as usize);
        let window = Window::new(file(&bytes), 0, bytes.len() as u64);
        for _ in 0..2 {
            let mut out = vec![0; bytes.len()];
            window.read_exact_at(0, &mut out).unwrap();
            assert!(out == bytes);
        }
        assert_eq!(window.blocks.borrow().len(), BLOCKS);
    }
}
