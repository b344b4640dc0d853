//! A reviewer's secret: an age X25519 identity that opens holds and, derived from it, the Ed25519 key that signs decisions.
//!
//! One file holds both, so that there is one thing to keep. The signing key is HKDF-SHA256 (RFC 5869) without salt over the
//! identity's text (`AGE-SECRET-KEY-1…`, ASCII, upper case), with [`SIGNING_LABEL`] as info; its 32 bytes are the Ed25519
//! seed (RFC 8032 section 5.1.5). **Invariant:** a secret is never printed and lies in memory that is wiped.

use crate::durable::write_by_rename;
use crate::reviewers::SigningKey;
use age::secrecy::{ExposeSecret as _, SecretString};
use ring::hkdf;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What the derived key is for.
const SIGNING_LABEL: &[u8] = b"datenschleuse reviewer signing key v1";
/// Longest identity file.
// BOUND: an identity is one line; comments and the encryption's header stay far below.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// log2 of scrypt's N for a passphrase: age's own choice, 256 MiB and about a second.
const WORK_FACTOR: u8 = 18;
/// Largest work factor that is followed when a file is opened.
// BOUND: 4 GiB; a foreign file could else ask for any amount of memory.
const MAX_WORK_FACTOR: u8 = 22;
/// First bytes of an age file.
const SEALED: &[u8] = b"age-encryption.org/";
const SECRET_LINE: &str = "AGE-SECRET-KEY-1";

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("the identity {path} cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("the identity {path} cannot be written: {source}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds none.
    #[error("{path} holds no identity (a line starting with AGE-SECRET-KEY-1), nor one that is protected by a passphrase")]
    NoIdentity {
        /// Which.
        path: PathBuf,
    },
    /// It does not open with this passphrase.
    #[error("{path} does not open with this passphrase")]
    WrongPassphrase {
        /// Which.
        path: PathBuf,
    },
    /// The signing key cannot be derived.
    #[error("the signing key cannot be derived from the identity")]
    Derive,
}

/// Both keys of a reviewer.
pub struct ReviewerIdentity {
    encryption: age::x25519::Identity,
    signing: Ed25519KeyPair,
}

impl std::fmt::Debug for ReviewerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ReviewerIdentity").field(&self.recipient().to_string()).finish()
    }
}

impl ReviewerIdentity {
    /// A new one, from the kernel's randomness.
    ///
    /// # Errors
    /// [`IdentityError::Derive`].
    pub fn generate() -> Result<Self, IdentityError> {
        Self::new(age::x25519::Identity::generate())
    }

    fn new(encryption: age::x25519::Identity) -> Result<Self, IdentityError> {
        let text = encryption.to_string();
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"").extract(text.expose_secret().as_bytes());
        let mut seed = Zeroizing::new([0u8; 32]);
        let expanded = extracted.expand(&[SIGNING_LABEL], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(seed.as_mut_slice()));
        expanded.map_err(|_| IdentityError::Derive)?;
        let signing = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| IdentityError::Derive)?;
        Ok(Self { encryption, signing })
    }

    /// What holds are encrypted to.
    pub(crate) fn recipient(&self) -> age::x25519::Recipient {
        self.encryption.to_public()
    }

    pub(crate) const fn encryption(&self) -> &age::x25519::Identity {
        &self.encryption
    }

    /// What its signatures are checked with.
    pub fn signing_key(&self) -> SigningKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.signing.public_key().as_ref()) {
            *to = *from;
        }
        SigningKey(bytes)
    }

    /// The Ed25519 signature over `message`, lower-case hexadecimal.
    pub(crate) fn sign_hex(&self, message: &[u8]) -> String {
        crate::reviewers::hex(self.signing.sign(message).as_ref())
    }

    /// The two lines of a `.pub` file.
    pub fn public_lines(&self) -> String {
        format!("{}\ned25519 {}\n", self.recipient(), self.signing_key())
    }

    fn secret_lines(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("# public key: {}\n{}\n", self.recipient(), self.encryption.to_string().expose_secret()))
    }

    /// Writes the identity unprotected, mode 0600: the first key of a station, which is to be moved away at once.
    pub(crate) fn write_unprotected(&self, path: &Path) -> Result<(), IdentityError> {
        write_by_rename(path, self.secret_lines().as_bytes()).map_err(|source| IdentityError::Write { path: path.into(), source })
    }

    /// Writes the identity encrypted with a passphrase (age v1, scrypt), mode 0600.
    ///
    /// # Errors
    /// When something is there already, or it cannot be written.
    pub fn write_protected(&self, path: &Path, passphrase: &str) -> Result<(), IdentityError> {
        let write = |source| IdentityError::Write { path: path.into(), source };
        if path.try_exists().map_err(write)? {
            return Err(write(io::ErrorKind::AlreadyExists.into()));
        }
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        recipient.set_work_factor(WORK_FACTOR);
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
        let mut sealed = Vec::new();
        let mut writer = encryptor.map_err(|error| write(io::Error::other(error)))?.wrap_output(&mut sealed).map_err(write)?;
        writer.write_all(self.secret_lines().as_bytes()).map_err(write)?;
        writer.finish().map_err(write)?;
        write_by_rename(path, &sealed).map_err(write)
    }
}

/// An identity file that was read, and perhaps wants a passphrase.
pub struct IdentityFile {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for IdentityFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IdentityFile").field(&self.path).finish()
    }
}

impl IdentityFile {
    /// Reads the file; its keys come with [`IdentityFile::open`].
    ///
    /// # Errors
    /// When it cannot be read or is too long.
    pub fn read(path: &Path) -> Result<Self, IdentityError> {
        let read = |source| IdentityError::Read { path: path.into(), source };
        let mut bytes = Zeroizing::new(Vec::with_capacity(4_096));
        File::open(path).map_err(read)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(read(io::ErrorKind::FileTooLarge.into()));
        }
        Ok(Self { path: path.into(), bytes })
    }

    /// Whether a passphrase protects it.
    pub fn wants_passphrase(&self) -> bool {
        self.bytes.starts_with(SEALED)
    }

    /// The keys in it. `passphrase` is not looked at when none protects the file.
    ///
    /// # Errors
    /// A wrong passphrase, or no identity.
    pub fn open(&self, passphrase: &str) -> Result<ReviewerIdentity, IdentityError> {
        if !self.wants_passphrase() {
            return self.parse(&self.bytes);
        }
        let wrong = || IdentityError::WrongPassphrase { path: self.path.clone() };
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let decryptor = age::Decryptor::new(self.bytes.as_slice()).map_err(|_| wrong())?;
        let opened = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
        opened.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(|_| wrong())?;
        self.parse(&text)
    }

    fn parse(&self, text: &[u8]) -> Result<ReviewerIdentity, IdentityError> {
        let none = || IdentityError::NoIdentity { path: self.path.clone() };
        let text = std::str::from_utf8(text).map_err(|_| none())?;
        let line = text.lines().map(str::trim).find(|line| line.starts_with(SECRET_LINE)).ok_or_else(none)?;
        ReviewerIdentity::new(line.parse().map_err(|_| none())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protected_file_opens_with_its_passphrase_only_and_gives_the_same_keys() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("anna.identity");
        let identity = ReviewerIdentity::generate().unwrap();
        identity.write_protected(&path, "vier Worte und ein Fisch").unwrap();
        let file = IdentityFile::read(&path).unwrap();
        assert!(file.wants_passphrase());
        assert!(!file.bytes.windows(8).any(|window| window == b"AGE-SECR"));
        assert!(matches!(file.open("falsch"), Err(IdentityError::WrongPassphrase { .. })));
        assert_eq!(file.open("vier Worte und ein Fisch").unwrap().public_lines(), identity.public_lines());
        // What is there is never written over.
        assert!(matches!(identity.write_protected(&path, "x"), Err(IdentityError::Write { .. })));
    }

    #[test]
    fn the_signing_key_is_derived_from_the_identity_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("identity.txt");
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        std::fs::write(&path, format!("# von Hand\n{secret}\n")).unwrap();
        let file = IdentityFile::read(&path).unwrap();
        let (one, two) = (file.open("").unwrap(), file.open("").unwrap());
        assert_eq!(one.signing_key(), two.signing_key());
        assert_ne!(one.signing_key(), ReviewerIdentity::generate().unwrap().signing_key());
        std::fs::write(&path, "nichts").unwrap();
        assert!(matches!(IdentityFile::read(&path).unwrap().open(""), Err(IdentityError::NoIdentity { .. })));
    }
}
