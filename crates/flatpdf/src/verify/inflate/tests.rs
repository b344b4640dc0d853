//! The decoder against another encoder and another decoder.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::io::Write;

use proptest::prelude::*;

use super::{Fault, zlib};

fn compress(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes with runs, repeats and noise, so that every block type and code length appears.
fn mixed(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..len)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match at / 997 % 4 {
                0 => (state >> 24) as u8,
                1 => 7,
                2 => (at % 251) as u8,
                _ => ((state >> 24) as u8).leading_zeros() as u8,
            }
        })
        .collect()
}

#[test]
fn decodes_what_another_encoder_wrote() {
    for len in [0, 1, 2, 300, 70_000, 400_000] {
        let bytes = mixed(len);
        for level in 0..=9 {
            assert_eq!(zlib(&compress(&bytes, level), len), Ok(bytes.clone()), "{len} bytes at level {level}");
        }
    }
}

#[test]
fn stops_at_the_exact_length() {
    let bytes = vec![0; 100_000];
    assert_eq!(zlib(&compress(&bytes, 6), 99_999), Err(Fault::TooLong));
}

#[test]
fn one_byte_more_or_less_is_malformed() {
    let packed = compress(&mixed(5_000), 6);
    let mut longer = packed.clone();
    longer.push(0);
    assert_eq!(zlib(&longer, 5_000), Err(Fault::Malformed));
    // Junk in front of a repeated checksum is found as well.
    let checksum = packed[packed.len() - 4..].to_vec();
    let hidden = [packed.clone(), b"hidden".to_vec(), checksum].concat();
    assert_eq!(zlib(&hidden, 5_000), Err(Fault::Malformed));
    for len in 0..packed.len() {
        assert!(zlib(&packed[..len], 5_000).is_err(), "cut to {len}");
    }
}

proptest! {
    #[test]
    fn agrees_with_another_decoder(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        // A valid header in front, so that the blocks are reached.
        bytes.splice(0..0, [0x78, 0x9C]);
        let mut other = Vec::new();
        let theirs = std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(bytes.as_slice()), &mut other);
        if let Ok(ours) = zlib(&bytes, 1 << 20) {
            prop_assert!(theirs.is_ok());
            prop_assert_eq!(ours, other);
        }
    }

    #[test]
    fn a_flipped_bit_never_yields_other_bytes(at in 0_usize..4_000, bit in 0_u8..8) {
        let bytes = mixed(9_000);
        let mut packed = compress(&bytes, 6);
        let at = at % packed.len();
        packed[at] ^= 1 << bit;
        if let Ok(read) = zlib(&packed, bytes.len()) {
            prop_assert_eq!(read, bytes);
        }
    }
}
