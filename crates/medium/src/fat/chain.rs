//! Cluster chains: the table entry after a cluster, and the bytes of a chain as a reader.

use super::geometry::{Geometry, Width};
use crate::cache::Window;
use std::io::{self, Read};

/// The cluster after `cluster`; `None` at the regular end of the chain.
///
/// # Errors
/// When the number is no cluster, or its entry says free, bad or reserved: a chain that breaks off has not ended.
pub fn next(window: &Window, geometry: &Geometry, cluster: u32) -> io::Result<Option<u32>> {
    geometry.cluster_at(cluster).ok_or(io::ErrorKind::InvalidData)?;
    let number = u64::from(cluster);
    let (at, bytes) = match geometry.width {
        Width::Fat12 => (number + number / 2, 2),
        Width::Fat16 => (number * 2, 2),
        Width::Fat32 => (number * 4, 4),
    };
    let mut entry = [0u8; 4];
    window.read_exact_at(geometry.table_at + at, entry.get_mut(..bytes).unwrap_or_default())?;
    let entry = u32::from_le_bytes(entry);
    let (value, end) = match geometry.width {
        Width::Fat12 if cluster.is_multiple_of(2) => (entry & 0xFFF, 0xFF8),
        Width::Fat12 => (entry >> 4, 0xFF8),
        Width::Fat16 => (entry, 0xFFF8),
        Width::Fat32 => (entry & 0x0FFF_FFFF, 0x0FFF_FFF8),
    };
    if value >= end {
        return Ok(None);
    }
    geometry.cluster_at(value).map(|_| Some(value)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The content of a file.
#[derive(Debug)]
pub struct Content<'a> {
    window: &'a Window,
    geometry: &'a Geometry,
    cluster: u32,
    /// Place in the cluster; equal to the cluster's length before the next one has been looked up.
    within: u64,
    left: u64,
}

impl<'a> Content<'a> {
    /// `size_bytes` from the chain that begins at `first`.
    pub const fn new(window: &'a Window, geometry: &'a Geometry, first: u32, size_bytes: u64) -> Self {
        Self { window, geometry, cluster: first, within: 0, left: size_bytes }
    }

    fn read_some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.within == self.geometry.cluster_bytes {
            // Here the chain ends before the size is reached: what is missing is a read error, never a shorter file.
            let next = next(self.window, self.geometry, self.cluster)?;
            self.cluster = next.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.within = 0;
        }
        let at = self.geometry.cluster_at(self.cluster).ok_or(io::ErrorKind::InvalidData)?;
        let most = (out.len() as u64).min(self.geometry.cluster_bytes - self.within).min(self.left) as usize;
        let n = self.window.read_at(at + self.within, out.get_mut(..most).unwrap_or_default())?;
        self.within += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

impl Read for Content<'_> {
    /// Fills `out` as far as it can, so that small clusters do not become small frames.
    // A chain that runs in a circle ends with the size, which is below 4 GiB and below the limit of the caller.
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
