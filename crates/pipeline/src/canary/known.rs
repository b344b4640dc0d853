//! What the line is tried with, and what must become of it.
//!
//! **Invariant:** nothing hostile lies in the program as it is; see `testkit::canary`, which makes what is stored here
//! (`cargo xtask canaries`).

use model::policy::Policy;
use spool::{Spool, SpoolError, SpoolFile};

/// What every stored byte is turned with.
const INERT: u8 = 0xA5;
/// The rule in `rules/yara/canary.yar` that must see [`RULE_LINE`].
pub(super) const RULE: &str = "canary_line";
const RULE_LINE: &str = "Datenschleuse canary 5d0f7c1e: whoever reads this asks the rules.\n";
/// Text that must come out again.
const TEXT: &str = "Kanarienvogel der Datenschleuse";
/// What comes out as it went in.
const HARMLESS: &str = "Ein harmloser Text: er kommt so heraus, wie er hineinging.\n";

/// What must become of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Held as malicious, by ClamAV.
    Malicious,
    /// Held because the scanner has not read all of it.
    NotScanned,
    /// Held because of [`RULE`].
    RuleHit,
    /// A PDF of so many pages with this text on them, and something painted.
    Document { pages: u32, text: &'static str },
    /// Text, byte for byte this one.
    Text(&'static str),
}

/// One canary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) extension: &'static str,
    content: Content,
    pub(super) expected: Expected,
}

#[derive(Debug, Clone, Copy)]
enum Content {
    /// Bytes of the program, turned with [`INERT`].
    Inert(&'static [u8]),
    Plain(&'static str),
    /// The scanner's test file and so many zeros behind it that it is one byte longer than what is ever sent to it.
    BeyondLimit,
}

const EICAR: &[u8] = include_bytes!("inert/eicar.bin");

/// All of them; the slow one first.
pub(super) const ALL: [Known; 8] = [
    known("docx", "docx", Content::Inert(include_bytes!("inert/docx.bin")), Expected::Document { pages: 1, text: TEXT }),
    known("eicar-beyond-limit", "bin", Content::BeyondLimit, Expected::NotScanned),
    known("pdf", "pdf", Content::Inert(include_bytes!("inert/pdf.bin")), Expected::Document { pages: 1, text: TEXT }),
    known("eicar", "com", Content::Inert(EICAR), Expected::Malicious),
    known("eicar-zip", "zip", Content::Inert(include_bytes!("inert/eicar-zip.bin")), Expected::Malicious),
    known("eicar-docx", "docx", Content::Inert(include_bytes!("inert/eicar-docx.bin")), Expected::Malicious),
    known("rule", "txt", Content::Plain(RULE_LINE), Expected::RuleHit),
    known("text", "txt", Content::Plain(HARMLESS), Expected::Text(HARMLESS)),
];

const fn known(name: &'static str, extension: &'static str, content: Content, expected: Expected) -> Known {
    Known { name, extension, content, expected }
}

impl Known {
    /// Puts the content into a spool. Blocking.
    pub(super) fn spool(&self, spool: &Spool, policy: &Policy) -> Result<SpoolFile, SpoolError> {
        match self.content {
            Content::Inert(bytes) => spool.put(&turned(bytes)),
            Content::Plain(text) => spool.put(text.as_bytes()),
            Content::BeyondLimit => {
                let mut writer = spool.writer()?;
                writer.append(&turned(EICAR))?;
                // BOUND: scan.clamd_stream_max_bytes is below 4 GiB; the zeros take no room on the disk.
                writer.append_zeros((policy.scan.clamd_stream_max_bytes + 1).saturating_sub(writer.size_bytes()))?;
                writer.finish()
            }
        }
    }

    /// What to do when it is missed.
    pub(super) const fn cure(&self) -> &'static str {
        match self.expected {
            Expected::Malicious => {
                "Look at ClamAV: is it really clamd that answers, are its signatures loaded (`freshclam`, then restart clamav-daemon), \
                 are ScanArchive and ScanOLE2 on in clamd.conf?"
            }
            Expected::NotScanned => {
                "Look at scan.clamd_stream_max_bytes in the policy: it must not be larger than clamd's StreamMaxLength and MaxFileSize."
            }
            Expected::RuleHit => "Look at the YARA rules: run `schleuse rules test`, and install the worker program of this version.",
            Expected::Document { .. } => {
                "Look at the converters: run `schleuse doctor`; are LibreOffice and its fonts complete, are worker.* and convert.* of the \
                 policy enough for one page? Or does an engine say something about harmless content?"
            }
            Expected::Text(_) => "Look at what the engines say about harmless text: a signature or rule of your own may be too broad.",
        }
    }
}

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ INERT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_the_generator_makes() {
        let stored = testkit::canary::stored();
        for (name, content) in &stored {
            let known = ALL.iter().find(|known| known.name == *name).unwrap();
            let Content::Inert(bytes) = known.content else { panic!("{name} is not stored") };
            assert!(testkit::canary::inert(content) == bytes, "{name}: run `cargo xtask canaries`");
        }
        assert_eq!(ALL.iter().filter(|known| matches!(known.content, Content::Inert(_))).count(), stored.len());
        assert_eq!(TEXT, testkit::canary::TEXT);
    }

    #[test]
    fn the_long_one_is_one_byte_longer_than_what_is_sent() {
        let root = tempfile::tempdir().unwrap();
        let spool = Spool::create(root.path(), "s", u64::MAX).unwrap();
        let long = ALL.iter().find(|known| known.name == "eicar-beyond-limit").unwrap();
        for limit in [1, 68, (1 << 20) - 69, 1 << 20, (2 << 20) + 5] {
            let mut policy = Policy::default();
            policy.scan.clamd_stream_max_bytes = limit;
            let file = long.spool(&spool, &policy).unwrap();
            assert_eq!(file.size_bytes, (limit + 1).max(68));
            assert!(std::fs::read(&file.path).unwrap().starts_with(&testkit::eicar()));
        }
    }

    #[test]
    fn the_line_for_the_rules_is_the_one_of_the_rule() {
        let rule = include_str!("../../../../rules/yara/canary.yar");
        assert!(rule.contains(RULE_LINE.trim_end()) && rule.contains(&format!("rule {RULE} ")));
    }
}
