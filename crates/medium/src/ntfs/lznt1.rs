//! LZNT1, the compression of NTFS (MS-XCA, section 2.5).

/// Bytes a chunk becomes.
const CHUNK: usize = 4096;

/// Decompresses into `out`, which must be zeros; what the stream does not reach stays zero. `None` when it is malformed.
pub fn decompress(mut packed: &[u8], out: &mut [u8]) -> Option<()> {
    for place in out.chunks_mut(CHUNK) {
        let Some((header, rest)) = packed.split_first_chunk().map(|(header, rest)| (u16::from_le_bytes(*header), rest)) else { break };
        if header == 0 {
            break;
        }
        // Three bits have one value only.
        if header & 0x7000 != 0x3000 {
            return None;
        }
        let (chunk, behind) = rest.split_at_checked(usize::from(header & 0x0FFF) + 1)?;
        packed = behind;
        if header & 0x8000 == 0 {
            place.get_mut(..chunk.len())?.copy_from_slice(chunk);
        } else {
            unpack(chunk, place)?;
        }
    }
    Some(())
}

fn unpack(mut chunk: &[u8], out: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while let Some((flags, rest)) = chunk.split_first() {
        chunk = rest;
        for bit in 0..8 {
            if chunk.is_empty() {
                break;
            }
            if flags >> bit & 1 == 0 {
                let (literal, rest) = chunk.split_first()?;
                *out.get_mut(at)? = *literal;
                at += 1;
                chunk = rest;
                continue;
            }
            let (token, rest) = chunk.split_first_chunk()?;
            chunk = rest;
            let (distance, length) = phrase(u16::from_le_bytes(*token), at)?;
            for place in at..at.checked_add(length).filter(|end| *end <= out.len())? {
                *out.get_mut(place)? = *out.get(place - distance)?;
            }
            at += length;
        }
    }
    Some(())
}

/// Distance and length; the further into the chunk, the more bits the distance has.
fn phrase(token: u16, at: usize) -> Option<(usize, usize)> {
    let before = at.checked_sub(1)?;
    let distance_bits = (usize::BITS - (before >> 4).leading_zeros() + 4).min(12);
    let length_bits = 16 - distance_bits;
    let distance = usize::from(token >> length_bits) + 1;
    let length = usize::from(token & ((1 << length_bits) - 1)) + 3;
    (distance <= at).then_some((distance, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; length];
        decompress(packed, &mut out).map(|()| out)
    }

    #[test]
    fn literals_phrases_and_plain_chunks() {
        // `abc` and then a phrase that goes on with it; distance 3 and length 9 in four and twelve bits.
        let packed = [5, 0xB0, 0b1000, b'a', b'b', b'c', 6, 0x20];
        assert_eq!(unpacked(&packed, 4096).unwrap()[..14], *b"abcabcabcabc\0\0");
        let plain = [&[0xFF, 0x3F][..], &[7; 4096], &[0, 0, 9, 9]].concat();
        let out = unpacked(&plain, 8192).unwrap();
        assert!(out[..4096].iter().all(|byte| *byte == 7) && out[4096..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_split_between_distance_and_length_moves() {
        for (at, distance_bits) in [(1, 4), (16, 4), (17, 5), (32, 5), (33, 6), (2049, 12), (4095, 12)] {
            let most = 1 << distance_bits;
            assert_eq!(phrase(0xFFFF, at).map_or(most, |(distance, _)| distance), most.min(at.max(most)), "{at}");
            assert_eq!(phrase((1 << (16 - distance_bits)) - 1, at).unwrap(), (1, (1 << (16 - distance_bits)) + 2), "{at}");
        }
    }

    #[test]
    fn malformed_streams_are_none() {
        for packed in [
            // Back before the beginning, another signature, cut, longer than a chunk.
            &[2u8, 0xB0, 1, 0, 0][..],
            &[0, 0x90, 0],
            &[9, 0xB0, 0, 1],
            &[4, 0xB0, 2, b'a', 0xFF, 0x0F, 0],
            &[5, 0xB0, 0b110, b'a', 0xFF, 0x0F, 0xFF, 0x0F],
        ] {
            assert_eq!(unpacked(packed, 4096), None, "{packed:?}");
        }
    }
}
