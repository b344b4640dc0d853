//! Takes records from the queue to the collector, and the cursor after them.

use crate::cursor::Cursor;
use crate::link::Link;
use crate::queue::{self, Queue};
use crate::{SiemError, message, taken};
use audit::{Position, Shown, ShownPayload};
use model::policy::SiemPolicy;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The way out: cursor, queue and connection, each made when it is first needed.
pub struct Outgoing {
    state: PathBuf,
    policy: SiemPolicy,
    place: Option<(Cursor, Queue)>,
    link: Option<Link>,
}

impl Outgoing {
    /// Nothing is opened yet.
    pub fn new(state: &Path, policy: &SiemPolicy) -> Self {
        Self { state: state.into(), policy: policy.clone(), place: None, link: None }
    }

    /// Sends what is queued, in order, while `go_on` says so, telling `sent` of each record that was taken.
    /// `deadline` caps every single wait, besides the policy's own.
    ///
    /// # Errors
    /// The first one: what is not sent stays queued, and the connection is made anew next time.
    pub fn send_all(&mut self, deadline: impl Fn() -> Option<Instant>, mut sent: impl FnMut()) -> Result<(), SiemError> {
        // Where there is no chain yet there is nothing to send, and no folder to be made.
        if self.place.is_none() && !self.state.join("audit").exists() {
            return Ok(());
        }
        let mut place = match self.place.take() {
            Some(place) => place,
            None => {
                let cursor = Cursor::open(&self.state)?;
                let queue = Queue::behind(&self.state, cursor.taken());
                (cursor, queue)
            }
        };
        let outcome = self.send_from(&mut place, &deadline, &mut sent);
        if outcome.is_err() {
            self.link = None;
        }
        // After an error about the chain the queue starts afresh from the cursor.
        self.place = outcome.is_ok().then_some(place);
        outcome
    }

    fn send_from(
        &mut self,
        (cursor, queue): &mut (Cursor, Queue),
        deadline: &impl Fn() -> Option<Instant>,
        sent: &mut impl FnMut(),
    ) -> Result<(), SiemError> {
        let stall = Duration::from_secs(self.policy.stall_seconds.into());
        let patience = || {
            let own = Instant::now() + stall;
            deadline().map_or(own, |deadline| own.min(deadline))
        };
        while let Some(record) = queue.peek()? {
            let message = message::message(record, &self.policy);
            // Collectors close connections that were idle: a link that was made before may be given up without a word.
            let kept = self.link.take().and_then(|mut link| link.send(&message, patience()).is_ok().then_some(link));
            self.link = match kept {
                Some(link) => Some(link),
                None => {
                    let mut link = Link::connect(&self.policy, patience())?;
                    link.send(&message, patience())?;
                    Some(link)
                }
            };
            if let Some(position) = queue.took() {
                cursor.advance(position)?;
                sent();
            }
        }
        cursor.settle()
    }
}

/// How sending what was queued ended.
#[derive(Debug)]
pub struct Outcome {
    /// Records the collector took.
    pub sent: u64,
    /// Records that are still queued, as far as the chain can be read.
    pub queued: u64,
    /// Why they are.
    pub failure: Option<SiemError>,
}

/// Sends what is queued now, and ends.
pub fn send_queued(state: &Path, policy: &SiemPolicy) -> Outcome {
    let mut sent = 0;
    let failure = match policy.collector {
        Some(_) => Outgoing::new(state, policy).send_all(|| None, || sent += 1).err(),
        None => Some(SiemError::NoCollector),
    };
    let queued = if failure.is_some() { queue::count(state, taken(state)).unwrap_or_default() } else { 0 };
    Outcome { sent, queued, failure }
}

/// Sends one message that is no record: event `siem-test`, number 0. `time` is RFC 3339 in UTC.
///
/// # Errors
/// The collector does not take it.
pub fn send_test(policy: &SiemPolicy, station: &str, time: &str) -> Result<(), SiemError> {
    let start = Position::START.to_string();
    let record = Shown {
        seq: 0,
        time: time.into(),
        station: station.into(),
        session: None,
        actor: "station".into(),
        event: "siem-test".into(),
        payload: ShownPayload::Clear(json!({ "test": true })),
        hash: start.split_once(':').map(|(_seq, hash)| hash.to_owned()).unwrap_or_default(),
    };
    let patience = || Instant::now() + Duration::from_secs(policy.stall_seconds.into());
    Link::connect(policy, patience())?.send(&message::message(&record, policy), patience())
}
