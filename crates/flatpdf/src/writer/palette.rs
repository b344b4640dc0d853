//! Reducing a strip to few colours without visible loss.
//!
//! Colours fall into 4,096 cells (4 bits per channel). A colour that fills areas (a *flat*) keeps its exact value;
//! what is left in a cell without flats is represented by the cell's mean. A grey strip therefore needs 16 entries.
//!
//! **Invariant.** A strip whose every pixel belongs to a flat, or stands alone in its cell, is reproduced exactly.

use std::collections::BTreeMap;

use super::strips::Run;

/// Entries an indexed colour space can have (ISO 32000-1, 8.6.6.3).
const MAX_ENTRIES: usize = 256;
const CELLS: usize = 4096;
/// A run this long hints at a filled area.
const FLAT_RUN_PX: u32 = 8;
/// A colour is a flat when such runs cover more than one part in this many of the strip.
const FLAT_SHARE: usize = 256;

const fn nibbles() -> [u16; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        // Rounds to the nearest multiple of 17, the values 4 bits can express.
        table[value] = (value as u16 + 8) / 17;
        value += 1;
    }
    table
}
static NIBBLE: [u16; 256] = nibbles();

fn cell_of([r, g, b]: [u8; 3]) -> u16 {
    let nibble = |value: u8| NIBBLE[usize::from(value)];
    nibble(r) << 8 | nibble(g) << 4 | nibble(b)
}

/// Largest difference over the channels.
pub(super) fn distance(a: [u8; 3], b: [u8; 3]) -> u8 {
    let channel = |index: usize| a[index].abs_diff(b[index]);
    channel(0).max(channel(1)).max(channel(2))
}

/// Sums of the pixels that fell into one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    rgb: [u64; 3],
    pixels: u64,
}

impl Sum {
    fn add(&mut self, rgb: [u8; 3], pixels: u32) {
        for (sum, value) in self.rgb.iter_mut().zip(rgb) {
            *sum += u64::from(value) * u64::from(pixels);
        }
        self.pixels += u64::from(pixels);
    }

    fn mean(&self) -> [u8; 3] {
        self.rgb.map(|sum| ((sum + self.pixels / 2) / self.pixels.max(1)) as u8)
    }
}

/// The colours of a strip, ready to be merged with those of its neighbour.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// Exact colours by cell.
    flats: BTreeMap<u16, Vec<[u8; 3]>>,
    /// Everything else by cell.
    sums: BTreeMap<u16, Sum>,
}

impl Tally {
    /// Counts the colours of a strip; `None` when they are too many for a palette.
    pub(super) fn of(runs: &[Run], pixels: usize) -> Option<Self> {
        let mut sums = vec![Sum::default(); CELLS];
        let mut used = Vec::with_capacity(MAX_ENTRIES);
        let mut areas: Vec<([u8; 3], usize)> = Vec::new();
        let mut add = |rgb: [u8; 3], pixels: u32| -> Option<()> {
            let cell = cell_of(rgb);
            let sum = sums.get_mut(usize::from(cell))?;
            if sum.pixels == 0 {
                if used.len() == MAX_ENTRIES {
                    return None;
                }
                used.push(cell);
            }
            sum.add(rgb, pixels);
            Some(())
        };
        for run in runs {
            if run.len < FLAT_RUN_PX {
                add(run.rgb, run.len)?;
            } else if let Some(place) = areas.iter().position(|(rgb, _)| *rgb == run.rgb) {
                if let Some(area) = areas.get_mut(place) {
                    area.1 += run.len as usize;
                }
                // The most recent colour first: the next long run most likely has it again.
                areas.swap(0, place);
            } else if areas.len() < MAX_ENTRIES {
                areas.push((run.rgb, run.len as usize));
            } else {
                return None;
            }
        }
        let mut flats: BTreeMap<u16, Vec<[u8; 3]>> = BTreeMap::new();
        for (rgb, area) in areas {
            if area * FLAT_SHARE > pixels {
                flats.entry(cell_of(rgb)).or_default().push(rgb);
            } else {
                add(rgb, area as u32)?;
            }
        }
        for colours in flats.values_mut() {
            colours.sort_unstable();
        }
        let sums = used.into_iter().map(|cell| (cell, sums.get(usize::from(cell)).copied().unwrap_or_default())).collect();
        Some(Self { flats, sums }).filter(|tally| tally.entries() <= MAX_ENTRIES)
    }

    /// The colours of a white strip.
    pub(super) fn white() -> Self {
        let white = [255; 3];
        Self { flats: BTreeMap::from([(cell_of(white), vec![white])]), sums: BTreeMap::new() }
    }

    fn entries(&self) -> usize {
        let means = self.sums.keys().filter(|cell| !self.flats.contains_key(cell)).count();
        self.flats.values().map(Vec::len).sum::<usize>() + means
    }

    /// Bits per pixel of the palette: 1, 2, 4 or 8; `None` when it does not fit.
    pub(super) fn bits(&self) -> Option<u8> {
        match self.entries() {
            0..=2 => Some(1),
            3..=4 => Some(2),
            5..=16 => Some(4),
            17..=MAX_ENTRIES => Some(8),
            _ => None,
        }
    }

    /// The colours of both strips.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (cell, colours) in &other.flats {
            let known = both.flats.entry(*cell).or_default();
            known.extend(colours);
            known.sort_unstable();
            known.dedup();
        }
        for (cell, sum) in &other.sums {
            let known = both.sums.entry(*cell).or_default();
            known.rgb.iter_mut().zip(sum.rgb).for_each(|(mine, theirs)| *mine += theirs);
            known.pixels += sum.pixels;
        }
        both
    }

    /// The finished palette; entries in order of their cells.
    pub(super) fn palette(&self) -> Palette {
        let mut cells: BTreeMap<u16, Vec<[u8; 3]>> = self.sums.iter().map(|(cell, sum)| (*cell, vec![sum.mean()])).collect();
        cells.extend(self.flats.iter().map(|(cell, colours)| (*cell, colours.clone())));
        let mut palette = Palette { entries: Vec::new(), spans: vec![(0, 0); CELLS] };
        for (cell, colours) in cells {
            if let Some(span) = palette.spans.get_mut(usize::from(cell)) {
                *span = (palette.entries.len() as u16, colours.len() as u16);
            }
            palette.entries.extend(colours);
        }
        palette
    }
}

/// At most 256 colours and the way from a pixel to one of them.
#[derive(Debug)]
pub(super) struct Palette {
    entries: Vec<[u8; 3]>,
    /// First entry and number of entries of each cell.
    spans: Vec<(u16, u16)>,
}

impl Palette {
    /// The entries, in index order.
    pub(super) fn entries(&self) -> &[[u8; 3]] {
        &self.entries
    }

    /// The index that stands for a colour, and the colour there.
    pub(super) fn nearest(&self, rgb: [u8; 3]) -> (u8, [u8; 3]) {
        let (start, count) = self.spans.get(usize::from(cell_of(rgb))).copied().unwrap_or_default();
        let candidates = self.entries.iter().enumerate().skip(usize::from(start)).take(usize::from(count));
        candidates.min_by_key(|(_, entry)| distance(**entry, rgb)).map_or((0, rgb), |(index, entry)| (index as u8, *entry))
    }
}
