//! One of the trees of a disc: its directories, and what the names in them mean.

use super::descriptor::{Described, own_record};
use super::record::{Record, SECTOR_BYTES};
use super::susp::{self, RockRidge};
use crate::cache::Window;
use crate::pieces::{Piece, Pieces};
use crate::stream::ReadError;
use crate::walk::{Named, Take, Tree, What};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use wire::EntryKind;

/// How names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Eight-bit, with a version behind a semicolon.
    Plain,
    /// As plain, and Rock Ridge in the system use areas, behind this many bytes.
    RockRidge(usize),
    /// 16-bit, big-endian.
    Joliet,
    /// Eight-bit, without versions (ISO 9660:1999), or an alphabet nobody knows.
    Enhanced,
}

/// Most extents of a file.
// BOUND: each but the last has 4 GiB; 16 TiB in all.
const MAX_EXTENTS: usize = 4_096;

/// Extents of a file or directory: first byte and length of each, in order.
pub type Extents = Rc<[(u64, u64)]>;

/// A tree.
#[derive(Debug)]
pub struct DiscTree {
    window: Window,
    naming: Naming,
    disc: Option<u16>,
    /// Bytes of directories that may still be read.
    // BOUND: no two directories share a byte, so all of them together are no longer than the volume.
    directory_bytes: Cell<u64>,
}

/// The bytes of these extents.
pub fn content<'a>(window: &'a Window, extents: &'a [(u64, u64)], length: u64) -> Pieces<'a, impl Iterator<Item = io::Result<Piece>>> {
    Pieces::new(window, extents.iter().map(|(at, bytes)| Ok(Piece::at(*at, *bytes))), length)
}

impl DiscTree {
    /// The tree of a descriptor, and its root directory.
    pub fn new(window: Window, described: &Described) -> Option<(Self, (Extents, u64))> {
        let root = described.root.as_ref()?;
        let directory_bytes = Cell::new(window.length());
        let tree = Self { window, naming: described.naming, disc: described.disc, directory_bytes };
        Some((tree, ([(root.at, root.bytes)].into(), root.at)))
    }

    /// A whole record, or several that are one file, as an entry.
    fn named(&self, record: &Record, extents: Vec<(u64, u64)>, whole: bool) -> Named<Extents> {
        let ridge = match self.naming {
            Naming::RockRidge(skipped) => susp::read(&self.window, record.system_use.get(skipped..).unwrap_or_default()),
            Naming::Plain | Naming::Joliet | Naming::Enhanced => RockRidge::default(),
        };
        let size_bytes = extents.iter().map(|(_, bytes)| bytes).sum();
        // Content in several places is told apart by the first of them only if the others follow it.
        let follows = |pair: &[(u64, u64)]| matches!(pair, [(at, bytes), (next, _)] if at.checked_add(bytes.next_multiple_of(SECTOR_BYTES)) == Some(*next));
        let in_one_piece = extents.windows(2).all(follows);
        let mut named = Named {
            name: ridge.name.clone().unwrap_or_else(|| self.plain_name(&record.identifier)),
            what: self.what(record, &ridge, size_bytes, whole),
            node: extents.into(),
            identity: record.is_directory().then_some(record.at),
            size_bytes,
            content_at: in_one_piece.then_some(record.at),
        };
        match (named.what, ridge.child_at) {
            (What::Entry(EntryKind::Stream), _) => named.name.extend_from_slice(b":associated"),
            (What::Entry(EntryKind::File), Some(at)) => self.bring_home(&mut named, at),
            _ => {}
        }
        named
    }

    fn what(&self, record: &Record, ridge: &RockRidge, size_bytes: u64, whole: bool) -> What {
        let elsewhere = self.disc.is_some_and(|disc| disc != record.disc);
        if !whole || record.interleaved || elsewhere || ridge.transformed || ridge.broken {
            return What::Entry(EntryKind::Unreadable);
        }
        if record.is_dot() || (record.is_directory() && ridge.relocated) {
            return What::Aside;
        }
        if record.is_directory() {
            return What::Directory;
        }
        if record.is_associated() {
            return What::Entry(EntryKind::Stream);
        }
        // A link or device with content is a file to every reader that does not know Rock Ridge.
        What::Entry(match ridge.mode.map(|mode| mode & 0o170_000) {
            _ if size_bytes > 0 => EntryKind::File,
            Some(0o120_000) => EntryKind::Link,
            _ if ridge.link => EntryKind::Link,
            Some(0o010_000 | 0o020_000 | 0o060_000 | 0o140_000) => EntryKind::Special,
            _ => EntryKind::File,
        })
    }

    /// A directory that lies elsewhere, because discs without Rock Ridge have eight levels, has its place here.
    fn bring_home(&self, named: &mut Named<Extents>, at: u64) {
        match own_record(&self.window, at) {
            Some(own) => {
                named.what = What::Directory;
                named.node = [(own.at, own.bytes)].into();
                named.identity = Some(own.at);
            }
            None => named.what = What::Entry(EntryKind::Unreadable),
        }
    }

    fn plain_name(&self, identifier: &[u8]) -> Vec<u8> {
        match self.naming {
            Naming::Joliet if identifier.len() > 1 => {
                let units: Vec<u16> =
                    identifier.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte))).collect();
                without_version(String::from_utf16_lossy(&units).as_bytes()).to_vec()
            }
            Naming::Joliet | Naming::Enhanced => identifier.to_vec(),
            Naming::Plain | Naming::RockRidge(_) => {
                let name = without_version(identifier);
                // A name without an extension keeps the dot before it.
                if name.len() < identifier.len() { name.strip_suffix(b".").unwrap_or(name).to_vec() } else { name.to_vec() }
            }
        }
    }
}

/// Names end in `;` and a version, which nobody shows.
fn without_version(name: &[u8]) -> &[u8] {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = name.get(..name.len() - digits).unwrap_or_default();
    if digits > 0 { before.strip_suffix(b";").unwrap_or(name) } else { name }
}

impl Tree for DiscTree {
    type Node = Extents;

    fn list(&self, directory: &Extents, take: &mut Take<'_, Extents>) -> Result<bool, ReadError> {
        let length = directory.iter().map(|(_, bytes)| bytes).sum();
        let mut stream = content(&self.window, directory, length);
        let mut records = Records::default();
        loop {
            let mut sector = [0; SECTOR_BYTES as usize];
            let within = self.directory_bytes.get().checked_sub(SECTOR_BYTES);
            let (Some(left), Ok(read)) = (within, stream.fill(&mut sector)) else { return self.end(records, false, take) };
            if read == 0 {
                return self.end(records, true, take);
            }
            self.directory_bytes.set(left);
            let mut rest = sector.get(..read).unwrap_or_default();
            // No record crosses the end of a sector: a zero fills it up.
            while let Some(length) = rest.first().copied().filter(|length| *length > 0) {
                let Some(record) = Record::read(rest) else {
                    records.broken = true;
                    break;
                };
                rest = rest.get(usize::from(length)..).unwrap_or_default();
                for (record, extents, whole) in records.take(record) {
                    take(self.named(&record, extents, whole))?;
                }
            }
        }
    }
}

impl DiscTree {
    fn end(&self, mut records: Records, read: bool, take: &mut Take<'_, Extents>) -> Result<bool, ReadError> {
        let unfinished = records.pending.take();
        let complete = read && !records.broken;
        unfinished.map_or(Ok(()), |(record, extents)| take(self.named(&record, extents, false)))?;
        Ok(complete)
    }
}

/// Records of a directory, with those of one file put together (ECMA-119, section 6.5.1: larger than 4 GiB).
#[derive(Debug, Default)]
struct Records {
    pending: Option<(Record, Vec<(u64, u64)>)>,
    broken: bool,
}

impl Records {
    /// What is finished with this record: record, extents, and whether all of them are there.
    fn take(&mut self, record: Record) -> impl Iterator<Item = (Record, Vec<(u64, u64)>, bool)> {
        let extent = (record.at, record.bytes);
        let (cut_off, first, extents) = match self.pending.take() {
            Some((first, mut extents)) if first.identifier == record.identifier => {
                extents.push(extent);
                (None, first, extents)
            }
            other => (other.map(|(first, extents)| (first, extents, false)), record.clone(), vec![extent]),
        };
        let finished = match (record.continues(), extents.len() < MAX_EXTENTS) {
            (true, true) => {
                self.pending = Some((first, extents));
                None
            }
            (continues, _) => Some((first, extents, !continues)),
        };
        cut_off.into_iter().chain(finished)
    }
}
