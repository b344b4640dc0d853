//! Cutting a page into horizontal bands, each with the encoding that suits it.
//!
//! The page is read once, into runs of equal pixels; everything after that works on runs.
//!
//! **Invariant.** The bands cover every row of the raster exactly once, in order.

use std::ops::Range;

use super::Raster;
use super::palette::{Palette, Tally, distance};

const WHITE: [u8; 3] = [255; 3];
const BLACK: [u8; 3] = [0; 3];

/// Channel difference from which replacing a colour could be seen in a smooth area.
const VISIBLE: u8 = 3;
/// Neighbours closer than this make an area smooth; glyph edges are steeper.
const SMOOTH: u8 = 24;
/// A strip is a photo when more than one part in this many of its pixels would visibly change in smooth areas.
const BANDING_SHARE: usize = 64;

/// Equal pixels next to each other in one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) len: u32,
    pub(super) rgb: [u8; 3],
}

/// What a band's pixels are.
#[derive(Debug)]
pub(super) enum Kind {
    /// White only.
    White,
    /// Pure black and pure white.
    Bilevel,
    /// Few colours, with the bits per pixel they need.
    Palette(Tally, u8),
    /// Grey that 16 levels would band.
    Grey,
    /// Everything else.
    Colour,
}

/// Neighbouring rows with one encoding.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) rows: Range<usize>,
    pub(super) kind: Kind,
    pub(super) runs: Vec<Run>,
}

/// Cuts the page into strips of `strip_height_px` rows and merges neighbours of the same kind.
pub(super) fn cut(raster: &Raster, strip_height_px: u32) -> Vec<Band> {
    let width = raster.width_px as usize;
    let (pixels, _) = raster.rgb.as_chunks::<3>();
    let mut bands: Vec<Band> = Vec::new();
    let mut top = 0;
    for strip in pixels.chunks(width * strip_height_px as usize) {
        let rows = top..top + strip.len() / width;
        top = rows.end;
        let runs = scan(strip, width);
        let kind = classify(strip, width, &runs);
        let band = Band { rows, kind, runs };
        match bands.last_mut() {
            Some(last) => {
                if let Some(apart) = last.absorb(band) {
                    bands.push(apart);
                }
            }
            None => bands.push(band),
        }
    }
    bands
}

impl Band {
    /// Takes the next band in if both can share one image; gives it back otherwise.
    fn absorb(&mut self, mut next: Self) -> Option<Self> {
        let Some(kind) = Kind::joined(&self.kind, &next.kind) else {
            return Some(next);
        };
        self.kind = kind;
        self.rows.end = next.rows.end;
        self.runs.append(&mut next.runs);
        None
    }
}

impl Kind {
    /// The kind of two neighbours as one band. White joins everything lossless; palettes join if that costs no bits.
    fn joined(above: &Self, below: &Self) -> Option<Self> {
        match (above, below) {
            (Self::White, Self::White) => Some(Self::White),
            (Self::White | Self::Bilevel, Self::Bilevel) | (Self::Bilevel, Self::White) => Some(Self::Bilevel),
            (Self::Grey, Self::Grey) => Some(Self::Grey),
            (Self::Colour, Self::Colour) => Some(Self::Colour),
            (Self::White, Self::Palette(tally, bits)) | (Self::Palette(tally, bits), Self::White) => {
                Self::palette(tally.merged(&Tally::white()), *bits)
            }
            (Self::Palette(one, bits), Self::Palette(other, more)) => Self::palette(one.merged(other), *bits.max(more)),
            (Self::White | Self::Bilevel | Self::Palette(..) | Self::Grey | Self::Colour, _) => None,
        }
    }

    fn palette(tally: Tally, bits: u8) -> Option<Self> {
        (tally.bits()? == bits).then_some(Self::Palette(tally, bits))
    }
}

/// Splits a strip into runs; none crosses a row end.
fn scan(strip: &[[u8; 3]], width: usize) -> Vec<Run> {
    let mut runs = Vec::with_capacity(strip.len() / 8);
    for mut row in strip.chunks(width) {
        while let [first, tail @ ..] = row {
            let more = leading(tail, *first);
            runs.push(Run { len: more as u32 + 1, rgb: *first });
            row = tail.get(more..).unwrap_or_default();
        }
    }
    runs
}

/// How many pixels at the start have this colour; compares 16 at a time once a run has proved long.
fn leading(pixels: &[[u8; 3]], rgb: [u8; 3]) -> usize {
    const PROOF: usize = 4;
    let short = pixels.iter().take(PROOF).take_while(|pixel| **pixel == rgb).count();
    if short < PROOF {
        return short;
    }
    let block = [rgb; 16];
    let (blocks, _) = pixels.as_chunks::<16>();
    let long = 16 * blocks.iter().take_while(|next| **next == block).count();
    long + pixels.iter().skip(long).take_while(|pixel| **pixel == rgb).count()
}

fn classify(strip: &[[u8; 3]], width: usize, runs: &[Run]) -> Kind {
    if runs.iter().all(|run| run.rgb == WHITE) {
        return Kind::White;
    }
    if runs.iter().all(|run| run.rgb == WHITE || run.rgb == BLACK) {
        return Kind::Bilevel;
    }
    if let Some(tally) = Tally::of(runs, strip.len())
        && let Some(bits) = tally.bits()
        && !bands(strip, width, runs, &tally.palette())
    {
        return Kind::Palette(tally, bits);
    }
    if runs.iter().all(|run| run.rgb[0] == run.rgb[1] && run.rgb[1] == run.rgb[2]) { Kind::Grey } else { Kind::Colour }
}

/// Whether the palette would change smooth areas visibly, as it does to photos and gradients. On the steep edges of
/// glyphs the same change cannot be seen.
fn bands(strip: &[[u8; 3]], width: usize, runs: &[Run], palette: &Palette) -> bool {
    let allowed = strip.len() / BANDING_SHARE;
    let mut smooth = 0;
    let mut start = 0;
    for run in runs {
        let end = start + run.len as usize;
        if distance(palette.nearest(run.rgb).1, run.rgb) >= VISIBLE {
            smooth += (start..end).filter(|place| is_smooth(strip, width, *place)).count();
            if smooth > allowed {
                return true;
            }
        }
        start = end;
    }
    false
}

/// Whether all four neighbours (those inside the strip's memory) have nearly the same colour.
fn is_smooth(strip: &[[u8; 3]], width: usize, place: usize) -> bool {
    let Some(here) = strip.get(place) else {
        return false;
    };
    [place.checked_sub(width), place.checked_sub(1), Some(place + 1), Some(place + width)]
        .into_iter()
        .flatten()
        .filter_map(|neighbour| strip.get(neighbour))
        .all(|neighbour| distance(*neighbour, *here) < SMOOTH)
}
