//! Checksums, compression and byte writing shared by all builders.
//!
//! **Invariant:** equal input gives equal bytes on every machine: no clock, no randomness, and compression by the one
//! backend whose output does not depend on the processor.

/// CRC-32 (ISO 3309, as in ZIP, PNG, gzip and GPT).
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 }))
}

/// CRC-32 of `count` zero bytes, by repeated squaring of the "one zero byte" matrix over GF(2).
pub fn crc32_of_zeros(mut count: u64) -> u32 {
    let step = |value: u32| (0..8).fold(value, |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 });
    let apply = |matrix: &[u32; 32], value: u32| {
        matrix.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1).fold(0, |sum, (_, column)| sum ^ column)
    };
    let mut matrix: [u32; 32] = std::array::from_fn(|bit| step(1 << bit));
    let mut register = !0u32;
    while count > 0 {
        if count & 1 == 1 {
            register = apply(&matrix, register);
        }
        let square = std::array::from_fn(|bit| matrix.get(bit).map_or(0, |column| apply(&matrix, *column)));
        matrix = square;
        count >>= 1;
    }
    !register
}

/// Adler-32 (RFC 1950).
pub fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

/// Raw DEFLATE (RFC 1951).
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec(bytes, 6)
}

/// zlib stream (RFC 1950).
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x9C];
    out.extend(deflate(bytes));
    out.extend(adler32(bytes).to_be_bytes());
    out
}

/// Raw DEFLATE stream of `count` zero bytes (at least one), at the best ratio the format allows (about 1 : 1032):
/// one block whose longest match and only distance have codes of one bit each (RFC 1951, 3.2.7).
pub fn deflate_zeros(count: u64) -> Vec<u8> {
    const LENGTH_258: (u32, u32) = (0b0, 1);
    const ZERO: (u32, u32) = (0b10, 2);
    const END: (u32, u32) = (0b11, 2);
    let mut out = BitWriter::default();
    out.bits(1, 1); // last block
    out.bits(2, 2); // dynamic codes
    out.bits(29, 5); // 286 literal and length codes
    out.bits(0, 5); // 1 distance code
    out.bits(14, 4); // 18 lengths of the code-length code, in the order 16 17 18 0 8 … 2 14 1
    for position in 0..18 {
        out.bits(
            if position == 2 {
                1
            } else if matches!(position, 15 | 17) {
                2
            } else {
                0
            },
            3,
        );
    }
    let zeros_run = |out: &mut BitWriter, run: u32| {
        out.code(0b0, 1);
        out.bits(run - 11, 7);
    };
    out.code(0b11, 2); // literal 0: two bits
    zeros_run(&mut out, 138);
    zeros_run(&mut out, 117);
    out.code(0b11, 2); // end of block: two bits
    zeros_run(&mut out, 28);
    out.code(0b10, 2); // length 258: one bit
    out.code(0b10, 2); // distance 1: one bit
    let matches = count.saturating_sub(1) / 258;
    let literals = count.saturating_sub(matches * 258);
    for _ in 0..literals {
        out.code(ZERO.0, ZERO.1);
    }
    for _ in 0..matches {
        out.code(LENGTH_258.0, LENGTH_258.1);
        out.code(0, 1);
    }
    out.code(END.0, END.1);
    out.finish()
}

/// zlib stream of `count` zero bytes.
pub fn zlib_zeros(count: u64) -> Vec<u8> {
    let mut out = vec![0x78, 0xDA];
    out.extend(deflate_zeros(count));
    out.extend((((count % 65_521) as u32) << 16 | 1).to_be_bytes());
    out
}

/// Writes bits, least significant first.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// The low `count` (at most 32) bits of `value`, least significant first.
    pub fn bits(&mut self, value: u32, count: u32) {
        self.pending |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code of `count` bits, most significant first.
    pub fn code(&mut self, code: u32, count: u32) {
        self.bits(code.reverse_bits() >> (32 - count), count);
    }

    /// The bytes, the last one filled with zero bits.
    pub fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

/// Reproducible noise (xorshift64*); not random, only unlike a pattern.
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// Noise of a seed; seed 0 counts as 1.
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    /// `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next_u32() >> 24) as u8).collect()
    }
}

/// UTF-16, little-endian, without a byte order mark.
pub fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Windows-1252; characters outside it become `?`.
pub fn windows_1252(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| match c {
            '\u{0}'..='\u{7F}' | '\u{A0}'..='\u{FF}' => c as u8,
            '€' => 0x80,
            '„' => 0x84,
            '…' => 0x85,
            '‘' => 0x91,
            '’' => 0x92,
            '“' => 0x93,
            '”' => 0x94,
            '•' => 0x95,
            '–' => 0x96,
            '—' => 0x97,
            _ => b'?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn checksums_are_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        for count in [0, 1, 7, 1000] {
            assert_eq!(crc32_of_zeros(count as u64), crc32(&vec![0; count]));
        }
    }

    #[test]
    fn zeros_inflate_to_zeros() {
        for count in [1u64, 2, 258, 259, 260, 1_000_003] {
            let mut out = Vec::new();
            flate2::read::ZlibDecoder::new(&zlib_zeros(count)[..]).read_to_end(&mut out).unwrap();
            assert_eq!(out, vec![0; count as usize]);
        }
    }

    #[test]
    fn zlib_reads_back() {
        let text = b"Schleuse Schleuse Schleuse".repeat(50);
        let mut out = Vec::new();
        flate2::read::ZlibDecoder::new(&zlib(&text)[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, text);
    }
}
