//! The one writer of the audit chain: takes events from every task, appends them in batches, says when they are durable.

use crate::fault::StationFault;
use audit::{AuditError, AuditLog, Event, Position};
use serde_json::Value;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Most events written in one go.
// BOUND: a batch is one write and two syncs; 500 records stay far below the chain's own batch limit.
const BATCH: usize = 500;

#[derive(Debug)]
struct Owned {
    session: Option<String>,
    event: &'static str,
    payload: Value,
}

#[derive(Debug)]
enum Message {
    Append(Owned),
    Flush(oneshot::Sender<Result<Position, AuditError>>),
    Close(String, oneshot::Sender<Result<Position, AuditError>>),
}

/// Handle to the writer; the thread ends when the last handle is gone.
#[derive(Debug)]
pub(crate) struct Recorder {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// Who acts: this program. People get their pseudonym once they log in somewhere.
const ACTOR: &str = "station";

impl Recorder {
    pub(crate) fn start(log: AuditLog) -> Self {
        let (messages, inbox) = channel();
        let thread = std::thread::spawn(move || write_all(log, &inbox));
        Self { messages: Some(messages), thread: Some(thread) }
    }

    /// Queues an event. It is durable after the next [`Recorder::flush`].
    pub(crate) fn note(&self, session: Option<&str>, event: &'static str, payload: Value) {
        // When the writer is gone, the next flush says so.
        let _ = self.send(Message::Append(Owned { session: session.map(str::to_owned), event, payload }));
    }

    /// Waits until everything queued is durable.
    pub(crate) async fn flush(&self) -> Result<Position, StationFault> {
        let (answer, heard) = oneshot::channel();
        self.send(Message::Flush(answer))?;
        Ok(heard.await.map_err(|_| StationFault::Internal("audit writer"))??)
    }

    /// Ends a session in the chain with a signed checkpoint.
    pub(crate) async fn close_session(&self, session: &str) -> Result<Position, StationFault> {
        let (answer, heard) = oneshot::channel();
        self.send(Message::Close(session.to_owned(), answer))?;
        Ok(heard.await.map_err(|_| StationFault::Internal("audit writer"))??)
    }

    fn send(&self, message: Message) -> Result<(), StationFault> {
        let gone = StationFault::Internal("audit writer");
        self.messages.as_ref().and_then(|m| m.send(message).ok()).ok_or(gone)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has already failed every flush.
            let _ = thread.join();
        }
    }
}

fn write_all(mut log: AuditLog, inbox: &Receiver<Message>) {
    let mut failure: Option<AuditError> = None;
    while let Ok(first) = inbox.recv() {
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
            .map(|e| Event { session: e.session.as_deref(), actor: ACTOR, event: e.event, payload: e.payload.clone() })
            .collect();
        if failure.is_none() && !events.is_empty() {
            failure = log.append(&events).err();
        }
        match asked {
            Some(Message::Flush(answer)) => drop(answer.send(failure.take().map_or_else(|| Ok(log.head()), Err))),
            Some(Message::Close(session, answer)) => {
                let closed = failure.take().map_or_else(|| log.close_session(&session), Err);
                drop(answer.send(closed));
            }
            Some(Message::Append(_)) | None => {}
        }
    }
}
