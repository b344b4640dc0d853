//! One medium's way through the lock: read, run the line over every item, reconcile, release, close.

use crate::fault::StationFault;
use crate::journal::Journal;
use crate::line::{Ended, Line};
use crate::names::{Mapped, Names};
use crate::progress::Progress;
use crate::reading::{Arrival, Reading, SourceKind, kind_of_source};
use crate::source::DeviceSource;
use crate::stage::{Convert, Decide, Identify, Scan, Shared, Strip, Unpacked, Verify};
use crate::station::Station;
use crate::transition::Transition;
use crate::workers::{InspectorPool, MemberContent};
use audit::events;
use budget::{Reached, SessionBudget};
use model::item::{Held, Provenance, Sanitised};
use model::report::{ItemLine, Medium, Outcome, Volume};
use model::{Effect, EngineStamp, Finding, FindingCode, Format, Item, Reason};
use scan::Engine;
use serde_json::json;
use spool::{HoldRecord, Quarantine, RECORD_SCHEMA, Spool, SpoolFile};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use wire::{EntryKind, Failure};

pub(crate) mod budget;
mod close;

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
    let engines = match station.engines().await {
        Ok(engines) => Arc::new(engines),
        Err(fault) => {
            // There is no session yet; the station's own record says why none began.
            station.recorder.note(None, events::STATION_FAULT, json!({ "fault": fault.to_string() }));
            station.recorder.flush().await?;
            return Err(fault);
        }
    };
    let (kind, size_bytes) = kind_of_source(order)?;
    let session = new_session_id(station)?;
    let sessions = station.paths.sessions();
    let release_inode = release::open_target(&order.release_to)?;
    let journal = Journal { session: session.clone(), release_to: order.release_to.clone(), release_inode };
    Journal::open(&sessions, &journal)?;
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
    stopped: Option<Reached>,
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
        let inspectors = InspectorPool::new(station.worker.clone(), Arc::clone(&settings.rules), &settings.policy);
        // Started now, so that rules that do not compile stop the session before anything is read.
        inspectors.with(0, |_| Ok(())).map_err(|trouble| match trouble {
            crate::workers::Trouble::Station(fault) => fault,
            other => StationFault::RulesNotLoaded { what: format!("{other:?}") },
        })?;
        let yara = EngineStamp {
            name: "yara".into(),
            version: "4.5.5".into(),
            signatures: Some(format!("{} rule files, sha256 {}", settings.rules.len(), settings.policy_sha256.hex())),
        };
        let shared = Shared {
            settings,
            worker: station.worker.clone(),
            inspectors: Arc::new(inspectors),
            spool: Arc::clone(&spool),
            yara: yara.clone(),
            transitions: Arc::clone(&station.transitions),
        };
        let (sender, unpacked) = mpsc::unbounded_channel();
        let verify = Verify { shared: shared.clone(), engines: Arc::clone(&engines) };
        let line = Line {
            identify: Identify(shared.clone()),
            scan: Scan { shared: shared.clone(), engines: Arc::clone(&engines) },
            decide: Decide(shared.clone()),
            strip: Strip(shared.clone()),
            convert: Convert { shared: shared.clone(), verify, unpacked: sender, spent: Mutex::default() },
            transitions: Arc::clone(&station.transitions),
        };
        let shown = model::escape_text(&order.source.to_string_lossy());
        let medium = Medium {
            kind: kind.as_str().into(),
            source: shown.clone(),
            size_bytes,
            device: order.device.as_ref().map(|device| device.record()),
            volumes: Vec::new(),
        };
        let mut stamps: Vec<EngineStamp> = engines.iter().map(|e| e.stamp().clone()).collect();
        stamps.extend([yara, EngineStamp::own()]);
        let budget = SessionBudget::begin(&station.settings.policy.session);
        let reading = Reading {
            budget: budget.clone(),
            worker: station.worker.clone(),
            policy: station.settings.policy.clone(),
            source: order.source.clone(),
            device: order.device.clone(),
            shown,
            spool,
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

    fn arrived(&mut self, arrival: Arrival) -> Result<(), StationFault> {
        match arrival {
            Arrival::Volume(volume, readable) => self.take_volume(volume, readable),
            Arrival::Entry { path, kind } => {
                let order = vec![u32::try_from(self.found).map_err(|_| StationFault::Internal("entries"))?];
                self.found += 1;
                let mapped = self.names.map(&path, None, kind == EntryKind::Directory);
                self.take_entry(order, mapped, kind, path.len());
                self.reached(Transition::EntryMet);
            }
            Arrival::InventoryEnd { entries, bytes } => {
                self.progress.inventory(entries, bytes);
                self.reached(Transition::InventoryEnded);
            }
            Arrival::Content { index, content } => {
                let Some(mapped) = self.awaited.remove(&index) else {
                    return Err(StationFault::Medium {
                        source_path: self.medium.source.clone(),
                        what: "the reader sent content nobody awaits".into(),
                    });
                };
                match content {
                    Ok(file) => {
                        self.progress.spooled(file.size_bytes);
                        self.queue(vec![index], mapped, &file, 0);
                        self.reached(Transition::ContentSpooled);
                    }
                    Err((failure, offset)) => self.unreadable(vec![index], &mapped, failure, offset),
                }
            }
            Arrival::Stopped(reached) => self.stopped = Some(reached),
        }
        Ok(())
    }

    fn take_volume(&mut self, volume: Volume, readable: bool) {
        if !readable {
            let detail = format!("{} {}", volume.scheme, volume.file_system);
            self.note(events::ITEM_UNREADABLE, json!({ "volume": volume.number, "what": detail }));
        }
        self.medium.volumes.push(volume);
    }

    fn take_entry(&mut self, order: Vec<u32>, mapped: Mapped, kind: EntryKind, depth: usize) {
        let own = |code, detail: &str| Finding::own(code, Effect::Note, detail);
        let max_depth = self.station.settings.policy.session.max_depth;
        let (outcome, reason, finding) = match kind {
            EntryKind::File | EntryKind::Stream => {
                let [index] = order[..] else { return };
                self.awaited.insert(index, mapped);
                return;
            }
            EntryKind::Directory => (Outcome::Structural, Reason::Directory, None),
            EntryKind::Link => (Outcome::Structural, Reason::Link, Some(own(FindingCode::Link, "not followed"))),
            EntryKind::Special => (Outcome::Structural, Reason::SpecialFile, Some(own(FindingCode::SpecialFile, "not opened"))),
            EntryKind::Unreadable if depth >= max_depth as usize => {
                (Outcome::Unreadable, Reason::Limit, Some(own(FindingCode::LimitHit, &format!("session.max_depth = {max_depth}"))))
            }
            EntryKind::Unreadable => (Outcome::Unreadable, Reason::ReadError, Some(own(FindingCode::ReadError, "directory"))),
        };
        let mut line = line_of(&mapped, outcome, reason);
        line.findings.extend(finding);
        self.complete(order, line);
    }

    fn unreadable(&mut self, order: Vec<u32>, mapped: &Mapped, failure: Failure, offset: u64) {
        let (reason, finding) = match failure {
            Failure::Limit => (Reason::Limit, Reached { key: "item.max_bytes", number: offset }.finding()),
            _ => (Reason::ReadError, Finding::own(FindingCode::ReadError, Effect::Undetermined, format!("at byte {offset}"))),
        };
        self.not_read(order, mapped, reason, finding);
    }

    fn not_read(&mut self, order: Vec<u32>, mapped: &Mapped, reason: Reason, finding: Finding) {
        let mut line = line_of(mapped, Outcome::Unreadable, reason);
        line.findings.push(finding);
        self.note(events::ITEM_UNREADABLE, json!({ "path": line.path, "reason": reason }));
        self.complete(order, line);
    }

    /// Files whose content the reader never sent: the medium went away, or the session's budget was used up.
    fn never_came(&mut self) {
        for (index, mapped) in std::mem::take(&mut self.awaited) {
            match self.stopped {
                Some(reached) => self.not_read(vec![index], &mapped, Reason::Limit, reached.finding()),
                None => self.unreadable(vec![index], &mapped, Failure::Read, 0),
            }
        }
    }

    fn complete(&mut self, order: Vec<u32>, line: ItemLine) {
        self.progress.ended(&line.path, line.disposition, line.reason);
        self.lines.insert(order, Accounted::Complete(line));
    }

    fn queue(&mut self, order: Vec<u32>, mapped: Mapped, file: &SpoolFile, depth: u32) {
        let provenance = Provenance {
            order: order.clone(),
            shown_path: mapped.shown.clone(),
            release_path: mapped.release.clone(),
            claimed_extension: mapped.extension.clone(),
            depth,
        };
        self.waiting.push_back(Item::spooled(file.digest, file.size_bytes, provenance, mapped.findings.clone()));
        self.archives.insert(order, mapped);
    }

    fn take_members(&mut self, unpacked: Unpacked) -> Result<(), StationFault> {
        let Some(archive) = self.archives.get(&unpacked.order).cloned() else { return Err(StationFault::Internal("archive")) };
        let depth = unpacked.order.len() as u32;
        self.progress.members(unpacked.members.len() as u32);
        for (position, member) in (0u32..).zip(unpacked.members) {
            self.found += 1;
            let max_items = self.station.settings.policy.session.max_items;
            if self.found > max_items.into() {
                let what = format!("it has more than {max_items} entries with those in archives (session.max_items)");
                return Err(StationFault::Medium { source_path: self.medium.source.clone(), what });
            }
            let mut order = unpacked.order.clone();
            order.push(position);
            let mapped = self.names.map(&member.path, Some(&archive), member.kind == EntryKind::Directory);
            match member.content {
                MemberContent::Spooled(file) => self.queue(order, mapped, &file, depth),
                MemberContent::None => {
                    self.take_entry(order, mapped, member.kind, 0);
                }
            }
        }
        self.reached(Transition::MembersTaken);
        Ok(())
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

/// Withhold: an item's original goes into the quarantine, with its record.
struct Holding {
    quarantine: Arc<Quarantine>,
    spool: Arc<Spool>,
    session: String,
    station: String,
    held_at: String,
    policy_sha256: model::Digest,
}

impl Holding {
    fn hold(self, held: Held) -> Result<ItemLine, StationFault> {
        let order: Vec<String> = held.provenance.order.iter().map(|n| format!("{n:06}")).collect();
        let hold = format!("{}-{}", self.session, order.join("-"));
        let record = HoldRecord {
            schema: RECORD_SCHEMA.into(),
            hold: hold.clone(),
            session: self.session,
            station: self.station,
            held_at: self.held_at,
            path: held.provenance.shown_path.clone(),
            sha256: held.digest,
            size_bytes: held.size_bytes,
            format: held.format,
            reason: held.reason,
            findings: held.findings.clone(),
            removed: held.removed.clone(),
            policy_sha256: self.policy_sha256,
        };
        self.quarantine.hold(&record, &self.spool.file(held.digest, held.size_bytes))?;
        Ok(ItemLine {
            path: held.provenance.shown_path,
            claimed: held.provenance.claimed_extension,
            format: held.format,
            size_bytes: held.size_bytes,
            sha256: Some(held.digest),
            disposition: Outcome::Withheld,
            reason: held.reason,
            reason_text: held.reason.text(),
            findings: held.findings,
            removed: held.removed,
            outputs: Vec::new(),
            hold: Some(hold),
        })
    }
}

/// A line without content of its own.
fn line_of(mapped: &Mapped, disposition: Outcome, reason: Reason) -> ItemLine {
    ItemLine {
        path: mapped.shown.clone(),
        claimed: mapped.extension.clone(),
        format: None::<Format>,
        size_bytes: 0,
        sha256: None,
        disposition,
        reason,
        reason_text: reason.text(),
        findings: mapped.findings.clone(),
        removed: Vec::new(),
        outputs: Vec::new(),
        hold: None,
    }
}
