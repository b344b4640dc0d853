//! The station's signing key (Ed25519, RFC 8032; PKCS#8 as in RFC 8410) and its public half.
//!
//! **Invariant.** The private key exists in one file with mode 0600 and in this process, and is never
//! printed: [`StationKey`] has no `Debug` of its content and no accessor for it.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::durable::{self, Existing};
use crate::{AuditError, Entropy, hex, layout, rotation};

/// Length of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

const SEED_BYTES: usize = 32;

/// What precedes the 32-byte seed in a PKCS#8 v1 document: SEQUENCE { version 0, { 1.3.101.112 },
/// OCTET STRING { OCTET STRING (seed) } } (RFC 8410 section 7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The key this station signs with: heads of the audit chain, checkpoints, reports, manifests.
pub struct StationKey(Ed25519KeyPair);

impl fmt::Debug for StationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StationKey({})", self.public_key())
    }
}

impl StationKey {
    /// Loads `state/keys/station.pk8`, or creates it (and `station.pub` beside it) on the first start.
    ///
    /// # Errors
    /// [`AuditError::KeyLost`] when a chain exists without its key, [`AuditError::KeyExposed`] when others may
    /// read it, [`AuditError::KeyMismatch`] when `station.pub` is not its public half, and the failed
    /// file operations.
    pub fn load_or_create(state: &Path, entropy: &dyn Entropy) -> Result<Self, AuditError> {
        let path = layout::station_key(state);
        let dir = layout::keys_dir(state);
        durable::create_dir(&dir).map_err(|source| AuditError::CreateDir { path: dir, source })?;
        // Two first starts at once must agree on one key, and nobody takes a key that is just being replaced.
        let _lock = rotation::lock(state)?;
        rotation::settle(state)?;
        let key = match durable::read_capped(&path, PKCS8_PREFIX.len() + SEED_BYTES) {
            Ok(document) => Self::from_file(&path, &document)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(state, entropy)?,
            Err(source) => return Err(AuditError::ReadKey { path, source }),
        };
        key.publish(&layout::station_public_key(state))?;
        Ok(key)
    }

    /// Reads a private key.
    pub(crate) fn load(path: &Path) -> Result<Self, AuditError> {
        let document = durable::read_capped(path, PKCS8_PREFIX.len() + SEED_BYTES)
            .map_err(|source| AuditError::ReadKey { path: path.into(), source })?;
        Self::from_file(path, &document)
    }

    fn from_file(path: &Path, document: &[u8]) -> Result<Self, AuditError> {
        refuse_exposed(path)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map(Self).map_err(|_rejected| AuditError::KeyMalformed { path: path.into() })
    }

    fn create(state: &Path, entropy: &dyn Entropy) -> Result<Self, AuditError> {
        let path = layout::station_key(state);
        // The public key stays behind when only the private one is removed, HEAD when the whole folder is.
        if layout::head(state).exists() || layout::station_public_key(state).exists() {
            return Err(AuditError::KeyLost { path });
        }
        Self::generate(&path, entropy, Existing::Keep)
    }

    /// Makes a new private key at `path`.
    pub(crate) fn generate(path: &Path, entropy: &dyn Entropy, existing: Existing) -> Result<Self, AuditError> {
        let mut seed = [0; SEED_BYTES];
        entropy.fill(&mut seed)?;
        let document = [PKCS8_PREFIX.as_slice(), seed.as_slice()].concat();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_rejected| AuditError::KeyMalformed { path: path.into() })?;
        durable::write(path, &document, existing).map_err(|source| AuditError::WriteKey { path: path.into(), source })?;
        Ok(Self(key))
    }

    /// Writes the public half, or checks the one that is there.
    fn publish(&self, path: &Path) -> Result<(), AuditError> {
        let text = format!("{}\n", self.public_key());
        match durable::read_capped(path, text.len()) {
            Ok(found) if found == text.as_bytes() => Ok(()),
            Ok(_other) => Err(AuditError::KeyMismatch { path: path.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                durable::write(path, text.as_bytes(), Existing::Keep).map_err(|source| AuditError::WriteKey { path: path.into(), source })
            }
            Err(source) => Err(AuditError::ReadKey { path: path.into(), source }),
        }
    }

    /// The Ed25519 signature over `message`. Start each kind of message with a tag of its own, so that a
    /// signature given for one purpose cannot serve another.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        // An Ed25519 signature is 64 bytes (RFC 8032 section 5.1.6); zip keeps this free of a panic.
        for (to, from) in signature.iter_mut().zip(self.0.sign(message).as_ref()) {
            *to = *from;
        }
        signature
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(bytes)
    }

    /// The public half as 64 lower-case hexadecimal digits.
    pub fn public_key_hex(&self) -> String {
        self.public_key().to_string()
    }
}

/// Refuses a private key that group or others may touch.
pub(crate) fn refuse_exposed(path: &Path) -> Result<(), AuditError> {
    let mode = std::fs::metadata(path).map_err(|source| AuditError::ReadKey { path: path.into(), source })?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(AuditError::KeyExposed { path: path.into(), mode: mode & 0o7777 });
    }
    Ok(())
}

/// An Ed25519 public key. `Display` and `FromStr` are 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads `state/keys/station.pub`: the key in force.
    ///
    /// # Errors
    /// [`AuditError::ReadKey`] or [`AuditError::KeyMalformed`].
    pub fn load(state: &Path) -> Result<Self, AuditError> {
        let path = layout::station_public_key(state);
        // BOUND: 64 digits and room for the line end an editor may add.
        let text = durable::read_capped(&path, 128).map_err(|source| AuditError::ReadKey { path: path.clone(), source })?;
        std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok()).ok_or(AuditError::KeyMalformed { path })
    }

    /// Whether `signature` is this key's signature over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 64 lower-case hexadecimal digits")]
pub struct NotAPublicKey;

impl FromStr for PublicKey {
    type Err = NotAPublicKey;

    fn from_str(text: &str) -> Result<Self, NotAPublicKey> {
        hex::decode(text).map(Self).ok_or(NotAPublicKey)
    }
}
