//! What a start after a crash puts right: each session that never ended is finished or voided, once (I8).
//!
//! **Invariant:** a session whose release lies in the outbox, or may be visible, is never recorded as voided, and no session
//! gets two ends. When its target is away, its journal stays, and a later start or `watch` delivers.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::outbox::Away;
use crate::station::Station;
use crate::transition::Transition;
use audit::{Filter, events};
use serde_json::json;
use spool::Spool;

impl Station {
    pub(crate) async fn recover(&self) -> Result<(), StationFault> {
        Journal::clear_partial(&self.paths.sessions())?;
        let left = Journal::left(&self.paths.sessions())?;
        for name in left.unreadable {
            tracing::warn!(name, "a journal cannot be read; it was set aside");
            self.recorder.note(None, events::RECOVERY, json!({ "journal_set_aside": name }));
        }
        let mut away = Away::default();
        for journal in left.journals {
            // A program beside this one may have taken it up meanwhile.
            let Some(_at_work) = Journal::claim(&self.paths.sessions(), &journal.session) else { continue };
            self.transitions.reached(Transition::RecoveryBegun);
            self.end(&journal, &mut away).await?;
        }
        let spool = self.paths.spool();
        let at_work = Journal::left(&self.paths.sessions())?.at_work;
        Spool::clear_leftovers(&spool, &at_work).map_err(|source| StationFault::State { path: spool, source })?;
        Ok(())
    }

    /// Finishes or voids a session that nobody is at work on.
    pub(crate) async fn end(&self, journal: &Journal, away: &mut Away) -> Result<(), StationFault> {
        let session = &journal.session;
        let outbox = self.paths.outbox();
        let half = release::remove_leftovers(&outbox, session).map_err(|source| StationFault::State { path: outbox, source })?;
        let recorded_before = self.has_end(session)?;
        let sealed = self.is_sealed(session);
        let payload = json!({ "finished_in_outbox": sealed, "half_written_removed": half, "end_recorded_before": recorded_before });
        self.recorder.note(Some(session), events::RECOVERY, payload);
        if sealed {
            if let Some(why) = self.finish_delivery(journal, away).await? {
                // Why is on record; a log has no names of files and people.
                tracing::warn!(session, "a release waits in the outbox");
                self.recorder.note(Some(session), events::RELEASE_WAITING, json!({ "target": journal.release_to.shown(), "why": why }));
                self.recorder.flush().await?;
            }
            return Ok(());
        }
        if !recorded_before {
            self.recorder.note(Some(session), events::SESSION_VOIDED, json!({ "cause": "the program ended before the session did" }));
        }
        self.recorder.close_session(session).await?;
        self.transitions.reached(Transition::RecoveryRecorded);
        Journal::close(&self.paths.sessions(), session)
    }

    /// Whether the chain already says how the session ended: the kill came between that record and the end of the journal.
    fn has_end(&self, session: &str) -> Result<bool, StationFault> {
        self.has_recorded(session, &[events::SESSION_RELEASED, events::SESSION_VOIDED])
    }

    /// Whether the chain has one of these events of a session.
    pub(crate) fn has_recorded(&self, session: &str, wanted: &[&str]) -> Result<bool, StationFault> {
        let filter = Filter { session: Some(session.to_owned()), ..Filter::default() };
        for record in audit::show(&self.paths.root, filter)? {
            if wanted.contains(&record?.event.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
