//! The boot region of an exFAT volume as a handful of checked numbers (Microsoft exFAT specification, section 3).

use crate::cache::Window;

/// Sectors of a boot region; the backup region follows the main one (section 3, table 2).
const REGION_SECTORS: u64 = 12;

/// Where everything lies, in bytes from the beginning of the volume.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// First byte of the table in use.
    pub table_at: u64,
    /// Entries of the table.
    pub table_entries: u64,
    /// First cluster of the root directory.
    pub root_cluster: u32,
    /// First byte of cluster 2.
    pub clusters_at: u64,
    /// Clusters, at most 2^32 - 11.
    pub clusters: u32,
    /// Bytes of a cluster, 512 to 32 MiB.
    pub cluster_bytes: u64,
}

impl Geometry {
    /// Reads the main boot region; `None` when this is no exFAT volume or its numbers contradict each other.
    pub fn read(window: &Window) -> Option<Self> {
        region(window, 0)
    }

    /// Reads the backup boot region.
    pub fn read_copy(window: &Window) -> Option<Self> {
        // Only a whole region says how long a sector is, so the backup is looked for with each length there is.
        (9..=12).map(|shift| REGION_SECTORS << shift).find_map(|at| region(window, at))
    }

    /// First byte of a cluster; `None` for a number that is none.
    pub fn cluster_at(&self, cluster: u32) -> Option<u64> {
        let number = cluster.checked_sub(2).filter(|number| *number < self.clusters)?;
        Some(self.clusters_at + u64::from(number) * self.cluster_bytes)
    }

    /// Bytes of all clusters.
    pub fn heap_bytes(&self) -> u64 {
        u64::from(self.clusters) * self.cluster_bytes
    }
}

fn region(window: &Window, at: u64) -> Option<Geometry> {
    let mut sector = [0u8; 512];
    window.read_exact_at(at, &mut sector).ok()?;
    let unused = sector.get(11..64)?.iter().all(|byte| *byte == 0);
    if sector.get(3..11)? != b"EXFAT   " || sector.get(510..)? != [0x55, 0xAA] || !unused {
        return None;
    }
    let long = |place: usize| sector.get(place..place + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    let byte = |place: usize| sector.get(place).copied();

    let sector_shift = byte(108).filter(|shift| (9..=12).contains(shift))?;
    let cluster_shift = byte(109).filter(|shift| *shift <= 25 - sector_shift)?;
    let tables = byte(110).filter(|tables| matches!(tables, 1 | 2))?;
    if (at != 0 && at != REGION_SECTORS << sector_shift) || byte(105)? != 1 || !whole(window, at, 1 << sector_shift) {
        return None;
    }
    let sectors = |place: usize| long(place).map(|number| u64::from(number) << sector_shift);
    let table_bytes = sectors(84)?;
    // Bit 0 says that the second table is the one in use.
    let second = tables == 2 && byte(106)? & 1 == 1;
    let clusters = long(92).filter(|number| (1..=0xFFFF_FFF5).contains(number))?;
    let geometry = Geometry {
        table_at: sectors(80)? + if second { table_bytes } else { 0 },
        table_entries: table_bytes / 4,
        root_cluster: long(96)?,
        clusters_at: sectors(88)?,
        clusters,
        cluster_bytes: 1 << (sector_shift + cluster_shift),
    };
    // A table that overlaps what lies before or behind it is none.
    let in_order =
        sectors(80)? >= 2 * (REGION_SECTORS << sector_shift) && sectors(80)? + table_bytes * u64::from(tables) <= geometry.clusters_at;
    in_order.then_some(geometry)
}

/// Whether the checksum over eleven sectors stands in the twelfth (section 3.4).
fn whole(window: &Window, at: u64, sector_bytes: usize) -> bool {
    let mut bytes = vec![0; sector_bytes * REGION_SECTORS as usize];
    if window.read_exact_at(at, &mut bytes).is_err() {
        return false;
    }
    let (summed, sums) = bytes.split_at(sector_bytes * 11);
    // The flags and the percentage in use change while the volume is mounted.
    let stable = summed.iter().enumerate().filter(|(place, _)| !matches!(place, 106 | 107 | 112));
    let sum = stable.fold(0u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    sums.as_chunks::<4>().0.iter().all(|stored| u32::from_le_bytes(*stored) == sum)
}
