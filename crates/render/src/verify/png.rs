//! Rebuilt PNG images (PNG specification, third edition).

use super::Refusal;
use flate2::{Crc, Decompress, FlushDecompress, Status};

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A];

/// Accepts a PNG that consists of `IHDR`, then at most one `PLTE`, `tRNS` and `pHYs`, then consecutive `IDAT`, then `IEND`,
/// with correct checksums and nothing behind; not interlaced, at most `max_pixels`, whose `IDAT` inflates to exactly the
/// rows with valid filter types, and whose zlib stream ends exactly with the last `IDAT`.
///
/// # Errors
/// A code that starts with `png-`, and the byte offset.
pub fn verify_png(bytes: &[u8], max_pixels: u64) -> Result<(), Refusal> {
    if !bytes.starts_with(&SIGNATURE) {
        return Err(("png-signature", 0));
    }
    let mut position = SIGNATURE.len();
    let mut order = Order::default();
    let mut rows: Option<Rows> = None;
    loop {
        let chunk = Chunk::at(bytes, position)?;
        order.admit(chunk.name, position)?;
        match (chunk.name, rows.as_mut()) {
            (b"IHDR", None) => {
                rows = Some(Rows::new(Header::of(chunk.body, position, max_pixels)?));
            }
            (b"PLTE", Some(rows)) => rows.header.check_palette(chunk.body.len(), position)?,
            (b"IDAT", Some(rows)) => rows.inflate(chunk.body, position)?,
            (b"pHYs", Some(_)) if chunk.body.len() != 9 => return Err(("png-phys", position)),
            (b"tRNS", Some(rows)) => rows.header.check_transparency(chunk.body.len(), position)?,
            (b"IEND", Some(rows)) => {
                rows.check_complete(position)?;
                let end = position + 12;
                return if !chunk.body.is_empty() {
                    Err(("png-end", position))
                } else if end == bytes.len() {
                    Ok(())
                } else {
                    Err(("png-trailing", end))
                };
            }
            _ => {}
        }
        position += chunk.body.len() + 12;
    }
}

struct Chunk<'a> {
    name: &'a [u8; 4],
    body: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn at(bytes: &'a [u8], position: usize) -> Result<Self, Refusal> {
        let cut = ("png-cut", position);
        let rest = bytes.get(position..).ok_or(cut)?;
        let length = u32::from_be_bytes(*rest.first_chunk().ok_or(cut)?) as usize;
        let end = length.checked_add(8).filter(|_| length < 1 << 31).ok_or(cut)?;
        let named = rest.get(4..end).ok_or(cut)?;
        let stored = u32::from_be_bytes(*rest.get(end..).and_then(<[u8]>::first_chunk).ok_or(cut)?);
        let mut crc = Crc::new();
        crc.update(named);
        if crc.sum() != stored {
            return Err(("png-crc", position));
        }
        let (name, body) = named.split_first_chunk().ok_or(cut)?;
        Ok(Self { name, body })
    }
}

/// Which chunk may follow which; each number is a step that is never taken back.
#[derive(Default)]
struct Order {
    step: u8,
}

impl Order {
    fn admit(&mut self, name: &[u8; 4], position: usize) -> Result<(), Refusal> {
        // pHYs may stand anywhere before IDAT; writers put it directly behind IHDR or before IDAT.
        let next = match (name, self.step) {
            (b"IHDR", 0) => 1,
            (b"pHYs", 1) => 2,
            (b"PLTE", 1 | 2) => 3,
            (b"tRNS", 1..=3) => 4,
            (b"pHYs", 3 | 4) => 5,
            (b"IDAT", 1..=6) => 6,
            (b"IEND", 6) => 7,
            _ => return Err(("png-chunk", position)),
        };
        self.step = next;
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Header {
    width: u64,
    height: u64,
    depth: u8,
    colour: u8,
    has_palette: bool,
}

impl Header {
    fn of(body: &[u8], position: usize, max_pixels: u64) -> Result<Self, Refusal> {
        let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, 0, 0, 0] = *body else {
            return Err(("png-header", position));
        };
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        let valid = match colour {
            0 => matches!(depth, 1 | 2 | 4 | 8),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => depth == 8,
            _ => false,
        };
        if !valid || width == 0 || height == 0 {
            return Err(("png-header", position));
        }
        let (width, height) = (u64::from(width), u64::from(height));
        if width * height > max_pixels {
            return Err(("png-pixels", position));
        }
        Ok(Self { width, height, depth, colour, has_palette: false })
    }

    fn check_palette(&mut self, length: usize, position: usize) -> Result<(), Refusal> {
        let colours = length / 3;
        if self.colour != 3 || !length.is_multiple_of(3) || colours == 0 || colours > 1 << self.depth {
            return Err(("png-palette", position));
        }
        self.has_palette = true;
        Ok(())
    }

    const fn check_transparency(&self, length: usize, position: usize) -> Result<(), Refusal> {
        let fits = match self.colour {
            0 => length == 2,
            2 => length == 6,
            3 => self.has_palette && length >= 1 && length <= 256,
            _ => false,
        };
        if fits { Ok(()) } else { Err(("png-transparency", position)) }
    }

    const fn row_bytes(&self) -> u64 {
        let channels = match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        (self.width * channels * self.depth as u64).div_ceil(8) + 1
    }
}

/// Inflates `IDAT` and counts, keeping no row.
struct Rows {
    header: Header,
    stream: Decompress,
    ended: bool,
}

impl Rows {
    fn new(header: Header) -> Self {
        Self { header, stream: Decompress::new(true), ended: false }
    }

    fn inflate(&mut self, mut body: &[u8], position: usize) -> Result<(), Refusal> {
        if self.header.colour == 3 && !self.header.has_palette {
            return Err(("png-palette", position));
        }
        let mut buffer = vec![0u8; 1 << 16];
        loop {
            if self.ended {
                return if body.is_empty() { Ok(()) } else { Err(("png-stream-trailing", position)) };
            }
            let (taken, made) = self.step(body, &mut buffer, position)?;
            body = body.get(taken..).unwrap_or_default();
            // Output that still sits in the decompressor belongs to this chunk too, so an empty rest is not yet the end.
            if (taken, made) == (0, 0) && !self.ended {
                return if body.is_empty() { Ok(()) } else { Err(("png-stream", position)) };
            }
        }
    }

    /// Inflates one buffer and looks at the filter bytes in it; bytes taken and made.
    fn step(&mut self, body: &[u8], buffer: &mut [u8], position: usize) -> Result<(usize, usize), Refusal> {
        let row = self.header.row_bytes();
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        match self.stream.decompress(body, buffer, FlushDecompress::None) {
            Ok(status) => self.ended = status == Status::StreamEnd,
            Err(_) => return Err(("png-stream", position)),
        }
        let made = (self.stream.total_out() - before_out) as usize;
        // BOUND: never more is inflated than one buffer beyond what the header promises.
        if self.stream.total_out() > row * self.header.height {
            return Err(("png-stream-long", position));
        }
        let mut filters = buffer.iter().take(made).zip(before_out..).filter(|(_, offset)| offset.is_multiple_of(row));
        if filters.any(|(filter, _)| *filter > 4) {
            return Err(("png-filter", position));
        }
        Ok(((self.stream.total_in() - before_in) as usize, made))
    }

    fn check_complete(&self, position: usize) -> Result<(), Refusal> {
        let expected = self.header.row_bytes() * self.header.height;
        if self.ended && self.stream.total_out() == expected { Ok(()) } else { Err(("png-stream-short", position)) }
    }
}
