//! Reading the medium: a confined reader sends inventory and content, and content goes straight into the spool (I4).

use crate::fault::StationFault;
use crate::session::Order;
use crate::session::budget::{Reached, SessionBudget};
use crate::source::{Attached, DeviceSource};
use crate::workers::{Conversation, Heard, Trouble};
use model::policy::{Policy, WorkerPolicy};
use model::report::{Volume, VolumeRemark};
use model::{Effect, Finding, FindingCode, Reason, Untrusted, escape_text};
use sandbox::Role;
use spool::{Spool, SpoolFile};
use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use wire::{Answer, EntryKind, Failure, Foreign, Request, Secret, Unlock, UnlockLimits};

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Directory,
    Image,
    Device,
    /// Content of the quarantine, which goes through the line again.
    Hold,
}

impl SourceKind {
    /// As the report spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Image => "image",
            Self::Device => "device",
            Self::Hold => "hold",
        }
    }
}

/// What the reader brings.
#[derive(Debug)]
pub(crate) enum Arrival {
    Volume(Volume, bool),
    Entry {
        path: Vec<Untrusted<Vec<u8>>>,
        kind: EntryKind,
        size_bytes: u64,
    },
    InventoryEnd {
        entries: u32,
        bytes: u64,
    },
    Content {
        index: u32,
        content: Result<SpoolFile, (Failure, u64)>,
    },
    /// Nothing more comes.
    Stopped(Stopped),
}

/// Why reading ended before its end: what has not come is unreadable, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) reason: Reason,
    pub(crate) finding: Finding,
    /// Whether the inventory was complete; otherwise there may be entries nobody has met.
    pub(crate) inventoried: bool,
    /// Whether the medium went away.
    pub(crate) gone: bool,
}

/// What reading has met so far.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// The inventory is complete.
    pub(crate) inventoried: bool,
    /// Something could not be read.
    pub(crate) failed: bool,
}

/// Everything reading needs.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) worker: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) source: PathBuf,
    pub(crate) device: Option<Arc<dyn DeviceSource>>,
    pub(crate) shown: String,
    pub(crate) spool: Arc<Spool>,
    pub(crate) budget: SessionBudget,
    /// For encrypted volumes; wiped when reading has ended.
    pub(crate) keys: Vec<Secret>,
}

/// What a source is, and its size. A device is not touched: its first opening comes after the record.
pub(crate) fn kind_of_source(order: &Order) -> Result<(SourceKind, Option<u64>), StationFault> {
    match &order.device {
        Some(device) => Ok((SourceKind::Device, Some(device.record().size_bytes))),
        None => open_source(&order.source).map(|(_, kind, size_bytes)| (kind, size_bytes)),
    }
}

/// Opens a directory or image for reading only and says what it is.
fn open_source(source: &Path) -> Result<(File, SourceKind, Option<u64>), StationFault> {
    let shown = escape_text(&source.to_string_lossy());
    let failed = |what: String| StationFault::Medium { source_path: shown.clone(), what };
    let file = File::open(source).map_err(|error| failed(error.to_string()))?;
    let meta = file.metadata().map_err(|error| failed(error.to_string()))?;
    if meta.is_dir() {
        Ok((file, SourceKind::Directory, None))
    } else if meta.is_file() {
        Ok((file, SourceKind::Image, Some(meta.len())))
    } else {
        Err(failed("it is neither a directory, an image file nor an admitted device".into()))
    }
}

impl Reading {
    /// Reads the whole medium; every arrival is sent on. Blocking.
    ///
    /// A medium that stalls, breaks or goes away, a limit, and a reader that dies of it end reading, not the session. A
    /// reader that breaks the protocol is not believed at all: that stops the session.
    pub(crate) fn run(&self, arrivals: &Sender<Arrival>) -> Result<(), StationFault> {
        let mut met = Met::default();
        let stopped = match self.read(arrivals, &mut met) {
            // What could not be read of a medium that is gone was lost with it, though its reader came to the end.
            Ok(()) if met.failed && self.gone() => self.stopped(Trouble::Failed(Failure::Read, 0), &met)?,
            Ok(()) => return Ok(()),
            Err(trouble) => self.stopped(trouble, &met)?,
        };
        Outlet::one(arrivals).send(Arrival::Stopped(stopped)).or(Err(StationFault::Internal("session ended")))
    }

    /// Why reading ended. A medium that is gone is the reason, whatever its reader met first: an error, silence, its own end.
    fn stopped(&self, trouble: Trouble, met: &Met) -> Result<Stopped, StationFault> {
        let stop = |reason, finding, gone| Stopped { reason, finding, inventoried: met.inventoried, gone };
        let read_error = |detail: String| Finding::own(FindingCode::ReadError, Effect::Undetermined, detail);
        Ok(match trouble {
            Trouble::Protocol(what) => return Err(self.failed(&format!("the reader broke the protocol ({what})"))),
            Trouble::Failed(Failure::Request, _) => return Err(StationFault::Internal("reader request")),
            Trouble::Failed(Failure::Read, offset) if self.gone() => {
                stop(Reason::MediumGone, read_error(format!("at byte {offset}: the medium is gone")), true)
            }
            Trouble::Failed(Failure::Read, offset) => stop(Reason::ReadError, read_error(format!("at byte {offset}")), false),
            Trouble::TimedOut("worker.silent_seconds", seconds) => {
                let finding = read_error(format!("the medium gave nothing: session.read_stall_seconds = {seconds}"));
                if self.gone() { stop(Reason::MediumGone, finding, true) } else { stop(Reason::ReadError, finding, false) }
            }
            other => {
                let (reason, finding) = other.into_finding()?;
                match reason {
                    Reason::Limit => stop(reason, finding, false),
                    _ if self.gone() => stop(Reason::MediumGone, finding, true),
                    // Whatever became of the reader, what it did not bring was not read.
                    _ => stop(Reason::ReadError, finding, false),
                }
            }
        })
    }

    /// Whether the device behind the source is no longer there. An image or directory does not go away.
    fn gone(&self) -> bool {
        self.device.as_ref().is_some_and(|device| device.is_gone())
    }

    fn failed(&self, what: &str) -> StationFault {
        StationFault::Medium { source_path: self.shown.clone(), what: what.into() }
    }

    fn read(&self, arrivals: &Sender<Arrival>, met: &mut Met) -> Result<(), Trouble> {
        let begun = match &self.device {
            None => {
                let (file, kind, _) = open_source(&self.source).map_err(Trouble::Station)?;
                self.ask_reader(file.into(), kind == SourceKind::Directory)
            }
            Some(device) => match device.attach().map_err(|what| Trouble::Station(self.failed(&what)))? {
                Attached::Disk(disk) => self.ask_reader(disk, false),
                Attached::Volumes(volumes) => return self.read_volumes(volumes, arrivals, met),
            },
        };
        let (mut reader, outlet) = (begun?, Outlet::one(arrivals));
        let entries = self.inventory(&mut reader, &outlet, met)?;
        met.inventoried = true;
        self.contents(&mut reader, &outlet, entries, met)
    }

    /// Starts a reader and asks it to read what is behind the descriptor.
    pub(crate) fn ask_reader(&self, source: OwnedFd, directory: bool) -> Result<Conversation, Trouble> {
        let session = &self.policy.session;
        let (max_entries, max_depth, max_file_bytes) = (session.max_items, session.max_depth, self.policy.item.max_bytes);
        let mut limits = self.policy.worker.clone();
        // BOUND: a reader copies whole media, up to session.max_bytes; an hour of processor time is far beyond that.
        limits.cpu_seconds = limits.cpu_seconds.max(3_600);
        // A reader has something to say as long as the medium gives something.
        limits.silent_seconds = session.read_stall_seconds;
        let day = Duration::from_hours(24);
        if directory {
            let mut reader = Conversation::start(&self.worker, Role::Tree, &limits, day, Some(source))?;
            reader.ask(&Request::ReadTree { max_entries, max_depth, max_file_bytes }, None)?;
            Ok(reader)
        } else {
            let unlock = self.unlock(&mut limits).ok_or_else(|| Trouble::Station(self.failed("there are too many keys for it")))?;
            let mut reader = Conversation::start(&self.worker, Role::Read, &limits, day, None)?;
            reader.ask(&Request::ReadImage { max_entries, max_depth, max_file_bytes, unlock }, Some(source.as_fd()))?;
            Ok(reader)
        }
    }

    /// The keys with what they may cost; the reader gets the memory for that.
    fn unlock(&self, worker: &mut WorkerPolicy) -> Option<Unlock> {
        let policy = &self.policy.unlock;
        let limits = UnlockLimits {
            max_kdf_memory_mib: policy.max_kdf_memory_mib,
            max_kdf_fill_mib: policy.max_kdf_fill_mib,
            max_kdf_iterations: policy.max_kdf_iterations,
            max_tries: policy.max_tries,
        };
        if !self.keys.is_empty() {
            // BOUND: what a reader needs beside Argon2 is far below 256 MiB.
            worker.memory_bytes = worker.memory_bytes.max((u64::from(policy.max_kdf_memory_mib) + 256) << 20);
        }
        Unlock::new(self.keys.clone(), limits)
    }

    pub(crate) fn inventory(&self, reader: &mut Conversation, arrivals: &Outlet<'_>, met: &mut Met) -> Result<u32, Trouble> {
        let (mut entries_met, mut tries) = (0u32, 0u32);
        loop {
            let arrival = match reader.hear()? {
                // Only that it lives; how many of them may come is bounded by `unlock.max_tries`.
                Heard::Answer(Answer::Trying) if tries < self.policy.unlock.max_tries => {
                    tries += 1;
                    continue;
                }
                Heard::Answer(Answer::Volume(volume)) => {
                    let shown = |text: Foreign<String>| text.into_untrusted().escaped().chars().take(64).collect();
                    let readable = volume.readable;
                    let volume = Volume {
                        scheme: shown(volume.scheme),
                        number: volume.number,
                        offset_bytes: volume.offset_bytes,
                        size_bytes: volume.size_bytes,
                        file_system: shown(volume.file_system),
                        // BOUND: each remark at most once.
                        remarks: VolumeRemark::ALL.iter().copied().filter(|remark| volume.remarks.contains(remark)).collect(),
                    };
                    Arrival::Volume(volume, readable)
                }
                Heard::Answer(Answer::Entry { path, kind, size_bytes }) => {
                    entries_met += 1;
                    met.failed |= kind == EntryKind::Unreadable;
                    if entries_met > self.policy.session.max_items || path.is_empty() || path.len() > 2_000 {
                        return Err(Trouble::Protocol("entry"));
                    }
                    Arrival::Entry { path: path.into_iter().map(Foreign::into_untrusted).collect(), kind, size_bytes }
                }
                Heard::Answer(Answer::InventoryEnd { entries, bytes }) if entries == entries_met => {
                    arrivals.send(Arrival::InventoryEnd { entries, bytes })?;
                    return Ok(entries_met);
                }
                _ => return Err(Trouble::Protocol("inventory")),
            };
            arrivals.send(arrival)?;
        }
    }

    pub(crate) fn contents(&self, reader: &mut Conversation, arrivals: &Outlet<'_>, entries: u32, met: &mut Met) -> Result<(), Trouble> {
        let station = |error: spool::SpoolError| Trouble::Station(error.into());
        let mut total = arrivals.read.get();
        loop {
            let index = match reader.hear()? {
                Heard::Answer(Answer::Done) => return Ok(()),
                Heard::Answer(Answer::Content { index }) if index < entries => index,
                _ => return Err(Trouble::Protocol("content")),
            };
            self.check_free()?;
            if let Some(Reached { key, number }) = self.budget.reading_over(total, &self.spool) {
                return Err(Trouble::Reached(key, number));
            }
            let mut writer = self.spool.writer().map_err(station)?;
            let end = reader.hear_bytes(|bytes| {
                total += bytes.len() as u64;
                arrivals.read.set(total);
                if writer.size_bytes() + bytes.len() as u64 > self.policy.item.max_bytes {
                    return Err(Trouble::Protocol("a file longer than item.max_bytes"));
                }
                match self.budget.reading_over(total, &self.spool) {
                    Some(Reached { key, number }) => Err(Trouble::Reached(key, number)),
                    None => writer.append(bytes).map_err(station),
                }
            })?;
            let Answer::EntryEnd { failure, offset } = end else { return Err(Trouble::Protocol("content end")) };
            let content = match failure {
                None => Ok(writer.finish().map_err(station)?),
                Some(Failure::Read) if self.gone() => return Err(Trouble::Failed(Failure::Read, offset)),
                Some(failure) => {
                    met.failed |= failure == Failure::Read;
                    Err((failure, offset))
                }
            };
            arrivals.send(Arrival::Content { index, content })?;
        }
    }

    fn check_free(&self) -> Result<(), Trouble> {
        let wanted_bytes = self.policy.session.min_free_bytes;
        match self.spool.free_bytes() {
            Ok(free_bytes) if free_bytes < wanted_bytes => Err(Trouble::Station(StationFault::DiskFull { free_bytes, wanted_bytes })),
            Ok(_) => Ok(()),
            Err(source) => Err(Trouble::Station(StationFault::State { path: self.source.clone(), source })),
        }
    }
}

/// The way to the session, for one reader, or for several whose entries follow one another.
#[derive(Debug)]
pub(crate) struct Outlet<'a> {
    arrivals: &'a Sender<Arrival>,
    /// Whether inventories are summed up, for [`Outlet::end_inventory`].
    several: bool,
    /// Folder the entries lie in.
    pub(crate) inside: Option<Vec<u8>>,
    /// Number of the reader's first entry.
    pub(crate) first: u32,
    /// Bytes of the medium read so far.
    read: Cell<u64>,
    met: Cell<(u32, u64)>,
}

impl<'a> Outlet<'a> {
    pub(crate) const fn one(arrivals: &'a Sender<Arrival>) -> Self {
        Self { arrivals, several: false, inside: None, first: 0, read: Cell::new(0), met: Cell::new((0, 0)) }
    }

    pub(crate) fn several(arrivals: &'a Sender<Arrival>) -> Self {
        Self { several: true, ..Self::one(arrivals) }
    }

    /// Entries met so far, where inventories are summed up.
    pub(crate) const fn entries(&self) -> u32 {
        self.met.get().0
    }

    /// Sends an entry that no reader met.
    pub(crate) fn entry(&self, entry: Arrival) -> Result<(), Trouble> {
        self.met.set((self.met.get().0 + 1, self.met.get().1));
        self.send(entry)
    }

    /// Sends the sum of all inventories.
    pub(crate) fn end_inventory(&mut self) -> Result<(), Trouble> {
        self.several = false;
        let (entries, bytes) = self.met.get();
        self.send(Arrival::InventoryEnd { entries, bytes })
    }

    pub(crate) fn send(&self, arrival: Arrival) -> Result<(), Trouble> {
        let arrival = match (arrival, &self.inside) {
            (Arrival::Entry { mut path, kind, size_bytes }, Some(folder)) => {
                path.insert(0, Untrusted::new(folder.clone()));
                Arrival::Entry { path, kind, size_bytes }
            }
            (Arrival::Content { index, content }, _) => Arrival::Content { index: self.first.saturating_add(index), content },
            (Arrival::InventoryEnd { entries, bytes }, _) if self.several => {
                let met = self.met.get();
                self.met.set((met.0.saturating_add(entries), met.1.saturating_add(bytes)));
                return Ok(());
            }
            (other, _) => other,
        };
        // The other end is gone only when the session has stopped for a fault of its own.
        self.arrivals.blocking_send(arrival).map_err(|_| Trouble::Station(StationFault::Internal("session ended")))
    }
}
