//! One medium's way through the lock: read, run the line over every item, reconcile, release, close.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::line::{Ended, Line};
use crate::names::{Mapped, Names};
use crate::progress::Progress;
use crate::reading::{Reading, SourceKind, Stopped, kind_of_source};
use crate::source::DeviceSource;
use crate::stage::{Shared, Unpacked};
use crate::station::Station;
use crate::transition::Transition;
use audit::events;
use budget::{Reached, SessionBudget};
use holding::Holding;
use model::item::{Held, Sanitised};
use model::policy::OnMediumGone;
use model::report::{ItemLine, Medium};
use model::{EngineStamp, Item, Reason};
use scan::Engine;
use serde_json::json;
use spool::Spool;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use wire::Secret;

mod arrivals;
pub(crate) mod budget;
mod close;
mod holding;

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
    pub release_to: PathBuf,
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
    let engines = station.intake().await?;
    let (kind, size_bytes) = kind_of_source(order)?;
    let session = new_session_id(station)?;
    let sessions = station.paths.sessions();
    let release_inode = release::open_target(&order.release_to)?;
    let journal = Journal { session: session.clone(), release_to: order.release_to.clone(), release_inode };
    let _at_work = Journal::open(&sessions, &journal)?;
    station.transitions.reached(Transition::JournalWritten);
    let run = Session::begin(station, order, session.clone(), kind, size_bytes, engines, progress);
    let done = match run {
        Ok(run) => run.finish().await,
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &done {
        station.recorder.note(Some(&session), events::STATION_FAULT, json!({ "fault": fault.to_string() }));
        station.recorder.note(Some(&session), events::SESSION_VOIDED, json!({ "cause": "station fault" }));
    }
    // A chain that cannot be written is itself the fault to report, unless there is one already.
    let closed = match station.recorder.close_session(&session).await {
        Ok(_) => {
            station.transitions.reached(Transition::AuditClosed);
            Journal::close(&sessions, &session).inspect(|()| station.transitions.reached(Transition::JournalClosed))
        }
        Err(fault) => Err(fault),
    };
    match (done, closed) {
        (Err(fault), _) | (Ok(_), Err(fault)) => Err(fault),
        (Ok(finished), Ok(())) => Ok(finished),
    }
}

/// `YYYYMMDD-HHMMSS-xxxxxx`: readable, sorted by time, unique by six random hexadecimal digits.
fn new_session_id(station: &Station) -> Result<String, StationFault> {
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
        id: String,
        kind: SourceKind,
        size_bytes: Option<u64>,
        engines: Arc<Vec<Box<dyn Engine>>>,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, StationFault> {
        let settings = Arc::clone(&station.settings);
        let spool = Arc::new(Spool::create(&station.paths.spool(), &id, settings.policy.session.max_spool_bytes)?);
        let shared = Shared::open(settings, station.worker.clone(), Arc::clone(&spool), Arc::clone(&station.transitions))?;
        let (line, unpacked) = Line::of(&shared, &engines);
        let shown = model::escape_text(&order.source.to_string_lossy());
        let medium = Medium {
            kind: kind.as_str().into(),
            source: shown.clone(),
            size_bytes,
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
            spool,
            keys: order.keys.clone(),
        };
        let session = Self {
            station,
            order,
            started: rfc3339(station),
            medium,
            engines: stamps,
            line: Arc::new(line),
            unpacked,
            progress,
            reading: Some(reading),
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
        self.note(events::SESSION_OPENED, json!({ "release_to": model::escape_text(&self.order.release_to.to_string_lossy()) }));
        self.note(events::MEDIUM_ATTACHED, json!(self.medium));
        self.note(events::POLICY_IN_FORCE, json!({ "sha256": self.station.settings.policy_sha256 }));
        self.note(events::ENGINES_IN_FORCE, json!(self.engines));
        self.note(events::CONFINEMENT_IN_FORCE, json!(self.station.confinement));
    }

    async fn finish(mut self) -> Result<Finished, StationFault> {
        // The record stands before the first byte is read.
        self.station.recorder.flush().await?;
        self.reached(Transition::SessionRecorded);
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
        self.progress.releasing();
        self.close().await
    }

    /// Reads and processes until nothing is left: reader ended, queues empty, no item on the line.
    async fn run_the_line(&mut self) -> Result<(), StationFault> {
        let (sender, mut arrivals) = mpsc::channel(ARRIVALS);
        let reading = self.reading.take().ok_or(StationFault::Internal("reading"))?;
        let mut reader = tokio::task::spawn_blocking(move || reading.run(&sender));
        let mut reader_ended = false;
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
        let (line, progress) = (Arc::clone(&self.line), Arc::clone(&self.progress));
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
                    transitions.reached(Transition::HoldBegun);
                    let line = tokio::task::spawn_blocking(move || holding.hold(held)).await;
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
