//! One baseline JPEG image and nothing else (ITU-T T.81, JFIF 1.02).
//!
//! The scans are decoded down to their prefix codes, so that bytes after the last block of a scan are seen; the
//! coefficients themselves are of no interest here.
//!
//! **Invariant**: success means every byte is a known header field, a code of a block, padding or the end marker.

use super::RejectionCode as Code;
use super::{Rejection, Verified, require};

/// BOUND: baseline allows two tables per class (T.81, table B.5), the syntax four.
const TABLES: usize = 4;
const FAST_BITS: u32 = 9;

/// What the file's dictionary says about the image.
pub(super) struct Expected {
    pub(super) width: u16,
    pub(super) height: u16,
    /// 1 (grey) or 3 (YCbCr).
    pub(super) components: u8,
}

/// Checks that `bytes` are exactly one baseline JPEG of the expected size.
pub(super) fn check(bytes: &[u8], expected: &Expected) -> Verified<()> {
    let mut walker = Walker { bytes, pos: 0, ..Walker::default() };
    walker.run(expected).ok_or(Rejection::new(Code::Jpeg, walker.pos))?;
    require(walker.pos == bytes.len(), Code::Jpeg, walker.pos)
}

#[derive(Clone, Copy)]
struct Component {
    id: u8,
    across: u32,
    down: u32,
    quantiser: u8,
    scanned: bool,
}

#[derive(Default)]
struct Walker<'a> {
    bytes: &'a [u8],
    pos: usize,
    quantisers: [bool; TABLES],
    dc: [Option<PrefixCode>; TABLES],
    ac: [Option<PrefixCode>; TABLES],
    frame: Vec<Component>,
    width: u32,
    height: u32,
    restart_interval: u32,
}

/// Every method returns `None` for "not accepted".
impl<'a> Walker<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.pos.checked_add(len)?;
        let taken = self.bytes.get(self.pos..end)?;
        self.pos = end;
        Some(taken)
    }

    fn marker(&mut self) -> Option<u8> {
        match self.take(2)? {
            [0xFF, marker] => Some(*marker),
            _ => None,
        }
    }

    /// The payload of a segment, without its length field.
    fn segment(&mut self) -> Option<&'a [u8]> {
        let [high, low] = self.take(2)? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        self.take(length.checked_sub(2)?)
    }

    fn run(&mut self, expected: &Expected) -> Option<()> {
        (self.marker()? == 0xD8).then_some(())?;
        (self.marker()? == 0xE0).then_some(())?;
        jfif(self.segment()?)?;
        loop {
            match self.marker()? {
                0xDB => {
                    let tables = self.segment()?;
                    self.quantisation(tables)?;
                }
                0xC0 => {
                    let frame = self.segment()?;
                    self.start_of_frame(frame, expected)?;
                }
                0xC4 => {
                    let tables = self.segment()?;
                    self.huffman(tables)?;
                }
                0xDD => {
                    let [high, low] = self.segment()? else {
                        return None;
                    };
                    self.restart_interval = u32::from(u16::from_be_bytes([*high, *low]));
                }
                0xDA => {
                    let scan = self.segment()?;
                    self.scan(scan)?;
                }
                0xD9 => break,
                _ => return None,
            }
        }
        let complete = !self.frame.is_empty() && self.frame.iter().all(|component| component.scanned);
        complete.then_some(())
    }

    fn quantisation(&mut self, mut tables: &[u8]) -> Option<()> {
        (!tables.is_empty()).then_some(())?;
        while let Some((id, rest)) = tables.split_first() {
            *self.quantisers.get_mut(usize::from(*id))? = true;
            let (values, rest) = rest.split_at_checked(64)?;
            values.iter().all(|value| *value > 0).then_some(())?;
            tables = rest;
        }
        Some(())
    }

    fn huffman(&mut self, mut tables: &[u8]) -> Option<()> {
        (!tables.is_empty()).then_some(())?;
        while let Some((id, rest)) = tables.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(total)?;
            let class = match id >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *class.get_mut(usize::from(id & 15))? = Some(PrefixCode::new(counts, symbols)?);
            tables = rest;
        }
        Some(())
    }

    fn start_of_frame(&mut self, frame: &[u8], expected: &Expected) -> Option<()> {
        let ([precision, h1, h2, w1, w2, count], components) = frame.split_first_chunk::<6>()?;
        let (width, height) = (u16::from_be_bytes([*w1, *w2]), u16::from_be_bytes([*h1, *h2]));
        let agrees = *precision == 8
            && self.frame.is_empty()
            && width == expected.width
            && height == expected.height
            && *count == expected.components
            && components.len() == usize::from(*count) * 3;
        agrees.then_some(())?;
        (self.width, self.height) = (u32::from(width), u32::from(height));
        for component in components.chunks_exact(3) {
            let [id, sampling, quantiser] = component else {
                return None;
            };
            let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            let fresh = self.frame.iter().all(|other| other.id != *id);
            (fresh && matches!(across, 1 | 2 | 4) && matches!(down, 1 | 2 | 4)).then_some(())?;
            self.frame.push(Component { id: *id, across, down, quantiser: *quantiser, scanned: false });
        }
        Some(())
    }

    /// One scan: its header says which components and tables; then the coded blocks.
    fn scan(&mut self, header: &[u8]) -> Option<()> {
        let (count, rest) = header.split_first()?;
        let (selectors, parameters) = rest.split_at_checked(usize::from(*count) * 2)?;
        (*count > 0 && parameters == [0, 63, 0]).then_some(())?;
        let most_across = self.frame.iter().map(|component| component.across).max()?;
        let most_down = self.frame.iter().map(|component| component.down).max()?;
        let interleaved = *count > 1;
        let mut blocks: Vec<(u32, &PrefixCode, &PrefixCode)> = Vec::new();
        let mut units = (self.width.div_ceil(8 * most_across), self.height.div_ceil(8 * most_down));
        for selector in selectors.chunks_exact(2) {
            let [id, tables] = selector else { return None };
            let component = self.frame.iter_mut().find(|component| component.id == *id && !component.scanned)?;
            component.scanned = true;
            self.quantisers.get(usize::from(component.quantiser))?.then_some(())?;
            let dc = self.dc.get(usize::from(tables >> 4))?.as_ref()?;
            let ac = self.ac.get(usize::from(tables & 15))?.as_ref()?;
            if interleaved {
                blocks.push((component.across * component.down, dc, ac));
            } else {
                // T.81, A.2.2: a scan of one component has only the blocks that its samples need.
                let across = (self.width * component.across).div_ceil(most_across);
                let down = (self.height * component.down).div_ceil(most_down);
                units = (across.div_ceil(8), down.div_ceil(8));
                blocks.push((1, dc, ac));
            }
        }
        let total = u64::from(units.0) * u64::from(units.1);
        let mut bits = Bits { bytes: self.bytes, pos: self.pos, buffer: 0, count: 0 };
        for unit in 0..total {
            if self.restart_interval > 0 && unit > 0 && unit % u64::from(self.restart_interval) == 0 {
                let number = (unit / u64::from(self.restart_interval) - 1) % 8;
                bits.restart(number as u8)?;
            }
            for (count, dc, ac) in &blocks {
                for _ in 0..*count {
                    bits.block(dc, ac)?;
                }
            }
        }
        bits.finish()?;
        self.pos = bits.pos;
        Some(())
    }
}

/// JFIF 1.02: the identifier, version, density; no thumbnail, nothing after it.
fn jfif(payload: &[u8]) -> Option<()> {
    let plain = matches!(payload, [b'J', b'F', b'I', b'F', 0, 1, 0..=2, 0..=2, _, _, _, _, 0, 0]);
    plain.then_some(())
}

/// A prefix code of T.81, annex C: lengths 1 to 16, no code of only ones.
struct PrefixCode {
    /// `symbol << 8 | length`, or 0 where the code is longer than [`FAST_BITS`].
    fast: Vec<u16>,
    /// Per length: first code, index of its symbol, number of codes.
    rows: Vec<(u32, u32, u32)>,
    symbols: Vec<u8>,
}

impl PrefixCode {
    fn new(counts: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut fast = vec![0_u16; 1 << FAST_BITS];
        let mut rows = Vec::with_capacity(16);
        let (mut code, mut index) = (0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(counts) {
            let count = u32::from(*count);
            rows.push((code, index, count));
            let end = code + count;
            (count == 0 || end < 1 << length).then_some(())?;
            if length <= FAST_BITS {
                for (code, symbol) in (code..end).zip(symbols.iter().skip(index as usize)) {
                    let first = (code << (FAST_BITS - length)) as usize;
                    for slot in fast.iter_mut().skip(first).take(1 << (FAST_BITS - length)) {
                        *slot = u16::from(*symbol) << 8 | length as u16;
                    }
                }
            }
            index += count;
            code = end << 1;
        }
        (!symbols.is_empty()).then_some(Self { fast, rows, symbols: symbols.to_vec() })
    }
}

/// Bits of a scan, highest first, with `FF 00` unstuffed; stops before any other marker.
struct Bits<'a> {
    bytes: &'a [u8],
    pos: usize,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(byte) = self.bytes.get(self.pos) else {
                return;
            };
            if *byte == 0xFF {
                if self.bytes.get(self.pos.saturating_add(1)) != Some(&0) {
                    return;
                }
                self.pos += 1;
            }
            self.pos += 1;
            self.buffer = self.buffer << 8 | u64::from(*byte);
            self.count += 8;
        }
    }

    fn drop(&mut self, bits: u32) -> Option<()> {
        self.count = self.count.checked_sub(bits)?;
        Some(())
    }

    fn symbol(&mut self, code: &PrefixCode) -> Option<u8> {
        // BOUND: the longest code and the longest value after it have 16 bits each.
        if self.count < 32 {
            self.fill();
        }
        // Past the last bit the peek sees zeros; `drop` refuses to use them.
        let window = match self.count.checked_sub(16) {
            Some(excess) => (self.buffer >> excess) as u32 & 0xFFFF,
            None => (self.buffer << (16 - self.count)) as u32 & 0xFFFF,
        };
        let entry = code.fast.get((window >> (16 - FAST_BITS)) as usize).copied().unwrap_or_default();
        if entry != 0 {
            self.drop(u32::from(entry & 0xFF))?;
            return Some((entry >> 8) as u8);
        }
        for (length, (first, index, count)) in (1_u32..).zip(&code.rows) {
            let ahead = (window >> (16 - length)).wrapping_sub(*first);
            if ahead < *count {
                self.drop(length)?;
                return code.symbols.get((index + ahead) as usize).copied();
            }
        }
        None
    }

    /// One block of 64 coefficients: T.81, F.2.2.
    fn block(&mut self, dc: &PrefixCode, ac: &PrefixCode) -> Option<()> {
        let size = self.symbol(dc)?;
        (size <= 11).then_some(())?;
        self.drop(u32::from(size))?;
        let mut at = 1_u32;
        while at < 64 {
            let symbol = self.symbol(ac)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (0, 0) => return Some(()),
                (15, 0) => at += 16,
                (_, 1..=10) => {
                    self.drop(size)?;
                    at += run + 1;
                }
                _ => return None,
            }
            (at <= 64).then_some(())?;
        }
        Some(())
    }

    /// Nothing but fewer than eight one bits may be left before the next marker.
    fn finish(&mut self) -> Option<()> {
        self.fill();
        let padding = (1_u64 << self.count.min(8)) - 1;
        let filled = self.count < 8 && self.buffer & padding == padding;
        filled.then_some(())?;
        (self.buffer, self.count) = (0, 0);
        Some(())
    }

    fn restart(&mut self, number: u8) -> Option<()> {
        self.finish()?;
        let end = self.pos.checked_add(2)?;
        (self.bytes.get(self.pos..end)? == [0xFF, 0xD0 + number]).then_some(())?;
        self.pos = end;
        Some(())
    }
}
