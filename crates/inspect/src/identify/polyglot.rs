//! Bytes that are more than one thing: prefixes, trailers, and what hides in comments.

use super::{Identity, magic, zip_ends_here};
use crate::archive::zip::end_record;
use crate::content::Content;
use model::{Effect, FindingCode, Format};
use std::io;

// BOUND: readers of PDF search the header in the first KiB (ISO 32000-1, annex H).
const PDF_SEARCH_BYTES: usize = 1024;
// BOUND: what follows an image is looked at this far; a hidden archive is also found by its end.
const TRAILER_BYTES: usize = 4 << 20;

/// What another format would start with inside foreign bytes, beyond the words of scripts.
const HIDDEN: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "zip"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xBC\xAF\x27\x1C", "7z"),
    (b"%PDF-", "pdf"),
    (b"\x7fELF", "elf"),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "ole"),
    (b"This program cannot be run in DOS mode", "pe"),
    (b"MSCF\0\0\0\0", "cab"),
];
const SCRIPT_WORDS: &[(&[u8], &str)] =
    &[(b"<script", "script"), (b"<?php", "php"), (b"<html", "html"), (b"<hta:", "hta"), (b"<iframe", "html"), (b"javascript:", "script")];

pub(super) fn look(content: &Content, head: &[u8], tail: &[u8], identity: &mut Identity) -> io::Result<()> {
    pdf_header(head, tail, identity);
    zip_at_end(tail, identity);
    if matches!(identity.format, Format::Txt | Format::Csv | Format::Json | Format::Xml)
        && super::text::hides_markup(content.held().unwrap_or(head))
    {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "utf-7 markup");
    }
    if matches!(identity.format, Format::Pe | Format::DosProgram) && magic::at(head, 128, b"DICM") {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "dicom and program");
    }
    if matches!(identity.format, Format::Pe | Format::DosProgram | Format::Elf | Format::Pdf | Format::Zip)
        && magic::at(head, 32_769, b"CD001")
    {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "disc image");
    }
    image(content, head, identity)
}

/// A PDF header that is not at the very start.
fn pdf_header(head: &[u8], tail: &[u8], identity: &mut Identity) {
    let start = head.get(..head.len().min(PDF_SEARCH_BYTES + 5)).unwrap_or_default();
    let Some(at) = find(start, b"%PDF-").filter(|at| *at > 0) else {
        return;
    };
    // A text may quote the mark; a PDF also ends like one.
    let version = start.get(at + 5).is_some_and(u8::is_ascii_digit);
    if !version || find(tail, b"%%EOF").is_none() && find(tail, b"startxref").is_none() {
        return;
    }
    let prefix = start.get(..at).unwrap_or_default();
    let known = !matches!(identity.format, Format::Unknown | Format::Txt | Format::Pdf);
    if known || magic::identify(prefix).is_some() {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "pdf behind another format");
        if matches!(identity.format, Format::Unknown | Format::Txt | Format::Html | Format::Xml) {
            identity.format = Format::Pdf;
        }
        identity.find(FindingCode::PrefixBytes, Effect::Suspicious, "pdf");
        return;
    }
    identity.format = Format::Pdf;
    let blank = prefix.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF | 0));
    identity.find(FindingCode::PrefixBytes, if blank { Effect::Note } else { Effect::Suspicious }, "pdf");
}

/// A ZIP directory at the end of something that is no ZIP.
fn zip_at_end(tail: &[u8], identity: &mut Identity) {
    let carries = matches!(
        identity.format,
        Format::Pdf
            | Format::Png
            | Format::Jpeg
            | Format::Gif
            | Format::Bmp
            | Format::Tiff
            | Format::Webp
            | Format::Ico
            | Format::Rtf
            | Format::Html
            | Format::Svg
            | Format::Doc
            | Format::Xls
            | Format::Ppt
            | Format::Ole
            | Format::Psd
    );
    if carries && end_record(tail).is_some_and(|end| zip_ends_here(tail, end)) {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "zip at the end");
    }
}

/// What an image carries beside its pixels.
fn image(content: &Content, head: &[u8], identity: &mut Identity) -> io::Result<()> {
    if !matches!(identity.format, Format::Png | Format::Jpeg | Format::Gif | Format::Bmp | Format::Webp) {
        return Ok(());
    }
    // The width or length that opens a comment of JavaScript.
    let opens_comment = match identity.format {
        Format::Gif => matches!(head.get(6..8), Some(b"/*" | b"=1" | b"=\"")),
        Format::Jpeg => magic::at(head, 4, b"/*"),
        Format::Bmp => magic::at(head, 2, b"/*"),
        _ => false,
    };
    if opens_comment {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, "image header that opens a script comment");
    }
    let owned;
    let bytes = match content.held() {
        Some(bytes) => bytes,
        None => {
            owned = content.head(64 << 20)?;
            &owned
        }
    };
    let layout = match identity.format {
        Format::Png => png(bytes),
        Format::Gif => gif(bytes),
        Format::Jpeg => jpeg(bytes),
        Format::Bmp => sized(bytes, 2, 0),
        _ => sized(bytes, 4, 8),
    };
    let hidden = layout.notes.iter().find_map(|(from, to)| name_of(bytes.get(*from..*to).unwrap_or_default(), &[SCRIPT_WORDS]));
    if let Some(name) = hidden {
        identity.find(FindingCode::Polyglot, Effect::Suspicious, &format!("{name} in image comment"));
    }
    if identity.format == Format::Jpeg && layout.end.is_none() && bytes.len() as u64 == content.len() {
        // Decoders fill what is missing with grey; nobody would be told.
        identity.find(FindingCode::Malformed, Effect::Undetermined, "a picture without its end");
    }
    let trailer = layout.end.and_then(|end| bytes.get(end..)).unwrap_or_default();
    if trailer.is_empty() {
        return Ok(());
    }
    match name_of(trailer.get(..trailer.len().min(TRAILER_BYTES)).unwrap_or_default(), &[HIDDEN, SCRIPT_WORDS]) {
        Some(name) => identity.find(FindingCode::Polyglot, Effect::Suspicious, &format!("{name} behind the image")),
        None => identity.find(FindingCode::TrailingBytes, Effect::Note, &format!("{} bytes behind the image", trailer.len())),
    }
    Ok(())
}

fn name_of(bytes: &[u8], tables: &[&[(&[u8], &'static str)]]) -> Option<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    tables.iter().copied().flatten().find(|(sign, _)| find(&lower, &sign.to_ascii_lowercase()).is_some()).map(|(_, name)| *name)
}

fn find(bytes: &[u8], sign: &[u8]) -> Option<usize> {
    bytes.windows(sign.len()).position(|window| window == sign)
}

/// Where an image ends, and where texts sit in it.
#[derive(Debug, Default)]
struct Layout {
    end: Option<usize>,
    notes: Vec<(usize, usize)>,
}

fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 4)?.try_into().ok().map(|b| u32::from_be_bytes(b) as usize)
}

/// PNG: chunks up to `IEND` (ISO/IEC 15948, 5.3).
fn png(bytes: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let mut at = 8usize;
    while let (Some(length), Some(kind)) = (be32(bytes, at), bytes.get(at + 4..at + 8)) {
        let end = at + 12 + length;
        match kind {
            b"IEND" => {
                layout.end = Some(end);
                return layout;
            }
            b"tEXt" | b"iTXt" | b"zTXt" | b"eXIf" => layout.notes.push((at + 8, (at + 8 + length).min(bytes.len()))),
            _ => {}
        }
        at = end;
    }
    layout
}

/// GIF89a: blocks up to the trailer.
fn gif(bytes: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let table = |flags: u8| {
        if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) }
    };
    let mut at = 13 + bytes.get(10).map_or(0, |flags| table(*flags));
    loop {
        let start = at;
        match bytes.get(at) {
            Some(0x3B) => {
                layout.end = Some(at + 1);
                return layout;
            }
            Some(0x21) => at += 2,
            Some(0x2C) => at += 11 + bytes.get(at + 9).map_or(0, |flags| table(*flags)),
            _ => return layout,
        }
        loop {
            match bytes.get(at) {
                None => return layout,
                Some(0) => break,
                Some(size) => at += 1 + usize::from(*size),
            }
        }
        at += 1;
        if bytes.get(start) == Some(&0x21) {
            layout.notes.push((start, at.min(bytes.len())));
        }
    }
}

/// JPEG: segments, then entropy-coded data up to the end marker (ITU T.81, annex B).
fn jpeg(bytes: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let mut at = 2usize;
    while let (Some(0xFF), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) {
        match marker {
            0xFF => at += 1,
            0xD9 => {
                layout.end = Some(at + 2);
                return layout;
            }
            0x01 | 0xD0..=0xD8 => at += 2,
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]]))) else {
                    return layout;
                };
                // Comments and application segments; ICC profiles and thumbnails are no texts.
                if marker == 0xFE || matches!(marker, 0xE0 | 0xE4..=0xEF) {
                    layout.notes.push((at + 4, (at + 2 + length).min(bytes.len())));
                }
                at += 2 + length.max(2);
                if marker == 0xDA {
                    at = entropy_end(bytes, at);
                }
            }
        }
    }
    layout
}

/// The next marker in coded data that is neither a stuffed byte nor a restart.
fn entropy_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let marker = rest.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF | 0xD0..=0xD7));
    marker.map_or(bytes.len(), |at| from + at)
}

/// BMP and RIFF carry their length.
fn sized(bytes: &[u8], at: usize, beside: usize) -> Layout {
    let size = bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map(|b| u32::from_le_bytes(b) as usize + beside);
    // A length of zero, as some writers leave it, says nothing.
    Layout { end: size.filter(|size| *size > 26).map(|size| (size + (size & usize::from(beside > 0))).min(bytes.len())), notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::super::identify;
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x04tEXthola\0\0\0\0\0\0\0\0IEND\xAE\x42\x60\x82";
    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x04JF\xFF\xDA\0\x04xx\x12\xFF\0\x34\xFF\xD9";

    fn of(bytes: &[u8]) -> Vec<(FindingCode, Effect)> {
        let identity = identify(&mut Content::from_bytes(bytes.to_vec()), "").unwrap();
        identity.findings.iter().map(|f| (f.code, f.effect)).collect()
    }

    #[test]
    fn plain_images_are_plain() {
        for image in [PNG, GIF, JPEG] {
            assert_eq!(of(image), [], "{image:?}");
        }
    }

    #[test]
    fn trailers_are_judged_by_what_they_are() {
        for image in [PNG, GIF, JPEG] {
            assert_eq!(of(&[image, b"\0\0\0\0"].concat()), [(FindingCode::TrailingBytes, Effect::Note)]);
            for hidden in [&b"<SCRIPT>x</script>"[..], b"<?php x", b"PK\x03\x04xxxx", b"%PDF-1.4 x", b"Rar!\x1a\x07\x01"] {
                assert!(of(&[image, hidden].concat()).contains(&(FindingCode::Polyglot, Effect::Suspicious)), "{hidden:?}");
            }
        }
    }

    #[test]
    fn a_jpeg_that_breaks_off_is_malformed() {
        let cut = &JPEG[..JPEG.len() - 2];
        assert_eq!(of(cut), [(FindingCode::Malformed, Effect::Undetermined)]);
    }

    #[test]
    fn comments_are_read() {
        let gif = [&GIF[..13], b"!\xFE\x0D<script>x</sc\0", &GIF[13..]].concat();
        assert!(of(&gif).contains(&(FindingCode::Polyglot, Effect::Suspicious)));
        let jpeg = [&JPEG[..2], b"\xFF\xFE\0\x08<?php ", &JPEG[2..]].concat();
        assert!(of(&jpeg).contains(&(FindingCode::Polyglot, Effect::Suspicious)));
        let mut script = GIF.to_vec();
        script[6..8].copy_from_slice(b"/*");
        assert!(of(&script).contains(&(FindingCode::Polyglot, Effect::Suspicious)));
    }

    #[test]
    fn pdf_with_something_before_or_after() {
        let pdf = b"%PDF-1.4\n1 0 obj\nendobj\nstartxref\n0\n%%EOF\n";
        let identity = |bytes: &[u8]| identify(&mut Content::from_bytes(bytes.to_vec()), "").unwrap();
        let blank = identity(&[b"\r\n\r\n", &pdf[..]].concat());
        assert_eq!((blank.format, blank.findings[0].effect), (Format::Pdf, Effect::Note));
        let junk = identity(&[b"junk junk\x01\x02", &pdf[..]].concat());
        assert_eq!((junk.format, junk.findings[0].effect), (Format::Pdf, Effect::Suspicious));
        let gif = identity(&[GIF, &pdf[..]].concat());
        assert_eq!(gif.format, Format::Gif);
        assert!(gif.findings.iter().any(|f| f.code == FindingCode::Polyglot));
        let zip = super::super::package::tests::package(&[("a", "b")]);
        assert!(of(&[&pdf[..], &zip].concat()).contains(&(FindingCode::Polyglot, Effect::Suspicious)));
        let quoted = identity(b"The header is %PDF-1.4 and then come objects.\n");
        assert_eq!((quoted.format, quoted.findings.len()), (Format::Txt, 0));
    }

    #[test]
    fn programs_in_preambles() {
        let mut dicom = vec![0u8; 200];
        dicom[..2].copy_from_slice(b"MZ");
        dicom[128..132].copy_from_slice(b"DICM");
        assert!(of(&dicom).contains(&(FindingCode::Polyglot, Effect::Suspicious)));
    }
}
