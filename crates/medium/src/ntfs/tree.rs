//! Which directory is in which, and the paths that follow from it.

use super::record::Reference;
use std::collections::VecDeque;

/// Number of the root directory's record.
pub const ROOT: u64 = 5;
/// Number of the directory of metafiles.
const EXTEND: u64 = 11;
/// Most directories.
// BOUND: five times what a session has entries; past it directories stay entries, and what is in them is shown as orphaned.
pub const MAX_DIRECTORIES: usize = 1 << 20;
/// Most bytes of their names.
// BOUND: 64 MiB are 64 bytes for each of that many.
const MAX_NAME_BYTES: usize = 64 << 20;

/// A directory.
#[derive(Debug)]
struct Directory {
    record: u64,
    sequence: u16,
    parent: Reference,
    name: Box<[u8]>,
    /// Directories above it; 0 until it has been found from the root directory.
    depth: u32,
    place: Place,
}

/// What the place of a directory or file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The root directory.
    Root,
    /// A directory, by its position.
    In(usize),
    /// A directory that is not there.
    Orphaned,
}

/// All directories of a volume.
#[derive(Debug, Default)]
pub struct Tree {
    /// Sorted by record.
    directories: Vec<Directory>,
    name_bytes: usize,
}

impl Tree {
    /// Keeps a directory; they come in the order of their records.
    pub fn insert(&mut self, record: u64, sequence: u16, parent: Reference, name: Vec<u8>) {
        if self.directories.len() < MAX_DIRECTORIES && self.name_bytes + name.len() <= MAX_NAME_BYTES {
            self.name_bytes += name.len();
            self.directories.push(Directory { record, sequence, parent, name: name.into(), depth: 0, place: Place::Orphaned });
        }
    }

    /// Finds out where every directory is, once all are there.
    ///
    /// From the root directory downwards; then from those whose parent is not there; what is left runs in circles, and each of
    /// these is cut off.
    pub fn settle(&mut self) {
        let mut children = Vec::new();
        let mut found = VecDeque::new();
        for index in 0..self.directories.len() {
            let Some(directory) = self.directories.get(index) else { continue };
            let place = self.place(directory.parent);
            let (record, orphaned) = (directory.record, place == Place::Orphaned);
            if record == ROOT {
                continue;
            }
            match place {
                Place::In(parent) => children.push((parent, index)),
                Place::Root => found.push_back(index),
                Place::Orphaned => found.push_back(index),
            }
            if let Some(directory) = self.directories.get_mut(index) {
                directory.place = place;
                directory.depth = if matches!(place, Place::In(_)) { 0 } else { 1 + u32::from(orphaned) };
            }
        }
        children.sort_unstable();
        while let Some(above) = found.pop_front() {
            let depth = self.directories.get(above).map_or(0, |directory| directory.depth.saturating_add(1));
            let from = children.partition_point(|(parent, _)| *parent < above);
            for (_, index) in children.iter().skip(from).take_while(|(parent, _)| *parent == above) {
                if let Some(directory) = self.directories.get_mut(*index) {
                    directory.depth = depth;
                    found.push_back(*index);
                }
            }
        }
        for directory in self.directories.iter_mut().filter(|directory| directory.depth == 0 && directory.record != ROOT) {
            (directory.depth, directory.place) = (2, Place::Orphaned);
        }
    }

    /// The place a reference means.
    pub fn place(&self, parent: Reference) -> Place {
        if parent.number == ROOT {
            return Place::Root;
        }
        let found = self.directories.binary_search_by_key(&parent.number, |directory| directory.record).ok();
        let known = found.and_then(|index| Some((index, self.directories.get(index)?)));
        match known {
            Some((index, directory)) if parent.means(directory.record, directory.sequence) => Place::In(index),
            _ => Place::Orphaned,
        }
    }

    /// The place a directory is in, as it was settled.
    pub fn settled(&self, record: u64) -> Option<Place> {
        let index = self.directories.binary_search_by_key(&record, |directory| directory.record).ok()?;
        self.directories.get(index).map(|directory| directory.place)
    }

    /// Directories above what is in a place, the root directory not counted.
    pub fn depth(&self, place: Place) -> u32 {
        match place {
            Place::Root => 0,
            Place::In(index) => self.directories.get(index).map_or(0, |directory| directory.depth),
            Place::Orphaned => 1,
        }
    }

    /// The path of a place below `root`.
    pub fn path(&self, root: &[Vec<u8>], mut place: Place) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        // Settled, every way upwards ends, after as many steps as the depth says.
        while let Place::In(index) = place {
            let Some(directory) = self.directories.get(index) else { break };
            names.push(directory.name.to_vec());
            place = directory.place;
        }
        if place == Place::Orphaned {
            names.push(b"(orphaned)".to_vec());
        }
        root.iter().cloned().chain(names.into_iter().rev()).collect()
    }

    /// Whether what is in this place under this name is one of the volume's own files: `$Extend`, and below it the names
    /// Windows gives out.
    pub fn is_own(&self, place: Place, name: &[u8]) -> bool {
        const NAMES: [&[u8]; 10] =
            [b"$ObjId", b"$Quota", b"$Reparse", b"$UsnJrnl", b"$RmMetadata", b"$Deleted", b"$Repair", b"$Txf", b"$TxfLog", b"$Tops"];
        let Place::In(index) = place else { return false };
        let Some(above) = self.directories.get(index) else { return false };
        let named = |name: &[u8]| NAMES.contains(&name) || name.starts_with(b"$TxfLog");
        // Two levels below `$Extend` and no further.
        let above_it = |directory: &Directory| match directory.place {
            Place::In(index) => self.directories.get(index).filter(|_| named(&directory.name)),
            Place::Root | Place::Orphaned => None,
        };
        let second = above_it(above);
        let third = second.and_then(above_it);
        named(name) && [Some(above), second, third].into_iter().flatten().any(|directory| directory.record == EXTEND)
    }
}
