//! One item looked at: identified, its active content counted, every rule run over it and over what it packs away.

use crate::active;
use crate::content::Content;
use crate::identify::{Identity, identify};
use crate::parts;
use crate::strip;
use crate::yara::Rules;
use model::{ActiveContent, Effect, FindingCode, Format};
use std::time::{Duration, Instant};
use wire::{Foreign, Inspected, RawFinding, RawRemoved, YaraHit};

// BOUND: content up to here is taken into memory once, so that all looks share it; YARA wants one piece.
const MAX_HELD_BYTES: u64 = 256 << 20;

/// Identifies and scans content. `claimed_extension` is lower case, without dot; without `rules` the scan counts as
/// not done. Content over 256 MiB is identified, but not scanned as a whole: `yara_complete` says so.
pub fn inspect(content: &mut Content, claimed_extension: &str, rules: Option<&Rules>, yara_timeout: Duration) -> Inspected {
    let identity = content.hold(MAX_HELD_BYTES).and_then(|()| identify(content, claimed_extension));
    let Ok(mut identity) = identity else {
        return unreadable();
    };
    if let Some(bytes) = content.held() {
        count_active(bytes, &mut identity);
    } else if identity.format == Format::Pdf {
        // Whether it is encrypted, and what acts in it, stays unknown.
        identity.find(FindingCode::LimitHit, Effect::Undetermined, "pdf over 256 MiB");
    }
    let (yara, yara_complete) = match rules {
        Some(rules) => scan(content, identity.format, claimed_extension, rules, yara_timeout),
        None => (Vec::new(), false),
    };
    Inspected {
        format: identity.format,
        findings: identity.findings,
        active: removed(&identity.active, identity.format),
        yara,
        yara_complete,
    }
}

fn unreadable() -> Inspected {
    let finding = RawFinding { code: FindingCode::ReadError, effect: Effect::Undetermined, detail: Foreign::new("content".into()) };
    Inspected { format: Format::Unknown, findings: vec![finding], active: Vec::new(), yara: Vec::new(), yara_complete: false }
}

fn count_active(bytes: &[u8], identity: &mut Identity) {
    if identity.format == Format::Pdf {
        match active::pdf::look(bytes) {
            active::pdf::Look::Counted(counts) => counts.into_iter().for_each(|(kind, count)| identity.count(kind, count)),
            active::pdf::Look::Encrypted => {
                identity.find(FindingCode::Encrypted, Effect::Undetermined, "pdf");
            }
            // The renderer is more forgiving and decides.
            active::pdf::Look::Unreadable => identity.find(FindingCode::Malformed, Effect::Note, "pdf objects not readable"),
        }
    }
    for (kind, count) in active::markup(bytes, identity.format) {
        identity.count(kind, count);
    }
}

/// What stripping will list is not listed twice; macro sheets of a binary workbook it cannot take out.
fn removed(active: &[(ActiveContent, u32)], format: Format) -> Vec<RawRemoved> {
    let listed_later = strip::can_strip(format);
    let stays = |kind: ActiveContent| !listed_later || kind == ActiveContent::XlmMacros;
    active.iter().filter(|(kind, _)| stays(*kind)).map(|(kind, count)| RawRemoved { kind: *kind, name: None, count: *count }).collect()
}

fn scan(content: &mut Content, format: Format, extension: &str, rules: &Rules, timeout: Duration) -> (Vec<YaraHit>, bool) {
    let started = Instant::now();
    let mut hits = Vec::new();
    let mut complete = true;
    match content.held().map(|bytes| rules.scan(bytes, format.as_str(), extension, timeout)) {
        Some(Ok(found)) => hits.extend(found),
        Some(Err(_)) | None => complete = false,
    }
    let parts = parts::unpacked(content, format);
    complete &= parts.complete;
    for part in parts.list {
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() {
            return (hits, false);
        }
        match rules.scan(&part.bytes, format.as_str(), extension, left) {
            Ok(found) => hits.extend(found.into_iter().map(|hit| YaraHit { part: Some(Foreign::new(part.name.clone())), ..hit })),
            Err(_) => complete = false,
        }
    }
    (hits, complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::ole::tests::compound;
    use crate::identify::package::tests::office;
    use crate::vba::tests::compress;
    use proptest::prelude::*;
    use wire::RuleSource;

    fn rules() -> Rules {
        let text = r#"rule opens { meta: effect = "malicious" strings: $a = "Sub AutoOpen" condition: $a }
                      rule pdf { condition: format == "pdf" and extension == "txt" }"#;
        Rules::compile(&[RuleSource { name: "test".into(), text: text.into() }]).unwrap()
    }

    fn of(bytes: Vec<u8>, extension: &str) -> Inspected {
        inspect(&mut Content::from_bytes(bytes), extension, Some(&rules()), Duration::from_secs(10))
    }

    fn project() -> Vec<u8> {
        let stream = compress(b"Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\nEnd Sub\r\n");
        compound(&[("/Macros/VBA/M", &stream), ("/WordDocument", b"x"), ("/Macros/VBA/_VBA_PROJECT", b"y")])
    }

    #[test]
    fn macros_are_scanned_unpacked() {
        let seen = of(project(), "doc");
        assert_eq!(seen.format, Format::Doc);
        assert!(seen.yara_complete);
        assert_eq!(seen.yara.iter().filter(|hit| hit.effect == Effect::Malicious && hit.part.is_some()).count(), 1);
    }

    #[test]
    fn parts_of_packages_are_scanned_unpacked() {
        let main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
        let text = format!("<w:t>Sub AutoOpen {}</w:t>", "x".repeat(1000));
        let seen = of(office(main, &[("word/document.xml", &text)]), "docx");
        assert_eq!((seen.format, seen.yara_complete, seen.yara.len()), (Format::Docx, true, 1));
    }

    #[test]
    fn variables_reach_the_rules_and_no_rules_is_no_scan() {
        let seen = of(b"%PDF-1.4\n".to_vec(), "txt");
        assert_eq!((seen.format, seen.yara.len()), (Format::Pdf, 1));
        assert!(!inspect(&mut Content::from_bytes(b"x".to_vec()), "", None, Duration::from_secs(1)).yara_complete);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn mutated_documents_never_panic(at in 0usize..4000, value: u8, cut in 0usize..6000, which in 0usize..4) {
            let main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
            let mut bytes = match which {
                0 => project(),
                1 => office(main, &[("word/vbaProject.bin", "x")]),
                2 => b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript>>>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF".to_vec(),
                _ => b"\xFF\xD8\xFF\xE0\0\x04JF\xFF\xDA\0\x04xx\x12\xFF\0\x34\xFF\xD9trailing".to_vec(),
            };
            let length = bytes.len();
            if let Some(byte) = bytes.get_mut(at % length) {
                *byte = value;
            }
            bytes.truncate(cut.max(20));
            let _ = inspect(&mut Content::from_bytes(bytes), "docx", None, Duration::from_secs(1));
        }
    }
}
