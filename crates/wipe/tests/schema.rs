//! The published schema knows exactly what a certificate holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code; the lint sees only functions marked as tests")]

use serde_json::Value;
use std::fs;
use std::path::Path;

/// Every object of `json` has exactly the properties its schema names.
fn agree(json: &Value, schema: &Value, root: &Value, place: &str) {
    let schema = match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).unwrap(),
        None => schema,
    };
    // Something or null.
    let schema = schema["anyOf"].get(0).filter(|_| !json.is_null()).unwrap_or(schema);
    match json {
        Value::Object(fields) => {
            let named: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let mut found: Vec<&str> = fields.keys().map(String::as_str).collect();
            let mut wanted = named.clone();
            found.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{place}");
            for (name, value) in fields {
                agree(value, &schema["properties"][name], root, &format!("{place}/{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| agree(item, &schema["items"], root, place)),
        Value::String(text) => {
            let listed = schema["enum"].as_array().is_none_or(|all| all.contains(json));
            let same = schema["const"].as_str().is_none_or(|only| only == text);
            assert!(listed && same, "{place}: {text}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => assert!(!schema.is_null(), "{place}"),
    }
}

#[test]
fn the_schema_names_every_field_of_a_certificate() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/wipe-certificate.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let range = |trouble| wipe::BadRange { offset: 0, bytes: 512, trouble };
    let bad = |trouble| wipe::BadRanges { ranges: vec![range(trouble)], unlisted: 0, bytes: 512 };
    let native = [wipe::Method::AtaEnhancedErase, wipe::Method::AtaErase, wipe::Method::NvmeFormat, wipe::Method::SecureDiscard];
    let answers = [wipe::Answer::ReportedDone, wipe::Answer::NotOffered, wipe::Answer::Failed, wipe::Answer::NotUsed];
    let medium = wipe::WipedMedium {
        kind: wipe::Kind::Device,
        path: "/dev/sdx".into(),
        model: "Marke".into(),
        serial: Some("4C53".into()),
        size_bytes: 512,
        flash: Some(true),
    };
    let done = wipe::Done {
        stream: wipe::STREAM.into(),
        passes_ordered: 1,
        passes: vec![wipe::PassRecord { pass: 1, bytes: 512, milliseconds: 1, complete: true }],
        native: native
            .iter()
            .zip(answers)
            .map(|(method, answer)| wipe::NativeResult { method: *method, answer, detail: String::new() })
            .collect(),
    };
    let verification = wipe::Verification {
        equal_bytes: 0,
        complete: true,
        write_errors: bad(wipe::Trouble::Write),
        read_errors: bad(wipe::Trouble::Differs),
        capacity_lie: Some(wipe::CapacityLie { kind: wipe::LieKind::Wraps, real_bytes: Some(256), read_at: 0, holds: Some(256) }),
    };
    let formatted = wipe::Formatted { file_system: wipe::FileSystem::Fat32, label: "LEER".into(), read_back_equal: true };
    let (outcome, level) = wipe::Level::of(&medium, &done, &verification, Some(&formatted));
    let certificate = wipe::Certificate {
        schema: wipe::SCHEMA.into(),
        wipe: "wipe-20260101-000000-000000".into(),
        station: "station-0".into(),
        started: String::new(),
        finished: String::new(),
        interruptions: 0,
        medium,
        done,
        verification,
        formatted: Some(formatted),
        outcome,
        level,
        audit_head: String::new(),
    };
    agree(&serde_json::to_value(certificate).unwrap(), &schema, &schema, "");
}
