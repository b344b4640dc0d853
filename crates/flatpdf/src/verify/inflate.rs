//! Zlib streams (RFC 1950) of deflate blocks (RFC 1951), decoded exactly.
//!
//! Own code because the verifier must know which input byte was the last one used, must stop at an exact output length,
//! and must not panic on anything; the decoders at hand promise one or two of these.
//!
//! **Invariant**: success means the whole input was one stream: header, blocks, zero padding, checksum, end.

/// Why a stream was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not a zlib stream, a damaged one, or one with something after it.
    Malformed,
    /// More output than asked for.
    TooLong,
}

const MAX_BITS: usize = 15;
const FAST_BITS: u32 = 10;
const FAST_LEN: usize = 1 << FAST_BITS;

const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385,
    24577,
];
const DISTANCE_EXTRA: [u8; 30] = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Decodes `input`, which must be one zlib stream and nothing else, to at most `most` bytes.
pub(super) fn zlib(input: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    let (header, rest) = input.split_at_checked(2).ok_or(Fault::Malformed)?;
    let (body, checksum) = rest.len().checked_sub(4).and_then(|at| rest.split_at_checked(at)).ok_or(Fault::Malformed)?;
    let [cmf, flags] = header else {
        return Err(Fault::Malformed);
    };
    let deflate = cmf & 15 == 8 && cmf >> 4 <= 7;
    let dictionary = flags & 32 != 0;
    if !deflate || dictionary || (u16::from(*cmf) << 8 | u16::from(*flags)) % 31 != 0 {
        return Err(Fault::Malformed);
    }
    // BOUND: deflate expands at most 1032 times, so a small input never reserves much.
    let reserve = most.min(body.len().saturating_mul(1032));
    let mut inflater = Inflater { bits: Bits::new(body), out: Vec::with_capacity(reserve), most };
    inflater.blocks()?;
    if !inflater.bits.at_end() || checksum != adler32(&inflater.out).to_be_bytes() {
        return Err(Fault::Malformed);
    }
    Ok(inflater.out)
}

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    // BOUND: 5,552 bytes are the most whose sums fit 32 bits before the remainder is taken.
    for chunk in bytes.chunks(5_552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    b << 16 | a
}

/// Bits of the input, lowest first.
struct Bits<'a> {
    input: &'a [u8],
    pos: usize,
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    const fn new(input: &'a [u8]) -> Self {
        Self { input, pos: 0, buffer: 0, count: 0 }
    }

    /// At least 56 bits in the buffer, or all that are left.
    fn fill(&mut self) {
        let end = self.pos.saturating_add(8);
        if let Some(Ok(word)) = self.input.get(self.pos..end).map(<[u8; 8]>::try_from) {
            self.buffer |= u64::from_le_bytes(word) << self.count;
            let taken = (63 - self.count) >> 3;
            self.pos += taken as usize;
            self.count += taken * 8;
            // Bits above `count` will be read again; they must not be there twice.
            self.buffer &= u64::MAX >> (64 - self.count);
            return;
        }
        while self.count <= 56 {
            let Some(byte) = self.input.get(self.pos) else {
                return;
            };
            self.buffer |= u64::from(*byte) << self.count;
            self.count += 8;
            self.pos += 1;
        }
    }

    fn drop(&mut self, bits: u32) -> Result<(), Fault> {
        self.count = self.count.checked_sub(bits).ok_or(Fault::Malformed)?;
        self.buffer >>= bits;
        Ok(())
    }

    /// `bits` ≤ 32 bits as a number.
    fn take(&mut self, bits: u32) -> Result<u32, Fault> {
        if self.count < bits {
            self.fill();
        }
        let value = self.buffer & ((1 << bits) - 1);
        self.drop(bits)?;
        Ok(value as u32)
    }

    /// Drops the rest of the byte, which must be zero.
    fn align(&mut self) -> Result<(), Fault> {
        if self.take(self.count % 8)? == 0 { Ok(()) } else { Err(Fault::Malformed) }
    }

    fn at_end(&mut self) -> bool {
        self.fill();
        self.align().is_ok() && self.count == 0 && self.pos == self.input.len()
    }
}

/// A canonical prefix code: a table for short codes, counting for long ones.
struct Code {
    /// `symbol << 4 | length`, or 0 where the code is longer than [`FAST_BITS`].
    fast: Vec<u16>,
    count: [u16; MAX_BITS + 1],
    symbols: Vec<u16>,
}

impl Code {
    /// The code with these lengths; it must be complete, or have at most the one code that deflate allows alone.
    fn new(lengths: &[u8]) -> Result<Self, Fault> {
        let mut count = [0_u16; MAX_BITS + 1];
        for length in lengths {
            *count.get_mut(usize::from(*length)).ok_or(Fault::Malformed)? += 1;
        }
        let used = lengths.len() - usize::from(count.first().copied().unwrap_or_default());
        let mut left = 1_i32;
        for of_length in count.iter().skip(1) {
            left = left * 2 - i32::from(*of_length);
            if left < 0 {
                return Err(Fault::Malformed);
            }
        }
        let single = used == 1 && count.get(1) == Some(&1);
        if left > 0 && used > 0 && !single {
            return Err(Fault::Malformed);
        }
        let (mut code, mut symbols, mut fast) = (0_u32, Vec::with_capacity(used), vec![0_u16; FAST_LEN]);
        for length in 1..=MAX_BITS as u32 {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, bits)| u32::from(**bits) == length) {
                symbols.push(symbol as u16);
                if length <= FAST_BITS {
                    let first = (code.reverse_bits() >> (32 - length)) as usize;
                    for slot in fast.iter_mut().skip(first).step_by(1 << length) {
                        *slot = (symbol as u16) << 4 | length as u16;
                    }
                }
                code += 1;
            }
            code <<= 1;
        }
        Ok(Self { fast, count, symbols })
    }

    fn decode(&self, bits: &mut Bits) -> Result<u16, Fault> {
        if bits.count < MAX_BITS as u32 {
            bits.fill();
        }
        let entry = self.fast.get(bits.buffer as usize & (FAST_LEN - 1)).copied().unwrap_or_default();
        if entry != 0 {
            bits.drop(u32::from(entry & 15))?;
            return Ok(entry >> 4);
        }
        self.decode_long(bits)
    }

    /// Bit by bit: RFC 1951, section 3.2.2.
    fn decode_long(&self, bits: &mut Bits) -> Result<u16, Fault> {
        let (mut code, mut first, mut index) = (0_i32, 0_i32, 0_i32);
        for of_length in self.count.iter().skip(1) {
            code |= bits.take(1)? as i32;
            let of_length = i32::from(*of_length);
            if code - first < of_length {
                let at = usize::try_from(index + code - first).map_err(|_| Fault::Malformed)?;
                return self.symbols.get(at).copied().ok_or(Fault::Malformed);
            }
            index += of_length;
            first = (first + of_length) << 1;
            code <<= 1;
        }
        Err(Fault::Malformed)
    }
}

struct Inflater<'a> {
    bits: Bits<'a>,
    out: Vec<u8>,
    most: usize,
}

impl Inflater<'_> {
    fn blocks(&mut self) -> Result<(), Fault> {
        let mut fixed = None;
        loop {
            let last = self.bits.take(1)? == 1;
            match self.bits.take(2)? {
                0 => self.stored()?,
                1 => {
                    // Kept, because a block can be shorter than its tables are cheap to build.
                    let (literals, distances) = match fixed.take() {
                        Some(codes) => codes,
                        None => fixed_codes()?,
                    };
                    self.compressed(&literals, &distances)?;
                    fixed = Some((literals, distances));
                }
                2 => {
                    let (literals, distances) = self.dynamic_codes()?;
                    self.compressed(&literals, &distances)?;
                }
                _ => return Err(Fault::Malformed),
            }
            if last {
                return Ok(());
            }
        }
    }

    /// Fails when `more` bytes would exceed the most allowed.
    fn room(&self, more: usize) -> Result<(), Fault> {
        if self.most - self.out.len() < more { Err(Fault::TooLong) } else { Ok(()) }
    }

    fn stored(&mut self) -> Result<(), Fault> {
        self.bits.align()?;
        let len = self.bits.take(16)?;
        if self.bits.take(16)? != len ^ 0xFFFF {
            return Err(Fault::Malformed);
        }
        self.room(len as usize)?;
        // What the buffer holds is whole bytes now: hand them back and copy from the input.
        let start = self.bits.pos - (self.bits.count / 8) as usize;
        let end = start + len as usize;
        self.out.extend_from_slice(self.bits.input.get(start..end).ok_or(Fault::Malformed)?);
        self.bits = Bits { input: self.bits.input, pos: end, buffer: 0, count: 0 };
        Ok(())
    }

    fn dynamic_codes(&mut self) -> Result<(Code, Code), Fault> {
        let literals = self.bits.take(5)? as usize + 257;
        let distances = self.bits.take(5)? as usize + 1;
        let code_lengths = self.bits.take(4)? as usize + 4;
        if literals > 286 || distances > 30 {
            return Err(Fault::Malformed);
        }
        let mut lengths = [0_u8; 19];
        for at in CODE_LENGTH_ORDER.iter().take(code_lengths) {
            let slot = lengths.get_mut(*at).ok_or(Fault::Malformed)?;
            *slot = self.bits.take(3)? as u8;
        }
        let code = Code::new(&lengths)?;
        let total = literals + distances;
        let mut lengths: Vec<u8> = Vec::with_capacity(total);
        while lengths.len() < total {
            let (value, repeat) = match code.decode(&mut self.bits)? {
                length @ 0..=15 => (length as u8, 1),
                16 => (*lengths.last().ok_or(Fault::Malformed)?, 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                _ => (0, 11 + self.bits.take(7)?),
            };
            lengths.extend(std::iter::repeat_n(value, repeat as usize));
        }
        if lengths.len() > total {
            return Err(Fault::Malformed);
        }
        let (of_literals, of_distances) = lengths.split_at_checked(literals).ok_or(Fault::Malformed)?;
        Ok((Code::new(of_literals)?, Code::new(of_distances)?))
    }

    fn compressed(&mut self, literals: &Code, distances: &Code) -> Result<(), Fault> {
        loop {
            let symbol = literals.decode(&mut self.bits)?;
            match symbol {
                0..=255 => {
                    self.room(1)?;
                    self.out.push(symbol as u8);
                }
                256 => return Ok(()),
                _ => {
                    let length = self.extra(usize::from(symbol) - 257, &LENGTH_BASE, &LENGTH_EXTRA)?;
                    let at = usize::from(distances.decode(&mut self.bits)?);
                    let distance = self.extra(at, &DISTANCE_BASE, &DISTANCE_EXTRA)?;
                    self.copy(distance, length)?;
                }
            }
        }
    }

    fn extra(&mut self, at: usize, base: &[u16], extra: &[u8]) -> Result<usize, Fault> {
        let (Some(base), Some(extra)) = (base.get(at), extra.get(at)) else {
            return Err(Fault::Malformed);
        };
        Ok(usize::from(*base) + self.bits.take(u32::from(*extra))? as usize)
    }

    fn copy(&mut self, distance: usize, mut length: usize) -> Result<(), Fault> {
        self.room(length)?;
        let start = self.out.len().checked_sub(distance).ok_or(Fault::Malformed)?;
        // A copy that overlaps itself repeats; each round doubles what there is to repeat.
        while length > 0 {
            let part = length.min(self.out.len() - start);
            self.out.extend_from_within(start..start + part);
            length -= part;
        }
        Ok(())
    }
}

/// RFC 1951, section 3.2.6.
fn fixed_codes() -> Result<(Code, Code), Fault> {
    let literals: Vec<u8> = (0..288)
        .map(|symbol| match symbol {
            0..=143 => 8,
            144..=255 => 9,
            256..=279 => 7,
            _ => 8,
        })
        .collect();
    Ok((Code::new(&literals)?, Code::new(&[5; 32])?))
}

#[cfg(test)]
mod tests;
