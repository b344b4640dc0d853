//! From a password to a key: PBKDF2 and Argon2, and what they may cost.

use super::Attempts;
use argon2::{Algorithm, Argon2, Params, Version};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use wire::{Locked, UnlockLimit};
use zeroize::Zeroizing;

/// A hash by its name in a LUKS header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// Bytes of a digest.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of these parts, one after the other.
    pub(super) fn digest(self, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
            let hash = parts.iter().fold(D::new(), |hash, part| hash.chain_update(part));
            Zeroizing::new(hash.finalize().to_vec())
        }
        match self {
            Self::Sha1 => of::<Sha1>(parts),
            Self::Sha224 => of::<Sha224>(parts),
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }
}

/// How a key is derived, as a header says.
#[derive(Debug, Clone)]
pub(super) enum Kdf {
    /// RFC 8018.
    Pbkdf2 { hash: Hash, iterations: u32, salt: Vec<u8> },
    /// RFC 9106.
    Argon2 { algorithm: Algorithm, passes: u32, memory_kib: u32, lanes: u32, salt: Vec<u8> },
}

impl Kdf {
    /// Derives `length` bytes.
    ///
    /// # Errors
    /// [`Locked::Limit`] before anything is spent that the policy does not allow; [`Locked::Damaged`] for numbers that
    /// the derivation does not take.
    pub(super) fn derive(&self, secret: &[u8], length: usize, attempts: &mut Attempts<'_>) -> Result<Zeroizing<Vec<u8>>, Locked> {
        self.within(length, attempts)?;
        attempts.begin()?;
        let mut key = Zeroizing::new(vec![0; length]);
        match self {
            Self::Pbkdf2 { hash, iterations, salt } => {
                let derive = match hash {
                    Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
                    Hash::Sha224 => pbkdf2::pbkdf2_hmac::<Sha224>,
                    Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
                    Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>,
                    Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
                };
                derive(secret, salt, (*iterations).max(1), &mut key);
            }
            Self::Argon2 { algorithm, passes, memory_kib, lanes, salt } => {
                let parameters = Params::new(*memory_kib, *passes, *lanes, Some(length)).map_err(|_| Locked::Damaged)?;
                let argon2 = Argon2::new(*algorithm, Version::V0x13, parameters);
                argon2.hash_password_into(secret, salt, &mut key).map_err(|_| Locked::Damaged)?;
            }
        }
        Ok(key)
    }

    /// PBKDF2 does all its rounds for every digest that the key is long.
    fn within(&self, length: usize, attempts: &Attempts<'_>) -> Result<(), Locked> {
        let limits = attempts.limits();
        let at_most = |limit, wanted: u64, most: u32| if wanted <= most.into() { Ok(()) } else { Err(Locked::Limit { limit, wanted }) };
        match *self {
            Self::Pbkdf2 { hash, iterations, .. } => {
                let digests = length.div_ceil(hash.length()) as u64;
                at_most(UnlockLimit::KdfIterations, digests.saturating_mul(iterations.into()), limits.max_kdf_iterations)
            }
            Self::Argon2 { passes, memory_kib, .. } => {
                let memory_mib = u64::from(memory_kib).div_ceil(1024);
                at_most(UnlockLimit::KdfMemory, memory_mib, limits.max_kdf_memory_mib)?;
                at_most(UnlockLimit::KdfFill, memory_mib.saturating_mul(passes.into()), limits.max_kdf_fill_mib)
            }
        }
    }
}
