//! What an image file carries besides pixels, seen by walking its own structure. Nothing found here is kept; a structure
//! that is broken simply ends the walk, the decoder judges it.

use model::Format;

/// What was seen.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Carried {
    /// Kinds of metadata, by name.
    pub kinds: Vec<String>,
    /// Frames, 0 when the format has none.
    pub frames: u32,
    /// Pixels per inch, where the file says something plausible.
    pub dpi: Option<f64>,
}

/// Densities outside of this are mistakes.
pub(super) fn plausible_dpi(dpi: f64) -> Option<f64> {
    (36.0..=2_400.0).contains(&dpi).then_some(dpi)
}

impl Carried {
    /// Walks a file of this format.
    pub fn of(bytes: &[u8], format: Format) -> Self {
        let mut carried = Self::default();
        // The walk ends where the structure does.
        let _ended = match format {
            Format::Png => carried.png(bytes),
            Format::Jpeg => carried.jpeg(bytes),
            Format::Gif => carried.gif(bytes),
            Format::Webp => carried.webp(bytes),
            _ => None,
        };
        carried
    }

    fn kind(&mut self, kind: &str) {
        if !self.kinds.iter().any(|known| known == kind) {
            self.kinds.push(kind.to_owned());
        }
    }

    fn png(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes.get(8..)?;
        loop {
            let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
            let name: [u8; 4] = *rest.get(4..)?.first_chunk()?;
            let body = rest.get(8..8usize.checked_add(length)?)?;
            match &name {
                b"tEXt" | b"zTXt" | b"iTXt" => self.kind("text"),
                b"eXIf" => self.kind("exif"),
                b"iCCP" => self.kind("icc"),
                b"tIME" => self.kind("time"),
                b"acTL" => self.frames = u32::from_be_bytes(*body.first_chunk()?),
                b"pHYs" if body.get(8) == Some(&1) => {
                    self.dpi = plausible_dpi(f64::from(u32::from_be_bytes(*body.first_chunk()?)) * 0.0254);
                }
                b"IEND" => return Some(()),
                _ => {}
            }
            rest = rest.get(length.checked_add(12)?..)?;
        }
    }

    fn jpeg(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes.get(2..)?;
        loop {
            let [0xFF, marker, high, low] = *rest.first_chunk()? else {
                return None;
            };
            if marker == 0xDA {
                return Some(());
            }
            let length = usize::from(u16::from_be_bytes([high, low]));
            let body = rest.get(4..length.checked_add(2)?)?;
            match marker {
                0xE0 if body.starts_with(b"JFIF\0") => {
                    let density = f64::from(u16::from_be_bytes(*body.get(8..)?.first_chunk()?));
                    self.dpi = match body.get(7) {
                        Some(1) => plausible_dpi(density),
                        Some(2) => plausible_dpi(density * 2.54),
                        _ => None,
                    };
                }
                0xE1 if body.starts_with(b"Exif") => self.kind("exif"),
                0xE1 => self.kind("xmp"),
                0xE2 if body.starts_with(b"ICC_PROFILE") => self.kind("icc"),
                0xED => self.kind("iptc"),
                0xEE => {}
                0xE0..=0xEF => self.kind("application"),
                0xFE => self.kind("comment"),
                _ => {}
            }
            rest = rest.get(length.checked_add(2)?..)?;
        }
    }

    fn gif(&mut self, bytes: &[u8]) -> Option<()> {
        let table = |flags: u8| {
            if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) }
        };
        let mut rest = bytes.get(13 + table(*bytes.get(10)?)..)?;
        loop {
            match *rest.first()? {
                0x21 => {
                    match rest.get(1)? {
                        0xFE => self.kind("comment"),
                        0xFF if rest.get(3..).is_some_and(|name| name.starts_with(b"XMP DataXMP")) => {
                            self.kind("xmp");
                        }
                        _ => {}
                    }
                    rest = skip_blocks(rest.get(2..)?)?;
                }
                0x2C => {
                    self.frames += 1;
                    rest = skip_blocks(rest.get(11 + table(*rest.get(9)?)..)?)?;
                }
                _ => return Some(()),
            }
        }
    }

    fn webp(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes.get(12..)?;
        loop {
            let name: [u8; 4] = *rest.first_chunk()?;
            match &name {
                b"EXIF" => self.kind("exif"),
                b"ICCP" => self.kind("icc"),
                b"XMP " => self.kind("xmp"),
                b"ANMF" => self.frames += 1,
                _ => {}
            }
            let length = u32::from_le_bytes(*rest.get(4..)?.first_chunk()?) as usize;
            rest = rest.get(8usize.checked_add(length)?.checked_add(length & 1)?..)?;
        }
    }
}

fn skip_blocks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(*rest.first()?);
        rest = rest.get(length + 1..)?;
        if length == 0 {
            return Some(rest);
        }
    }
}
