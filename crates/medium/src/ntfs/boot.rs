//! The boot sector of an NTFS volume as a handful of checked numbers (Microsoft, "NTFS boot sector"; the layout is public).

use crate::cache::Window;

/// Where everything lies.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Bytes of a cluster, 512 to 2 MiB.
    pub cluster_bytes: u64,
    /// Clusters of the volume.
    pub clusters: u64,
    /// Bytes of a file record, 512 to 4096.
    pub record_bytes: usize,
    /// First cluster of the master file table.
    pub table_cluster: u64,
    /// First cluster of the copy of its first records.
    pub mirror_cluster: u64,
}

impl Geometry {
    /// Reads the boot sector; `None` when this is no NTFS volume or its numbers contradict each other.
    pub fn read(window: &Window) -> Option<Self> {
        sector(window, 0)
    }

    /// Reads the copy in the last sector.
    pub fn read_copy(window: &Window) -> Option<Self> {
        let mut last = [512u64, 4096].into_iter().filter_map(|sector| (window.length() / sector).checked_sub(1).map(|n| n * sector));
        last.find_map(|at| sector(window, at))
    }

    /// First byte of a cluster; `None` for a number that is none.
    pub fn cluster_at(&self, cluster: u64) -> Option<u64> {
        (cluster < self.clusters).then(|| cluster * self.cluster_bytes)
    }
}

fn sector(window: &Window, at: u64) -> Option<Geometry> {
    let mut sector = [0u8; 512];
    window.read_exact_at(at, &mut sector).ok()?;
    let byte = |at: usize| sector.get(at).copied();
    let quad = |at: usize| sector.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    // What another file system would keep in these places is nothing here, so that a volume is not two at once.
    let mut unused = [14..16, 16..21, 22..24, 32..36].into_iter().filter_map(|place| sector.get(place)).flatten();
    if sector.get(3..11)? != b"NTFS    " || sector.get(510..)? != [0x55, 0xAA] || unused.any(|byte| *byte != 0) {
        return None;
    }
    let sector_bytes = u64::from(byte(11)?) | u64::from(byte(12)?) << 8;
    if !matches!(sector_bytes, 512 | 1024 | 2048 | 4096) {
        return None;
    }
    let cluster_sectors = match byte(13)? {
        count @ 1..=0x80 if count.is_power_of_two() => count.into(),
        // Windows 10 writes more than 128 sectors as a negative exponent.
        exponent @ 0xF4..=0xF8 => 1u64 << exponent.wrapping_neg(),
        _ => return None,
    };
    let cluster_bytes = cluster_sectors * sector_bytes;
    let record_bytes = match byte(64)? {
        clusters @ 1..0x80 => u64::from(clusters) * cluster_bytes,
        exponent @ 0xF4..=0xF7 => 1 << exponent.wrapping_neg(),
        _ => return None,
    };
    // The last byte of a volume has a number, so that no place of a cluster overflows.
    let volume_bytes = quad(40)?.checked_mul(sector_bytes).filter(|bytes| *bytes < 1 << 63)?;
    let geometry = Geometry {
        cluster_bytes,
        clusters: volume_bytes / cluster_bytes,
        record_bytes: usize::try_from(record_bytes).ok().filter(|bytes| matches!(bytes, 512 | 1024 | 2048 | 4096))?,
        table_cluster: quad(48)?,
        mirror_cluster: quad(56)?,
    };
    (cluster_bytes <= 2 << 20 && geometry.clusters > 0).then_some(geometry)
}
