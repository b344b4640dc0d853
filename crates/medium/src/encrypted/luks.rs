//! What both versions of LUKS have in common: key slots, whose key is spread over stripes (anti-forensic splitter), and the
//! digest that tells the right volume key.

use super::Attempts;
use super::cipher::SectorCipher;
use super::kdf::{Hash, Kdf};
use super::plain::{Layout, Place};
use crate::cache::Window;
use wire::{Locked, Secret};
use zeroize::Zeroizing;

/// Most bytes of the split key of a slot.
// BOUND: 4,000 stripes (the only number in use) of the longest key are 256,000 bytes.
const MAX_SPLIT_BYTES: usize = 1 << 20;
/// Sectors of key slots are of this length whatever those of the volume are.
const SLOT_SECTOR: usize = 512;

/// A key slot.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) kdf: Kdf,
    /// Cipher of the slot and the length of its key.
    pub(super) cipher: String,
    pub(super) cipher_key_bytes: usize,
    /// Length of the volume key in it.
    pub(super) key_bytes: usize,
    pub(super) stripes: usize,
    pub(super) split_hash: Hash,
    /// Where the split key lies in the volume.
    pub(super) offset: u64,
    pub(super) digest: KeyDigest,
}

/// Tells the right volume key from all others.
#[derive(Debug, Clone)]
pub(super) struct KeyDigest {
    pub(super) kdf: Kdf,
    pub(super) digest: Vec<u8>,
}

/// The volume key, if one of the keys given fits one of the slots.
pub(super) fn volume_key(volume: &Window, slots: &[Slot], attempts: &mut Attempts<'_>) -> Result<Zeroizing<Vec<u8>>, Locked> {
    attempts.each(slots, |attempts, slot, secret| slot.open(volume, secret, attempts))
}

impl Slot {
    fn open(&self, volume: &Window, secret: &Secret, attempts: &mut Attempts<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, Locked> {
        let split_bytes = self.key_bytes.checked_mul(self.stripes).filter(|bytes| (1..=MAX_SPLIT_BYTES).contains(bytes));
        let split_bytes = split_bytes.ok_or(Locked::Damaged)?;
        // Read before anything is derived: what is not there needs no key.
        let mut split = Zeroizing::new(vec![0; split_bytes.next_multiple_of(SLOT_SECTOR)]);
        volume.read_exact_at(self.offset, &mut split).map_err(|_| Locked::Damaged)?;
        let key = self.kdf.derive(secret.reveal().as_bytes(), self.cipher_key_bytes, attempts)?;
        let cipher = SectorCipher::by_name(&self.cipher, &key).ok_or(Locked::Unsupported)?;
        split.chunks_mut(SLOT_SECTOR).zip(0..).for_each(|(sector, number)| cipher.decrypt(number, sector));
        let stripes = split.get(..split_bytes).unwrap_or_default();
        let key = merge(stripes, self.key_bytes, self.split_hash);
        let digest = self.digest.kdf.derive(&key, self.digest.digest.len(), attempts)?;
        Ok((*digest == self.digest.digest).then_some(key))
    }
}

/// Joins a split key: every stripe but the last is mixed in and diffused (LUKS1 specification, 2.4).
fn merge(stripes: &[u8], key_bytes: usize, hash: Hash) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; key_bytes]);
    let mut stripes = stripes.chunks_exact(key_bytes).peekable();
    while let Some(stripe) = stripes.next() {
        key.iter_mut().zip(stripe).for_each(|(byte, stripe)| *byte ^= stripe);
        if stripes.peek().is_some() {
            diffuse(&mut key, hash);
        }
    }
    key
}

fn diffuse(key: &mut [u8], hash: Hash) {
    for (block, number) in key.chunks_mut(hash.length()).zip(0u32..) {
        let digest = hash.digest(&[&number.to_be_bytes(), block]);
        block.iter_mut().zip(digest.iter()).for_each(|(byte, digest)| *byte = *digest);
    }
}

/// One run of encrypted sectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Where it begins in the volume.
    pub(super) offset: u64,
    /// Number of its first sector; counted in 512 bytes, whatever the length of a sector is.
    pub(super) first_number: u64,
}

impl Layout for Run {
    fn place(&self, offset: u64) -> Place {
        // Both are within the volume: the plain side is shorter than it by `offset`.
        Place::Encrypted { at: self.offset.saturating_add(offset), number: self.first_number.wrapping_add(offset / 512) }
    }
}
