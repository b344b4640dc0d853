//! One medium's way through the lock: read, run the line over every item, reconcile, release, close.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::line::{Ended, Line};
use crate::metrics::Timed;
use crate::names::{Mapped, Names};
use crate::outbox::ReleaseTo;
use crate::progress::Progress;
use crate::reading::{Reading, SourceKind, Stopped, kind_of_source};
use crate::source::DeviceSource;
use crate::stage::{Shared, Unpacked, previews};
use crate::station::Station;
use crate::transition::Transition;
use again::AgainContent;
use audit::events;
use budget::{Reached, SessionBudget};
use holding::Holding;
use model::item::{Held, Sanitised};
use model::policy::OnMediumGone;
use model::report::{ItemLine, Medium};
use model::{EngineStamp, Item, Reason};
use scan::Engine;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use wire::Secret;

pub(crate) mod again;
mod arrivals;
pub(crate) mod budget;
mod close;
mod holding;

pub use again::{Again, process_hold};
pub use close::Finished;

/// Arrivals that may wait between reader and line.
// BOUND: content waits in the spool, not in memory; this only keeps the reader a little ahead.
const ARRIVALS: usize = 64;

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Order {
    /// Directory, raw image, or the node of a block device.
    pub source: PathBuf,
    /// The block device behind `source`, judged and admitted; nothing but this opens it.
    pub device: Option<Arc<dyn DeviceSource>>,
    /// Where the release goes.
    pub release_to: ReleaseTo,
    /// Whose medium it is: the name the directory (Active Directory) knows the person by. It decides where the release goes.
    pub owner: Option<String>,
    /// Passwords and recovery keys for encrypted volumes of the medium; they go to the reader and nowhere else.
    pub keys: Vec<Secret>,
}

/// How an item ended, before the release is written.
#[derive(Debug)]
enum Accounted {
    /// Its line of the report is complete.
    Complete(ItemLine),
    /// It has artefacts (or members) to release.
    Sanitised(Item<Sanitised>),
}

/// Runs one session.
///
/// # Errors
/// [`StationFault`]: nothing unverified was released, holds made so far stay, and the audit chain says the session was
/// voided.
pub async fn process(station: &Station, order: &Order, progress: Arc<dyn Progress>) -> Result<Finished, StationFault> {
    let (kind, size_bytes) = kind_of_source(order)?;
    Box::pin(carry_out(station, order, Source { kind, size_bytes, again: None }, progress)).await
}

/// What a session is about.
struct Source<'a> {
    kind: SourceKind,
    size_bytes: Option<u64>,
    /// A hold instead of a medium.
    again: Option<AgainContent<'a>>,
}

async fn carry_out(station: &Station, order: &Order, source: Source<'_>, progress: Arc<dyn Progress>) -> Result<Finished, StationFault> {
    let ended = Box::pin(run(station, order, source, progress)).await;
    station.metrics.session_ended(&ended);
    ended
}

async fn run(station: &Station, order: &Order, mut source: Source<'_>, progress: Arc<dyn Progress>) -> Result<Finished, StationFault> {
    let engines = station.intake().await?;
    let session = new_session_id(station)?;
    let sessions = station.paths.sessions();
    let release_inode = match &order.release_to {
        ReleaseTo::Folder(path) => Some(release::open_target(path)?),
        ReleaseTo::Target { .. } => None,
    };
    let journal = Journal { session: session.clone(), release_to: order.release_to.clone(), release_inode };
    let _at_work = Journal::open(&sessions, &journal)?;
    station.transitions.reached(Transition::JournalWritten);
    let run = Session::begin(station, order, journal, &source, engines, progress);
    let done = match run {
        Ok(run) => run.finish(source.again.take()).await,
        Err(fault) => Err(fault),
    };
    let sealed = station.is_sealed(&session);
    if let Err(fault) = &done {
        station.recorder.note(Some(&session), events::STATION_FAULT, json!({ "fault": fault.to_string() }));
    }
    // A release in the outbox is finished: whatever failed after that, it is delivered, by a later start if need be.
    if done.is_err() && !sealed {
        station.recorder.note(Some(&session), events::SESSION_VOIDED, json!({ "cause": "station fault" }));
    }
    // A chain that cannot be written is itself the fault to report, unless there is one already.
    let closed = match station.recorder.close_session(&session).await {
        Ok(_) => {
            station.transitions.reached(Transition::AuditClosed);
            end_journal(station, &session, &done)
        }
        Err(fault) => Err(fault),
    };
    match (done, closed) {
        (Err(fault), _) | (Ok(_), Err(fault)) => Err(fault),
        (Ok(finished), Ok(())) => Ok(finished),
    }
}

/// Removes the journal, unless the release waits: then it is what a later delivery goes by.
fn end_journal(station: &Station, session: &str, done: &Result<Finished, StationFault>) -> Result<(), StationFault> {
    match done {
        Ok(Finished { waiting: Some(_), .. }) => return Ok(()),
        Err(_) if station.is_sealed(session) => return Ok(()),
        Ok(_) => station.clear_outbox(session)?,
        Err(_) => {}
    }
    Journal::close(&station.paths.sessions(), session)?;
    station.transitions.reached(Transition::JournalClosed);
    Ok(())
}

/// `YYYYMMDD-HHMMSS-xxxxxx`: readable, sorted by time, unique by six random hexadecimal digits.
pub(crate) fn new_session_id(station: &Station) -> Result<String, StationFault> {
    let mut random = [0u8; 3];
    station.entropy.fill(&mut random)?;
    let [a, b, c] = random;
    let stamp: String = rfc3339(station).chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = stamp.split_at_checked(8).unwrap_or((&stamp, ""));
    Ok(format!("{day}-{time}-{a:02x}{b:02x}{c:02x}"))
}

fn rfc3339(station: &Station) -> String {
    let millis = i128::from(station.clock.now_unix_ms()) * 1_000_000;
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(millis).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time.format(&format).unwrap_or_default()
}

struct Session<'a> {
    station: &'a Station,
    order: &'a Order,
    journal: Journal,
    id: String,
    started: String,
    medium: Medium,
    engines: Vec<EngineStamp>,
    shared: Shared,
    line: Arc<Line>,
    unpacked: UnboundedReceiver<Unpacked>,
    progress: Arc<dyn Progress>,
    reading: Option<Reading>,
    budget: SessionBudget,
    /// Why reading ended early.
    stopped: Option<Stopped>,
    names: Names,
    found: u64,
    /// Files of the inventory whose content has not come yet, by index.
    awaited: BTreeMap<u32, Mapped>,
    /// Where archives that were unpacked lie in the tree, for their members.
    archives: BTreeMap<Vec<u32>, Mapped>,
    /// Content waiting for a place on the line.
    waiting: VecDeque<Item<model::Spooled>>,
    lines: BTreeMap<Vec<u32>, Accounted>,
}

impl<'a> Session<'a> {
    fn begin(
        station: &'a Station,
        order: &'a Order,
        journal: Journal,
        source: &Source<'_>,
        engines: Arc<Vec<Box<dyn Engine>>>,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, StationFault> {
        let id = journal.session.clone();
        let granted = source.again.as_ref().map(|again| Arc::clone(&again.granted));
        let shared = Shared::begin(station, &id, granted)?;
        let (line, unpacked) = Line::of(&shared, &engines);
        let shown = model::escape_text(&order.source.to_string_lossy());
        let medium = Medium {
            kind: source.kind.as_str().into(),
            source: shown.clone(),
            size_bytes: source.size_bytes,
            device: order.device.as_ref().map(|device| device.record()),
            volumes: Vec::new(),
        };
        let mut stamps: Vec<EngineStamp> = engines.iter().map(|e| e.stamp().clone()).collect();
        stamps.extend([shared.yara.clone(), EngineStamp::own()]);
        let budget = SessionBudget::begin(&station.settings.policy.session);
        let reading = Reading {
            budget: budget.clone(),
            worker: station.worker.clone(),
            policy: station.settings.policy.clone(),
            source: order.source.clone(),
            device: order.device.clone(),
            shown,
            spool: Arc::clone(&shared.spool),
            keys: order.keys.clone(),
        };
        let session = Self {
            station,
            order,
            journal,
            started: rfc3339(station),
            medium,
            engines: stamps,
            line: Arc::new(line),
            unpacked,
            progress,
            // A hold is not read from a medium.
            reading: source.again.is_none().then_some(reading),
            budget,
            stopped: None,
            names: Names::new(&station.settings.policy.release),
            found: 0,
            awaited: BTreeMap::new(),
            archives: BTreeMap::new(),
            waiting: VecDeque::new(),
            lines: BTreeMap::new(),
            shared,
            id,
        };
        session.note_beginning();
        Ok(session)
    }

    fn reached(&self, transition: Transition) {
        self.station.transitions.reached(transition);
    }

    fn note(&self, event: &'static str, payload: serde_json::Value) {
        self.station.recorder.note(Some(&self.id), event, payload);
    }

    fn note_beginning(&self) {
        let exception = self.shared.granted.as_ref().map(|granted| granted.report());
        let opened = json!({ "release_to": self.order.release_to.shown(), "owner": self.order.owner, "exception": exception });
        self.note(events::SESSION_OPENED, opened);
        self.note(events::MEDIUM_ATTACHED, json!(self.medium));
        self.note(events::POLICY_IN_FORCE, json!({ "sha256": self.station.settings.policy_sha256 }));
        self.note(events::ENGINES_IN_FORCE, json!(self.engines));
        self.note(events::CONFINEMENT_IN_FORCE, json!(self.station.confinement));
    }

    async fn finish(mut self, again: Option<AgainContent<'_>>) -> Result<Finished, StationFault> {
        // The record stands before the first byte is read.
        self.station.recorder.flush_session(&self.id).await?;
        self.reached(Transition::SessionRecorded);
        if let Some(again) = again {
            self.take_hold(again)?;
        }
        self.run_the_line().await?;
        let accounted = self.lines.len() as u64;
        if self.found != accounted {
            return Err(StationFault::NotReconciled { found: self.found, lines: accounted });
        }
        self.reached(Transition::Reconciled);
        if self.stopped.as_ref().is_some_and(|stopped| stopped.gone)
            && self.station.settings.policy.session.on_medium_gone == OnMediumGone::Void
        {
            return Err(StationFault::MediumGone { source_path: self.medium.source.clone(), found: self.found });
        }
        self.note_reprocessed();
        self.progress.releasing();
        let metrics = Arc::clone(&self.station.metrics);
        metrics.timed(Timed::Release, self.close()).await
    }

    /// Reads and processes until nothing is left: reader ended, queues empty, no item on the line.
    async fn run_the_line(&mut self) -> Result<(), StationFault> {
        let (sender, mut arrivals) = mpsc::channel(ARRIVALS);
        let reading = self.reading.take();
        let mut reader_ended = reading.is_none();
        let mut reader = tokio::task::spawn_blocking(move || reading.map_or(Ok(()), |reading| reading.run(&sender)));
        let places = self.places();
        let mut on_the_line: JoinSet<Result<(Vec<u32>, Accounted), StationFault>> = JoinSet::new();
        loop {
            while on_the_line.len() < places
                && let Some(item) = self.waiting.pop_front()
            {
                on_the_line.spawn(self.one_item(item));
            }
            let room = self.waiting.is_empty();
            tokio::select! {
                biased;
                Some(unpacked) = self.unpacked.recv() => self.take_members(unpacked)?,
                Some(ended) = on_the_line.join_next() => {
                    let (order, line) = ended.map_err(|_| StationFault::Internal("item task"))??;
                    if let Accounted::Complete(line) = &line {
                        self.note_item(line);
                    }
                    self.lines.insert(order, line);
                    self.reached(Transition::ItemEnded);
                }
                arrival = arrivals.recv(), if room && !reader_ended => match arrival {
                    Some(arrival) => self.arrived(arrival)?,
                    None => {
                        (&mut reader).await.map_err(|_| StationFault::Internal("reader task"))??;
                        reader_ended = true;
                        self.never_came();
                    }
                },
                else => {}
            }
            if reader_ended && self.waiting.is_empty() && on_the_line.is_empty() {
                match self.unpacked.try_recv() {
                    Ok(unpacked) => self.take_members(unpacked)?,
                    Err(_) => return Ok(()),
                }
            }
        }
    }

    fn places(&self) -> usize {
        match self.station.settings.policy.session.parallel_items {
            0 => std::thread::available_parallelism().map_or(2, |n| n.get()) + 1,
            n => n as usize,
        }
    }

    /// One item's way: the line, then, if it is held, the quarantine.
    fn one_item(&self, item: Item<model::Spooled>) -> impl Future<Output = Result<(Vec<u32>, Accounted), StationFault>> + Send + 'static {
        let (line, progress, shared) = (Arc::clone(&self.line), Arc::clone(&self.progress), self.shared.clone());
        let time_up = self.budget.time_up();
        let transitions = Arc::clone(&self.station.transitions);
        let holding = Holding {
            quarantine: Arc::clone(&self.station.quarantine),
            spool: Arc::clone(&self.shared.spool),
            session: self.id.clone(),
            station: self.station.name.clone(),
            owner: self.order.owner.clone(),
            held_at: rfc3339(self.station),
            policy_sha256: self.station.settings.policy_sha256,
        };
        async move {
            let order = item.provenance().order.clone();
            let begun = std::time::Instant::now();
            let ended = match time_up {
                Some(reached) => Ended::Held(held_for(item, reached)),
                None => line.run(item).await?,
            };
            let ended = match ended {
                Ended::Sanitised(item) => Accounted::Sanitised(item),
                Ended::Held(held) => {
                    let previews = previews(&shared, &held).await;
                    transitions.reached(Transition::HoldBegun);
                    let line = tokio::task::spawn_blocking(move || holding.hold(held, previews)).await;
                    let line = line.map_err(|_| StationFault::Internal("quarantine task"))??;
                    transitions.reached(Transition::HoldSealed);
                    progress.ended(&line.path, line.disposition, line.reason);
                    Accounted::Complete(line)
                }
            };
            // The position, not the name: names are personal data and belong into the encrypted chain, not into a log.
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(item = ?order, duration_ms, "item ended");
            Ok((order, ended))
        }
    }
}

/// An item that was read, but not begun in time.
fn held_for(mut item: Item<model::Spooled>, reached: Reached) -> Held {
    item.add_findings([reached.finding()]);
    item.hold(Reason::Limit, None)
}
