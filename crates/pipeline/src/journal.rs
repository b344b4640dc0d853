//! The journal of a running session: one small file, there as long as the session is open (I8).
//!
//! After a crash the files that are still there name the sessions to void: their half-written release is removed, their
//! holds stay, and the audit chain says what happened.

use crate::fault::StationFault;
use serde::{Deserialize, Serialize};
use spool::{sync_dir, write_durably};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a restart needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Session.
    pub session: String,
    /// Where its release goes.
    pub release_to: PathBuf,
}

impl Journal {
    /// Writes the journal of a session that begins.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn open(dir: &Path, journal: &Self) -> Result<(), StationFault> {
        let path = dir.join(format!("{}.json", journal.session));
        let state = |source| StationFault::State { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(state)?;
        let bytes = serde_json::to_vec(journal).map_err(|error| state(error.into()))?;
        // Written under another name first: a torn journal would stop every later start.
        let partial = dir.join(format!(".{}.partial", journal.session));
        write_durably(&partial, &bytes).map_err(state)?;
        fs::rename(&partial, &path).map_err(state)?;
        sync_dir(dir).map_err(state)
    }

    /// Removes the journal of a session that ended.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn close(dir: &Path, session: &str) -> Result<(), StationFault> {
        let path = dir.join(format!("{session}.json"));
        let removed = fs::remove_file(&path).and_then(|()| sync_dir(dir));
        removed.map_err(|source| StationFault::State { path, source })
    }

    /// The sessions that never ended.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn left(dir: &Path) -> Result<Vec<Self>, StationFault> {
        let state = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StationFault::State { path, source }
        };
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(state(dir))?,
        };
        let mut journals = Vec::new();
        for entry in entries {
            let path = entry.map_err(state(dir))?.path();
            if path.extension().is_some_and(|e| e == "partial") {
                fs::remove_file(&path).map_err(state(&path))?;
                continue;
            }
            let bytes = fs::read(&path).map_err(state(&path))?;
            let journal: Self = serde_json::from_slice(&bytes).map_err(|error| state(&path)(error.into()))?;
            journals.push(journal);
        }
        journals.sort_by(|a, b| a.session.cmp(&b.session));
        Ok(journals)
    }
}
