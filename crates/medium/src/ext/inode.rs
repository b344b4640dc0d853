//! Inodes: what a file is, and where its content lies (Linux, `Documentation/filesystems/ext4`: "Index Nodes", "The
//! Contents of inode.i_block", "Inline Data", "Extended Attributes").

use super::blocks::{Indirect, Runs, Tree};
use crate::bytes::{long, word};
use crate::cache::Window;
use crate::pieces::Piece;
use std::io;

const FLAG_COMPRESSED: u32 = 0x4;
const FLAG_ENCRYPTED: u32 = 0x800;
const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_INLINE: u32 = 0x1000_0000;
/// Bytes of an inode that every revision has.
const OLD_BYTES: usize = 128;
const ATTRIBUTES_MAGIC: u32 = 0xEA02_0000;
/// Index of the names that begin with `system.`.
const SYSTEM: u8 = 7;

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, FIFO or socket.
    Special,
    /// Nothing an inode can be.
    Odd,
}

/// An inode.
#[derive(Debug, Clone)]
pub struct Inode {
    /// What it is.
    pub kind: Kind,
    /// Length of the content.
    pub size_bytes: u64,
    flags: u32,
    raw: Vec<u8>,
}

impl Inode {
    /// Takes an inode apart; only with `large_directories` may a directory be longer than 4 GiB.
    pub fn read(raw: Vec<u8>, large_directories: bool) -> Option<Self> {
        let kind = match word(&raw, 0)? & 0xF000 {
            0x8000 => Kind::File,
            0x4000 => Kind::Directory,
            0xA000 => Kind::Link,
            0x1000 | 0x2000 | 0x6000 | 0xC000 => Kind::Special,
            _ => Kind::Odd,
        };
        // The first revision has an access list there, in directories.
        let upper = if kind == Kind::File || large_directories { long(&raw, 0x6C)? } else { 0 };
        let size_bytes = u64::from(long(&raw, 4)?) | u64::from(upper) << 32;
        Some(Self { kind, size_bytes, flags: long(&raw, 0x20)?, raw })
    }

    /// Whether content (and names, in a directory) are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
    }

    /// Whether content is compressed, which no released kernel undoes.
    pub const fn is_compressed(&self) -> bool {
        self.flags & FLAG_COMPRESSED != 0
    }

    fn map(&self) -> &[u8] {
        self.raw.get(0x28..0x64).unwrap_or_default()
    }

    /// What lies in the inode itself: 60 bytes, and an attribute with what follows; `None` when the content is in blocks.
    pub fn inline(&self) -> Option<[Vec<u8>; 2]> {
        (self.flags & FLAG_INLINE != 0).then(|| [self.map().to_vec(), self.inline_rest().unwrap_or_default().to_vec()])
    }

    /// Value of the attribute `system.data`.
    fn inline_rest(&self) -> Option<&[u8]> {
        let extra = usize::from(word(&self.raw, OLD_BYTES)?);
        let attributes = self.raw.get(OLD_BYTES + extra..).filter(|raw| long(raw, 0) == Some(ATTRIBUTES_MAGIC))?;
        let first = attributes.get(4..)?;
        let mut entry = first;
        // Every round takes at least 16 bytes of an inode.
        while let [name_bytes, index, ..] = *entry {
            if (name_bytes, index) == (0, 0) {
                break;
            }
            let end = 16 + usize::from(name_bytes);
            if index == SYSTEM && entry.get(16..end)? == b"data" {
                let at = usize::from(word(entry, 2)?);
                return first.get(at..at.checked_add(long(entry, 8)? as usize)?);
            }
            entry = entry.get(end.next_multiple_of(4)..)?;
        }
        None
    }

    /// Where the content lies, piece after piece; holes are zeros, and so is what follows the last block.
    pub fn pieces<'a>(&self, window: &'a Window, block_bytes: u64) -> Box<dyn Iterator<Item = io::Result<Piece>> + 'a> {
        if let Some(parts) = self.inline() {
            return Box::new(parts.into_iter().map(|part| Ok(Piece::here(part))));
        }
        let last = self.size_bytes.div_ceil(block_bytes);
        if self.flags & FLAG_EXTENTS == 0 {
            Box::new(Runs::new(Indirect::new(window, self.map(), block_bytes), block_bytes, last))
        } else {
            Box::new(Runs::new(Tree::new(window, self.map(), block_bytes), block_bytes, last))
        }
    }
}
