//! Reading what the daemon says, strictly: one line, one meaning, or none.

use model::{Effect, FindingCode};
use time::{OffsetDateTime, PrimitiveDateTime};

/// A scan reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `stream: OK`.
    Nothing,
    /// `stream: NAME FOUND`.
    Found(String),
    /// `INSTREAM size limit exceeded. ERROR`.
    SizeLimit,
    /// `… ERROR`.
    Error(String),
    /// Anything else.
    Unreadable,
}

/// Reads the reply to `zINSTREAM`: exactly one NUL-terminated line.
pub fn parse_scan(bytes: &[u8]) -> Reply {
    let Some(line) = single_line(bytes) else { return Reply::Unreadable };
    if line == "stream: OK" {
        return Reply::Nothing;
    }
    if line == "INSTREAM size limit exceeded. ERROR" {
        return Reply::SizeLimit;
    }
    if let Some(name) = line.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")) {
        return if name.is_empty() || name.contains(' ') { Reply::Unreadable } else { Reply::Found(name.to_owned()) };
    }
    match line.strip_suffix(" ERROR") {
        Some(text) => Reply::Error(text.chars().take(200).collect()),
        None => Reply::Unreadable,
    }
}

/// What a signature name means: code, effect, and whether the engine had looked at everything.
pub fn meaning(name: &str) -> (FindingCode, Effect, bool) {
    if name.starts_with("Heuristics.Limits.Exceeded") {
        (FindingCode::ClamavLimit, Effect::Undetermined, false)
    } else if name.starts_with("Heuristics.Encrypted") {
        (FindingCode::ClamavEncrypted, Effect::Undetermined, false)
    } else if name.starts_with("Heuristics.OLE2.ContainsMacros") {
        // Macros are taken out before anything is released, so this one is no verdict. With `HeuristicScanPrecedence no` it
        // is reported only when no signature matched anywhere in the content; whether that is so is the caller's to know.
        (FindingCode::ClamavMacros, Effect::Strip, true)
    } else {
        (FindingCode::ClamavMatch, Effect::Malicious, true)
    }
}

/// The daemon's own description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Engine version, `1.4.3`.
    pub engine: String,
    /// Build time of the daily signatures, where the daemon has official ones.
    pub signature_date: Option<OffsetDateTime>,
}

/// Reads `ClamAV 1.0.9/27000/Tue Mar 18 09:12:44 2025` or, without official signatures, `ClamAV 1.0.9`.
pub fn parse_version(bytes: &[u8]) -> Option<Version> {
    let rest = single_line(bytes)?.strip_prefix("ClamAV ")?;
    let mut parts = rest.splitn(3, '/');
    let engine = parts.next().filter(|v| v.len() <= 64 && v.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+~".contains(c)))?;
    let _signature_number = parts.next();
    let format =
        time::macros::format_description!("[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]");
    let date = parts.next().and_then(|text| PrimitiveDateTime::parse(text, format).ok());
    Some(Version { engine: engine.to_owned(), signature_date: date.map(PrimitiveDateTime::assume_utc) })
}

fn single_line(bytes: &[u8]) -> Option<&str> {
    // Commands are sent in the `z` form, which is answered with a NUL at the end (clamd(8)).
    let line = bytes.strip_suffix(b"\0")?;
    let text = std::str::from_utf8(line).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_words_mean_nothing_found() {
        assert_eq!(parse_scan(b"stream: OK\0"), Reply::Nothing);
        for lie in [
            // Of a session, of another command, for a file.
            &b"1: stream: OK\0"[..],
            b"fd[10]: OK\0",
            b"/tmp/x: OK\0",
            b"stream: OK\n",
            b"stream: OK\0\0",
            b" stream: OK\0",
            b"stream: OK",
            b"OK\0",
            b"stream: OK\0stream: Eicar FOUND\0",
            b"stream: ok\0",
            b"",
            b"\0",
            b"stream:  FOUND\0",
            b"\xff\0",
        ] {
            assert_eq!(parse_scan(lie), Reply::Unreadable, "{lie:?}");
        }
        assert_eq!(parse_scan(b"stream: Eicar-Test FOUND\0"), Reply::Found("Eicar-Test".into()));
        assert_eq!(parse_scan(b"INSTREAM size limit exceeded. ERROR\0"), Reply::SizeLimit);
        assert_eq!(parse_scan(b"Can't allocate memory ERROR\0"), Reply::Error("Can't allocate memory".into()));
    }

    #[test]
    fn heuristics_have_their_own_meaning() {
        assert_eq!(meaning("Heuristics.Limits.Exceeded.MaxFiles").1, Effect::Undetermined);
        assert_eq!(meaning("Heuristics.Encrypted.Zip").0, FindingCode::ClamavEncrypted);
        assert_eq!(meaning("Heuristics.OLE2.ContainsMacros.VBA").1, Effect::Strip);
        assert_eq!(meaning("Heuristics.Phishing.Email").1, Effect::Malicious);
    }

    #[test]
    fn the_date_is_read_or_absent() {
        let dated = parse_version(b"ClamAV 1.4.3/27789/Sun Oct 12 08:40:00 2025\0").unwrap();
        assert_eq!(dated.signature_date.unwrap().unix_timestamp(), 1_760_258_400);
        let padded = parse_version(b"ClamAV 1.4.3/27789/Mon Sep  1 08:40:00 2025\0").unwrap();
        assert!(padded.signature_date.is_some());
        assert_eq!(parse_version(b"ClamAV 1.0.9\0").unwrap().signature_date, None);
        assert_eq!(parse_version(b"HTTP/1.1 400\0"), None);
    }
}
