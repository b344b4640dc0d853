//! Content that lies in pieces all over a volume, as one stream.
//!
//! **Invariant (I3):** content whose pieces end before its length is a read error, never a shorter file.

use crate::cache::Window;
use std::io::{self, Read};

/// Where a piece lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At this byte of the volume.
    At(u64),
    /// Nowhere: it reads as zeros.
    Zeros,
    /// In a structure that has been read already.
    Here(Vec<u8>),
}

/// A run of bytes of some content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where.
    pub place: Place,
    /// Length.
    pub bytes: u64,
}

impl Piece {
    /// A piece at this byte of the volume.
    pub const fn at(offset: u64, bytes: u64) -> Self {
        Self { place: Place::At(offset), bytes }
    }

    /// A piece that reads as zeros.
    pub const fn zeros(bytes: u64) -> Self {
        Self { place: Place::Zeros, bytes }
    }

    /// These bytes.
    pub fn here(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.len() as u64, place: Place::Here(bytes) }
    }
}

/// `left` bytes out of pieces, which are asked for one at a time: however many there are, only one is in memory.
#[derive(Debug)]
pub(crate) struct Pieces<'a, I> {
    window: &'a Window,
    source: I,
    /// The piece being read, and the place in it.
    current: Option<(Piece, u64)>,
    left: u64,
    broken: bool,
}

impl<'a, I: Iterator<Item = io::Result<Piece>>> Pieces<'a, I> {
    /// The first `length` bytes. The iterator must end by itself or make progress: its pieces may be empty, but not for ever.
    pub const fn new(window: &'a Window, source: I, length: u64) -> Self {
        Self { window, source, current: None, left: length, broken: false }
    }

    /// Fills `out`, or less at the end; how much.
    ///
    /// # Errors
    /// Those of the medium, and content that breaks off.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = (out.len() as u64).min(self.left) as usize;
        let wanted = out.get_mut(..most).unwrap_or_default();
        self.read_exact(wanted)?;
        Ok(most)
    }

    fn read_some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let (piece, within) = match &mut self.current {
            Some((piece, within)) if *within < piece.bytes => (piece, within),
            _ => {
                let next = self.source.next().ok_or(io::ErrorKind::UnexpectedEof)??;
                self.current = Some((next, 0));
                return Ok(0);
            }
        };
        let most = (out.len() as u64).min(piece.bytes - *within).min(self.left) as usize;
        let wanted = out.get_mut(..most).unwrap_or_default();
        let n = match &piece.place {
            Place::At(offset) => self.window.read_at(offset.checked_add(*within).ok_or(io::ErrorKind::InvalidData)?, wanted)?,
            Place::Zeros => {
                wanted.fill(0);
                most
            }
            Place::Here(bytes) => {
                let from = bytes.get(*within as usize..).and_then(|rest| rest.get(..most)).ok_or(io::ErrorKind::InvalidData)?;
                wanted.copy_from_slice(from);
                most
            }
        };
        *within += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

impl<I: Iterator<Item = io::Result<Piece>>> Read for Pieces<'_, I> {
    /// Fills `out` as far as it can, so that small blocks do not become small frames.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while self.left > 0 && !self.broken {
            let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
            match self.read_some(rest) {
                Ok(n) => filled += n,
                Err(_) => self.broken = true,
            }
        }
        // The bytes before an error are handed over first.
        if self.broken && filled == 0 && !out.is_empty() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(filled) }
    }
}
