//! Archives, honest and hostile: ZIP written member by member, tar, gzip.
//!
//! ZIP is written by hand (PKWARE APPNOTE 6.3.10) because half of the samples are what a careful writer refuses to make.

mod tricks;

pub use tricks::{QUINE_MEMBER, RawTarEntry, pax_record, quine_zip, seven_zip_encrypted, seven_zip_of, tar_of_raw};

use crate::bits::{self, Noise};
use anyhow::Result;

/// 2026-01-15, MS-DOS date.
const DOS_DATE: u16 = (46 << 9) | (1 << 5) | 15;
/// 12:00:00, MS-DOS time.
const DOS_TIME: u16 = 12 << 11;
/// 2026-01-15 12:00:00 UTC, seconds since 1970.
pub(crate) const UNIX_TIME: u32 = 1_768_478_400;

/// One member as it stands in the file.
#[derive(Debug, Clone)]
struct Member {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    body: Vec<u8>,
    size: u32,
    mode: u32,
    extra: Vec<u8>,
    shape: Shape,
}

/// How a member states its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// In both headers.
    Plain,
    /// In the central header and behind the body, not in the local header (APPNOTE 4.3.9).
    Described,
    /// In 64-bit extra fields, this size for that of the member (APPNOTE 4.5.3).
    Wide(u64),
}

/// Builds a ZIP archive.
#[derive(Debug, Clone, Default)]
pub struct ZipBuilder {
    members: Vec<Member>,
}

impl ZipBuilder {
    /// An archive without members.
    pub fn new() -> Self {
        Self::default()
    }

    fn push(mut self, name: &[u8], method: u16, crc: u32, size: u64, body: Vec<u8>) -> Self {
        // Bit 11: the name is UTF-8 (APPNOTE 4.4.4).
        let flags = if !name.is_ascii() && std::str::from_utf8(name).is_ok() { 1 << 11 } else { 0 };
        let mode = if name.ends_with(b"/") { 0o040_755 } else { 0o100_644 };
        self.members.push(Member {
            name: name.to_vec(),
            flags,
            method,
            crc,
            body,
            size: size as u32,
            mode,
            extra: Vec::new(),
            shape: Shape::Plain,
        });
        self
    }

    /// A member as it is.
    #[must_use]
    pub fn stored(self, name: impl AsRef<[u8]>, bytes: &[u8]) -> Self {
        self.push(name.as_ref(), 0, bits::crc32(bytes), bytes.len() as u64, bytes.to_vec())
    }

    /// A member, deflated.
    #[must_use]
    pub fn deflated(self, name: impl AsRef<[u8]>, bytes: &[u8]) -> Self {
        self.push(name.as_ref(), 8, bits::crc32(bytes), bytes.len() as u64, bits::deflate(bytes))
    }

    /// A member of `count` zero bytes (below 4 GiB), deflated as tightly as the format allows.
    #[must_use]
    pub fn zeros(self, name: impl AsRef<[u8]>, count: u64) -> Self {
        self.push(name.as_ref(), 8, bits::crc32_of_zeros(count), count, bits::deflate_zeros(count))
    }

    /// A symbolic link to `target`.
    #[must_use]
    pub fn symlink(self, name: impl AsRef<[u8]>, target: &[u8]) -> Self {
        let mut out = self.stored(name, target);
        if let Some(member) = out.members.last_mut() {
            member.mode = 0o120_777;
        }
        out
    }

    /// A member encrypted with a password by the traditional method (APPNOTE 6.1).
    #[must_use]
    pub fn encrypted(self, name: impl AsRef<[u8]>, bytes: &[u8], password: &[u8]) -> Self {
        let crc = bits::crc32(bytes);
        let mut head = Noise::new(u64::from(crc)).bytes(11);
        head.push((crc >> 24) as u8);
        let mut keys = ZipKeys::new(password);
        let body = head.iter().chain(bits::deflate(bytes).iter()).map(|plain| keys.encrypt(*plain)).collect();
        let mut out = self.push(name.as_ref(), 8, crc, bytes.len() as u64, body);
        if let Some(member) = out.members.last_mut() {
            member.flags |= 1;
        }
        out
    }

    /// A member with the headers of AES-256 encryption (WinZip AE-2) around noise: no password opens it, which a reader
    /// without the password cannot tell.
    #[must_use]
    pub fn aes_shaped(self, name: impl AsRef<[u8]>, size: usize) -> Self {
        let body = Noise::new(99).bytes(16 + 2 + size + 10);
        let mut out = self.push(name.as_ref(), 99, 0, size as u64, body);
        if let Some(member) = out.members.last_mut() {
            member.flags |= 1;
            // Extra field 0x9901, 7 bytes: version AE-2, vendor "AE", strength 3 (256 bits), true method 8.
            member.extra = vec![0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 8, 0];
        }
        out
    }

    /// The archive.
    pub fn finish(&self) -> Vec<u8> {
        self.finish_after(Vec::new())
    }

    /// The archive behind `prefix`, with all offsets counted from the start of the prefix: prefix and archive are both valid.
    pub fn finish_after(&self, prefix: Vec<u8>) -> Vec<u8> {
        let mut out = prefix;
        let offsets: Vec<usize> = self.members.iter().map(|member| member.append_local(&mut out)).collect();
        append_directory(&mut out, &offsets, &self.members);
        out
    }

    /// An archive in which every member of the directory points at the one first body: `copies` members share its bytes.
    pub fn finish_overlapping(&self, copies: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let offsets: Vec<usize> = self.members.iter().map(|member| member.append_local(&mut out)).collect();
        let (mut listed, mut at) = (Vec::new(), Vec::new());
        for (member, offset) in self.members.iter().zip(&offsets).take(1) {
            for copy in 0..copies {
                listed.push(Member { name: format!("kopie-{copy:03}.txt").into_bytes(), ..member.clone() });
                at.push(*offset);
            }
        }
        append_directory(&mut out, &at, &listed);
        out
    }

    /// Two complete directories one behind the other: the first lists `self`, the last lists `other`. Readers disagree.
    pub fn finish_with_second_directory(&self, other: &Self) -> Vec<u8> {
        other.finish_after(self.finish())
    }
}

/// The directory of members at these offsets, and its end record.
fn append_directory(out: &mut Vec<u8>, offsets: &[usize], members: &[Member]) {
    let start = out.len();
    for (member, offset) in members.iter().zip(offsets) {
        member.append_central(out, *offset);
    }
    let length = out.len() - start;
    append_end(out, members, start, length);
}

/// The end record of a directory of `length` bytes at `start`.
fn append_end(out: &mut Vec<u8>, members: &[Member], start: usize, length: usize) {
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((length as u32).to_le_bytes());
    out.extend((start as u32).to_le_bytes());
    out.extend([0, 0]);
}

impl Member {
    fn append_common(&self, out: &mut Vec<u8>, local: bool) {
        let version = match self.shape {
            Shape::Wide(_) => 45u16,
            _ if self.method == 99 => 51,
            _ => 20,
        };
        for field in [version, self.flags, self.method, DOS_TIME, DOS_DATE] {
            out.extend(field.to_le_bytes());
        }
        let fields = match self.shape {
            Shape::Described if local => [0; 3],
            Shape::Wide(_) => [self.crc, u32::MAX, u32::MAX],
            _ => [self.crc, self.body.len() as u32, self.size],
        };
        for field in fields {
            out.extend(field.to_le_bytes());
        }
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((self.extra_field().len() as u16).to_le_bytes());
    }

    fn extra_field(&self) -> Vec<u8> {
        let mut extra = self.extra.clone();
        if let Shape::Wide(size) = self.shape {
            extra.extend([1, 0, 16, 0]);
            extra.extend(size.to_le_bytes());
            extra.extend((self.body.len() as u64).to_le_bytes());
        }
        extra
    }

    /// Local header and body; gives the header's offset.
    fn append_local(&self, out: &mut Vec<u8>) -> usize {
        let offset = out.len();
        out.extend(b"PK\x03\x04");
        self.append_common(out, true);
        out.extend(&self.name);
        out.extend(self.extra_field());
        out.extend(&self.body);
        if self.shape == Shape::Described {
            out.extend(b"PK\x07\x08");
            for field in [self.crc, self.body.len() as u32, self.size] {
                out.extend(field.to_le_bytes());
            }
        }
        offset
    }

    fn append_central(&self, out: &mut Vec<u8>, offset: usize) {
        out.extend(b"PK\x01\x02");
        out.extend([20, 3]); // made by version 2.0 on Unix, so that the mode counts
        self.append_common(out, false);
        out.extend([0; 6]); // no comment, disk 0, binary
        let directory_bit = if self.name.ends_with(b"/") { 0x10 } else { 0 };
        out.extend((self.mode << 16 | directory_bit).to_le_bytes());
        out.extend((offset as u32).to_le_bytes());
        out.extend(&self.name);
        out.extend(self.extra_field());
    }
}

/// The three keys of traditional encryption (APPNOTE 6.1.5).
struct ZipKeys([u32; 3]);

impl ZipKeys {
    fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        for byte in password {
            keys.update(*byte);
        }
        keys
    }

    fn update(&mut self, byte: u8) {
        let crc = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 });
        let [a, b, c] = &mut self.0;
        *a = crc(*a, byte);
        *b = b.wrapping_add(*a & 0xFF).wrapping_mul(134_775_813).wrapping_add(1);
        *c = crc(*c, (*b >> 24) as u8);
    }

    fn encrypt(&mut self, plain: u8) -> u8 {
        let word = (self.0[2] | 2) & 0xFFFF;
        let key = (word.wrapping_mul(word ^ 1) >> 8) as u8;
        self.update(plain);
        plain ^ key
    }
}

/// A ZIP of deflated members.
pub fn zip_of<N: AsRef<[u8]>, B: AsRef<[u8]>>(members: &[(N, B)]) -> Vec<u8> {
    members.iter().fold(ZipBuilder::new(), |zip, (name, bytes)| zip.deflated(name, bytes.as_ref())).finish()
}

/// A gzip stream (RFC 1952) with a file name and no time.
pub fn gzip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3];
    out.extend(bits::windows_1252(name));
    out.push(0);
    out.extend(bits::deflate(bytes));
    out.extend(bits::crc32(bytes).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// A ustar archive of plain files.
///
/// # Errors
/// When a name is longer than the format allows.
pub fn tar_of<N: AsRef<str>, B: AsRef<[u8]>>(members: &[(N, B)]) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.as_ref().len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::from(UNIX_TIME));
        header.set_uid(1000);
        header.set_gid(1000);
        tar.append_data(&mut header, name.as_ref(), bytes.as_ref())?;
    }
    Ok(tar.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read as _};

    #[test]
    fn an_independent_reader_reads_the_zip() {
        let bytes = ZipBuilder::new()
            .deflated("Ordner/Übersicht.txt", b"eins")
            .stored("b", b"zwei")
            .encrypted("geheim.txt", b"drei", b"Passwort")
            .finish();
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        zip.by_name("Ordner/Übersicht.txt").unwrap().read_to_string(&mut text).unwrap();
        zip.by_name("b").unwrap().read_to_string(&mut text).unwrap();
        assert!(zip.by_name("geheim.txt").is_err());
        zip.by_name_decrypt("geheim.txt", b"Passwort").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "einszweidrei");
    }

    #[test]
    fn the_last_of_two_directories_wins_for_an_ordinary_reader() {
        let first = ZipBuilder::new().stored("a.txt", b"a");
        let bytes = first.finish_with_second_directory(&ZipBuilder::new().stored("b.txt", b"b"));
        let zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(zip.file_names().map(Result::unwrap).collect::<Vec<_>>(), ["b.txt"]);
    }

    #[test]
    fn gzip_reads_back() {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&gzip_of("a.txt", b"Inhalt")[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"Inhalt");
    }

    #[test]
    fn tar_reads_back() {
        let bytes = tar_of(&[("a/b.txt", b"Inhalt")]).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names, [std::path::PathBuf::from("a/b.txt")]);
    }
}
