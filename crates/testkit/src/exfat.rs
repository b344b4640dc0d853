//! exFAT volumes put together by hand (Microsoft exFAT specification): small ones, and ones that lie.

/// Bytes of a sector and of a cluster.
pub const CLUSTER: usize = 512;
/// Bytes of a directory entry.
const ENTRY: usize = 32;
const REGION: usize = 12 * CLUSTER;
const TABLE_AT: usize = 2 * REGION;
/// End of a chain.
pub const END: u32 = u32::MAX;
/// General secondary flags: the entry has clusters.
pub const ALLOCATED: u8 = 1;
/// General secondary flags: its clusters lie in a row, and the table says nothing about them.
pub const IN_A_ROW: u8 = 2;
/// File attribute: a directory.
pub const DIRECTORY: u16 = 0x10;

/// A volume whose clusters are given out from the first one on.
#[derive(Debug, Clone)]
pub struct Volume {
    table: Vec<u32>,
    heap: Vec<u8>,
    next: u32,
}

impl Volume {
    /// An empty volume of this many clusters.
    pub fn new(clusters: usize) -> Self {
        Self { table: vec![0; clusters + 2], heap: vec![0; clusters * CLUSTER], next: 2 }
    }

    /// Puts bytes into clusters in a row and returns the first.
    pub fn row(&mut self, bytes: &[u8]) -> u32 {
        let first = self.next;
        for piece in bytes.chunks(CLUSTER) {
            self.write(self.next, piece);
            self.next += 1;
        }
        first
    }

    /// Puts bytes into every second cluster, chains them, and returns the first.
    pub fn chain(&mut self, bytes: &[u8]) -> u32 {
        let first = self.next;
        let pieces: Vec<&[u8]> = bytes.chunks(CLUSTER).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let cluster = self.next;
            self.write(cluster, piece);
            self.link(cluster, if index + 1 == pieces.len() { END } else { cluster + 2 });
            self.next += 2;
        }
        first
    }

    /// Overwrites the beginning of a cluster.
    pub fn write(&mut self, cluster: u32, bytes: &[u8]) {
        let at = (cluster as usize - 2) * CLUSTER;
        if let Some(place) = self.heap.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// Sets the table entry of a cluster.
    pub fn link(&mut self, cluster: u32, next: u32) {
        if let Some(entry) = self.table.get_mut(cluster as usize) {
            *entry = next;
        }
    }

    /// The volume with these entries in its root directory, behind bitmap, up-case table and label.
    pub fn image(mut self, root: &[u8]) -> Vec<u8> {
        let own = [0x81, 0x82, 0x83].map(|kind| {
            let mut entry = [0; ENTRY];
            entry[0] = kind;
            entry
        });
        let root_cluster = self.chain(&[own.as_flattened(), root].concat());
        let table: Vec<u8> = self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let table_sectors = table.len().div_ceil(CLUSTER);
        let heap_at = TABLE_AT + table_sectors * CLUSTER;
        let mut image = vec![0; heap_at];
        image.extend_from_slice(&self.heap);
        let sectors = (image.len() / CLUSTER) as u64;
        let mut put = |at: usize, bytes: &[u8]| image.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = *byte);
        put(TABLE_AT, &table);
        for region in [0, REGION] {
            put(region, &[0xEB, 0x76, 0x90]);
            put(region + 3, b"EXFAT   ");
            put(region + 72, &sectors.to_le_bytes());
            put(region + 80, &((TABLE_AT / CLUSTER) as u32).to_le_bytes());
            put(region + 84, &(table_sectors as u32).to_le_bytes());
            put(region + 88, &((heap_at / CLUSTER) as u32).to_le_bytes());
            put(region + 92, &(self.table.len() as u32 - 2).to_le_bytes());
            put(region + 96, &root_cluster.to_le_bytes());
            put(region + 104, &[0, 1, 0, 0, 9, 0, 1, 0x80]);
            put(region + 510, &[0x55, 0xAA]);
        }
        straighten_boot(&mut image);
        image
    }
}

/// Makes both boot checksums and those of all entry sets right again, wherever in the image something looks like a set.
pub fn straighten(image: &mut [u8]) {
    straighten_boot(image);
    let mut at = 2 * REGION;
    while let Some(&[kind, secondaries]) = image.get(at..at + 2) {
        let length = (usize::from(secondaries) + 1) * ENTRY;
        if let Some(set) = image.get_mut(at..at + length).filter(|_| kind == 0x85) {
            sign(set);
        }
        at += ENTRY;
    }
}

fn straighten_boot(image: &mut [u8]) {
    for region in image.chunks_exact_mut(REGION).take(2) {
        let (summed, sums) = region.split_at_mut(11 * CLUSTER);
        let stable = summed.iter().enumerate().filter(|(place, _)| !matches!(place, 106 | 107 | 112));
        let sum = stable.fold(0u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
        sums.chunks_exact_mut(4).for_each(|place| place.copy_from_slice(&sum.to_le_bytes()));
    }
}

/// Puts the checksum of an entry set into it.
pub fn sign(set: &mut [u8]) {
    let summed = set.iter().enumerate().filter(|(place, _)| !matches!(place, 2 | 3));
    let sum = summed.fold(0u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    set.iter_mut().skip(2).zip(sum.to_le_bytes()).for_each(|(place, byte)| *place = byte);
}

/// What an entry set says of a file.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    /// Its name.
    pub name: &'a str,
    /// File attributes.
    pub attributes: u16,
    /// General secondary flags of the stream extension.
    pub flags: u8,
    /// First cluster.
    pub first: u32,
    /// Length, bytes.
    pub length: u64,
    /// Bytes of it that were written.
    pub valid: u64,
}

impl Set<'_> {
    /// The entries, and these secondary ones behind them.
    pub fn entries(&self, behind: &[[u8; ENTRY]]) -> Vec<u8> {
        let units: Vec<u8> = self.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let names = units.chunks(30).map(|piece| {
            let mut entry = [0; ENTRY];
            entry[0] = 0xC1;
            entry.iter_mut().skip(2).zip(piece).for_each(|(place, byte)| *place = *byte);
            entry
        });
        let [mut file, mut stream] = [[0; ENTRY]; 2];
        (stream[0], stream[1], stream[3]) = (0xC0, self.flags, (units.len() / 2) as u8);
        stream[8..16].copy_from_slice(&self.valid.to_le_bytes());
        stream[20..24].copy_from_slice(&self.first.to_le_bytes());
        stream[24..].copy_from_slice(&self.length.to_le_bytes());
        let mut set = vec![stream];
        set.extend(names);
        set.extend_from_slice(behind);
        (file[0], file[1]) = (0x85, set.len() as u8);
        file[4..6].copy_from_slice(&self.attributes.to_le_bytes());
        let mut bytes = [&file[..], set.as_flattened()].concat();
        sign(&mut bytes);
        bytes
    }
}

/// The set of a whole file in clusters in a row.
pub fn file(name: &str, first: u32, length: usize) -> Vec<u8> {
    Set { name, attributes: 0x20, flags: ALLOCATED | IN_A_ROW, first, length: length as u64, valid: length as u64 }.entries(&[])
}

/// The set of a whole directory in a chain.
pub fn directory(name: &str, first: u32, length: usize) -> Vec<u8> {
    let length = length.next_multiple_of(CLUSTER) as u64;
    Set { name, attributes: DIRECTORY, flags: ALLOCATED, first, length, valid: length }.entries(&[])
}
