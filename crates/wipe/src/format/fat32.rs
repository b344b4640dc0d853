//! FAT32 without a partition table: boot sector, FSInfo, their copies, two tables, a root directory with the label.
//!
//! Numbers and offsets: Microsoft, FAT32 File System Specification 1.03, "Boot Sector and BPB", "FSInfo Sector Structure".

use super::{Label, Layout, Sector};

/// Below this there are too few clusters for FAT32 (fewer than 65,525 are FAT16 by definition).
pub(super) const LEAST_BYTES: u64 = 64 << 20;
const LEAST_CLUSTERS: u64 = 65_525;
/// The largest number of a cluster is 0x0FFFFFF6.
const MOST_CLUSTERS: u64 = 0x0FFF_FFF5;
const RESERVED_SECTORS: u64 = 32;
const TABLES: u64 = 2;
const ROOT_CLUSTER: u32 = 2;

/// Bytes of a cluster, by the table of the specification.
const fn cluster_bytes(size_bytes: u64) -> u64 {
    match size_bytes >> 20 {
        0..=260 => 512,
        261..=8_192 => 4 << 10,
        8_193..=16_384 => 8 << 10,
        16_385..=32_768 => 16 << 10,
        _ => 32 << 10,
    }
}

pub(super) fn plan(size_bytes: u64, sector_bytes: u32, label: &Label, serial: u32) -> Result<Layout, &'static str> {
    let sector = u64::from(sector_bytes);
    let sectors = size_bytes / sector;
    if size_bytes < LEAST_BYTES {
        return Err("it is smaller than 64 MiB");
    }
    let total = u32::try_from(sectors).map_err(|_too_many| "it has more sectors than FAT32 counts")?;
    let per_cluster = (cluster_bytes(size_bytes) / sector).max(1);
    // Each cluster costs its sectors and two table entries of four bytes; the table itself starts with two more entries.
    let entries_per_sector = sector / 4;
    let rest = sectors - RESERVED_SECTORS;
    let table_sectors = (rest + 2 * per_cluster).div_ceil(entries_per_sector * per_cluster + TABLES);
    let clusters = (rest - TABLES * table_sectors) / per_cluster;
    if clusters < LEAST_CLUSTERS {
        return Err("it has too few clusters");
    }
    if clusters > MOST_CLUSTERS {
        return Err("it has too many clusters");
    }
    let boot = boot_sector(sector_bytes, per_cluster as u8, total, table_sectors as u32, label, serial);
    let info = info_sector(sector_bytes, clusters as u32 - 1);
    let end = Sector::new(sector_bytes).put(510, &[0x55, 0xAA]).0.clone();
    let mut pieces = Vec::new();
    for copy in [0, 6] {
        pieces.extend([(copy * sector, boot.clone()), ((copy + 1) * sector, info.clone()), ((copy + 2) * sector, end.clone())]);
    }
    // The medium's descriptor, the end-of-chain mark with the two "clean" bits, and the root directory of one cluster.
    let table: Vec<u8> = [0x0FFF_FFF8_u32, 0x0FFF_FFFF, 0x0FFF_FFFF].iter().flat_map(|entry| entry.to_le_bytes()).collect();
    for copy in 0..TABLES {
        pieces.push(((RESERVED_SECTORS + copy * table_sectors) * sector, table.clone()));
    }
    let root = (RESERVED_SECTORS + TABLES * table_sectors) * sector;
    pieces.push((root, label_entry(label)));
    Ok(Layout { zero_bytes: root + per_cluster * sector, pieces })
}

fn padded(label: &Label) -> [u8; 11] {
    let mut padded = [b' '; 11];
    for (to, from) in padded.iter_mut().zip(label.as_str().bytes()) {
        *to = from;
    }
    padded
}

fn boot_sector(sector_bytes: u32, per_cluster: u8, total: u32, table_sectors: u32, label: &Label, serial: u32) -> Vec<u8> {
    let mut sector = Sector::new(sector_bytes);
    sector
        // A jump over the parameters, to `int 18h` ("no boot medium") and a loop.
        .put(0, &[0xEB, 0x58, 0x90])
        .put(3, b"SCHLEUSE")
        .put(11, &(sector_bytes as u16).to_le_bytes())
        .put(13, &[per_cluster])
        .put(14, &(RESERVED_SECTORS as u16).to_le_bytes())
        .put(16, &[TABLES as u8])
        .put(21, &[0xF8])
        .put(24, &63_u16.to_le_bytes())
        .put(26, &255_u16.to_le_bytes())
        .put(32, &total.to_le_bytes())
        .put(36, &table_sectors.to_le_bytes())
        .put(44, &ROOT_CLUSTER.to_le_bytes())
        .put(48, &1_u16.to_le_bytes())
        .put(50, &6_u16.to_le_bytes())
        .put(64, &[0x80, 0, 0x29])
        .put(67, &serial.to_le_bytes())
        .put(71, &padded(label))
        .put(82, b"FAT32   ")
        .put(90, &[0xCD, 0x18, 0xEB, 0xFE])
        .put(510, &[0x55, 0xAA]);
    sector.0
}

fn info_sector(sector_bytes: u32, free_clusters: u32) -> Vec<u8> {
    let mut sector = Sector::new(sector_bytes);
    sector
        .put(0, b"RRaA")
        .put(484, b"rrAa")
        .put(488, &free_clusters.to_le_bytes())
        .put(492, &(ROOT_CLUSTER + 1).to_le_bytes())
        .put(508, &[0, 0, 0x55, 0xAA]);
    sector.0
}

/// The directory entry that carries the label; its date is the first there is (1 January 1980).
fn label_entry(label: &Label) -> Vec<u8> {
    let mut entry = Sector::new(32);
    entry.put(0, &padded(label)).put(11, &[0x08]).put(24, &0x0021_u16.to_le_bytes());
    entry.0
}
