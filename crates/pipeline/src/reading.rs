//! Reading the medium: a confined reader sends inventory and content, and content goes straight into the spool (I4).

use crate::fault::StationFault;
use crate::session::budget::{Reached, SessionBudget};
use crate::workers::{Conversation, Heard, Trouble};
use model::policy::{Policy, WorkerPolicy};
use model::report::{Volume, VolumeRemark};
use model::{Untrusted, escape_text};
use sandbox::Role;
use spool::{Spool, SpoolFile};
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use wire::{Answer, EntryKind, Failure, Foreign, Request, Secret, Unlock, UnlockLimits};

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
    /// Nothing more comes: the session's budget is used up.
    Stopped(Reached),
}

/// Everything reading needs.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) worker: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) source: PathBuf,
    pub(crate) shown: String,
    pub(crate) kind: SourceKind,
    pub(crate) spool: std::sync::Arc<Spool>,
    pub(crate) budget: SessionBudget,
    /// For encrypted volumes; wiped when reading has ended.
    pub(crate) keys: Vec<Secret>,
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
    pub(crate) fn run(&self, arrivals: &Sender<Arrival>) -> Result<(), StationFault> {
        self.read(arrivals).map_err(|trouble| match trouble {
            Trouble::Station(fault) => fault,
            Trouble::Failed(failure, number) => self.failed(&failure_text(failure, number)),
            other => self.failed(&format!("the reader failed: {other:?}")),
        })
    }

    fn failed(&self, what: &str) -> StationFault {
        StationFault::Medium { source_path: self.shown.clone(), what: what.into() }
    }

    fn read(&self, arrivals: &Sender<Arrival>) -> Result<(), Trouble> {
        let session = &self.policy.session;
        let (max_entries, max_depth, max_file_bytes) = (session.max_items, session.max_depth, self.policy.item.max_bytes);
        let (file, ..) = open_source(&self.source).map_err(Trouble::Station)?;
        let mut limits = self.policy.worker.clone();
        // BOUND: a reader copies whole media, up to session.max_bytes; an hour of processor time is far beyond that.
        limits.cpu_seconds = limits.cpu_seconds.max(3_600);
        let day = Duration::from_hours(24);
        let mut reader = match self.kind {
            SourceKind::Directory => {
                let mut reader = Conversation::start(&self.worker, Role::Tree, &limits, day, Some(OwnedFd::from(file)))?;
                reader.ask(&Request::ReadTree { max_entries, max_depth, max_file_bytes }, None)?;
                reader
            }
            SourceKind::Image => {
                let unlock = self.unlock(&mut limits);
                let mut reader = Conversation::start(&self.worker, Role::Read, &limits, day, None)?;
                reader.ask(&Request::ReadImage { max_entries, max_depth, max_file_bytes, unlock }, Some(file.as_fd()))?;
                reader
            }
        };
        let entries = self.inventory(&mut reader, arrivals)?;
        self.contents(&mut reader, arrivals, entries)
    }

    /// The keys with what they may cost; the reader gets the memory for that.
    fn unlock(&self, worker: &mut WorkerPolicy) -> Unlock {
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

    fn inventory(&self, reader: &mut Conversation, arrivals: &Sender<Arrival>) -> Result<u32, Trouble> {
        let (mut met, mut tries) = (0u32, 0u32);
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
            if let Some(reached) = self.budget.reading_over(total, &self.spool) {
                return send(arrivals, Arrival::Stopped(reached));
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
            });
            let end = match end {
                Err(Trouble::Reached(key, number)) => return send(arrivals, Arrival::Stopped(Reached { key, number })),
                other => other?,
            };
            let Answer::EntryEnd { failure, offset } = end else { return Err(Trouble::Protocol("content end")) };
            let content = match failure {
                None => Ok(writer.finish().map_err(station)?),
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

fn failure_text(failure: Failure, number: u64) -> String {
    match failure {
        Failure::LimitEntries => format!("it has more than {number} entries (session.max_items)"),
        Failure::Read => format!("read error at byte {number}"),
        other => format!("{other:?} at {number}"),
    }
}
