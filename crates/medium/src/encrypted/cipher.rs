//! Decryption of sectors: AES in the modes that LUKS and BitLocker use.

use super::bitlocker::diffuser;
use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256, Block};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Bytes of an AES block.
const BLOCK: usize = 16;

/// AES with a key of any of its lengths (FIPS 197). The key schedule is wiped when it is dropped.
pub(super) enum Aes {
    K128(Box<Aes128>),
    K192(Box<Aes192>),
    K256(Box<Aes256>),
}

impl Aes {
    /// `None` when the key is not 16, 24 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Aes128::new_from_slice(key).ok().map(|aes| Self::K128(Box::new(aes))),
            24 => Aes192::new_from_slice(key).ok().map(|aes| Self::K192(Box::new(aes))),
            32 => Aes256::new_from_slice(key).ok().map(|aes| Self::K256(Box::new(aes))),
            _ => None,
        }
    }

    pub(super) fn encrypt(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = Block::from(block);
        match self {
            Self::K128(aes) => aes.encrypt_block(&mut block),
            Self::K192(aes) => aes.encrypt_block(&mut block),
            Self::K256(aes) => aes.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt(&self, blocks: &mut [Block]) {
        match self {
            Self::K128(aes) => aes.decrypt_blocks(blocks),
            Self::K192(aes) => aes.decrypt_blocks(blocks),
            Self::K256(aes) => aes.decrypt_blocks(blocks),
        }
    }
}

/// How the first block of a sector is made different from those of all others.
enum Start {
    /// The number itself, 64 bits little-endian.
    Plain64,
    /// Its lower 32 bits only.
    Plain,
    /// The number, encrypted by the hash of the key (ESSIV).
    Essiv(Aes),
    /// The number, encrypted by the key itself (BitLocker).
    ByKey,
}

enum Mode {
    /// IEEE 1619; the second key encrypts the number.
    Xts {
        tweak: Aes,
        plain64: bool,
    },
    Cbc(Start),
    /// CBC of BitLocker below its diffuser.
    Elephant {
        tweak: Aes,
    },
}

/// Decrypts sectors, each with a number of its own.
pub(super) struct SectorCipher {
    aes: Aes,
    mode: Mode,
}

impl SectorCipher {
    /// By its name in a LUKS header (`aes-xts-plain64`); `None` when it is not known or the key has no such length.
    pub(super) fn by_name(name: &str, key: &[u8]) -> Option<Self> {
        let (halves, start) = match name.strip_prefix("aes-")? {
            "xts-plain64" => return Self::xts(key, true),
            "xts-plain" => return Self::xts(key, false),
            "cbc-plain64" => (key, Start::Plain64),
            "cbc-plain" => (key, Start::Plain),
            "cbc-essiv:sha256" => (key, Start::Essiv(Aes::new(&Zeroizing::new(<[u8; 32]>::from(Sha256::digest(key)))[..])?)),
            _ => return None,
        };
        Some(Self { aes: Aes::new(halves)?, mode: Mode::Cbc(start) })
    }

    /// XTS with a key of two halves.
    pub(super) fn xts(key: &[u8], plain64: bool) -> Option<Self> {
        let (first, second) = key.split_at_checked(key.len() / 2)?;
        Some(Self { aes: Aes::new(first)?, mode: Mode::Xts { tweak: Aes::new(second)?, plain64 } })
    }

    /// CBC of BitLocker without its diffuser.
    pub(super) fn cbc_by_key(key: &[u8]) -> Option<Self> {
        Some(Self { aes: Aes::new(key)?, mode: Mode::Cbc(Start::ByKey) })
    }

    /// CBC of BitLocker with its diffuser, which has a key of its own.
    pub(super) fn elephant(key: &[u8], tweak: &[u8]) -> Option<Self> {
        Some(Self { aes: Aes::new(key)?, mode: Mode::Elephant { tweak: Aes::new(tweak)? } })
    }

    /// Decrypts a sector in place. Its length is a multiple of 16; what is over stays as it is.
    pub(super) fn decrypt(&self, number: u64, sector: &mut [u8]) {
        match &self.mode {
            Mode::Xts { tweak, plain64 } => {
                let number = if *plain64 { number } else { number & u64::from(u32::MAX) };
                self.decrypt_xts(tweak.encrypt(wide(number)), sector);
            }
            Mode::Cbc(start) => {
                let first = match start {
                    Start::Plain64 => wide(number),
                    Start::Plain => wide(number & u64::from(u32::MAX)),
                    Start::Essiv(aes) => aes.encrypt(wide(number)),
                    Start::ByKey => self.aes.encrypt(wide(number)),
                };
                self.decrypt_cbc(first, sector);
            }
            Mode::Elephant { tweak } => {
                self.decrypt_cbc(self.aes.encrypt(wide(number)), sector);
                let mut second = wide(number);
                second[BLOCK - 1] = 0x80;
                diffuser::undo(sector, &[tweak.encrypt(wide(number)), tweak.encrypt(second)].concat());
            }
        }
    }

    fn decrypt_xts(&self, tweak: [u8; BLOCK], sector: &mut [u8]) {
        let mut tweak = u128::from_le_bytes(tweak);
        let (blocks, _) = Array::slice_as_chunks_mut(sector);
        let tweaks: Vec<u128> = std::iter::repeat_with(|| {
            let this = tweak;
            // Multiplication by α: x^128 = x^7 + x^2 + x + 1 (IEEE 1619, 5.2).
            tweak = (tweak << 1) ^ if tweak >> 127 == 1 { 0x87 } else { 0 };
            this
        })
        .take(blocks.len())
        .collect();
        let whiten = |blocks: &mut [Block]| blocks.iter_mut().zip(&tweaks).for_each(|(block, tweak)| xor(block, &tweak.to_le_bytes()));
        whiten(blocks);
        self.aes.decrypt(blocks);
        whiten(blocks);
    }

    fn decrypt_cbc(&self, first: [u8; BLOCK], sector: &mut [u8]) {
        let (blocks, _) = Array::slice_as_chunks_mut(sector);
        let before: Vec<Block> = std::iter::once(Block::from(first)).chain(blocks.iter().copied()).collect();
        self.aes.decrypt(blocks);
        blocks.iter_mut().zip(&before).for_each(|(block, before)| xor(block, before));
    }
}

fn xor(block: &mut Block, with: &[u8]) {
    block.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

/// A number as a block: little-endian, then zeros.
fn wide(number: u64) -> [u8; BLOCK] {
    u128::from(number).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
    }

    /// IEEE 1619-2007, annex B, vectors 1, 2 and 4 (XTS-AES-128) and 10 (XTS-AES-256), first blocks of the long ones.
    #[test]
    fn xts_decrypts_the_vectors_of_the_standard() {
        let vectors = [
            ("00".repeat(32), 0, "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e", "00".repeat(32)),
            (
                "11".repeat(16) + &"22".repeat(16),
                0x33_3333_3333,
                "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0",
                "44".repeat(32),
            ),
            (
                "2718281828459045235360287471352631415926535897932384626433832795".into(),
                0,
                "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
                (0..32).map(|n| format!("{n:02x}")).collect(),
            ),
            (
                "2718281828459045235360287471352662497757247093699959574966967627\
                 3141592653589793238462643383279502884197169399375105820974944592"
                    .into(),
                0xff,
                "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
                (0..32).map(|n| format!("{n:02x}")).collect::<String>(),
            ),
        ];
        for (key, number, cipher, plain) in vectors {
            let mut bytes = hex(cipher);
            SectorCipher::by_name("aes-xts-plain64", &hex(&key)).unwrap().decrypt(number, &mut bytes);
            assert_eq!(bytes, hex(&plain), "{key}");
        }
    }

    /// NIST SP 800-38A, F.2.2 and F.2.6: the first block starts from a block of text, the second from cipher text, so that
    /// the second block of each is the vector's whatever the start was.
    #[test]
    fn cbc_decrypts_the_second_block_of_the_vectors_of_the_standard() {
        let plain = hex("ae2d8a571e03ac9c9eb76fac45af8e51");
        let vectors = [
            ("2b7e151628aed2a6abf7158809cf4f3c", "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"),
            (
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
            ),
        ];
        for (key, cipher) in vectors {
            for name in ["aes-cbc-plain64", "aes-cbc-plain", "aes-cbc-essiv:sha256"] {
                let mut bytes = hex(cipher);
                SectorCipher::by_name(name, &hex(key)).unwrap().decrypt(7, &mut bytes);
                assert_eq!(bytes[16..], plain, "{name}");
            }
        }
    }

    #[test]
    fn unknown_ciphers_and_keys_of_another_length_are_refused() {
        for (name, length) in
            [("aes-xts-plain64", 16), ("aes-cbc-plain64", 64), ("serpent-xts-plain64", 32), ("aes-xts-plain64", 0), ("", 32)]
        {
            assert!(SectorCipher::by_name(name, &vec![0; length]).is_none(), "{name} {length}");
        }
    }
}
