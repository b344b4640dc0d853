//! What supervisor and worker say to each other.

use crate::foreign::Foreign;
use crate::secret::{Secret, Unlock};
use model::report::VolumeRemark;
use model::{ActiveContent, Effect, FindingCode, Format};
use serde::{Deserialize, Serialize};

/// Password of the archives that samples are handed out in: what analysts expect, so that no mail filter opens them.
pub const SAMPLE_PASSWORD: &str = "infected";

/// A job. Each says which descriptor it takes and which answers follow, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// `inspect`: compile these rules; no descriptor. → [`Answer::Done`] or [`Answer::Failed`].
    LoadRules(Vec<RuleSource>),
    /// `inspect`: identify and scan the content behind the descriptor. → [`Answer::Inspected`].
    Inspect {
        /// Extension the name claims, lower case, escaped.
        claimed_extension: String,
        /// Longest YARA scan.
        yara_timeout_seconds: u32,
    },
    /// `inspect`: run the loaded rules over the content (artefacts, rule tests). → [`Answer::YaraHits`].
    Yara {
        /// Value of the external variable `format`.
        format: String,
        /// Value of the external variable `extension`.
        extension: String,
        /// Longest scan.
        timeout_seconds: u32,
    },
    /// `inspect`: take active content out of a document. → bytes of the stripped document, then [`Answer::Stripped`].
    Strip {
        /// What the content is.
        format: Format,
        /// Most bytes of the stripped document.
        max_output_bytes: u64,
    },
    /// `inspect`: take an archive apart. → per member [`Answer::Entry`], its bytes, [`Answer::EntryEnd`]; then
    /// [`Answer::Done`].
    Unpack {
        /// What the content is.
        format: Format,
        /// File name without its packing extension, for single-stream packers (`gz`, `bz2`, `xz`).
        inner_name: Foreign<Vec<u8>>,
        /// Limits.
        limits: UnpackLimits,
        /// What encrypted members are opened with, where a reviewer gave it.
        password: Option<Secret>,
    },
    /// `inspect`: pack the content behind the descriptor, with its record, as a sample for analysts: a ZIP archive that is
    /// encrypted with [`SAMPLE_PASSWORD`]. → bytes of the archive, then [`Answer::Done`].
    Pack {
        /// Name of the content inside; ours.
        name: String,
        /// `record.json`.
        record: Vec<u8>,
    },
    /// `render`: a PDF to pages. → [`Answer::Document`], then per page either [`Answer::Page`], its pixels and
    /// [`Answer::PageText`]*, [`Answer::PageEnd`], or [`Answer::PageFailed`]; then [`Answer::Done`].
    RenderPdf {
        /// Limits.
        limits: RenderLimits,
        /// What it is opened with, where a reviewer gave it.
        password: Option<Secret>,
    },
    /// `render`: an image to pages of pixels, answers as for a PDF (one page per TIFF page, otherwise one).
    RenderImage {
        /// What the content is.
        format: Format,
        /// Limits.
        limits: RenderLimits,
    },
    /// `render`: text decoded, normalised and encoded again as UTF-8. → bytes, then [`Answer::Rebuilt`].
    RebuildText {
        /// What the content is (CSV cells are quoted, others only normalised).
        format: Format,
        /// Most bytes out.
        max_output_bytes: u64,
    },
    /// `render-office`: a document to PDF by the office suite in the jail. → bytes of the (still foreign) PDF, then
    /// [`Answer::Rebuilt`].
    Office(OfficeJob),
    /// `verify`: is this artefact what we release? → [`Answer::Accepted`] or [`Answer::Rejected`].
    Verify {
        /// What it claims to be.
        kind: VerifyKind,
        /// Most pages.
        max_pages: u32,
        /// Most bytes decoded per stream.
        max_bytes: u64,
    },
    /// `read`: walk an image behind the descriptor. → [`Answer::Volume`]*, [`Answer::Entry`]* (the inventory, in order, with
    /// [`Answer::Trying`] between), [`Answer::InventoryEnd`]; then per regular file [`Answer::Content`], bytes, [`Answer::EntryEnd`]; then [`Answer::Done`].
    ReadImage {
        /// Most entries.
        max_entries: u32,
        /// Deepest nesting.
        max_depth: u32,
        /// Largest file that is read; a larger one ends with [`Failure::Limit`] and no bytes.
        max_file_bytes: u64,
        /// What encrypted volumes are opened with.
        unlock: Unlock,
    },
    /// `tree`: walk the directory the worker was started with; no descriptor. Answers as for an image.
    ReadTree {
        /// Most entries.
        max_entries: u32,
        /// Deepest nesting.
        max_depth: u32,
        /// Largest file that is read; a larger one ends with [`Failure::Limit`] and no bytes.
        max_file_bytes: u64,
    },
}

/// One rule file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSource {
    /// File name, for messages and as YARA namespace.
    pub name: String,
    /// Rule text.
    pub text: String,
}

/// Limits of unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackLimits {
    /// Most members.
    pub max_members: u32,
    /// Most bytes of all members.
    pub max_expanded_bytes: u64,
    /// Most expanded bytes per packed byte, above a floor of 1 MiB.
    pub max_ratio: u32,
    /// Most bytes of one member.
    pub max_member_bytes: u64,
}

/// Limits of rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderLimits {
    /// Wanted resolution.
    pub dpi: u32,
    /// Most pages.
    pub max_pages: u32,
    /// Most pixels of a page; beyond it the resolution is lowered.
    pub max_page_pixels: u64,
    /// Most characters of text per page.
    pub max_page_text: u32,
}

/// A job for the office suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeJob {
    /// What the content is; gives the file extension inside the jail.
    pub format: Format,
    /// Import filter, forced.
    pub import_filter: String,
    /// Most pages exported.
    pub max_pages: u32,
    /// Wall-clock seconds.
    pub wall_seconds: u32,
    /// Most bytes of the PDF.
    pub max_output_bytes: u64,
}

/// What an artefact claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerifyKind {
    /// Flattened PDF.
    Pdf,
    /// Session report or receipt: visible text in standard fonts.
    ReportPdf,
    /// UTF-8 text without controls.
    Text,
    /// CSV text: as text, and no cell starts a formula.
    Csv,
    /// PNG with only critical chunks.
    Png,
    /// JPEG with only what decoding needs.
    Jpeg,
}

/// Why a worker could not do its job: a code, never text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The content is encrypted.
    Encrypted,
    /// The password given does not open it.
    WrongPassword,
    /// The structure is broken.
    Malformed,
    /// The kind or a feature of it is not supported here.
    Unsupported,
    /// Members limit.
    LimitMembers,
    /// Expanded bytes limit.
    LimitExpanded,
    /// Ratio limit.
    LimitRatio,
    /// Pages limit.
    LimitPages,
    /// Output bytes limit.
    LimitOutput,
    /// Pixels limit.
    LimitPixels,
    /// Entries limit.
    LimitEntries,
    /// Depth limit.
    LimitDepth,
    /// A size limit of one item.
    Limit,
    /// Time limit.
    Timeout,
    /// The medium or descriptor gave a read error.
    Read,
    /// The converter produced nothing.
    NoOutput,
    /// A rule file does not compile.
    Rules,
    /// The request does not fit this role, or lacks its descriptor.
    Request,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The job is finished.
    Done,
    /// The job cannot be done; the position or number that was hit, where it means something.
    Failed {
        /// Why.
        failure: Failure,
        /// A number that goes with it (limit, offset, page), or 0.
        number: u64,
    },
    /// To [`Request::Inspect`].
    Inspected(Inspected),
    /// To [`Request::Yara`].
    YaraHits {
        /// Whether the scan looked at every byte in time.
        complete: bool,
        /// Matches.
        hits: Vec<YaraHit>,
    },
    /// To [`Request::Strip`], after the bytes.
    Stripped(Vec<RawRemoved>),
    /// An entry of a medium or a member of an archive.
    Entry {
        /// Path components, raw.
        path: Vec<Foreign<Vec<u8>>>,
        /// Kind.
        kind: EntryKind,
        /// Length the directory claims.
        size_bytes: u64,
    },
    /// Content of inventory entry `index` follows.
    Content {
        /// Position in the inventory.
        index: u32,
    },
    /// The content of the current entry ended.
    EntryEnd {
        /// Why it is not complete, or `None` when it is.
        failure: Option<Failure>,
        /// Offset of a read error.
        offset: u64,
    },
    /// A volume of an image.
    Volume(VolumeInfo),
    /// A key is being tried on an encrypted volume; this takes seconds.
    Trying,
    /// The inventory is complete.
    InventoryEnd {
        /// Entries.
        entries: u32,
        /// Claimed bytes of all files.
        bytes: u64,
    },
    /// A document opened; pages follow.
    Document {
        /// Number of pages.
        pages: u32,
    },
    /// Pixels of a page follow: exactly width × height × channels bytes.
    Page(PageStart),
    /// Text of the current page.
    PageText(Vec<TextPiece>),
    /// The current page is complete.
    PageEnd {
        /// What was seen while rendering it.
        findings: Vec<RawFinding>,
    },
    /// A page that could not be rendered.
    PageFailed {
        /// Its size, points.
        width_pt: f32,
        /// Its size, points.
        height_pt: f32,
        /// Why.
        failure: Failure,
    },
    /// To [`Request::RebuildText`] and [`Request::Office`], after the bytes.
    Rebuilt {
        /// What was taken out.
        removed: Vec<RawRemoved>,
        /// What was seen.
        findings: Vec<RawFinding>,
    },
    /// The artefact is what it must be.
    Accepted {
        /// Pages, 0 where there are none.
        pages: u32,
    },
    /// The artefact is not.
    Rejected {
        /// Code of the verifier.
        code: Foreign<String>,
        /// Byte offset.
        offset: u64,
    },
}

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic or hard link, reparse point.
    Link,
    /// Device, FIFO, socket.
    Special,
    /// Named stream of a file; the last path component is `file:stream`.
    Stream,
    /// A directory or entry that could not be read.
    Unreadable,
    /// A regular file whose content is encrypted (EFS): its bytes follow as they lie on the medium.
    Encrypted,
    /// A part of the medium that is no entry of a file system.
    Area(AreaKind),
}

impl EntryKind {
    /// Whether content follows after the inventory.
    pub const fn has_content(self) -> bool {
        matches!(self, Self::File | Self::Stream | Self::Encrypted)
    }
}

/// What an area of a medium is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AreaKind {
    /// No partition lies there.
    Unpartitioned,
    /// A partition that only holds further tables.
    Extended,
    /// A volume no reader knows, or one too broken to open.
    Unknown,
    /// An encrypted volume that was not opened.
    Encrypted(Locked),
}

/// Why an encrypted volume stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Locked {
    /// No key was given.
    NoKey,
    /// None of the keys given fits.
    WrongKey,
    /// It is encrypted in a way no reader here knows.
    Unsupported,
    /// Its headers are broken.
    Damaged,
    /// Trying a key would cost more than the policy allows.
    Limit {
        /// Which number of the policy.
        limit: UnlockLimit,
        /// What the volume asks for.
        wanted: u64,
    },
}

/// A number of the policy that ends the opening of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnlockLimit {
    /// `unlock.max_kdf_memory_mib`.
    KdfMemory,
    /// `unlock.max_kdf_fill_mib`.
    KdfFill,
    /// `unlock.max_kdf_iterations`.
    KdfIterations,
    /// `unlock.max_tries`.
    Tries,
}

/// What identification and scanning saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// What the bytes are.
    pub format: Format,
    /// Facts of identification and active content.
    pub findings: Vec<RawFinding>,
    /// Active content seen (for formats where rendering to pixels is what removes it).
    pub active: Vec<RawRemoved>,
    /// YARA matches.
    pub yara: Vec<YaraHit>,
    /// Whether YARA looked at every byte in time.
    pub yara_complete: bool,
}

/// A finding as a worker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawFinding {
    /// Stable code.
    pub code: FindingCode,
    /// Proposed effect; the supervisor never lets it be better than the code's own.
    pub effect: Effect,
    /// Detail.
    pub detail: Foreign<String>,
}

/// Removed content as a worker reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRemoved {
    /// What.
    pub kind: ActiveContent,
    /// Part name.
    pub name: Option<Foreign<String>>,
    /// How many.
    pub count: u32,
}

/// A YARA match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct YaraHit {
    /// Rule name.
    pub rule: Foreign<String>,
    /// Effect from the rule's metadata.
    pub effect: Effect,
    /// Part of the document it was found in, where not the whole file.
    pub part: Option<Foreign<String>>,
}

/// Channels of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PixelFormat {
    /// One byte a pixel.
    Gray8,
    /// Three bytes a pixel.
    Rgb8,
    /// Four bytes a pixel, straight alpha (images only).
    Rgba8,
}

impl PixelFormat {
    /// Bytes of a pixel.
    pub const fn channels(self) -> u64 {
        match self {
            Self::Gray8 => 1,
            Self::Rgb8 => 3,
            Self::Rgba8 => 4,
        }
    }
}

/// Head of a page.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PageStart {
    /// Page size, points (1/72 inch).
    pub width_pt: f32,
    /// Page size, points.
    pub height_pt: f32,
    /// Pixels across.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// Channels.
    pub pixels: PixelFormat,
}

/// A run of text on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextPiece {
    /// The characters.
    pub text: Foreign<String>,
    /// Start of the baseline from the left edge, points.
    pub x_pt: f32,
    /// Baseline above the lower edge, points.
    pub y_pt: f32,
    /// Width of the run along the baseline, points.
    pub width_pt: f32,
    /// Font size, points.
    pub size_pt: f32,
    /// Angle of the baseline, degrees counter-clockwise.
    pub angle_deg: f32,
}

/// A partition or volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeInfo {
    /// `none`, `mbr` or `gpt`.
    pub scheme: Foreign<String>,
    /// Number in the table, from 1; 0 for the whole medium.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length.
    pub size_bytes: u64,
    /// File system, or what it seems to be.
    pub file_system: Foreign<String>,
    /// Whether its entries follow.
    pub readable: bool,
    /// What is odd about it.
    pub remarks: Vec<VolumeRemark>,
}

/// How a text was encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextEncoding {
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// UTF-16 little-endian.
    Utf16Le,
    /// UTF-16 big-endian.
    Utf16Be,
    /// Windows-1252.
    Windows1252,
}
