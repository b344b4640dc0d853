//! exFAT without a partition table: two boot regions, one table, allocation bitmap, up-case table, a root directory.
//!
//! Numbers and offsets: Microsoft, exFAT file system specification 1.00, sections 3 (boot regions), 4 (table), 7 (entries).

use super::{Label, Layout, Sector};

/// A smaller medium is no exFAT volume (section 3.1.5).
const LEAST_BYTES: u64 = 1 << 20;
/// Sectors of one boot region (section 3).
const BOOT_SECTORS: u64 = 12;
/// Where the table begins, and what cluster heap and table are aligned to.
const ALIGNED_BYTES: u64 = 64 << 10;
const FIRST_CLUSTER: u32 = 2;
const END_OF_CHAIN: u32 = 0xFFFF_FFFF;

/// Bytes of a cluster; the usual ones of Windows.
const fn cluster_bytes(size_bytes: u64) -> u64 {
    match size_bytes >> 20 {
        0..=256 => 4 << 10,
        257..=32_768 => 32 << 10,
        _ => 128 << 10,
    }
}

/// The volume in numbers; lengths in sectors unless named otherwise.
struct Geometry {
    sector_bytes: u32,
    sectors: u64,
    cluster_bytes: u64,
    table_at: u64,
    table_sectors: u64,
    heap_at: u64,
    clusters: u32,
}

pub(super) fn plan(size_bytes: u64, sector_bytes: u32, label: &Label, serial: u32) -> Result<Layout, &'static str> {
    let volume = geometry(size_bytes, sector_bytes)?;
    let upcase = upcase_table();
    let bitmap_bytes = u64::from(volume.clusters).div_ceil(8);
    let chain = |bytes: u64| bytes.div_ceil(volume.cluster_bytes) as u32;
    let lengths = [chain(bitmap_bytes), chain(upcase.len() as u64), 1];
    let used: u32 = lengths.iter().sum();
    if used > volume.clusters {
        return Err("it is too small");
    }
    let [bitmap_cluster, upcase_cluster, root_cluster] =
        [FIRST_CLUSTER, FIRST_CLUSTER + lengths[0], FIRST_CLUSTER + lengths[0] + lengths[1]];
    let mut table = vec![0xFFFF_FFF8_u32, END_OF_CHAIN];
    for length in lengths {
        let next = table.len() as u32 + 1;
        table.extend((next..).take(length as usize - 1));
        table.push(END_OF_CHAIN);
    }
    let bitmap: Vec<u8> = (0..used.div_ceil(8)).map(|byte| (0..8).filter(|bit| byte * 8 + bit < used).map(|bit| 1 << bit).sum()).collect();
    let mut root = label_entry(label);
    root.extend(entry(0x81, None, bitmap_cluster, bitmap_bytes));
    root.extend(entry(0x82, Some(table_checksum(&upcase)), upcase_cluster, upcase.len() as u64));

    let region = boot_region(&volume, root_cluster, (u64::from(used) * 100 / u64::from(volume.clusters)) as u8, serial);
    let sector = u64::from(sector_bytes);
    let heap = volume.heap_at * sector;
    let cluster = |number: u32| heap + u64::from(number - FIRST_CLUSTER) * volume.cluster_bytes;
    let pieces = vec![
        (0, region.clone()),
        (BOOT_SECTORS * sector, region),
        (volume.table_at * sector, table.iter().flat_map(|entry| entry.to_le_bytes()).collect()),
        (cluster(bitmap_cluster), bitmap),
        (cluster(upcase_cluster), upcase),
        (cluster(root_cluster), root),
    ];
    Ok(Layout { zero_bytes: heap + u64::from(used) * volume.cluster_bytes, pieces })
}

fn geometry(size_bytes: u64, sector_bytes: u32) -> Result<Geometry, &'static str> {
    if size_bytes < LEAST_BYTES {
        return Err("it is smaller than 1 MiB");
    }
    let (sector, cluster_bytes) = (u64::from(sector_bytes), cluster_bytes(size_bytes));
    let aligned = ALIGNED_BYTES / sector;
    let sectors = size_bytes / sector;
    // As many table entries as there were clusters if the table cost nothing: a little too many, which is allowed.
    let most = (sectors - aligned) * sector / cluster_bytes;
    let table_sectors = ((most + 2) * 4).div_ceil(sector).next_multiple_of(aligned);
    let heap_at = aligned + table_sectors;
    let clusters = sectors.saturating_sub(heap_at) * sector / cluster_bytes;
    let clusters = u32::try_from(clusters).ok().filter(|count| *count <= 0xFFFF_FFF5).ok_or("it has too many clusters")?;
    if clusters == 0 {
        return Err("it is too small");
    }
    Ok(Geometry { sector_bytes, sectors, cluster_bytes, table_at: aligned, table_sectors, heap_at, clusters })
}

/// Boot sector, eight extended ones, parameters, a reserved one, and the sector of checksums (section 3).
fn boot_region(volume: &Geometry, root_cluster: u32, percent: u8, serial: u32) -> Vec<u8> {
    let shift = |bytes: u64| bytes.trailing_zeros() as u8;
    let mut boot = Sector::new(volume.sector_bytes);
    boot.put(0, &[0xEB, 0x76, 0x90])
        .put(3, b"EXFAT   ")
        .put(72, &volume.sectors.to_le_bytes())
        .put(80, &(volume.table_at as u32).to_le_bytes())
        .put(84, &(volume.table_sectors as u32).to_le_bytes())
        .put(88, &(volume.heap_at as u32).to_le_bytes())
        .put(92, &volume.clusters.to_le_bytes())
        .put(96, &root_cluster.to_le_bytes())
        .put(100, &serial.to_le_bytes())
        .put(104, &0x0100_u16.to_le_bytes())
        .put(108, &[shift(volume.sector_bytes.into()), shift(volume.cluster_bytes / u64::from(volume.sector_bytes)), 1, 0x80, percent])
        .put(120, &[0xF4; 390])
        .put(510, &[0x55, 0xAA]);
    let mut region = boot.0;
    for _ in 0..8 {
        let last = volume.sector_bytes as usize - 4;
        region.extend(&Sector::new(volume.sector_bytes).put(last, &0xAA55_0000_u32.to_le_bytes()).0);
    }
    region.extend(Sector::new(volume.sector_bytes * 2).0);
    // Flags and percentage change in use and do not count (section 3.4).
    let counted = region.iter().enumerate().filter(|(at, _)| !matches!(at, 106 | 107 | 112)).map(|(_, byte)| *byte);
    let sum = checksum(counted).to_le_bytes();
    region.extend(sum.iter().cycle().take(volume.sector_bytes as usize));
    region
}

/// The checksum of boot region (figure 1) and up-case table (figure 3).
fn checksum(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0_u32, |sum, byte| sum.rotate_right(1).wrapping_add(byte.into()))
}

fn table_checksum(table: &[u8]) -> u32 {
    checksum(table.iter().copied())
}

fn label_entry(label: &Label) -> Vec<u8> {
    let units: Vec<u8> = label.as_str().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut entry = Sector::new(32);
    entry.put(0, &[0x83, label.as_str().len() as u8]).put(2, &units);
    entry.0
}

/// Directory entry of the bitmap (0x81) or the up-case table (0x82).
fn entry(kind: u8, sum: Option<u32>, first_cluster: u32, bytes: u64) -> Vec<u8> {
    let mut entry = Sector::new(32);
    entry.put(0, &[kind]).put(4, &sum.unwrap_or(0).to_le_bytes()).put(20, &first_cluster.to_le_bytes()).put(24, &bytes.to_le_bytes());
    entry.0
}

/// The up-case table, compressed (section 7.2.5.1): 0xFFFF and a count stand for that many characters that are their own.
fn upcase_table() -> Vec<u8> {
    let upper = |code: u16| {
        let character = char::from_u32(code.into())?;
        let mut upper = character.to_uppercase();
        let only = upper.next().filter(|_| upper.next().is_none())?;
        u16::try_from(u32::from(only)).ok()
    };
    let mut table: Vec<u16> = Vec::new();
    let mut same = 0_u16;
    for code in 0..=u16::MAX {
        match upper(code).filter(|upper| *upper != code) {
            None => same = same.saturating_add(1),
            Some(upper) => {
                flush(&mut table, code - same, same);
                same = 0;
                table.push(upper);
            }
        }
    }
    flush(&mut table, u16::MAX - (same - 1), same);
    table.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

/// Writes a run of characters that are their own; two or fewer are cheaper as they are.
fn flush(table: &mut Vec<u16>, first: u16, count: u16) {
    if count > 2 {
        table.extend([0xFFFF, count]);
    } else {
        table.extend((first..).take(count.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_up_case_table_expands_to_one_character_for_each() {
        let table = upcase_table();
        let mut units = table.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let mut expanded: Vec<u16> = Vec::new();
        while let Some(unit) = units.next() {
            if unit == 0xFFFF {
                let count = units.next().unwrap();
                let first = expanded.len() as u16;
                expanded.extend((0..count).map(|n| first + n));
            } else {
                expanded.push(unit);
            }
        }
        assert_eq!(expanded.len(), 65_536);
        for (from, to) in [('a', 'A'), ('z', 'Z'), ('0', '0'), ('ü', 'Ü'), ('ß', 'ß'), ('я', 'Я')] {
            assert_eq!(expanded[from as usize], to as u16, "{from}");
        }
        assert!(table.len() < 8_192, "{}", table.len());
    }
}
