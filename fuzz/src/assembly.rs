//! Inputs a mutation cannot get right by itself: containers with checksums and offsets, put together around free bytes.

use std::io::{Cursor, Read as _};
use testkit::ZipBuilder;

/// Stands before the name of each member in the flat form of a package; XML never holds it.
const MEMBER: &[u8] = b"\0@";

/// A package from its flat form: `\0@NAME\n` and the bytes of the member, for each of them. Bytes that begin like an archive
/// are taken for one.
pub(crate) fn package(flat: &[u8]) -> Vec<u8> {
    if flat.starts_with(b"PK") {
        return flat.to_vec();
    }
    let mut package = ZipBuilder::new();
    for member in split(flat, MEMBER).skip(1).take(50) {
        let end = member.iter().position(|byte| *byte == b'\n').unwrap_or(member.len());
        let (name, body) = member.split_at(end);
        package = package.stored(name, body.get(1..).unwrap_or_default());
    }
    package.finish()
}

/// The flat form of a package.
pub(crate) fn flat(package: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package))?;
    let mut out = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index)?;
        out.extend_from_slice(MEMBER);
        out.extend_from_slice(member.name_raw());
        out.push(b'\n');
        member.read_to_end(&mut out)?;
    }
    Ok(out)
}

fn split<'a>(bytes: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let at = bytes.windows(separator.len()).position(|window| window == separator);
        let (piece, next) = at.map_or((bytes, None), |at| (bytes.get(..at).unwrap_or_default(), bytes.get(at + separator.len()..)));
        rest = next;
        Some(piece)
    })
}

/// A PDF as the writer frames it, around the objects of `bytes`: lengths of streams, table and trailer made right.
pub(crate) fn framed_pdf(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xBB\xAD\xC0\xDE\n".to_vec();
    let mut offsets = Vec::new();
    let end = find(bytes, b"xref\n").unwrap_or(bytes.len());
    let objects = bytes.get(..end).unwrap_or_default();
    let pieces: Vec<&[u8]> = split(objects, b" 0 obj\n").skip(1).take(200).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let body = find(piece, b"\nendobj").map_or(*piece, |at| piece.get(..at).unwrap_or_default());
        offsets.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        out.extend_from_slice(&with_length(body));
        out.extend_from_slice(b"\nendobj\n");
    }
    let table = out.len();
    out.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).as_bytes());
    for offset in &offsets {
        out.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    let root = bytes.get(end..).and_then(|tail| find(tail, b"/Root ").and_then(|at| tail.get(at + 6..)));
    let root: String = root.unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).take(6).map(|b| char::from(*b)).collect();
    let root = if root.is_empty() { "1" } else { &root };
    out.extend_from_slice(format!("trailer\n<<\n/Root {root} 0 R\n/Size {}\n>>\nstartxref\n{table}\n%%EOF", offsets.len() + 1).as_bytes());
    out
}

/// An object whose `/Length` is that of its stream.
fn with_length(body: &[u8]) -> Vec<u8> {
    let Some(start) = find(body, b"stream\n") else { return body.to_vec() };
    let (head, stream) = body.split_at(start + 7);
    let end = stream.windows(10).rposition(|window| window == b"\nendstream").unwrap_or(stream.len());
    let Some(key) = find(head, b"/Length ") else { return body.to_vec() };
    let (before, number) = head.split_at(key + 8);
    let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
    [before, end.to_string().as_bytes(), number.get(digits..).unwrap_or_default(), stream].concat()
}

pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A PNG with the right checksum behind every chunk, as far as chunks can be made out.
pub(crate) fn checked_png(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut position = 8;
    while let Some(length) = out.get(position..position + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes) {
        let end = position + 8 + length as usize;
        let Some(sum) = out.get(position + 4..end).map(testkit::bits::crc32) else { break };
        let Some(place) = out.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&sum.to_be_bytes());
        position = end + 4;
    }
    out
}

/// A medium with right checksums in the header of its first GUID partition table, where there is one.
pub(crate) fn checked_gpt(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let number = |out: &[u8], at: usize| out.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    if out.get(512..520) != Some(&b"EFI PART"[..]) {
        return out;
    }
    let (Some(size), Some(first), Some(count), Some(each)) = (number(&out, 524), number(&out, 584), number(&out, 592), number(&out, 596))
    else {
        return out;
    };
    let table_bytes = (count as usize).saturating_mul(each as usize);
    let table_at = (first as usize).saturating_mul(512);
    if let Some(sum) = out.get(table_at..table_at.saturating_add(table_bytes)).map(testkit::bits::crc32) {
        out.get_mut(600..604).into_iter().for_each(|place| place.copy_from_slice(&sum.to_le_bytes()));
    }
    out.get_mut(528..532).into_iter().for_each(|place| place.fill(0));
    if let Some(sum) = out.get(512..512usize.saturating_add(size as usize)).map(testkit::bits::crc32) {
        out.get_mut(528..532).into_iter().for_each(|place| place.copy_from_slice(&sum.to_le_bytes()));
    }
    out
}

/// Checksums of the UDF descriptors in a sector made right: of those that name files inside, then of the one it is.
pub(crate) fn checked_descriptors(sector: &mut [u8]) {
    let number = |raw: &[u8], at: usize| raw.get(at..at + 2).and_then(|pair| pair.try_into().ok()).map_or(0, u16::from_le_bytes);
    for at in (0..sector.len()).step_by(4) {
        let Some(raw) = sector.get_mut(at..).filter(|raw| number(raw, 0) == 257) else { continue };
        let length = 38 + usize::from(number(raw, 36)) + usize::from(raw.get(19).copied().unwrap_or(0));
        if let Some(raw) = raw.get_mut(..length.next_multiple_of(4)) {
            let guarded = raw.len() - 16;
            seal(raw, guarded);
        }
    }
    if matches!(number(sector, 0), 1..=9 | 256 | 258..=266) {
        let guarded = usize::from(number(sector, 10)).min(sector.len().saturating_sub(16));
        seal(sector, guarded);
    }
}

/// CRC over what follows the tag, and the tag's own sum (ECMA-167, 3/7.2).
fn seal(raw: &mut [u8], guarded: usize) {
    let step = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
    let Some((tag, rest)) = raw.split_first_chunk_mut::<16>() else { return };
    let covered = rest.get(..guarded).unwrap_or_default();
    let crc = covered.iter().fold(0u16, |crc, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, step));
    tag[8..10].copy_from_slice(&crc.to_le_bytes());
    tag[10..12].copy_from_slice(&(covered.len() as u16).to_le_bytes());
    tag[4] = 0;
    tag[4] = tag.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
}
