//! The walk through a tree of directories, the same for every file system whose directories name numbered things.
//!
//! **Invariant (I3):** whatever a directory names is one entry. A directory that is met a second time is an unreadable one
//! and is not walked again, a second name of a file is a link, and a directory that only odd entries lead to is walked too.

use crate::stream::{Inventory, ReadError, child};
use std::collections::{BTreeSet, VecDeque};
use std::io::Write;
use std::rc::Rc;
use wire::EntryKind;

/// Most directories that wait for something else to lead to them.
// BOUND: only relocated directories of discs wait at all; what is beyond is walked where it was met.
const MAX_ASIDE: usize = 1 << 16;

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A directory.
    Directory,
    /// A directory that has its proper place elsewhere (`..`, a relocated one): walked only when nothing else leads there.
    Aside,
    /// Anything else.
    Entry(EntryKind),
}

/// An entry of a directory.
#[derive(Debug, Clone)]
pub(crate) struct Named<N> {
    /// Name; foreign, may be anything.
    pub name: Vec<u8>,
    /// What it is.
    pub what: What,
    /// Where the file system finds it again.
    pub node: N,
    /// Number that only other names of the same thing have too; `None` where there are no such names.
    pub identity: Option<u64>,
    /// Length.
    pub size_bytes: u64,
    /// First byte of the content on the volume, where that is known; tells files of two trees on one volume apart.
    pub content_at: Option<u64>,
}

impl<N> Named<N> {
    /// The same content has the same place and length; no content has no place.
    pub fn content(&self) -> Option<(u64, u64)> {
        self.content_at.map(|at| if self.size_bytes == 0 { (0, 0) } else { (at, self.size_bytes) })
    }
}

/// What receives the entries of a directory.
pub(crate) type Take<'a, N> = dyn FnMut(Named<N>) -> Result<(), ReadError> + 'a;

/// A tree of directories.
pub(crate) trait Tree {
    /// What the file system finds a file or directory by.
    type Node: Clone;

    /// Hands every entry of a directory to `take`; the flag says whether it was read to its end.
    ///
    /// # Errors
    /// Only those of `take`.
    fn list(&self, directory: &Self::Node, take: &mut Take<'_, Self::Node>) -> Result<bool, ReadError>;
}

/// Something with content, met in the inventory.
#[derive(Debug)]
pub(crate) struct FileAt<N> {
    /// Its position in the inventory.
    pub index: u32,
    /// Where it is.
    pub node: N,
    /// Length.
    pub size_bytes: u64,
}

/// Which entries are sent.
pub(crate) enum Scope<'a> {
    /// All; their contents are added to the set.
    Everything(&'a mut BTreeSet<(u64, u64)>),
    /// Those with content that is not in the set yet; the directory above them is sent before the first one.
    Unknown(&'a mut BTreeSet<(u64, u64)>),
}

/// Sends what is below `path`, and gives what has content.
///
/// # Errors
/// Limits, or the supervisor gone.
pub(crate) fn walk<T: Tree, W: Write>(
    tree: &T,
    (root, identity): (T::Node, u64),
    path: &[Vec<u8>],
    scope: Scope<'_>,
    inventory: &mut Inventory<'_, W>,
) -> Result<Vec<FileAt<T::Node>>, ReadError> {
    let mut walk = Walk {
        inventory,
        heading: matches!(scope, Scope::Unknown(_)).then(|| path.to_vec()),
        scope,
        waiting: VecDeque::from([(path.into(), root)]),
        aside: VecDeque::new(),
        directories: BTreeSet::from([identity]),
        linked: BTreeSet::new(),
        files: Vec::new(),
    };
    loop {
        while let Some((here, node)) = walk.waiting.pop_front() {
            let complete = tree.list(&node, &mut |named| walk.take(&here, named))?;
            if !complete {
                walk.announce()?;
                walk.inventory.broken_off(&here)?;
            }
        }
        let Some((path, mut named)) = walk.aside.pop_front() else { return Ok(walk.files) };
        if named.identity.is_some_and(|identity| !walk.directories.contains(&identity)) {
            named.what = What::Directory;
            walk.take(&path, named)?;
        }
    }
}

type Path = Rc<[Vec<u8>]>;

struct Walk<'a, 'o, W: Write, N> {
    inventory: &'a mut Inventory<'o, W>,
    scope: Scope<'a>,
    heading: Option<Vec<Vec<u8>>>,
    waiting: VecDeque<(Path, N)>,
    aside: VecDeque<(Path, Named<N>)>,
    directories: BTreeSet<u64>,
    linked: BTreeSet<u64>,
    files: Vec<FileAt<N>>,
}

impl<W: Write, N: Clone> Walk<'_, '_, W, N> {
    fn take(&mut self, here: &Path, named: Named<N>) -> Result<(), ReadError> {
        let path = child(here, &named.name);
        match named.what {
            What::Aside if named.identity.is_some_and(|identity| self.directories.contains(&identity)) => Ok(()),
            What::Aside if self.aside.len() < MAX_ASIDE => {
                self.aside.push_back((Rc::clone(here), named));
                Ok(())
            }
            What::Aside | What::Directory => self.directory(path, named),
            What::Entry(kind) => self.entry(&path, kind, named),
        }
    }

    fn directory(&mut self, path: Vec<Vec<u8>>, named: Named<N>) -> Result<(), ReadError> {
        let first = named.identity.is_none_or(|identity| self.directories.insert(identity));
        if !first || !self.inventory.may_descend(&path) {
            self.announce()?;
            return self.inventory.entry(&path, EntryKind::Unreadable, 0).map(drop);
        }
        if matches!(self.scope, Scope::Everything(_)) {
            self.inventory.entry(&path, EntryKind::Directory, 0)?;
        }
        self.waiting.push_back((path.into(), named.node));
        Ok(())
    }

    fn entry(&mut self, path: &[Vec<u8>], kind: EntryKind, named: Named<N>) -> Result<(), ReadError> {
        match &mut self.scope {
            Scope::Everything(known) => {
                // What could not be read here may be readable there.
                known.extend(named.content().filter(|_| kind.has_content()));
            }
            Scope::Unknown(known) => {
                if named.content().is_some_and(|content| !known.insert(content)) {
                    return Ok(());
                }
            }
        }
        let other_name = kind.has_content() && named.identity.is_some_and(|identity| !self.linked.insert(identity));
        let (kind, size_bytes) = match kind {
            _ if other_name => (EntryKind::Link, 0),
            kind if kind.has_content() => (kind, named.size_bytes),
            kind => (kind, 0),
        };
        self.announce()?;
        let index = self.inventory.entry(path, kind, size_bytes)?;
        if kind.has_content() {
            self.files.push(FileAt { index, node: named.node, size_bytes });
        }
        Ok(())
    }

    fn announce(&mut self) -> Result<(), ReadError> {
        self.heading.take().map_or(Ok(()), |path| self.inventory.entry(&path, EntryKind::Directory, 0).map(drop))
    }
}
