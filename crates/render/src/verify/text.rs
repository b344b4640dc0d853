//! Rebuilt text and CSV.

use super::Refusal;
use model::untrusted::is_deceptive;

/// Accepts UTF-8 whose only controls are line feed and tab, and that has no invisible or reordering character except the
/// emoji variation selector behind a symbol. As CSV, additionally: no `sep=` line; no cell that starts a formula, wherever
/// a reader may split (comma, semicolon, tab, bar, quotes honoured or not), unless it is a plain number; and no quote that
/// is neither around a cell nor doubled inside one.
///
/// # Errors
/// `text-utf8`, `text-control`, `csv-separator-line`, `csv-formula`, `csv-quotes`, with the byte offset.
pub fn verify_text(bytes: &[u8], csv: bool) -> Result<(), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| ("text-utf8", error.valid_up_to()))?;
    let mut before = None;
    for (offset, character) in text.char_indices() {
        let symbol = before.is_some_and(|c: char| c.is_ascii_digit() || "#*©®".contains(c) || is_symbol(c as u32));
        let accepted = matches!(character, '\n' | '\t') || !is_deceptive(character) || (character == '\u{FE0F}' && symbol);
        if !accepted {
            return Err(("text-control", offset));
        }
        before = Some(character);
    }
    if csv { verify_cells(text) } else { Ok(()) }
}

const fn is_symbol(code: u32) -> bool {
    matches!(code, 0x203C..=0x2BFF | 0x3030..=0x303D | 0x3297..=0x3299 | 0x1F000..=0x1FAFF)
}

fn verify_cells(text: &str) -> Result<(), Refusal> {
    // Readers that leave out empty lines meet it behind some.
    let head = text.trim_start_matches(['"', '\n']).get(..4).unwrap_or_default();
    if head.eq_ignore_ascii_case("sep=") {
        return Err(("csv-separator-line", 0));
    }
    // Any reader: a formula may start at the beginning and behind every separator or line end, quotes skipped.
    let mut start = true;
    for (offset, byte) in text.bytes().enumerate() {
        if start
            && byte != b'\t'
            && is_formula_at(text, offset)
            && !number_until(text, offset, |b| matches!(b, b',' | b';' | b'\t' | b'|' | b'\n' | b'"'))
        {
            return Err(("csv-formula", offset));
        }
        start = matches!(byte, b',' | b';' | b'\t' | b'|' | b'\n') || (start && byte == b'"');
    }
    own_cells(text)
}

/// Where a cell stands with its quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Open,
    Closed,
}

/// The cells as the table's own delimiter makes them, quotes honoured, leading spaces ignored.
fn own_cells(text: &str) -> Result<(), Refusal> {
    let delimiter = delimiter_of(text);
    let bytes = text.as_bytes();
    let mut position = 0;
    while position < bytes.len() {
        let mut cell = Vec::new();
        let start = position;
        let mut quotes = if bytes.get(position) == Some(&b'"') { Quotes::Open } else { Quotes::None };
        position += usize::from(quotes == Quotes::Open);
        while let Some(byte) = bytes.get(position) {
            match (quotes, byte) {
                (Quotes::Open, b'"') if bytes.get(position + 1) == Some(&b'"') => {
                    cell.push(b'"');
                    position += 1;
                }
                (Quotes::Open, b'"') => quotes = Quotes::Closed,
                (Quotes::Open, other) => cell.push(*other),
                (_, b'\n') => break,
                (_, other) if *other == delimiter => break,
                // Readers disagree about where such a cell ends.
                (Quotes::Closed, _) | (Quotes::None, b'"') => return Err(("csv-quotes", position)),
                (Quotes::None, other) => cell.push(*other),
            }
            position += 1;
        }
        if quotes == Quotes::Open {
            return Err(("csv-quotes", start));
        }
        position += 1;
        let cell = String::from_utf8_lossy(&cell);
        let shown = cell.trim_start_matches([' ', '\u{A0}', '"']);
        if is_formula_at(shown, 0) && !number_until(shown, 0, |_| false) {
            return Err(("csv-formula", start));
        }
    }
    Ok(())
}

fn delimiter_of(text: &str) -> u8 {
    let first = text.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
    let outside: String = first.split('"').step_by(2).collect();
    let count = |delimiter: u8| outside.bytes().filter(|b| *b == delimiter).count();
    let mut best = b',';
    for candidate in [b';', b'\t', b'|'] {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    best
}

fn is_formula_at(text: &str, offset: usize) -> bool {
    let formula = |c| "=+-@\t\r\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}".contains(c);
    text.get(offset..).and_then(|rest| rest.chars().next()).is_some_and(formula)
}

/// Whether what stands from `offset` up to the next end byte is a plain number, or only dashes.
fn number_until(text: &str, offset: usize, ends: impl Fn(u8) -> bool) -> bool {
    let rest = text.as_bytes().get(offset..).unwrap_or_default();
    let length = rest.iter().skip(1).position(|b| ends(*b)).map_or(rest.len(), |index| index + 1);
    // A quote ends a cell only before a separator; otherwise the cell goes on, and is no number.
    let behind = rest.get(length + 1).copied();
    if rest.get(length) == Some(&b'"') && behind.is_some_and(|b| !matches!(b, b',' | b';' | b'\t' | b'|' | b'\n')) {
        return false;
    }
    let token = rest.get(..length).unwrap_or_default().trim_ascii_end();
    if !token.is_empty() && token.iter().all(|b| *b == b'-') {
        return true;
    }
    // States: 0 sign or digit, 1 digit needed, 2 digits, 3 exponent sign or digit, 4 digit needed, 5 exponent, 6 end.
    let mut state = 0;
    for byte in token {
        state = match (state, byte) {
            (0, b'+' | b'-') => 1,
            (0..=2, b'0'..=b'9') => 2,
            (2, b'.' | b',') => 1,
            (2, b'e' | b'E') => 3,
            (3, b'+' | b'-') => 4,
            (3..=5, b'0'..=b'9') => 5,
            (2 | 5, b'%') => 6,
            _ => return false,
        };
    }
    matches!(state, 2 | 5 | 6)
}
