//! Previews of what is held for a person to judge: its first pages as small pictures, painted by the same confined workers
//! that convert, encoded here, and judged by the verifier.
//!
//! **Invariant:** nothing malicious and nothing that could not be looked into is painted. That there is no preview changes
//! nothing: the item is held all the same.

use super::{Shared, render_limits};
use crate::encode;
use crate::workers::{self, PageIn, Trouble};
use model::format::{Action, Family};
use model::item::Held;
use model::{FindingCode, Format, HoldClass};
use spool::{PreviewLine, SpoolFile};
use wire::{Failure, PageStart, PixelFormat, RenderLimits, Request, VerifyKind};

/// Resolution of a preview: a page of A4 is 595 by 842 pixels.
const DPI: u32 = 72;
/// Longest side of a preview, pixels.
// BOUND: enough to see what a page is about, too little to read it closely.
const MAX_SIDE_PX: u32 = 1_200;

/// A picture of a page, in the spool.
pub(crate) type Preview = (PreviewLine, SpoolFile);

/// The first pages of an item that is held, as far as they can be shown.
pub(crate) async fn previews(shared: &Shared, held: &Held) -> Vec<Preview> {
    let most = shared.settings.policy.review.preview_pages;
    let class = HoldClass::of(held.reason, &held.findings);
    let encrypted = held.findings.iter().any(|f| matches!(f.code, FindingCode::Encrypted | FindingCode::ClamavEncrypted));
    let Some(format) = held.format.filter(|_| most > 0 && !encrypted && matches!(class, HoldClass::Suspicious | HoldClass::Policy)) else {
        return Vec::new();
    };
    let content = shared.spool.file(held.digest, held.size_bytes);
    let painted = shared.blocking(move |shared| paint(shared, &content, format, most)).await;
    painted.unwrap_or_else(|trouble| {
        tracing::info!(%trouble, "no preview");
        Vec::new()
    })
}

fn paint(shared: &Shared, content: &SpoolFile, format: Format, most: u32) -> Result<Vec<Preview>, Trouble> {
    let policy = &shared.settings.policy;
    let limits = RenderLimits { dpi: DPI, ..render_limits(shared) };
    let rule = shared.settings.formats.rule(format).filter(|rule| matches!(rule.action, Action::Convert | Action::Rebuild));
    let rule = rule.ok_or(Trouble::Failed(Failure::Unsupported, 0))?;
    let (source, request) = match rule.family {
        Family::Pdf => (content.clone(), Request::RenderPdf { limits, password: None }),
        Family::Image => (content.clone(), Request::RenderImage { format, limits }),
        Family::Office => {
            // As on the line: without what acts in it.
            let max = policy.convert.max_output_bytes;
            let strip = |inspector: &mut workers::Inspector| inspector.strip(content, format, max, &shared.spool);
            let (stripped, _) = shared.inspectors.with(content.size_bytes, strip)?;
            let filter = rule.office_filter.as_deref().unwrap_or_default();
            let pdf = workers::office_to_pdf(&shared.worker, policy, &stripped, format, filter, &shared.spool)?;
            (pdf, Request::RenderPdf { limits, password: None })
        }
        Family::Text | Family::Archive | Family::Other => return Ok(Vec::new()),
    };
    let mut previews = Vec::new();
    workers::render_first(&shared.worker, policy, &source, &request, most, |index, _, page| {
        if let PageIn::Pixels { start, pixels, .. } = page {
            previews.extend(preview(shared, index + 1, &start, &pixels)?);
        }
        Ok(())
    })?;
    Ok(previews)
}

/// One page as a PNG that the verifier accepts.
fn preview(shared: &Shared, page: u32, start: &PageStart, pixels: &[u8]) -> Result<Option<Preview>, Trouble> {
    let (start, pixels) = shrunk(start, pixels);
    let png = encode::png(&start, &pixels).map_err(|_| Trouble::Failed(Failure::Unsupported, 0))?;
    let file = shared.spool.put(&png).map_err(|error| Trouble::Station(error.into()))?;
    let accepted = workers::verify(&shared.worker, &shared.settings.policy, &file, VerifyKind::Png, None)?.is_ok();
    let line = PreviewLine { page, width: start.width_px, height: start.height_px, sha256: file.digest };
    Ok(accepted.then_some((line, file)))
}

/// Every n-th pixel of every n-th row, so that no side is longer than [`MAX_SIDE_PX`].
fn shrunk(start: &PageStart, pixels: &[u8]) -> (PageStart, Vec<u8>) {
    let step = start.width_px.max(start.height_px).div_ceil(MAX_SIDE_PX).max(1) as usize;
    let channels = match start.pixels {
        PixelFormat::Gray8 => 1,
        PixelFormat::Rgb8 => 3,
        PixelFormat::Rgba8 => 4,
    };
    let row_bytes = start.width_px as usize * channels;
    let rows = pixels.chunks_exact(row_bytes.max(1)).step_by(step);
    let kept = rows.flat_map(|row| row.chunks_exact(channels).step_by(step)).flatten().copied().collect();
    let side = |pixels: u32| pixels.div_ceil(step as u32);
    (PageStart { width_px: side(start.width_px), height_px: side(start.height_px), ..*start }, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shrunk_picture_has_as_many_pixels_as_it_says() {
        for (width_px, height_px, pixels) in [(1, 1, PixelFormat::Gray8), (1_200, 3, PixelFormat::Rgb8), (3_001, 2_000, PixelFormat::Rgba8)]
        {
            let channels = pixels.channels() as usize;
            let start = PageStart { width_pt: 1.0, height_pt: 1.0, width_px, height_px, pixels };
            let (small, kept) = shrunk(&start, &vec![7; width_px as usize * height_px as usize * channels]);
            assert!(small.width_px.max(small.height_px) <= MAX_SIDE_PX);
            assert_eq!(kept.len(), small.width_px as usize * small.height_px as usize * channels);
        }
    }
}
