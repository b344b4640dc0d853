//! The one writer of the audit chain: takes events from every task, appends them in batches, says when they are durable.
//!
//! A program that finds the chain locked hands its events to the one that holds it, over a socket in the state directory
//! (`control.rs`): a reviewer decides while a kiosk works. There is still one writer.

use crate::control::{self, Said};
use crate::fault::StationFault;
use crate::station::{make_private, station_name};
use audit::{AuditError, AuditLog, Clock, Entropy, Event, Position, StationKey};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most events written in one go.
// BOUND: a batch is one write and two syncs; 500 records stay far below the chain's own batch limit.
const BATCH: usize = 500;

#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) session: Option<String>,
    pub(crate) actor: String,
    pub(crate) event: String,
    pub(crate) payload: Value,
}

type Answer = oneshot::Sender<Result<Position, StationFault>>;

#[derive(Debug)]
pub(crate) enum Message {
    Append(Owned),
    Flush(Answer),
    Close(String, Answer),
    Erase {
        session: String,
        actor: String,
        reason: String,
        answer: Answer,
    },
    /// The handle is gone; others may still have a way to say something, and are not heard any more.
    End,
}

/// Handle to the writer; the thread ends when the last handle is gone.
#[derive(Debug)]
pub struct Recorder {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    serving: Option<control::Serving>,
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
        let name = station_name(&key.public_key());
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
        match AuditLog::open(state, &identity.name, Arc::clone(&identity.key), clock, entropy) {
            Ok(log) => Self::start(log, state),
            // Somebody else is the one writer; what happens here is handed over there.
            Err(AuditError::Locked { .. }) => Self::through(state),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes to a chain that this program holds, and for others: over the socket in the state directory `state`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(crate) fn start(log: AuditLog, state: &Path) -> Result<Self, StationFault> {
        let (messages, inbox) = channel();
        let thread = std::thread::spawn(move || write_all(log, &inbox));
        let serving = control::serve(state, messages.clone())?;
        Ok(Self { messages, thread: Some(thread), serving: Some(serving) })
    }

    /// Hands everything to the program that holds the chain.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(crate) fn through(state: &Path) -> Result<Self, StationFault> {
        let mut link = control::Link::connect(state)?;
        let (messages, inbox) = channel();
        let thread = std::thread::spawn(move || relay_all(&mut link, &inbox));
        Ok(Self { messages, thread: Some(thread), serving: None })
    }

    /// Whether this program holds the chain itself.
    pub const fn holds_chain(&self) -> bool {
        self.serving.is_some()
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

    /// Waits until everything queued is durable.
    ///
    /// # Errors
    /// When the chain cannot be written.
    pub async fn flush(&self) -> Result<Position, StationFault> {
        self.ask(Message::Flush).await
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
        drop(self.serving.take());
        let _ = self.send(Message::End);
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has already failed every flush.
            let _ = thread.join();
        }
    }
}

fn write_all(mut log: AuditLog, inbox: &Receiver<Message>) {
    let mut failure: Option<AuditError> = None;
    let mut ended = false;
    while !ended && let Ok(first) = inbox.recv() {
        let mut next = Some(first);
        let mut batch = Vec::new();
        let mut asked = None;
        while let Some(message) = next.take() {
            match message {
                Message::Append(event) => batch.push(event),
                other => asked = Some(other),
            }
            if asked.is_none() && batch.len() < BATCH {
                next = inbox.try_recv().ok();
            }
        }
        let events: Vec<Event<'_>> = batch
            .iter()
            .map(|e| Event { session: e.session.as_deref(), actor: &e.actor, event: &e.event, payload: e.payload.clone() })
            .collect();
        if failure.is_none() && !events.is_empty() {
            failure = log.append(&events).err();
        }
        let failed = |failure: &mut Option<AuditError>| failure.take().map_or(Ok(()), Err);
        match asked {
            Some(Message::Flush(answer)) => drop(answer.send(failed(&mut failure).map(|()| log.head()).map_err(StationFault::from))),
            Some(Message::Close(session, answer)) => {
                let closed = failed(&mut failure).and_then(|()| log.close_session(&session));
                drop(answer.send(closed.map_err(StationFault::from)));
            }
            Some(Message::Erase { session, actor, reason, answer }) => {
                let erased = failed(&mut failure).and_then(|()| log.erase_session(&session, &actor, &reason));
                drop(answer.send(erased.map_err(StationFault::from)));
            }
            Some(Message::End) => ended = true,
            Some(Message::Append(_)) | None => {}
        }
    }
}

/// The same over the socket. Each message is answered there before the next is sent, so the order stays.
fn relay_all(link: &mut control::Link, inbox: &Receiver<Message>) {
    let mut failure: Option<StationFault> = None;
    while let Ok(message) = inbox.recv() {
        let mut tell = |said: &Said| match failure.take() {
            Some(fault) => Err(fault),
            None => link.tell(said),
        };
        match message {
            Message::Append(Owned { session, actor, event, payload }) => {
                failure = tell(&Said::Append { session, actor, event, payload }).err();
            }
            Message::Flush(answer) => drop(answer.send(tell(&Said::Flush))),
            Message::Close(session, answer) => drop(answer.send(tell(&Said::Close { session }))),
            Message::End => return,
            Message::Erase { session, actor, reason, answer } => {
                drop(answer.send(tell(&Said::Erase { session, actor, reason })));
            }
        }
    }
}
