//! The keyed random stream a pass writes: AES-256 in counter mode, a function of key, pass and address.
//!
//! It is taken from AES-256-GCM of `ring` over zero bytes (NIST SP 800-38D: the ciphertext is then the counter stream): the
//! fastest implementation this program links, and no second one. The tag is thrown away; nothing is authenticated here.
//!
//! **Invariant.** What stands at an address differs between any two addresses and any two passes, so content that is found
//! where it was not written tells where it was written ([`KeyStream::locate`]).

use crate::error::WipeFault;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes under one nonce; reads and writes of the stream begin at a multiple of it.
// BOUND: far below the 64 GiB of one nonce (SP 800-38D section 5.2.1.1), and with one call per 64 KiB the cost of a call vanishes.
pub const UNIT_BYTES: usize = 64 << 10;
/// The addresses a medium can confuse are multiples of this: the smallest sector there is.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Bytes by which content is recognised; by chance they agree once in 2^256 times.
pub(crate) const SAMPLE_BYTES: usize = 32;

/// The stream of one pass.
#[derive(Debug)]
pub struct KeyStream {
    key: LessSafeKey,
    pass: u32,
}

impl KeyStream {
    /// The stream of `pass` (from 1) under `key`.
    ///
    /// # Errors
    /// [`WipeFault::Stream`]; never for a key of [`KEY_BYTES`].
    pub fn new(key: &[u8; KEY_BYTES], pass: u32) -> Result<Self, WipeFault> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_unspecified| WipeFault::Stream)?;
        Ok(Self { key: LessSafeKey::new(key), pass })
    }

    /// Fills `buffer` with what belongs at byte address `offset`, a multiple of [`UNIT_BYTES`].
    ///
    /// # Errors
    /// [`WipeFault::Stream`] when `offset` is no such multiple.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) -> Result<(), WipeFault> {
        if !offset.is_multiple_of(UNIT_BYTES as u64) {
            return Err(WipeFault::Stream);
        }
        let first = offset / UNIT_BYTES as u64;
        for (unit, bytes) in (first..).zip(buffer.chunks_mut(UNIT_BYTES)) {
            bytes.fill(0);
            let mut nonce = [0; 12];
            let (pass, number) = nonce.split_at_mut(4);
            pass.copy_from_slice(&self.pass.to_le_bytes());
            number.copy_from_slice(&unit.to_le_bytes());
            let nonce = Nonce::assume_unique_for_key(nonce);
            let _tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), bytes).map_err(|_unspecified| WipeFault::Stream)?;
        }
        Ok(())
    }

    /// The address below `size_bytes` whose content begins with `sample`, if there is one. Regenerates the whole stream.
    ///
    /// # Errors
    /// As [`KeyStream::fill`].
    pub(crate) fn locate(&self, sample: [u8; SAMPLE_BYTES], size_bytes: u64) -> Result<Option<u64>, WipeFault> {
        let mut unit = vec![0; UNIT_BYTES];
        let mut offset = 0;
        while offset < size_bytes {
            self.fill(offset, &mut unit)?;
            if let Some(sector) = unit.chunks(SECTOR_BYTES).position(|sector| sector.starts_with(&sample)) {
                return Ok(Some(offset + (sector * SECTOR_BYTES) as u64));
            }
            offset += UNIT_BYTES as u64;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(key: u8, pass: u32, offset: u64, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0xAA; bytes];
        KeyStream::new(&[key; KEY_BYTES], pass).unwrap().fill(offset, &mut buffer).unwrap();
        buffer
    }

    #[test]
    fn the_stream_is_aes_in_counter_mode() {
        // NIST's GCM specification (McGrew, Viega), test case 14: AES-256, key, nonce and 16 zero bytes.
        assert_eq!(filled(0, 0, 0, 16), [0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18]);
    }

    #[test]
    fn it_depends_on_key_pass_and_address_and_on_nothing_else() {
        let unit = UNIT_BYTES as u64;
        let whole = filled(7, 1, 0, 3 * UNIT_BYTES + 100);
        assert_eq!(whole[UNIT_BYTES..], filled(7, 1, unit, 2 * UNIT_BYTES + 100));
        for other in [filled(8, 1, 0, UNIT_BYTES), filled(7, 2, 0, UNIT_BYTES), filled(7, 1, unit, UNIT_BYTES)] {
            let equal = whole.iter().zip(&other).filter(|(a, b)| a == b).count();
            // One byte in 256 agrees by chance.
            assert!((128..=384).contains(&equal), "{equal} of {UNIT_BYTES} bytes agree");
        }
        assert!(matches!(KeyStream::new(&[7; KEY_BYTES], 1).unwrap().fill(1, &mut [0]), Err(WipeFault::Stream)));
    }

    #[test]
    fn content_tells_where_it_was_written() {
        let stream = KeyStream::new(&[9; KEY_BYTES], 3).unwrap();
        let size = 10 * UNIT_BYTES as u64;
        let mut unit = vec![0; UNIT_BYTES];
        stream.fill(7 * UNIT_BYTES as u64, &mut unit).unwrap();
        let sample: [u8; SAMPLE_BYTES] = unit[5 * SECTOR_BYTES..][..SAMPLE_BYTES].try_into().unwrap();
        assert_eq!(stream.locate(sample, size).unwrap(), Some(7 * UNIT_BYTES as u64 + 5 * 512));
        assert_eq!(stream.locate([0; SAMPLE_BYTES], size).unwrap(), None);
    }
}
