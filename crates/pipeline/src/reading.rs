//! Reading the medium: a confined reader sends inventory and content, and content goes straight into the spool (I4).

use crate::fault::StationFault;
use crate::session::budget::{Reached, SessionBudget};
use crate::workers::{Conversation, Heard, Trouble};
use model::policy::Policy;
use model::report::{Volume, VolumeRemark};
use model::{Effect, Finding, FindingCode, Reason, Untrusted, escape_text};
use sandbox::Role;
use spool::{Spool, SpoolFile};
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use wire::{Answer, EntryKind, Failure, Foreign, Request};

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Directory,
    Image,
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

/// Everything reading needs.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) worker: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) source: PathBuf,
    pub(crate) shown: String,
    pub(crate) kind: SourceKind,
    /// Number of the block device, when it is one.
    pub(crate) device: Option<(u32, u32)>,
    pub(crate) spool: std::sync::Arc<Spool>,
    pub(crate) budget: SessionBudget,
}

/// Opens a source for reading only and says what it is.
pub(crate) fn open_source(source: &Path) -> Result<(File, SourceKind, Option<u64>), StationFault> {
    let shown = escape_text(&source.to_string_lossy());
    let failed = |what: String| StationFault::Medium { source_path: shown.clone(), what };
    let file = File::open(source).map_err(|error| failed(error.to_string()))?;
    let meta = file.metadata().map_err(|error| failed(error.to_string()))?;
    if meta.is_dir() {
        Ok((file, SourceKind::Directory, None))
    } else if meta.is_file() {
        Ok((file, SourceKind::Image, Some(meta.len())))
    } else {
        Err(failed("it is neither a directory nor an image file".into()))
    }
}

impl Reading {
    /// Reads the whole medium; every arrival is sent on. Blocking.
    ///
    /// A medium that stalls, breaks or goes away, a limit, and a reader that dies of it end reading, not the session. A
    /// reader that breaks the protocol is not believed at all: that stops the session.
    pub(crate) fn run(&self, arrivals: &Sender<Arrival>) -> Result<(), StationFault> {
        let mut inventoried = false;
        let trouble = match self.read(arrivals, &mut inventoried) {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        let stop = |reason, finding, gone| Stopped { reason, finding, inventoried, gone };
        let finding = |code, detail: String| Finding::own(code, Effect::Undetermined, detail);
        let stopped = match trouble {
            Trouble::Protocol(what) => return Err(self.failed(&format!("the reader broke the protocol ({what})"))),
            Trouble::Failed(Failure::Request, _) => return Err(StationFault::Internal("reader request")),
            Trouble::Failed(Failure::Read, offset) if self.gone() => {
                stop(Reason::MediumGone, finding(FindingCode::ReadError, format!("at byte {offset}: the medium is gone")), true)
            }
            Trouble::Failed(Failure::Read, offset) => {
                stop(Reason::ReadError, finding(FindingCode::ReadError, format!("at byte {offset}")), false)
            }
            Trouble::TimedOut("worker.silent_seconds", seconds) => {
                let detail = format!("the medium gave nothing: session.read_stall_seconds = {seconds}");
                stop(Reason::ReadError, finding(FindingCode::ReadError, detail), false)
            }
            other => {
                let (reason, finding) = other.into_finding()?;
                stop(reason, finding, false)
            }
        };
        send(arrivals, Arrival::Stopped(stopped)).or(Err(StationFault::Internal("session ended")))
    }

    /// Whether the device behind the source is no longer there. An image or directory does not go away.
    fn gone(&self) -> bool {
        self.device.is_some_and(|number| device_bytes(number).is_none_or(|bytes| bytes == 0))
    }

    fn failed(&self, what: &str) -> StationFault {
        StationFault::Medium { source_path: self.shown.clone(), what: what.into() }
    }

    fn read(&self, arrivals: &Sender<Arrival>, inventoried: &mut bool) -> Result<(), Trouble> {
        let session = &self.policy.session;
        let (max_entries, max_depth, max_file_bytes) = (session.max_items, session.max_depth, self.policy.item.max_bytes);
        let (file, ..) = open_source(&self.source).map_err(Trouble::Station)?;
        let mut limits = self.policy.worker.clone();
        // BOUND: a reader copies whole media, up to session.max_bytes; an hour of processor time is far beyond that.
        limits.cpu_seconds = limits.cpu_seconds.max(3_600);
        // A reader has something to say as long as the medium gives something.
        limits.silent_seconds = session.read_stall_seconds;
        let day = Duration::from_hours(24);
        let mut reader = match self.kind {
            SourceKind::Directory => {
                let mut reader = Conversation::start(&self.worker, Role::Tree, &limits, day, Some(OwnedFd::from(file)))?;
                reader.ask(&Request::ReadTree { max_entries, max_depth, max_file_bytes }, None)?;
                reader
            }
            SourceKind::Image => {
                let mut reader = Conversation::start(&self.worker, Role::Read, &limits, day, None)?;
                reader.ask(&Request::ReadImage { max_entries, max_depth, max_file_bytes }, Some(file.as_fd()))?;
                reader
            }
        };
        let entries = self.inventory(&mut reader, arrivals)?;
        *inventoried = true;
        self.contents(&mut reader, arrivals, entries)
    }

    fn inventory(&self, reader: &mut Conversation, arrivals: &Sender<Arrival>) -> Result<u32, Trouble> {
        let mut met = 0u32;
        loop {
            let arrival = match reader.hear()? {
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
                    met += 1;
                    if met > self.policy.session.max_items || path.is_empty() || path.len() > 2_000 {
                        return Err(Trouble::Protocol("entry"));
                    }
                    Arrival::Entry { path: path.into_iter().map(Foreign::into_untrusted).collect(), kind, size_bytes }
                }
                Heard::Answer(Answer::InventoryEnd { entries, bytes }) if entries == met => {
                    send(arrivals, Arrival::InventoryEnd { entries, bytes })?;
                    return Ok(met);
                }
                _ => return Err(Trouble::Protocol("inventory")),
            };
            send(arrivals, arrival)?;
        }
    }

    fn contents(&self, reader: &mut Conversation, arrivals: &Sender<Arrival>, entries: u32) -> Result<(), Trouble> {
        let station = |error: spool::SpoolError| Trouble::Station(error.into());
        let mut total = 0u64;
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
                Some(failure) => Err((failure, offset)),
            };
            send(arrivals, Arrival::Content { index, content })?;
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

fn send(arrivals: &Sender<Arrival>, arrival: Arrival) -> Result<(), Trouble> {
    // The other end is gone only when the session has stopped for a fault of its own.
    arrivals.blocking_send(arrival).map_err(|_| Trouble::Station(StationFault::Internal("session ended")))
}

/// Length of a block device, as the kernel says it now; `None` when there is no such device.
fn device_bytes((major, minor): (u32, u32)) -> Option<u64> {
    let sectors = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/size")).ok()?;
    // The kernel counts in 512 bytes here, whatever the device has.
    sectors.trim().parse::<u64>().ok()?.checked_mul(512)
}
