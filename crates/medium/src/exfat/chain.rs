//! Clusters one after the other, and the bytes in them as a reader.

use super::boot::Geometry;
use crate::cache::Window;
use std::io::{self, Read};

/// Where the bytes of a file or directory lie (sections 7.6.2 and 6.3.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// First cluster.
    pub first: u32,
    /// The clusters lie in a row, and the table says nothing about them.
    pub in_a_row: bool,
    /// Length; `None` for the root directory, whose chain ends where it ends.
    pub length_bytes: Option<u64>,
    /// Bytes of it that were ever written; the rest reads as zeros.
    pub valid_bytes: u64,
}

/// A walk along a chain.
#[derive(Debug)]
pub struct Chain<'a> {
    pub(super) window: &'a Window,
    pub(super) geometry: &'a Geometry,
    in_a_row: bool,
    cluster: u32,
    /// A cluster met before (Brent's way to find a circle without keeping all of them), and how far from it.
    mark: u32,
    steps: u64,
    lap: u64,
}

impl<'a> Chain<'a> {
    /// A walk that begins at the first cluster.
    pub const fn new(window: &'a Window, geometry: &'a Geometry, allocation: &Allocation) -> Self {
        let Allocation { first, in_a_row, .. } = *allocation;
        Self { window, geometry, in_a_row, cluster: first, mark: first, steps: 0, lap: 1 }
    }

    /// The cluster the walk is at.
    pub const fn cluster(&self) -> u32 {
        self.cluster
    }

    /// First byte of the cluster the walk is at.
    ///
    /// # Errors
    /// When its number is none.
    pub fn at(&self) -> io::Result<u64> {
        self.geometry.cluster_at(self.cluster).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Goes one cluster further; `false` at the regular end of the chain.
    ///
    /// # Errors
    /// When the entry says free, bad or reserved, or the chain runs in a circle: what breaks off has not ended.
    pub fn advance(&mut self) -> io::Result<bool> {
        self.at()?;
        let next = if self.in_a_row { self.cluster + 1 } else { self.entry()? };
        if next == u32::MAX {
            return Ok(false);
        }
        self.geometry.cluster_at(next).ok_or(io::ErrorKind::InvalidData)?;
        if self.steps == self.lap {
            (self.mark, self.steps, self.lap) = (self.cluster, 0, self.lap * 2);
        }
        self.steps += 1;
        if next == self.mark {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.cluster = next;
        Ok(true)
    }

    fn entry(&self) -> io::Result<u32> {
        if u64::from(self.cluster) >= self.geometry.table_entries {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut entry = [0; 4];
        self.window.read_exact_at(self.geometry.table_at + u64::from(self.cluster) * 4, &mut entry)?;
        Ok(u32::from_le_bytes(entry))
    }
}

/// The content of a file.
#[derive(Debug)]
pub struct Content<'a> {
    chain: Chain<'a>,
    /// Place in the cluster; equal to the cluster's length before the next one has been looked up.
    within: u64,
    written: u64,
    left: u64,
}

impl<'a> Content<'a> {
    /// The bytes of an allocation.
    pub const fn new(window: &'a Window, geometry: &'a Geometry, allocation: &Allocation) -> Self {
        let left = match allocation.length_bytes {
            Some(length) => length,
            None => 0,
        };
        Self { chain: Chain::new(window, geometry, allocation), within: 0, written: allocation.valid_bytes, left }
    }

    fn read_some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let cluster_bytes = self.chain.geometry.cluster_bytes;
        if self.within == cluster_bytes {
            // Here the chain ends before the size is reached: what is missing is a read error, never a shorter file.
            if !self.chain.advance()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.within = 0;
        }
        let at = self.chain.at()?;
        let mut most = (out.len() as u64).min(cluster_bytes - self.within).min(self.left);
        if self.written > 0 {
            most = most.min(self.written);
        }
        let wanted = out.get_mut(..most as usize).unwrap_or_default();
        let n = if self.written > 0 {
            self.chain.window.read_at(at + self.within, wanted)?
        } else {
            wanted.fill(0);
            wanted.len()
        };
        self.written = self.written.saturating_sub(n as u64);
        self.within += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

impl Read for Content<'_> {
    /// Fills `out` as far as it can, so that small clusters do not become small frames.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while self.left > 0 {
            let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
            match self.read_some(rest) {
                Ok(n) => filled += n,
                // The bytes before an error are handed over first; asked again, the same error comes.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
