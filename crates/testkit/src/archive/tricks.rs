//! Archives that say one thing here and another there, or that never end: ZIP with data descriptors, 64-bit sizes and
//! several ends, a ZIP that contains itself, tar written header by header, 7z.

use super::{DOS_DATE, DOS_TIME, Shape, UNIX_TIME, ZipBuilder, append_directory, append_end};
use crate::bits::{self, BitWriter, Noise};

impl ZipBuilder {
    /// Makes the last member one whose sizes stand behind its body.
    #[must_use]
    pub fn described(mut self) -> Self {
        if let Some(member) = self.members.last_mut() {
            member.shape = Shape::Described;
            member.flags |= 1 << 3;
        }
        self
    }

    /// Makes the last member one with sizes of 64 bits that claims `size` bytes, whatever it has.
    #[must_use]
    pub fn wide(mut self, size: u64) -> Self {
        if let Some(member) = self.members.last_mut() {
            member.shape = Shape::Wide(size);
        }
        self
    }

    /// Gives the last member's name the flag of UTF-8 (`true`) or takes it away, whatever the name is.
    #[must_use]
    pub fn utf8_flag(mut self, set: bool) -> Self {
        if let Some(member) = self.members.last_mut() {
            member.flags = member.flags & !(1 << 11) | u16::from(set) << 11;
        }
        self
    }

    /// The archive with a 64-bit end record that claims `count` members (APPNOTE 4.3.14 and 4.3.15), and an end record of
    /// 32 bits that refers to it.
    pub fn finish_wide(&self, count: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let offsets: Vec<usize> = self.members.iter().map(|member| member.append_local(&mut out)).collect();
        let start = out.len();
        for (member, offset) in self.members.iter().zip(&offsets) {
            member.append_central(&mut out, *offset);
        }
        let length = out.len() - start;
        append_wide_end(&mut out, count, start, length);
        out.extend(b"PK\x05\x06\0\0\0\0");
        out.extend([0xFF; 12]);
        out.extend([0, 0]);
        out
    }

    /// Two directories: the end record of 64 bits leads to `self`, that of 32 bits to `other`; each is whole. Which one a
    /// reader believes is its own affair.
    pub fn finish_with_two_ends(&self, other: &Self) -> Vec<u8> {
        let mut out = Vec::new();
        let offsets: Vec<usize> = self.members.iter().map(|member| member.append_local(&mut out)).collect();
        let other_offsets: Vec<usize> = other.members.iter().map(|member| member.append_local(&mut out)).collect();
        let (first, mut ends) = (out.len(), Vec::new());
        for (members, offsets) in [(&self.members, &offsets), (&other.members, &other_offsets)] {
            let start = out.len();
            for (member, offset) in members.iter().zip(offsets) {
                member.append_central(&mut out, *offset);
            }
            ends.push((start, out.len() - start));
        }
        let length = ends.first().map_or(0, |(_, length)| *length);
        append_wide_end(&mut out, self.members.len() as u64, first, length);
        let (start, length) = ends.last().copied().unwrap_or_default();
        append_end(&mut out, &other.members, start, length);
        out
    }

    /// The archive in which every name of the directory differs from that of the local header in its last letter.
    pub fn finish_with_other_names(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let offsets: Vec<usize> = self.members.iter().map(|member| member.append_local(&mut out)).collect();
        let mut renamed = self.members.clone();
        for member in &mut renamed {
            if let Some(last) = member.name.last_mut() {
                *last ^= 1;
            }
        }
        append_directory(&mut out, &offsets, &renamed);
        out
    }
}

/// The end record of 64 bits and its locator.
fn append_wide_end(out: &mut Vec<u8>, count: u64, start: usize, length: usize) {
    let at = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44u64.to_le_bytes());
    out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for field in [count, count, length as u64, start as u64] {
        out.extend(field.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(at.to_le_bytes());
    out.extend(1u32.to_le_bytes());
}

/// Name of the member of [`quine_zip`], which is that archive again. Thirty bytes, because then the one repetition of the
/// header is five bytes long, as the scheme needs.
pub const QUINE_MEMBER: &[u8; 30] = b"Immer dasselbe, nur tiefer.zip";

/// A ZIP whose one member is the archive itself: unpacking it never ends.
///
/// After R. Cox, "Zip files all the way down" (2010): the deflate stream prints itself with blocks of literals and
/// repetitions of five bytes each; the checksum inside is solved for, as CRC-32 is linear.
pub fn quine_zip() -> Vec<u8> {
    let crc_of = |crc: u32| bits::crc32(&quine_with(crc)) ^ crc;
    let base = crc_of(0);
    // Gaussian elimination over GF(2): which bits of the field make the checksum of the whole equal to the field.
    let mut rows: Vec<(u32, u32)> = Vec::new();
    for bit in 0..32 {
        let (mut effect, mut field) = (crc_of(1 << bit) ^ base, 1u32 << bit);
        for (row, combined) in &rows {
            if effect & leading(*row) != 0 {
                effect ^= row;
                field ^= combined;
            }
        }
        if effect != 0 {
            rows.push((effect, field));
        }
    }
    let (mut left, mut crc) = (base, 0u32);
    for (row, field) in &rows {
        if left & leading(*row) != 0 {
            left ^= row;
            crc ^= field;
        }
    }
    quine_with(crc)
}

/// The highest bit that is set.
fn leading(row: u32) -> u32 {
    if row == 0 { 0 } else { 1 << row.ilog2() }
}

fn quine_with(crc: u32) -> Vec<u8> {
    const HEAD_BYTES: usize = 60;
    const TAIL_BYTES: usize = 46 + 30 + 22;
    const REPEAT_TAIL_BYTES: usize = 4;
    // Header and its copy, then what the program below adds up to, then this tail.
    const PACKED_BYTES: usize = 2 * 5 + HEAD_BYTES + 125 + 5 + 2 * REPEAT_TAIL_BYTES + TAIL_BYTES;
    let common = |version_made: Option<u16>| {
        let mut out = Vec::new();
        out.extend(if version_made.is_some() { b"PK\x01\x02" } else { b"PK\x03\x04" });
        out.extend(version_made.into_iter().chain([20, 0, 8, DOS_TIME, DOS_DATE]).flat_map(u16::to_le_bytes));
        for field in [crc, PACKED_BYTES as u32, (HEAD_BYTES + PACKED_BYTES + TAIL_BYTES) as u32] {
            out.extend(field.to_le_bytes());
        }
        out.extend([QUINE_MEMBER.len() as u8, 0, 0, 0]);
        out
    };
    let head = [common(None), QUINE_MEMBER.to_vec()].concat();
    let mut tail = common(Some(20));
    tail.extend([0; 14]); // no comment, disk 0, no attributes, header at 0
    tail.extend(QUINE_MEMBER);
    let end_at = (HEAD_BYTES + PACKED_BYTES) as u32;
    tail.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    tail.extend(76u32.to_le_bytes());
    tail.extend(end_at.to_le_bytes());
    tail.extend([0, 0]);

    let literal = |bytes: usize| [&[0][..], &(bytes as u16).to_le_bytes(), &(!(bytes as u16)).to_le_bytes()].concat();
    let nothing = literal(0);
    let (whole_head, one, four) = (literal(HEAD_BYTES + 5), literal(5), literal(20));
    // Lengths 65 and 102 and the distances alike: symbol, its extra bits, distance symbol, its extra bits (RFC 1951, 3.2.5).
    let again_head = repeat(&[(276, 6, 3, 12, 0, 5)], false, true);
    let again_four = repeat(&[(264, 0, 0, 8, 3, 3), (264, 0, 0, 8, 3, 3)], false, false);
    let whole_tail = literal(REPEAT_TAIL_BYTES + TAIL_BYTES);
    let again_tail = repeat(&[(279, 3, 4, 13, 5, 5)], true, false);
    let program: Vec<&[u8]> = vec![
        &whole_head,
        &head,
        &whole_head,
        &again_head,
        &one,
        &again_head,
        &one,
        &one,
        &four,
        &again_head,
        &one,
        &one,
        &four,
        &again_four,
        &four,
        &again_four,
        &four,
        &again_four,
        &four,
        &again_four,
        &four,
        &again_four,
        &nothing,
        &nothing,
        &whole_tail,
        &again_four,
        &nothing,
        &nothing,
        &whole_tail,
        &again_tail,
        &tail,
        &again_tail,
    ];
    [head.clone(), program.concat(), tail.clone()].concat()
}

/// A block of fixed codes with these matches; `padded` puts an empty block behind it, so that it ends at a byte.
fn repeat(matches: &[(u32, u32, u32, u32, u32, u32)], last: bool, padded: bool) -> Vec<u8> {
    let mut out = BitWriter::default();
    out.bits(u32::from(last), 1);
    out.bits(1, 2);
    for (length, length_extra, length_bits, distance, distance_extra, distance_bits) in matches {
        out.code(length - 256, 7);
        out.bits(*length_extra, *length_bits);
        out.code(*distance, 5);
        out.bits(*distance_extra, *distance_bits);
    }
    out.code(0, 7);
    if padded {
        out.bits(0, 1);
        out.bits(1, 2);
        out.code(0, 7);
    }
    out.finish()
}

/// One tar header as it stands in the file, with the bytes behind it.
#[derive(Debug, Clone, Default)]
pub struct RawTarEntry {
    /// Name, at most 100 bytes.
    pub name: Vec<u8>,
    /// Type flag (POSIX.1-2001 pax, ustar interchange format); 0 counts as `0`, a file.
    pub kind: u8,
    /// Target of a link.
    pub link: Vec<u8>,
    /// Bytes behind the header.
    pub body: Vec<u8>,
    /// Size the header claims, when it is not that of the body.
    pub claimed: Option<u64>,
    /// Bytes laid over the header from offset 345 on, before its checksum is made: the prefix, or GNU's sparse map.
    pub rest: Vec<u8>,
    /// Whether the header is GNU's own form instead of ustar.
    pub gnu: bool,
}

impl RawTarEntry {
    /// A file.
    pub fn file(name: impl AsRef<[u8]>, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.as_ref().to_vec(), body: body.into(), ..Self::default() }
    }

    /// An entry of another kind, without bytes.
    pub fn other(name: impl AsRef<[u8]>, kind: u8, link: &[u8]) -> Self {
        Self { name: name.as_ref().to_vec(), kind, link: link.to_vec(), ..Self::default() }
    }

    /// A pax header (`x`, or `g` for all that follow) with these records.
    pub fn pax(kind: u8, records: &[(&str, &str)]) -> Self {
        let body = records.iter().flat_map(|(key, value)| pax_record(key, value.as_bytes())).collect();
        Self { name: b"PaxHeaders/0".to_vec(), kind, body, ..Self::default() }
    }

    fn append(&self, out: &mut Vec<u8>) {
        let mut header = vec![0u8; 512];
        let mut put = |at: usize, bytes: &[u8]| {
            if let Some(field) = header.get_mut(at..at + bytes.len()) {
                field.copy_from_slice(bytes);
            }
        };
        put(0, &self.name);
        put(100, b"0000644\x000001750\x000001750\0");
        put(124, format!("{:011o}\0", self.claimed.unwrap_or(self.body.len() as u64)).as_bytes());
        put(136, format!("{UNIX_TIME:011o}\0").as_bytes());
        put(148, b"        ");
        put(156, &[if self.kind == 0 { b'0' } else { self.kind }]);
        put(157, &self.link);
        put(257, if self.gnu { b"ustar  \0" } else { b"ustar\x0000" });
        if matches!(self.kind, b'3' | b'4') {
            put(329, b"0000010\x000000000\0");
        }
        put(345, &self.rest);
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        if let Some(field) = header.get_mut(148..156) {
            field.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        out.extend(header);
        out.extend(&self.body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
}

/// A record of a pax header: its own length, key, value.
pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// A tar of these entries, with its two empty blocks at the end.
pub fn tar_of_raw(entries: &[RawTarEntry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        entry.append(&mut out);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// Signature and start header of 7z (7-Zip, `7zFormat.txt`), the packed bytes, and the header behind them.
fn seven_zip(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let start = [(packed.len() as u64).to_le_bytes(), (header.len() as u64).to_le_bytes()].concat();
    let start = [start, bits::crc32(header).to_le_bytes().to_vec()].concat();
    let mut out = b"7z\xBC\xAF\x27\x1C\0\x04".to_vec();
    out.extend(bits::crc32(&start).to_le_bytes());
    out.extend(start);
    out.extend(packed);
    out.extend(header);
    out
}

/// A number of at most fourteen bits.
fn seven_zip_number(value: usize) -> Vec<u8> {
    if value < 0x80 { vec![value as u8] } else { vec![0x80 | (value >> 8) as u8, value as u8] }
}

/// A solid 7z: all members are one uncompressed stream (together below 16 KiB).
pub fn seven_zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let packed: Vec<u8> = members.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let (size, count) = (seven_zip_number(packed.len()), members.len() as u8);
    let mut header = vec![1, 4, 6, 0, 1, 9];
    header.extend(&size);
    header.extend([0, 7, 0x0B, 1, 0, 1, 1, 0, 0x0C]); // one folder, one coder: copy
    header.extend(&size);
    header.extend([0, 8, 0x0D, count, 9]);
    for (_, bytes) in members.iter().take(members.len().saturating_sub(1)) {
        header.extend(seven_zip_number(bytes.len()));
    }
    header.extend([0x0A, 1]);
    header.extend(members.iter().flat_map(|(_, bytes)| bits::crc32(bytes).to_le_bytes()));
    header.extend([0, 0, 5, count, 0x11]);
    let names: Vec<u8> = members.iter().flat_map(|(name, _)| bits::utf16le(&format!("{name}\0"))).collect();
    header.extend(seven_zip_number(names.len() + 1));
    header.push(0);
    header.extend(names);
    header.extend([0, 0]);
    seven_zip(&packed, &header)
}

/// A 7z whose list of members is encrypted too: the header names the AES coder around noise, which a reader without the
/// password cannot tell from the real thing.
pub fn seven_zip_encrypted() -> Vec<u8> {
    let packed = Noise::new(77).bytes(2_048 + 160);
    let mut header = vec![0x17, 6, 0x88, 0, 1, 9]; // a packed header of 160 bytes behind 2,048 bytes of members
    header.extend(seven_zip_number(160));
    header.extend([0, 7, 0x0B, 1, 0, 1, 0x24, 6, 0xF1, 7, 1, 0x0A, 0x53, 7]); // AES-256, 2^19 rounds, a vector of 8 bytes
    header.extend(Noise::new(78).bytes(8));
    header.push(0x0C);
    header.extend(seven_zip_number(150));
    header.extend([0x0A, 1, 1, 2, 3, 4, 0, 0]);
    seven_zip(&packed, &header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read as _};

    #[test]
    fn the_quine_contains_itself() {
        let quine = quine_zip();
        let mut zip = zip::ZipArchive::new(Cursor::new(quine.clone())).unwrap();
        zip.validate_header_consistency().unwrap();
        let mut member = Vec::new();
        zip.by_index(0).unwrap().read_to_end(&mut member).unwrap();
        assert_eq!(member, quine);
    }

    #[test]
    fn described_and_wide_members_read_back() {
        let builder = ZipBuilder::new().deflated("a", b"eins").described().stored("b", b"zwei").wide(4);
        for bytes in [builder.finish(), builder.finish_wide(2)] {
            let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
            let mut text = String::new();
            zip.by_name("a").unwrap().read_to_string(&mut text).unwrap();
            zip.by_name("b").unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "einszwei");
        }
    }

    #[test]
    fn an_independent_reader_reads_the_tar() {
        let pax = RawTarEntry::pax(b'x', &[("path", "anders.txt"), ("comment", &"c".repeat(90))]);
        let bytes = tar_of_raw(&[pax, RawTarEntry::file("a.txt", *b"Inhalt"), RawTarEntry::other("b", b'1', b"../../etc/passwd")]);
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<_> = archive.entries().unwrap().map(|e| String::from_utf8(e.unwrap().path_bytes().into_owned()).unwrap()).collect();
        assert_eq!(names, ["anders.txt", "b"]);
    }

    #[test]
    fn the_7z_headers_are_where_they_say() {
        for bytes in [seven_zip_of(&[("a.txt", b"eins"), ("b.txt", b"zwei")]), seven_zip_encrypted()] {
            let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            let header = &bytes[32 + number(12)..];
            assert_eq!(header.len(), number(20));
            assert_eq!(bits::crc32(header).to_le_bytes(), bytes[28..32]);
        }
    }
}
