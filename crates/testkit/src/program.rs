//! Programs, shortcuts and the scanner test file. Everything here is inert: headers without a working body.

use crate::bits;

/// The test file every virus scanner reports (EICAR, 68 bytes), put together at run time so that no file of this
/// repository contains it.
pub fn eicar() -> Vec<u8> {
    let (first, second) = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*");
    [first, second].concat().into_bytes()
}

/// A Windows program (PE32, i386, console) whose code is one return instruction.
pub fn pe() -> Vec<u8> {
    let mut out = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0\xB8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0".to_vec();
    out.resize(0x3C, 0);
    out.extend(0x80u32.to_le_bytes());
    out.extend(b"\x0E\x1F\xBA\x0E\0\xB4\x09\xCD\x21\xB8\x01\x4C\xCD\x21This program cannot be run in DOS mode.\r\r\n$");
    out.resize(0x80, 0);
    out.extend(b"PE\0\0\x4C\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\xE0\0\x02\x01");
    let words: [u32; 24] = [
        0x000E_010B,
        0x200,
        0,
        0,
        0x1000,
        0x1000,
        0x2000,
        0x0040_0000,
        0x1000,
        0x200,
        4,
        0,
        4,
        0,
        0x2000,
        0x200,
        0,
        3,
        0x0010_0000,
        0x1000,
        0x0010_0000,
        0x1000,
        0,
        16,
    ];
    for word in words {
        out.extend(word.to_le_bytes());
    }
    out.extend([0; 128]);
    out.extend(b".text\0\0\0");
    for word in [1u32, 0x1000, 0x200, 0x200, 0, 0, 0, 0x6000_0020] {
        out.extend(word.to_le_bytes());
    }
    out.resize(0x200, 0);
    out.push(0xC3);
    out.resize(0x400, 0);
    out
}

/// A Linux program (ELF64, x86-64) that would exit at once.
pub fn elf() -> Vec<u8> {
    let code = b"\xB8\x3C\0\0\0\x31\xFF\x0F\x05";
    let mut out = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3E\0\x01\0\0\0".to_vec();
    for word in [0x40_0078u64, 64, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(b"\0\0\0\0\x40\0\x38\0\x01\0\0\0\0\0\0\0");
    out.extend(b"\x01\0\0\0\x05\0\0\0");
    for word in [0, 0x40_0000, 0x40_0000, 0x78 + code.len() as u64, 0x78 + code.len() as u64, 0x1000] {
        out.extend(word.to_le_bytes());
    }
    out.extend(code);
    out
}

/// A Windows shell link (MS-SHLLINK) with a relative path, arguments and an icon.
pub fn lnk(relative_path: &str, arguments: &str, icon: &str) -> Vec<u8> {
    let mut out = b"\x4C\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46".to_vec();
    // Flags: relative path, arguments, icon, Unicode strings.
    out.extend((1u32 << 3 | 1 << 5 | 1 << 6 | 1 << 7).to_le_bytes());
    out.extend(0x20u32.to_le_bytes());
    out.extend([0; 24]);
    out.extend(b"\0\0\0\0\0\0\0\0\x01\0\0\0\0\0");
    out.resize(76, 0);
    for text in [relative_path, arguments, icon] {
        out.extend((text.encode_utf16().count() as u16).to_le_bytes());
        out.extend(bits::utf16le(text));
    }
    out.extend([0; 4]);
    out
}

/// A TrueType font's table directory with empty tables.
pub fn ttf_outline() -> Vec<u8> {
    let names = [b"cmap", b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp", b"name", b"post"];
    let mut out = b"\0\x01\0\0\0\x09\0\x80\0\x03\0\x10".to_vec();
    for name in names {
        out.extend(name);
        for word in [0u32, 12 + 16 * 9, 4] {
            out.extend(word.to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out
}

/// A Java class file without members (class file format version 52).
pub fn java_class() -> Vec<u8> {
    let mut out = b"\xCA\xFE\xBA\xBE\0\0\0\x34\0\x05\x07\0\x02\x01\0\x04Demo\x07\0\x04\x01\0\x10java/lang/Object".to_vec();
    out.extend(b"\0\x21\0\x01\0\x03\0\0\0\0\0\0\0\0");
    out
}

/// A WAV file: half a second of a 441 Hz triangle, 8 bits, 8 kHz, mono.
pub fn wav() -> Vec<u8> {
    let samples: Vec<u8> = (0..4_000u32)
        .map(|n| {
            let t = n % 18;
            (if t < 9 { 88 + t * 8 } else { 232 - t * 8 }) as u8
        })
        .collect();
    let mut out = b"RIFF".to_vec();
    out.extend((36 + samples.len() as u32).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data");
    out.extend((samples.len() as u32).to_le_bytes());
    out.extend(samples);
    out
}

/// The first boxes of an MP4 film, without pictures (ISO 14496-12).
pub fn mp4_outline() -> Vec<u8> {
    let mut out = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    out.extend(b"\0\0\0\x08free\0\0\x01\x08mdat");
    out.resize(out.len() + 256, 0);
    out
}

/// An ISO 9660 image: system area, primary volume descriptor, terminator, nothing else (ECMA-119, 8.4).
pub fn iso_outline() -> Vec<u8> {
    let mut out = vec![0; 16 * 2048];
    out.extend(b"\x01CD001\x01\0");
    out.extend(format!("{:32}{:32}", "", "MUSTER").bytes());
    out.extend([0; 8]);
    out.extend(18u32.to_le_bytes().iter().chain(&18u32.to_be_bytes()));
    out.resize(17 * 2048, 0);
    out.extend(b"\xFFCD001\x01");
    out.resize(18 * 2048, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_where_their_formats_say() {
        let (pe, elf, iso) = (pe(), elf(), iso_outline());
        assert_eq!(pe.get(0x80..0x84), Some(&b"PE\0\0"[..]));
        assert_eq!(pe.get(0x80 + 24 + 224..0x80 + 24 + 229), Some(&b".text"[..]));
        assert_eq!(elf.len(), 0x78 + 9);
        assert_eq!(iso.get(0x8001..0x8006), Some(&b"CD001"[..]));
        assert_eq!(lnk("a", "b", "c").get(76..78), Some(&[1, 0][..]));
    }

    #[test]
    fn the_scanner_test_file_has_its_length() {
        assert_eq!(eicar().len(), 68);
    }
}
