//! Rock Ridge: what stands in the system use areas of directory records (IEEE P1281 SUSP 1.12, P1282 RRIP 1.12).

use super::record::SECTOR_BYTES;
use crate::cache::Window;

/// Most continuation areas of one record.
// BOUND: each holds up to 2,048 bytes; a name of 255 bytes and a link target of 4,096 need three. A chain in a circle ends here.
const MAX_AREAS: usize = 32;

/// What the entries of a record say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RockRidge {
    /// Name, put together.
    pub name: Option<Vec<u8>>,
    /// POSIX mode.
    pub mode: Option<u32>,
    /// Whether there is the target of a symbolic link.
    pub link: bool,
    /// First byte of the directory that has its place here and lies elsewhere.
    pub child_at: Option<u64>,
    /// Whether this directory has its place elsewhere.
    pub relocated: bool,
    /// Whether the content is written in a way only some readers undo (compressed, sparse).
    pub transformed: bool,
    /// Whether an entry or area could not be read, so that more may have been said.
    pub broken: bool,
}

/// Bytes to skip at the beginning of each system use area, when the first record of the root directory says that there
/// are such entries at all.
pub fn skipped(system_use: &[u8]) -> Option<usize> {
    match system_use {
        [b'S', b'P', 7, _, 0xBE, 0xEF, skipped, ..] => Some(usize::from(*skipped)),
        _ => None,
    }
}

/// Reads the entries of an area and of those that continue it.
pub fn read(window: &Window, area: &[u8]) -> RockRidge {
    let mut found = RockRidge::default();
    let mut area = area.to_vec();
    for _ in 0..MAX_AREAS {
        match found.entries(&area) {
            None => return found,
            Some(next) => match next.read(window) {
                Some(bytes) => area = bytes,
                None => break,
            },
        }
    }
    found.broken = true;
    found
}

/// Where an area goes on.
struct Continuation {
    block: u32,
    offset: u32,
    bytes: u32,
}

impl Continuation {
    fn read(&self, window: &Window) -> Option<Vec<u8>> {
        // An area lies in one block.
        let fits = u64::from(self.offset) + u64::from(self.bytes) <= SECTOR_BYTES;
        let mut bytes = vec![0; if fits { self.bytes as usize } else { return None }];
        window.read_exact_at(u64::from(self.block) * SECTOR_BYTES + u64::from(self.offset), &mut bytes).ok()?;
        Some(bytes)
    }
}

impl RockRidge {
    /// Takes the entries of one area, and says where it goes on.
    fn entries(&mut self, mut area: &[u8]) -> Option<Continuation> {
        let mut continued = None;
        // Fewer than four bytes, or zeros, fill up.
        while let [first, second, length, _, ..] = *area {
            if [first, second] == [0, 0] {
                break;
            }
            let Some((entry, rest)) = area.split_at_checked(usize::from(length)).filter(|_| length >= 4) else {
                self.broken = true;
                break;
            };
            area = rest;
            match [first, second] {
                [b'S', b'T'] => break,
                [b'C', b'E'] => continued = continuation(entry),
                signature => self.entry(signature, entry),
            }
            self.broken |= [first, second] == *b"CE" && continued.is_none();
        }
        continued
    }

    fn entry(&mut self, signature: [u8; 2], entry: &[u8]) {
        match &signature {
            // The bits 2 and 4 of the flags stand for `.` and `..`, which are known without.
            b"NM" if entry.get(4).is_some_and(|flags| flags & 0x06 == 0) => {
                self.name.get_or_insert_default().extend_from_slice(entry.get(5..).unwrap_or_default());
            }
            b"PX" => self.mode = long(entry, 4),
            b"SL" => self.link = true,
            b"CL" => self.child_at = long(entry, 4).map(|block| u64::from(block) * SECTOR_BYTES),
            b"RE" => self.relocated = true,
            b"ZF" | b"SF" => self.transformed = true,
            _ => {}
        }
    }
}

fn continuation(entry: &[u8]) -> Option<Continuation> {
    Some(Continuation { block: long(entry, 4)?, offset: long(entry, 12)?, bytes: long(entry, 20)? })
}

fn long(entry: &[u8], at: usize) -> Option<u32> {
    entry.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
