//! Where pages go: the contract between a renderer and whoever carries its pages away.

use std::io::Write;
use wire::{Answer, Failure, FrameWriter, PageStart, RawFinding, TextPiece, WireError};

/// Longest text of one piece, characters.
// BOUND: with 4 bytes a character and PIECES_PER_FRAME pieces a frame stays below 600 KB of the 1 MiB cap.
pub const MAX_PIECE_CHARS: usize = 128;
const PIECES_PER_FRAME: usize = 1_000;

/// Takes pages in order. Per document: [`PageSink::document`] once, then for each page either [`PageSink::page`],
/// [`PageSink::text`] any number of times and [`PageSink::page_end`], or [`PageSink::page_failed`].
pub trait PageSink {
    /// A document opened.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn document(&mut self, pages: u32) -> Result<(), WireError>;
    /// A page, with exactly width × height × channels bytes.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn page(&mut self, start: PageStart, pixels: &[u8]) -> Result<(), WireError>;
    /// Text of the current page; each piece at most [`MAX_PIECE_CHARS`] long.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn text(&mut self, pieces: Vec<TextPiece>) -> Result<(), WireError>;
    /// The current page is complete.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn page_end(&mut self, findings: Vec<RawFinding>) -> Result<(), WireError>;
    /// A page that could not be rendered; its size in points.
    ///
    /// # Errors
    /// When nobody listens any more.
    fn page_failed(&mut self, width_pt: f32, height_pt: f32, failure: Failure) -> Result<(), WireError>;
}

/// A sink that sends everything as frames.
#[derive(Debug)]
pub struct WireSink<W: Write>(FrameWriter<W>);

impl<W: Write> WireSink<W> {
    /// Over a frame writer.
    pub const fn new(writer: FrameWriter<W>) -> Self {
        Self(writer)
    }

    /// The frame writer, for the closing answer.
    pub fn into_inner(self) -> FrameWriter<W> {
        self.0
    }
}

impl<W: Write> PageSink for WireSink<W> {
    fn document(&mut self, pages: u32) -> Result<(), WireError> {
        self.0.control(&Answer::Document { pages })
    }

    fn page(&mut self, start: PageStart, pixels: &[u8]) -> Result<(), WireError> {
        self.0.control(&Answer::Page(start))?;
        self.0.bytes(pixels)
    }

    fn text(&mut self, pieces: Vec<TextPiece>) -> Result<(), WireError> {
        let mut rest = pieces.into_iter().peekable();
        while rest.peek().is_some() {
            self.0.control(&Answer::PageText(rest.by_ref().take(PIECES_PER_FRAME).collect()))?;
        }
        Ok(())
    }

    fn page_end(&mut self, findings: Vec<RawFinding>) -> Result<(), WireError> {
        self.0.control(&Answer::PageEnd { findings })
    }

    fn page_failed(&mut self, width_pt: f32, height_pt: f32, failure: Failure) -> Result<(), WireError> {
        self.0.control(&Answer::PageFailed { width_pt, height_pt, failure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Foreign, Frame, FrameReader, MAX_FRAME_BYTES, PixelFormat};

    #[test]
    fn long_text_and_pixels_cross_in_frames_below_the_cap() {
        let piece = TextPiece {
            text: Foreign::new("\u{1F600}".repeat(MAX_PIECE_CHARS)),
            x_pt: 1.0,
            y_pt: 2.0,
            width_pt: 3.0,
            size_pt: 4.0,
            angle_deg: 0.0,
        };
        let pixels = vec![7u8; MAX_FRAME_BYTES + 5];
        let start = PageStart { width_pt: 1.0, height_pt: 1.0, width_px: pixels.len() as u32, height_px: 1, pixels: PixelFormat::Gray8 };
        let mut out = Vec::new();
        let mut sink = WireSink::new(FrameWriter::new(&mut out));
        sink.document(1).unwrap();
        sink.page(start, &pixels).unwrap();
        sink.text(vec![piece; 2_500]).unwrap();
        sink.page_end(Vec::new()).unwrap();
        let mut reader = FrameReader::new(&out[..]);
        let (mut pieces, mut bytes, mut ended) = (0, 0, false);
        while let Some(frame) = reader.read_frame::<Answer>().unwrap() {
            match frame {
                Frame::Control(Answer::PageText(some)) => pieces += some.len(),
                Frame::Control(Answer::PageEnd { .. }) => ended = true,
                Frame::Control(_) => {}
                Frame::Bytes(chunk) => bytes += chunk.len(),
            }
        }
        assert_eq!((pieces, bytes, ended), (2_500, pixels.len(), true));
    }
}
