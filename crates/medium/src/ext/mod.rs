//! ext2, ext3 and ext4.
//!
//! Own code, because a general library gives up the whole volume, or the rest of a directory, where one thing is broken,
//! and cannot read what is encrypted: here each has its line (I3). Checksums of metadata are not compared: what a broken
//! inode leads to is judged by its content like everything else.

mod blocks;
mod directory;
mod inode;
mod journal;
mod superblock;

use crate::cache::Window;
use crate::pieces::Pieces;
use crate::stream::{Inventory, ReadError, ReadLimits, child, send_content};
use crate::volume::FileSystem;
use crate::walk::{FileAt, Named, Scope, Take, Tree, What, walk};
use inode::{Inode, Kind};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use superblock::Superblock;
use wire::{EntryKind, FrameWriter};

/// Inode of the root directory.
const ROOT: u32 = 2;

/// An opened volume.
#[derive(Debug)]
struct Volume {
    window: Window,
    superblock: Superblock,
    /// Whether the journal has something that could not be read.
    stale: bool,
    /// Bytes of directories that may still be read.
    // BOUND: no two directories share a block, so all of them together are no longer than the volume.
    directory_bytes: Cell<u64>,
    files: Vec<FileAt<u32>>,
}

/// Opens a volume; `None` when this is no ext file system, or one with features nobody knew when this was written.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let superblock = Superblock::read(&window)?;
    let recovered = superblock.needs_recovery().then(|| recover(&window, &superblock));
    let stale = matches!(recovered, Some(None));
    let (window, superblock) = recovered.flatten().unwrap_or((window, superblock));
    let directory_bytes = Cell::new(window.length());
    Some(Box::new(Volume { window, superblock, stale, directory_bytes, files: Vec::new() }))
}

/// The volume with its journal before it; the superblock may have changed as well.
fn recover(window: &Window, superblock: &Superblock) -> Option<(Window, Superblock)> {
    let journal = superblock.inode(window, superblock.journal_inode).filter(|inode| inode.kind == Kind::File)?;
    let window = journal::replayed(window, &journal, superblock.block_bytes)?;
    let superblock = Superblock::read(&window)?;
    Some((window, superblock))
}

impl Volume {
    fn inode(&self, number: u32) -> Option<Inode> {
        self.superblock.inode(&self.window, number)
    }

    fn named(&self, entry: directory::Entry) -> Named<u32> {
        let inode = self.inode(entry.inode);
        let what = inode.as_ref().map_or(What::Entry(EntryKind::Unreadable), |inode| match inode.kind {
            Kind::Directory if matches!(entry.name.as_slice(), b"." | b"..") => What::Aside,
            Kind::Directory => What::Directory,
            Kind::File if inode.is_compressed() => What::Entry(EntryKind::Unreadable),
            Kind::File if inode.is_encrypted() => What::Entry(EntryKind::Encrypted),
            Kind::File => What::Entry(EntryKind::File),
            Kind::Link => What::Entry(EntryKind::Link),
            Kind::Special => What::Entry(EntryKind::Special),
            Kind::Odd => What::Entry(EntryKind::Unreadable),
        });
        Named {
            name: entry.name,
            what,
            node: entry.inode,
            identity: Some(entry.inode.into()),
            size_bytes: inode.map_or(0, |inode| inode.size_bytes),
            content_at: None,
        }
    }

    fn entries(&self, block: &[u8], take: &mut Take<'_, u32>) -> Result<bool, ReadError> {
        let (entries, complete) = directory::read(block, self.superblock.has_file_types());
        entries.into_iter().try_for_each(|entry| take(self.named(entry)))?;
        Ok(complete)
    }
}

impl Tree for Volume {
    type Node = u32;

    fn list(&self, directory: &u32, take: &mut Take<'_, u32>) -> Result<bool, ReadError> {
        let Some(inode) = self.inode(*directory).filter(|inode| inode.kind == Kind::Directory) else { return Ok(false) };
        if let Some([first, rest]) = inode.inline() {
            // Before the first entry stands the parent.
            let here = self.entries(first.get(4..).unwrap_or_default(), take)?;
            return Ok(self.entries(&rest, take)? && here);
        }
        let block_bytes = self.superblock.block_bytes;
        let mut content = Pieces::new(&self.window, inode.pieces(&self.window, block_bytes), inode.size_bytes);
        let mut block = vec![0; block_bytes as usize];
        let mut complete = true;
        loop {
            let Some(left) = self.directory_bytes.get().checked_sub(block_bytes) else { return Ok(false) };
            self.directory_bytes.set(left);
            match content.fill(&mut block) {
                Ok(0) => return Ok(complete),
                Ok(n) => complete &= self.entries(block.get(..n).unwrap_or_default(), take)?,
                Err(_) => return Ok(false),
            }
        }
    }
}

impl<W: Write> FileSystem<W> for Volume {
    fn kind(&self) -> &'static str {
        self.superblock.kind()
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let scope = Scope::Everything(&mut BTreeSet::new());
        self.files = walk(self, (ROOT, ROOT.into()), root, scope, inventory)?;
        if self.stale {
            inventory.entry(&child(root, b"(journal that cannot be read)"), EntryKind::Unreadable, 0)?;
        }
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        self.files.iter().try_for_each(|file| {
            let inode = self.inode(file.node);
            let pieces = inode.map(|inode| inode.pieces(&self.window, self.superblock.block_bytes));
            let mut content = pieces.map(|pieces| Pieces::new(&self.window, pieces, file.size_bytes));
            let content = content.as_mut().map(|content| content as &mut dyn Read);
            send_content(out, file.index, content, file.size_bytes, limits)
        })
    }
}
