//! Rendered pages as they cross: numbers and pixels, each range-checked before it is believed.

use super::conversation::{Conversation, Heard, Trouble};
use model::policy::Policy;
use model::untrusted::is_deceptive;
use sandbox::Role;
use spool::SpoolFile;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;
use wire::{Answer, Failure, PageStart, RawFinding, Request, TextPiece};

/// Largest page side, points (PDF 2.0 annex C: 14,400 units).
const MAX_SIDE_PT: f32 = 14_400.0;
/// Most pixels along one side; the page writer's own bound.
const MAX_SIDE_PX: u32 = 32_767;

/// A page as it came in, checked.
#[derive(Debug)]
pub enum PageIn {
    /// With pixels.
    Pixels {
        /// Sizes and channels.
        start: PageStart,
        /// Exactly width × height × channels bytes.
        pixels: Vec<u8>,
        /// Text, controls and invisible characters removed.
        text: Vec<Text>,
        /// What the renderer saw.
        findings: Vec<RawFinding>,
    },
    /// Could not be rendered.
    Failed {
        /// Size, points.
        width_pt: f32,
        /// Size, points.
        height_pt: f32,
        /// Why.
        failure: Failure,
    },
}

/// A run of text, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Printable characters only.
    pub text: String,
    /// Start of the baseline, points from the lower left corner.
    pub x_pt: f32,
    /// Start of the baseline, points from the lower left corner.
    pub y_pt: f32,
    /// Width along the baseline, points.
    pub width_pt: f32,
    /// Font size, points.
    pub size_pt: f32,
    /// Angle, degrees counter-clockwise.
    pub angle_deg: f32,
}

/// How many pages a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendered {
    /// Pages, placeholders included.
    pub pages: u32,
}

/// Has a document rendered; every page is handed to `take(index, pages, page)` in order. Blocking.
///
/// # Errors
/// [`Trouble`], from the worker or from `take`.
pub fn render(
    program: &Path,
    policy: &Policy,
    content: &SpoolFile,
    request: &Request,
    take: impl FnMut(u32, u32, PageIn) -> Result<(), Trouble>,
) -> Result<Rendered, Trouble> {
    render_first(program, policy, content, request, u32::MAX, take)
}

/// The same for the first `most` pages; then the renderer is ended, whatever it is doing.
///
/// # Errors
/// As [`render`].
pub fn render_first(
    program: &Path,
    policy: &Policy,
    content: &SpoolFile,
    request: &Request,
    most: u32,
    mut take: impl FnMut(u32, u32, PageIn) -> Result<(), Trouble>,
) -> Result<Rendered, Trouble> {
    let worker = policy.worker.scaled_to(content.size_bytes);
    let wall = Duration::from_secs(worker.wall_seconds.into());
    let mut conversation = Conversation::start(program, Role::Render, &worker, wall, None)?;
    let file = content.open().map_err(|error| Trouble::Station(error.into()))?;
    conversation.ask(request, Some(file.as_fd()))?;
    let pages = match conversation.hear()? {
        Heard::Answer(Answer::Document { pages: 0 }) => return Err(Trouble::Failed(Failure::Malformed, 0)),
        Heard::Answer(Answer::Document { pages }) if pages > policy.convert.max_pages => {
            return Err(Trouble::Failed(Failure::LimitPages, policy.convert.max_pages.into()));
        }
        Heard::Answer(Answer::Document { pages }) => pages,
        _ => return Err(Trouble::Protocol("document")),
    };
    for index in 0..pages.min(most) {
        let page = hear_page(&mut conversation, policy)?;
        take(index, pages, page)?;
    }
    if pages > most {
        return Ok(Rendered { pages });
    }
    match conversation.hear()? {
        Heard::Answer(Answer::Done) => Ok(Rendered { pages }),
        _ => Err(Trouble::Protocol("end of document")),
    }
}

fn hear_page(conversation: &mut Conversation, policy: &Policy) -> Result<PageIn, Trouble> {
    let start = match conversation.hear()? {
        Heard::Answer(Answer::Page(start)) => start,
        Heard::Answer(Answer::PageFailed { width_pt, height_pt, failure }) => {
            let (width_pt, height_pt) = (side(width_pt)?, side(height_pt)?);
            return Ok(PageIn::Failed { width_pt, height_pt, failure });
        }
        _ => return Err(Trouble::Protocol("page")),
    };
    let length = check_size(&start, policy.convert.max_page_pixels)?;
    // Grown as bytes arrive, so that a claim alone costs nothing.
    let mut pixels = Vec::new();
    let mut text = Vec::new();
    let mut characters = 0;
    let mut answer = conversation.hear_bytes(|bytes| {
        if pixels.len() + bytes.len() > length {
            return Err(Trouble::Protocol("too many pixels"));
        }
        pixels.extend_from_slice(bytes);
        Ok(())
    })?;
    if pixels.len() != length {
        return Err(Trouble::Protocol("too few pixels"));
    }
    loop {
        match answer {
            Answer::PageText(pieces) => {
                for piece in pieces {
                    let piece = check_text(piece)?;
                    characters += piece.text.chars().count();
                    if characters <= policy.convert.max_page_text as usize {
                        text.push(piece);
                    }
                }
            }
            Answer::PageEnd { findings } if findings.len() <= 1_000 => return Ok(PageIn::Pixels { start, pixels, text, findings }),
            _ => return Err(Trouble::Protocol("page text")),
        }
        answer = match conversation.hear()? {
            Heard::Answer(answer) => answer,
            Heard::Bytes(_) => return Err(Trouble::Protocol("bytes after pixels")),
        };
    }
}

fn side(points: f32) -> Result<f32, Trouble> {
    if points.is_finite() && (1.0..=MAX_SIDE_PT).contains(&points) { Ok(points) } else { Err(Trouble::Protocol("page size")) }
}

fn check_size(start: &PageStart, max_pixels: u64) -> Result<usize, Trouble> {
    side(start.width_pt)?;
    side(start.height_pt)?;
    let pixels = u64::from(start.width_px) * u64::from(start.height_px);
    let sides = (1..=MAX_SIDE_PX).contains(&start.width_px) && (1..=MAX_SIDE_PX).contains(&start.height_px);
    if !sides || pixels > max_pixels {
        return Err(Trouble::Protocol("pixel size"));
    }
    usize::try_from(pixels * start.pixels.channels()).map_err(|_| Trouble::Protocol("pixel size"))
}

fn check_text(piece: TextPiece) -> Result<Text, Trouble> {
    let numbers = [piece.x_pt, piece.y_pt, piece.width_pt, piece.size_pt, piece.angle_deg];
    // Text may lie outside the page (cropped), but not so far that arithmetic on it fails.
    if !numbers.iter().all(|n| n.is_finite() && n.abs() <= 1e6) {
        return Err(Trouble::Protocol("text box"));
    }
    let Ok(text) = piece
        .text
        .into_untrusted()
        .check(|text| Ok::<_, std::convert::Infallible>(text.chars().filter(|c| !is_deceptive(*c)).take(10_000).collect::<String>()));
    Ok(Text {
        text,
        x_pt: piece.x_pt,
        y_pt: piece.y_pt,
        width_pt: piece.width_pt.max(0.0),
        size_pt: piece.size_pt.abs().clamp(0.1, 2_000.0),
        angle_deg: piece.angle_deg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Foreign, PixelFormat};

    fn start(width_pt: f32, width_px: u32, height_px: u32) -> PageStart {
        PageStart { width_pt, height_pt: 100.0, width_px, height_px, pixels: PixelFormat::Rgb8 }
    }

    #[test]
    fn absurd_sizes_are_no_pages() {
        assert_eq!(check_size(&start(100.0, 10, 20), 1_000).unwrap(), 600);
        for wrong in [
            start(f32::NAN, 10, 10),
            start(f32::INFINITY, 10, 10),
            start(0.0, 10, 10),
            start(-5.0, 10, 10),
            start(20_000.0, 10, 10),
            start(100.0, 0, 10),
            start(100.0, 65_535, 65_535),
            start(100.0, 40, 40),
            start(100.0, u32::MAX, u32::MAX),
        ] {
            assert!(matches!(check_size(&wrong, 1_000), Err(Trouble::Protocol(_))), "{wrong:?}");
        }
    }

    #[test]
    fn text_loses_controls_and_nan_boxes_are_refused() {
        let piece = |text: &str, x_pt| TextPiece {
            text: Foreign::new(text.into()),
            x_pt,
            y_pt: 0.0,
            width_pt: -1.0,
            size_pt: 12.0,
            angle_deg: 0.0,
        };
        assert_eq!(check_text(piece("a\u{1b}[2Jb\u{202e}ß", 1.0)).unwrap().text, "a[2Jbß");
        assert!(check_text(piece("x", f32::NAN)).is_err());
        assert!(check_text(piece("x", 1e30)).is_err());
    }
}
