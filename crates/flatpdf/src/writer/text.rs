//! The invisible text layer (text rendering mode 3) in fonts that are not embedded.
//!
//! Characters of `WinAnsiEncoding` use plain Helvetica. All others get a code in further simple fonts, in the order of
//! their first use in the document; glyph names and a `ToUnicode` map say what each code means.
//!
//! **Invariant.** No font program is written, and no control, bidi override, private or invisible format character
//! reaches the layer: what can be copied out is what a person could have read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use lopdf::content::Operation;
use lopdf::{Dictionary, Object, ObjectId, Stream, dictionary};

use super::images::deflate;
use super::winansi::{self, HELVETICA};
use super::{PAGE_SIDE_PT, TextRun, WriteError};

/// First code of an extra font: above controls and the space, which readers treat specially.
const FIRST_CODE: u8 = 33;
// BOUND: simple fonts have 256 codes; 220 from 33 on leave the delicate ends alone.
const CODES_PER_FONT: usize = 220;
/// Widths given to characters of the extra fonts, in thousandths: East Asian and emoji, and everything else.
const WIDE: u16 = 1000;
const NARROW: u16 = 556;

/// Rejects numbers that are not finite and leaves out runs that no reader could show on this page.
pub(super) fn checked(runs: &[TextRun], width_pt: f32, height_pt: f32) -> Result<Vec<TextRun>, WriteError> {
    let mut kept = Vec::with_capacity(runs.len());
    for (index, run) in runs.iter().enumerate() {
        if ![run.x_pt, run.y_pt, run.width_pt, run.size_pt, run.angle_deg].iter().all(|number| number.is_finite()) {
            return Err(WriteError::TextRun { index });
        }
        let near = |place: f32, side: f32| (-run.size_pt..=side + run.size_pt).contains(&place);
        let drawable = run.size_pt > 0.0 && run.size_pt <= *PAGE_SIDE_PT.end();
        if drawable && near(run.x_pt, width_pt) && near(run.y_pt, height_pt) {
            kept.push(run.clone());
        }
    }
    Ok(kept)
}

/// White space becomes a space; characters that are not text are left out.
fn readable(character: char) -> Option<char> {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        // Zero-width space, direction marks, overrides and isolates, invisible operators, byte order mark, interlinear
        // annotation, private use, variation selectors and tags. (Joiners stay: Persian and Hindi are spelt with them.)
        '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{61C}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' => None,
        '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' | '\u{FE00}'..='\u{FE0F}' | '\u{E000}'..='\u{F8FF}' => None,
        '\u{E0000}'..='\u{10FFFF}' => None,
        // The last two of each plane and 32 in Arabic Presentation Forms are noncharacters (Unicode 23.7).
        '\u{FDD0}'..='\u{FDEF}' => None,
        _ if u32::from(character) & 0xFFFE == 0xFFFE || character.is_control() => None,
        _ => Some(character),
    }
}

fn extra_width(character: char) -> u16 {
    match character {
        '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' => WIDE,
        '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FF60}' | '\u{1F300}'..='\u{3FFFF}' => WIDE,
        _ => NARROW,
    }
}

/// The fonts of one document. Number 0 is WinAnsi Helvetica; the others hold [`CODES_PER_FONT`] characters each.
#[derive(Debug, Default)]
pub(super) struct Fonts {
    places: BTreeMap<char, usize>,
    characters: Vec<char>,
}

/// Characters of one font in a row.
struct Piece {
    font: usize,
    codes: Vec<u8>,
}

impl Fonts {
    /// Font, code and width of a character; gives it a code when it is new.
    fn place(&mut self, character: char) -> (usize, u8, u16) {
        if let Some(code) = winansi::code(character) {
            return (0, code, HELVETICA.width(code));
        }
        let place = *self.places.entry(character).or_insert_with(|| {
            self.characters.push(character);
            self.characters.len() - 1
        });
        (1 + place / CODES_PER_FONT, FIRST_CODE + (place % CODES_PER_FONT) as u8, extra_width(character))
    }

    /// The operators of a page's layer and the fonts they use.
    pub(super) fn layer(&mut self, runs: &[TextRun]) -> (Vec<Operation>, BTreeSet<usize>) {
        let mut used = BTreeSet::new();
        let mut operations = Vec::new();
        for run in runs {
            let mut pieces: Vec<Piece> = Vec::new();
            let mut thousandths = 0.0;
            for character in run.text.chars().filter_map(readable) {
                let (font, code, width) = self.place(character);
                thousandths += f64::from(width);
                match pieces.last_mut() {
                    Some(piece) if piece.font == font => piece.codes.push(code),
                    _ => pieces.push(Piece { font, codes: vec![code] }),
                }
            }
            if !pieces.is_empty() {
                place_run(&mut operations, run, thousandths);
            }
            for Piece { font, codes } in pieces {
                used.insert(font);
                let size = number(f64::from(run.size_pt));
                operations.push(Operation::new("Tf", vec![Object::Name(name(font)), size]));
                operations.push(Operation::new("Tj", vec![Object::string_literal(codes)]));
            }
        }
        if !operations.is_empty() {
            operations.splice(0..0, [Operation::new("BT", vec![]), Operation::new("Tr", vec![3.into()])]);
            operations.push(Operation::new("ET", vec![]));
        }
        (operations, used)
    }

    /// The font dictionary of a number, with the objects it refers to added to the file.
    pub(super) fn object(&self, font: usize, pdf: &mut lopdf::Document) -> Result<Dictionary, WriteError> {
        let mut characters = self.characters.chunks(CODES_PER_FONT);
        match font.checked_sub(1).and_then(|place| characters.nth(place)) {
            None => Ok(standard("Helvetica")),
            Some(characters) => extra(characters, pdf),
        }
    }
}

/// Position, direction and stretch of a run whose characters are `thousandths` of its size wide.
fn place_run(operations: &mut Vec<Operation>, run: &TextRun, thousandths: f64) {
    let natural = thousandths * f64::from(run.size_pt) / 1000.0;
    let stretch = if run.width_pt > 0.0 && natural > 0.0 { f64::from(run.width_pt) / natural * 100.0 } else { 100.0 };
    let (sin, cos) = f64::from(run.angle_deg).to_radians().sin_cos();
    let (x, y) = (f64::from(run.x_pt), f64::from(run.y_pt));
    // BOUND: beyond a hundredfold stretch either way the box was wrong, and readers cap the number themselves.
    operations.push(Operation::new("Tz", vec![number(stretch.clamp(1.0, 10_000.0))]));
    operations.push(Operation::new("Tm", [cos, sin, -sin, cos, x, y].map(number).to_vec()));
}

/// A real number with at most three decimals: a thousandth of a point is beyond any device.
pub(super) fn number(value: f64) -> Object {
    // Adding zero turns -0 into 0.
    Object::Real(((value * 1000.0).round() / 1000.0 + 0.0) as f32)
}

/// The resource name of a font.
pub(super) fn name(font: usize) -> Vec<u8> {
    format!("F{font}").into_bytes()
}

/// A standard font in `WinAnsiEncoding` (ISO 32000-1, 9.6.2.2).
pub(super) fn standard(typeface: &str) -> Dictionary {
    dictionary! {
        "Type" => "Font",
        "Subtype" => "Type1",
        "BaseFont" => typeface,
        "Encoding" => "WinAnsiEncoding",
    }
}

/// A simple font whose codes, from [`FIRST_CODE`] on, are these characters.
fn extra(characters: &[char], pdf: &mut lopdf::Document) -> Result<Dictionary, WriteError> {
    let names = characters.iter().map(|character| Object::Name(glyph_name(*character)));
    let differences: Vec<Object> = std::iter::once(i64::from(FIRST_CODE).into()).chain(names).collect();
    let widths: Vec<Object> = characters.iter().map(|character| i64::from(extra_width(*character)).into()).collect();
    let to_unicode: ObjectId =
        pdf.add_object(Stream::new(dictionary! { "Filter" => "FlateDecode" }, deflate(to_unicode(characters).as_bytes())?));
    let descriptor = pdf.add_object(dictionary! {
        "Type" => "FontDescriptor",
        "FontName" => "Helvetica",
        "Flags" => 32,
        "FontBBox" => vec![(-166).into(), (-225).into(), 1000.into(), 931.into()],
        "ItalicAngle" => 0,
        "Ascent" => 718,
        "Descent" => -207,
        "CapHeight" => 718,
        "StemV" => 88,
    });
    Ok(dictionary! {
        "Type" => "Font",
        "Subtype" => "Type1",
        "BaseFont" => "Helvetica",
        "Encoding" => dictionary! { "Type" => "Encoding", "Differences" => differences },
        "ToUnicode" => to_unicode,
        "FirstChar" => i64::from(FIRST_CODE),
        "LastChar" => i64::from(FIRST_CODE) + characters.len() as i64 - 1,
        "Widths" => widths,
        "FontDescriptor" => descriptor,
    })
}

/// The name that says which character a glyph is (Adobe Glyph List Specification, section 2).
fn glyph_name(character: char) -> Vec<u8> {
    let scalar = u32::from(character);
    if scalar > 0xFFFF { format!("u{scalar:X}") } else { format!("uni{scalar:04X}") }.into_bytes()
}

/// A CMap from codes to UTF-16 (ISO 32000-1, 9.10.3).
fn to_unicode(characters: &[char]) -> String {
    // BOUND: Adobe Technical Note 5014 allows 100 entries per bfchar block.
    const BLOCK: usize = 100;
    let mut map = String::from(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n\
         /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n\
         /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n\
         1 begincodespacerange\n<00> <FF>\nendcodespacerange\n",
    );
    let coded: Vec<(u8, char)> = (FIRST_CODE..).zip(characters.iter().copied()).collect();
    // Writing to a string cannot fail.
    for block in coded.chunks(BLOCK) {
        let _ = writeln!(map, "{} beginbfchar", block.len());
        for (code, character) in block {
            let _ = write!(map, "<{code:02X}> <");
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(map, "{unit:04X}");
            }
            map.push_str(">\n");
        }
        map.push_str("endbfchar\n");
    }
    map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
    map
}
