//! The boot sector of a FAT volume as a handful of checked numbers (Microsoft FAT specification, sections 3.1 to 3.5).

use crate::cache::Window;

/// Width of a table entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 12 bits.
    Fat12,
    /// 16 bits.
    Fat16,
    /// 28 bits in 32.
    Fat32,
}

/// Where everything lies, in bytes from the beginning of the volume.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Width of a table entry.
    pub width: Width,
    /// First byte of the table in use.
    pub table_at: u64,
    /// First byte of the root directory's fixed place (FAT12, FAT16).
    pub root_at: u64,
    /// Bytes of that place; 0 for FAT32.
    pub root_bytes: u64,
    /// First cluster of the root directory (FAT32); 0 otherwise.
    pub root_cluster: u32,
    /// First byte of cluster 2.
    pub clusters_at: u64,
    /// Bytes of a cluster, 512 to 524,288.
    pub cluster_bytes: u64,
    /// Number of the last cluster.
    pub last_cluster: u32,
}

impl Geometry {
    /// Reads the boot sector; `None` when this is no FAT volume or its numbers contradict each other.
    pub fn read(window: &Window) -> Option<Self> {
        let mut sector = [0u8; 512];
        window.read_exact_at(0, &mut sector).ok()?;
        if sector.get(510..) != Some(&[0x55, 0xAA][..]) {
            return None;
        }
        let byte = |at: usize| sector.get(at).copied().map(u64::from);
        let word = |at: usize| Some(byte(at)? | byte(at + 1)? << 8);
        let long = |at: usize| Some(word(at)? | word(at + 2)? << 16);
        let non_zero = |first: u64, second: u64| if first == 0 { second } else { first };

        let sector_bytes = word(11).filter(|n| matches!(n, 512 | 1024 | 2048 | 4096))?;
        let cluster_sectors = byte(13).filter(|n| n.is_power_of_two())?;
        let reserved = word(14).filter(|n| *n > 0)?;
        let tables = byte(16).filter(|n| *n > 0)?;
        let is_32 = word(22)? == 0;
        let table_sectors = if is_32 { long(36)? } else { word(22)? };
        let root_bytes = word(17).filter(|n| (*n == 0) == is_32)? * 32;
        let sectors = non_zero(word(19)?, long(32)?);
        // A version nobody has written yet, and a table that is not there.
        if table_sectors == 0 || (is_32 && word(42)? != 0) {
            return None;
        }
        // Every factor has at most 32 bits, so nothing here overflows 64.
        let before_clusters = reserved + tables * table_sectors + root_bytes.div_ceil(sector_bytes);
        let clusters = sectors.checked_sub(before_clusters)? / cluster_sectors;
        let (width, bits) = match clusters {
            _ if is_32 => (Width::Fat32, 32),
            0..4_085 => (Width::Fat12, 12),
            _ => (Width::Fat16, 16),
        };
        let table_entries = table_sectors * sector_bytes * 8 / bits;
        let last_cluster = (clusters + 1).min(table_entries.checked_sub(1)?).min(0x0FFF_FFF6);
        // Bit 7 says that only the table with the number in the low bits is kept up to date.
        let flags = if is_32 { word(40)? } else { 0 };
        let active = if flags & 0x80 == 0 || flags & 0x0F >= tables { 0 } else { flags & 0x0F };
        let root_cluster = if is_32 { long(44)? & 0x0FFF_FFFF } else { 0 };
        (clusters > 0).then_some(Self {
            width,
            table_at: (reserved + active * table_sectors) * sector_bytes,
            root_at: (reserved + tables * table_sectors) * sector_bytes,
            root_bytes,
            root_cluster: root_cluster as u32,
            clusters_at: before_clusters * sector_bytes,
            cluster_bytes: cluster_sectors * sector_bytes,
            last_cluster: last_cluster as u32,
        })
    }

    /// First byte of a cluster; `None` for a number that is none.
    pub fn cluster_at(&self, cluster: u32) -> Option<u64> {
        let number = (2..=self.last_cluster).contains(&cluster).then(|| u64::from(cluster) - 2)?;
        Some(self.clusters_at + number * self.cluster_bytes)
    }
}
