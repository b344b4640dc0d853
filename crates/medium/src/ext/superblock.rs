//! The superblock as checked numbers, and where inodes lie (Linux, `Documentation/filesystems/ext4`: "Super Block",
//! "Block Group Descriptors", "Meta Block Groups").

use super::inode::Inode;
use crate::bytes::{long, word};
use crate::cache::Window;

/// First byte of the superblock.
const AT: u64 = 1_024;
const MAGIC: u16 = 0xEF53;
const COMPAT_JOURNAL: u32 = 0x4;
const COMPAT_SPARSE_SUPER_2: u32 = 0x200;
const INCOMPAT_FILETYPE: u32 = 0x2;
const INCOMPAT_RECOVER: u32 = 0x4;
const INCOMPAT_META_GROUPS: u32 = 0x10;
const INCOMPAT_EXTENTS: u32 = 0x40;
const INCOMPAT_64BIT: u32 = 0x80;
const INCOMPAT_FLEX_GROUPS: u32 = 0x200;
const INCOMPAT_LARGE_DIRECTORIES: u32 = 0x4000;
/// Compression, file types, recovery, meta groups, extents, 64 bits, multiple-mount protection, flexible groups, attributes
/// in inodes, data in directory entries, checksum seed, large directories, inline data, encryption, case folding. What is
/// missing (a volume that is only a journal) or new changes where things lie.
const INCOMPAT_KNOWN: u32 = 0x3_F7D7;
const RO_SPARSE_SUPER: u32 = 0x1;

/// A volume's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes of a block, 1,024 to 65,536.
    pub block_bytes: u64,
    /// Inode of the journal; 0 when there is none, or it is on another device.
    pub journal_inode: u32,
    inodes: u32,
    inodes_per_group: u32,
    inode_bytes: u64,
    first_block: u64,
    groups: u64,
    blocks_per_group: u64,
    descriptor_bytes: u64,
    first_meta_group: u64,
    backup_groups: [u32; 2],
    compat: u32,
    incompat: u32,
    ro_compat: u32,
}

impl Superblock {
    /// Reads it; `None` when this is no ext volume, has features unknown here, or contradicts itself.
    pub fn read(window: &Window) -> Option<Self> {
        let mut raw = [0; 1_024];
        window.read_exact_at(AT, &mut raw).ok()?;
        let long = |at| long(&raw, at);
        let revision = long(0x4C)?;
        // Revision 0 has fixed numbers where later ones have fields.
        let since_1 = |value: u32, before: u32| if revision == 0 { before } else { value };
        let incompat = since_1(long(0x60)?, 0);
        let block_bytes = AT.checked_shl(long(0x18).filter(|log| *log <= 6)?)?;
        let wide_blocks = if incompat & INCOMPAT_64BIT == 0 { 0 } else { u64::from(long(0x150)?) };
        let blocks = u64::from(long(0x04)?) | wide_blocks << 32;
        let first_block = u64::from(long(0x14).filter(|first| *first <= 1)?);
        let blocks_per_group = u64::from(long(0x20).filter(|blocks| *blocks > 0)?);
        let descriptor_bytes = if incompat & INCOMPAT_64BIT == 0 { 32 } else { u64::from(word(&raw, 0xFE)?) };
        let superblock = Self {
            block_bytes,
            journal_inode: long(0xE0)?,
            inodes: long(0)?,
            inodes_per_group: long(0x28).filter(|inodes| *inodes > 0)?,
            inode_bytes: since_1(u32::from(word(&raw, 0x58)?), 128).into(),
            first_block,
            groups: blocks.checked_sub(first_block)?.div_ceil(blocks_per_group),
            blocks_per_group,
            descriptor_bytes,
            first_meta_group: long(0x104)?.into(),
            backup_groups: [long(0x24C)?, long(0x250)?],
            compat: since_1(long(0x5C)?, 0),
            incompat,
            ro_compat: since_1(long(0x64)?, 0),
        };
        let inode_fits = superblock.inode_bytes.is_power_of_two() && (128..=block_bytes).contains(&superblock.inode_bytes);
        let descriptor_fits = descriptor_bytes.is_power_of_two() && (32..=block_bytes).contains(&descriptor_bytes);
        let known = incompat & !INCOMPAT_KNOWN == 0 && word(&raw, 0x38)? == MAGIC;
        (known && inode_fits && descriptor_fits).then_some(superblock)
    }

    /// What tools call it.
    pub const fn kind(&self) -> &'static str {
        match self {
            _ if self.incompat & (INCOMPAT_EXTENTS | INCOMPAT_64BIT | INCOMPAT_FLEX_GROUPS) != 0 => "ext4",
            _ if self.compat & COMPAT_JOURNAL != 0 => "ext3",
            _ => "ext2",
        }
    }

    /// Whether the journal has what was not written to its place yet: the volume was not unmounted.
    pub const fn needs_recovery(&self) -> bool {
        self.incompat & INCOMPAT_RECOVER != 0
    }

    /// Whether the upper half of a name's length is a file type.
    pub const fn has_file_types(&self) -> bool {
        self.incompat & INCOMPAT_FILETYPE != 0
    }

    /// Reads an inode; `None` when there is none of this number, or it cannot be read.
    pub fn inode(&self, window: &Window, number: u32) -> Option<Inode> {
        let index = number.checked_sub(1).filter(|index| *index < self.inodes)?;
        let group = u64::from(index / self.inodes_per_group);
        let table = self.inode_table(window, group)?;
        let within = u64::from(index % self.inodes_per_group).checked_mul(self.inode_bytes)?;
        let mut raw = vec![0; self.inode_bytes as usize];
        window.read_exact_at(table.checked_mul(self.block_bytes)?.checked_add(within)?, &mut raw).ok()?;
        Inode::read(raw, self.incompat & INCOMPAT_LARGE_DIRECTORIES != 0)
    }

    /// First block of the inodes of a group.
    fn inode_table(&self, window: &Window, group: u64) -> Option<u64> {
        let per_block = self.block_bytes / self.descriptor_bytes;
        let (number, within) = ((group < self.groups).then_some(group / per_block)?, group % per_block);
        let block = if self.incompat & INCOMPAT_META_GROUPS == 0 || number < self.first_meta_group {
            // In blocks of 1 KiB the superblock is block 1, even where the first group begins with block 0.
            AT / self.block_bytes + 1 + number
        } else {
            // The descriptors of a meta group lie at its beginning, behind the superblock's copy where there is one.
            let first = number * per_block;
            self.first_block.checked_add(first.checked_mul(self.blocks_per_group)?)? + u64::from(self.has_superblock(first))
        };
        let mut raw = vec![0; self.descriptor_bytes as usize];
        let at = block.checked_mul(self.block_bytes)?.checked_add(within * self.descriptor_bytes)?;
        window.read_exact_at(at, &mut raw).ok()?;
        let upper = if raw.len() >= 64 { long(&raw, 0x28)? } else { 0 };
        Some(u64::from(long(&raw, 8)?) | u64::from(upper) << 32)
    }

    fn has_superblock(&self, group: u64) -> bool {
        let power_of = |base: u64| {
            let mut power = base;
            while power < group {
                power *= base;
            }
            power == group
        };
        if self.compat & COMPAT_SPARSE_SUPER_2 != 0 {
            return group == 0 || self.backup_groups.iter().any(|backup| u64::from(*backup) == group);
        }
        group <= 1 || self.ro_compat & RO_SPARSE_SUPER == 0 || [3, 5, 7].into_iter().any(power_of)
    }
}
