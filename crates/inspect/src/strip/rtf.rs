//! Rich Text Format 1.9.1: objects keep only their picture, fields only their result, destinations that fetch go.

use super::ooxml::kind_of;
use super::{Removals, StripError};
use crate::content::{Content, ContentError};
use model::ActiveContent;

// BOUND: deeper than any writer nests.
const MAX_DEPTH: usize = 1000;
// BOUND: a field code that is read; the name comes first.
const MAX_CODE_BYTES: usize = 4096;

/// Destinations that go with everything in them.
fn acting(word: &[u8]) -> Option<ActiveContent> {
    Some(match word {
        b"objdata" | b"objclass" | b"objname" | b"objalias" | b"objsect" | b"objtime" => ActiveContent::OleObject,
        b"template" => ActiveContent::RemoteTemplate,
        b"fontemb" | b"fontfile" => ActiveContent::EmbeddedFont,
        b"filetbl" | b"nextfile" | b"subdocument" => ActiveContent::ExternalLink,
        b"datastore" | b"xmlopen" => ActiveContent::CustomXml,
        b"mailmerge" | b"mmconnectstr" | b"mmdatasource" | b"mmquery" => ActiveContent::DataConnection,
        b"ffentrymcr" | b"ffexitmcr" => ActiveContent::EventListener,
        b"themedata" | b"colorschememapping" | b"passwordhash" => ActiveContent::Metadata,
        _ => return None,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    /// A control word without its number, and all its bytes.
    Word(&'a [u8], &'a [u8]),
    /// Anything else.
    Bytes(&'a [u8]),
}

/// Splits off the next token; `\bin` takes its raw bytes along.
fn next(rest: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let (first, tail) = rest.split_first()?;
    match first {
        b'{' => Some((Token::Open, tail)),
        b'}' => Some((Token::Close, tail)),
        b'\\' => Some(control(rest)),
        _ => {
            let length = rest.iter().position(|byte| matches!(byte, b'{' | b'}' | b'\\')).unwrap_or(rest.len());
            let (text, tail) = rest.split_at(length);
            Some((Token::Bytes(text), tail))
        }
    }
}

fn control(rest: &[u8]) -> (Token<'_>, &[u8]) {
    let letters = rest.iter().skip(1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    if letters == 0 {
        // A symbol: one byte, for \'hh three.
        let length = if rest.get(1) == Some(&b'\'') { 4 } else { 2 };
        let (symbol, tail) = rest.split_at(length.min(rest.len()));
        return (Token::Bytes(symbol), tail);
    }
    let after = rest.get(1 + letters..).unwrap_or_default();
    let sign = usize::from(after.first() == Some(&b'-'));
    let digits = after.iter().skip(sign).take_while(|byte| byte.is_ascii_digit()).count();
    let number = if digits > 0 { sign + digits } else { 0 };
    let space = usize::from(after.get(number) == Some(&b' '));
    let mut length = 1 + letters + number + space;
    let word = rest.get(1..=letters).unwrap_or_default();
    if word == b"bin" && sign == 0 {
        let digits = after.get(..digits.min(10)).unwrap_or_default();
        let raw: usize = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        length = length.saturating_add(raw);
    }
    let (all, tail) = rest.split_at(length.min(rest.len()));
    (Token::Word(word, all), tail)
}

/// What is being done with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Copy,
    /// Only a `\result` inside comes through.
    Object,
    Drop,
}

pub(super) fn strip(content: &Content, removals: &mut Removals, max_output_bytes: u64) -> Result<Vec<u8>, StripError> {
    let bytes = content.all(max_output_bytes).map_err(|error| match error {
        ContentError::TooLong { cap, .. } => StripError::Limit(cap),
        ContentError::Read(error) => StripError::Read(error),
    })?;
    let mut out = Vec::with_capacity(bytes.len());
    let mut modes: Vec<Mode> = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((token, tail)) = next(rest) {
        let mode = modes.last().copied().unwrap_or(Mode::Copy);
        match token {
            Token::Open => {
                if modes.len() >= MAX_DEPTH {
                    return Err(StripError::Malformed);
                }
                let inner = group_mode(mode, tail, removals);
                modes.push(inner);
                if inner == Mode::Copy {
                    out.push(b'{');
                }
            }
            Token::Close => {
                if modes.pop() == Some(Mode::Copy) {
                    out.push(b'}');
                }
                if modes.is_empty() {
                    break;
                }
            }
            // The same words in the middle of a group turn the rest of it into that destination.
            Token::Word(word, _) if mode == Mode::Copy && acting(word).is_some() => {
                removals.count(acting(word).unwrap_or(ActiveContent::OleObject), None);
                out.push(b'}');
                if let Some(last) = modes.last_mut() {
                    *last = Mode::Drop;
                }
            }
            // The code of a field, at the start of a group or not: only what was judged is written, in plain characters, and
            // nothing else of the group, so that no reader joins pieces to another code than the one judged.
            Token::Word(b"fldinst", _) if mode == Mode::Copy => {
                let code = text_of(tail);
                match kind_of(&code) {
                    Some(kind) => removals.count(kind, None),
                    None => write_code(&code, &mut out),
                }
                out.push(b'}');
                if let Some(last) = modes.last_mut() {
                    *last = Mode::Drop;
                }
            }
            Token::Word(b"object", _) if mode == Mode::Copy => {
                removals.count(ActiveContent::OleObject, None);
                out.push(b'}');
                if let Some(last) = modes.last_mut() {
                    *last = Mode::Object;
                }
            }
            Token::Word(b"objupdate" | b"objautlink" | b"objlink", _) => {}
            Token::Word(_, all) | Token::Bytes(all) if mode == Mode::Copy => {
                out.extend_from_slice(all);
            }
            Token::Word(..) | Token::Bytes(_) => {}
        }
        rest = tail;
    }
    // Readers close at the end what the writer left open.
    out.extend(modes.iter().filter(|mode| **mode == Mode::Copy).map(|_| b'}'));
    if out.starts_with(b"{") { Ok(out) } else { Err(StripError::Malformed) }
}

fn group_mode(outer: Mode, body: &[u8], removals: &mut Removals) -> Mode {
    let word = first_word(body);
    match outer {
        Mode::Drop => Mode::Drop,
        Mode::Object => {
            if word == b"result" {
                Mode::Copy
            } else {
                Mode::Drop
            }
        }
        Mode::Copy if word == b"object" => {
            removals.count(ActiveContent::OleObject, None);
            Mode::Object
        }
        // Where the code acts, nothing of its group is needed; where it does not, its word is met again inside.
        Mode::Copy if word == b"fldinst" => match kind_of(&text_of(body)) {
            Some(kind) => {
                removals.count(kind, None);
                Mode::Drop
            }
            None => Mode::Copy,
        },
        Mode::Copy => match acting(word) {
            Some(kind) => {
                removals.count(kind, None);
                Mode::Drop
            }
            None => Mode::Copy,
        },
    }
}

/// The first control word of a group, past `\*` and blanks.
fn first_word(body: &[u8]) -> &[u8] {
    let mut rest = body;
    // BOUND: each token moves on; writers put nothing but `\*` and line ends before the word.
    for _ in 0..64 {
        match next(rest) {
            Some((Token::Word(word, _), _)) => return word,
            Some((Token::Bytes(bytes), tail)) if bytes == b"\\*" || bytes.iter().all(u8::is_ascii_whitespace) => {
                rest = tail;
            }
            _ => return b"",
        }
    }
    b""
}

/// The plain text of a group: what a field code says, whatever groups and escapes it is cut into.
fn text_of(body: &[u8]) -> String {
    let mut text = Vec::new();
    let mut depth = 0i32;
    let mut rest = body;
    while let Some((token, tail)) = next(rest) {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth == 0 => break,
            Token::Close => depth -= 1,
            Token::Bytes([b'\\', b'\'', high, low]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0) as u8;
                text.push(digit(high) << 4 | digit(low));
            }
            Token::Bytes([b'\\', ..]) => {}
            Token::Bytes(bytes) => {
                text.extend(bytes.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
            }
            Token::Word(b"u", all) => {
                let digits: String = all.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
                text.extend(digits.parse::<u8>().ok());
            }
            Token::Word(..) => {}
        }
        if text.len() > MAX_CODE_BYTES {
            break;
        }
        rest = tail;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes a field code so that a reader sees these characters and no control word.
fn write_code(code: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\fldinst ");
    for character in code.chars() {
        match character {
            '\\' | '{' | '}' => out.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => out.push(character as u8),
            _ => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::stripped;
    use super::*;
    use model::Format;

    fn run(rtf: &str) -> (String, Vec<ActiveContent>) {
        let (out, removed) = stripped(rtf.as_bytes().to_vec(), Format::Rtf).unwrap();
        (String::from_utf8(out).unwrap(), removed.iter().map(|r| r.kind).collect())
    }

    #[test]
    fn objects_keep_their_picture() {
        let (out, kinds) =
            run(r"{\rtf1 a{\object\objemb\objupdate{\*\objclass Equation.3}{\*\objdata 0105{\*\x 0000}}{\result {\pict x}}}b}");
        assert_eq!(out, r"{\rtf1 a{\result {\pict x}}b}");
        assert_eq!(kinds, [ActiveContent::OleObject]);
    }

    #[test]
    fn fields_keep_their_result() {
        for (code, kind) in [
            (r"DDEAUTO c:\\cmd", ActiveContent::Dde),
            (r"{\b D}{\i DE}AUTO x", ActiveContent::Dde),
            (r"\'44DE x", ActiveContent::Dde),
            ("INCLUDEPICTURE http://x", ActiveContent::RemoteImage),
            ("HYPERLINK http://x", ActiveContent::Hyperlink),
        ] {
            let (out, kinds) = run(&format!(r"{{\rtf1{{\field{{\*\fldinst {code}}}{{\fldrslt shown}}}}}}"));
            assert_eq!(out, r"{\rtf1{\field{\fldrslt shown}}}", "{code}");
            assert_eq!(kinds, [kind], "{code}");
        }
        assert!(run(r"{\rtf1{\field{\*\fldinst PAGE}{\fldrslt 1}}}").0.contains("PAGE"));
    }

    #[test]
    fn a_field_code_is_what_was_judged() {
        for (code, left) in [
            // Readers skip what is not text, and see one word.
            (r"{\*\fldinst {DDE}{\*\x y}{AUTO c:\\cmd}}", r"{\*\fldinst DDEyAUTO c:cmd}"),
            (r"{\*\fldinst DDEAUTO{\objdata z} c:\\cmd}", r"{\*\fldinst DDEAUTOz c:cmd}"),
            (r"{\*\fldinst DDE\objclass Word}", r"{\*\fldinst DDEWord}"),
            (r"{\*\fldinst \u68?\u68?\u69? x}", r"{\*\fldinst D?D?E? x}"),
            // Not the first word of its group.
            (r"{\b\fldinst DDEAUTO c:\\cmd}", r"{\b}"),
            (r"{\b\fldinst PAGE}", r"{\b\fldinst PAGE}"),
        ] {
            let (out, _) = run(&format!(r"{{\rtf1{{\field{code}{{\fldrslt shown}}}}}}"));
            assert_eq!(out, format!(r"{{\rtf1{{\field{left}{{\fldrslt shown}}}}}}"), "{code}");
        }
    }

    #[test]
    fn templates_fonts_and_late_destinations() {
        let (out, kinds) = run(r"{\rtf1{\*\template http://x/y.dotm}{\f0{\*\fontemb 00}}text{\x y\objdata 0105 \par z}{\*\generator g}}");
        assert_eq!(out, r"{\rtf1{\f0}text{\x y}{\*\generator g}}");
        assert_eq!(kinds, [ActiveContent::RemoteTemplate, ActiveContent::OleObject, ActiveContent::EmbeddedFont]);
    }

    #[test]
    fn binary_runs_hide_no_braces() {
        assert_eq!(run(r"{\rtf1{\b\object\objemb x{\*\objdata 01}{\result y}}z}").0, r"{\rtf1{\b}{\result y}z}");
        let (out, _) = run(r"{\rtf1{\object{\*\objdata\bin4 }}}}}}kept}");
        assert_eq!(out, r"{\rtf1kept}");
        assert_eq!(run(r"{\rtf1 never{\b closed").0, r"{\rtf1 never{\b closed}}");
        assert!(stripped(b"no group".to_vec(), Format::Rtf).is_err());
        assert!(stripped("{".repeat(5000).into_bytes(), Format::Rtf).is_err());
    }
}
