//! Fonts of the text layer (9.6): Helvetica by name, never by font program.
//!
//! Two forms exist: `WinAnsiEncoding` alone, and a font whose codes are named one by one and mapped to Unicode.
//!
//! **Invariant**: no accepted font holds or points at a font program; in the second form glyph names, widths and the
//! Unicode map speak of the same codes and characters.

use super::RejectionCode as Code;
use super::document::{Role, Walk, text_stream};
use super::file::Object;
use super::syntax::{Dict, Value};
use super::{Rejection, Verified, cmap, require};

/// Checks one font object and what it points at.
pub(super) fn check(object: &Object, walk: &mut Walk) -> Verified<()> {
    let font = &object.dict;
    require(object.stream.is_none(), Code::WrongType, font.offset)?;
    font.name_is("Type", "Font")?;
    font.name_is("Subtype", "Type1")?;
    let typeface = typeface(font, "BaseFont")?;
    match font.get("Encoding")? {
        Value::Name(b"WinAnsiEncoding") => font.only(&["Type", "Subtype", "BaseFont", "Encoding"], &[]),
        Value::Dict(encoding) => named_codes(font, typeface, encoding, walk),
        _ => Err(Rejection::new(Code::Encoding, font.offset)),
    }
}

/// One of the two accepted standard fonts.
fn typeface<'a>(dict: &Dict<'a>, key: &str) -> Verified<&'a [u8]> {
    let name = dict.name(key)?;
    require(matches!(name, b"Helvetica" | b"Helvetica-Bold"), Code::Font, dict.offset)?;
    Ok(name)
}

fn named_codes(font: &Dict, typeface: &[u8], encoding: &Dict, walk: &mut Walk) -> Verified<()> {
    let described = ["Type", "Subtype", "BaseFont", "Encoding", "ToUnicode", "FirstChar", "LastChar", "Widths"];
    let keys: Vec<&str> = described.into_iter().chain(["FontDescriptor"]).collect();
    font.only(&keys, &[])?;
    let first = font.int("FirstChar", 0..=255)? as u8;
    let last = font.int("LastChar", i64::from(first)..=255)? as u8;

    let widths = font.array("Widths")?;
    let counted = widths.len() == usize::from(last - first) + 1;
    // BOUND: widths are thousandths of the font size; nothing in Helvetica comes near 10,000.
    let plausible = |width: &Value| width.number().is_some_and(|width| (0.0..=10_000.0).contains(&width));
    require(counted && widths.iter().all(plausible), Code::Font, font.offset)?;

    let named = differences(encoding, first, last)?;
    let map = walk.claim(font.reference("ToUnicode")?, Role::ToUnicode, font.offset)?;
    let map = map.ok_or(Rejection::new(Code::Role, font.offset))?;
    let mapped = cmap::read(&text_stream(map, walk.limits)?).map_err(|rejection| rejection.at(map.offset))?;
    require(mapped == named, Code::Cmap, map.offset)?;

    let descriptor = walk.claim(font.reference("FontDescriptor")?, Role::FontDescriptor, font.offset)?;
    check_descriptor(descriptor.ok_or(Rejection::new(Code::Role, font.offset))?, typeface)
}

/// `[first /uniXXXX …]`, one name per code, as codes and characters (9.6.6.1).
fn differences(encoding: &Dict, first: u8, last: u8) -> Verified<Vec<(u8, char)>> {
    encoding.only(&["Type", "Differences"], &[])?;
    encoding.name_is("Type", "Encoding")?;
    let fault = Rejection::new(Code::Encoding, encoding.offset);
    let (start, names) = encoding.array("Differences")?.split_first().ok_or(fault)?;
    let counted = *start == Value::Int(i64::from(first)) && names.len() == usize::from(last - first) + 1;
    require(counted, Code::Encoding, encoding.offset)?;
    let name_to_char = |name: &Value| match name {
        Value::Name(name) => glyph_character(name),
        _ => None,
    };
    let named = (first..=last).zip(names);
    named.map(|(code, name)| name_to_char(name).map(|character| (code, character)).ok_or(fault)).collect()
}

/// `uniXXXX` or `uXXXXX`, in the one spelling each character has (Adobe Glyph List specification, section 2).
fn glyph_character(name: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(name).ok()?;
    let digits = text.strip_prefix("uni").or_else(|| text.strip_prefix('u'))?;
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    // Controls and direction overrides would let copied text differ from what it looks like.
    let deceptive = character.is_control() || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let scalar = u32::from(character);
    let spelling = if scalar > 0xFFFF { format!("u{scalar:X}") } else { format!("uni{scalar:04X}") };
    (!deceptive && spelling == text).then_some(character)
}

/// A descriptor with numbers only (9.8): no `FontFile`, in any of its forms.
fn check_descriptor(object: &Object, expected: &[u8]) -> Verified<()> {
    let dict = &object.dict;
    require(object.stream.is_none(), Code::WrongType, dict.offset)?;
    let numbers = ["Flags", "ItalicAngle", "Ascent", "Descent", "CapHeight", "StemV"];
    let keys: Vec<&str> = ["Type", "FontName", "FontBBox"].into_iter().chain(numbers).collect();
    dict.only(&keys, &[])?;
    dict.name_is("Type", "FontDescriptor")?;
    require(typeface(dict, "FontName")? == expected, Code::Font, dict.offset)?;
    for key in numbers {
        dict.number(key)?;
    }
    dict.int("Flags", 0..=0xF_FFFF)?;
    let bounds = dict.array("FontBBox")?;
    let plain = bounds.len() == 4 && bounds.iter().all(|side| side.number().is_some());
    require(plain, Code::Font, dict.offset)
}
