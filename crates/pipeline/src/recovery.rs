//! What a start after a crash puts right: each session that never ended is finished or voided, once (I8).
//!
//! **Invariant:** a session whose release may be visible is never recorded as voided, and no session gets two ends. When the
//! release folder is not the one the session began with (a share that is not mounted), nothing is decided; the journal stays,
//! and a later start decides.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::station::Station;
use crate::transition::Transition;
use audit::{Filter, events};
use serde_json::json;
use spool::Spool;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What the release folder says about a session.
#[derive(Debug, PartialEq, Eq)]
enum Remains {
    /// Its release is visible.
    Release,
    /// Nothing of it is visible; `true` when a half-written release was there and is gone now.
    Nothing(bool),
    /// The folder cannot be asked, with the reason.
    Unknown(String),
}

impl Station {
    pub(crate) async fn recover(&self) -> Result<(), StationFault> {
        let left = Journal::left(&self.paths.sessions())?;
        for name in left.unreadable {
            tracing::warn!(name, "a journal cannot be read; it was set aside");
            self.recorder.note(None, events::RECOVERY, json!({ "journal_set_aside": name }));
        }
        for journal in left.journals {
            self.transitions.reached(Transition::RecoveryBegun);
            self.end(&journal).await?;
        }
        let spool = self.paths.spool();
        Spool::clear_leftovers(&spool, &left.at_work).map_err(|source| StationFault::State { path: spool, source })?;
        Ok(())
    }

    async fn end(&self, journal: &Journal) -> Result<(), StationFault> {
        let session = &journal.session;
        let remains = remains_of(journal);
        let (event, removed) = match &remains {
            Remains::Release => (events::SESSION_RELEASED, false),
            Remains::Nothing(removed) => (events::SESSION_VOIDED, *removed),
            Remains::Unknown(why) => {
                tracing::warn!(session, why, "a session that never ended stays open: its release folder cannot be asked");
                self.recorder.note(Some(session), events::RECOVERY, json!({ "undecided": why }));
                return self.recorder.flush().await.map(drop);
            }
        };
        let recorded_before = self.has_end(session)?;
        let released = remains == Remains::Release;
        let payload = json!({ "released_before": released, "partial_release_removed": removed, "end_recorded_before": recorded_before });
        self.recorder.note(Some(session), events::RECOVERY, payload);
        if !recorded_before {
            self.recorder.note(Some(session), event, json!({ "cause": "the program ended before the session did" }));
        }
        self.recorder.close_session(session).await?;
        self.transitions.reached(Transition::RecoveryRecorded);
        Journal::close(&self.paths.sessions(), session)
    }

    /// Whether the chain already says how the session ended: the kill came between that record and the end of the journal.
    fn has_end(&self, session: &str) -> Result<bool, StationFault> {
        let filter = Filter { session: Some(session.to_owned()), ..Filter::default() };
        for record in audit::show(&self.paths.root, filter)? {
            if [events::SESSION_RELEASED, events::SESSION_VOIDED].contains(&record?.event.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Looks for the release, and removes a half-written one.
fn remains_of(journal: &Journal) -> Remains {
    let look = || -> io::Result<Remains> {
        if inode(&journal.release_to.join(&journal.session))?.is_some() {
            return Ok(Remains::Release);
        }
        let removed = release::remove_leftovers(&journal.release_to, &journal.session)?;
        // What was found and removed shows that this is the folder, whatever its number.
        Ok(match inode(&journal.release_to)? {
            Some(number) if removed || number == journal.release_inode => Remains::Nothing(removed),
            Some(_) => Remains::Unknown("another file system, or none, is mounted where the release folder was".into()),
            None => Remains::Unknown("the release folder is not there".into()),
        })
    };
    look().unwrap_or_else(|error| Remains::Unknown(error.to_string()))
}

/// Inode number of what lies at `path`; none when nothing does.
fn inode(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_the_session_began_with_says_that_there_is_no_release() {
        let root = tempfile::tempdir().unwrap();
        let share = root.path().join("share");
        let release_inode = release::open_target(&share).unwrap();
        let journal = Journal { session: "s1".into(), release_to: share.clone(), release_inode };
        assert_eq!(remains_of(&journal), Remains::Nothing(false));
        fs::create_dir(share.join(".schleuse-s1.partial")).unwrap();
        assert_eq!(remains_of(&journal), Remains::Nothing(true));
        fs::create_dir(share.join("s1")).unwrap();
        assert_eq!(remains_of(&journal), Remains::Release);

        // Not mounted: the empty mount point, or nothing at all; then mounted again.
        fs::rename(&share, root.path().join("mounted")).unwrap();
        assert!(matches!(remains_of(&journal), Remains::Unknown(_)));
        fs::create_dir(&share).unwrap();
        assert!(matches!(remains_of(&journal), Remains::Unknown(_)));
        fs::remove_dir(&share).unwrap();
        fs::rename(root.path().join("mounted"), &share).unwrap();
        assert_eq!(remains_of(&journal), Remains::Release);
    }
}
