//! Entries of a block of a directory (Linux, `Documentation/filesystems/ext4`: "Linear Directories"). The blocks of an index
//! look like blocks without entries, so that an indexed directory is read like any other.

use crate::bytes::{long, word};

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Inode.
    pub inode: u32,
    /// Name, raw.
    pub name: Vec<u8>,
}

/// Reads the entries of a block or of an inline part; the flag says whether it was read to its end.
pub fn read(block: &[u8], has_file_types: bool) -> (Vec<Entry>, bool) {
    let mut entries = Vec::new();
    let mut rest = block;
    while !rest.is_empty() {
        let Some((length, entry)) = first(rest, block.len(), has_file_types) else { return (entries, false) };
        if entry.inode != 0 {
            entries.push(entry);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    (entries, true)
}

/// The first entry, and its length, which is at least 8.
fn first(rest: &[u8], block_bytes: usize, has_file_types: bool) -> Option<(usize, Entry)> {
    let length = match usize::from(word(rest, 4)?) {
        // 65,536 does not fit.
        0 | 0xFFFF if block_bytes == 0x1_0000 => block_bytes,
        length => length,
    };
    let name_bytes = usize::from(word(rest, 6)?) & if has_file_types { 0xFF } else { 0xFFFF };
    let inode = long(rest, 0)?;
    let whole = rest.get(..length).filter(|_| length >= 8)?;
    // Of an entry that is deleted, only the length counts.
    let name = if inode == 0 { &[][..] } else { whole.get(8..8 + name_bytes)? };
    Some((length, Entry { inode, name: name.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inode: u32, length: u16, name: &[u8]) -> Vec<u8> {
        let mut raw = [&inode.to_le_bytes()[..], &length.to_le_bytes(), &[name.len() as u8, 1], name].concat();
        raw.resize(length.into(), 0);
        raw
    }

    #[test]
    fn deleted_entries_and_checksums_are_none_and_broken_lengths_say_so() {
        let whole = [entry(11, 12, b"a"), entry(0, 16, b"weg"), entry(12, 20, b"zwei"), entry(0, 12, b"")].concat();
        let (entries, complete) = read(&whole, true);
        let names: Vec<_> = entries.iter().map(|entry| (entry.inode, entry.name.as_slice())).collect();
        assert_eq!((names.as_slice(), complete), (&[(11, &b"a"[..]), (12, b"zwei")][..], true));
        for (at, value) in [(4, 0), (4, 7), (4, 61), (5, 0xFF), (6, 5)] {
            let mut broken = whole.clone();
            broken[at] = value;
            assert_eq!(read(&broken, true), (Vec::new(), false), "{at} {value}");
        }
        assert!(!read(&whole[..30], true).1);
    }
}
