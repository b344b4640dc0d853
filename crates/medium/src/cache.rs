//! A read-only window on an image with a small block cache, in the shape the file-system crates want.
//!
//! **Invariant (I5):** writing is an error, whatever a crate tries.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

const BLOCK_BYTES: u64 = 64 << 10;
// BOUND: 64 blocks of 64 KiB, 4 MiB in all: enough that the table and the directory being walked stay in memory.
const BLOCKS: usize = 64;

/// Bytes `start..start + length` of an image.
#[derive(Debug)]
pub struct Window {
    file: Rc<File>,
    start: u64,
    length: u64,
    position: u64,
    blocks: VecDeque<(u64, Rc<Vec<u8>>)>,
}

impl Window {
    /// A window on part of a file; it never reaches past it.
    pub fn new(file: Rc<File>, start: u64, length: u64) -> Self {
        Self { file, start, length, position: 0, blocks: VecDeque::new() }
    }

    fn block(&mut self, number: u64) -> io::Result<Rc<Vec<u8>>> {
        if let Some((_, block)) = self.blocks.iter().find(|(n, _)| *n == number) {
            return Ok(Rc::clone(block));
        }
        let from = number * BLOCK_BYTES;
        let mut bytes = vec![0; BLOCK_BYTES.min(self.length - from) as usize];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, self.start + from + filled as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => filled += n,
            }
        }
        let block = Rc::new(bytes);
        if self.blocks.len() >= BLOCKS {
            self.blocks.pop_front();
        }
        self.blocks.push_back((number, Rc::clone(&block)));
        Ok(block)
    }
}

impl Read for Window {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || out.is_empty() {
            return Ok(0);
        }
        let block = self.block(self.position / BLOCK_BYTES)?;
        let within = (self.position % BLOCK_BYTES) as usize;
        let there = block.get(within..).unwrap_or_default();
        let n = there.len().min(out.len());
        for (to, from) in out.iter_mut().zip(there) {
            *to = *from;
        }
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.length.checked_add_signed(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Write for Window {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
