//! Names in UTF-16 as bytes of a path component.

/// The name in UTF-8; an unpaired surrogate becomes its three bytes of generalised UTF-8 (WTF-8), so that two names that
/// differ only there stay two.
pub(crate) fn name_bytes(units: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut out = Vec::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let [high, low] = lone.unpaired_surrogate().to_be_bytes();
                out.extend([0xE0 | (high >> 4), 0x80 | ((high & 0x0F) << 2) | (low >> 6), 0x80 | (low & 0x3F)]);
            }
        }
    }
    out
}

/// Little-endian units of a name; an odd byte at the end is none.
pub(crate) fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_stay_apart() {
        assert_eq!(name_bytes("Grüße 漢字 😀".encode_utf16()), "Grüße 漢字 😀".as_bytes());
        assert_eq!(name_bytes([0x61, 0xD800, 0x62]), b"a\xED\xA0\x80b");
        assert_eq!(name_bytes([0xDFFF]), b"\xED\xBF\xBF");
        assert_eq!(name_bytes(units(b"a\0b\0c")), b"ab");
    }
}
