//! Common Event Format 0: `CEF:0|vendor|product|version|event|name|severity|extension`.
//!
//! Header fields escape `\` and `|`, extension values `\`, `=` and line ends. The dictionary's keys are used as it defines them; custom
//! strings (`cs1` to `cs3`, at most 4,000 characters each) carry what it has no key for.

use time::PrimitiveDateTime;
use time::format_description::well_known::Rfc3339;

use super::{payload, severity};
use crate::Shown;

/// Longest custom string, in characters.
const CUSTOM_STRING: usize = 4_000;

pub(super) fn line(shown: &Shown, with_payload: bool) -> String {
    let event = header(&shown.event);
    let name = header(&shown.event.replace('-', " "));
    let mut line = format!("CEF:0|Datenschleuse|schleuse|{}|{event}|{name}|{}|", header(env!("CARGO_PKG_VERSION")), severity(&shown.event));
    let mut extension = |key: &str, text: &str| {
        let blank = if line.ends_with('|') { "" } else { " " };
        line.push_str(&format!("{blank}{key}={}", value(text)));
    };
    if let Some(received) = unix_ms(&shown.time) {
        extension("rt", &received);
    }
    extension("dvchost", &shown.station);
    extension("suser", &shown.actor);
    extension("cn1Label", "seq");
    extension("cn1", &shown.seq.to_string());
    extension("cs1Label", "position");
    extension("cs1", &shown.position());
    if let Some(session) = &shown.session {
        extension("cs2Label", "session");
        extension("cs2", session);
    }
    let (state, content) = payload(shown, with_payload);
    extension("cs3Label", &format!("payload {state}"));
    if !content.is_empty() {
        extension("cs3", &content);
    }
    line
}

/// Milliseconds since 1970, as the dictionary wants times.
fn unix_ms(time: &str) -> Option<String> {
    let time = PrimitiveDateTime::parse(time, &Rfc3339).ok()?.assume_utc();
    Some((time.unix_timestamp_nanos() / 1_000_000).to_string())
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\r', '\n'], " ")
}

/// Escaped, and cut to what the dictionary allows: what was cut ends with `…`.
fn value(text: &str) -> String {
    let cut = match text.char_indices().nth(CUSTOM_STRING) {
        Some(_) => text.chars().take(CUSTOM_STRING - 1).chain(['…']).collect(),
        None => text.to_owned(),
    };
    cut.replace('\\', "\\\\").replace('=', "\\=").replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;

    #[test]
    fn header_and_extension_are_escaped_each_in_its_way() {
        let version = env!("CARGO_PKG_VERSION");
        let position = format!("7:{}", "ab".repeat(32));
        let expected = format!(
            r#"CEF:0|Datenschleuse|schleuse|{version}|item-withheld|item withheld|5|rt=1795000000007 dvchost=\=lock,"01"|\\ suser=@kiosk|a\=b\\c cn1Label=seq cn1=7 cs1Label=position cs1={position} cs2Label=session cs2=s-1 cs3Label=payload left-out"#
        );
        assert_eq!(line(&hostile(), false), expected);
        assert!(line(&hostile(), true).contains(r#" cs3={"path":"a\\r\\nCEF:0|x|y\=\\u202e"#));
    }

    #[test]
    fn header_fields_hide_bars_and_long_values_are_cut_before_escaping() {
        assert_eq!(header("a|b\\c\nd"), "a\\|b\\\\c d");
        let long = "=".repeat(CUSTOM_STRING + 1);
        assert_eq!(value(&long), "\\=".repeat(CUSTOM_STRING - 1) + "…");
        assert_eq!(value(&long[1..]), "\\=".repeat(CUSTOM_STRING));
    }
}
