//! Signatures at fixed places. Only those strong enough to stand alone, or with the check that makes them so.

use model::Format;

/// A signature at an offset.
struct Magic(usize, &'static [u8], Format);

/// In order; the first that fits wins.
const TABLE: &[Magic] = &[
    Magic(0, b"%PDF-", Format::Pdf),
    Magic(0, b"{\\rt", Format::Rtf),
    Magic(0, b"\x89PNG\r\n\x1a\n", Format::Png),
    Magic(0, b"\xFF\xD8\xFF", Format::Jpeg),
    Magic(0, b"GIF87a", Format::Gif),
    Magic(0, b"GIF89a", Format::Gif),
    Magic(0, b"II*\0", Format::Tiff),
    Magic(0, b"MM\0*", Format::Tiff),
    Magic(0, b"II+\0", Format::Tiff),
    Magic(0, b"MM\0+", Format::Tiff),
    Magic(0, b"8BPS", Format::Psd),
    Magic(128, b"DICM", Format::Dicom),
    Magic(0, b"\x7fELF", Format::Elf),
    Magic(0, b"\xFE\xED\xFA\xCE", Format::MachO),
    Magic(0, b"\xFE\xED\xFA\xCF", Format::MachO),
    Magic(0, b"\xCE\xFA\xED\xFE", Format::MachO),
    Magic(0, b"\xCF\xFA\xED\xFE", Format::MachO),
    Magic(0, b"\0asm", Format::Wasm),
    Magic(0, b"dex\n0", Format::Bytecode),
    Magic(0, b"BC\xC0\xDE", Format::Bytecode),
    Magic(0, b"\x1bLua", Format::Bytecode),
    Magic(0, b"FasTX", Format::Bytecode),
    Magic(0, b"\x4C\0\0\0\x01\x14\x02\0", Format::Lnk),
    Magic(0, b"ITSF", Format::Chm),
    Magic(0, b"\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3", Format::OneNote),
    Magic(0, b"\xA1\x2F\xFF\x43\xD9\xEF\x76\x4C\x9E\xE2\x10\xEA\x57\x22\x76\x5F", Format::OneNote),
    Magic(0, b"MSCF\0\0\0\0", Format::Cab),
    Magic(0, b"Rar!\x1a\x07", Format::Rar),
    Magic(0, b"7z\xBC\xAF\x27\x1C", Format::SevenZip),
    Magic(0, b"\x1F\x8B\x08", Format::Gzip),
    Magic(4, b"1AY&SY", Format::Bzip2),
    Magic(0, b"\xFD7zXZ\0", Format::Xz),
    Magic(0, b"\x28\xB5\x2F\xFD", Format::Zstd),
    Magic(0, b"!<arch>\ndebian-binary", Format::Package),
    Magic(0, b"!<arch>\n", Format::ArchiveOther),
    Magic(0, b"\xED\xAB\xEE\xDB", Format::Package),
    Magic(0, b"xar!", Format::Package),
    Magic(0, b"Cr24", Format::Package),
    Magic(0, b"070701", Format::ArchiveOther),
    Magic(0, b"070702", Format::ArchiveOther),
    Magic(0, b"070707", Format::ArchiveOther),
    Magic(0, b"\xC7\x71", Format::ArchiveOther),
    Magic(0, b"MSWIM\0\0\0", Format::ArchiveOther),
    Magic(0, b"ISc(", Format::ArchiveOther),
    Magic(0, b"LZIP", Format::ArchiveOther),
    Magic(0, b"\x04\x22\x4D\x18", Format::ArchiveOther),
    Magic(0, b"\x1F\x9D", Format::ArchiveOther),
    Magic(7, b"**ACE**", Format::ArchiveOther),
    Magic(2, b"-lh", Format::ArchiveOther),
    Magic(20, b"\xDC\xA7\xC4\xFD", Format::ArchiveOther),
    Magic(0, b"hsqs", Format::DiskImage),
    Magic(0, b"conectix", Format::DiskImage),
    Magic(0, b"vhdxfile", Format::DiskImage),
    Magic(0, b"KDMV", Format::DiskImage),
    Magic(0, b"# Disk DescriptorFile", Format::DiskImage),
    Magic(0, b"QFI\xFB", Format::DiskImage),
    Magic(0, b"<<< Oracle VM", Format::DiskImage),
    Magic(0, b"LUKS\xBA\xBE", Format::EncryptedContainer),
    Magic(0, b"age-encryption.org/v1", Format::EncryptedContainer),
    Magic(0, b"\x03\xD9\xA2\x9A", Format::EncryptedContainer),
    Magic(0, b"Salted__", Format::EncryptedContainer),
    Magic(0, b"\xFE\xED\xFE\xED", Format::KeyMaterial),
    Magic(0, b"SQLite format 3\0", Format::Database),
    Magic(0, b"\0\x01\0\0Standard Jet DB", Format::Database),
    Magic(0, b"\0\x01\0\0Standard ACE DB", Format::Database),
    Magic(0, b"!BDN", Format::Database),
    Magic(0, b"AutoCAD Binary DXF", Format::Cad),
    Magic(0, b"%!PS-AdobeFont", Format::Font),
    Magic(0, b"%!FontType", Format::Font),
    Magic(0, b"%!PS", Format::Postscript),
    Magic(0, b"\x04%!PS", Format::Postscript),
    Magic(0, b"\xC5\xD0\xD3\xC6", Format::Postscript),
    Magic(0, b"\xD7\xCD\xC6\x9A", Format::Metafile),
    Magic(0, b"\x01\0\x09\0\0\x03", Format::Metafile),
    Magic(0, b"\x78\x9F\x3E\x22", Format::Tnef),
    Magic(0, b"\xFFWPC", Format::OldDocument),
    Magic(0, b"\x31\xBE\0\0", Format::OldDocument),
    Magic(0, b"\x32\xBE\0\0", Format::OldDocument),
    Magic(0, b"\xDB\xA5", Format::OldDocument),
    Magic(0, b"\0\0\x1A\0", Format::OldDocument),
    Magic(0, b"\0\0\x02\0\x06\x04", Format::OldDocument),
    Magic(0, b"\x09\0\x04\0", Format::OldDocument),
    Magic(0, b"\x09\x02\x06\0", Format::OldDocument),
    Magic(0, b"\x09\x04\x06\0", Format::OldDocument),
    Magic(0, b"\x09\x08\x08\0", Format::OldDocument),
    Magic(0, b"\0\x01\0\0\0", Format::Font),
    Magic(0, b"OTTO", Format::Font),
    Magic(0, b"ttcf", Format::Font),
    Magic(0, b"wOFF", Format::Font),
    Magic(0, b"wOF2", Format::Font),
    Magic(0, b"FWS", Format::Bytecode),
    Magic(0, b"CWS", Format::Bytecode),
    Magic(0, b"ZWS", Format::Bytecode),
];

/// The file formats that have their own look inside.
pub(super) const ZIP_LOCAL: &[u8] = b"PK\x03\x04";
pub(super) const ZIP_END: &[u8] = b"PK\x05\x06";
pub(super) const ZIP_SPANNED: &[u8] = b"PK\x07\x08";
pub(super) const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

pub(super) fn at(bytes: &[u8], offset: usize, signature: &[u8]) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.starts_with(signature))
}

fn u16le(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..offset + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32le(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..offset + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// What the first bytes say, short of ZIP and OLE2, which need a look inside.
pub(super) fn identify(head: &[u8]) -> Option<Format> {
    program(head).or_else(|| table(head)).or_else(|| boxed(head)).or_else(|| image(head)).or_else(|| metafile(head))
}

fn table(head: &[u8]) -> Option<Format> {
    let magic = TABLE.iter().find(|magic| at(head, magic.0, magic.1))?;
    // Short signatures made of letters only count where the bytes are no text; `GIF89a` starts no sentence.
    let letters = head.iter().take(64).all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E));
    let stands_alone = magic.1.len() >= 6 || matches!(magic.2, Format::Pdf | Format::Rtf | Format::Postscript);
    (!letters || stands_alone).then_some(magic.2)
}

/// Windows, DOS, Java and macOS universal programs, compiled Python.
fn program(head: &[u8]) -> Option<Format> {
    if at(head, 0, b"MZ") || at(head, 0, b"ZM") {
        let header = u32le(head, 0x3C).map_or(usize::MAX, |offset| offset as usize);
        let signature = header.checked_add(4).and_then(|end| head.get(header..end));
        if signature.is_some_and(|s| s.starts_with(b"PE\0\0") || s.starts_with(b"NE") || s.starts_with(b"LE") || s.starts_with(b"LX")) {
            return Some(Format::Pe);
        }
        // A DOS header without its controls is a word in a text.
        return head.iter().take(64).any(|byte| *byte < 9).then_some(Format::DosProgram);
    }
    if at(head, 0, b"\xCA\xFE\xBA\xBE") {
        // Java: minor and major version, major from 45. Universal binary: number of architectures.
        let second = head.get(4..8)?.try_into().ok().map(u32::from_be_bytes)?;
        return Some(if second & 0xFFFF >= 45 { Format::Java } else { Format::MachO });
    }
    let python = at(head, 2, b"\r\n") && u16le(head, 0).is_some_and(|version| version > 3000 || version > 20_000);
    (python && head.iter().take(16).any(|byte| *byte < 9)).then_some(Format::Bytecode)
}

/// RIFF and ISO base media.
fn boxed(head: &[u8]) -> Option<Format> {
    if at(head, 0, b"RIFF") {
        return match head.get(8..12)? {
            b"WEBP" => Some(Format::Webp),
            b"WAVE" | b"RMID" => Some(Format::Audio),
            b"AVI " => Some(Format::Video),
            _ => Some(Format::Unknown),
        };
    }
    if !at(head, 4, b"ftyp") {
        return None;
    }
    match head.get(8..12)? {
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Format::Heic),
        // A generic brand: the compatible ones decide.
        b"mif1" | b"msf1" | b"mif3" => {
            let brands = head.get(12..head.len().min(64)).unwrap_or_default();
            Some(if brands.windows(4).any(|brand| brand == b"avif") { Format::Avif } else { Format::Heic })
        }
        b"M4A " | b"M4B " | b"M4P " => Some(Format::Audio),
        _ => Some(Format::Video),
    }
}

fn image(head: &[u8]) -> Option<Format> {
    let bmp = at(head, 0, b"BM") && matches!(u32le(head, 14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124));
    if bmp {
        return Some(Format::Bmp);
    }
    // Icon or cursor: reserved 0, type 1 or 2, a plausible count, and the first entry's reserved byte and offset.
    let icon = (at(head, 0, b"\0\0\x01\0") || at(head, 0, b"\0\0\x02\0")) && matches!(u16le(head, 4), Some(1..=256));
    (icon && head.get(9) == Some(&0) && u32le(head, 18).is_some_and(|offset| (22..1 << 20).contains(&offset))).then_some(Format::Ico)
}

fn metafile(head: &[u8]) -> Option<Format> {
    if at(head, 0, b"\x01\0\0\0") && at(head, 40, b" EMF") {
        return Some(Format::Metafile);
    }
    let dwg = at(head, 0, b"AC10") && head.get(4..6).is_some_and(|version| version.iter().all(u8::is_ascii_digit));
    (dwg && head.iter().take(32).any(|byte| *byte == 0)).then_some(Format::Cad)
}

/// Formats whose sign is not in the first bytes: tar, disc and disk images.
pub(super) fn identify_deep(head: &[u8], tail: &[u8]) -> Option<Format> {
    if at(head, 257, b"ustar") || tar_checksum_fits(head) {
        return Some(Format::Tar);
    }
    if at(head, 32_769, b"CD001") || at(head, 32_769, b"BEA01") || at(head, 32_769, b"NSR0") {
        return Some(Format::Iso);
    }
    let trailer = tail.len().checked_sub(512).and_then(|start| tail.get(start..)).unwrap_or_default();
    if trailer.starts_with(b"koly") || trailer.starts_with(b"conectix") {
        return Some(Format::DiskImage);
    }
    let boot = at(head, 510, b"\x55\xAA");
    let volume = at(head, 3, b"NTFS    ") || at(head, 3, b"EXFAT   ") || at(head, 3, b"-FVE-FS-");
    let fat = boot && (at(head, 54, b"FAT") || at(head, 82, b"FAT32"));
    let partitions = boot && (at(head, 512, b"EFI PART") || partition_table_fits(head));
    let ext = at(head, 1080, b"\x53\xEF") && at(head, 1024 + 58, b"\x01\0") | at(head, 1024 + 58, b"\x02\0");
    (volume || fat || partitions || ext).then_some(Format::DiskImage)
}

/// A master boot record: four entries whose status is 0x00 or 0x80, at least one of them used.
fn partition_table_fits(head: &[u8]) -> bool {
    let Some(entries) = head.get(446..510) else {
        return false;
    };
    let mut used = 0;
    for entry in entries.chunks(16) {
        match (entry.first(), entry.get(4)) {
            (Some(0 | 0x80), Some(0)) => {}
            (Some(0 | 0x80), Some(_)) => used += 1,
            _ => return false,
        }
    }
    used > 0
}

/// tar before POSIX has no magic, only the checksum of its header.
fn tar_checksum_fits(head: &[u8]) -> bool {
    let (Some(block), Some(field)) = (head.get(..512), head.get(148..156)) else {
        return false;
    };
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    let Some(claimed) = std::str::from_utf8(&digits).ok().and_then(|text| u32::from_str_radix(text, 8).ok()) else {
        return false;
    };
    let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    claimed == sum && claimed > 256 && block.first().is_some_and(|byte| *byte != 0)
}

/// What the general identifier knows beyond the table: audio, video, fonts.
pub(super) fn general(head: &[u8]) -> Option<Format> {
    use infer::MatcherType;
    let kind = infer::get(head)?;
    match kind.matcher_type() {
        MatcherType::Audio => Some(Format::Audio),
        MatcherType::Video => Some(Format::Video),
        MatcherType::Font => Some(Format::Font),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_signatures() {
        for text in [
            &b"MZ is the mark of a DOS program, they say, and this is prose about it"[..],
            b"BMW builds cars in Munich and elsewhere",
            b"OTTO is a name; a sentence follows that is long enough to be one",
            b"FWS stands for something in this sentence of prose, surely",
        ] {
            assert_eq!(identify(text), None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn programs_are_told_apart() {
        let mut pe = vec![0u8; 512];
        pe[..2].copy_from_slice(b"MZ");
        assert_eq!(identify(&pe), Some(Format::DosProgram));
        pe[0x3C] = 0x80;
        pe[0x80..0x84].copy_from_slice(b"PE\0\0");
        assert_eq!(identify(&pe), Some(Format::Pe));
        assert_eq!(identify(b"\xCA\xFE\xBA\xBE\0\0\0\x34more"), Some(Format::Java));
        assert_eq!(identify(b"\xCA\xFE\xBA\xBE\0\0\0\x02more"), Some(Format::MachO));
        assert_eq!(identify(b"\x7fELF\x02\x01\x01\0"), Some(Format::Elf));
        assert_eq!(identify(b"\xA7\x0D\r\n\0\0\0\0\x12\x34\x56\x78"), Some(Format::Bytecode));
    }

    #[test]
    fn boxes_and_images() {
        assert_eq!(identify(b"RIFF\x10\0\0\0WEBPVP8 "), Some(Format::Webp));
        assert_eq!(identify(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Some(Format::Heic));
        assert_eq!(identify(b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif"), Some(Format::Avif));
        assert_eq!(identify(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"), Some(Format::Video));
        assert_eq!(identify(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), Some(Format::Bmp));
        assert_eq!(identify(b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0"), Some(Format::Ico));
    }

    #[test]
    fn images_of_disks() {
        let mut head = vec![0u8; 40_000];
        head[32_769..32_774].copy_from_slice(b"CD001");
        assert_eq!(identify_deep(&head, &[]), Some(Format::Iso));
        let mut boot = vec![0u8; 1024];
        boot[510..512].copy_from_slice(b"\x55\xAA");
        assert_eq!(identify_deep(&boot, &[]), None);
        boot[54..59].copy_from_slice(b"FAT16");
        assert_eq!(identify_deep(&boot, &[]), Some(Format::DiskImage));
        let mut dmg = vec![0u8; 512];
        dmg[..4].copy_from_slice(b"koly");
        assert_eq!(identify_deep(&[], &dmg), Some(Format::DiskImage));
    }
}
