//! What a file record becomes in the inventory.

use super::file::{File, Name, Reader};
use super::record::{Record, Reference, Slot};
use super::tree::{Place, ROOT, Tree};
use crate::stream::{Inventory, ReadError};
use crate::utf16::name_bytes;
use std::io::Write;
use wire::EntryKind;

/// The volume's own files, by the number of their record. They are no entries; what is hidden in them is.
const OWN: [&str; 12] =
    ["$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", ".", "$Bitmap", "$Boot", "$BadClus", "$Secure", "$UpCase", "$Extend"];
/// Those of them that have no content of their own.
const EMPTY: [u64; 5] = [3, ROOT, 8, 9, 11];
/// Records kept for files of the volume to come.
const RESERVED: u64 = 16;
/// Named streams of the volume's own files.
const OWN_STREAMS: [&str; 9] = ["$Bad", "$SDS", "$Info", "$J", "$Max", "$Config", "$Corrupt", "$Verify", "$T"];
/// Reparse points that stand for something else carry this bit (MS-FSCC, section 2.1.2.1).
const NAME_SURROGATE: u32 = 0x2000_0000;
/// A symbolic link of Linux, which lacks the bit.
const LX_SYMLINK: u32 = 0xA000_001D;
/// Sockets, pipes and devices of Linux.
const SPECIAL: std::ops::RangeInclusive<u32> = 0x8000_0023..=0x8000_0026;

/// A file that has content, by its place: two files may have the same name.
#[derive(Debug, Clone, Copy)]
pub struct FileAt {
    /// Place in the inventory.
    pub index: u32,
    /// Its record.
    pub record: u64,
    /// Which of its streams.
    pub stream: usize,
}

/// The inventory of a volume as it grows.
pub struct Entries<'a, 'b, W: Write> {
    pub reader: Reader<'a>,
    pub tree: &'a Tree,
    pub root: &'a [Vec<u8>],
    pub inventory: &'a mut Inventory<'b, W>,
    pub files: Vec<FileAt>,
}

/// A name and where it is.
type Named = (Place, Vec<u8>);

impl<W: Write> Entries<'_, '_, W> {
    /// A line for what has no name.
    pub fn nameless(&mut self, text: String) -> Result<(), ReadError> {
        self.line(&(Place::Root, text.into_bytes()), "", EntryKind::Unreadable, 0).map(drop)
    }

    /// Everything that is in a record and in those that go on with it.
    pub fn record(&mut self, number: u64, record: Record) -> Result<(), ReadError> {
        if let Some(base) = record.base {
            let orphaned = (Place::Orphaned, format!("(file record {number})").into_bytes());
            return if self.belongs(base) { Ok(()) } else { self.line(&orphaned, "", EntryKind::Unreadable, 0).map(drop) };
        }
        let is_directory = record.is_directory;
        let file = self.reader.file(number, record);
        if number < RESERVED && file.names.is_empty() && file.streams.iter().all(|stream| stream.length == 0) {
            return Ok(());
        }
        let mut names: Vec<Named> =
            file.names.iter().map(|name| (self.tree.place(name.parent), name_bytes(name.units.iter().copied()))).collect();
        // A directory that runs in a circle has been cut off it.
        if let (true, Some(place), Some(first)) = (is_directory && number != ROOT, self.tree.settled(number), names.first_mut()) {
            first.0 = place;
        }
        if names.is_empty() {
            names.push((Place::Orphaned, format!("(file record {number})").into_bytes()));
        }
        let own = own_name(number, &file.names).or_else(|| names.iter().position(|(place, name)| self.tree.is_own(*place, name)));
        if let Some(own) = own {
            let named = names.remove(own);
            names.iter().try_for_each(|name| self.line(name, "", EntryKind::Link, 0).map(drop))?;
            return self.own_file(number, &named, &file);
        }
        // Where directories are too deep to be walked, another name of the file may be seen all the same.
        names.retain(|(place, _)| self.is_walked(*place));
        let Some((first, others)) = names.split_first() else { return Ok(()) };
        self.main(number, first, is_directory, &file)?;
        others.iter().try_for_each(|name| self.line(name, "", EntryKind::Link, 0).map(drop))?;
        self.rest(first, &file)
    }

    /// Whether a record goes on with one that is in use.
    fn belongs(&self, base: Reference) -> bool {
        match self.reader.slot(base.number) {
            Ok(Slot::Record(record)) => record.base.is_none() && base.means(base.number, record.sequence),
            _ => false,
        }
    }

    fn is_walked(&self, place: Place) -> bool {
        place == Place::Root || self.inventory.has_depth(self.root.len() + self.tree.depth(place) as usize)
    }

    fn line(&mut self, (place, name): &Named, suffix: &str, kind: EntryKind, size_bytes: u64) -> Result<u32, ReadError> {
        let mut path = self.tree.path(self.root, *place);
        path.push([&name[..], suffix.as_bytes()].concat());
        self.inventory.entry(&path, kind, size_bytes)
    }

    /// The entry a file or directory is itself, and its streams.
    fn main(&mut self, number: u64, named: &Named, is_directory: bool, file: &File) -> Result<(), ReadError> {
        let content = file.streams.iter().position(|stream| stream.name.is_empty());
        let stream = content.and_then(|content| file.streams.get(content));
        let (kind, reads_as_it_says) = match (file.reparse, is_directory) {
            (None, true) => (EntryKind::Directory, true),
            (None, false) => match stream {
                Some(stream) if !stream.readable() => (EntryKind::Unreadable, false),
                Some(stream) if stream.encrypted || file.encrypted => (EntryKind::Encrypted, true),
                Some(_) => (EntryKind::File, true),
                None => (EntryKind::Unreadable, false),
            },
            (Some(tag), _) if tag & NAME_SURROGATE != 0 || tag == LX_SYMLINK => (EntryKind::Link, true),
            (Some(tag), _) if SPECIAL.contains(&tag) => (EntryKind::Special, true),
            // Compressed by a filter, kept elsewhere, or of a kind nobody knows: the stream is not what the file holds.
            (Some(_), _) => (EntryKind::Unreadable, false),
        };
        let too_deep = kind == EntryKind::Directory && !self.inventory.has_depth(self.root.len() + self.tree.depth(named.0) as usize + 1);
        let kind = if too_deep { EntryKind::Unreadable } else { kind };
        let is_content = kind.has_content();
        let index = self.line(named, "", kind, stream.filter(|_| is_content).map_or(0, |stream| stream.length))?;
        if let Some(stream) = content.filter(|_| is_content) {
            self.files.push(FileAt { index, record: number, stream });
        }
        // Content that a directory or link has is content beside it.
        let skipped = content.filter(|_| is_content || !reads_as_it_says);
        self.streams(number, named, file, |which| Some(which) != skipped)
    }

    /// Entries for the streams that are wanted; empty unnamed ones beside something else are none.
    fn streams(&mut self, number: u64, named: &Named, file: &File, wanted: impl Fn(usize) -> bool) -> Result<(), ReadError> {
        for (which, stream) in file.streams.iter().enumerate().filter(|(which, _)| wanted(*which)) {
            if stream.name.is_empty() && stream.length == 0 {
                continue;
            }
            let kind = match (stream.readable(), stream.encrypted) {
                (false, _) => EntryKind::Unreadable,
                (true, true) => EntryKind::Encrypted,
                (true, false) => EntryKind::Stream,
            };
            let name = if stream.name.is_empty() { b"$DATA".to_vec() } else { name_bytes(stream.name.iter().copied()) };
            let whole = (named.0, [&named.1[..], b":", &name].concat());
            let index = self.line(&whole, "", kind, if kind.has_content() { stream.length } else { 0 })?;
            if kind.has_content() {
                self.files.push(FileAt { index, record: number, stream: which });
            }
        }
        Ok(())
    }

    /// Lines for what cannot be read of a file.
    fn rest(&mut self, named: &Named, file: &File) -> Result<(), ReadError> {
        let unknown = file.unknown.iter().map(|kind| format!(":(attribute {kind:#x})"));
        let strangers = file.strangers.iter().map(|record| format!(":(file record {record})"));
        let broken = (!file.whole).then(|| ":(unreadable attributes)".to_owned());
        let lines: Vec<String> = unknown.chain(strangers).chain(broken).collect();
        lines.iter().try_for_each(|line| self.line(named, line, EntryKind::Unreadable, 0).map(drop))
    }

    /// What someone put into one of the volume's own files.
    fn own_file(&mut self, number: u64, named: &Named, file: &File) -> Result<(), ReadError> {
        let has_content = !EMPTY.contains(&number);
        self.streams(number, named, file, |which| {
            let Some(name) = file.streams.get(which).map(|stream| &stream.name) else { return false };
            let known = number != ROOT && OWN_STREAMS.iter().any(|own| own.encode_utf16().eq(name.iter().copied()));
            if name.is_empty() { !has_content } else { !known }
        })?;
        self.rest(named, file)
    }
}

/// Which of the names is the one this record has when it is one of the volume's own.
fn own_name(number: u64, names: &[Name]) -> Option<usize> {
    let own = OWN.get(usize::try_from(number).ok()?)?;
    names.iter().position(|name| name.parent.number == ROOT && own.encode_utf16().eq(name.units.iter().copied()))
}
