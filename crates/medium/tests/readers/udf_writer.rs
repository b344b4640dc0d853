//! Puts trees on volumes mkudffs made, which are empty and which nothing here can mount. Blocks are taken from the middle
//! of the partition on; the bitmap of free ones is left alone, because no reader looks at it.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// How the content of a file lies on the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Short,
    Long,
    Extended,
    Inside,
    /// In runs of one block each, backwards, with blocks of descriptors that lead to one another; zeros are holes.
    Pieces,
}

pub const FORMS: [Form; 5] = [Form::Short, Form::Long, Form::Extended, Form::Inside, Form::Pieces];

pub struct Writer {
    pub image: File,
    pub block_bytes: u64,
    /// First block of the partition.
    pub start: u64,
    /// File entry of the root directory, in the partition.
    pub root: u32,
    /// What contents lie in, in turn.
    pub forms: Vec<Form>,
    next: u32,
    /// Index of the partition map the root is in.
    map: u16,
}

fn long(raw: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(raw[at..at + 4].try_into().unwrap())
}

/// CRC of ITU-T V.41 by table-less division, as the reader's own test holds it against the standard's example.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    crc
}

/// Puts tag and checksums before a descriptor, or renews them.
pub fn seal(raw: &mut [u8], ident: u16, location: u32, guarded: usize) {
    raw[..16].fill(0);
    raw[..2].copy_from_slice(&ident.to_le_bytes());
    raw[2] = 3;
    let crc = crc(&raw[16..16 + guarded]).to_le_bytes();
    raw[8..10].copy_from_slice(&crc);
    raw[10..12].copy_from_slice(&(guarded as u16).to_le_bytes());
    raw[12..16].copy_from_slice(&location.to_le_bytes());
    raw[4] = raw[..16].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
}

/// Makes checksums right again after a change somewhere in a descriptor of this place.
pub fn mend(raw: &mut [u8]) {
    let guarded = usize::from(u16::from_le_bytes([raw[10], raw[11]]));
    if raw.len() >= 16 + guarded {
        let (ident, location) = (u16::from_le_bytes([raw[0], raw[1]]), long(raw, 12));
        let version = raw[2];
        seal(raw, ident, location, guarded);
        raw[4] = raw[4].wrapping_sub(raw[2]).wrapping_add(version);
        raw[2] = version;
    }
}

impl Writer {
    /// The volume in an image of mkudffs.
    pub fn open(path: &Path, block_bytes: u64) -> Self {
        let image = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let block = |number: u64| {
            let mut raw = vec![0; block_bytes as usize];
            image.read_exact_at(&mut raw, number * block_bytes).unwrap();
            raw
        };
        let anchor = block(256);
        let first = u64::from(long(&anchor, 20));
        let sequence: Vec<Vec<u8>> = (first..first + 16).map(block).collect();
        let descriptor = |ident: u8| sequence.iter().find(|raw| raw[..2] == [ident, 0]).unwrap();
        let (partition, volume) = (descriptor(5), descriptor(6));
        let start = u64::from(long(partition, 188));
        let map = u16::from_le_bytes([volume[256], volume[257]]);
        let set = block(start + u64::from(long(volume, 252)));
        let root = long(&set, 404);
        let next = long(partition, 192) / 2;
        Self { image, block_bytes, start, root, forms: FORMS.to_vec(), next, map }
    }

    pub fn take(&mut self, blocks: u64) -> u32 {
        let first = self.next;
        self.next += blocks as u32;
        first
    }

    pub fn write(&self, block: u32, bytes: &[u8]) {
        self.image.write_all_at(bytes, (self.start + u64::from(block)) * self.block_bytes).unwrap();
    }

    fn long_descriptor(&self, kind: u32, bytes: u32, block: u32) -> Vec<u8> {
        [&(bytes | kind << 30).to_le_bytes()[..], &block.to_le_bytes(), &self.map.to_le_bytes(), &[0; 6]].concat()
    }

    fn descriptor(&self, form: Form, kind: u32, bytes: u32, block: u32) -> Vec<u8> {
        let length = (bytes | kind << 30).to_le_bytes();
        match form {
            Form::Long => self.long_descriptor(kind, bytes, block),
            Form::Extended => [&length[..], &length, &bytes.to_le_bytes(), &block.to_le_bytes(), &self.map.to_le_bytes(), &[0; 2]].concat(),
            _ => [length, block.to_le_bytes()].concat(),
        }
    }

    /// Writes an extended file entry into a block; the stream directory is a file entry as well.
    pub fn entry(&self, at: u32, kind: u8, form: Form, size: u64, descriptors: &[u8], streams: Option<u32>) {
        let mut raw = vec![0; 216 + descriptors.len()];
        raw[20] = 4;
        raw[24] = 1;
        raw[27] = kind;
        raw[34] = [0, 1, 2, 3, 0][form as usize];
        raw[48] = 1;
        raw[56..64].copy_from_slice(&size.to_le_bytes());
        raw[64..72].copy_from_slice(&size.to_le_bytes());
        if let Some(streams) = streams {
            raw[152..168].copy_from_slice(&self.long_descriptor(0, self.block_bytes as u32, streams));
        }
        raw[212..216].copy_from_slice(&(descriptors.len() as u32).to_le_bytes());
        raw[216..].copy_from_slice(descriptors);
        let guarded = raw.len() - 16;
        seal(&mut raw, 266, at, guarded);
        raw.resize(self.block_bytes as usize, 0);
        self.write(at, &raw);
    }

    /// Writes content, and gives the descriptors that lead to it.
    fn content(&mut self, form: Form, bytes: &[u8]) -> (Form, Vec<u8>) {
        let block_bytes = self.block_bytes as usize;
        match form {
            Form::Inside if bytes.len() <= block_bytes - 216 => (form, bytes.to_vec()),
            Form::Pieces => (form, self.pieces(bytes)),
            _ if bytes.is_empty() => (form, Vec::new()),
            _ => {
                let form = if form == Form::Inside { Form::Short } else { form };
                let first = self.take(bytes.len().div_ceil(block_bytes) as u64);
                self.write(first, bytes);
                (form, self.descriptor(form, 0, bytes.len() as u32, first))
            }
        }
    }

    fn pieces(&mut self, bytes: &[u8]) -> Vec<u8> {
        let block_bytes = self.block_bytes as usize;
        let chunks: Vec<&[u8]> = bytes.chunks(block_bytes).collect();
        let mut all: Vec<Vec<u8>> = Vec::new();
        for chunk in chunks.into_iter().rev() {
            let hole = chunk.iter().all(|byte| *byte == 0);
            let block = if hole { 0 } else { self.take(1) };
            if !hole {
                self.write(block, chunk);
            }
            all.insert(0, self.descriptor(Form::Short, if hole { 2 } else { 0 }, chunk.len() as u32, block));
        }
        // Twenty in the entry and in each block, the last of which leads to the next.
        let mut groups: Vec<Vec<Vec<u8>>> = all.chunks(20).map(<[Vec<u8>]>::to_vec).collect();
        while groups.len() > 1 {
            let last = groups.pop().unwrap().concat();
            let block = self.take(1);
            let mut raw = [&[0; 20][..], &(last.len() as u32).to_le_bytes(), &last].concat();
            let guarded = raw.len() - 16;
            seal(&mut raw, 258, block, guarded);
            raw.resize(block_bytes, 0);
            self.write(block, &raw);
            let chain = self.descriptor(Form::Short, 3, self.block_bytes as u32, block);
            groups.last_mut().unwrap().push(chain);
        }
        groups.pop().unwrap_or_default().concat()
    }

    /// A file, and its entry's block.
    pub fn file(&mut self, form: Form, bytes: &[u8], streams: Option<u32>) -> u32 {
        let at = self.take(1);
        let (form, descriptors) = self.content(form, bytes);
        self.entry(at, 5, form, bytes.len() as u64, &descriptors, streams);
        at
    }

    /// An entry of a directory.
    pub fn identifier(&self, name: &str, characteristics: u8, icb: u32) -> Vec<u8> {
        let narrow = name.chars().all(|c| u32::from(c) < 256);
        let name: Vec<u8> = match (name, narrow) {
            ("", _) => Vec::new(),
            (name, true) => [8].into_iter().chain(name.chars().map(|c| c as u8)).collect(),
            (name, false) => [16].into_iter().chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
        };
        assert!(name.len() < 256);
        let mut raw = vec![0; (38 + name.len()).next_multiple_of(4)];
        raw[16] = 1;
        raw[18] = characteristics;
        raw[19] = name.len() as u8;
        raw[20..36].copy_from_slice(&self.long_descriptor(0, self.block_bytes as u32, icb));
        raw[38..38 + name.len()].copy_from_slice(&name);
        let guarded = raw.len() - 16;
        seal(&mut raw, 257, icb, guarded);
        raw
    }

    /// Writes a directory of these entries; 4 is an ordinary one, 13 one of streams.
    pub fn directory(&mut self, at: u32, kind: u8, identifiers: &[u8], form: Form) {
        let (form, descriptors) = self.content(form, identifiers);
        self.entry(at, kind, form, identifiers.len() as u64, &descriptors, None);
    }

    /// Puts everything below a folder on the volume; contents lie in each form in turn.
    pub fn tree(&mut self, folder: &Path, at: u32, parent: u32) {
        let mut identifiers = self.identifier("", 0x0A, parent);
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for (number, path) in entries.iter().enumerate() {
            let name = str::from_utf8(path.file_name().unwrap().as_bytes()).unwrap();
            if path.is_dir() {
                let child = self.take(1);
                self.tree(path, child, at);
                identifiers.extend(self.identifier(name, 0x02, child));
            } else {
                let file = self.file(self.forms[number % self.forms.len()], &std::fs::read(path).unwrap(), None);
                identifiers.extend(self.identifier(name, 0, file));
            }
            // What was deleted stays as it was, with a mark.
            identifiers.extend(self.identifier("gelöscht", 0x04, at));
        }
        self.directory(at, 4, &identifiers, self.forms[entries.len() % self.forms.len()]);
    }
}
