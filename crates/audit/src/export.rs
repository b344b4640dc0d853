//! Renders shown records for other programs: one record, one line.
//!
//! **Invariant.** Whatever a payload holds, a rendered record is one line of its format, and no field of it can pose as another
//! field, another record, or a formula. Nothing here decrypts: what may be shown was decided by [`show`](crate::show).
//!
//! Formats: JSON Lines; CSV (RFC 4180); Common Event Format 0 (Micro Focus, revision 25); Elastic Common Schema 1.12 as JSON.

mod cef;
mod csv;
mod ecs;

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::{Shown, ShownPayload, events};

/// A form in which records leave the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// One JSON object a line, with the names of [`Shown`].
    Jsonl,
    /// Comma-separated values with a header line.
    Csv,
    /// ArcSight's Common Event Format.
    Cef,
    /// Elastic Common Schema, one JSON object a line.
    Ecs,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jsonl, Self::Csv, Self::Cef, Self::Ecs];

    /// What it is called on the command line and in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Cef => "cef",
            Self::Ecs => "ecs",
        }
    }

    /// The line that comes before the first record, without line end.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Csv => Some(csv::HEADER),
            Self::Jsonl | Self::Cef | Self::Ecs => None,
        }
    }

    /// What ends each line (RFC 4180 section 2 wants CRLF).
    pub const fn line_end(self) -> &'static str {
        match self {
            Self::Csv => "\r\n",
            Self::Jsonl | Self::Cef | Self::Ecs => "\n",
        }
    }
}

/// One record as one line of `format`, without line end. Every format names the record's position (`SEQ:HASH`), which is an
/// anchor for [`verify_against`](crate::verify_against). Without `with_payload` the payload is left out: who needs no file
/// names and no persons gets none.
pub fn render(shown: &Shown, format: ExportFormat, with_payload: bool) -> String {
    match format {
        ExportFormat::Jsonl => jsonl(shown, with_payload),
        ExportFormat::Csv => csv::line(shown, with_payload),
        ExportFormat::Cef => cef::line(shown, with_payload),
        ExportFormat::Ecs => ecs::line(shown, with_payload),
    }
}

/// How grave an event is, from 0 to 10 (the scale of CEF): 9 and more wants somebody now.
pub fn severity(event: &str) -> u8 {
    match event {
        events::STATION_FAULT | events::RETRO_HIT => 9,
        events::INTAKE | events::CHAIN_REPAIRED | events::CLOCK_STEPPED_BACK => 7,
        events::MEDIUM_REFUSED | events::REQUEST_REFUSED | events::KEY_ROTATED | events::CONFIGURATION_CHANGED => 6,
        events::ITEM_WITHHELD | events::SESSION_VOIDED | events::PAYLOAD_ERASED | events::HOLD_EXPORTED => 5,
        events::REVIEW_DECIDED | events::HOLD_DESTROYED | events::RELEASE_WAITING | events::RECOVERY => 4,
        _ => 2,
    }
}

#[derive(Serialize)]
struct Line<'a> {
    position: String,
    seq: u64,
    time: &'a str,
    station: &'a str,
    session: Option<&'a str>,
    actor: &'a str,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a ShownPayload>,
}

fn jsonl(shown: &Shown, with_payload: bool) -> String {
    let line = Line {
        position: shown.position(),
        seq: shown.seq,
        time: &shown.time,
        station: &shown.station,
        session: shown.session.as_deref(),
        actor: &shown.actor,
        event: &shown.event,
        payload: with_payload.then_some(&shown.payload),
    };
    // Strings, numbers and JSON values always serialise.
    plain_json(&serde_json::to_value(line).unwrap_or_default())
}

/// `value` as JSON on one line in which no character acts on a terminal or reorders text: controls (C1 too), line separators
/// and bidirectional formatting are spelled `\uXXXX`.
fn plain_json(value: &Value) -> String {
    let text = value.to_string();
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) {
            // They stand only inside of JSON strings, and all are of one UTF-16 unit. Writing to a String cannot fail.
            let _ = write!(plain, "\\u{:04x}", u32::from(character));
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Whether a character does something instead of being shown.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The state of a payload in one word, and its content as JSON where there is any.
fn payload(shown: &Shown, with_payload: bool) -> (&'static str, Cow<'static, str>) {
    let (word, content) = match &shown.payload {
        ShownPayload::Clear(value) => ("clear", Some(value)),
        ShownPayload::Opened(value) => ("opened", Some(value)),
        ShownPayload::Erased => ("erased", None),
        ShownPayload::KeyAbsent => ("key-absent", None),
        ShownPayload::Undecipherable => ("undecipherable", None),
    };
    match content {
        _ if !with_payload => ("left-out", Cow::Borrowed("")),
        Some(value) => (word, Cow::Owned(plain_json(value))),
        None => (word, Cow::Borrowed("")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A record whose every free field is hostile.
    pub(crate) fn hostile() -> Shown {
        Shown {
            seq: 7,
            time: "2026-11-18T11:06:40.007Z".into(),
            station: "=lock,\"01\"|\\".into(),
            session: Some("s-1".into()),
            actor: "@kiosk|a=b\\c".into(),
            event: events::ITEM_WITHHELD.into(),
            payload: ShownPayload::Opened(json!({ "path": "a\r\nCEF:0|x|y=\u{202e}\u{9b}2J\u{2028},\"z\"\\|" })),
            hash: "ab".repeat(32),
        }
    }

    #[test]
    fn every_format_is_one_line_with_the_position_and_nothing_that_acts() {
        for format in ExportFormat::ALL {
            for with_payload in [false, true] {
                let line = render(&hostile(), format, with_payload);
                assert!(!line.contains(acts), "{line}");
                assert!(line.contains(&format!("7:{}", "ab".repeat(32))), "{line}");
                assert_eq!(line.contains("2J"), with_payload, "{line}");
            }
        }
    }

    #[test]
    fn json_lines_read_back_as_what_was_shown() {
        let read: Value = serde_json::from_str(&render(&hostile(), ExportFormat::Jsonl, true)).unwrap();
        assert_eq!(read["payload"], serde_json::to_value(&hostile().payload).unwrap());
        assert_eq!((&read["seq"], &read["actor"]), (&json!(7), &json!("@kiosk|a=b\\c")));
        let without: Value = serde_json::from_str(&render(&hostile(), ExportFormat::Jsonl, false)).unwrap();
        assert_eq!(without.get("payload"), None);
    }
}
