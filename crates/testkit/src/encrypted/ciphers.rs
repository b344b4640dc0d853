//! The writing half of the ciphers of encrypted volumes, one block after the other.

use aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes256};

/// Encrypts one block with a key of 16 or 32 bytes; with any other it stays as it is.
pub fn block(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(block);
    match (Aes128::new_from_slice(key), Aes256::new_from_slice(key)) {
        (Ok(aes), _) => aes.encrypt_block(&mut block),
        (_, Ok(aes)) => aes.encrypt_block(&mut block),
        _ => {}
    }
    block.into()
}

/// XTS (IEEE 1619): the key is two keys.
pub fn xts(key: &[u8], number: u64, sector: &mut [u8]) {
    let (first, second) = key.split_at(key.len() / 2);
    let mut tweak = u128::from_le_bytes(block(second, u128::from(number).to_le_bytes()));
    for part in sector.as_chunks_mut::<16>().0 {
        let whitened = u128::from_le_bytes(*part) ^ tweak;
        *part = (u128::from_le_bytes(block(first, whitened.to_le_bytes())) ^ tweak).to_le_bytes();
        tweak = (tweak << 1) ^ ((tweak >> 127) * 0x87);
    }
}

/// CBC from a first block.
pub fn cbc(key: &[u8], first: [u8; 16], sector: &mut [u8]) {
    let mut last = u128::from_le_bytes(first);
    for part in sector.as_chunks_mut::<16>().0 {
        *part = block(key, (u128::from_le_bytes(*part) ^ last).to_le_bytes());
        last = u128::from_le_bytes(*part);
    }
}

/// AES-CCM with a nonce of 12 bytes (RFC 3610): the tag, then the text.
pub fn ccm(key: &[u8], nonce: [u8; 12], text: &[u8]) -> Vec<u8> {
    let counter = |flags: u8, number: u32| {
        let mut start = [0; 16];
        start[0] = flags;
        start[1..13].copy_from_slice(&nonce);
        start[13..].copy_from_slice(&number.to_be_bytes()[1..]);
        start
    };
    let mut padded = text.to_vec();
    padded.resize(text.len().next_multiple_of(16), 0);
    let mut tag = block(key, counter(0x3A, text.len() as u32));
    for part in padded.as_chunks::<16>().0 {
        tag = block(key, (u128::from_le_bytes(*part) ^ u128::from_le_bytes(tag)).to_le_bytes());
    }
    let stream = (0u32..).flat_map(|number| block(key, counter(2, number)));
    tag.iter().chain(text).zip(stream).map(|(byte, stream)| byte ^ stream).collect()
}
