//! The message part: one record as CEF or JSON, in printable ASCII, at most so many bytes.
//!
//! **Invariant.** Whatever stands in a payload, the result is one well-formed text without control characters: JSON is
//! written with everything outside of printable ASCII as `\uXXXX`, and CEF carries that JSON with its own escapes.

use crate::severity::Severity;
use audit::{Shown, ShownPayload};
use model::policy::SiemFormat;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// A record as message part in at most `room` bytes; its payload is cut where it must be, and that is said.
///
/// `with_payload`: names, users and the like go along. Otherwise only numbers, yes/no and digests that stand in clear.
pub fn body(record: &Shown, severity: Severity, format: SiemFormat, with_payload: bool, room: usize) -> String {
    let payload = disclosed(record, with_payload);
    match format {
        SiemFormat::Cef => cef(record, severity, payload.as_ref(), room),
        SiemFormat::Json => as_json(record, severity, payload.as_ref(), room),
    }
}

/// What of the payload leaves the station.
fn disclosed(record: &Shown, with_payload: bool) -> Option<Value> {
    let payload = match &record.payload {
        ShownPayload::Clear(payload) if with_payload => Some(payload.clone()),
        ShownPayload::Opened(payload) if with_payload => Some(payload.clone()),
        ShownPayload::Clear(payload) => impersonal(payload),
        ShownPayload::Opened(_) | ShownPayload::Erased | ShownPayload::KeyAbsent | ShownPayload::Undecipherable => None,
    };
    payload.filter(|payload| payload.as_object().is_none_or(|fields| !fields.is_empty()))
}

/// Numbers, yes/no and SHA-256 digests, wherever they stand; the names of fields are this program's own.
fn impersonal(payload: &Value) -> Option<Value> {
    match payload {
        Value::Bool(_) | Value::Number(_) => Some(payload.clone()),
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Some(payload.clone()),
        Value::Null | Value::String(_) => None,
        Value::Array(values) => {
            let kept: Vec<Value> = values.iter().filter_map(impersonal).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields.iter().filter_map(|(name, value)| Some((name.clone(), impersonal(value)?))).collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
    }
}

const fn state_of(payload: &ShownPayload) -> &'static str {
    match payload {
        ShownPayload::Clear(_) => "clear",
        ShownPayload::Opened(_) => "sealed",
        ShownPayload::Erased => "erased",
        ShownPayload::KeyAbsent => "key-absent",
        ShownPayload::Undecipherable => "undecipherable",
    }
}

fn as_json(record: &Shown, severity: Severity, payload: Option<&Value>, room: usize) -> String {
    let mut fields = json!({
        "seq": record.seq,
        "position": position(record),
        "time": record.time,
        "station": record.station,
        "session": record.session,
        "actor": record.actor,
        "event": record.event,
        "severity": severity.as_str(),
        "payload_state": state_of(&record.payload),
    });
    let Some(payload) = payload else { return ascii_json(&fields) };
    if let Value::Object(fields) = &mut fields {
        fields.insert("payload".into(), payload.clone());
    }
    let whole = ascii_json(&fields);
    if whole.len() <= room {
        return whole;
    }
    // Cut, the payload is no JSON any more: it goes along as text.
    if let Value::Object(fields) = &mut fields {
        fields.insert("payload".into(), Value::Null);
        fields.insert("payload_cut".into(), Value::Bool(true));
        fields.insert("payload_text".into(), Value::String(String::new()));
    }
    let empty = ascii_json(&fields);
    let text = escaped_within(&ascii_json(payload), &['"', '\\'], room.saturating_sub(empty.len()));
    match empty.rsplit_once(r#""payload_text":"""#) {
        Some((before, after)) => format!(r#"{before}"payload_text":"{text}"{after}"#),
        None => empty,
    }
}

fn cef(record: &Shown, severity: Severity, payload: Option<&Value>, room: usize) -> String {
    let header = |text: &str| escaped_within(text, &['\\', '|'], usize::MAX);
    let extension = |text: &str| escaped_within(text, &['\\', '='], usize::MAX);
    let mut line = format!(
        "CEF:0|Datenschleuse|schleuse|{}|{}|{}|{}|externalId={} rt={} dvchost={} suser={} outcome={}",
        header(env!("CARGO_PKG_VERSION")),
        header(&record.event),
        header(&record.event.replace('-', " ")),
        severity.cef(),
        record.seq,
        extension(&record.time),
        extension(&record.station),
        extension(&record.actor),
        severity.as_str(),
    );
    if let Some(session) = &record.session {
        let _ = write!(line, " cs1Label=session cs1={}", extension(session));
    }
    let _ = write!(line, " cs2Label=position cs2={} cs3Label=payloadState cs3={}", position(record), state_of(&record.payload));
    if let Some(payload) = payload {
        let text = ascii_json(payload);
        let escaped = extension(&text);
        if line.len() + " msg=".len() + escaped.len() <= room {
            let _ = write!(line, " msg={escaped}");
        } else {
            line.push_str(" cs4Label=payloadCut cs4=true msg=");
            let cut = escaped_within(&text, &['\\', '='], room.saturating_sub(line.len()));
            line.push_str(&cut);
        }
    }
    line
}

/// `SEQ:HASH`.
pub fn position(record: &Shown) -> String {
    format!("{}:{}", record.seq, record.hash)
}

/// As much of `text` (printable ASCII) as fits into `room` bytes when `special` characters are escaped with a backslash.
pub fn escaped_within(text: &str, special: &[char], room: usize) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        let is_special = special.contains(&character);
        if escaped.len() + 1 + usize::from(is_special) > room {
            break;
        }
        if is_special {
            escaped.push('\\');
        }
        escaped.push(if character == ' ' || character.is_ascii_graphic() { character } else { '?' });
    }
    escaped
}

/// JSON in printable ASCII (RFC 8259 section 7): characters outside stand in strings only, where `\u` is allowed.
fn ascii_json(value: &Value) -> String {
    let mut ascii = String::new();
    for character in value.to_string().chars() {
        if character == ' ' || character.is_ascii_graphic() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
