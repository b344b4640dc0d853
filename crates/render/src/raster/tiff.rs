//! The pages of a TIFF: its chain of image file directories (TIFF 6.0 section 2, and the 64-bit variant).

use super::metadata::plausible_dpi;
use crate::error::RenderError;

/// One directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Directory {
    /// Where it stands.
    pub offset: u64,
    /// Pixels per inch, where plausible.
    pub dpi: Option<f64>,
    /// Metadata it refers to.
    pub kinds: Vec<&'static str>,
}

/// All directories that are pages.
#[derive(Debug)]
pub struct Directories {
    big_endian: bool,
    wide: bool,
    /// In order.
    pub pages: Vec<Directory>,
}

impl Directories {
    /// Makes `page` the first directory of the file.
    pub fn select(&self, bytes: &mut [u8], page: &Directory) {
        if self.wide {
            let offset = if self.big_endian { page.offset.to_be_bytes() } else { page.offset.to_le_bytes() };
            if let Some(target) = bytes.get_mut(8..16) {
                target.copy_from_slice(&offset);
            }
        } else if let Some(target) = bytes.get_mut(4..8) {
            let offset = page.offset as u32;
            target.copy_from_slice(&if self.big_endian { offset.to_be_bytes() } else { offset.to_le_bytes() });
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    wide: bool,
}

impl Reader<'_> {
    fn number(&self, offset: u64, length: usize) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let field = self.bytes.get(start..start.checked_add(length)?)?;
        let fold = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if self.big_endian { field.iter().fold(0, fold) } else { field.iter().rev().fold(0, fold) })
    }

    /// The directory at `offset`, whether it is a page (and not a thumbnail), and where the next one stands.
    fn directory(&self, offset: u64) -> Option<(Directory, bool, u64)> {
        let (count_bytes, entry_bytes, value_at) = if self.wide { (8, 20, 12) } else { (2, 12, 8) };
        let entries = self.number(offset, count_bytes)?;
        let first = offset.checked_add(count_bytes as u64)?;
        let mut directory = Directory { offset, dpi: None, kinds: Vec::new() };
        let (mut reduced, mut resolution, mut unit) = (false, None, 2);
        // BOUND: the number of entries has 16 bits; wide files that claim more are cut to that.
        for index in 0..entries.min(65_535) {
            let entry = first.checked_add(index * entry_bytes)?;
            let value = entry.checked_add(value_at)?;
            match self.number(entry, 2)? {
                254 => reduced = self.number(value, 4)? & 1 == 1,
                282 => resolution = self.rational(value),
                296 => unit = self.number(value, 2)?,
                270 | 285 | 305 | 306 | 315 | 316 | 33432 => directory.kinds.push("text"),
                700 => directory.kinds.push("xmp"),
                33723 | 34377 => directory.kinds.push("iptc"),
                34665 => directory.kinds.push("exif"),
                34675 => directory.kinds.push("icc"),
                34853 => directory.kinds.push("gps"),
                _ => {}
            }
        }
        let per_inch = resolution.map(|value| if unit == 3 { value * 2.54 } else { value });
        directory.dpi = per_inch.filter(|_| unit != 1).and_then(plausible_dpi);
        let next = first.checked_add(entries.checked_mul(entry_bytes)?)?;
        Some((directory, !reduced, self.number(next, if self.wide { 8 } else { 4 }).unwrap_or(0)))
    }

    fn rational(&self, value: u64) -> Option<f64> {
        let at = if self.wide { value } else { self.number(value, 4)? };
        let (above, below) = (self.number(at, 4)?, self.number(at.checked_add(4)?, 4)?);
        (below > 0).then(|| above as f64 / below as f64)
    }
}

/// The pages of a TIFF, at most `max_pages`. Thumbnails (reduced-resolution directories) are no pages; a chain that runs in
/// a circle ends where it closes.
///
/// # Errors
/// [`RenderError::Malformed`] without any directory, [`RenderError::Pages`].
pub fn directories(bytes: &[u8], max_pages: u32) -> Result<Directories, RenderError> {
    let big_endian = match bytes.get(..2) {
        Some(b"II") => false,
        Some(b"MM") => true,
        _ => return Err(RenderError::Malformed),
    };
    let mut reader = Reader { bytes, big_endian, wide: false };
    reader.wide = match reader.number(2, 2) {
        Some(42) => false,
        Some(43) => true,
        _ => return Err(RenderError::Malformed),
    };
    let mut offset = if reader.wide { reader.number(8, 8) } else { reader.number(4, 4) }.ok_or(RenderError::Malformed)?;
    let (mut pages, mut reduced, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    while offset != 0 && !seen.contains(&offset) {
        // BOUND: each page may bring a thumbnail or two.
        if pages.len() as u64 > u64::from(max_pages) || seen.len() as u64 > 4 * u64::from(max_pages) {
            return Err(RenderError::Pages(max_pages));
        }
        seen.push(offset);
        let Some((directory, is_page, next)) = reader.directory(offset) else {
            break;
        };
        if is_page { &mut pages } else { &mut reduced }.push(directory);
        offset = next;
    }
    if pages.is_empty() {
        pages.extend(reduced.into_iter().take(1));
    }
    match pages.len() as u64 {
        0 => Err(RenderError::Malformed),
        count if count > u64::from(max_pages) => Err(RenderError::Pages(max_pages)),
        _ => Ok(Directories { big_endian, wide: reader.wide, pages }),
    }
}
