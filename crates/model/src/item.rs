//! Items and the states of the line: a skipped stage does not compile.
//!
//! ```compile_fail
//! use model::{Item, Sanitised, Spooled};
//! // A spooled item is not a sanitised one, and there is no way across but through the stages.
//! fn release(_: Item<Sanitised>) {}
//! fn shortcut(item: Item<Spooled>) { release(item) }
//! ```

use crate::active::Removed;
use crate::finding::Finding;
use crate::format::{Action, Format};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// SHA-256 of content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Lower-case hexadecimal, 64 characters.
    pub fn hex(&self) -> String {
        let nibble = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
        self.0.iter().flat_map(|b| [nibble(b >> 4), nibble(b & 15)]).collect()
    }

    /// From 64 hexadecimal characters.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 64 {
            return None;
        }
        let mut out = [0u8; 32];
        for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
            let text = std::str::from_utf8(pair).ok()?;
            *slot = u8::from_str_radix(text, 16).ok()?;
        }
        Some(Self(out))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not 64 hexadecimal characters"))
    }
}

/// Where an item stands in the session: its place in the tree and how it got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Position in the inventory, then in each archive on the way; unique in the session, and the order of the report.
    pub order: Vec<u32>,
    /// The path as shown to people, escaped; members as `archive.zip!/inner.txt`, streams as `file.txt:stream`.
    pub shown_path: String,
    /// Where an artefact of it would go: components after the name policy, relative to the release.
    pub release_path: Vec<String>,
    /// Extension the name claims, lower case, no dot, escaped; empty if none.
    pub claimed_extension: String,
    /// Archives around it: 0 for a file on the medium.
    pub depth: u32,
}

mod sealed {
    /// Only this crate adds states.
    pub trait Sealed {}
}

/// A state of the line.
pub trait State: sealed::Sealed + Send + 'static {}

macro_rules! states { ($($name:ty),+) => { $(impl sealed::Sealed for $name {} impl State for $name {})+ } }
states!(Spooled, Identified, Scanned, Cleared, Sanitised);

/// The bytes lie in the spool, hashed.
#[derive(Debug)]
pub struct Spooled(pub(crate) ());
/// The bytes have a format.
#[derive(Debug)]
pub struct Identified {
    format: Format,
}
/// Every required engine was asked; the findings are joined.
#[derive(Debug)]
pub struct Scanned {
    format: Format,
    verdict: Verdict,
}
/// Policy let it go on.
#[derive(Debug)]
pub struct Cleared {
    format: Format,
    action: Action,
    content: Digest,
}
/// Artefacts exist that the verifier accepted.
#[derive(Debug)]
pub struct Sanitised {
    format: Format,
    action: Action,
    artefacts: Vec<Artefact>,
}

/// One item on its way. Fields are private: a state is reached only through the stage before it.
#[must_use]
#[derive(Debug)]
pub struct Item<S: State> {
    digest: Digest,
    size_bytes: u64,
    provenance: Provenance,
    findings: Vec<Finding>,
    removed: Vec<Removed>,
    state: S,
}

impl<S: State> Item<S> {
    /// SHA-256 of the content as read from the medium.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
    /// Content length in bytes.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
    /// Where it comes from and where it would go.
    pub const fn provenance(&self) -> &Provenance {
        &self.provenance
    }
    /// What was seen so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
    /// What was taken out so far.
    pub fn removed(&self) -> &[Removed] {
        &self.removed
    }
    /// Adds findings; they are never taken away.
    pub fn add_findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }
    /// Adds lines of removed content.
    pub fn add_removed(&mut self, removed: impl IntoIterator<Item = Removed>) {
        self.removed.extend(removed);
    }
    /// Takes the item off the line: it will be withheld for `reason`.
    pub fn hold(self, reason: crate::Reason, format: Option<Format>) -> Held {
        Held {
            digest: self.digest,
            size_bytes: self.size_bytes,
            provenance: self.provenance,
            findings: self.findings,
            removed: self.removed,
            format,
            reason,
        }
    }
    fn with<T: State>(self, state: T) -> Item<T> {
        Item {
            digest: self.digest,
            size_bytes: self.size_bytes,
            provenance: self.provenance,
            findings: self.findings,
            removed: self.removed,
            state,
        }
    }
}

impl Item<Spooled> {
    /// An item whose bytes were read once into the spool.
    pub fn spooled(digest: Digest, size_bytes: u64, provenance: Provenance, findings: Vec<Finding>) -> Self {
        Self { digest, size_bytes, provenance, findings, removed: Vec::new(), state: Spooled(()) }
    }
    /// The inspector named the format.
    pub fn identified(self, format: Format) -> Item<Identified> {
        self.with(Identified { format })
    }
}

impl Item<Identified> {
    /// What the bytes are.
    pub const fn format(&self) -> Format {
        self.state.format
    }
    /// The engines' coverage is in: the verdict is computed here, from the item's own findings, and nowhere else.
    pub fn scanned(self, coverage: &[crate::Coverage], required: &[&str]) -> Item<Scanned> {
        let verdict = crate::judge(&self.findings, coverage, required);
        let format = self.state.format;
        self.with(Scanned { format, verdict })
    }
}

impl Item<Scanned> {
    /// What the bytes are.
    pub const fn format(&self) -> Format {
        self.state.format
    }
    /// The joined judgement.
    pub const fn verdict(&self) -> Verdict {
        self.state.verdict
    }
    /// Goes on only when the verdict is clear.
    ///
    /// # Errors
    /// The item itself, when it is not.
    pub fn cleared(self, action: Action) -> Result<Item<Cleared>, Self> {
        if self.state.verdict != Verdict::Clear {
            return Err(self);
        }
        let (format, content) = (self.state.format, self.digest);
        Ok(self.with(Cleared { format, action, content }))
    }
    /// Goes on under a named exception: only the content it was granted for, and never what an engine knows as hostile.
    ///
    /// # Errors
    /// The item itself, when it is another content, or malicious.
    pub fn cleared_by(self, action: Action, exception: &crate::Exception) -> Result<Item<Cleared>, Self> {
        if self.state.verdict == Verdict::Malicious || exception.digest() != self.digest {
            return Err(self);
        }
        let (format, content) = (self.state.format, self.digest);
        Ok(self.with(Cleared { format, action, content }))
    }
}

impl Item<Cleared> {
    /// What the bytes are.
    pub const fn format(&self) -> Format {
        self.state.format
    }
    /// What policy decided.
    pub const fn action(&self) -> Action {
        self.state.action
    }
    /// What the converter is to be given: the content itself, or what stripping left of it.
    pub const fn content(&self) -> Digest {
        self.state.content
    }
    /// Active content was taken out; the converter is given `content` instead of the original.
    pub fn stripped(mut self, content: Digest) -> Self {
        self.state.content = content;
        self
    }
    /// The artefacts of this item exist.
    pub fn sanitised(self, artefacts: Vec<Artefact>) -> Item<Sanitised> {
        let Cleared { format, action, .. } = self.state;
        self.with(Sanitised { format, action, artefacts })
    }
}

impl Item<Sanitised> {
    /// What the bytes were.
    pub const fn format(&self) -> Format {
        self.state.format
    }
    /// What policy decided.
    pub const fn action(&self) -> Action {
        self.state.action
    }
    /// The files this program wrote for it.
    pub fn artefacts(&self) -> &[Artefact] {
        &self.state.artefacts
    }
}

/// A file this program wrote itself and whose finished bytes the verifier accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    digest: Digest,
    size_bytes: u64,
    extension: String,
    pages: Option<u32>,
}

/// The verifier's yes to finished bytes; with the engines' verdict over the same bytes, what an [`Artefact`] is made from.
///
/// ```compile_fail
/// // Its fields are private.
/// let yes = model::item::Acceptance { digest: model::Digest([0; 32]), size_bytes: 0, pages: None };
/// ```
#[must_use]
#[derive(Debug)]
pub struct Acceptance {
    digest: Digest,
    size_bytes: u64,
    pages: Option<u32>,
}

impl Acceptance {
    /// The verifier was given content of this digest and length, and accepted it as a document of so many pages (`None` for
    /// what is no PDF).
    ///
    /// Only where that answer arrives may this be called; `clippy.toml` bans it everywhere else.
    pub const fn by_verifier(digest: Digest, size_bytes: u64, pages: Option<u32>) -> Self {
        Self { digest, size_bytes, pages }
    }
}

impl Artefact {
    /// Makes an artefact of bytes the verifier accepted, when the engines' verdict over them is clear; it is computed here.
    ///
    /// # Errors
    /// The verdict, when it is not clear.
    ///
    /// ```compile_fail
    /// // There is no other way, and none without the verifier's acceptance.
    /// let artefact = model::item::Artefact { digest: model::Digest([0; 32]), size_bytes: 0, extension: String::new(), pages: None };
    /// ```
    pub fn accept(
        acceptance: Acceptance,
        extension: &str,
        findings: &[Finding],
        coverage: &[crate::Coverage],
        required: &[&str],
    ) -> Result<Self, Verdict> {
        let Acceptance { digest, size_bytes, pages } = acceptance;
        match crate::judge(findings, coverage, required) {
            Verdict::Clear => Ok(Self { digest, size_bytes, extension: extension.to_owned(), pages }),
            verdict => Err(verdict),
        }
    }
    /// SHA-256 of the artefact.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
    /// Length in bytes.
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
    /// File extension without dot that its kind has.
    pub fn extension(&self) -> &str {
        &self.extension
    }
    /// Pages, for a PDF.
    pub const fn pages(&self) -> Option<u32> {
        self.pages
    }
}

/// An item off the line, on its way to the quarantine.
#[must_use]
#[derive(Debug, Clone)]
pub struct Held {
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Content length in bytes.
    pub size_bytes: u64,
    /// Where it comes from.
    pub provenance: Provenance,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// What had been taken out before it was held.
    pub removed: Vec<Removed>,
    /// Its format, where identification got that far.
    pub format: Option<Format>,
    /// Why.
    pub reason: crate::Reason,
}

/// What a stage does with an item. Trouble with an item is never an `Err`: an `Err` would lose it.
#[must_use]
#[derive(Debug)]
pub enum Step<S: State> {
    /// On to the next stage.
    Advance(Item<S>),
    /// Off the line.
    Withhold(Held),
}
