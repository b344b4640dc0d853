//! The outbox: where a finished release lies until it is on its target, and how it gets there.
//!
//! A session's release is written, verified, signed and sealed in `STATE/outbox/SESSION`; from there it is delivered. A target
//! that is away costs nothing but time: the release stays, whole, with the session's journal, and every later start, `watch`
//! and `schleuse release deliver` try again. Nothing is converted twice.
//!
//! **Invariant:** a session whose release lies in the outbox is never voided, and its release leaves the outbox only after the
//! chain says, durably, that it is on its target.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::station::Station;
use crate::transition::Transition;
use audit::events;
use model::policy::{ReleasePolicy, TargetPlace};
use model::report::SessionReport;
use release::target::{self, TargetError};
use release::{Delivered, deliver};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where a session's release goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseTo {
    /// A directory named by the person at the station.
    Folder(PathBuf),
    /// A target of the policy, by name, and the folder below it.
    Target {
        /// Key in `release.targets`.
        name: String,
        /// Folder below it, from the owner's route; empty for the target's own.
        folder: String,
    },
}

impl ReleaseTo {
    /// As records and people read it, escaped.
    pub fn shown(&self) -> String {
        match self {
            Self::Folder(path) => model::escape_text(&path.to_string_lossy()),
            Self::Target { name, folder } => model::escape_text(&format!("{name}:{folder}")),
        }
    }
}

impl ReleaseTo {
    /// The target alone, without the folder below it.
    fn target(&self) -> String {
        match self {
            Self::Folder(path) => path.to_string_lossy().into_owned(),
            Self::Target { name, .. } => name.clone(),
        }
    }
}

impl From<PathBuf> for ReleaseTo {
    fn from(path: PathBuf) -> Self {
        Self::Folder(path)
    }
}

/// What became of an attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its target.
    Done(Delivered),
    /// It waits in the outbox, for this reason.
    Waiting(String),
}

/// A release that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Session.
    pub session: String,
    /// Where it is to go.
    pub release_to: ReleaseTo,
}

/// Targets found away in one pass, and why: each is waited for once.
#[derive(Debug, Default)]
pub(crate) struct Away(BTreeMap<String, String>);

/// How patient an attempt is.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// One look: there is other work to do.
    Once,
    /// As long as `release.wait_seconds` says.
    Session,
}

impl Station {
    /// Delivers a sealed release, and tries again as long as its target is away and the policy waits.
    pub(crate) async fn deliver_session(&self, journal: &Journal) -> Result<Delivery, StationFault> {
        self.attempt(journal, Patience::Session).await
    }

    /// Tries every release that waits, once; gives those that still do, with the reason.
    ///
    /// # Errors
    /// When state directory or chain cannot be used.
    pub async fn deliver_waiting(&self) -> Result<Vec<(Waiting, String)>, StationFault> {
        let mut still = Vec::new();
        let mut away = Away::default();
        for journal in Journal::left(&self.paths.sessions())?.journals {
            // Another program of this station may be at it.
            let Some(_at_work) = Journal::claim(&self.paths.sessions(), &journal.session) else { continue };
            if !self.is_sealed(&journal.session) {
                // A program beside the supervisor was killed in the middle of it.
                if self.is_supervisor() {
                    self.end(&journal, &mut away).await?;
                    self.clear_spool(&journal.session)?;
                }
                continue;
            }
            if let Some(why) = self.finish_delivery(&journal, &mut away).await? {
                still.push((Waiting { session: journal.session, release_to: journal.release_to }, why));
            }
        }
        Ok(still)
    }

    /// Releases in the outbox, oldest first; needs nothing but the state directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn waiting(state: &Path) -> Result<Vec<Waiting>, StationFault> {
        let paths = crate::station::StatePaths::new(state);
        let journals = Journal::left(&paths.sessions())?.journals;
        let sealed = journals.into_iter().filter(|journal| paths.outbox().join(&journal.session).is_dir());
        Ok(sealed.map(|journal| Waiting { session: journal.session, release_to: journal.release_to }).collect())
    }

    /// Whether the release of a session lies in the outbox, whole.
    pub(crate) fn is_sealed(&self, session: &str) -> bool {
        self.paths.outbox().join(session).is_dir()
    }

    /// One attempt for a session that ended before its release was on the target; on success its end is recorded. Gives why
    /// the release still waits. What the chain says is on its target is not delivered again, whoever has taken it away since.
    pub(crate) async fn finish_delivery(&self, journal: &Journal, away: &mut Away) -> Result<Option<String>, StationFault> {
        let session = &journal.session;
        if !self.has_recorded(session, &[events::SESSION_RELEASED])? {
            if let Some(why) = away.0.get(&journal.release_to.target()) {
                return Ok(Some(why.clone()));
            }
            match self.attempt(journal, Patience::Once).await? {
                Delivery::Waiting(why) => {
                    away.0.insert(journal.release_to.target(), why.clone());
                    return Ok(Some(why));
                }
                Delivery::Done(delivered) => self.note_delivered(session, &delivered),
            }
            self.note_closed(session)?;
        }
        self.recorder.close_session(session).await?;
        self.transitions.reached(Transition::RecoveryRecorded);
        self.clear_outbox(session)?;
        Journal::close(&self.paths.sessions(), session)?;
        Ok(None)
    }

    /// Removes what a dead session left in the spool.
    fn clear_spool(&self, session: &str) -> Result<(), StationFault> {
        let path = self.paths.spool().join(session);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StationFault::State { path, source }),
            _ => Ok(()),
        }
    }

    pub(crate) fn note_delivered(&self, session: &str, delivered: &Delivered) {
        let payload = json!({
            "target": model::escape_text(&delivered.place), "files": delivered.files, "bytes": delivered.bytes,
            "written_now": delivered.written, "already_there": delivered.already,
        });
        self.recorder.note(Some(session), events::SESSION_RELEASED, payload);
    }

    /// Records the sums of a session that ended before it could: from its report, which lies in the outbox.
    fn note_closed(&self, session: &str) -> Result<(), StationFault> {
        if self.has_recorded(session, &[events::SESSION_CLOSED])? {
            return Ok(());
        }
        let path = self.paths.outbox().join(session).join(release::REPORT_JSON);
        let report = fs::read(&path).map_err(|source| StationFault::State { path: path.clone(), source })?;
        let report: SessionReport = serde_json::from_slice(&report).map_err(|error| StationFault::State { path, source: error.into() })?;
        self.recorder.note(Some(session), events::SESSION_CLOSED, json!(report.totals));
        Ok(())
    }

    /// Removes a delivered release from the outbox.
    pub(crate) fn clear_outbox(&self, session: &str) -> Result<(), StationFault> {
        let path = self.paths.outbox().join(session);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StationFault::State { path, source }),
            _ => {
                self.transitions.reached(Transition::OutboxCleared);
                Ok(())
            }
        }
    }

    async fn attempt(&self, journal: &Journal, patience: Patience) -> Result<Delivery, StationFault> {
        let (journal, policy) = (journal.clone(), self.settings.policy.release.clone());
        let sealed = self.paths.outbox().join(&journal.session);
        let task = tokio::task::spawn_blocking(move || match patience {
            Patience::Once => try_once(&sealed, &journal, &ReleasePolicy { attempts: 1, ..policy }),
            Patience::Session => try_patiently(&sealed, &journal, &policy),
        });
        match task.await.map_err(|_| StationFault::Internal("delivery"))? {
            Ok(delivered) => Ok(Delivery::Done(delivered)),
            // The station's own disk, not the target: nothing can be delivered from it. What was sealed by an earlier session
            // does not keep the station from working; it stays where it is, and is told each time.
            Err(fault @ TargetError::Outbox { .. }) if matches!(patience, Patience::Session) => Err(StationFault::Outbox(fault)),
            Err(other) => Ok(Delivery::Waiting(other.to_string())),
        }
    }
}

fn try_once(sealed: &Path, journal: &Journal, policy: &ReleasePolicy) -> Result<Delivered, TargetError> {
    let (place, folder) = place_of(journal, policy)?;
    let mut target = target::connect(&place, &folder, policy)?;
    deliver(sealed, &journal.session, target.as_mut(), policy, &std::thread::park_timeout)
}

/// Again and again while the target is away; what it refuses for another reason waiting does not mend.
fn try_patiently(sealed: &Path, journal: &Journal, policy: &ReleasePolicy) -> Result<Delivered, TargetError> {
    let until = Instant::now() + Duration::from_secs(policy.wait_seconds.into());
    loop {
        match try_once(sealed, journal, policy) {
            Err(TargetError::Gone { .. }) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(policy.backoff_ms.into()));
            }
            ended => return ended,
        }
    }
}

/// The place, if it is still the one the session began with.
fn place_of(journal: &Journal, policy: &ReleasePolicy) -> Result<(TargetPlace, String), TargetError> {
    match &journal.release_to {
        ReleaseTo::Folder(path) => {
            let place = model::escape_text(&path.to_string_lossy());
            let gone = |cause: &str| TargetError::Gone { place: place.clone(), cause: cause.into() };
            match inode(path) {
                Ok(Some(found)) if journal.release_inode.is_none_or(|known| known == found) => {}
                Ok(Some(_)) => return Err(gone("another file system, or none, is mounted where the release folder was")),
                Ok(None) => return Err(gone("the release folder is not there")),
                Err(error) => return Err(gone(&error.to_string())),
            }
            Ok((TargetPlace::Directory { path: path.to_string_lossy().into_owned() }, String::new()))
        }
        ReleaseTo::Target { name, folder } => match policy.targets.get(name) {
            Some(place) => Ok((place.clone(), folder.clone())),
            None => {
                Err(TargetError::Gone { place: model::escape_text(name), cause: "the policy has no target of this name any more".into() })
            }
        },
    }
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
    fn only_the_folder_the_session_began_with_is_its_target() {
        let root = tempfile::tempdir().unwrap();
        let share = root.path().join("share");
        let release_inode = Some(release::open_target(&share).unwrap());
        let journal = Journal { session: "s1".into(), release_to: share.clone().into(), release_inode };
        let place = || place_of(&journal, &ReleasePolicy::default());
        assert!(matches!(place(), Ok((TargetPlace::Directory { .. }, _))));

        // Not mounted: the empty mount point, or nothing at all; then mounted again.
        fs::rename(&share, root.path().join("mounted")).unwrap();
        assert!(matches!(place(), Err(TargetError::Gone { .. })));
        fs::create_dir(&share).unwrap();
        assert!(matches!(place(), Err(TargetError::Gone { .. })));
        fs::remove_dir(&share).unwrap();
        fs::rename(root.path().join("mounted"), &share).unwrap();
        assert!(place().is_ok());
        let of_policy = Journal { release_to: ReleaseTo::Target { name: "weg".into(), folder: String::new() }, ..journal.clone() };
        assert!(matches!(place_of(&of_policy, &ReleasePolicy::default()), Err(TargetError::Gone { .. })));
    }
}
