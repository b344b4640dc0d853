//! FAT12/16/32 with long names.
//!
//! Own code, because the line needs what a general library does not say: a chain or directory that breaks off is
//! *unreadable*, never a shorter one (I3). Nothing here recurses, and nothing is followed without a bound.

mod chain;
mod directory;
mod geometry;

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits, child, send_content};
use crate::volume::FileSystem;
use directory::{DirectoryEntry, Kind, Place};
use geometry::{Geometry, Width};
use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::rc::Rc;
use wire::{EntryKind, FrameWriter};

/// An opened FAT volume.
#[derive(Debug)]
struct Volume {
    window: Window,
    geometry: Geometry,
    files: Vec<FileAt>,
}

/// A regular file met in the inventory, by its place: two files may have the same name.
#[derive(Debug)]
struct FileAt {
    index: u32,
    cluster: u32,
    size_bytes: u64,
}

/// A directory that waits to be walked.
struct Waiting {
    path: Rc<[Vec<u8>]>,
    place: Place,
    parent: Place,
}

/// Opens a volume; `None` when this is no FAT file system, or one too broken to walk.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let geometry = Geometry::read(&window)?;
    Some(Box::new(Volume { window, geometry, files: Vec::new() }))
}

impl Volume {
    const fn root(&self) -> Place {
        match self.geometry.width {
            Width::Fat12 | Width::Fat16 => Place::Fixed,
            Width::Fat32 => Place::Cluster(self.geometry.root_cluster),
        }
    }

    /// Whether a `.` or `..` entry leads where it must; the root is 0 there, and some writers put its cluster.
    fn leads_to(&self, entry: &DirectoryEntry, place: Place) -> bool {
        place == Place::Cluster(entry.cluster) || (entry.cluster == 0 && place == self.root())
    }
}

impl<W: Write> FileSystem<W> for Volume {
    fn kind(&self) -> &'static str {
        match self.geometry.width {
            Width::Fat12 => "fat12",
            Width::Fat16 => "fat16",
            Width::Fat32 => "fat32",
        }
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let mut waiting = VecDeque::from([Waiting { path: root.into(), place: self.root(), parent: self.root() }]);
        // Directories that lead back to one met before would be walked again and again.
        let mut met = BTreeSet::from([self.geometry.root_cluster, 0]);
        while let Some(here) = waiting.pop_front() {
            let (entries, complete) = directory::read(&self.window, &self.geometry, here.place);
            for entry in entries {
                let path = child(&here.path, entry.name.as_bytes());
                match entry.kind {
                    Kind::Own if here.place != self.root() && self.leads_to(&entry, here.place) => {}
                    Kind::Parent if here.place != self.root() && self.leads_to(&entry, here.parent) => {}
                    Kind::File => {
                        let index = inventory.entry(&path, EntryKind::File, entry.size_bytes)?;
                        self.files.push(FileAt { index, cluster: entry.cluster, size_bytes: entry.size_bytes });
                    }
                    Kind::Directory if inventory.may_descend(&path) && met.insert(entry.cluster) => {
                        inventory.entry(&path, EntryKind::Directory, 0)?;
                        waiting.push_back(Waiting { path: path.into(), place: Place::Cluster(entry.cluster), parent: here.place });
                    }
                    Kind::Directory | Kind::Own | Kind::Parent | Kind::Odd => {
                        inventory.entry(&path, EntryKind::Unreadable, 0)?;
                    }
                }
            }
            if !complete {
                inventory.broken_off(&here.path)?;
            }
        }
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        self.files.iter().try_for_each(|file| {
            let mut content = chain::Content::new(&self.window, &self.geometry, file.cluster, file.size_bytes);
            send_content(out, file.index, Some(&mut content), file.size_bytes, limits)
        })
    }
}
