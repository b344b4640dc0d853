//! The quarantine: one directory per hold with the original, encrypted to the reviewers, and `record.json`.
//!
//! A hold is written into a hidden directory, synced, and renamed: it is there whole or not at all. It ends by a destruction,
//! which leaves its record.

mod destruction;
mod original;

pub use destruction::{Destruction, HoldLock, Progress};
pub use original::{Original, OriginalError};

use crate::content::SpoolFile;
use crate::durable::{sync_dir, write_durably};
use crate::reviewers::Reviewers;
use model::{Digest, Finding, Format, HoldClass, Reason, Removed};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Name and version of the record's JSON form (`quarantine/schema/record.schema.json`).
pub const RECORD_SCHEMA: &str = "datenschleuse-hold/2";
const PARTIAL: &str = ".partial-";

/// What is known about a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRecord {
    /// [`RECORD_SCHEMA`].
    pub schema: String,
    /// Identifier: session and position in it.
    pub hold: String,
    /// Session.
    pub session: String,
    /// Station.
    pub station: String,
    /// Whose medium it was, where the session has an owner.
    pub owner: Option<String>,
    /// When, RFC 3339 UTC.
    pub held_at: String,
    /// Escaped path on the medium; members as `archive.zip!/inner.txt`.
    pub path: String,
    /// Position in the inventory, then in each archive on the way.
    pub order: Vec<u32>,
    /// Where an artefact of it would go: components after the name policy, relative to the release.
    pub release_path: Vec<String>,
    /// Extension the name claims.
    pub claimed: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Its length.
    pub size_bytes: u64,
    /// Format, where known.
    pub format: Option<Format>,
    /// Why.
    pub reason: Reason,
    /// What kind of hold that makes it.
    pub class: HoldClass,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// What had been taken out.
    pub removed: Vec<Removed>,
    /// Policy in force.
    pub policy_sha256: Digest,
    /// Pictures of its first pages, each sealed as `preview-PAGE.age`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<PreviewLine>,
}

/// A picture of a page, for reviewers: a PNG of this program's own making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewLine {
    /// Page, from 1.
    pub page: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// SHA-256 of the PNG.
    pub sha256: Digest,
}

/// The store.
#[derive(Debug)]
pub struct Quarantine {
    dir: PathBuf,
    reviewers: Reviewers,
}

/// Why the quarantine cannot be used; a fault of the station.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// The store cannot be made or listed.
    #[error("the quarantine {path} cannot be used: {source}")]
    Store {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A hold cannot be written.
    #[error("the hold {path} cannot be written: {source}. Is the disk full?")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of a hold cannot be used.
    #[error("hold {hold} cannot be used: {source}")]
    Hold {
        /// Which.
        hold: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody else decides on it at this moment.
    #[error("another program works on hold {hold} at this moment")]
    Busy {
        /// Which.
        hold: String,
    },
    /// A hold cannot be encrypted.
    #[error("the hold {hold} cannot be encrypted to the reviewers' keys")]
    Encrypt {
        /// Which.
        hold: String,
    },
    /// A record cannot be read.
    #[error("the record of hold {hold} cannot be read")]
    Record {
        /// Which.
        hold: String,
    },
    /// No such hold.
    #[error("there is no hold {hold}")]
    Unknown {
        /// What was asked for, escaped.
        hold: String,
    },
}

impl Quarantine {
    /// Opens the store (made with mode 0700 if absent). The supervisor of a station also removes holds that were never
    /// finished, except those of the sessions in `clear` (others are at work on them); their content is still on the medium
    /// and their session is voided at start.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(dir: &Path, reviewers: Reviewers, clear: Option<&[String]>) -> Result<Self, QuarantineError> {
        let store = |source| QuarantineError::Store { path: dir.into(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(store)?;
        for entry in fs::read_dir(dir).map_err(store)? {
            let entry = entry.map_err(store)?;
            let name = entry.file_name();
            let hold = name.to_str().and_then(|name| name.strip_prefix(PARTIAL));
            if let (Some(at_work), Some(hold)) = (clear, hold)
                && !at_work.iter().any(|session| hold.starts_with(session.as_str()))
            {
                fs::remove_dir_all(entry.path()).map_err(store)?;
            }
        }
        Ok(Self { dir: dir.into(), reviewers })
    }

    /// Holds content away: encrypted, with the pictures its record lists and the record, by rename.
    ///
    /// # Errors
    /// When anything cannot be written; then nothing of the hold is there.
    pub fn hold(&self, record: &HoldRecord, content: &SpoolFile, previews: &[SpoolFile]) -> Result<(), QuarantineError> {
        let partial = self.dir.join(format!("{PARTIAL}{}", record.hold));
        let write = |source| QuarantineError::Write { path: self.dir.join(&record.hold), source };
        DirBuilder::new().mode(0o700).create(&partial).map_err(write)?;
        self.encrypt(record, content, &partial.join("original.age"))?;
        for (line, preview) in record.previews.iter().zip(previews) {
            self.encrypt(record, preview, &partial.join(format!("preview-{}.age", line.page)))?;
        }
        let json = serde_json::to_vec_pretty(record).map_err(|error| write(error.into()))?;
        write_durably(&partial.join("record.json"), &json).map_err(write)?;
        sync_dir(&partial).map_err(write)?;
        fs::rename(&partial, self.dir.join(&record.hold)).map_err(write)?;
        sync_dir(&self.dir).map_err(write)
    }

    fn encrypt(&self, record: &HoldRecord, content: &SpoolFile, target: &Path) -> Result<(), QuarantineError> {
        let write = |source| QuarantineError::Write { path: self.dir.join(&record.hold), source };
        let encrypt = || QuarantineError::Encrypt { hold: record.hold.clone() };
        let mut source = fs::File::open(&content.path).map_err(write)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target).map_err(write)?;
        let encryptor = age::Encryptor::with_recipients(self.reviewers.recipients()).map_err(|_| encrypt())?;
        let mut writer = encryptor.wrap_output(file).map_err(write)?;
        io::copy(&mut source, &mut writer).map_err(write)?;
        writer.finish().map_err(write)?.sync_all().map_err(write)
    }

    /// Every record in a store, sorted by hold. Needs no key.
    ///
    /// # Errors
    /// When the store or a record cannot be read.
    pub fn list(dir: &Path) -> Result<Vec<HoldRecord>, QuarantineError> {
        let store = |source| QuarantineError::Store { path: dir.into(), source };
        let mut records = Vec::new();
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(records),
            other => other.map_err(store)?,
        };
        for entry in entries {
            let name = entry.map_err(store)?.file_name().to_string_lossy().into_owned();
            if is_hold_name(&name) {
                records.push(Self::show(dir, &name)?);
            }
        }
        records.sort_by(|a, b| a.hold.cmp(&b.hold));
        Ok(records)
    }

    /// The record of one hold. Needs no key.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn show(dir: &Path, hold: &str) -> Result<HoldRecord, QuarantineError> {
        if !is_hold_name(hold) {
            return Err(QuarantineError::Unknown { hold: model::escape_text(hold) });
        }
        let bytes = match fs::read(dir.join(hold).join("record.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(QuarantineError::Unknown { hold: hold.into() }),
            other => other.map_err(|_| QuarantineError::Record { hold: hold.into() })?,
        };
        let record: HoldRecord = serde_json::from_slice(&bytes).map_err(|_| QuarantineError::Record { hold: hold.into() })?;
        if record.schema != RECORD_SCHEMA || record.hold != hold {
            return Err(QuarantineError::Record { hold: hold.into() });
        }
        Ok(record)
    }
}

/// Hold names are ours: letters, digits and dashes, so that no name given by a person walks elsewhere.
fn is_hold_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The directory of a hold; the name is checked.
fn hold_dir(dir: &Path, hold: &str) -> Result<PathBuf, QuarantineError> {
    if is_hold_name(hold) { Ok(dir.join(hold)) } else { Err(QuarantineError::Unknown { hold: model::escape_text(hold) }) }
}

#[cfg(test)]
mod tests;
