//! Rebuilt JPEG images (ITU-T T.81, JFIF 1.02).

use super::Refusal;

/// Accepts a baseline JPEG that consists of `SOI`, a JFIF `APP0` without thumbnail, `DQT`, one `SOF0`, `DHT`, at most one
/// `DRI`, `SOS` with entropy-coded bytes (one scan, or one for each component), `EOI`, and nothing behind. In the
/// entropy-coded bytes only stuffed zeros and restart markers follow `FF`.
///
/// # Errors
/// A code that starts with `jpeg-`, and the byte offset.
pub fn verify_jpeg(bytes: &[u8]) -> Result<(), Refusal> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Err(("jpeg-start", 0));
    }
    let mut seen = Seen::default();
    let mut position = 2;
    loop {
        let cut = ("jpeg-cut", position);
        let rest = bytes.get(position..).ok_or(cut)?;
        let [0xFF, marker] = *rest.first_chunk().ok_or(cut)? else {
            return Err(("jpeg-marker", position));
        };
        if marker == 0xD9 {
            return match (seen.scans > 0, position + 2 == bytes.len()) {
                (false, _) => Err(("jpeg-no-scan", position)),
                (true, false) => Err(("jpeg-trailing", position + 2)),
                (true, true) => Ok(()),
            };
        }
        let length = usize::from(u16::from_be_bytes(*rest.get(2..).and_then(<[u8]>::first_chunk).ok_or(cut)?));
        let body = rest.get(4..length + 2).ok_or(cut)?;
        seen.segment(marker, body, position)?;
        position += length + 2;
        if marker == 0xDA {
            position += entropy_coded(bytes.get(position..).unwrap_or_default()).ok_or(cut)?;
        }
    }
}

#[derive(Default)]
struct Seen {
    jfif: bool,
    tables: bool,
    components: u8,
    huffman: bool,
    restart: bool,
    scans: u8,
}

impl Seen {
    fn segment(&mut self, marker: u8, body: &[u8], position: usize) -> Result<(), Refusal> {
        let fits = match marker {
            // Version 1.x, no thumbnail: exactly 14 bytes, the last two zero.
            0xE0 => position == 2 && body.len() == 14 && body.starts_with(b"JFIF\0\x01") && body.ends_with(&[0, 0]),
            0xDB => self.jfif && body.len().is_multiple_of(65) && quantisation_tables(body),
            0xC0 => self.jfif && self.components == 0 && frame(body),
            0xC4 => self.jfif && huffman_tables(body),
            0xDD => self.jfif && !self.restart && body.len() == 2,
            0xDA => self.tables && self.huffman && self.scans < self.components && scan(body, self.components),
            _ => return Err(("jpeg-segment", position)),
        };
        if !fits {
            return Err(("jpeg-segment-content", position));
        }
        match marker {
            0xE0 => self.jfif = true,
            0xDB => self.tables = true,
            0xC0 => self.components = body.get(5).copied().unwrap_or(0),
            0xC4 => self.huffman = true,
            0xDD => self.restart = true,
            _ => self.scans += 1,
        }
        Ok(())
    }
}

fn quantisation_tables(body: &[u8]) -> bool {
    !body.is_empty() && body.chunks(65).all(|table| matches!(table, [0..=3, values @ ..] if values.iter().all(|v| *v > 0)))
}

/// Eight bits, a size, one or three components with their three bytes each.
fn frame(body: &[u8]) -> bool {
    let [8, h0, h1, w0, w1, count @ (1 | 3), rest @ ..] = body else {
        return false;
    };
    (*h0 | *h1) > 0 && (*w0 | *w1) > 0 && rest.len() == 3 * usize::from(*count)
}

/// Tables one behind the other: class and number, 16 counts, that many values.
fn huffman_tables(mut body: &[u8]) -> bool {
    while let [head, rest @ ..] = body {
        let values: usize = rest.iter().take(16).map(|count| usize::from(*count)).sum();
        match rest.get(16 + values..) {
            Some(next) if matches!(head, 0x00..=0x03 | 0x10..=0x13) && (1..=256).contains(&values) => {
                body = next;
            }
            _ => return false,
        }
    }
    true
}

/// Component count and selectors, then the whole spectrum at full precision, as baseline demands.
fn scan(body: &[u8], components: u8) -> bool {
    matches!(body, [count, selectors @ .., 0, 63, 0] if *count >= 1 && *count <= components && selectors.len() == 2 * usize::from(*count))
}

/// Length of the entropy-coded bytes: up to the first marker that is no restart.
fn entropy_coded(bytes: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += bytes.get(position..)?.iter().position(|byte| *byte == 0xFF)?;
        match bytes.get(position + 1)? {
            0x00 | 0xD0..=0xD7 => position += 2,
            _ => return Some(position),
        }
    }
}
