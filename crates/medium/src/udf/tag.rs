//! Descriptor tags (ECMA-167, 3/7.2 and 4/7.2).

use crate::bytes::word;

/// Bytes of a tag.
pub const BYTES: usize = 16;

/// What a descriptor is, when its tag and what the tag guards are whole.
pub fn identify(raw: &[u8]) -> Option<u16> {
    let tag = raw.get(..BYTES)?;
    let sum = tag.iter().enumerate().filter(|(at, _)| *at != 4).fold(0u8, |sum, (_, byte)| sum.wrapping_add(*byte));
    let guarded = raw.get(BYTES..BYTES + usize::from(word(tag, 10)?))?;
    (tag.get(4) == Some(&sum) && word(tag, 8)? == checksum(guarded)).then_some(word(tag, 0)?)
}

/// CRC of ITU-T V.41, begun with 0 (ECMA-167, 1/7.2.6).
pub fn checksum(bytes: &[u8]) -> u16 {
    let step = |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
    bytes.iter().fold(0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte) << 8, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        // ECMA-167, 1/7.2.6: the CRC of 70 6A 77 is 3299.
        assert_eq!(checksum(&[0x70, 0x6A, 0x77]), 0x3299);
    }

    #[test]
    fn a_tag_guards_itself_and_what_follows() {
        let mut raw = [0u8; 20];
        raw[0] = 8;
        raw[10] = 4;
        raw[16..].copy_from_slice(b"abcd");
        let crc = checksum(b"abcd").to_le_bytes();
        raw[8..10].copy_from_slice(&crc);
        raw[4] = raw[..16].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(identify(&raw), Some(8));
        for at in (0..20).filter(|at| *at != 4) {
            let mut broken = raw;
            broken[at] ^= 1;
            assert_eq!(identify(&broken), None, "{at}");
        }
        assert_eq!(identify(&raw[..19]), None);
    }
}
