//! Glyphs to words: what stands together on one baseline.

use crate::sink::MAX_PIECE_CHARS;
use hayro::kurbo::{Point, Vec2};
use model::untrusted::is_deceptive;
use std::collections::VecDeque;
use wire::{Foreign, TextPiece};

/// A gap wider than this many ems ends a word; kerning stays below, word spaces above.
const WORD_GAP_EM: f64 = 0.15;
/// Overlap beyond this many ems is a jump back, not kerning.
const JUMP_BACK_EM: f64 = 0.4;
/// How many words back a repetition at the same place (bold by overprinting, shadows) is looked for.
const REPEAT_WINDOW: usize = 64;

/// A character, or a few that one glyph stands for, on the page: points, y down.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Characters, without any that cannot be shown.
    pub text: String,
    /// Start of the baseline.
    pub start: Point,
    /// End of the baseline.
    pub end: Point,
    /// Font size, points.
    pub size: f64,
    /// Angle of the baseline, radians counter-clockwise.
    pub angle: f64,
}

impl Placed {
    /// From a glyph's character; `None` when nothing showable is left.
    pub fn from_char(character: char) -> Option<Self> {
        let mut buffer = [0; 4];
        Self::from_text(character.encode_utf8(&mut buffer))
    }

    /// From a glyph's characters; `None` when nothing showable is left.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '\u{AD}' | '\u{2010}' | '\u{2011}' => shown.push('-'),
                '\u{FB00}' => shown.push_str("ff"),
                '\u{FB01}' => shown.push_str("fi"),
                '\u{FB02}' => shown.push_str("fl"),
                '\u{FB03}' => shown.push_str("ffi"),
                '\u{FB04}' => shown.push_str("ffl"),
                '\u{FB05}' | '\u{FB06}' => shown.push_str("st"),
                _ if character.is_whitespace() => shown.push(' '),
                _ if is_deceptive(character) => {}
                _ => shown.push(character),
            }
        }
        (!shown.is_empty()).then_some(Self { text: shown, start: Point::ORIGIN, end: Point::ORIGIN, size: 0.0, angle: 0.0 })
    }

    fn is_usable(&self) -> bool {
        [self.start.x, self.start.y, self.end.x, self.end.y, self.size, self.angle].iter().all(|v| v.is_finite()) && self.size > 0.01
    }
}

/// Builds words from glyphs in the order they are shown.
#[derive(Debug)]
pub struct Words {
    width: f64,
    height: f64,
    left: u32,
    cut: bool,
    open: Option<Placed>,
    recent: VecDeque<Placed>,
    pieces: Vec<TextPiece>,
}

impl Words {
    /// For a page of this size, points; at most `max_characters` are kept.
    pub fn new(width: f32, height: f32, max_characters: u32) -> Self {
        let (width, height) = (f64::from(width), f64::from(height));
        Self { width, height, left: max_characters, cut: false, open: None, recent: VecDeque::new(), pieces: Vec::new() }
    }

    /// The next glyph.
    pub fn push(&mut self, glyph: Placed) {
        if !glyph.is_usable() || glyph.text.trim().is_empty() {
            self.close();
            return;
        }
        let joins = self.open.as_ref().is_some_and(|word| joins(word, &glyph));
        match self.open.as_mut().filter(|_| joins) {
            Some(word) => {
                word.text.push_str(&glyph.text);
                word.end = glyph.end;
            }
            None => {
                self.close();
                self.open = Some(glyph);
            }
        }
    }

    /// A show operator ended. The word stays open: many producers show each letter on its own.
    pub fn end_run(&mut self) {
        // BOUND: a page that never pauses must not grow one word without end.
        if self.open.as_ref().is_some_and(|word| word.text.len() > 4 * MAX_PIECE_CHARS) {
            self.close();
        }
    }

    /// The words, and whether the limit left some out.
    pub fn finish(mut self) -> (Vec<TextPiece>, bool) {
        self.close();
        (self.pieces, self.cut)
    }

    fn close(&mut self) {
        let Some(word) = self.open.take() else { return };
        if !self.on_page(&word) || self.repeats(&word) {
            return;
        }
        let length = word.text.chars().count() as u32;
        if length > self.left {
            self.cut = true;
            self.left = 0;
            return;
        }
        self.left -= length;
        self.emit(&word);
        if self.recent.len() == REPEAT_WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(word);
    }

    fn on_page(&self, word: &Placed) -> bool {
        let inside = |p: Point| (0.0..=self.width).contains(&p.x) && (0.0..=self.height).contains(&p.y);
        inside(word.start) || inside(word.end)
    }

    fn repeats(&self, word: &Placed) -> bool {
        self.recent.iter().any(|earlier| earlier.text == word.text && (earlier.start - word.start).hypot() < 0.1 * word.size)
    }

    /// One piece, or several where the word is longer than a piece may be.
    fn emit(&mut self, word: &Placed) {
        let characters: Vec<char> = word.text.chars().collect();
        let along = word.end - word.start;
        let total = characters.len().max(1) as f64;
        for (index, part) in characters.chunks(MAX_PIECE_CHARS).enumerate() {
            let start = word.start + along * ((index * MAX_PIECE_CHARS) as f64 / total);
            self.pieces.push(TextPiece {
                text: Foreign::new(part.iter().collect()),
                x_pt: start.x as f32,
                y_pt: (self.height - start.y) as f32,
                width_pt: (along.hypot() * part.len() as f64 / total) as f32,
                size_pt: word.size as f32,
                angle_deg: word.angle.to_degrees() as f32,
            });
        }
    }
}

fn joins(word: &Placed, next: &Placed) -> bool {
    let size = word.size.max(next.size);
    if (word.size - next.size).abs() > 0.02 * size || (word.angle - next.angle).abs() > 0.02 {
        return false;
    }
    let direction = Vec2::new(word.angle.cos(), -word.angle.sin());
    let step = next.start - word.end;
    let (gap, drift) = (step.dot(direction), step.cross(direction).abs());
    drift < 0.1 * size && gap < WORD_GAP_EM * size && gap > -JUMP_BACK_EM * size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyph(text: &str, x: f64, y: f64) -> Placed {
        let mut placed = Placed::from_text(text).unwrap();
        placed.start = Point::new(x, y);
        placed.end = Point::new(x + 5.0, y);
        placed.size = 10.0;
        placed
    }

    fn words(glyphs: &[Placed], max: u32) -> (Vec<(f32, f32, f32)>, bool) {
        let mut words = Words::new(100.0, 100.0, max);
        glyphs.iter().cloned().for_each(|glyph| words.push(glyph));
        let (pieces, cut) = words.finish();
        (pieces.iter().map(|piece| (piece.x_pt, piece.y_pt, piece.width_pt)).collect(), cut)
    }

    #[test]
    fn near_glyphs_are_one_word_and_gaps_separate() {
        let line = [glyph("a", 10.0, 20.0), glyph("b", 15.2, 20.0), glyph("c", 23.0, 20.0), glyph("d", 28.0, 40.0)];
        let (found, cut) = words(&line, 99);
        assert!(!cut);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].0, found[0].1), (10.0, 80.0));
        assert!((found[0].2 - 10.2).abs() < 1e-3);
    }

    #[test]
    fn overprinting_and_text_beside_the_page_are_dropped() {
        let glyphs = [glyph("a", 10.0, 20.0), glyph(" ", 15.0, 20.0), glyph("a", 10.3, 20.0), glyph("z", 500.0, 20.0)];
        assert_eq!(words(&glyphs, 99).0.len(), 1);
    }

    #[test]
    fn the_limit_cuts_and_broken_numbers_are_skipped() {
        let mut broken = glyph("x", 1.0, 1.0);
        broken.size = f64::NAN;
        let (found, cut) = words(&[glyph("abc", 10.0, 20.0), broken, glyph("def", 50.0, 20.0)], 4);
        assert_eq!((found.len(), cut), (1, true));
    }

    #[test]
    fn what_cannot_be_shown_is_no_text() {
        assert!(Placed::from_text("\u{202E}\u{7}").is_none());
        assert_eq!(Placed::from_text("o\u{FB03}ce\u{AD}").unwrap().text, "office-");
    }
}
