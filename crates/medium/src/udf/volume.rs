//! From the anchor to the root directory (ECMA-167, 3/8.4 and 3/10, 4/14.1; UDF 2.60, section 2.2).

use super::icb::{FileEntry, long_address};
use super::space::{Block, Extent, Map, Space, spared};
use super::tag;
use crate::bytes::{long, word};
use crate::cache::Window;
use crate::pieces::Place;
use std::collections::BTreeMap;

const ANCHOR: u16 = 2;
const POINTER: u16 = 3;
const PARTITION: u16 = 5;
const LOGICAL_VOLUME: u16 = 6;
const TERMINATOR: u16 = 8;
const FILE_SET: u16 = 256;
/// Most blocks of volume descriptors that are read for one anchor.
// BOUND: both sequences have 16 as a rule; each descriptor is there once, and again only where something was changed.
const MAX_DESCRIPTORS: usize = 1_024;
/// Most partition maps.
// BOUND: UDF allows two.
const MAX_MAPS: usize = 8;
/// Most runs of a metadata file.
// BOUND: it is allocated in units of 64 KiB or more, and grows with the volume.
const MAX_RUNS: usize = 1 << 16;

/// A volume's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Its partitions.
    pub space: Space,
    /// File entry of the root directory.
    pub root: Block,
    /// Directory of the streams that belong to the volume.
    pub streams: Option<Block>,
}

impl Layout {
    /// Finds the anchors, with blocks of every length a medium has; `None` when none of them leads to a root directory.
    pub fn read(window: &Window) -> Option<Self> {
        [2_048u64, 512, 4_096, 1_024].into_iter().find_map(|block_bytes| {
            let blocks = window.length() / block_bytes;
            let places = [Some(256), blocks.checked_sub(1), blocks.checked_sub(257), blocks.checked_sub(256), Some(512)];
            places.into_iter().flatten().find_map(|number| {
                let raw = block(window, number, block_bytes)?;
                // The number tells blocks of one length from those of another.
                let anchor = tag::identify(&raw) == Some(ANCHOR) && u64::from(long(&raw, 12)?) == number;
                anchor.then(|| Self::of(window, &raw, block_bytes))?
            })
        })
    }

    fn of(window: &Window, anchor: &[u8], block_bytes: u64) -> Option<Self> {
        let mut found = Descriptors::default();
        for at in [16, 24] {
            found.sequence(window, long(anchor, at + 4)?, long(anchor, at)?, block_bytes);
        }
        let (_, volume) = found.volume.as_ref()?;
        let fits = u64::from(long(volume, 212)?) == block_bytes && volume.get(217..236)? == b"*OSTA UDF Compliant";
        let maps = found.maps(window, volume, block_bytes).filter(|_| fits)?;
        let mut space = Space { block_bytes, maps };
        read_metadata(window, volume, &mut space);
        let set = space.read(window, long_address(volume, 248)?)?;
        let root = (tag::identify(&set) == Some(FILE_SET)).then(|| long_address(&set, 400))??;
        let streams = long_address(&set, 464);
        Some(Self { space, root, streams })
    }
}

fn block(window: &Window, number: u64, block_bytes: u64) -> Option<Vec<u8>> {
    let mut raw = vec![0; block_bytes as usize];
    window.read_exact_at(number.checked_mul(block_bytes)?, &mut raw).ok()?;
    Some(raw)
}

/// The volume descriptors that count: of each, the one with the highest number.
#[derive(Debug, Default)]
struct Descriptors {
    volume: Option<(u32, Vec<u8>)>,
    partitions: BTreeMap<u16, (u32, Extent)>,
    met: usize,
}

impl Descriptors {
    /// Takes the descriptors of a sequence, wherever it goes on. A broken one is passed over: there are two sequences.
    fn sequence(&mut self, window: &Window, first: u32, bytes: u32, block_bytes: u64) {
        let mut next = Some((first, bytes));
        while let Some((first, bytes)) = next.take() {
            for number in 0..u64::from(bytes) / block_bytes {
                self.met += 1;
                let Some(raw) = block(window, u64::from(first) + number, block_bytes) else { return };
                match tag::identify(&raw) {
                    _ if self.met > MAX_DESCRIPTORS => return,
                    Some(POINTER) => next = long(&raw, 24).zip(long(&raw, 20)),
                    Some(TERMINATOR) => return,
                    Some(kind) => self.take(kind, raw).unwrap_or_default(),
                    None => {}
                }
            }
        }
    }

    fn take(&mut self, kind: u16, raw: Vec<u8>) -> Option<()> {
        let number = long(&raw, 16)?;
        match kind {
            PARTITION => {
                let extent = Extent { first: long(&raw, 188)?, blocks: long(&raw, 192)? };
                let known = self.partitions.entry(word(&raw, 22)?).or_insert((number, extent));
                if number > known.0 {
                    *known = (number, extent);
                }
            }
            LOGICAL_VOLUME if self.volume.as_ref().is_none_or(|(known, _)| number > *known) => self.volume = Some((number, raw)),
            _ => {}
        }
        Some(())
    }

    /// The partition maps of a logical volume; those that lead through a file come afterwards.
    fn maps(&self, window: &Window, volume: &[u8], block_bytes: u64) -> Option<Vec<Map>> {
        Some(raw_maps(volume)?.into_iter().map(|raw| self.map(window, raw, block_bytes).unwrap_or(Map::Unknown)).collect())
    }

    fn map(&self, window: &Window, raw: &[u8], block_bytes: u64) -> Option<Map> {
        let extent = |at| Some(self.partitions.get(&word(raw, at)?)?.1);
        match (raw.first()?, raw.get(5..28)) {
            (1, _) => extent(4).map(Map::Physical),
            (2, Some(name)) if name.starts_with(b"*UDF Sparable Partition") => {
                let packet = u32::from(word(raw, 40)?).max(1);
                let spared = spared(window, raw, block_bytes).unwrap_or_default();
                extent(38).map(|extent| Map::Sparable { extent, packet, spared })
            }
            _ => None,
        }
    }
}

/// A metadata partition is a file, of which there are two of the same content.
fn read_metadata(window: &Window, volume: &[u8], space: &mut Space) {
    for (index, raw) in raw_maps(volume).unwrap_or_default().into_iter().enumerate() {
        if !raw.get(5..28).is_some_and(|name| name.starts_with(b"*UDF Metadata Partition")) {
            continue;
        }
        // The file lies in the partition of the same number that is mapped otherwise.
        let number = word(raw, 38);
        let physical = raw_maps(volume).unwrap_or_default().into_iter().position(|other| match other.first() {
            Some(1) => word(other, 4) == number,
            _ => word(other, 38) == number && !other.get(5..28).is_some_and(|name| name.starts_with(b"*UDF Metadata")),
        });
        let runs = [40, 44].into_iter().find_map(|at| {
            let file = Block { partition: u16::try_from(physical?).ok()?, number: long(raw, at)? };
            runs(window, space, file)
        });
        if let (Some(runs), Some(map)) = (runs, space.maps.get_mut(index)) {
            *map = Map::Metadata(runs);
        }
    }
}

/// The partition maps as they lie.
fn raw_maps(volume: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = volume.get(440..440usize.checked_add(long(volume, 264)? as usize)?)?;
    let mut maps = Vec::new();
    while maps.len() < (long(volume, 268)? as usize).min(MAX_MAPS) {
        let (map, others) = rest.split_at_checked(usize::from(*rest.get(1)?)).filter(|(map, _)| map.len() >= 6)?;
        maps.push(map);
        rest = others;
    }
    Some(maps)
}

/// Where the blocks of a metadata file lie.
fn runs(window: &Window, space: &Space, file: Block) -> Option<BTreeMap<u32, (u64, u64)>> {
    let entry = FileEntry::read(window, space, file)?;
    let (mut runs, mut next) = (BTreeMap::new(), 0u64);
    for piece in entry.pieces(window, space) {
        let piece = piece.ok()?;
        if let Place::At(at) = piece.place {
            runs.insert(u32::try_from(next / space.block_bytes).ok()?, (at, piece.bytes));
        }
        next = next.checked_add(piece.bytes)?;
        // Beyond the length there is no file, and no end of descriptors that lead in a circle either.
        if next >= entry.size_bytes {
            return Some(runs);
        }
        if runs.len() > MAX_RUNS {
            return None;
        }
    }
    None
}
