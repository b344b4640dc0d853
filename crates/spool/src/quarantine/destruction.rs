//! The end of a hold: its original and previews are removed, its record stays.
//!
//! Four steps, in this order: the intent is written by rename (`destroying.json`; from here the hold counts as destroyed); the
//! caller puts it into the audit chain; original and previews are removed; the intent is renamed to `destroyed.json`. A kill
//! in between leaves an intent, which the next run of the retention finishes from the second step on.

use super::{HoldRecord, Quarantine, QuarantineError, hold_dir};
use crate::durable::{sync_dir, write_by_rename};
use model::Digest;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Name and version of the JSON form.
const DESTRUCTION_SCHEMA: &str = "datenschleuse-destruction/1";
const INTENT: &str = "destroying.json";
const DONE: &str = "destroyed.json";

/// That and why a hold's original is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destruction {
    /// `datenschleuse-destruction/1`.
    pub schema: String,
    /// The hold.
    pub hold: String,
    /// SHA-256 of what was destroyed.
    pub sha256: Digest,
    /// When that was begun, RFC 3339 UTC.
    pub destroyed_at: String,
    /// The reviewer who wanted it, or `station`.
    pub by: String,
    /// A reason code of the policy, or `retention`.
    pub reason: String,
}

impl Destruction {
    /// Of the hold with this record.
    pub fn of(record: &HoldRecord, destroyed_at: &str, by: &str, reason: &str) -> Self {
        Self {
            schema: DESTRUCTION_SCHEMA.into(),
            hold: record.hold.clone(),
            sha256: record.sha256,
            destroyed_at: destroyed_at.into(),
            by: by.into(),
            reason: reason.into(),
        }
    }
}

/// How far the destruction of a hold has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The hold is whole.
    None,
    /// It counts as destroyed; something of it may still be there.
    Begun(Destruction),
    /// Original and previews are gone.
    Done(Destruction),
}

/// A hold on which this program, and no other, decides; until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct HoldLock(#[expect(dead_code, reason = "the lock lives as long as the descriptor")] File);

impl Quarantine {
    /// Takes the lock of a hold; does not wait.
    ///
    /// # Errors
    /// [`QuarantineError::Busy`] while another program has it; [`QuarantineError::Unknown`].
    pub fn lock(dir: &Path, hold: &str) -> Result<HoldLock, QuarantineError> {
        let file = File::open(hold_dir(dir, hold)?).map_err(|_| QuarantineError::Unknown { hold: hold.into() })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(HoldLock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(QuarantineError::Busy { hold: hold.into() }),
            Err(errno) => Err(QuarantineError::Hold { hold: hold.into(), source: errno.into() }),
        }
    }

    /// How far the destruction of a hold has come.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn destruction(dir: &Path, hold: &str) -> Result<Progress, QuarantineError> {
        let place = hold_dir(dir, hold)?;
        let read = |name: &str| match fs::read(place.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(QuarantineError::Hold { hold: hold.into(), source }),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| QuarantineError::Record { hold: hold.into() }),
        };
        Ok(match (read(DONE)?, read(INTENT)?) {
            (Some(done), _) => Progress::Done(done),
            (None, Some(begun)) => Progress::Begun(begun),
            (None, None) => Progress::None,
        })
    }

    /// The first step: from here the hold counts as destroyed.
    ///
    /// # Errors
    /// When the intent cannot be written; then the hold is whole.
    pub fn begin_destruction(dir: &Path, destruction: &Destruction) -> Result<(), QuarantineError> {
        let place = hold_dir(dir, &destruction.hold)?;
        let write = |source| QuarantineError::Hold { hold: destruction.hold.clone(), source };
        let json = serde_json::to_vec_pretty(destruction).map_err(|error| write(error.into()))?;
        write_by_rename(&place.join(INTENT), &json).map_err(write)
    }

    /// The last steps: removes what is there of the original and the previews, and says that it is done. May be given again
    /// after a kill anywhere in it.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn finish_destruction(dir: &Path, hold: &str) -> Result<(), QuarantineError> {
        let place = hold_dir(dir, hold)?;
        let absent_is_fine = |result: io::Result<()>| match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let steps = || {
            absent_is_fine(fs::remove_file(place.join("original.age")))?;
            // And the previews: whatever is sealed.
            for entry in fs::read_dir(&place)? {
                let path = entry?.path();
                if path.extension().is_some_and(|ending| ending == "age") {
                    absent_is_fine(fs::remove_file(path))?;
                }
            }
            sync_dir(&place)?;
            absent_is_fine(fs::rename(place.join(INTENT), place.join(DONE)))?;
            sync_dir(&place)
        };
        steps().map_err(|source| QuarantineError::Hold { hold: hold.into(), source })
    }
}
