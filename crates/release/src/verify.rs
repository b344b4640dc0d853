//! `verify-release`: signature, hashes, missing and extra files.

use crate::folder::digest_of;
use crate::manifest::{MANIFEST, Manifest, Purpose, SIGNATURE, signed_by};
use audit::PublicKey;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A release that is what its manifest says.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedRelease {
    /// Files checked.
    pub files: usize,
    /// Key that signed, hexadecimal.
    pub signed_by: String,
    /// Whether that key is the one the caller expected; false when the caller expected none.
    pub key_confirmed: bool,
}

/// The first thing that is wrong with a release.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseFault {
    /// Manifest or signature cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is no manifest.
    #[error("the manifest is not in the form this program writes")]
    Manifest,
    /// The signature does not hold.
    #[error("the signature does not match the manifest: one of them was changed")]
    Signature,
    /// Signed by another station.
    #[error("the release is signed with another key ({key}) than the expected one")]
    OtherKey {
        /// Which.
        key: String,
    },
    /// A file is gone.
    #[error("missing: {path}")]
    Missing {
        /// Which.
        path: String,
    },
    /// A file was changed.
    #[error("changed: {path}")]
    Changed {
        /// Which.
        path: String,
    },
    /// Something the manifest does not know.
    #[error("not in the manifest: {path}")]
    Extra {
        /// Which, escaped.
        path: String,
    },
}

/// Checks a release folder; `expected` is the station's public key, where it is known.
///
/// # Errors
/// The first [`ReleaseFault`].
pub fn verify_release(dir: &Path, expected: Option<&PublicKey>) -> Result<VerifiedRelease, ReleaseFault> {
    verify_folder(dir, expected, Purpose::Release)
}

/// The same for any signed folder; a signature given for another purpose does not hold.
///
/// # Errors
/// The first [`ReleaseFault`].
pub fn verify_folder(dir: &Path, expected: Option<&PublicKey>, purpose: Purpose) -> Result<VerifiedRelease, ReleaseFault> {
    verify_folder_by(dir, expected.map_or(&[], std::slice::from_ref), purpose)
}

/// The same for a station that has had several keys: any of `expected` will do. With none the signature is checked, but not whose it is.
///
/// # Errors
/// The first [`ReleaseFault`].
pub fn verify_folder_by(dir: &Path, expected: &[PublicKey], purpose: Purpose) -> Result<VerifiedRelease, ReleaseFault> {
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(|source| ReleaseFault::Read { path, source })
    };
    let text = read(MANIFEST)?;
    let key = signed_by(&text, &read(SIGNATURE)?, purpose).ok_or(ReleaseFault::Signature)?;
    if !expected.is_empty() && !expected.contains(&key) {
        return Err(ReleaseFault::OtherKey { key: key.to_string() });
    }
    let manifest = Manifest::from_text(&text).ok_or(ReleaseFault::Manifest)?;
    for (path, digest) in manifest.files() {
        let full = dir.join(path);
        match fs::symlink_metadata(&full) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Err(ReleaseFault::Changed { path: path.clone() }),
            Err(_) => return Err(ReleaseFault::Missing { path: path.clone() }),
        }
        let actual = digest_of(&full).map_err(|source| ReleaseFault::Read { path: full, source })?;
        if actual != *digest {
            return Err(ReleaseFault::Changed { path: path.clone() });
        }
    }
    no_extras(dir, dir, &manifest)?;
    Ok(VerifiedRelease { files: manifest.files().len(), signed_by: key.to_string(), key_confirmed: !expected.is_empty() })
}

fn no_extras(root: &Path, dir: &Path, manifest: &Manifest) -> Result<(), ReleaseFault> {
    let unreadable = |source| ReleaseFault::Read { path: dir.into(), source };
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            no_extras(root, &path, manifest)?;
            continue;
        }
        let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if shown != MANIFEST && shown != SIGNATURE && !manifest.files().contains_key(&shown) {
            return Err(ReleaseFault::Extra { path: model::escape_text(&shown) });
        }
    }
    Ok(())
}
