//! LUKS version 1 (on-disk format specification 1.2.3).

use super::cipher::SectorCipher;
use super::kdf::{Hash, Kdf};
use super::luks::{KeyDigest, Run, Slot, volume_key};
use super::plain::Plain;
use super::{Attempts, array, text};
use crate::cache::Window;
use wire::Locked;

const HEADER_BYTES: usize = 592;
const SECTOR: u64 = 512;
const SLOTS_AT: usize = 208;
const SLOT_BYTES: usize = 48;
const ACTIVE: u32 = 0x00AC_71F3;
const DIGEST_BYTES: usize = 20;
/// Longest key: two of 256 bits.
const MAX_KEY_BYTES: usize = 64;

/// Opens a volume with the first key that fits.
///
/// # Errors
/// Why it stays closed.
pub(super) fn open(volume: &Window, attempts: &mut Attempts<'_>) -> Result<Plain, Locked> {
    let mut header = [0u8; HEADER_BYTES];
    volume.read_exact_at(0, &mut header).map_err(|_| Locked::Damaged)?;
    let number = |at| array(&header, at).map(u32::from_be_bytes).ok_or(Locked::Damaged);
    let cipher = [text(&header, 8, 32), text(&header, 40, 32)];
    let [Some(cipher), Some(mode)] = cipher else { return Err(Locked::Damaged) };
    let cipher = format!("{cipher}-{mode}");
    let hash = text(&header, 72, 32).and_then(Hash::by_name).ok_or(Locked::Unsupported)?;
    let key_bytes = number(108)? as usize;
    let offset = u64::from(number(104)?) * SECTOR;
    // No payload offset: the header lies detached from what it opens, and this is not that.
    if offset == 0 || key_bytes > MAX_KEY_BYTES || SectorCipher::by_name(&cipher, &vec![0; key_bytes]).is_none() {
        return Err(Locked::Unsupported);
    }
    let salt = |at: usize| header.get(at..at + 32).map(<[u8]>::to_vec).ok_or(Locked::Damaged);
    let digest = KeyDigest {
        kdf: Kdf::Pbkdf2 { hash, iterations: number(164)?, salt: salt(132)? },
        digest: array::<DIGEST_BYTES>(&header, 112).ok_or(Locked::Damaged)?.to_vec(),
    };
    let mut slots = Vec::new();
    for at in (SLOTS_AT..HEADER_BYTES).step_by(SLOT_BYTES) {
        if number(at)? != ACTIVE {
            continue;
        }
        slots.push(Slot {
            kdf: Kdf::Pbkdf2 { hash, iterations: number(at + 4)?, salt: salt(at + 8)? },
            cipher: cipher.clone(),
            cipher_key_bytes: key_bytes,
            key_bytes,
            stripes: number(at + 44)? as usize,
            split_hash: hash,
            offset: u64::from(number(at + 40)?) * SECTOR,
            digest: digest.clone(),
        });
    }
    let key = volume_key(volume, &slots, attempts)?;
    let cipher = SectorCipher::by_name(&cipher, &key).ok_or(Locked::Unsupported)?;
    let length = volume.length().checked_sub(offset).ok_or(Locked::Damaged)?;
    Ok(Plain::new(volume, Box::new(Run { offset, first_number: 0 }), cipher, SECTOR, length))
}
