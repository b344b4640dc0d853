//! Directories, entry set by entry set (Microsoft exFAT specification, sections 6 and 7).

use super::boot::Geometry;
use super::chain::{Allocation, Chain};
use super::set::{self, DirectoryEntry};
use crate::cache::Window;
use std::collections::BTreeSet;
use std::io;

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 32;
/// Most bytes of a directory.
// BOUND: section 7.4: 256 MiB.
pub const MAX_DIRECTORY_BYTES: u64 = 256 << 20;
// BOUND: 4 Mi clusters are 2 GiB of directories in the smallest clusters, and about 50 MiB of memory here.
const MAX_CLUSTERS: usize = 1 << 22;

/// Clusters in which entries were looked for.
///
/// A cluster belongs to one directory; one that is met again leads into a circle, or into what another directory has shown.
#[derive(Debug, Default)]
pub struct Met(BTreeSet<u32>);

impl Met {
    fn first_time(&mut self, cluster: u32) -> bool {
        self.0.len() < MAX_CLUSTERS && self.0.insert(cluster)
    }
}

/// A directory being read.
#[derive(Debug)]
pub struct Directory<'a> {
    chain: Chain<'a>,
    met: &'a mut Met,
    is_root: bool,
    /// Place in the cluster.
    within: u64,
    left: u64,
    again: Option<[u8; ENTRY_BYTES]>,
    /// Whether it broke off before its end.
    pub broken: bool,
}

impl<'a> Directory<'a> {
    /// The directory in an allocation.
    pub fn new(window: &'a Window, geometry: &'a Geometry, allocation: &Allocation, met: &'a mut Met) -> Self {
        let chain = Chain::new(window, geometry, allocation);
        let left = allocation.length_bytes.unwrap_or(MAX_DIRECTORY_BYTES);
        let broken = left > 0 && (chain.at().is_err() || !met.first_time(chain.cluster()));
        // Nothing is read of a directory whose first cluster has shown its entries elsewhere.
        let left = if broken { 0 } else { left };
        Self { chain, met, is_root: allocation.length_bytes.is_none(), within: 0, left, again: None, broken }
    }

    /// The entries of the next set, none for a set that names no file; `None` at the end of the directory.
    pub fn next_set(&mut self) -> Option<Vec<DirectoryEntry>> {
        let primary = self.next_in_use()?;
        // The volume's own: allocation bitmap, up-case table, label; identifier, padding of TexFAT, access control of Windows CE.
        if self.is_root && matches!(primary[0], 0x81..=0x83 | 0xA0..=0xA2) {
            return Some(Vec::new());
        }
        // Secondary entries without a primary one are one line as long as they lie in a row.
        let stray = primary[0] >= 0xC0;
        let secondaries = self.secondaries(if stray { u8::MAX } else { primary[1] });
        Some(match primary[0] {
            0x85 => set::entries(&primary, &secondaries, self.chain.geometry),
            _ if stray => vec![DirectoryEntry::unreadable(b"(stray directory entry)".to_vec())],
            kind => vec![DirectoryEntry::unreadable(format!("(unknown directory entry {kind:#x})").into_bytes())],
        })
    }

    /// As many of the wanted secondary entries as follow.
    fn secondaries(&mut self, wanted: u8) -> Vec<[u8; ENTRY_BYTES]> {
        let mut found = Vec::new();
        while found.len() < wanted.into() {
            match self.next_raw() {
                Some(raw) if raw[0] >= 0xC0 => found.push(raw),
                other => {
                    self.again = other;
                    break;
                }
            }
        }
        found
    }

    fn next_in_use(&mut self) -> Option<[u8; ENTRY_BYTES]> {
        loop {
            let raw = self.next_raw()?;
            match raw[0] {
                0 => {
                    self.left = 0;
                    return None;
                }
                // Deleted.
                1..0x80 => {}
                _ => return Some(raw),
            }
        }
    }

    fn next_raw(&mut self) -> Option<[u8; ENTRY_BYTES]> {
        if self.again.is_some() {
            return self.again.take();
        }
        if self.left < ENTRY_BYTES as u64 {
            return None;
        }
        let mut raw = [0; ENTRY_BYTES];
        match self.cluster_at() {
            Ok(Some(at)) if self.chain.window.read_exact_at(at + self.within, &mut raw).is_ok() => {
                self.within += ENTRY_BYTES as u64;
                self.left -= ENTRY_BYTES as u64;
                return Some(raw);
            }
            Ok(None) => {}
            _ => self.broken = true,
        }
        self.left = 0;
        None
    }

    /// First byte of the cluster that holds the next entry; `None` at the end of the root directory.
    fn cluster_at(&mut self) -> io::Result<Option<u64>> {
        if self.within == self.chain.geometry.cluster_bytes {
            let further = self.chain.advance()?;
            // Only the root directory has no length of its own.
            if !further && self.is_root {
                return Ok(None);
            }
            if !further || !self.met.first_time(self.chain.cluster()) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.within = 0;
        }
        self.chain.at().map(Some)
    }
}
