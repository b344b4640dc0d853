//! How large a page is, and how its coordinates become points and pixels.

use crate::limits::{A4_PT, MAX_SIDE_PT, MIN_SIDE_PT, pixel_size};
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::Affine;
use wire::RenderLimits;

/// Sides beyond this many points are no page but a broken number.
const BROKEN_SIDE_PT: f32 = 1_000_000.0;

/// Size and transforms of a page.
#[derive(Debug, Clone, Copy)]
pub struct Geometry {
    /// Width after rotation, user unit and clamping.
    pub width_pt: f32,
    /// Height after rotation, user unit and clamping.
    pub height_pt: f32,
    /// Pixels across.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// Page space to pixels, y down.
    pub to_pixels: Affine,
    /// Page space to points, y down.
    pub to_points: Affine,
    /// What had to be corrected.
    pub loss: Option<&'static str>,
}

impl Geometry {
    /// Of a page (ISO 32000-1, 7.7.3.3: `MediaBox`, `CropBox`, `Rotate`, `UserUnit`), within the limits.
    pub fn of(page: &Page<'_>, limits: &RenderLimits) -> Self {
        let (width, height) = page.render_dimensions();
        let crop = page.intersected_crop_box();
        let usable = |side: f32| side.is_finite() && (MIN_SIDE_PT..=BROKEN_SIDE_PT).contains(&side);
        let flat = !(crop.width() > 0.0 && crop.height() > 0.0);
        if flat || !usable(width) || !usable(height) || !crop.x0.is_finite() || !crop.y0.is_finite() {
            return Self::unknown(limits);
        }
        let unit = page.raw().get::<f32>(b"UserUnit").filter(|unit| unit.is_finite() && (0.01..=1_000.0).contains(unit)).unwrap_or(1.0);
        let fit = (MAX_SIDE_PT / (width.max(height) * unit)).min(1.0);
        let scale = unit * fit;
        let loss = (fit < 1.0).then_some("page-size");
        let (width_pt, height_pt) = ((width * scale).clamp(MIN_SIDE_PT, MAX_SIDE_PT), (height * scale).clamp(MIN_SIDE_PT, MAX_SIDE_PT));
        let (width_px, height_px) = pixel_size(width_pt, height_pt, limits);
        let base = page.initial_transform(true).to_kurbo();
        let stretch = |across: f64, down: f64| Affine::scale_non_uniform(across / f64::from(width), down / f64::from(height)) * base;
        Self {
            width_pt,
            height_pt,
            width_px,
            height_px,
            to_pixels: stretch(f64::from(width_px), f64::from(height_px)),
            to_points: stretch(f64::from(width_pt), f64::from(height_pt)),
            loss,
        }
    }

    /// A4 for a page whose boxes say nothing usable.
    pub fn unknown(limits: &RenderLimits) -> Self {
        let (width_pt, height_pt) = A4_PT;
        let (width_px, height_px) = pixel_size(width_pt, height_pt, limits);
        let to_points = Affine::new([1.0, 0.0, 0.0, -1.0, 0.0, f64::from(height_pt)]);
        let scale = Affine::scale_non_uniform(f64::from(width_px) / f64::from(width_pt), f64::from(height_px) / f64::from(height_pt));
        Self { width_pt, height_pt, width_px, height_px, to_pixels: scale * to_points, to_points, loss: Some("page-box") }
    }
}
