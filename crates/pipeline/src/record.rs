//! The one writer of the audit chain: takes events from every task, appends them in batches, says when they are durable.
//!
//! A program that finds the chain locked hands its events to the one that holds it, over a socket in the state directory
//! (`control.rs`): a reviewer decides while a kiosk works. There is still one writer. When that one ends, the next that has
//! something to say takes the chain, or finds who has.

use crate::control::{self, Said};
use crate::fault::StationFault;
use crate::station::{make_private, station_name};
use audit::{AuditError, AuditLog, Clock, Entropy, Event, KeyHistory, Position, StationKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Most events written in one go.
// BOUND: a batch is one write and two syncs; 500 records stay far below the chain's own batch limit.
const BATCH: usize = 500;
/// Most bytes of payload written in one go, before they are sealed.
// BOUND: sealing makes a third more of it; the chain takes 16 MiB at once.
const BATCH_BYTES: usize = 4 << 20;
/// Longest wait for a program that has the chain and does not answer yet, or has ended and not let go yet.
const CHANGES_HANDS: Duration = Duration::from_secs(10);

/// An event on its way to the chain.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owned {
    pub(crate) session: Option<String>,
    pub(crate) actor: String,
    pub(crate) event: String,
    pub(crate) payload: Value,
}

pub(crate) type Answer = oneshot::Sender<Result<Position, StationFault>>;

#[derive(Debug)]
pub(crate) enum Message {
    Append(Owned),
    /// Where the chain ends, whatever went wrong before.
    Head(Answer),
    /// What another program says: apart from what is said here, so that what goes wrong with it is that program's trouble.
    Foreign(Said, Answer),
    /// For a session, or for what belongs to none.
    Flush(Option<String>, Answer),
    Close(String, Answer),
    Erase {
        session: String,
        actor: String,
        reason: String,
        answer: Answer,
    },
    /// One of the other programs has hung up.
    HungUp,
    /// The handle is gone: what others have said is still answered, then the chain is let go.
    End,
}

/// Handle to the writer; the thread ends when the last handle is gone.
#[derive(Debug)]
pub struct Recorder {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    holds_chain: bool,
}

/// Who acts where no person does: this program.
pub const STATION: &str = "station";

/// Who writes: the key and the name that stand in every record and release.
pub(crate) struct Identity {
    pub(crate) key: Arc<StationKey>,
    pub(crate) name: String,
}

impl Identity {
    /// Loads the station's key, or makes it at the first start.
    pub(crate) fn load(state: &Path, entropy: &dyn Entropy) -> Result<Self, StationFault> {
        make_private(state)?;
        let key = Arc::new(StationKey::load_or_create(state, entropy)?);
        // The name stays when the key is replaced.
        let name = station_name(&KeyHistory::load(state)?.first());
        Ok(Self { key, name })
    }
}

impl Recorder {
    /// Opens the chain of the state directory `state` alone, without engines, workers and stores: for commands that decide or
    /// delete and must be on record. When another program holds the chain, it is handed the events.
    ///
    /// # Errors
    /// When the chain cannot be opened, or its holder does not answer.
    pub fn open(state: &Path, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, StationFault> {
        let identity = Identity::load(state, entropy.as_ref())?;
        Self::open_as(&identity, state, clock, entropy)
    }

    /// The same for a station that needs its identity for more.
    pub(crate) fn open_as(
        identity: &Identity,
        state: &Path,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StationFault> {
        let (messages, inbox) = channel();
        let (name, key) = (identity.name.clone(), Arc::clone(&identity.key));
        let opening = Opening { state: state.to_owned(), name, key, clock, entropy, messages: messages.clone() };
        let way = opening.open()?;
        let holds_chain = matches!(way, Way::Own(..));
        let thread = std::thread::spawn(move || Writer { opening, way, failure: None, lost: BTreeMap::new() }.write_all(&inbox));
        Ok(Self { messages, thread: Some(thread), holds_chain })
    }

    /// Whether this program held the chain itself when it began.
    pub const fn holds_chain(&self) -> bool {
        self.holds_chain
    }

    /// Queues an event of the station itself. It is durable after the next [`Recorder::flush`].
    pub fn note(&self, session: Option<&str>, event: &'static str, payload: Value) {
        self.note_by(STATION, session, event, payload);
    }

    /// Queues an event that a person brought about; `actor` is a pseudonym, 1 to 128 printable ASCII characters.
    pub fn note_by(&self, actor: &str, session: Option<&str>, event: &'static str, payload: Value) {
        let owned = Owned { session: session.map(str::to_owned), actor: actor.into(), event: event.into(), payload };
        // When the writer is gone, the next flush says so.
        let _ = self.send(Message::Append(owned));
    }

    /// Waits until everything queued is durable that belongs to no session.
    ///
    /// # Errors
    /// When some of it could not be written; told once.
    pub async fn flush(&self) -> Result<Position, StationFault> {
        self.ask(|answer| Message::Flush(None, answer)).await
    }

    /// Waits until everything queued of a session is durable.
    ///
    /// # Errors
    /// When some of it could not be written, now or earlier: a session whose records are not all there never ends well.
    pub async fn flush_session(&self, session: &str) -> Result<Position, StationFault> {
        self.ask(|answer| Message::Flush(Some(session.to_owned()), answer)).await
    }

    /// Where the chain ends. Says nothing of what could not be written: that is for who wrote it.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn head(&self) -> Result<Position, StationFault> {
        self.ask(Message::Head).await
    }

    /// Ends a session in the chain with a signed checkpoint.
    ///
    /// # Errors
    /// When the chain cannot be written.
    pub async fn close_session(&self, session: &str) -> Result<Position, StationFault> {
        self.ask(|answer| Message::Close(session.to_owned(), answer)).await
    }

    /// Destroys the payload key of a session: what its records say can never be read again.
    ///
    /// # Errors
    /// When the chain cannot be written or the key not destroyed.
    pub async fn erase_session(&self, session: &str, actor: &str, reason: &str) -> Result<Position, StationFault> {
        let (session, actor, reason) = (session.to_owned(), actor.to_owned(), reason.to_owned());
        self.ask(|answer| Message::Erase { session, actor, reason, answer }).await
    }

    async fn ask(&self, message: impl FnOnce(Answer) -> Message) -> Result<Position, StationFault> {
        let (answer, heard) = oneshot::channel();
        self.send(message(answer))?;
        heard.await.map_err(|_| StationFault::Internal("audit writer"))?
    }

    fn send(&self, message: Message) -> Result<(), StationFault> {
        self.messages.send(message).map_err(|_| StationFault::Internal("audit writer"))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has already failed every flush.
            let _ = thread.join();
        }
    }
}

/// What it takes to open the chain, now and again.
struct Opening {
    state: PathBuf,
    name: String,
    key: Arc<StationKey>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    messages: Sender<Message>,
}

/// How the chain is written.
enum Way {
    /// This program holds it, and serves others until this is dropped.
    /// Let go of in this order: nobody else can serve before the socket is gone.
    Own(control::Serving, AuditLog),
    /// Another program does.
    Through(control::Link),
}

impl Opening {
    /// Takes the chain, or a way to whoever has it. Between taking the chain and answering, and between letting go and ending,
    /// a program may be met that does neither: then this waits a little.
    fn open(&self) -> Result<Way, StationFault> {
        let until = Instant::now() + CHANGES_HANDS;
        loop {
            match AuditLog::open(&self.state, &self.name, Arc::clone(&self.key), Arc::clone(&self.clock), Arc::clone(&self.entropy)) {
                Ok(log) => return Ok(Way::Own(control::serve(&self.state, self.messages.clone())?, log)),
                Err(AuditError::Locked { .. }) => match control::Link::connect(&self.state) {
                    Ok(link) => return Ok(Way::Through(link)),
                    Err(fault) if Instant::now() >= until => return Err(fault),
                    Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
                },
                Err(error) => return Err(error.into()),
            }
        }
    }
}

struct Writer {
    opening: Opening,
    way: Way,
    /// What went wrong since the last question, of what belongs to no session; the next answer says it.
    failure: Option<StationFault>,
    /// Sessions of which a record was lost, and why: nothing more of them is written, and every answer says it.
    lost: BTreeMap<String, String>,
}

impl Writer {
    fn write_all(mut self, inbox: &Receiver<Message>) {
        let mut ending = false;
        while !(ending && self.is_idle())
            && let Ok(first) = inbox.recv()
        {
            let mut next = Some(first);
            let (mut batch, mut bytes) = (Vec::new(), 0);
            let mut asked = None;
            while let Some(message) = next.take() {
                match message {
                    Message::Append(event) => {
                        bytes += event.payload.to_string().len();
                        batch.push(event);
                    }
                    other => asked = Some(other),
                }
                if asked.is_none() && batch.len() < BATCH && bytes < BATCH_BYTES {
                    next = inbox.try_recv().ok();
                }
            }
            self.write(batch);
            match asked {
                Some(Message::Head(answer)) => drop(answer.send(self.again(|way| way.say(&Said::Flush)))),
                Some(Message::Flush(session, answer)) => self.answer(session.as_deref(), answer, |way| way.say(&Said::Flush)),
                Some(Message::Close(session, answer)) => {
                    let said = Said::Close { session: session.clone() };
                    self.answer(Some(&session), answer, |way| way.say(&said));
                }
                Some(Message::Erase { session, actor, reason, answer }) => {
                    let said = Said::Erase { session, actor, reason };
                    self.answer(None, answer, |way| way.say(&said));
                }
                Some(Message::Foreign(said, answer)) => drop(answer.send(self.again(|way| way.say(&said)))),
                Some(Message::End) => {
                    ending = true;
                    if let Way::Own(serving, _) = &self.way {
                        serving.stop();
                    }
                }
                Some(Message::Append(_) | Message::HungUp) | None => {}
            }
        }
    }

    /// Whether no other program waits for an answer.
    fn is_idle(&self) -> bool {
        match &self.way {
            Way::Own(serving, _) => serving.open_connections() == 0,
            Way::Through(_) => true,
        }
    }

    /// Writes a batch. When that fails, it is the trouble of everybody who had a record in it.
    fn write(&mut self, mut events: Vec<Owned>) {
        events.retain(|event| event.session.as_ref().is_none_or(|session| !self.lost.contains_key(session)));
        if events.is_empty() {
            return;
        }
        let whose: Vec<Option<String>> = events.iter().map(|event| event.session.clone()).collect();
        let said = Said::Events(events);
        let Err(fault) = self.again(|way| way.say(&said)) else { return };
        let what = fault.to_string();
        self.lost.extend(whose.iter().flatten().map(|session| (session.clone(), what.clone())));
        if whose.iter().any(Option::is_none) {
            self.failure.get_or_insert(fault);
        }
    }

    fn answer(&mut self, session: Option<&str>, answer: Answer, say: impl FnMut(&mut Way) -> Result<Position, Unsaid>) {
        let failed = match session {
            Some(session) => self.lost.get(session).map(|what| StationFault::Recorded { what: what.clone() }),
            None => self.failure.take(),
        };
        let said = match failed {
            Some(fault) => Err(fault),
            None => self.again(say),
        };
        // Whoever asked may have stopped waiting.
        let _ = answer.send(said);
    }

    /// Says something; once more when whoever held the chain had gone before it heard.
    fn again(&mut self, mut say: impl FnMut(&mut Way) -> Result<Position, Unsaid>) -> Result<Position, StationFault> {
        match say(&mut self.way) {
            Ok(position) => Ok(position),
            Err(Unsaid::Fault(fault)) => Err(fault),
            Err(Unsaid::NotHeard) => {
                self.way = self.opening.open()?;
                say(&mut self.way).map_err(|unsaid| match unsaid {
                    Unsaid::Fault(fault) => fault,
                    Unsaid::NotHeard => StationFault::Internal("audit writer"),
                })
            }
        }
    }
}

/// Why something did not come into the chain.
pub(crate) enum Unsaid {
    /// Nobody heard it; it can be said again.
    NotHeard,
    /// It failed, or nobody knows.
    Fault(StationFault),
}

impl Way {
    fn say(&mut self, said: &Said) -> Result<Position, Unsaid> {
        let log = match self {
            Self::Own(_, log) => log,
            Self::Through(link) => return link.tell(said),
        };
        let written = match said {
            Said::Events(events) => {
                let events: Vec<Event<'_>> = events
                    .iter()
                    .map(|e| Event { session: e.session.as_deref(), actor: &e.actor, event: &e.event, payload: e.payload.clone() })
                    .collect();
                log.append(&events)
            }
            Said::Flush => Ok(log.head()),
            Said::Close { session } => log.close_session(session),
            Said::Erase { session, actor, reason } => log.erase_session(session, actor, reason),
        };
        written.map_err(|error| Unsaid::Fault(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::{OsEntropy, SystemClock};
    use serde_json::json;

    #[tokio::test]
    async fn a_lost_record_is_told_to_its_session_every_time_and_to_nobody_else() {
        let state = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(state.path(), Arc::new(SystemClock), Arc::new(OsEntropy::new())).unwrap();
        recorder.note(Some("s-1"), "item-withheld", json!({}));
        let before = recorder.flush_session("s-1").await.unwrap();
        // No chain takes an event of this name: the batch is lost, as on a full disk.
        recorder.note(Some("s-1"), "NO EVENT", json!({}));
        // Whoever only wants to know where the chain ends learns that, and takes nothing away from the session.
        assert_eq!(recorder.head().await.unwrap(), before);
        recorder.flush().await.unwrap();
        for _ in 0..2 {
            assert!(matches!(recorder.flush_session("s-1").await, Err(StationFault::Recorded { .. })));
            assert!(matches!(recorder.close_session("s-1").await, Err(StationFault::Recorded { .. })));
        }
        // Nothing more of it is written, and others go on.
        recorder.note(Some("s-1"), "item-released", json!({}));
        recorder.note(Some("s-2"), "item-released", json!({}));
        assert_eq!(recorder.flush_session("s-2").await.unwrap().seq, before.seq + 1);
        assert!(recorder.flush_session("s-1").await.is_err());
    }

    #[tokio::test]
    async fn long_records_come_in_several_batches() {
        let state = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(state.path(), Arc::new(SystemClock), Arc::new(OsEntropy::new())).unwrap();
        for _ in 0..60 {
            recorder.note(Some("s-1"), "item-withheld", json!({ "path": "字".repeat(200_000) }));
        }
        assert_eq!(recorder.flush_session("s-1").await.unwrap().seq, 60);
    }
}
