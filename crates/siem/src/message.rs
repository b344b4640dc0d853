//! One record as a syslog message: RFC 5424, section 6.

use crate::render::{self, escaped_within};
use crate::severity::severity_of;
use audit::Shown;
use model::policy::{SiemPolicy, SiemTransport};

/// Facility local0 (RFC 5424 section 6.2.1): for what the station's operators sort themselves.
pub const FACILITY_LOCAL0: u8 = 16;

/// Name of the structured data (section 6.3.2). 32473 is the enterprise number for examples (RFC 5612): the project has none.
pub const STRUCTURED_DATA_ID: &str = "datenschleuse@32473";

/// Longest message over TCP and TLS, in bytes.
// BOUND: RFC 5425 section 4.3.1: a receiver should take 8192 octets.
pub const MAX_MESSAGE_BYTES: usize = 8_192;

/// Longest message over UDP, in bytes.
// BOUND: RFC 5426 section 3.2: a receiver should take 2048 octets.
pub const MAX_DATAGRAM_BYTES: usize = 2_048;

/// The record as one message, without framing. What does not fit is cut from its payload.
pub fn message(record: &Shown, policy: &SiemPolicy) -> String {
    let severity = severity_of(record);
    let most = match policy.transport {
        SiemTransport::Udp => MAX_DATAGRAM_BYTES,
        SiemTransport::Tcp | SiemTransport::Tls => MAX_MESSAGE_BYTES,
    };
    let head = format!(
        "<{}>1 {} {} schleuse - {} {} ",
        FACILITY_LOCAL0 * 8 + severity.syslog(),
        record.time,
        token(&record.station, 255),
        token(&record.event, 32),
        structured(record),
    );
    // Printable ASCII: no byte order mark is needed to tell what it is (section 6.4).
    let body = render::body(record, severity, policy.format, policy.payload, most.saturating_sub(head.len()));
    head + &body
}

fn structured(record: &Shown) -> String {
    let value = |text: &str| escaped_within(text, &['"', '\\', ']'], usize::MAX);
    let session = record.session.as_deref().map(|session| format!(r#" session="{}""#, value(session))).unwrap_or_default();
    format!(
        r#"[{STRUCTURED_DATA_ID} station="{}"{session} seq="{}" position="{}" event="{}" actor="{}"]"#,
        value(&record.station),
        record.seq,
        render::position(record),
        value(&record.event),
        value(&record.actor),
    )
}

/// A field of the header: printable, without blanks, at most `most` characters.
fn token(text: &str, most: usize) -> String {
    let token: String = text.chars().take(most).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    if token.is_empty() { "-".into() } else { token }
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::ShownPayload;
    use model::policy::SiemFormat;
    use serde_json::{Value, json};

    fn record(payload: ShownPayload) -> Shown {
        Shown {
            seq: 17,
            time: "2026-11-23T20:00:00.123Z".into(),
            station: "station-0123456789ab".into(),
            session: Some("20261123-200000-abcdef".into()),
            actor: r#"rev"iewer]\1"#.into(),
            event: "item-withheld".into(),
            payload,
            hash: "ab".repeat(32),
        }
    }

    fn policy(format: SiemFormat, payload: bool) -> SiemPolicy {
        SiemPolicy { format, payload, transport: SiemTransport::Tcp, ..SiemPolicy::default() }
    }

    /// Header, structured data and message of RFC 5424, read by its grammar.
    fn parts(message: &str) -> (Vec<String>, Vec<(String, String)>, String) {
        assert!(message.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{message:?}");
        let mut fields = message.splitn(7, ' ');
        let header: Vec<String> = fields.by_ref().take(6).map(str::to_owned).collect();
        let mut rest = fields.next().unwrap().strip_prefix('[').unwrap().chars();
        let mut whole = String::new();
        let (mut quoted, mut escaped) = (false, false);
        for character in rest.by_ref() {
            match character {
                ']' if !quoted => break,
                '"' if !escaped => quoted = !quoted,
                _ => {}
            }
            escaped = quoted && character == '\\' && !escaped;
            whole.push(character);
        }
        let (id, parameters) = whole.split_once(' ').unwrap();
        assert_eq!(id, STRUCTURED_DATA_ID);
        let parameters = parameters.strip_suffix('"').unwrap().split("\" ").map(|p| p.split_once("=\"").unwrap());
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (header, parameters, rest.as_str().strip_prefix(' ').unwrap().to_owned())
    }

    fn hostile() -> Value {
        json!({ "path": "a\nb\r\0\u{7f}\u{85}\u{202e}|c=d]e\"f\\g 😀ä <13>1 - - - - - -", "size_bytes": 12 })
    }

    #[test]
    fn the_header_says_facility_severity_station_and_event() {
        let (header, parameters, _) = parts(&message(&record(ShownPayload::Erased), &policy(SiemFormat::Json, true)));
        assert_eq!(header, ["<132>1", "2026-11-23T20:00:00.123Z", "station-0123456789ab", "schleuse", "-", "item-withheld"]);
        assert_eq!(parameters[3], ("position".to_owned(), format!("17:{}", "ab".repeat(32))));
        assert_eq!(parameters[5], ("actor".to_owned(), r#"rev\"iewer\]\\1"#.to_owned()));
    }

    #[test]
    fn hostile_text_stays_inside_its_json_string() {
        let (_, _, body) = parts(&message(&record(ShownPayload::Opened(hostile())), &policy(SiemFormat::Json, true)));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["payload"], hostile());
    }

    #[test]
    fn hostile_text_stays_inside_its_cef_field() {
        let (_, _, body) = parts(&message(&record(ShownPayload::Opened(hostile())), &policy(SiemFormat::Cef, true)));
        let extension = body.splitn(8, '|').last().unwrap();
        let (_, text) = extension.split_once(" msg=").unwrap();
        assert!(!text.replace("\\=", "").contains('='), "{text}");
        let unescaped = text.replace("\\=", "=").replace("\\\\", "\\");
        assert_eq!(serde_json::from_str::<Value>(&unescaped).unwrap(), hostile());
    }

    #[test]
    fn a_payload_of_a_mebibyte_is_cut_at_the_limit() {
        for text in ["\\".repeat(1 << 20), "=".repeat(1 << 20), "\u{1}".repeat(1 << 20), "ä".repeat(1 << 19)] {
            let long = record(ShownPayload::Opened(json!({ "path": text })));
            for (format, transport, most) in [
                (SiemFormat::Json, SiemTransport::Tcp, MAX_MESSAGE_BYTES),
                (SiemFormat::Cef, SiemTransport::Tls, MAX_MESSAGE_BYTES),
                (SiemFormat::Json, SiemTransport::Udp, MAX_DATAGRAM_BYTES),
                (SiemFormat::Cef, SiemTransport::Udp, MAX_DATAGRAM_BYTES),
            ] {
                let message = message(&long, &SiemPolicy { transport, ..policy(format, true) });
                assert!((most - 2..=most).contains(&message.len()), "{} of {most}", message.len());
                let (_, _, body) = parts(&message);
                if format == SiemFormat::Json {
                    let body: Value = serde_json::from_str(&body).unwrap();
                    assert_eq!(body["payload_cut"], true);
                } else {
                    assert!(body.contains(" cs4Label=payloadCut cs4=true msg="), "{body}");
                }
            }
        }
    }

    #[test]
    fn without_payload_no_text_leaves_but_digests() {
        let payload = json!({ "user": "m.mueller", "sha256": "0f".repeat(32), "found": 3, "of": [{ "name": "x", "held": true }] });
        let body = |payload| {
            let (_, _, body) = parts(&message(&record(payload), &policy(SiemFormat::Json, false)));
            serde_json::from_str::<Value>(&body).unwrap()
        };
        let clear = body(ShownPayload::Clear(payload.clone()));
        assert_eq!(clear["payload"], json!({ "sha256": "0f".repeat(32), "found": 3, "of": [{ "held": true }] }));
        assert_eq!(body(ShownPayload::Opened(payload))["payload"], Value::Null);
    }
}
