//! Comma-separated values as in RFC 4180, every field quoted.
//!
//! **Invariant.** No field begins with what a spreadsheet takes for a formula: such a field gets an apostrophe before it.

use super::payload;
use crate::Shown;

pub(super) const HEADER: &str = "position,time,station,session,actor,event,payload_state,payload";

pub(super) fn line(shown: &Shown, with_payload: bool) -> String {
    let (state, content) = payload(shown, with_payload);
    let position = shown.position();
    let session = shown.session.as_deref().unwrap_or_default();
    [position.as_str(), &shown.time, &shown.station, session, &shown.actor, &shown.event, state, &content].map(field).join(",")
}

fn field(text: &str) -> String {
    let apostrophe = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠']) { "'" } else { "" };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;

    #[test]
    fn fields_are_quoted_and_no_formula() {
        let line = line(&hostile(), true);
        let begun = format!(
            r#""7:{}","2026-11-18T11:06:40.007Z","'=lock,""01""|\","s-1","'@kiosk|a=b\c","item-withheld","opened","{{""path"""#,
            "ab".repeat(32)
        );
        assert!(line.starts_with(&begun), "{line}");
        assert_eq!(HEADER.split(',').count(), 8);
    }

    #[test]
    fn every_formula_character_gets_an_apostrophe() {
        for formula in ["=1", "+1", "-1", "@x", "\t=1", "'x"] {
            assert_eq!(field(formula), format!("\"'{formula}\""));
        }
        assert_eq!(field("1=1"), "\"1=1\"");
    }
}
