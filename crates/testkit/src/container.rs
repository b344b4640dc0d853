//! Containers the line does not open but the scanner does, with one file in each: 7z and ISO 9660, written by hand.

use crate::bits;

/// Bytes of a sector (ECMA-119, 6.1.2).
const SECTOR: usize = 2_048;
/// Where things lie in the disc image, in sectors; the first sixteen are the system area (ECMA-119, 6.2.1).
const DESCRIPTOR: u32 = 16;
const PATHS_LITTLE: u32 = 18;
const PATHS_BIG: u32 = 19;
const ROOT: u32 = 20;
const FILE: u32 = 21;

/// A 7z archive of one stored file; name and content are shorter than 128 bytes, so that every number is one byte long
/// (7zFormat.txt of the LZMA SDK).
pub fn seven_zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len() as u8;
    let names = bits::utf16le(&format!("{name}\0"));
    let mut header = vec![
        0x01, // header
        0x04, // streams
        0x06, 0, 1, 0x09, size, 0, // one packed stream at the start, its size
        0x07, 0x0B, 1, 0, 1, 1, 0, // one folder of one coder, whose one-byte name is 0: copy
        0x0C, size, 0, // its unpacked size
        0x08, 0x0A, 1, // one stream in it, and a checksum for all of them
    ];
    header.extend(bits::crc32(bytes).to_le_bytes());
    header.extend([0, 0, 0x05, 1, 0x11, names.len() as u8 + 1, 0]);
    header.extend(names);
    header.extend([0, 0]);

    let mut start = (bytes.len() as u64).to_le_bytes().to_vec();
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(bits::crc32(&header).to_le_bytes());
    let mut out = b"7z\xBC\xAF\x27\x1C\0\x04".to_vec();
    out.extend(bits::crc32(&start).to_le_bytes());
    out.extend(start);
    out.extend(bytes);
    out.extend(header);
    out
}

/// A disc image (ECMA-119, level 1) with one file of at most a sector; `name` as the disc has it, `NAME.EXT;1`.
pub fn iso_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; DESCRIPTOR as usize * SECTOR];
    let mut root = record(&[0], ROOT, SECTOR, true);
    let first = root.clone();
    sector(&mut out, &descriptor(&first));
    sector(&mut out, b"\xFFCD001\x01");
    sector(&mut out, &[&[1, 0][..], &ROOT.to_le_bytes(), &[1, 0, 0, 0]].concat());
    sector(&mut out, &[&[1, 0][..], &ROOT.to_be_bytes(), &[0, 1, 0, 0]].concat());
    root.extend(record(&[1], ROOT, SECTOR, true));
    root.extend(record(name.as_bytes(), FILE, bytes.len(), false));
    sector(&mut out, &root);
    sector(&mut out, bytes);
    out
}

/// The primary volume descriptor (ECMA-119, 8.4).
fn descriptor(root: &[u8]) -> Vec<u8> {
    let sectors = FILE + 1;
    let mut out = b"\x01CD001\x01\0".to_vec();
    out.extend([b' '; 32]);
    out.extend(format!("{:32}", "PRUEFDATEI").bytes());
    out.extend([0; 8]);
    out.extend(both32(sectors));
    out.extend([0; 32]);
    // One disc, the first; sectors of 2,048 bytes; ten bytes of path table.
    out.extend([both16(1), both16(1), both16(SECTOR as u16)].concat());
    out.extend(both32(10));
    out.extend(PATHS_LITTLE.to_le_bytes());
    out.extend([0; 4]);
    out.extend(PATHS_BIG.to_be_bytes());
    out.extend([0; 4]);
    out.extend(root);
    // Names of the set, of people and of files, then four dates that are not given.
    out.extend([b' '; 4 * 128 + 3 * 37]);
    for _ in 0..4 {
        out.extend([b'0'; 16]);
        out.push(0);
    }
    out.extend([1, 0]);
    out
}

/// A directory record (ECMA-119, 9.1), of 2026-01-15 12:00 UTC.
fn record(name: &[u8], at: u32, size: usize, directory: bool) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(both32(at));
    out.extend(both32(size as u32));
    out.extend([126, 1, 15, 12, 0, 0, 0]);
    out.extend([if directory { 2 } else { 0 }, 0, 0]);
    out.extend(both16(1));
    out.push(name.len() as u8);
    out.extend(name);
    if out.len() % 2 == 1 {
        out.push(0);
    }
    let length = out.len() as u8;
    if let Some(first) = out.first_mut() {
        *first = length;
    }
    out
}

/// A number in both byte orders (ECMA-119, 7.3.3).
fn both32(number: u32) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A number in both byte orders (ECMA-119, 7.2.3).
fn both16(number: u16) -> Vec<u8> {
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

fn sector(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(SECTOR), 0);
}
