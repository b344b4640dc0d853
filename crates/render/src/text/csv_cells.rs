//! CSV cells that a spreadsheet would calculate.

use crate::error::RenderError;
use csv::QuoteStyle;

/// What spreadsheets split lines at; which of them depends on the reader's locale, so all count.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// The same table with an apostrophe before everything that starts a formula, and how many cells got one.
///
/// The delimiter stays what it was, wherever a reader of the result would find the same one. A `sep=` line, which makes a
/// reader split elsewhere, is left out.
pub fn neutralise(text: &str) -> Result<(String, u32), RenderError> {
    let (hint, text) = separator_line(text);
    let found = hint.unwrap_or_else(|| sniff(text));
    // Quoting everything leaves no doubt about the delimiter; a comma is what everybody assumes in the end.
    for (delimiter, quotes) in [(found, QuoteStyle::Necessary), (found, QuoteStyle::Always)] {
        let (table, formulas) = rewrite(text, delimiter, quotes)?;
        if sniff(&table) == delimiter {
            return Ok((table, formulas));
        }
    }
    rewrite(text, b',', QuoteStyle::Always)
}

fn rewrite(text: &str, delimiter: u8, quotes: QuoteStyle) -> Result<(String, u32), RenderError> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let sheet = Vec::with_capacity(text.len());
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).quote_style(quotes).flexible(true).from_writer(sheet);
    let mut formulas = 0u32;
    let mut record = csv::StringRecord::new();
    let mut leading = true;
    while reader.read_record(&mut record).map_err(|_| RenderError::Malformed)? {
        let alone = record.len() == 1;
        let cells = record.iter().map(|cell| {
            let mut harmless = cell_without_formulas(cell);
            // Quotes in odd places may have hidden a separator line, which would lead the table now.
            let shown = cell.trim_start_matches(['"', '\n']);
            if leading && shown.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("sep=")) {
                harmless.insert(0, '\'');
            }
            leading &= alone && shown.is_empty();
            formulas = formulas.saturating_add(u32::from(harmless.len() != cell.len()));
            harmless
        });
        writer.write_record(cells).map_err(|_| RenderError::Malformed)?;
    }
    let bytes = writer.into_inner().map_err(|_| RenderError::Malformed)?;
    Ok((String::from_utf8(bytes).map_err(|_| RenderError::Malformed)?, formulas))
}

/// The separator of a leading `sep=` line, and the text behind it. Empty lines before it go as well, and so does every
/// further one: writing the table leaves empty lines out, and then the next would lead.
fn separator_line(text: &str) -> (Option<u8>, &str) {
    let (mut hint, mut rest) = (None, text);
    loop {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        match line.trim_matches('"').as_bytes() {
            [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', name @ ..] => {
                let known = name.first().filter(|_| name.len() == 1).filter(|byte| SEPARATORS.contains(&char::from(**byte)));
                hint = hint.or(known.copied());
            }
            [] if line.is_empty() && !rest.is_empty() => {}
            _ => return (hint, rest),
        }
        rest = behind;
    }
}

/// The separator seen most often outside of quotes in the first line that is not empty; a comma when there is none.
fn sniff(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut counts = [0usize; 4];
    let mut quoted = false;
    for character in line.chars() {
        quoted ^= character == '"';
        if let Some(index) = SEPARATORS.iter().position(|separator| *separator == character && !quoted)
            && let Some(count) = counts.get_mut(index)
        {
            *count += 1;
        }
    }
    let best = SEPARATORS.iter().zip(counts).rev().max_by_key(|(_, count)| *count);
    best.map_or(b',', |(separator, _)| *separator as u8)
}

fn cell_without_formulas(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len() + 1);
    let body = cell.trim_start_matches([' ', '\u{A0}', '"']);
    if body.starts_with(starts_formula) && !is_plain_number(body.trim_ascii_end()) {
        out.push('\'');
    }
    // Inside of a cell every separator may be the start of one, for a reader that splits elsewhere or ignores quotes.
    let mut at_start = false;
    for (index, character) in cell.char_indices() {
        if at_start && character != '\t' && starts_formula(character) && !token_is_number(cell.get(index..).unwrap_or_default()) {
            out.push('\'');
        }
        at_start = character == '\n' || SEPARATORS.contains(&character) || (at_start && character == '"');
        out.push(character);
    }
    out
}

fn starts_formula(character: char) -> bool {
    matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r' | '\u{FF1D}' | '\u{FF0B}' | '\u{FF0D}' | '\u{FF20}')
}

fn token_is_number(rest: &str) -> bool {
    let end = rest.char_indices().skip(1).find(|(_, c)| SEPARATORS.contains(c) || *c == '\n').map_or(rest.len(), |(index, _)| index);
    is_plain_number(rest.get(..end).unwrap_or_default().trim_ascii_end())
}

/// A sign, digits with points or commas between them, an exponent, a percent sign; or dashes that stand for nothing.
fn is_plain_number(text: &str) -> bool {
    if !text.is_empty() && text.chars().all(|c| c == '-') {
        return true;
    }
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let text = text.strip_suffix('%').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    mantissa.split(['.', ',']).all(digits) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}
