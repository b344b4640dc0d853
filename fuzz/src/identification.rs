//! What bytes are, and what acts in them.

use inspect::active::pdf::Look;
use inspect::{Content, Rules};
use model::Format;
use std::time::Duration;
use wire::RuleSource;

const EXTENSIONS: &[&str] =
    &["", "txt", "csv", "doc", "docx", "xls", "pdf", "exe", "html", "js", "svg", "zip", "eml", "md", "xml", "json", "jpg", "mp3"];

/// The extension the first byte stands for, and the bytes behind it.
fn claimed(bytes: &[u8]) -> Option<(&'static str, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((*EXTENSIONS.get(usize::from(*first) % EXTENSIONS.len())?, rest))
}

pub(crate) fn identify(bytes: &[u8]) {
    let Some((extension, rest)) = claimed(bytes) else { return };
    let identity = inspect::identify::identify(&mut Content::from_bytes(rest.to_vec()), extension).expect("memory can be read");
    assert_eq!(identity.format == Format::Empty, rest.is_empty());
}

pub(crate) fn inspect(bytes: &[u8]) {
    thread_local! {
        static RULES: Rules = Rules::compile(&[RuleSource {
            name: "fuzz".into(),
            text: r#"rule opens { strings: $a = "Sub AutoOpen" condition: $a and format != extension }"#.into(),
        }])
        .expect("the rule compiles");
    }
    let Some((extension, rest)) = claimed(bytes) else { return };
    let look = |rules: Option<&Rules>| inspect::inspect(&mut Content::from_bytes(rest.to_vec()), extension, rules, Duration::from_secs(20));
    let seen = RULES.with(|rules| look(Some(rules)));
    let again = look(None);
    assert!(seen.format == again.format && seen.findings == again.findings && seen.active == again.active, "two looks, two answers");
}

pub(crate) fn vba(bytes: &[u8]) {
    const MOST: usize = 100_000;
    if let Some(source) = inspect::vba::decompress(bytes, MOST) {
        assert!(source.len() <= MOST);
    }
    if let Ok(mut compound) = cfb::CompoundFile::open(std::io::Cursor::new(bytes)) {
        let modules = inspect::vba::modules(&mut compound, MOST);
        assert!(modules.iter().map(|module| module.source.len()).sum::<usize>() <= MOST);
    }
}

pub(crate) fn active_pdf(bytes: &[u8]) {
    if let Look::Counted(counts) = inspect::active::pdf::look(bytes) {
        assert!(counts.iter().all(|(_, count)| *count > 0));
    }
}
