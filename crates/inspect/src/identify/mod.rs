//! What the bytes are. The name is only asked where bytes cannot tell (a script is a text like any other).
//!
//! **Invariant:** no guess is better than its evidence: what fits nothing is [`Format::Unknown`], what fits two things
//! is a finding.

pub(crate) mod magic;
mod markup;
pub(crate) mod ole;
pub(crate) mod package;
mod polyglot;
mod script;
pub(crate) mod text;

use crate::content::Content;
use model::{ActiveContent, Effect, FindingCode, Format};
use std::io;
use wire::{Foreign, RawFinding};

// BOUND: enough for every signature (ISO 9660 sits at 32 KiB) and for the structure of a text.
const HEAD_BYTES: usize = 1 << 20;
// BOUND: the longest ZIP end record with its comment.
const TAIL_BYTES: usize = crate::archive::zip::END_RECORD_BYTES;

/// What identification found.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    /// The format.
    pub format: Format,
    /// What is odd about it.
    pub findings: Vec<RawFinding>,
    /// Active content seen on the way, with counts.
    pub active: Vec<(ActiveContent, u32)>,
}

impl Identity {
    fn new(format: Format) -> Self {
        Self { format, findings: Vec::new(), active: Vec::new() }
    }

    pub(crate) fn find(&mut self, code: FindingCode, effect: Effect, detail: &str) {
        self.findings.push(RawFinding { code, effect, detail: Foreign::new(detail.to_owned()) });
    }

    pub(crate) fn count(&mut self, kind: ActiveContent, count: u32) {
        match self.active.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => self.active.push((kind, count)),
        }
    }

    fn encrypted_office(&mut self, detail: &str) {
        self.format = Format::OfficeEncrypted;
        self.find(FindingCode::Encrypted, Effect::Undetermined, detail);
    }
}

/// Identifies content. `claimed_extension` is lower case, without dot.
///
/// # Errors
/// Read errors of the descriptor.
pub fn identify(content: &mut Content, claimed_extension: &str) -> io::Result<Identity> {
    if content.is_empty() {
        return Ok(Identity::new(Format::Empty));
    }
    let head = content.head(HEAD_BYTES)?;
    let tail = content.tail(TAIL_BYTES)?;
    let mut identity = Identity::new(Format::Unknown);
    if magic::at(&head, 0, magic::OLE) {
        ole::identify(content, &mut identity);
    } else if starts_zip(&head) {
        package::identify(content, &mut identity);
    } else if let Some(format) = magic::identify(&head).or_else(|| magic::identify_deep(&head, &tail)) {
        identity.format = format;
    } else if let Some(text) = text::decode(&head, &tail) {
        identity.format = text::classify(&text, claimed_extension);
    } else if crate::archive::zip::end_record(&tail).is_some_and(|end| zip_ends_here(&tail, end)) {
        // Nothing at the start that anybody knows, but a complete archive at the end: readers will open it.
        package::identify(content, &mut identity);
    } else {
        identity.format = magic::general(&head).unwrap_or_else(|| text::binary_by_extension(&head, claimed_extension));
    }
    polyglot::look(content, &head, &tail, &mut identity)?;
    Ok(identity)
}

fn starts_zip(head: &[u8]) -> bool {
    [magic::ZIP_LOCAL, magic::ZIP_END, magic::ZIP_SPANNED].iter().any(|signature| magic::at(head, 0, signature))
}

/// Whether the end record's comment reaches exactly to the end of the file.
fn zip_ends_here(tail: &[u8], end: usize) -> bool {
    let comment = tail.get(end + 20..end + 22).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    comment.is_some_and(|length| end + 22 + length == tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> Identity {
        identify(&mut Content::from_bytes(bytes.to_vec()), "").unwrap()
    }

    #[test]
    fn nothing_and_anything() {
        assert_eq!(of(b"").format, Format::Empty);
        assert_eq!(of(&[0u8; 100]).format, Format::Unknown);
        assert_eq!(of(b"%PDF-1.7\n...").format, Format::Pdf);
        assert_eq!(of(b"{\\rtf1 x}").format, Format::Rtf);
        assert_eq!(of(b"hello\n").format, Format::Txt);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), extension in "[a-z]{0,4}") {
            let _ = identify(&mut Content::from_bytes(bytes), &extension);
        }
    }
}
