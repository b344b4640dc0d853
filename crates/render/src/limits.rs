//! Sizes: from what a document claims to what is painted.

use wire::RenderLimits;

/// Longest page side, points (ISO 32000-1, annex C.2).
// BOUND: the largest page a conforming reader must support; beyond it everything is scaled down to it.
pub const MAX_SIDE_PT: f32 = 14_400.0;
/// Shortest page side, points.
pub const MIN_SIDE_PT: f32 = 1.0;
/// Longest side of a page of pixels.
// BOUND: half of the painter's 16-bit coordinates, so that anti-aliasing and clips near the edge cannot overflow them.
pub const MAX_SIDE_PX: u32 = 32_000;
/// A4, points: what a page without a usable size becomes.
pub const A4_PT: (f32, f32) = (595.276, 841.89);

/// Pixels of a page of this size, within the limits; computed before anything is allocated.
///
/// Both sides are at least one pixel and at most [`MAX_SIDE_PX`], their product at most `max_page_pixels` (or 1).
pub fn pixel_size(width_pt: f32, height_pt: f32, limits: &RenderLimits) -> (u32, u32) {
    let (width, height) = (f64::from(width_pt), f64::from(height_pt));
    let wanted = f64::from(limits.dpi.clamp(1, 1200)) / 72.0;
    let by_area = (limits.max_page_pixels.max(1) as f64 / (width * height)).sqrt();
    let by_side = f64::from(MAX_SIDE_PX) / width.max(height);
    let scale = wanted.min(by_area).min(by_side);
    let side = |points: f64| ((points * scale).round().max(1.0) as u32).min(MAX_SIDE_PX);
    let (mut across, mut down) = (side(width), side(height));
    // Rounding, or a side that cannot go below one pixel, may leave a little too much.
    if u64::from(across) * u64::from(down) > limits.max_page_pixels {
        if across >= down {
            across = ((limits.max_page_pixels / u64::from(down)).max(1) as u32).min(across);
        } else {
            down = ((limits.max_page_pixels / u64::from(across)).max(1) as u32).min(down);
        }
    }
    (across, down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_within_every_limit() {
        let limits = RenderLimits { dpi: 150, max_pages: 1, max_page_pixels: 4_000_000, max_page_text: 1 };
        assert_eq!(pixel_size(595.276, 841.89, &limits), (1240, 1754));
        for (width, height) in [(14_400.0, 14_400.0), (14_400.0, 1.0), (1.0, 14_400.0), (1.0, 1.0), (13.7, 9_999.0)] {
            let (across, down) = pixel_size(width, height, &limits);
            assert!(across >= 1 && down >= 1 && across <= MAX_SIDE_PX && down <= MAX_SIDE_PX);
            assert!(u64::from(across) * u64::from(down) <= limits.max_page_pixels, "{width} x {height}");
        }
    }
}
