//! Text decoded, normalised and encoded again as UTF-8.
//!
//! **Invariant:** what comes out has no control but line feed and tab, and no character that hides or reorders others;
//! [`crate::verify::verify_text`] checks the same rule with its own code.

mod csv_cells;
mod decoding;

use crate::error::RenderError;
use crate::pixels::{note, stripped};
use model::untrusted::is_deceptive;
use model::{ActiveContent, FindingCode, Format};
use wire::{RawFinding, RawRemoved};

pub use decoding::decode;

/// A text, rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// UTF-8 without byte-order mark.
    pub bytes: Vec<u8>,
    /// What was taken out.
    pub removed: Vec<RawRemoved>,
    /// What was seen.
    pub findings: Vec<RawFinding>,
}

/// Rebuilds a text. CSV cells that start a formula get a leading apostrophe; every other kind (also XML, HTML or program
/// source) is only normalised.
///
/// # Errors
/// [`RenderError::Output`] when it is longer than `max_output_bytes`, [`RenderError::Malformed`] when CSV cannot be written.
pub fn rebuild_text(bytes: Vec<u8>, format: Format, max_output_bytes: u64) -> Result<Rebuilt, RenderError> {
    let (text, encoding) = decode(&bytes);
    drop(bytes);
    let (mut text, controls) = normalise(&text);
    let mut rebuilt = Rebuilt { bytes: Vec::new(), removed: Vec::new(), findings: Vec::new() };
    if let Some(name) = encoding.worth_a_note() {
        rebuilt.findings.push(note(FindingCode::TextEncoding, name));
    }
    if controls > 0 {
        rebuilt.removed.push(RawRemoved { kind: ActiveContent::TextControls, name: None, count: controls });
        rebuilt.findings.push(stripped(FindingCode::TextControls, format!("characters {controls}")));
    }
    if format == Format::Csv {
        let (quoted, formulas) = csv_cells::neutralise(&text)?;
        text = quoted;
        if formulas > 0 {
            rebuilt.removed.push(RawRemoved { kind: ActiveContent::CsvFormula, name: None, count: formulas });
            rebuilt.findings.push(stripped(FindingCode::CsvFormula, format!("cells {formulas}")));
        }
    }
    if text.len() as u64 > max_output_bytes {
        return Err(RenderError::Output(max_output_bytes));
    }
    rebuilt.bytes = text.into_bytes();
    Ok(rebuilt)
}

/// Line ends as line feeds, deceptive characters out; and how many were taken out.
fn normalise(text: &str) -> (String, u32) {
    let mut out = String::with_capacity(text.len());
    let mut removed = 0u32;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\n' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push('\t'),
            '\u{FE0F}' if out.chars().next_back().is_some_and(is_emoji_base) => out.push(character),
            _ if is_deceptive(character) => removed = removed.saturating_add(1),
            _ => out.push(character),
        }
    }
    (out, removed)
}

/// Characters that a variation selector turns into their coloured form (Unicode emoji-variation-sequences, by range).
fn is_emoji_base(character: char) -> bool {
    matches!(character, '#' | '*' | '0'..='9' | '\u{A9}' | '\u{AE}' | '\u{203C}'..='\u{2BFF}' | '\u{3030}'..='\u{303D}'
        | '\u{3297}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests;
