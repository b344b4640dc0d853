//! Bytes to characters.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How a text was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    name: &'static str,
    replaced: bool,
}

impl Encoded {
    /// The name of an encoding that is not UTF-8, and whether broken sequences had to be replaced.
    pub fn worth_a_note(self) -> Option<String> {
        match (self.name, self.replaced) {
            ("utf-8", false) => None,
            (name, false) => Some(name.to_owned()),
            (name, true) => Some(format!("{name}, broken sequences replaced")),
        }
    }
}

/// Decodes by byte-order mark, else as UTF-16 when every other byte is mostly zero, else as UTF-8, else as Windows-1252.
/// Never fails: what is broken becomes U+FFFD.
pub fn decode(bytes: &[u8]) -> (String, Encoded) {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => with(UTF_8, "utf-8", rest),
        [0xFF, 0xFE, 0, 0, rest @ ..] => utf32(rest, "utf-32le", u32::from_le_bytes),
        [0, 0, 0xFE, 0xFF, rest @ ..] => utf32(rest, "utf-32be", u32::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => with(UTF_16LE, "utf-16le", rest),
        [0xFE, 0xFF, rest @ ..] => with(UTF_16BE, "utf-16be", rest),
        _ => match (utf16_without_mark(bytes), std::str::from_utf8(bytes)) {
            (Some(true), _) => with(UTF_16LE, "utf-16le", bytes),
            (Some(false), _) => with(UTF_16BE, "utf-16be", bytes),
            (None, Ok(text)) => (text.to_owned(), Encoded { name: "utf-8", replaced: false }),
            (None, Err(_)) => with(WINDOWS_1252, "windows-1252", bytes),
        },
    }
}

fn with(encoding: &'static Encoding, name: &'static str, bytes: &[u8]) -> (String, Encoded) {
    let (text, replaced) = encoding.decode_without_bom_handling(bytes);
    (text.into_owned(), Encoded { name, replaced })
}

fn utf32(bytes: &[u8], name: &'static str, order: fn([u8; 4]) -> u32) -> (String, Encoded) {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut replaced = !rest.is_empty();
    let decoded = units.iter().map(|unit| {
        char::from_u32(order(*unit)).unwrap_or_else(|| {
            replaced = true;
            char::REPLACEMENT_CHARACTER
        })
    });
    let text = decoded.collect();
    (text, Encoded { name, replaced })
}

/// `Some(little_endian)` when one byte of most pairs is zero and the other hardly ever.
fn utf16_without_mark(bytes: &[u8]) -> Option<bool> {
    // BOUND: the beginning tells; no more of it than identification looks at, so that both read the same text.
    let (pairs, _) = bytes.get(..bytes.len().min(2_048))?.as_chunks::<2>();
    let (mut first, mut second) = (0usize, 0usize);
    for [a, b] in pairs {
        first += usize::from(*a == 0);
        second += usize::from(*b == 0);
    }
    let (most, hardly) = (pairs.len() / 2, pairs.len() / 50);
    match (first, second) {
        _ if pairs.len() < 2 => None,
        (first, second) if second > most && first <= hardly => Some(true),
        (first, second) if first > most && second <= hardly => Some(false),
        _ => None,
    }
}
