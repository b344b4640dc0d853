//! A page that says why the original page is missing.

use super::glyphs::{COLUMNS, ROWS, dots};
use super::{Raster, TextRun};

/// Dots per point of a normal page, and the most dots a side may have.
// BOUND: keeps the raster of a 14,400 pt page below 12 MB.
const MAX_SIDE_PX: f32 = 2_000.0;
/// A glyph's dot is this many pixels wide and high.
const DOT_PX: usize = 2;
const ADVANCE_PX: usize = (COLUMNS + 1) * DOT_PX;
const LINE_PX: usize = (ROWS + 4) * DOT_PX;
const FRAME_PX: usize = 18;
const MARGIN_PX: usize = 36;

/// Draws the lines, wrapped, in a frame; returns the pixels and the same words as text runs.
pub(super) fn draw(width_pt: f32, height_pt: f32, lines: &[String]) -> (Raster, Vec<TextRun>) {
    let px_per_pt = (MAX_SIDE_PX / width_pt.max(height_pt)).min(1.0);
    let side = |points: f32| (points * px_per_pt).round().max(1.0) as usize;
    let mut canvas = Canvas::white(side(width_pt), side(height_pt));
    canvas.frame();
    let per_line = canvas.width.saturating_sub(2 * MARGIN_PX) / ADVANCE_PX;
    let mut text = Vec::new();
    for (index, line) in lines.iter().flat_map(|line| wrap(line, per_line.max(1))).enumerate() {
        let top = MARGIN_PX + index * LINE_PX;
        let baseline = top + ROWS * DOT_PX;
        if baseline + FRAME_PX > canvas.height {
            break;
        }
        canvas.write(MARGIN_PX, top, &line);
        text.push(TextRun {
            x_pt: MARGIN_PX as f32 / px_per_pt,
            y_pt: height_pt - baseline as f32 / px_per_pt,
            width_pt: (line.chars().count() * ADVANCE_PX) as f32 / px_per_pt,
            size_pt: (ROWS * DOT_PX) as f32 / px_per_pt,
            angle_deg: 0.0,
            text: line,
        });
    }
    (canvas.into_raster(), text)
}

/// Breaks a paragraph into lines of at most `limit` characters, at spaces where it can.
fn wrap(paragraph: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in paragraph.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        for (index, part) in word.chunks(limit).enumerate() {
            let gap = usize::from(length > 0 && index == 0);
            if length + gap + part.len() > limit {
                lines.push(String::new());
                length = 0;
            } else if gap == 1 {
                length += 1;
                lines.last_mut().into_iter().for_each(|line| line.push(' '));
            }
            length += part.len();
            lines.last_mut().into_iter().for_each(|line| line.extend(part));
        }
    }
    lines
}

struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    fn white(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![255; width * height * 3] }
    }

    fn blacken(&mut self, x: usize, y: usize) {
        let start = (y * self.width + x) * 3;
        if x < self.width
            && let Some(pixel) = self.rgb.get_mut(start..start + 3)
        {
            pixel.fill(0);
        }
    }

    fn frame(&mut self) {
        let (right, bottom) = (self.width.saturating_sub(FRAME_PX), self.height.saturating_sub(FRAME_PX));
        for x in FRAME_PX..right {
            self.blacken(x, FRAME_PX);
            self.blacken(x, bottom);
        }
        for y in FRAME_PX..bottom {
            self.blacken(FRAME_PX, y);
            self.blacken(right, y);
        }
    }

    fn write(&mut self, left: usize, top: usize, line: &str) {
        for (index, character) in line.chars().enumerate() {
            for (column, row) in dots(character) {
                for dot in 0..DOT_PX * DOT_PX {
                    let x = left + index * ADVANCE_PX + column * DOT_PX + dot % DOT_PX;
                    self.blacken(x, top + row * DOT_PX + dot / DOT_PX);
                }
            }
        }
    }

    fn into_raster(self) -> Raster {
        Raster { width_px: self.width as u32, height_px: self.height as u32, rgb: self.rgb }
    }
}
