//! Which blocks of the volume have which blocks of a file: extent trees (ext4) and block maps (ext2, ext3).
//!
//! **Invariant:** a map is followed forwards only. Each step leads at least one block further in the file, so that no map,
//! whatever it says, is followed for longer than the file is long.

use crate::bytes::{long, word};
use crate::cache::Window;
use crate::pieces::Piece;
use std::io;

const EXTENTS_MAGIC: u16 = 0xF30A;
/// Most levels of an extent tree below its root.
const MAX_DEPTH: u16 = 5;
/// An extent of more blocks has that many fewer, which were reserved and not written.
const UNWRITTEN: u16 = 32_768;

/// A run of blocks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its first block in the file.
    pub first: u64,
    /// Its first block on the volume; `None` for a hole.
    pub block: Option<u64>,
    /// Blocks, at least one.
    pub blocks: u64,
}

/// Runs in the order of the file as pieces, with holes between them and up to the last block.
#[derive(Debug)]
pub(crate) struct Runs<I> {
    source: I,
    waiting: Option<Run>,
    next: u64,
    last: u64,
    block_bytes: u64,
}

impl<I: Iterator<Item = io::Result<Run>>> Runs<I> {
    /// The pieces of a file of `last` blocks.
    pub const fn new(runs: I, block_bytes: u64, last: u64) -> Self {
        Self { source: runs, waiting: None, next: 0, last, block_bytes }
    }

    fn piece(&mut self) -> io::Result<Option<Piece>> {
        if self.next >= self.last {
            return Ok(None);
        }
        let run = match self.waiting.take() {
            Some(run) => Some(run),
            None => self.source.next().transpose()?,
        };
        let bytes = |blocks: u64| blocks.checked_mul(self.block_bytes).ok_or_else(broken);
        match run {
            None => {
                let hole = bytes(self.last - self.next)?;
                self.next = self.last;
                Ok(Some(Piece::zeros(hole)))
            }
            Some(run) if run.first > self.next => {
                let hole = bytes(run.first - self.next)?;
                self.next = run.first;
                self.waiting = Some(run);
                Ok(Some(Piece::zeros(hole)))
            }
            // A run that goes back would let one block of a file be two.
            Some(run) if run.first < self.next || run.blocks == 0 => Err(broken()),
            Some(run) => {
                self.next += run.blocks;
                let length = bytes(run.blocks)?;
                run.block.map_or(Ok(Piece::zeros(length)), |block| Ok(Piece::at(bytes(block)?, length))).map(Some)
            }
        }
    }
}

impl<I: Iterator<Item = io::Result<Run>>> Iterator for Runs<I> {
    type Item = io::Result<Piece>;

    fn next(&mut self) -> Option<Self::Item> {
        self.piece().transpose()
    }
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// A node of an extent tree, and the next of its entries.
#[derive(Debug)]
struct Node {
    raw: Vec<u8>,
    depth: u16,
    entries: u16,
    next: u16,
}

impl Node {
    fn read(raw: Vec<u8>) -> Option<Self> {
        let (entries, depth) = (word(&raw, 2)?, word(&raw, 6)?);
        let fits = word(&raw, 0)? == EXTENTS_MAGIC && depth <= MAX_DEPTH && 12 + usize::from(entries) * 12 <= raw.len();
        fits.then_some(Self { raw, depth, entries, next: 0 })
    }

    fn step(&mut self) -> Option<Step> {
        let at = 12 + usize::from(self.next) * 12;
        self.next += 1;
        let raw = &self.raw;
        if self.depth > 0 {
            return Some(Step::Down(u64::from(long(raw, at + 4)?) | u64::from(word(raw, at + 8)?) << 32));
        }
        let count = word(raw, at + 4)?;
        let block = u64::from(long(raw, at + 8)?) | u64::from(word(raw, at + 6)?) << 32;
        let written = count <= UNWRITTEN;
        let blocks = if written { count } else { count - UNWRITTEN };
        Some(Step::Run(Run { first: long(raw, at)?.into(), block: written.then_some(block), blocks: blocks.into() }))
    }
}

/// Where an entry of a node leads.
enum Step {
    /// To blocks of the file.
    Run(Run),
    /// To the node in this block.
    Down(u64),
}

/// Runs of an extent tree ("Extent Tree").
#[derive(Debug)]
pub struct Tree<'a> {
    window: &'a Window,
    block_bytes: u64,
    /// From the root to the node being read; `None` when the root is none.
    path: Option<Vec<Node>>,
}

impl<'a> Tree<'a> {
    /// The tree whose root these 60 bytes are.
    pub fn new(window: &'a Window, root: &[u8], block_bytes: u64) -> Self {
        Self { window, block_bytes, path: Node::read(root.to_vec()).map(|root| vec![root]) }
    }

    /// The next run. Every node but the root has an entry, so that each way down ends in a run.
    fn step(&mut self) -> io::Result<Option<Run>> {
        let path = self.path.as_mut().ok_or_else(broken)?;
        // Fewer rounds than two for each level: up over finished nodes, then down.
        while let Some(node) = path.last_mut() {
            if node.next >= node.entries {
                path.pop();
                continue;
            }
            match node.step().ok_or_else(broken)? {
                Step::Run(run) => return Ok(Some(run)),
                Step::Down(block) => {
                    let depth = node.depth;
                    let mut raw = vec![0; self.block_bytes as usize];
                    self.window.read_exact_at(block.checked_mul(self.block_bytes).ok_or_else(broken)?, &mut raw)?;
                    let child = Node::read(raw).filter(|child| child.depth + 1 == depth && child.entries > 0);
                    path.push(child.ok_or_else(broken)?);
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for Tree<'_> {
    type Item = io::Result<Run>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

/// Runs of a block map: twelve blocks, then one, two and three levels of blocks of numbers ("Direct/Indirect Block
/// Addressing").
#[derive(Debug)]
pub struct Indirect<'a> {
    window: &'a Window,
    map: Vec<u8>,
    block_bytes: u64,
    next: u64,
}

impl<'a> Indirect<'a> {
    const DIRECT: u64 = 12;

    /// The map that these 60 bytes are.
    pub fn new(window: &'a Window, map: &[u8], block_bytes: u64) -> Self {
        Self { window, map: map.to_vec(), block_bytes, next: 0 }
    }

    /// The block of the volume that has block `number` of the file, or how many blocks the hole there is long.
    fn look_up(&self, number: u64) -> Option<Result<u64, u64>> {
        let entry = |index: u64| long(&self.map, index as usize * 4).map(u64::from);
        let Some(mut within) = number.checked_sub(Self::DIRECT) else {
            return Some(Some(entry(number)?).filter(|block| *block > 0).ok_or(1));
        };
        let per_block = self.block_bytes / 4;
        let mut level = 1;
        let mut span = per_block;
        while within >= span {
            within -= span;
            level += 1;
            // BOUND: three levels; the largest span is (65,536 / 4) cubed.
            span *= if level <= 3 { per_block } else { return None };
        }
        let mut block = entry(Self::DIRECT + level - 1)?;
        for _ in 0..level {
            if block == 0 {
                return Some(Err(span - within));
            }
            span /= per_block;
            let (index, rest) = (within / span, within % span);
            let mut number = [0; 4];
            self.window.read_exact_at(block.checked_mul(self.block_bytes)?.checked_add(index * 4)?, &mut number).ok()?;
            block = u32::from_le_bytes(number).into();
            within = rest;
        }
        Some(if block == 0 { Err(1) } else { Ok(block) })
    }
}

impl Iterator for Indirect<'_> {
    type Item = io::Result<Run>;

    // There is always a next run: the file's length ends it, or the map's.
    fn next(&mut self) -> Option<Self::Item> {
        let first = self.next;
        let Some(found) = self.look_up(first) else { return Some(Err(broken())) };
        let (block, blocks) = match found {
            Ok(block) => (Some(block), 1),
            Err(hole) => (None, hole),
        };
        self.next = first.saturating_add(blocks);
        Some(Ok(Run { first, block, blocks }))
    }
}
