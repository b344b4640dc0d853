//! The empty file system a wiped medium gets. Written from numbers only; nothing of the medium is read but to compare.

mod exfat;
mod fat32;

use crate::error::Refusal;
use crate::medium::{ALIGNMENT, Aligned, Medium};
use model::escape_text;
use serde::{Deserialize, Serialize};
use std::io;

/// Which file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSystem {
    /// FAT32 (Microsoft, FAT32 File System Specification 1.03).
    Fat32,
    /// exFAT (Microsoft, exFAT file system specification 1.00).
    Exfat,
}

impl FileSystem {
    /// The usual one for a medium of this size: FAT32 where it fits, up to `fat32_max_bytes`; else exFAT.
    pub const fn usual(size_bytes: u64, fat32_max_bytes: u64) -> Self {
        if size_bytes >= fat32::LEAST_BYTES && size_bytes <= fat32_max_bytes { Self::Fat32 } else { Self::Exfat }
    }

    /// How people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fat32 => "FAT32",
            Self::Exfat => "exFAT",
        }
    }
}

/// A volume's label: 1 to 11 of `A-Z`, `0-9`, blank, `-` and `_`, so that both file systems and every system take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// Takes a label; lower case becomes upper case.
    ///
    /// # Errors
    /// [`Refusal::Label`].
    pub fn new(label: &str) -> Result<Self, Refusal> {
        let upper = label.trim_end().to_ascii_uppercase();
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'_');
        if (1..=11).contains(&upper.len()) && !upper.starts_with(' ') && upper.bytes().all(plain) {
            return Ok(Self(upper));
        }
        Err(Refusal::Label { label: escape_text(label) })
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is to stand on the medium: runs of bytes at addresses, and a stretch of zeroes before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The first bytes of the medium that are zero where no piece stands.
    pub(crate) zero_bytes: u64,
    /// Pieces: address and content.
    pub(crate) pieces: Vec<(u64, Vec<u8>)>,
}

impl Layout {
    /// Plans the file system for a medium of `size_bytes` with sectors of `sector_bytes`. `serial` is the volume's number.
    ///
    /// # Errors
    /// [`Refusal::Format`] when it does not fit.
    pub fn plan(file_system: FileSystem, size_bytes: u64, sector_bytes: u32, label: &Label, serial: u32) -> Result<Self, Refusal> {
        let planned = match file_system {
            FileSystem::Fat32 => fat32::plan(size_bytes, sector_bytes, label, serial),
            FileSystem::Exfat => exfat::plan(size_bytes, sector_bytes, label, serial),
        };
        planned.map_err(|why| Refusal::Format { file_system: file_system.as_str(), size_bytes, why })
    }

    /// Writes it, syncs, reads it back; gives whether what was read is what was written.
    ///
    /// # Errors
    /// As the medium answers.
    pub fn write(&self, medium: &dyn Medium, block_bytes: usize) -> io::Result<bool> {
        let end = self.pieces.iter().map(|(offset, bytes)| offset + bytes.len() as u64).max().unwrap_or(0).max(self.zero_bytes);
        // Whole blocks of direct I/O; past the pieces there is nothing to keep.
        let end = end.next_multiple_of(ALIGNMENT as u64).min(medium.size_bytes());
        self.blocks(end, block_bytes, |bytes, offset| medium.write_at(bytes, offset).map(|()| true))?;
        medium.sync()?;
        let mut read = Aligned::new(block_bytes);
        self.blocks(end, block_bytes, |bytes, offset| {
            let read = read.first(bytes.len());
            medium.read_at(read, offset)?;
            Ok(read == bytes)
        })
    }

    /// Hands out block after block until one answers no.
    fn blocks(&self, end: u64, block_bytes: usize, mut each: impl FnMut(&[u8], u64) -> io::Result<bool>) -> io::Result<bool> {
        let mut buffer = Aligned::new(block_bytes);
        let mut offset = 0;
        while offset < end {
            let length = crate::blocks::block_at(offset, end, block_bytes);
            let block = buffer.first(length);
            block.fill(0);
            for (at, bytes) in &self.pieces {
                lay(block, offset, bytes, *at);
            }
            if !each(block, offset)? {
                return Ok(false);
            }
            offset += length as u64;
        }
        Ok(true)
    }
}

/// Copies the part of `bytes` (which begins at address `at`) that falls into `block` (which begins at `offset`).
fn lay(block: &mut [u8], offset: u64, bytes: &[u8], at: u64) {
    let from = at.max(offset);
    let into = block.get_mut((from - offset).min(block.len() as u64) as usize..).unwrap_or_default();
    let rest = bytes.get((from - at).min(bytes.len() as u64) as usize..).unwrap_or_default();
    for (to, from) in into.iter_mut().zip(rest) {
        *to = *from;
    }
}

/// Little-endian numbers and text at their places in one sector.
struct Sector(Vec<u8>);

impl Sector {
    fn new(bytes: u32) -> Self {
        Self(vec![0; bytes as usize])
    }
    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        for (to, from) in self.0.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_every_system_takes() {
        assert_eq!(Label::new("leer 1").unwrap().as_str(), "LEER 1");
        for wrong in ["", " X", "ZWOELFZEICHEN", "grün", "A/B", "A.B", "A\nB"] {
            assert!(matches!(Label::new(wrong), Err(Refusal::Label { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn pieces_fall_into_blocks_wherever_they_begin() {
        let layout = Layout { zero_bytes: 20, pieces: vec![(3, vec![1; 4]), (9, vec![2; 3])] };
        let mut whole = Vec::new();
        layout
            .blocks(20, 4, |block, _| {
                whole.extend_from_slice(block);
                Ok(true)
            })
            .unwrap();
        assert_eq!(whole, [0, 0, 0, 1, 1, 1, 1, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
