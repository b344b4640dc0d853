//! Stripping: what comes out is small enough, and stripping it again finds nothing that was left behind.

use crate::assembly::package;
use inspect::{Content, strip};
use model::Format;
use wire::RawRemoved;

const MAX_OUTPUT_BYTES: u64 = 1 << 20;

fn stripped(bytes: &[u8], format: Format) -> Option<(Vec<u8>, Vec<RawRemoved>)> {
    let mut out = Vec::new();
    let mut sink = |piece: &[u8]| {
        out.extend_from_slice(piece);
        Ok(())
    };
    let removed = strip(&mut Content::from_bytes(bytes.to_vec()), format, &mut sink, MAX_OUTPUT_BYTES).ok()?;
    assert!(out.len() as u64 <= MAX_OUTPUT_BYTES, "{} bytes", out.len());
    Some((out, removed))
}

fn twice(bytes: &[u8], format: Format) {
    let Some((once, _)) = stripped(bytes, format) else { return };
    let Some((_, left)) = stripped(&once, format) else {
        panic!("a stripped {format} that cannot be stripped again");
    };
    let left: Vec<_> = left.iter().map(|removed| (removed.kind, removed.count)).collect();
    assert!(left.is_empty(), "left behind in a stripped {format}: {left:?}");
}

fn pick(bytes: &[u8], formats: &[Format]) -> Option<(Format, Vec<u8>)> {
    let (first, rest) = bytes.split_first()?;
    Some((*formats.get(usize::from(*first) % formats.len())?, rest.to_vec()))
}

pub(crate) fn ooxml(bytes: &[u8]) {
    if let Some((format, flat)) = pick(bytes, &[Format::Docx, Format::Xlsx, Format::Pptx, Format::Xlsb, Format::Docm, Format::Visio]) {
        twice(&package(&flat), format);
    }
}

pub(crate) fn odf(bytes: &[u8]) {
    if let Some((format, flat)) = pick(bytes, &[Format::Odt, Format::Ods, Format::Odp]) {
        twice(&package(&flat), format);
    }
}

pub(crate) fn ole(bytes: &[u8]) {
    if let Some((format, file)) = pick(bytes, &[Format::Doc, Format::Xls, Format::Ppt, Format::Visio]) {
        twice(&file, format);
    }
}

pub(crate) fn rtf(bytes: &[u8]) {
    twice(bytes, Format::Rtf);
}
