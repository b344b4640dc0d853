//! NTFS volumes put together by hand: small ones, and ones that lie. Only what a reader of the file table needs is in them:
//! boot sectors, the table with its copy, and clusters; no indexes, no bitmap, no log.

/// Bytes of a sector and of a cluster.
pub const CLUSTER: usize = 512;
/// Bytes of a file record.
pub const RECORD: usize = 1024;
/// Attribute type: a name of the file.
pub const FILE_NAME: u32 = 0x30;
/// Attribute type: where attributes in other records are.
pub const ATTRIBUTE_LIST: u32 = 0x20;
/// Attribute type: content.
pub const DATA: u32 = 0x80;
/// Attribute type: reparse point.
pub const REPARSE_POINT: u32 = 0xC0;
/// Attribute type: what the encrypting file system keeps.
pub const LOGGED_UTILITY_STREAM: u32 = 0x100;
/// Attribute flag: compressed.
pub const COMPRESSED: u16 = 1;
/// Attribute flag: encrypted.
pub const ENCRYPTED: u16 = 0x4000;
/// Record flag: in use.
pub const IN_USE: u16 = 1;
/// Record flag: a directory.
pub const DIRECTORY: u16 = 2;
/// Number of the root directory's record.
pub const ROOT: u64 = 5;
const TABLE_CLUSTER: usize = 16;

/// A volume whose clusters are given out from the first one on.
#[derive(Debug, Clone)]
pub struct Volume {
    records: Vec<[u8; RECORD]>,
    heap: Vec<u8>,
    next: usize,
}

impl Volume {
    /// A volume with room for so many records, and with so many clusters for content.
    pub fn new(records: usize, clusters: usize) -> Self {
        let mut volume = Self { records: vec![[0; RECORD]; records], heap: vec![0; clusters * CLUSTER], next: 0 };
        let table = [(Some(TABLE_CLUSTER as u64), (records * 2) as u64)];
        let content = mapped("", 0, &Mapped { runs: &table, ..Mapped::whole(records * RECORD) });
        volume.record(0, IN_USE, 0, &[name(ROOT, "$MFT"), content]);
        volume.record(ROOT, IN_USE | DIRECTORY, 0, &[name(ROOT, ".")]);
        volume
    }

    /// Puts bytes into clusters in a row and returns the first.
    pub fn row(&mut self, bytes: &[u8]) -> u64 {
        let first = self.next;
        let clusters = bytes.len().div_ceil(CLUSTER);
        self.heap.iter_mut().skip(first * CLUSTER).zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.next += clusters;
        (self.heap_at() / CLUSTER + first) as u64
    }

    fn heap_at(&self) -> usize {
        (TABLE_CLUSTER + 8) * CLUSTER + self.records.len() * RECORD
    }

    /// Writes a record; `base` is the one it goes on with, or 0.
    pub fn record(&mut self, number: u64, flags: u16, base: u64, attributes: &[Vec<u8>]) {
        let mut record = [0; RECORD];
        let mut put = |at: usize, bytes: &[u8]| record.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = *byte);
        put(0, b"FILE\x30\0\x03\0");
        put(16, &[1, 0, 1, 0, 0x38, 0]);
        put(22, &flags.to_le_bytes());
        put(32, &if base == 0 { 0 } else { reference(base) }.to_le_bytes());
        put(44, &(number as u32).to_le_bytes());
        put(56, &[attributes.concat(), vec![0xFF; 4]].concat());
        seal(&mut record);
        if let Some(place) = self.records.get_mut(number as usize) {
            *place = record;
        }
    }

    /// A file of the root directory, with further attributes.
    pub fn file(&mut self, number: u64, title: &str, attributes: &[Vec<u8>]) {
        self.record(number, IN_USE, 0, &[&[name(ROOT, title)], attributes].concat());
    }

    /// The bytes of a record, to be changed.
    pub fn raw(&mut self, number: u64) -> &mut [u8] {
        self.records.get_mut(number as usize).map_or(&mut [], |record| record)
    }

    /// The volume as an image.
    pub fn image(self) -> Vec<u8> {
        let mut boot = [0; CLUSTER];
        let clusters = (self.heap_at() + self.heap.len()) / CLUSTER;
        let mirror = TABLE_CLUSTER + self.records.len() * 2;
        let mut put = |at: usize, bytes: &[u8]| boot.iter_mut().skip(at).zip(bytes).for_each(|(place, byte)| *place = *byte);
        put(0, b"\xEB\x52\x90NTFS    \0\x02\x01");
        put(40, &(clusters as u64).to_le_bytes());
        put(48, &(TABLE_CLUSTER as u64).to_le_bytes());
        put(56, &(mirror as u64).to_le_bytes());
        put(64, &[0xF6, 0, 0, 0, 0xF6]);
        put(510, &[0x55, 0xAA]);
        let mut image = boot.to_vec();
        image.resize(TABLE_CLUSTER * CLUSTER, 0);
        image.extend_from_slice(self.records.as_flattened());
        image.extend(self.records.iter().take(4).flatten());
        image.resize(self.heap_at(), 0);
        image.extend_from_slice(&self.heap);
        image.extend_from_slice(&boot);
        image
    }
}

/// Moves the last bytes of each sector of a record to the update sequence.
fn seal(record: &mut [u8; RECORD]) {
    let number = [1, 0];
    let mut sequence = number.to_vec();
    for sector in record.chunks_exact_mut(CLUSTER) {
        if let Some(last) = sector.last_chunk_mut::<2>() {
            sequence.extend_from_slice(last);
            *last = number;
        }
    }
    record.iter_mut().skip(0x30).zip(sequence).for_each(|(place, byte)| *place = byte);
}

/// A reference to the first use of a record.
pub const fn reference(number: u64) -> u64 {
    number | 1 << 48
}

/// The name of a file.
pub fn name(parent: u64, title: &str) -> Vec<u8> {
    name_of(reference(parent), 1, &title.encode_utf16().collect::<Vec<_>>())
}

/// The name of a file in a namespace: 0 POSIX, 1 Windows, 2 DOS, 3 both.
pub fn name_of(parent: u64, namespace: u8, units: &[u16]) -> Vec<u8> {
    let mut value = parent.to_le_bytes().to_vec();
    value.resize(64, 0);
    value.extend([units.len() as u8, namespace]);
    value.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    resident(FILE_NAME, "", 0, &value)
}

/// An attribute inside of its record.
pub fn resident(kind: u32, title: &str, flags: u16, value: &[u8]) -> Vec<u8> {
    let head = [&(value.len() as u32).to_le_bytes()[..], &(24 + title.encode_utf16().count() as u16 * 2).to_le_bytes(), &[0, 0]].concat();
    attribute(kind, 0, title, flags, &head, value)
}

/// Clusters in a row, the first of them (none for a hole) and how many.
pub type Run = (Option<u64>, u64);

/// What a content in clusters is.
#[derive(Debug, Clone, Copy)]
pub struct Mapped<'a> {
    /// First cluster of the piece.
    pub begin: u64,
    /// Where its clusters are.
    pub runs: &'a [Run],
    /// Clusters compressed together, as a power of two.
    pub unit_shift: u8,
    /// Length, bytes.
    pub length: u64,
    /// Bytes written.
    pub initialized: u64,
}

impl Mapped<'_> {
    /// A plain content of this length, without runs so far.
    pub const fn whole(length: usize) -> Self {
        Self { begin: 0, runs: &[], unit_shift: 0, length: length as u64, initialized: length as u64 }
    }
}

/// A content in clusters.
pub fn mapped(title: &str, flags: u16, mapped: &Mapped<'_>) -> Vec<u8> {
    let clusters: u64 = mapped.runs.iter().map(|(_, count)| count).sum();
    let pairs_at = 64 + title.encode_utf16().count() as u16 * 2;
    let head = [
        &mapped.begin.to_le_bytes()[..],
        &(mapped.begin + clusters).wrapping_sub(1).to_le_bytes(),
        &pairs_at.to_le_bytes(),
        &[mapped.unit_shift, 0, 0, 0, 0, 0],
        &(clusters * CLUSTER as u64).to_le_bytes(),
        &mapped.length.to_le_bytes(),
        &mapped.initialized.to_le_bytes(),
    ];
    attribute(DATA, 1, title, flags, &head.concat(), &pairs(mapped.runs))
}

fn attribute(kind: u32, form: u8, title: &str, flags: u16, head: &[u8], value: &[u8]) -> Vec<u8> {
    let units: Vec<u8> = title.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut body = [head, &units, value].concat();
    body.resize((16 + body.len()).next_multiple_of(8) - 16, 0);
    let name_at = (16 + head.len()) as u16;
    let mut all = [kind.to_le_bytes(), (16 + body.len() as u32).to_le_bytes()].concat();
    all.extend([form, (units.len() / 2) as u8]);
    all.extend([name_at.to_le_bytes(), flags.to_le_bytes(), [0, 0]].concat());
    all.extend(body);
    all
}

/// Mapping pairs of runs, each with eight bytes for the step and four for the count.
pub fn pairs(runs: &[Run]) -> Vec<u8> {
    let mut before = 0;
    let mut out = Vec::new();
    for (cluster, count) in runs {
        out.push(if cluster.is_some() { 0x84 } else { 0x04 });
        out.extend((*count as u32).to_le_bytes());
        if let Some(cluster) = *cluster {
            out.extend(cluster.wrapping_sub(before).to_le_bytes());
            before = cluster;
        }
    }
    out.push(0);
    out
}

/// An attribute list: type, name, first cluster and record of each.
pub fn list(entries: &[(u32, &str, u64, u64)]) -> Vec<u8> {
    let entry = |(kind, title, begin, record): &(u32, &str, u64, u64)| {
        let units: Vec<u8> = title.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = (26 + units.len()).next_multiple_of(8);
        let mut out = kind.to_le_bytes().to_vec();
        out.extend((length as u16).to_le_bytes());
        out.extend([(units.len() / 2) as u8, 26]);
        out.extend(begin.to_le_bytes());
        out.extend(reference(*record).to_le_bytes());
        out.extend([0, 0]);
        out.extend(units);
        out.resize(length, 0);
        out
    };
    resident(ATTRIBUTE_LIST, "", 0, &entries.iter().flat_map(entry).collect::<Vec<u8>>())
}

/// A reparse point of a kind.
pub fn reparse(tag: u32) -> Vec<u8> {
    resident(REPARSE_POINT, "", 0, &[&tag.to_le_bytes()[..], &[4, 0, 0, 0, 1, 2, 3, 4]].concat())
}

/// `chunks` times 4096 bytes of one letter, compressed.
pub fn packed(letter: u8, chunks: usize) -> Vec<u8> {
    [0x03, 0xB0, 0b10, letter, 0xFC, 0x0F].repeat(chunks)
}
