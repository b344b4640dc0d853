//! Replacing the station's key, and the keys it had before.
//!
//! The new key lies in `keys/next.pk8` first; then the chain is told, in one batch whose `HEAD` the new key signs. That `HEAD` is the
//! commit: whether a kill came before or after it is seen by who signed it, and [`settle`] then forgets the new key or completes.
//!
//! **Invariant.** A private key is destroyed only when the chain no longer needs it: the old one after the commit, the new one when
//! there was none. Everything here happens under [`lock`].

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::durable::{self, Existing};
use crate::{AuditError, Entropy, PublicKey, StationKey, head, layout};

/// Longest record of an old key.
// BOUND: a key and two times.
const MAX_OLD_BYTES: usize = 512;

/// Takes the directory of keys for this program alone; goes with the descriptor.
pub(crate) fn lock(state: &Path) -> Result<File, AuditError> {
    let path = layout::keys_dir(state);
    let failed = |source| AuditError::Lock { path: path.clone(), source };
    let lock = File::open(&path).map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    Ok(lock)
}

/// Makes the new key.
pub(crate) fn prepare(state: &Path, entropy: &dyn Entropy) -> Result<StationKey, AuditError> {
    StationKey::generate(&layout::next_key(state), entropy, Existing::Replace)
}

/// Finishes a rotation that a kill interrupted, or undoes it.
pub(crate) fn settle(state: &Path) -> Result<(), AuditError> {
    let path = layout::next_key(state);
    if !path.exists() {
        return Ok(());
    }
    let next = StationKey::load(&path)?;
    match head::load_any(state)? {
        Some(head) if head.keys.last() == Some(&next.public_key()) => complete(state, &next, &head.keys, &head.time),
        _ => destroy(&path),
    }
}

/// Puts the new key, the last of `keys`, in the place of the old one; `time` is when the chain was told. Doing it again changes nothing.
pub(crate) fn complete(state: &Path, next: &StationKey, keys: &[PublicKey], time: &str) -> Result<(), AuditError> {
    if let Some((old, before)) = keys.split_last().and_then(|(_next, before)| before.split_last()) {
        keep_old(state, old, before.len() + 1, time)?;
    }
    let private = layout::station_key(state);
    destroy(&private)?;
    let public = layout::station_public_key(state);
    let text = format!("{}\n", next.public_key());
    durable::write(&public, text.as_bytes(), Existing::Replace).map_err(|source| AuditError::WriteKey { path: public, source })?;
    let renamed = std::fs::rename(layout::next_key(state), &private).and_then(|()| durable::sync_dir(&layout::keys_dir(state)));
    renamed.map_err(|source| AuditError::WriteKey { path: private, source })
}

/// Keeps the public half of the `number`th key.
fn keep_old(state: &Path, key: &PublicKey, number: usize, until: &str) -> Result<(), AuditError> {
    let dir = layout::old_keys_dir(state);
    durable::create_dir(&dir).map_err(|source| AuditError::CreateDir { path: dir.clone(), source })?;
    let from = old_keys(state)?.into_iter().take_while(|old| old.key != *key).last().map(|old| old.until);
    let old = OldFile { key: key.to_string(), from, until: until.to_owned() };
    let path = dir.join(format!("{number:04}.pub"));
    let bytes = serde_json::to_vec(&old).map_err(AuditError::Serialise)?;
    durable::write(&path, &bytes, Existing::Replace).map_err(|source| AuditError::WriteKey { path, source })
}

fn destroy(path: &Path) -> Result<(), AuditError> {
    match durable::overwrite_and_remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(AuditError::DestroyKey { path: path.into(), source }),
        Ok(()) => path.parent().map_or(Ok(()), durable::sync_dir).map_err(|source| AuditError::DestroyKey { path: path.into(), source }),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OldFile {
    key: String,
    from: Option<String>,
    until: String,
}

/// A key the station signed with before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldKey {
    /// Its public half.
    pub key: PublicKey,
    /// Since when it was in force, RFC 3339; `None` for the first.
    pub from: Option<String>,
    /// Until when.
    pub until: String,
}

/// The station's keys, as its state directory lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    /// Those before, oldest first.
    pub old: Vec<OldKey>,
    /// The one in force.
    pub current: PublicKey,
}

impl KeyHistory {
    /// Reads `state/keys/station.pub` and `state/keys/old/*.pub`.
    ///
    /// # Errors
    /// [`AuditError::ReadKey`] or [`AuditError::KeyMalformed`].
    pub fn load(state: &Path) -> Result<Self, AuditError> {
        Ok(Self { old: old_keys(state)?, current: PublicKey::load(state)? })
    }

    /// The station's first key: what it is named after.
    pub fn first(&self) -> PublicKey {
        self.old.first().map_or(self.current, |old| old.key)
    }

    /// All of them, oldest first.
    pub fn keys(&self) -> Vec<PublicKey> {
        self.old.iter().map(|old| old.key).chain([self.current]).collect()
    }
}

fn old_keys(state: &Path) -> Result<Vec<OldKey>, AuditError> {
    let dir = layout::old_keys_dir(state);
    let unreadable = |source| AuditError::ReadKey { path: dir.clone(), source };
    let entries = match std::fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().map_err(unreadable)?;
    // Numbered in order; what a kill left of one being written is none.
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pub"));
    paths.sort_unstable();
    paths.iter().map(|path| old_key(path)).collect()
}

fn old_key(path: &Path) -> Result<OldKey, AuditError> {
    let bytes = durable::read_capped(path, MAX_OLD_BYTES).map_err(|source| AuditError::ReadKey { path: path.into(), source })?;
    let read = || {
        let OldFile { key, from, until } = serde_json::from_slice(&bytes).ok()?;
        Some(OldKey { key: key.parse().ok()?, from, until })
    };
    read().ok_or(AuditError::KeyMalformed { path: path.into() })
}
