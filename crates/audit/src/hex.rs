//! Lower-case hexadecimal, strictly: one value has one spelling, so a record has one canonical form.

use std::fmt::Write as _;

/// `bytes` as lower-case hexadecimal, two characters a byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The `N` bytes that `text` spells; `None` for another length, an upper-case digit or anything else.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(encode(&[0x00, 0xaf, 0x19]), "00af19");
        assert_eq!(decode::<3>("00af19"), Some([0x00, 0xaf, 0x19]));
        for other in ["00AF19", "00af1", "00af190", "00af1900", "00ag19", "+0af19"] {
            assert_eq!(decode::<3>(other), None, "{other}");
        }
    }
}
