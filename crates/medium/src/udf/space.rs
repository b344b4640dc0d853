//! Partitions: where on the volume the blocks are that files speak of (ECMA-167, 3/10.7; UDF 2.60, 2.2.8 to 2.2.11).

use crate::bytes::{long, word};
use crate::cache::Window;
use std::collections::BTreeMap;

/// A block as files name it: partition reference and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Index of the partition map.
    pub partition: u16,
    /// Number in the partition.
    pub number: u32,
}

/// An extent of a physical partition, in blocks of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First block.
    pub first: u32,
    /// How many.
    pub blocks: u32,
}

/// How a partition map leads to the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Map {
    /// Block after block.
    Physical(Extent),
    /// Some packets lie elsewhere, because their own place is defective.
    Sparable {
        /// The partition.
        extent: Extent,
        /// Blocks of a packet.
        packet: u32,
        /// First block of a packet in the partition → first block on the volume.
        spared: BTreeMap<u32, u32>,
    },
    /// Blocks of a file: runs of first block → first byte and bytes on the volume.
    Metadata(BTreeMap<u32, (u64, u64)>),
    /// Not readable here (the virtual partitions of discs written once are not).
    Unknown,
}

/// All partition maps of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Maps, by partition reference.
    pub maps: Vec<Map>,
}

impl Space {
    /// First byte of a block on the volume, and how many bytes follow one another from there.
    pub fn place(&self, block: Block) -> Option<(u64, u64)> {
        let number = block.number;
        match self.maps.get(usize::from(block.partition))? {
            Map::Physical(extent) => self.within(*extent, number),
            Map::Sparable { extent, packet, spared } => {
                let (at, follow) = self.within(*extent, number)?;
                let inside = number % packet;
                let rest = u64::from(packet - inside) * self.block_bytes;
                match spared.get(&(number - inside)) {
                    Some(elsewhere) => Some(((u64::from(*elsewhere) + u64::from(inside)) * self.block_bytes, rest)),
                    None if spared.is_empty() => Some((at, follow)),
                    None => Some((at, follow.min(rest))),
                }
            }
            Map::Metadata(runs) => {
                let (first, (at, bytes)) = runs.range(..=number).next_back()?;
                let inside = u64::from(number - first) * self.block_bytes;
                (inside < *bytes).then(|| Some((at.checked_add(inside)?, bytes - inside)))?
            }
            Map::Unknown => None,
        }
    }

    fn within(&self, extent: Extent, number: u32) -> Option<(u64, u64)> {
        let left = extent.blocks.checked_sub(number).filter(|left| *left > 0)?;
        Some(((u64::from(extent.first) + u64::from(number)) * self.block_bytes, u64::from(left) * self.block_bytes))
    }

    /// A block's bytes.
    pub fn read(&self, window: &Window, block: Block) -> Option<Vec<u8>> {
        let (at, _) = self.place(block)?;
        let mut raw = vec![0; self.block_bytes as usize];
        window.read_exact_at(at, &mut raw).ok()?;
        Some(raw)
    }
}

/// Reads the first sparing table that is whole (UDF 2.60, 2.2.12); none is a disc without defects.
pub fn spared(window: &Window, map: &[u8], block_bytes: u64) -> Option<BTreeMap<u32, u32>> {
    // BOUND: the map has room for four places.
    (0..4).find_map(|number| {
        let at = u64::from(long(map, 48 + number * 4).filter(|at| *at > 0)?);
        let mut raw = vec![0; block_bytes as usize];
        window.read_exact_at(at * block_bytes, &mut raw).ok()?;
        // The table is longer than a block where the disc has many defects.
        let bytes = (56 + u64::from(word(&raw, 48)?) * 8).max(block_bytes);
        raw.resize(bytes as usize, 0);
        window.read_exact_at(at * block_bytes, &mut raw).ok()?;
        let whole = super::tag::identify(&raw) == Some(0) && raw.get(17..35)? == b"*UDF Sparing Table";
        let entries = raw.get(56..).filter(|_| whole)?.chunks_exact(8).take(usize::from(word(&raw, 48)?));
        // From FFFFFFF0 on: free, or defective itself.
        Some(entries.filter_map(|entry| Some((long(entry, 0)?, long(entry, 4)?))).filter(|(from, _)| *from < 0xFFFF_FFF0).collect())
    })
}
