//! Group 4 fax images (ITU-T T.6, with the run codes of T.4), walked to their end.
//!
//! **Invariant**: success means the bytes hold exactly `rows` lines of exactly `columns` pixels, the end-of-block code,
//! and zero bits up to the next byte.

use super::RejectionCode as Code;
use super::{Rejection, Verified};

const CODE_BITS: u32 = 13;

/// White runs 0–63, then 64, 128 … 1728, as (code, bits): T.4, tables 2 and 3a.
const WHITE: [(u16, u8); 91] = [
    (0x35, 8),
    (0x07, 6),
    (0x07, 4),
    (0x08, 4),
    (0x0B, 4),
    (0x0C, 4),
    (0x0E, 4),
    (0x0F, 4),
    (0x13, 5),
    (0x14, 5),
    (0x07, 5),
    (0x08, 5),
    (0x08, 6),
    (0x03, 6),
    (0x34, 6),
    (0x35, 6),
    (0x2A, 6),
    (0x2B, 6),
    (0x27, 7),
    (0x0C, 7),
    (0x08, 7),
    (0x17, 7),
    (0x03, 7),
    (0x04, 7),
    (0x28, 7),
    (0x2B, 7),
    (0x13, 7),
    (0x24, 7),
    (0x18, 7),
    (0x02, 8),
    (0x03, 8),
    (0x1A, 8),
    (0x1B, 8),
    (0x12, 8),
    (0x13, 8),
    (0x14, 8),
    (0x15, 8),
    (0x16, 8),
    (0x17, 8),
    (0x28, 8),
    (0x29, 8),
    (0x2A, 8),
    (0x2B, 8),
    (0x2C, 8),
    (0x2D, 8),
    (0x04, 8),
    (0x05, 8),
    (0x0A, 8),
    (0x0B, 8),
    (0x52, 8),
    (0x53, 8),
    (0x54, 8),
    (0x55, 8),
    (0x24, 8),
    (0x25, 8),
    (0x58, 8),
    (0x59, 8),
    (0x5A, 8),
    (0x5B, 8),
    (0x4A, 8),
    (0x4B, 8),
    (0x32, 8),
    (0x33, 8),
    (0x34, 8),
    (0x1B, 5),
    (0x12, 5),
    (0x17, 6),
    (0x37, 7),
    (0x36, 8),
    (0x37, 8),
    (0x64, 8),
    (0x65, 8),
    (0x68, 8),
    (0x67, 8),
    (0xCC, 9),
    (0xCD, 9),
    (0xD2, 9),
    (0xD3, 9),
    (0xD4, 9),
    (0xD5, 9),
    (0xD6, 9),
    (0xD7, 9),
    (0xD8, 9),
    (0xD9, 9),
    (0xDA, 9),
    (0xDB, 9),
    (0x98, 9),
    (0x99, 9),
    (0x9A, 9),
    (0x18, 6),
    (0x9B, 9),
];
/// Black runs 0–63, then 64, 128 … 1728, as (code, bits): T.4, tables 2 and 3a.
const BLACK: [(u16, u8); 91] = [
    (0x37, 10),
    (0x02, 3),
    (0x03, 2),
    (0x02, 2),
    (0x03, 3),
    (0x03, 4),
    (0x02, 4),
    (0x03, 5),
    (0x05, 6),
    (0x04, 6),
    (0x04, 7),
    (0x05, 7),
    (0x07, 7),
    (0x04, 8),
    (0x07, 8),
    (0x18, 9),
    (0x17, 10),
    (0x18, 10),
    (0x08, 10),
    (0x67, 11),
    (0x68, 11),
    (0x6C, 11),
    (0x37, 11),
    (0x28, 11),
    (0x17, 11),
    (0x18, 11),
    (0xCA, 12),
    (0xCB, 12),
    (0xCC, 12),
    (0xCD, 12),
    (0x68, 12),
    (0x69, 12),
    (0x6A, 12),
    (0x6B, 12),
    (0xD2, 12),
    (0xD3, 12),
    (0xD4, 12),
    (0xD5, 12),
    (0xD6, 12),
    (0xD7, 12),
    (0x6C, 12),
    (0x6D, 12),
    (0xDA, 12),
    (0xDB, 12),
    (0x54, 12),
    (0x55, 12),
    (0x56, 12),
    (0x57, 12),
    (0x64, 12),
    (0x65, 12),
    (0x52, 12),
    (0x53, 12),
    (0x24, 12),
    (0x37, 12),
    (0x38, 12),
    (0x27, 12),
    (0x28, 12),
    (0x58, 12),
    (0x59, 12),
    (0x2B, 12),
    (0x2C, 12),
    (0x5A, 12),
    (0x66, 12),
    (0x67, 12),
    (0x0F, 10),
    (0xC8, 12),
    (0xC9, 12),
    (0x5B, 12),
    (0x33, 12),
    (0x34, 12),
    (0x35, 12),
    (0x6C, 13),
    (0x6D, 13),
    (0x4A, 13),
    (0x4B, 13),
    (0x4C, 13),
    (0x4D, 13),
    (0x72, 13),
    (0x73, 13),
    (0x74, 13),
    (0x75, 13),
    (0x76, 13),
    (0x77, 13),
    (0x52, 13),
    (0x53, 13),
    (0x54, 13),
    (0x55, 13),
    (0x5A, 13),
    (0x5B, 13),
    (0x64, 13),
    (0x65, 13),
];
/// Runs 1792, 1856 … 2560 of either color, as (code, bits): T.4, table 3b.
const EXTENDED: [(u16, u8); 13] = [
    (0x08, 11),
    (0x0C, 11),
    (0x0D, 11),
    (0x12, 12),
    (0x13, 12),
    (0x14, 12),
    (0x15, 12),
    (0x16, 12),
    (0x17, 12),
    (0x1C, 12),
    (0x1D, 12),
    (0x1E, 12),
    (0x1F, 12),
];

/// Checks that `bytes` decode to exactly `rows` × `columns`.
pub(super) fn check(bytes: &[u8], columns: u32, rows: u32) -> Verified<()> {
    let mut walker = Walker { bits: Bits { bytes, pos: 0, buffer: 0, count: 0 }, columns, runs: Runs::new() };
    walker.run(rows).ok_or(Rejection::new(Code::Ccitt, 0))
}

/// Bits, highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    pos: usize,
    buffer: u64,
    count: u32,
}

impl Bits<'_> {
    /// The next `bits` ≤ 24 bits; zeros past the end.
    fn peek(&mut self, bits: u32) -> u32 {
        while self.count < bits {
            let byte = self.bytes.get(self.pos).copied();
            if byte.is_none() {
                return (self.buffer << (bits - self.count)) as u32 & ((1 << bits) - 1);
            }
            self.pos += 1;
            self.buffer = self.buffer << 8 | u64::from(byte.unwrap_or_default());
            self.count += 8;
        }
        (self.buffer >> (self.count - bits)) as u32 & ((1 << bits) - 1)
    }

    fn drop(&mut self, bits: u32) -> Option<()> {
        self.count = self.count.checked_sub(bits)?;
        Some(())
    }
}

enum Mode {
    Pass,
    Horizontal,
    Vertical(i32),
}

/// Both run tables, indexed by the next [`CODE_BITS`] bits: `(run, bits)`, bits 0 where there is no code.
struct Runs {
    white: Vec<(u16, u8)>,
    black: Vec<(u16, u8)>,
}

impl Runs {
    fn new() -> Self {
        Self { white: lookup(&WHITE), black: lookup(&BLACK) }
    }
}

fn lookup(codes: &[(u16, u8)]) -> Vec<(u16, u8)> {
    let mut table = vec![(0, 0); 1 << CODE_BITS];
    let runs = (0..64).chain((64..=2560).step_by(64));
    for (run, (code, bits)) in runs.zip(codes.iter().chain(&EXTENDED)) {
        let spare = CODE_BITS - u32::from(*bits);
        for slot in table.iter_mut().skip(usize::from(*code) << spare).take(1 << spare) {
            *slot = (run, *bits);
        }
    }
    table
}

struct Walker<'a> {
    bits: Bits<'a>,
    columns: u32,
    runs: Runs,
}

impl Walker<'_> {
    fn run(&mut self, rows: u32) -> Option<()> {
        let (mut reference, mut line) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            line.clear();
            self.line(&reference, &mut line)?;
            std::mem::swap(&mut reference, &mut line);
        }
        // End-of-facsimile-block: two end-of-line codes (T.6, 2.4.1.1).
        (self.bits.peek(24) == 0x00_1001).then_some(())?;
        self.bits.drop(24)?;
        let rest = self.bits.count;
        let padded = rest < 8 && self.bits.peek(rest) == 0 && self.bits.pos == self.bits.bytes.len();
        padded.then_some(())
    }

    fn mode(&mut self) -> Option<Mode> {
        let window = self.bits.peek(7);
        let (mode, bits) = match window {
            0b100_0000.. => (Mode::Vertical(0), 1),
            0b011_0000..=0b011_1111 => (Mode::Vertical(1), 3),
            0b010_0000..=0b010_1111 => (Mode::Vertical(-1), 3),
            0b001_0000..=0b001_1111 => (Mode::Horizontal, 3),
            0b000_1000..=0b000_1111 => (Mode::Pass, 4),
            0b000_0110 | 0b000_0111 => (Mode::Vertical(2), 6),
            0b000_0100 | 0b000_0101 => (Mode::Vertical(-2), 6),
            0b000_0011 => (Mode::Vertical(3), 7),
            0b000_0010 => (Mode::Vertical(-3), 7),
            // Extensions and end-of-line have no place inside a line.
            0 | 1 => return None,
        };
        self.bits.drop(bits)?;
        Some(mode)
    }

    /// A run length: make-up codes, then one terminating code. Bounded by the line.
    fn run_length(&mut self, black: bool) -> Option<u32> {
        let mut total = 0_u32;
        loop {
            let window = self.bits.peek(CODE_BITS) as usize;
            let table = if black { &self.runs.black } else { &self.runs.white };
            let (run, bits) = *table.get(window)?;
            (bits > 0).then_some(())?;
            self.bits.drop(u32::from(bits))?;
            total += u32::from(run);
            (total <= self.columns).then_some(())?;
            if run < 64 {
                return Some(total);
            }
        }
    }

    /// One line: T.6, 2.2. `reference` and `line` hold the columns where the color changes, white first, ascending.
    fn line(&mut self, reference: &[u32], line: &mut Vec<u32>) -> Option<()> {
        // `passed` counts the reference changes that lie at or left of a0; it only grows, so a line is linear.
        let (mut a0, mut started, mut black, mut passed) = (0_u32, false, false, 0_usize);
        while a0 < self.columns {
            while started && reference.get(passed).is_some_and(|change| *change <= a0) {
                passed += 1;
            }
            let b1_at = if (passed % 2 == 1) == black { passed } else { passed + 1 };
            let b1 = reference.get(b1_at).copied().unwrap_or(self.columns);
            match self.mode()? {
                Mode::Pass => a0 = *reference.get(b1_at + 1)?,
                Mode::Vertical(delta) => {
                    let a1 = b1.checked_add_signed(delta)?;
                    self.change(a1, line)?;
                    (a1 > a0 || !started).then_some(())?;
                    (a0, black) = (a1, !black);
                }
                Mode::Horizontal => {
                    let a1 = a0 + self.run_length(black)?;
                    self.change(a1, line)?;
                    let a2 = a1 + self.run_length(!black)?;
                    self.change(a2, line)?;
                    a0 = a2;
                }
            }
            started = true;
        }
        Some(())
    }

    /// Notes a color change at `column`; changes ascend, and the end of the line is none.
    fn change(&self, column: u32, line: &mut Vec<u32>) -> Option<()> {
        let ascending = line.last().is_none_or(|last| *last < column) && column <= self.columns;
        ascending.then_some(())?;
        if column < self.columns {
            line.push(column);
        }
        Some(())
    }
}
