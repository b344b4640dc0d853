//! Findings: facts an inspector saw, with the engine that saw them.

use crate::coded_enum;
use serde::{Deserialize, Serialize};

/// What a finding means for the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Worth a line in the report; changes nothing.
    Note,
    /// Active content that rebuilding removes; the item still goes on.
    Strip,
    /// A person must look: withheld.
    Suspicious,
    /// Not everything could be looked at: withheld.
    Undetermined,
    /// Known hostile: withheld.
    Malicious,
}

/// Which engine, in which version, with signatures of which day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EngineStamp {
    /// Engine name: `clamav`, `yara`, `hash-list`, `schleuse`.
    pub name: String,
    /// Engine version.
    pub version: String,
    /// Signature date, RFC 3339 day or time; for our own rules the SHA-256 of the rule set.
    pub signatures: Option<String>,
}

impl EngineStamp {
    /// The lock itself as an inspector.
    pub fn own() -> Self {
        Self { name: "schleuse".into(), version: env!("CARGO_PKG_VERSION").into(), signatures: None }
    }
}

/// One fact about one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code.
    pub code: FindingCode,
    /// What it means.
    pub effect: Effect,
    /// Who saw it.
    pub engine: EngineStamp,
    /// Signature name, limit with its number, page number …; escaped, never foreign bytes as they were.
    pub detail: String,
}

impl Finding {
    /// A finding; `detail` must already be escaped.
    pub fn new(code: FindingCode, effect: Effect, engine: EngineStamp, detail: String) -> Self {
        Self { code, effect, engine, detail }
    }

    /// A finding of the lock itself.
    pub fn own(code: FindingCode, effect: Effect, detail: impl Into<String>) -> Self {
        Self::new(code, effect, EngineStamp::own(), detail.into())
    }
}

coded_enum! {
    /// Stable codes of findings.
    FindingCode {
        /// ClamAV knows the content.
        ClamavMatch = "clamav-match",
        /// ClamAV's heuristics say encrypted.
        ClamavEncrypted = "clamav-encrypted",
        /// ClamAV's heuristics say macros.
        ClamavMacros = "clamav-macros",
        /// ClamAV hit one of its own limits.
        ClamavLimit = "clamav-limit",
        /// ClamAV answered an error, nothing, or something that is no answer.
        ClamavError = "clamav-error",
        /// A YARA rule matched.
        YaraMatch = "yara-match",
        /// The YARA scan did not finish.
        YaraError = "yara-error",
        /// The digest is on a block list.
        HashListed = "hash-listed",
        /// The file name claims another format than the bytes have.
        FormatMismatch = "format-mismatch",
        /// The bytes are valid as more than one format.
        Polyglot = "polyglot",
        /// Bytes before the start of the format.
        PrefixBytes = "prefix-bytes",
        /// Bytes after the end of the format.
        TrailingBytes = "trailing-bytes",
        /// The content, or part of it, is encrypted.
        Encrypted = "encrypted",
        /// The structure is broken.
        Malformed = "malformed",
        /// A limit of the policy was hit; the detail names it with its number.
        LimitHit = "limit-hit",
        /// Active content seen (macro, script, link …).
        ActiveContent = "active-content",
        /// Name: not UTF-8.
        NameNotUtf8 = "name-not-utf8",
        /// Name: control characters.
        NameControl = "name-control",
        /// Name: bidi override or invisible characters.
        NameBidi = "name-bidi",
        /// Name: trailing dot or space.
        NameTrailing = "name-trailing",
        /// Name: reserved on Windows.
        NameReserved = "name-reserved",
        /// Name: characters not allowed on Windows shares.
        NameForbidden = "name-forbidden",
        /// Name: two extensions, the last hiding the true one.
        NameDoubleExtension = "name-double-extension",
        /// Name: longer than the target allows.
        NameTooLong = "name-too-long",
        /// Name: equal to another one after case folding or normalisation.
        NameCollision = "name-collision",
        /// Name: absolute, or with `..`, drive letters, backslashes.
        NamePath = "name-path",
        /// A page could not be rendered and is a placeholder.
        PageFailed = "page-failed",
        /// A page rendered with losses (missing font, unsupported feature).
        PageLoss = "page-loss",
        /// A page came out blank though it has text.
        PageBlank = "page-blank",
        /// A worker died; the detail names the signal or code.
        WorkerDied = "worker-died",
        /// A worker overran its time.
        WorkerTimeout = "worker-timeout",
        /// A worker said something that is no answer.
        WorkerProtocol = "worker-protocol",
        /// The converter produced nothing.
        ConversionFailed = "conversion-failed",
        /// The strict verifier rejected the artefact.
        VerifyRejected = "verify-rejected",
        /// An engine objected to the artefact itself.
        ArtefactMatch = "artefact-match",
        /// A read error on the medium; the detail names the offset.
        ReadError = "read-error",
        /// A symbolic link, not followed.
        Link = "link",
        /// A device node, FIFO or socket, not opened.
        SpecialFile = "special-file",
        /// Text was decoded from another encoding.
        TextEncoding = "text-encoding",
        /// Controls or bidi overrides removed from text.
        TextControls = "text-controls",
        /// Spreadsheet formula starts quoted.
        CsvFormula = "csv-formula",
        /// Metadata dropped.
        Metadata = "metadata",
        /// An archive member with a link, device or path trick.
        MemberRefused = "member-refused",
    }
}
