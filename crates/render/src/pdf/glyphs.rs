//! A device that paints nothing and remembers what would be painted: the characters with their places, and whether there
//! was anything at all.

use super::geometry::Geometry;
use super::words::{Placed, Words};
use hayro::hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, Paint, SoftMask};
use hayro::kurbo::{Affine, BezPath, Point, Shape, Vec2};
use wire::TextPiece;

/// What a page contains besides its pixels.
#[derive(Debug, Default)]
pub struct PageContent {
    /// Words in the order of the content stream.
    pub pieces: Vec<TextPiece>,
    /// Whether text was left out for the limit.
    pub text_cut: bool,
    /// Painting operators that leave a mark on white paper, and text.
    pub marks: u64,
}

/// The device.
#[derive(Debug)]
pub struct TextDevice {
    words: Words,
    marks: u64,
    last_run: Option<(Point, usize)>,
}

impl TextDevice {
    /// For one page; at most `max_characters` are kept.
    pub fn new(geometry: &Geometry, max_characters: u32) -> Self {
        Self { words: Words::new(geometry.width_pt, geometry.height_pt, max_characters), marks: 0, last_run: None }
    }

    /// What was seen.
    pub fn into_content(self) -> PageContent {
        let (pieces, text_cut) = self.words.finish();
        PageContent { pieces, text_cut, marks: self.marks }
    }

    fn mark(&mut self, paint: &Paint<'_>) {
        let visible = match paint {
            Paint::Color(color) => {
                let [red, green, blue, alpha] = color.to_rgba().to_rgba8();
                alpha > 0 && [red, green, blue].iter().any(|channel| *channel < 250)
            }
            Paint::Pattern(_) => true,
        };
        self.marks += u64::from(visible);
    }
}

impl<'a> Device<'a> for TextDevice {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, _mode: &DrawMode) {
        // A path that paints next to nothing (producers leave such behind) is no reason to expect ink.
        let bounds = props.transform.transform_rect_bbox(path.bounding_box());
        if bounds.width() * bounds.height() > 1.0 {
            self.mark(&props.paint);
        }
    }

    fn push_clip_path(&mut self, _path: &ClipPath) {}

    fn push_transparency_group(&mut self, _opacity: f32, _mask: Option<SoftMask<'a>>, _blend: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let glyphs = run.glyphs();
        let Some(first) = glyphs.first() else { return };
        let start = props.transform * first.transform() * Point::ORIGIN;
        let key = (start, glyphs.len());
        // "Fill then stroke" text arrives twice.
        if matches!(mode, DrawMode::Stroke(_)) && self.last_run == Some(key) {
            return;
        }
        self.last_run = Some(key);
        if !matches!(mode, DrawMode::Invisible) && glyphs.iter().any(|glyph| !is_blank(glyph)) {
            self.mark(&props.paint);
        }
        for glyph in glyphs {
            let unicode = glyph.as_unicode();
            let text = match &unicode {
                Some(BfString::Char(character)) => Placed::from_char(*character),
                Some(BfString::String(text)) => Placed::from_text(text),
                None => continue,
            };
            if let Some(mut placed) = text {
                place(&mut placed, props.transform * glyph.transform(), advance(glyph));
                self.words.push(placed);
            }
        }
        self.words.end_run();
    }

    fn draw_image(&mut self, _image: Image<'a, '_>, _props: ImageDrawProps<'a>) {
        self.marks += 1;
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

fn is_blank(glyph: &Glyph<'_>) -> bool {
    match glyph.as_unicode() {
        Some(BfString::Char(character)) => character.is_whitespace(),
        Some(BfString::String(text)) => text.chars().all(char::is_whitespace),
        None => false,
    }
}

/// Advance in thousandths of an em; half an em where the font does not say.
fn advance(glyph: &PositionedGlyph<'_>) -> f64 {
    let width = match &**glyph {
        Glyph::Outline(outline) => outline.advance_width(),
        Glyph::Type3(type3) => type3.advance_width(),
    };
    f64::from(width.filter(|width| width.is_finite() && (0.0..=10_000.0).contains(width)).unwrap_or(500.0))
}

fn place(placed: &mut Placed, transform: Affine, advance: f64) {
    let linear = |x: f64, y: f64| {
        let [a, b, c, d, ..] = transform.as_coeffs();
        Vec2::new(a * x + c * y, b * x + d * y)
    };
    let start = transform * Point::ORIGIN;
    let along = linear(1000.0, 0.0);
    placed.start = start;
    placed.end = start + linear(advance, 0.0);
    placed.size = linear(0.0, 1000.0).hypot();
    // y points down here, angles count counter-clockwise.
    placed.angle = (-along.y).atan2(along.x);
}
