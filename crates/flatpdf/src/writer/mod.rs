//! The writer: page pixels and positioned text in, one flattened PDF 1.7 file out.
//!
//! A page becomes a few image XObjects stacked from top to bottom and, optionally, an invisible text layer in a
//! standard font that is *not* embedded. Runs in the supervisor, on numbers a worker handed over.
//!
//! **Invariant (I1, I7).** No foreign byte is parsed or copied here: every image is encoded from decoded pixels,
//! every character from a Unicode scalar value, and the file holds nothing but a catalog, one flat page tree, page
//! contents, images and font dictionaries without font programs. The same input gives the same bytes: no clock, no
//! random identifier, no `/Info`, no `/ID`.

mod document;
mod glyphs;
mod images;
mod palette;
mod placeholder;
pub mod report;
mod strips;
mod text;
mod winansi;

pub use document::{Document, EncodedPage, encode_page};
pub use images::{Encoding, StripInfo};

/// Smallest and largest page side, in points (ISO 32000-1, Annex C.2: 3 to 14,400 in practice; 1 is still drawable).
// BOUND: 14,400 pt is the largest page common readers open; what is larger was a rendering mistake or an attack.
pub const PAGE_SIDE_PT: std::ops::RangeInclusive<f32> = 1.0..=14_400.0;

/// Largest raster side, in pixels.
// BOUND: the CCITT encoder counts transitions in 16-bit signed numbers and JPEG sides are 16-bit; a 14,400 pt page
// at 150 dpi has 30,000.
pub const MAX_RASTER_SIDE_PX: u32 = 32_767;

/// How pages are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// JPEG quality of photographic strips, 1 to 100 (values outside are clamped).
    pub jpeg_quality: u8,
    /// Height of the horizontal strips that choose their encoding one by one, in pixels; neighbours with the same
    /// choice are merged. At least 8 (smaller values are raised).
    pub strip_height_px: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { jpeg_quality: 85, strip_height_px: 64 }
    }
}

/// The decoded pixels of one page: 8-bit RGB, rows from top to bottom, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels per row.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
    /// `width_px * height_px * 3` bytes; checked by [`encode_page`].
    pub rgb: Vec<u8>,
}

impl Raster {
    /// Rejects sides outside 1 to [`MAX_RASTER_SIDE_PX`] and a buffer of the wrong length.
    fn check(&self) -> Result<(), WriteError> {
        let sides = 1..=MAX_RASTER_SIDE_PX;
        if !sides.contains(&self.width_px) || !sides.contains(&self.height_px) {
            return Err(WriteError::RasterSize { width_px: self.width_px, height_px: self.height_px });
        }
        let expected = self.width_px as usize * self.height_px as usize * 3;
        if self.rgb.len() == expected { Ok(()) } else { Err(WriteError::RasterLength { expected, found: self.rgb.len() }) }
    }
}

/// Text that stands at one place of a page, for searching and copying; it is never painted.
#[derive(Debug, Clone, PartialEq)]
pub struct TextRun {
    /// The characters in visual order, left to right along the baseline.
    pub text: String,
    /// Start of the baseline from the left edge, in points.
    pub x_pt: f32,
    /// Start of the baseline from the bottom edge, in points, upwards.
    pub y_pt: f32,
    /// Length along the baseline, in points; the run is stretched to it. Zero or less leaves it unstretched.
    pub width_pt: f32,
    /// Font size, in points; a run of zero or negative size is left out.
    pub size_pt: f32,
    /// Direction of the baseline, in degrees counter-clockwise.
    pub angle_deg: f32,
}

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The rendered page.
    Raster(Raster),
    /// A page that says in plain words why the original page is missing.
    Placeholder {
        /// Paragraphs, wrapped to the page; characters beyond Latin-1 letters show as a box.
        lines: Vec<String>,
    },
}

/// One page to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Width, in points, within [`PAGE_SIDE_PT`].
    pub width_pt: f32,
    /// Height, in points, within [`PAGE_SIDE_PT`].
    pub height_pt: f32,
    /// What it shows.
    pub body: Body,
    /// The invisible text layer.
    pub text: Vec<TextRun>,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A page side is not a number within [`PAGE_SIDE_PT`].
    #[error("page of {width_pt} x {height_pt} pt is outside 1 to 14400 pt")]
    PageSize {
        /// Width handed in, in points.
        width_pt: f32,
        /// Height handed in, in points.
        height_pt: f32,
    },
    /// A raster side is zero or above [`MAX_RASTER_SIDE_PX`].
    #[error("raster of {width_px} x {height_px} px is outside 1 to {MAX_RASTER_SIDE_PX} px")]
    RasterSize {
        /// Width handed in, in pixels.
        width_px: u32,
        /// Height handed in, in pixels.
        height_px: u32,
    },
    /// The pixel buffer does not have three bytes per pixel.
    #[error("raster buffer holds {found} bytes instead of {expected}")]
    RasterLength {
        /// Bytes the sides ask for.
        expected: usize,
        /// Bytes handed in.
        found: usize,
    },
    /// A text run has a position, width, size or angle that is not finite.
    #[error("text run {index} has a number that is not finite")]
    TextRun {
        /// Its place in [`Page::text`], from 0.
        index: usize,
    },
    /// Deflate compression failed.
    #[error("deflate compression failed")]
    Deflate(#[source] std::io::Error),
    /// JPEG compression failed.
    #[error("JPEG compression failed")]
    Jpeg(#[source] jpeg_encoder::EncodingError),
    /// The operators of a content stream could not be serialised.
    #[error("content stream could not be serialised")]
    Content(#[source] lopdf::Error),
    /// The objects of the file could not be serialised.
    #[error("file could not be serialised")]
    Serialise(#[source] std::io::Error),
    /// A file needs at least one page.
    #[error("document has no page")]
    NoPages,
    /// The file would be too long for the offsets of its cross-reference table.
    #[error("file of about {bytes} bytes is too long")]
    FileLength {
        /// Estimated length, in bytes.
        bytes: u64,
    },
    /// A table row of a report has more or fewer cells than the table has columns.
    #[error("table row has {found} cells instead of {expected}")]
    TableRow {
        /// Columns of the table.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// The modules of a code in a report are no square, or do not fit on the page.
    #[error("the code of a report is no square that fits on a page")]
    Matrix,
}

#[cfg(test)]
mod tests;
