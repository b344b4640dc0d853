//! The original of a hold, opened with a reviewer's identity.
//!
//! **Invariant:** what is read comes from memory to memory; and it ends without an error only if it was, to its last byte,
//! what the record says was held.

use super::{HoldRecord, Progress, Quarantine, QuarantineError, hold_dir};
use crate::identity::ReviewerIdentity;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Why an original does not open.
#[derive(Debug, thiserror::Error)]
pub enum OriginalError {
    /// The store.
    #[error(transparent)]
    Store(#[from] QuarantineError),
    /// Nothing is left of it.
    #[error("the original of hold {hold} was destroyed")]
    Destroyed {
        /// Which.
        hold: String,
    },
    /// It was not encrypted to this identity.
    #[error("this identity does not open hold {hold}: it was encrypted to other reviewers")]
    NotForThis {
        /// Which.
        hold: String,
    },
    /// It is not what was held, or it cannot be read.
    #[error("the original of hold {hold} is not what its record says: {source}")]
    Differs {
        /// Which.
        hold: String,
        /// What happened.
        source: io::Error,
    },
}

/// The content of a hold, decrypted as it is read. Its end is an error when digest or length are not the record's.
pub struct Original {
    reader: age::stream::StreamReader<File>,
    hash: Sha256,
    left_bytes: u64,
    record: HoldRecord,
}

impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Original").field(&self.record.hold).finish()
    }
}

impl Read for Original {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let differs = || io::Error::new(io::ErrorKind::InvalidData, "its digest or length is another");
        let read = self.reader.read(buf)?;
        self.left_bytes = self.left_bytes.checked_sub(read as u64).ok_or_else(differs)?;
        self.hash.update(buf.get(..read).unwrap_or_default());
        let at_end = read == 0 && !buf.is_empty();
        if at_end && (self.left_bytes > 0 || self.hash.clone().finalize().as_slice() != self.record.sha256.0) {
            return Err(differs());
        }
        Ok(read)
    }
}

impl Quarantine {
    /// Opens the original of a hold.
    ///
    /// # Errors
    /// [`OriginalError`]; that it differs is only seen as it is read.
    pub fn original(dir: &Path, record: &HoldRecord, identity: &ReviewerIdentity) -> Result<Original, OriginalError> {
        let hold = || record.hold.clone();
        if Self::destruction(dir, &record.hold)? != Progress::None {
            return Err(OriginalError::Destroyed { hold: hold() });
        }
        let differs = |source| OriginalError::Differs { hold: hold(), source };
        let file = File::open(hold_dir(dir, &record.hold)?.join("original.age")).map_err(differs)?;
        let decryptor = age::Decryptor::new(file).map_err(|error| differs(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let reader = match decryptor.decrypt(std::iter::once(identity.encryption() as &dyn age::Identity)) {
            Err(age::DecryptError::NoMatchingKeys) => return Err(OriginalError::NotForThis { hold: hold() }),
            other => other.map_err(|error| differs(io::Error::new(io::ErrorKind::InvalidData, error)))?,
        };
        Ok(Original { reader, hash: Sha256::new(), left_bytes: record.size_bytes, record: record.clone() })
    }

    /// Proves that `identity` opens the original, and that it is what the record says: reads it to its end.
    ///
    /// # Errors
    /// [`OriginalError`].
    pub fn check_original(dir: &Path, record: &HoldRecord, identity: &ReviewerIdentity) -> Result<(), OriginalError> {
        let mut original = Self::original(dir, record, identity)?;
        let read = io::copy(&mut original, &mut io::sink());
        read.map(drop).map_err(|source| OriginalError::Differs { hold: record.hold.clone(), source })
    }
}
