//! UDF 1.02 to 2.60, as on discs and large sticks.
//!
//! Own code, because the readers there are give up where one thing is broken, and none reads blocks of 512 bytes. Not
//! read are virtual partitions (discs written once, until they are closed).

mod directory;
mod icb;
mod space;
mod tag;
mod volume;

use crate::cache::Window;
use crate::pieces::{Piece, Pieces, Place};
use crate::stream::{Inventory, ReadError, ReadLimits, send_content};
use crate::volume::FileSystem;
use crate::walk::{FileAt, Named, Scope, Take, Tree, What, walk};
use directory::Identifier;
use icb::{FileEntry, Kind};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use volume::Layout;
use wire::{EntryKind, FrameWriter};

pub(crate) use space::Block;

/// Its name in the report.
pub(crate) const KIND: &str = "udf";

/// An opened volume.
#[derive(Debug)]
pub(crate) struct Volume {
    window: Window,
    layout: Layout,
    /// Bytes of directories that may still be read.
    // BOUND: no two directories share a byte, so all of them together are no longer than the volume.
    directory_bytes: Cell<u64>,
}

/// A volume and what has content in it.
#[derive(Debug)]
struct Opened {
    volume: Volume,
    files: Vec<FileAt<Block>>,
}

/// Opens a volume; `None` when this is no UDF file system, or one that leads to no root directory.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let volume = Volume::open(window)?;
    Some(Box::new(Opened { volume, files: Vec::new() }))
}

const fn identity(block: Block) -> u64 {
    (block.partition as u64) << 32 | block.number as u64
}

impl Volume {
    /// Opens a volume, as [`open`]; a disc may be ISO 9660 as well.
    pub fn open(window: Window) -> Option<Self> {
        let layout = Layout::read(&window)?;
        let directory_bytes = Cell::new(window.length());
        Some(Self { window, layout, directory_bytes })
    }

    /// The root directory, with its number.
    pub const fn root(&self) -> (Block, u64) {
        (self.layout.root, identity(self.layout.root))
    }

    /// Sends the content of files met in a walk.
    ///
    /// # Errors
    /// The supervisor gone; what cannot be read ends with its offset.
    pub fn send<W: Write>(&self, files: &[FileAt<Block>], limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        files.iter().try_for_each(|file| {
            let pieces = self.entry(file.node).map(|entry| entry.pieces(&self.window, &self.layout.space));
            let mut content = pieces.map(|pieces| Pieces::new(&self.window, pieces, file.size_bytes));
            let content = content.as_mut().map(|content| content as &mut dyn Read);
            send_content(out, file.index, content, file.size_bytes, limits)
        })
    }

    fn entry(&self, icb: Block) -> Option<FileEntry> {
        FileEntry::read(&self.window, &self.layout.space, icb)
    }

    /// First byte of a content: on the volume, or of the entry it lies in.
    fn content_at(&self, icb: Block, entry: &FileEntry) -> Option<u64> {
        let mut pieces = entry.pieces(&self.window, &self.layout.space);
        let (first, mut end) = match pieces.next() {
            Some(Ok(Piece { place: Place::At(at), bytes })) => (at, at.checked_add(bytes)?),
            Some(Ok(_)) => return self.layout.space.place(icb).map(|(at, _)| at),
            Some(Err(_)) => return None,
            None => return Some(0),
        };
        for piece in pieces {
            match piece {
                // Further pieces count as one content only where they follow one another.
                Ok(Piece { place: Place::At(at), bytes }) if at == end => end = at.checked_add(bytes)?,
                _ => return None,
            }
        }
        Some(first)
    }

    /// Reads a directory; the flag says whether to its end.
    fn identifiers(&self, icb: Option<Block>, take: &mut dyn FnMut(Identifier) -> Result<(), ReadError>) -> Result<bool, ReadError> {
        let Some(entry) = icb.and_then(|icb| self.entry(icb)).filter(|entry| entry.kind == Kind::Directory) else { return Ok(false) };
        let mut content = Pieces::new(&self.window, entry.pieces(&self.window, &self.layout.space), entry.size_bytes);
        loop {
            let Ok(next) = Identifier::next(&mut content) else { return Ok(false) };
            let Some(identifier) = next else { return Ok(true) };
            let Some(left) = self.directory_bytes.get().checked_sub(identifier.bytes) else { return Ok(false) };
            self.directory_bytes.set(left);
            if !identifier.is_deleted() {
                take(identifier)?;
            }
        }
    }

    fn named(&self, identifier: Identifier, take: &mut Take<'_, Block>) -> Result<(), ReadError> {
        let parent = identifier.is_parent();
        let name = if parent { b"..".to_vec() } else { identifier.name };
        let found = identifier.icb.and_then(|icb| Some((icb, self.entry(icb)?)));
        let Some((icb, entry)) = found else { return take(unreadable(name)) };
        let what = match entry.kind {
            Kind::Directory if parent => What::Aside,
            Kind::Directory => What::Directory,
            Kind::File => What::Entry(EntryKind::File),
            Kind::Link => What::Entry(EntryKind::Link),
            Kind::Special => What::Entry(EntryKind::Special),
            Kind::Odd => What::Entry(EntryKind::Unreadable),
        };
        let content_at = if entry.kind == Kind::File { self.content_at(icb, &entry) } else { Some(0) };
        let size_bytes = entry.size_bytes;
        take(Named { name: name.clone(), what, node: icb, identity: Some(identity(icb)), size_bytes, content_at })?;
        if parent || entry.streams.is_none() {
            return Ok(());
        }
        self.streams(&name, entry.streams, take)
    }

    /// Named streams of a file or directory, or of the volume (UDF 2.60, 3.3.5).
    fn streams(&self, name: &[u8], directory: Option<Block>, take: &mut Take<'_, Block>) -> Result<(), ReadError> {
        let of = |stream: &[u8]| [name, b":", stream].concat();
        let complete = self.identifiers(directory, &mut |identifier| {
            // The defective blocks of the medium, as a file so that nothing else takes them (UDF 2.60, 3.3.7.1.2).
            if identifier.is_parent() || (name.is_empty() && identifier.name == b"*UDF Non-Allocatable Space") {
                return Ok(());
            }
            let name = of(&identifier.name);
            let found = identifier.icb.and_then(|icb| Some((icb, self.entry(icb)?)));
            match found.filter(|(_, entry)| entry.kind == Kind::File) {
                None => take(unreadable(name)),
                Some((icb, entry)) => take(Named {
                    name,
                    what: What::Entry(EntryKind::Stream),
                    node: icb,
                    identity: Some(identity(icb)),
                    size_bytes: entry.size_bytes,
                    content_at: self.content_at(icb, &entry),
                }),
            }
        })?;
        if complete { Ok(()) } else { take(unreadable(of(b"(unreadable streams)"))) }
    }
}

const fn unreadable(name: Vec<u8>) -> Named<Block> {
    let nowhere = Block { partition: u16::MAX, number: u32::MAX };
    Named { name, what: What::Entry(EntryKind::Unreadable), node: nowhere, identity: None, size_bytes: 0, content_at: None }
}

impl Tree for Volume {
    type Node = Block;

    fn list(&self, directory: &Block, take: &mut Take<'_, Block>) -> Result<bool, ReadError> {
        let complete = self.identifiers(Some(*directory), &mut |identifier| self.named(identifier, take))?;
        if *directory == self.layout.root && self.layout.streams.is_some() {
            self.streams(b"", self.layout.streams, take)?;
        }
        Ok(complete)
    }
}

impl<W: Write> FileSystem<W> for Opened {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let scope = Scope::Everything(&mut BTreeSet::new());
        self.files = walk(&self.volume, self.volume.root(), root, scope, inventory)?;
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        self.volume.send(&self.files, limits, out)
    }
}
