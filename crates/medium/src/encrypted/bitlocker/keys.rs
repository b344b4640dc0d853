//! From a password to the key of the sectors: stretching, then two keys that are wrapped with AES-CCM.

use super::super::Attempts;
use super::super::cipher::Aes;
use super::metadata::{Metadata, Protection, Protector, Wrapped, key_of};
use sha2::{Digest as _, Sha256};
use wire::{Locked, UnlockLimit};
use zeroize::Zeroizing;

/// Rounds of stretching, always (BDE format, 4.2).
const ROUNDS: u64 = 0x10_0000;

/// The key of the sectors.
pub(super) fn volume_key(metadata: &Metadata, attempts: &mut Attempts<'_>) -> Result<Zeroizing<Vec<u8>>, Locked> {
    let (suspended, locks): (Vec<&Protector>, Vec<&Protector>) =
        metadata.protectors.iter().partition(|protector| protector.protection == Protection::Clear);
    let clear = suspended.iter().find_map(|protector| unwrap(protector.clear_key.as_ref()?, &protector.wrapped));
    let master = match clear {
        Some(master) => master,
        None => attempts.each(&locks, |attempts, protector, secret| {
            let hash = match protector.protection {
                Protection::Clear => None,
                Protection::Password => Some(password_hash(secret.reveal())),
                Protection::RecoveryPassword => recovery_hash(secret.reveal()),
            };
            let Some(hash) = hash else { return Ok(None) };
            Ok(unwrap(&*stretch(&hash, &protector.salt, attempts)?, &protector.wrapped))
        })?,
    };
    // The master key is right: its tag said so. What it does not unwrap is broken.
    unwrap(&master, &metadata.sector_key).ok_or(Locked::Damaged)
}

fn sha256(bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(Sha256::digest(bytes).into())
}

/// A password: UTF-16 little-endian, hashed twice.
fn password_hash(password: &str) -> Zeroizing<[u8; 32]> {
    // In its full length at once: a vector that grows leaves copies behind.
    let mut units = Zeroizing::new(Vec::with_capacity(password.len() * 2));
    units.extend(password.encode_utf16().flat_map(u16::to_le_bytes));
    sha256(&*sha256(&units))
}

/// A recovery password: eight numbers of six digits, each eleven times 16 bits; other things are none.
fn recovery_hash(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0u8; 16]);
    let mut groups = text.trim().split('-');
    for place in key.as_chunks_mut::<2>().0 {
        let group = groups.next().filter(|group| group.len() == 6 && group.bytes().all(|b| b.is_ascii_digit()))?;
        let number = group.parse::<u32>().ok().filter(|number| number.is_multiple_of(11))?;
        *place = u16::try_from(number / 11).ok()?.to_le_bytes();
    }
    groups.next().is_none().then(|| sha256(&*key))
}

/// Stretches a hash to the key that unwraps the volume master key.
fn stretch(hash: &[u8; 32], salt: &[u8; 16], attempts: &mut Attempts<'_>) -> Result<Zeroizing<[u8; 32]>, Locked> {
    if ROUNDS > attempts.limits().max_kdf_iterations.into() {
        return Err(Locked::Limit { limit: UnlockLimit::KdfIterations, wanted: ROUNDS });
    }
    attempts.begin()?;
    // Last hash, hash of the password, salt, round.
    let mut state = Zeroizing::new([0u8; 88]);
    for (place, byte) in state.iter_mut().skip(32).zip(hash.iter().chain(salt)) {
        *place = *byte;
    }
    for round in 0..ROUNDS {
        if let Some(place) = state.last_chunk_mut() {
            *place = round.to_le_bytes();
        }
        let hash = sha256(&*state);
        if let Some(place) = state.first_chunk_mut() {
            *place = *hash;
        }
    }
    let mut key = Zeroizing::new([0u8; 32]);
    key.copy_from_slice(state.first_chunk::<32>().map_or(&[], |hash| &hash[..]));
    Ok(key)
}

/// The key inside a wrapped entry; `None` when the key that unwraps it is another one.
///
/// AES-CCM (RFC 3610) with a tag of 16 bytes, a nonce of 12 and so a length of 3, and nothing authenticated beside.
fn unwrap(key: &[u8], wrapped: &Wrapped) -> Option<Zeroizing<Vec<u8>>> {
    const TAG_AND_LENGTH_BYTES: u8 = ((16 - 2) / 2) << 3;
    let aes = Aes::new(key)?;
    let length = u32::try_from(wrapped.bytes.len()).ok().filter(|length| *length < 1 << 24)?;
    let block = |flags: u8, number: u32| {
        let mut block = [0u8; 16];
        let (head, rest) = block.split_at_mut(1);
        let (nonce, count) = rest.split_at_mut(12);
        head.copy_from_slice(&[flags]);
        nonce.copy_from_slice(&wrapped.nonce);
        count.copy_from_slice(number.to_be_bytes().get(1..).unwrap_or_default());
        block
    };
    let mut plain = Zeroizing::new(wrapped.bytes.clone());
    for (chunk, number) in plain.chunks_mut(16).zip(1u32..) {
        let stream = aes.encrypt(block(2, number));
        chunk.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
    }
    let mut tag = aes.encrypt(block(TAG_AND_LENGTH_BYTES | 2, length));
    for chunk in plain.chunks(16) {
        tag.iter_mut().zip(chunk).for_each(|(byte, chunk)| *byte ^= chunk);
        tag = aes.encrypt(tag);
    }
    tag.iter_mut().zip(aes.encrypt(block(2, 0))).for_each(|(byte, stream)| *byte ^= stream);
    if tag != wrapped.tag {
        return None;
    }
    key_of(&plain).map(|key| Zeroizing::new(key.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_recovery_password_is_taken_for_one() {
        let right = "000011-000022-000033-000044-000055-000066-000077-720885";
        assert!(recovery_hash(right).is_some());
        assert!(recovery_hash(&format!(" {right}\n")).is_some());
        let wrong = [
            "000012-000022-000033-000044-000055-000066-000077-720885",
            "000011-000022-000033-000044-000055-000066-000077-720896",
            "000011-000022-000033-000044-000055-000066-000077",
            "000011-000022-000033-000044-000055-000066-000077-720885-000011",
            "+00011-000022-000033-000044-000055-000066-000077-720885",
            "",
            "Kennwort",
        ];
        for text in wrong {
            assert!(recovery_hash(text).is_none(), "{text}");
        }
    }
}
