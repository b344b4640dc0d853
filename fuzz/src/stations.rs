//! Names, policies, manifests and what the scanner says: read by the supervisor itself.

use model::names::{claimed_extension, collision_key, map_component};
use model::untrusted::is_deceptive;
use model::{FormatTable, Policy, Untrusted, escape_bytes};
use release::Manifest;
use scan::clamd::reply::{Reply, parse_scan, parse_version};

pub(crate) fn name(bytes: &[u8]) {
    // The policy's bounds for the longest name: 32 to 255.
    let Some((first, rest)) = bytes.split_first() else { return };
    let most = 32 + u32::from(*first).min(223);
    let foreign = Untrusted::new(rest.to_vec());
    let mapped = map_component(&foreign, most).name;
    assert!(!mapped.is_empty() && mapped.encode_utf16().count() as u32 <= most, "{mapped:?}");
    assert!(!mapped.chars().any(|c| is_deceptive(c) || "<>:\"/\\|?*".contains(c)), "{mapped:?}");
    assert!(!mapped.ends_with(['.', ' ']) && !mapped.starts_with(['-', ' ']) && !mapped.starts_with("~$"), "{mapped:?}");
    assert!(!device_name(&mapped), "{mapped:?}");
    assert_eq!(map_component(&Untrusted::new(mapped.clone().into_bytes()), most).name, mapped, "mapping it again changes it");
    assert_eq!(collision_key(&collision_key(&mapped)), collision_key(&mapped));
    assert!(!escape_bytes(rest).chars().any(is_deceptive));
    assert!(!claimed_extension(&foreign).chars().any(is_deceptive));
}

/// Names Windows gives to devices, with any extension and spaces before it.
fn device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem.as_str())
        || ["com", "lpt"].iter().any(|port| {
            stem.strip_prefix(port)
                .is_some_and(|n| n.chars().count() == 1 && n.contains(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '¹', '²', '³']))
        })
}

pub(crate) fn policy(bytes: &[u8]) {
    let Some(policy) = std::str::from_utf8(bytes).ok().and_then(|text| Policy::from_toml(text).ok()) else { return };
    let written = policy.to_toml().expect("a policy that was read can be written");
    assert_eq!(Policy::from_toml(&written).expect("a policy that was written can be read"), policy);
}

pub(crate) fn format_table(bytes: &[u8]) {
    let Some(table) = std::str::from_utf8(bytes).ok().and_then(|text| FormatTable::from_toml(text).ok()) else { return };
    let lines = table.lines().count();
    assert_eq!(lines, model::Format::ALL.len(), "a format without a rule");
}

pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(manifest) = Manifest::from_text(text) else { return };
    assert_eq!(manifest.to_text(), text);
    for path in manifest.files().keys() {
        assert!(!path.starts_with('/') && !path.contains('\n') && path.split('/').all(|part| part != ".."), "{path:?}");
    }
}

pub(crate) fn scanner_reply(bytes: &[u8]) {
    match parse_scan(bytes) {
        Reply::Nothing => assert!(matches!(bytes, b"stream: OK\0" | b"stream: OK\n")),
        Reply::Found(name) => assert!(!name.is_empty() && !name.contains(char::is_control)),
        Reply::SizeLimit | Reply::Error(_) | Reply::Unreadable => {}
    }
    if let Some(version) = parse_version(bytes) {
        assert!(!version.engine.contains(char::is_control));
    }
}
