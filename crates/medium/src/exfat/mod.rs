//! exFAT (Microsoft exFAT file system specification, revision 1.00).
//!
//! Own code for the same reason as FAT's: a chain, directory or entry set that breaks off is *unreadable*, never a shorter
//! one (I3). Nothing here recurses, and nothing is followed without a bound.

mod boot;
mod chain;
mod directory;
mod set;

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits, child, send_content};
use crate::volume::FileSystem;
use boot::Geometry;
use chain::{Allocation, Content};
use directory::{Directory, Met};
use set::{DirectoryEntry, Kind};
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use wire::{EntryKind, FrameWriter};

/// An opened exFAT volume.
#[derive(Debug)]
struct Volume {
    window: Window,
    geometry: Geometry,
    /// What has content, by its place in the inventory: two files may have the same name.
    files: Vec<(u32, Allocation)>,
}

/// A directory that waits to be walked.
struct Waiting {
    path: Rc<[Vec<u8>]>,
    allocation: Allocation,
}

/// Opens a volume; `None` when this is no exFAT file system, or one whose main boot region is broken.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let geometry = Geometry::read(&window)?;
    Some(Box::new(Volume { window, geometry, files: Vec::new() }))
}

/// Opens a volume whose main boot region is broken by its backup.
pub(crate) fn open_by_copy<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let geometry = Geometry::read_copy(&window)?;
    Some(Box::new(Volume { window, geometry, files: Vec::new() }))
}

impl<W: Write> FileSystem<W> for Volume {
    fn kind(&self) -> &'static str {
        "exfat"
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let whole = Allocation { first: self.geometry.root_cluster, in_a_row: false, length_bytes: None, valid_bytes: 0 };
        let mut waiting = VecDeque::from([Waiting { path: root.into(), allocation: whole }]);
        let mut met = Met::default();
        while let Some(here) = waiting.pop_front() {
            let mut directory = Directory::new(&self.window, &self.geometry, &here.allocation, &mut met);
            while let Some(entries) = directory.next_set() {
                for DirectoryEntry { name, kind, allocation } in entries {
                    let path = child(&here.path, &name);
                    let size_bytes = allocation.length_bytes.unwrap_or(0);
                    let kind = match kind {
                        Kind::Directory if inventory.may_descend(&path) => {
                            inventory.entry(&path, EntryKind::Directory, 0)?;
                            waiting.push_back(Waiting { path: path.into(), allocation });
                            continue;
                        }
                        Kind::Directory | Kind::Unreadable => {
                            inventory.entry(&path, EntryKind::Unreadable, 0)?;
                            continue;
                        }
                        Kind::File => EntryKind::File,
                        Kind::Encrypted => EntryKind::Encrypted,
                        Kind::Stream => EntryKind::Stream,
                    };
                    let index = inventory.entry(&path, kind, size_bytes)?;
                    self.files.push((index, allocation));
                }
            }
            if directory.broken {
                inventory.broken_off(&here.path)?;
            }
        }
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        self.files.iter().try_for_each(|(index, allocation)| {
            let mut content = Content::new(&self.window, &self.geometry, allocation);
            send_content(out, *index, Some(&mut content), allocation.length_bytes.unwrap_or(0), limits)
        })
    }
}
