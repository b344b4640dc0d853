//! BitLocker and BitLocker To Go, as Windows 7 and later make them (J. Metz, "BitLocker Drive Encryption (BDE) format").
//!
//! Opened with a password, a recovery password, or the clear key of suspended protection. Not opened: keys in a TPM or a
//! file, volumes of Windows Vista, and volumes that are being encrypted or decrypted.

pub(super) mod diffuser;
mod keys;
mod metadata;

use super::cipher::SectorCipher;
use super::plain::{Layout, Place, Plain};
use super::{Attempts, array};
use crate::cache::Window;
use metadata::Metadata;
use wire::Locked;

/// `4967d63b-2e29-4ad8-8399-f6a339e3d001` as it lies in the boot sector of BitLocker To Go.
pub(super) const VOLUME_IDENTIFIER: [u8; 16] =
    [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];
/// Where that identifier lies in a boot sector, of a fixed and of a removable volume; the places of the metadata follow it.
const IDENTIFIER_AT: [usize; 2] = [160, 424];
/// What the plain side does not show of each copy of the metadata.
const METADATA_BYTES: u64 = 64 << 10;

/// Opens a volume with the first key that fits.
///
/// # Errors
/// Why it stays closed.
pub(super) fn open(volume: &Window, attempts: &mut Attempts<'_>) -> Result<Plain, Locked> {
    let mut boot = [0u8; 512];
    volume.read_exact_at(0, &mut boot).map_err(|_| Locked::Damaged)?;
    let sector_bytes = u64::from(array(&boot, 11).map_or(0, u16::from_le_bytes));
    let at = IDENTIFIER_AT.into_iter().find(|at| array(&boot, *at) == Some(VOLUME_IDENTIFIER));
    let (Some(at), true) = (at, [512, 1024, 2048, 4096].contains(&sector_bytes)) else { return Err(Locked::Unsupported) };
    let places = [16, 24, 32].map(|after| array(&boot, at + after).map_or(0, u64::from_le_bytes));
    let metadata = metadata::read(volume, places)?;
    let key = keys::volume_key(&metadata, attempts)?;
    let bytes = |range: std::ops::Range<usize>| key.get(range).ok_or(Locked::Damaged);
    // BDE format, 5.3: the method, and what of the key it uses.
    let cipher = match metadata.method {
        0x8000 => SectorCipher::elephant(bytes(0..16)?, bytes(32..48)?),
        0x8001 => SectorCipher::elephant(bytes(0..32)?, bytes(32..64)?),
        0x8002 => SectorCipher::cbc_by_key(bytes(0..16)?),
        0x8003 => SectorCipher::cbc_by_key(bytes(0..32)?),
        0x8004 => SectorCipher::xts(bytes(0..32)?, true),
        0x8005 => SectorCipher::xts(bytes(0..64)?, true),
        _ => return Err(Locked::Unsupported),
    };
    let regions = Regions::of(&metadata, sector_bytes)?;
    Ok(Plain::new(volume, Box::new(regions), cipher.ok_or(Locked::Damaged)?, sector_bytes, volume.length()))
}

/// Where the sectors of a volume lie: the first ones elsewhere, because the boot sector is there in the clear.
#[derive(Debug)]
struct Regions {
    sector_bytes: u64,
    /// Whether sectors are numbered by their position in bytes (CBC) or in sectors (XTS).
    by_byte: bool,
    /// The moved first sectors: how many bytes, and where they lie.
    moved_bytes: u64,
    moved_to: u64,
    /// What the plain side does not show: first byte and end.
    hidden: [(u64, u64); 4],
    /// From here on nothing is encrypted.
    encrypted_bytes: u64,
}

impl Regions {
    fn of(metadata: &Metadata, sector_bytes: u64) -> Result<Self, Locked> {
        let moved_bytes = u64::from(metadata.moved_sectors) * sector_bytes;
        let [a, b, c] = metadata.places;
        let region = |at: u64, bytes: u64| at.checked_add(bytes).filter(|_| at.is_multiple_of(sector_bytes)).map(|end| (at, end));
        let hidden =
            [region(a, METADATA_BYTES), region(b, METADATA_BYTES), region(c, METADATA_BYTES), region(metadata.moved_to, moved_bytes)];
        let [Some(a), Some(b), Some(c), Some(d)] = hidden else { return Err(Locked::Damaged) };
        Ok(Self {
            sector_bytes,
            by_byte: metadata.method < 0x8004,
            moved_bytes,
            moved_to: metadata.moved_to,
            hidden: [a, b, c, d],
            encrypted_bytes: metadata.encrypted_bytes,
        })
    }
}

impl Layout for Regions {
    fn place(&self, offset: u64) -> Place {
        let at = if offset < self.moved_bytes {
            self.moved_to.saturating_add(offset)
        } else if self.hidden.iter().any(|(first, end)| (*first..*end).contains(&offset)) {
            return Place::Zeros;
        } else if offset >= self.encrypted_bytes {
            return Place::Bare { at: offset };
        } else {
            offset
        };
        Place::Encrypted { at, number: if self.by_byte { at } else { at / self.sector_bytes } }
    }
}
