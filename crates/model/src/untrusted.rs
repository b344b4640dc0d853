//! Foreign values: what a medium or a worker said, before anyone has checked it.
//!
//! **Invariant:** an [`Untrusted`] has no `Display`, `Deref` or `Serialize`; it is looked at escaped, or it is checked.

use std::fmt::Write as _;

/// A foreign value. The only ways out are [`Untrusted::check`], which must judge it, and an escaping view.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks `value` as foreign.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Hands the value to `judge`, which returns what may be believed.
    ///
    /// # Errors
    /// Whatever `judge` refuses with.
    pub fn check<U, E>(&self, judge: impl FnOnce(&T) -> Result<U, E>) -> Result<U, E> {
        judge(&self.0)
    }
}

impl<T> std::fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Untrusted(..)")
    }
}

impl Untrusted<Vec<u8>> {
    /// The bytes as text that can be shown anywhere: controls, bidi controls, invalid UTF-8 and backslashes escaped.
    pub fn escaped(&self) -> String {
        escape_bytes(&self.0)
    }
}

impl Untrusted<String> {
    /// The text with controls, bidi controls and backslashes escaped.
    pub fn escaped(&self) -> String {
        escape_text(&self.0)
    }
}

/// Whether a character must never reach a terminal, page or log as itself: controls, line separators, bidi controls
/// (UAX #9), zero-width and other invisible format characters, private use and non-characters.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E000}'..='\u{F8FF}' | '\u{E0000}'..='\u{E0FFF}'
            | '\u{F0000}'..='\u{10FFFF}')
}

/// `text` with every deceptive character as `\u{…}` and every backslash doubled.
pub fn escape_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Like [`escape_text`], with bytes that are not UTF-8 as `\xNN`.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut out, c);
        }
        for b in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{b:02X}");
        }
    }
    out
}

fn push_escaped(out: &mut String, c: char) {
    if c == '\\' {
        out.push_str("\\\\");
    } else if is_deceptive(c) {
        let _ = write!(out, "\\u{{{:X}}}", c as u32);
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_bidi_and_broken_utf8_are_shown_never_obeyed() {
        assert_eq!(escape_bytes(b"a\x1b[31m\n"), "a\\u{1B}[31m\\u{A}");
        assert_eq!(escape_text("x\u{202E}fdp.exe"), "x\\u{202E}fdp.exe");
        assert_eq!(escape_bytes(b"\xff\\"), "\\xFF\\\\");
        assert_eq!(escape_text("Grüße 東"), "Grüße 東");
    }
}
