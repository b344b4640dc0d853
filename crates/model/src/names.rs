//! The name policy: a foreign name becomes one that is harmless on every target, by a fixed rule, with findings.
//!
//! **Invariant:** the result never holds a separator, control, bidi control, character Windows forbids, reserved device
//! name, leading `-` or `~$`, or trailing dot or space; equal input gives equal output.

use crate::finding::{Effect, Finding, FindingCode};
use crate::untrusted::{Untrusted, escape_bytes, is_deceptive};
use unicode_normalization::UnicodeNormalization as _;

/// A name after the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedName {
    /// The harmless name.
    pub name: String,
    /// What was wrong with the foreign one.
    pub findings: Vec<Finding>,
}

/// Stands for every character that cannot stay.
const REPLACEMENT: char = '_';
/// Extensions that act when opened; `report.pdf.exe` and friends are double extensions.
const ACTING: &[&str] = &[
    "exe", "scr", "pif", "com", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "lnk", "url", "msi", "jar", "cpl",
    "reg", "chm", "scf", "inf", "sh", "py", "app", "desktop",
];

/// Maps one path component.
pub fn map_component(foreign: &Untrusted<Vec<u8>>, max_units: u32) -> MappedName {
    let Ok(mapped) = foreign.check(|bytes| Ok::<_, std::convert::Infallible>(map_bytes(bytes, max_units)));
    mapped
}

fn map_bytes(bytes: &[u8], max_units: u32) -> MappedName {
    let mut findings = Vec::new();
    let mut note = |code: FindingCode, detail: String| findings.push(Finding::own(code, Effect::Note, detail));
    if std::str::from_utf8(bytes).is_err() {
        note(FindingCode::NameNotUtf8, escape_bytes(bytes));
    }
    let text: String = String::from_utf8_lossy(bytes).nfc().collect();
    if text.chars().any(char::is_control) {
        note(FindingCode::NameControl, escape_bytes(bytes));
    }
    if text.chars().any(|c| is_deceptive(c) && !c.is_control()) {
        note(FindingCode::NameBidi, escape_bytes(bytes));
    }
    let forbidden = |c: char| matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*');
    if text.chars().any(forbidden) {
        note(FindingCode::NameForbidden, escape_bytes(bytes));
    }
    let mut name: String = text.chars().map(|c| if is_deceptive(c) || forbidden(c) || c == '\u{FFFD}' { REPLACEMENT } else { c }).collect();
    let trimmed = name.trim_end_matches(['.', ' ', '\u{A0}', '\u{3000}']);
    if trimmed.len() != name.len() {
        note(FindingCode::NameTrailing, escape_bytes(bytes));
        name = trimmed.to_owned();
    }
    if name.is_empty() {
        name.push(REPLACEMENT);
    }
    if is_reserved(&name) {
        note(FindingCode::NameReserved, escape_bytes(bytes));
        name.insert(0, REPLACEMENT);
    }
    if name.starts_with(['-', ' ']) || name.starts_with("~$") {
        name.insert(0, REPLACEMENT);
    }
    if is_double_extension(&name) {
        note(FindingCode::NameDoubleExtension, escape_bytes(bytes));
    }
    if units(&name) > max_units {
        note(FindingCode::NameTooLong, format!("max_name_units = {max_units}"));
        name = shorten(&name, max_units);
    }
    MappedName { name, findings }
}

/// Windows device names, with or without an extension (Win32 naming conventions).
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|n| matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") || numbered("COM") || numbered("LPT")
}

fn is_double_extension(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    let (Some(last), Some(before), Some(_)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let before = before.trim_end();
    ACTING.contains(&last.to_ascii_lowercase().as_str())
        && (2..=4).contains(&before.len())
        && before.chars().all(|c| c.is_ascii_alphanumeric())
}

fn units(text: &str) -> u32 {
    text.encode_utf16().count() as u32
}

/// Cuts the stem, keeps the extension and adds a digest-like mark of the whole name so that two long names stay two.
fn shorten(name: &str, max_units: u32) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() && units(ext) <= 16 => (stem, format!(".{ext}")),
        _ => (name, String::new()),
    };
    let mark = format!("~{:08x}", fnv1a(name.as_bytes()));
    let room = max_units.saturating_sub(units(&extension) + units(&mark));
    let mut out = String::new();
    let mut used = 0;
    for c in stem.chars() {
        used += c.len_utf16() as u32;
        if used > room {
            break;
        }
        out.push(c);
    }
    out.push_str(&mark);
    out.push_str(&extension);
    out
}

/// FNV-1a, 32 bit: a short mark, no security hangs on it.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// What two names have in common when a target that ignores case and normalisation calls them equal.
pub fn collision_key(name: &str) -> String {
    name.nfkc().collect::<String>().to_lowercase()
}

/// The extension a name claims: lower case, no dot, escaped, at most 16 characters; empty if none.
pub fn claimed_extension(foreign: &Untrusted<Vec<u8>>) -> String {
    let shown = foreign.escaped();
    match shown.trim_end_matches(['.', ' ']).rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() || !ext.is_empty() => ext.chars().take(16).collect::<String>().to_lowercase(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(bytes: &[u8]) -> MappedName {
        map_component(&Untrusted::new(bytes.to_vec()), 200)
    }

    fn codes(bytes: &[u8]) -> Vec<FindingCode> {
        map(bytes).findings.iter().map(|f| f.code).collect()
    }

    #[test]
    fn ordinary_names_stay() {
        for name in ["Grüße.pdf", "Straße 12 (Kopie).docx", "東京.txt", "a.b.c.pdf", ".profile"] {
            assert_eq!(map(name.as_bytes()), MappedName { name: name.into(), findings: vec![] });
        }
    }

    #[test]
    fn tricks_are_named_and_mapped() {
        assert_eq!(codes("rechnung\u{202E}fdp.exe".as_bytes()), [FindingCode::NameBidi]);
        assert_eq!(codes(b"CON"), [FindingCode::NameReserved]);
        assert_eq!(map(b"NUL.txt").name, "_NUL.txt");
        assert_eq!(map(b"name. . ").name, "name");
        assert_eq!(map(b"..").name, "_");
        assert_eq!(codes(b"rechnung.pdf.exe"), [FindingCode::NameDoubleExtension]);
        assert_eq!(map(b"\xff\x1b[2J\n").name, "__[2J_");
        assert_eq!(map(b"a/b\\c").name, "a_b_c");
        assert_eq!(map(b"--version").name, "_--version");
    }

    #[test]
    fn long_names_keep_extension_and_stay_apart() {
        let one = map(format!("{}1.pdf", "ä".repeat(300)).as_bytes()).name;
        let two = map(format!("{}2.pdf", "ä".repeat(300)).as_bytes()).name;
        assert_ne!(one, two);
        assert!(one.ends_with(".pdf") && units(&one) <= 200);
    }

    #[test]
    fn collisions_are_seen_through_case_and_normal_forms() {
        assert_eq!(collision_key("STRA\u{DF}E.TXT"), collision_key("stra\u{DF}e.txt"));
        assert_eq!(collision_key("a\u{308}.txt"), collision_key("\u{C4}.TXT"));
    }

    #[test]
    fn the_claim_is_the_last_extension() {
        let claim = |name: &str| claimed_extension(&Untrusted::new(name.as_bytes().to_vec()));
        assert_eq!(claim("a.tar.GZ"), "gz");
        assert_eq!(claim("noext"), "");
        assert_eq!(claim("trailing.exe. "), "exe");
    }

    proptest! {
        #[test]
        fn every_name_becomes_harmless(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mapped = map(&bytes);
            prop_assert!(!mapped.name.is_empty() && units(&mapped.name) <= 200);
            prop_assert!(!mapped.name.chars().any(|c| c.is_control() || is_deceptive(c) || "<>:\"/\\|?*".contains(c)));
            prop_assert!(!mapped.name.ends_with(['.', ' ']) && !mapped.name.starts_with('-') && mapped.name != "." && mapped.name != "..");
            prop_assert!(!is_reserved(&mapped.name));
            prop_assert_eq!(map(mapped.name.as_bytes()).name, mapped.name);
        }
    }
}
