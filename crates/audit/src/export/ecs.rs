//! Elastic Common Schema 1.12 as nested JSON.
//!
//! The payload is a JSON text in one field (`schleuse.payload`), not an object: payloads differ from event to event, and an index
//! refuses documents whose fields change their type.

use serde_json::{Map, Value, json};

use super::{payload, plain_json, severity};
use crate::{Shown, events};

pub(super) fn line(shown: &Shown, with_payload: bool) -> String {
    let grave = severity(&shown.event);
    let (state, content) = payload(shown, with_payload);
    let mut schleuse = Map::new();
    schleuse.insert("position".into(), shown.position().into());
    schleuse.insert("payload_state".into(), state.into());
    if !content.is_empty() {
        schleuse.insert("payload".into(), content.into_owned().into());
    }
    let mut document = json!({
        "@timestamp": shown.time,
        "ecs": { "version": "1.12.0" },
        "event": {
            "kind": if grave >= 9 { "alert" } else { "event" },
            "category": [category(&shown.event)],
            "type": ["info"],
            "action": shown.event,
            "provider": "schleuse",
            "module": "schleuse",
            "dataset": "schleuse.audit",
            "id": shown.position(),
            "sequence": shown.seq,
            "hash": shown.hash,
            "severity": grave,
        },
        "observer": {
            "vendor": "Datenschleuse",
            "product": "schleuse",
            "version": env!("CARGO_PKG_VERSION"),
            "type": "data-lock",
            "name": shown.station,
        },
        "user": { "name": shown.actor },
        "schleuse": schleuse,
    });
    if let (Some(session), Some(object)) = (&shown.session, document.as_object_mut()) {
        object.insert("labels".into(), json!({ "session": session }));
    }
    plain_json(&document)
}

/// One of the categories that ECS 1.12 allows.
fn category(event: &str) -> Value {
    let name = match event {
        events::POLICY_IN_FORCE | events::ENGINES_IN_FORCE | events::CONFIGURATION_CHANGED | events::KEY_ROTATED => "configuration",
        events::RETRO_HIT => "malware",
        _ if event.starts_with("item-") || event.starts_with("hold-") => "file",
        _ if event.starts_with("session-") => "session",
        _ => "host",
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;
    use crate::ShownPayload;

    #[test]
    fn the_documents_fields_are_those_of_the_schema() {
        let document: Value = serde_json::from_str(&line(&hostile(), true)).unwrap();
        assert_eq!(document["@timestamp"], "2026-11-18T11:06:40.007Z");
        assert_eq!(document["event"]["category"], json!(["file"]));
        assert_eq!(document["labels"]["session"], "s-1");
        let payload: Value = serde_json::from_str(document["schleuse"]["payload"].as_str().unwrap()).unwrap();
        assert_eq!(ShownPayload::Opened(payload), hostile().payload);
    }
}
