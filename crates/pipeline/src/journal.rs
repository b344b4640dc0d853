//! The journal of a running session: one small file, there as long as the session is open (I8).
//!
//! After a crash the files that are still there name the sessions to finish or to void: a release that lies in the outbox is
//! delivered; without one the session is void, its holds stay, and the audit chain says what happened. A session whose target
//! is away keeps its journal until its release is there.

use crate::fault::StationFault;
use crate::outbox::ReleaseTo;
use serde::{Deserialize, Serialize};
use spool::{sync_dir, write_durably};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;

/// Extension of files in the folder that are no journals.
const ASIDE: &str = "unreadable";
/// Extension of journals that are being written.
const PARTIAL: &str = "partial";

/// What a restart needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Session.
    pub session: String,
    /// Where its release goes.
    pub release_to: ReleaseTo,
    /// Inode of that folder when the session began, where it is a folder: another one later is another file system, or none (a
    /// share that is not mounted).
    pub release_inode: Option<u64>,
}

/// What sessions that never ended left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// Their journals, oldest first.
    pub journals: Vec<Journal>,
    /// Sessions that another program of this station is at work on.
    pub at_work: Vec<String>,
    /// Names of files that are no journals; they were set aside as `NAME.unreadable`.
    pub unreadable: Vec<String>,
}

/// The lock on a journal; the kernel lets go of it when the program ends, however it ends.
#[derive(Debug)]
#[must_use]
pub struct AtWork {
    _lock: File,
}

impl Journal {
    /// Writes the journal of a session that begins. As long as what is given back lives, no start of another program of this
    /// station takes the session for one that never ended.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn open(dir: &Path, journal: &Self) -> Result<AtWork, StationFault> {
        let path = dir.join(format!("{}.json", journal.session));
        let state = |source| StationFault::State { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(state)?;
        let bytes = serde_json::to_vec(journal).map_err(|error| state(error.into()))?;
        // Written under another name first: a torn journal would stop every later start.
        let partial = dir.join(format!(".{}.partial", journal.session));
        write_durably(&partial, &bytes).map_err(state)?;
        let lock = File::open(&partial).map_err(state)?;
        lock.try_lock().map_err(|error| state(error.into()))?;
        fs::rename(&partial, &path).map_err(state)?;
        sync_dir(dir).map_err(state)?;
        Ok(AtWork { _lock: lock })
    }

    /// Takes a session over that nobody is at work on; `None` when somebody is, or it has ended.
    pub fn claim(dir: &Path, session: &str) -> Option<AtWork> {
        let lock = File::open(dir.join(format!("{session}.json"))).ok()?;
        lock.try_lock().ok().map(|()| AtWork { _lock: lock })
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

    /// Removes journals that were being written when their program ended. For the supervisor's start only: a session that
    /// begins meanwhile writes one.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn clear_partial(dir: &Path) -> Result<(), StationFault> {
        let state = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StationFault::State { path, source }
        };
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(state(dir))?,
        };
        for entry in entries {
            let path = entry.map_err(state(dir))?.path();
            let at_work = || File::open(&path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if path.extension().is_some_and(|e| e == PARTIAL) && !at_work() {
                fs::remove_file(&path).map_err(state(&path))?;
            }
        }
        Ok(())
    }

    /// The sessions that never ended. A file that is no journal is set aside: no kill leaves one (journals appear by rename),
    /// and one damaged file must not stop every later start.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn left(dir: &Path) -> Result<Left, StationFault> {
        let state = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StationFault::State { path, source }
        };
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Left::default()),
            other => other.map_err(state(dir))?,
        };
        let mut left = Left::default();
        for entry in entries {
            let path = entry.map_err(state(dir))?.path();
            if path.extension().is_some_and(|e| e == PARTIAL || e == ASIDE) {
                continue;
            }
            let mut file = File::open(&path).map_err(state(&path))?;
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                left.at_work.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
                continue;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(state(&path))?;
            match serde_json::from_slice(&bytes) {
                Ok(journal) => left.journals.push(journal),
                Err(_no_journal) => {
                    fs::rename(&path, path.with_added_extension(ASIDE)).map_err(state(&path))?;
                    left.unreadable.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
                }
            }
        }
        left.journals.sort_by(|a, b| a.session.cmp(&b.session));
        left.unreadable.sort();
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_damaged_journal_is_set_aside_and_a_half_written_one_removed() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal { session: "s1".into(), release_to: PathBuf::from("/srv/out").into(), release_inode: Some(2) };
        let at_work = Journal::open(dir.path(), &journal).unwrap();
        assert_eq!(Journal::left(dir.path()).unwrap().at_work, ["s1"]);
        drop(at_work);
        fs::write(dir.path().join(".s2.partial"), "{\"session\":").unwrap();
        fs::write(dir.path().join("s3.json"), "{\"session\":").unwrap();
        fs::write(dir.path().join("s4.json"), "").unwrap();
        // Whoever only looks leaves what is being written alone.
        assert!(Journal::left(dir.path()).is_ok() && dir.path().join(".s2.partial").exists());
        fs::rename(dir.path().join("s3.json.unreadable"), dir.path().join("s3.json")).unwrap();
        fs::rename(dir.path().join("s4.json.unreadable"), dir.path().join("s4.json")).unwrap();
        Journal::clear_partial(dir.path()).unwrap();
        let left = Journal::left(dir.path()).unwrap();
        assert_eq!(left.journals, std::slice::from_ref(&journal));
        assert_eq!(left.unreadable, ["s3.json", "s4.json"]);
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["s1.json", "s3.json.unreadable", "s4.json.unreadable"]);
        let again = Journal::left(dir.path()).unwrap();
        assert!(again.unreadable.is_empty() && again.journals == [journal]);
    }
}
