//! NTFS: streams, compression, holes, links (after the documentation of the Linux-NTFS project and MS-FSCC).
//!
//! The master file table is read from its beginning to its end, and directories are put together from the names in it: a file
//! that no directory index names is found all the same, below `(orphaned)`. Directory indexes are not read.
//!
//! - The first name of a file is the file, every further one a link. Short names beside long ones are no names.
//! - Named streams are entries of their own, `file:stream`, also those of directories; content of a directory or of a link,
//!   which neither should have, is `file:$DATA`.
//! - The volume's own files (`$MFT` …, and what Windows keeps in `$Extend`) are no entries, but streams hidden in them are.
//! - Reparse points are links, or *unreadable* where the content lies somewhere else than in the stream.
//! - Records not in use (deleted files) are not read.
//!
//! Own code because the line needs what a general library does not say: what breaks off is *unreadable*, never shorter (I3);
//! and because compressed streams are read. Nothing here recurses, and nothing is followed without a bound.

mod boot;
mod content;
mod entries;
mod file;
mod lznt1;
mod record;
mod runs;
mod table;
mod tree;

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits, send_content};
use crate::utf16::name_bytes;
use crate::volume::FileSystem;
use boot::Geometry;
use content::Content;
use entries::{Entries, FileAt};
use file::{File, Reader};
use record::{Record, Slot};
use std::io::{Read, Write};
use table::Table;
use tree::Tree;
use wire::FrameWriter;

/// Most records that go on with others.
// BOUND: 16 MiB; further ones are lines.
const MAX_EXTENSIONS: usize = 1 << 20;

/// An opened NTFS volume.
#[derive(Debug)]
struct Volume {
    window: Window,
    geometry: Geometry,
    table: Table,
    /// Records that go on with others: base, record; sorted.
    extensions: Vec<(u64, u64)>,
    files: Vec<FileAt>,
}

/// Opens a volume; `None` when this is no NTFS, or its file table cannot be found.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let geometry = Geometry::read(&window)?;
    open_at(window, geometry)
}

/// Opens a volume whose boot sector is broken by its copy.
pub(crate) fn open_by_copy<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let geometry = Geometry::read_copy(&window)?;
    open_at(window, geometry)
}

fn open_at<W: Write>(window: Window, geometry: Geometry) -> Option<Box<dyn FileSystem<W>>> {
    let table = Table::find(&window, &geometry)?;
    Some(Box::new(Volume { window, geometry, table, extensions: Vec::new(), files: Vec::new() }))
}

impl Volume {
    fn reader(&self) -> Reader<'_> {
        Reader { window: &self.window, geometry: &self.geometry, table: &self.table, extensions: &self.extensions }
    }

    /// Walks the table once for what the second walk needs: which records go on with which, and the directories.
    fn scan(&mut self) -> Tree {
        let mut tree = Tree::default();
        let mut directories: Vec<u64> = Vec::new();
        let mut extensions = Vec::new();
        for number in 0..self.table.records {
            match self.reader().slot(number) {
                Ok(Slot::Record(Record { base: Some(base), .. })) if extensions.len() < MAX_EXTENSIONS => {
                    extensions.push((base.number, number));
                }
                // BOUND: see `Tree::insert`, which takes no more than this.
                Ok(Slot::Record(Record { base: None, is_directory: true, .. })) if directories.len() < tree::MAX_DIRECTORIES => {
                    directories.push(number);
                }
                _ => {}
            }
        }
        extensions.sort_unstable();
        self.extensions = extensions;
        for number in directories {
            // A name may be in a record that goes on with this one.
            if let Ok(Slot::Record(record)) = self.reader().slot(number) {
                let sequence = record.sequence;
                if let Some(name) = self.reader().file(number, record).names.first() {
                    tree.insert(number, sequence, name.parent, name_bytes(name.units.iter().copied()));
                }
            }
        }
        tree.settle();
        tree
    }
}

impl<W: Write> FileSystem<W> for Volume {
    fn kind(&self) -> &'static str {
        "ntfs"
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let tree = self.scan();
        let mut entries = Entries { reader: self.reader(), tree: &tree, root, inventory, files: Vec::new() };
        let mut unread: Option<u64> = None;
        for number in 0..=self.table.records {
            let slot = if number < self.table.records { entries.reader.slot(number) } else { Ok(Slot::Free) };
            if slot.is_err() {
                unread = unread.or(Some(number));
                continue;
            }
            // One line for records in a row that the medium does not give.
            if let Some(first) = unread.take() {
                entries.nameless(format!("(unreadable file records {first} to {})", number.saturating_sub(1)))?;
            }
            match slot {
                Ok(Slot::Record(record)) => entries.record(number, record)?,
                Ok(Slot::Broken) => entries.nameless(format!("(unreadable file record {number})"))?,
                Ok(Slot::Free) | Err(_) => {}
            }
        }
        if !self.table.whole {
            entries.nameless(format!("(unreadable file records from {} on)", self.table.records))?;
        }
        self.files = entries.files;
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        let mut last: Option<(u64, File)> = None;
        for at in &self.files {
            if last.as_ref().is_none_or(|(record, _)| *record != at.record) {
                last = match self.reader().slot(at.record) {
                    Ok(Slot::Record(record)) => Some((at.record, self.reader().file(at.record, record))),
                    _ => None,
                };
            }
            let stream = last.as_ref().and_then(|(_, file)| file.streams.get(at.stream));
            let mut content = stream.map(|stream| Content::new(stream, &self.window, &self.geometry));
            let content = content.as_mut().map(|content| -> &mut dyn Read { content });
            send_content(out, at.index, content, stream.map_or(0, |stream| stream.length), limits)?;
        }
        Ok(())
    }
}
