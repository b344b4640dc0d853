//! ISO 9660 with Joliet and Rock Ridge.
//!
//! A disc can have several trees over the same content, and which one a computer shows depends on the computer. Read is
//! the one with the most in it (Rock Ridge, else Joliet, else plain). Own code, because the other trees must be looked
//! at too: **what only another of them names is an entry as well**, below a directory that says so.

mod descriptor;
mod record;
mod susp;
mod tree;

use crate::cache::Window;
use crate::stream::{Inventory, ReadError, ReadLimits, child, send_content};
use crate::udf;
use crate::volume::FileSystem;
use crate::walk::{FileAt, Scope, walk};
use descriptor::Described;
use std::collections::BTreeSet;
use std::io::Write;
use tree::{DiscTree, Extents, Naming};
use wire::FrameWriter;

/// An opened disc.
#[derive(Debug)]
struct Disc {
    window: Window,
    /// The one that is read comes first.
    trees: Vec<Described>,
    complete: bool,
    files: Vec<FileAt<Extents>>,
    /// The UDF file system that many video and large discs are as well.
    bridge: Option<udf::Volume>,
    bridge_files: Vec<FileAt<udf::Block>>,
}

/// Opens a volume; `None` when this is no ISO 9660 disc.
pub(crate) fn open<W: Write>(window: Window) -> Option<Box<dyn FileSystem<W>>> {
    let (mut trees, complete) = descriptor::read(&window)?;
    trees.sort_by_key(|tree| match tree.naming {
        _ if tree.root.is_none() => 4,
        Naming::RockRidge(_) => 0,
        Naming::Joliet => 1,
        Naming::Plain => 2,
        Naming::Enhanced => 3,
    });
    let bridge = udf::Volume::open(window.again());
    Some(Box::new(Disc { window, trees, complete, files: Vec::new(), bridge, bridge_files: Vec::new() }))
}

/// Its name in the report.
pub(crate) const KIND: &str = "iso9660";
const fn heading(naming: Naming) -> &'static [u8] {
    match naming {
        Naming::Plain | Naming::RockRidge(_) => b"(only in ISO 9660)",
        Naming::Joliet => b"(only in Joliet)",
        Naming::Enhanced => b"(only in ISO 9660:1999)",
    }
}

impl<W: Write> FileSystem<W> for Disc {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn inventory(&mut self, root: &[Vec<u8>], inventory: &mut Inventory<'_, W>) -> Result<(), ReadError> {
        let mut known = BTreeSet::new();
        for (number, described) in self.trees.iter().enumerate() {
            let other = child(root, heading(described.naming));
            let (path, scope) = if number == 0 { (root, Scope::Everything(&mut known)) } else { (&*other, Scope::Unknown(&mut known)) };
            match DiscTree::new(self.window.again(), described) {
                Some((tree, start)) => self.files.extend(walk(&tree, start, path, scope, inventory)?),
                None => inventory.broken_off(path)?,
            }
        }
        if let Some(bridge) = &self.bridge {
            let other = child(root, b"(only in UDF)");
            self.bridge_files = walk(bridge, bridge.root(), &other, Scope::Unknown(&mut known), inventory)?;
        }
        if self.trees.is_empty() || !self.complete {
            inventory.broken_off(root)?;
        }
        Ok(())
    }

    fn send_files(&self, limits: &ReadLimits, out: &mut FrameWriter<W>) -> Result<(), ReadError> {
        self.files.iter().try_for_each(|file| {
            let mut content = tree::content(&self.window, &file.node, file.size_bytes);
            send_content(out, file.index, Some(&mut content), file.size_bytes, limits)
        })?;
        self.bridge.as_ref().map_or(Ok(()), |bridge| bridge.send(&self.bridge_files, limits, out))
    }
}
