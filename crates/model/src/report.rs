//! The session report: what people and machines read about a session. Stable JSON, versioned by [`SCHEMA`].

use crate::active::Removed;
use crate::coded_enum;
use crate::device::DeviceRecord;
use crate::finding::{EngineStamp, Finding};
use crate::format::Format;
use crate::item::Digest;
use crate::reason::{Reason, ReasonText};
use serde::{Deserialize, Serialize};

/// Name and version of the report's JSON form.
pub const SCHEMA: &str = "datenschleuse-session-report/1";

/// How an item ended: exactly one of four (I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An artefact of it reached the release.
    Released,
    /// Held in quarantine.
    Withheld,
    /// Could not be read from the medium.
    Unreadable,
    /// Has no content of its own: directory, link, special file, empty partition.
    Structural,
}

/// A file in the release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Path relative to the release folder, `/`-separated; a folder made from an archive ends in `/`.
    pub path: String,
    /// SHA-256; none for a folder.
    pub sha256: Option<Digest>,
    /// Pages, for a PDF.
    pub pages: Option<u32>,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLine {
    /// Escaped path; members as `archive.zip!/inner.txt`, streams as `file.txt:stream`.
    pub path: String,
    /// Extension the name claims.
    pub claimed: String,
    /// What the bytes are; none when they were not identified.
    pub format: Option<Format>,
    /// Content length in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content; none for structural and unreadable items.
    pub sha256: Option<Digest>,
    /// How it ended.
    pub disposition: Outcome,
    /// Why, as a stable code.
    pub reason: Reason,
    /// Why, in plain words.
    pub reason_text: ReasonText,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// What was taken out.
    pub removed: Vec<Removed>,
    /// What came out.
    pub outputs: Vec<Output>,
    /// Identifier of the hold in quarantine.
    pub hold: Option<String>,
}

/// Sums over the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Entries, streams, partitions and archive members met.
    pub found: u64,
    /// Released.
    pub released: u64,
    /// Withheld.
    pub withheld: u64,
    /// Unreadable.
    pub unreadable: u64,
    /// Structural.
    pub structural: u64,
}

impl Totals {
    /// Whether the sums of I3 hold.
    pub fn reconcile(&self) -> bool {
        self.found == self.released + self.withheld + self.unreadable + self.structural
    }

    /// Counts lines, except `found`, which is counted where entries are met.
    pub fn count(found: u64, items: &[ItemLine]) -> Self {
        let of = |outcome| items.iter().filter(|i| i.disposition == outcome).count() as u64;
        Self {
            found,
            released: of(Outcome::Released),
            withheld: of(Outcome::Withheld),
            unreadable: of(Outcome::Unreadable),
            structural: of(Outcome::Structural),
        }
    }
}

/// A partition or volume of the medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// `none`, `mbr`, `gpt`; `kernel` where the kernel's drivers read it, which do not say.
    pub scheme: String,
    /// Number in the table, from 1; 0 for a whole-medium file system.
    pub number: u32,
    /// First byte.
    pub offset_bytes: u64,
    /// Length.
    pub size_bytes: u64,
    /// File system, or what it seems to be.
    pub file_system: String,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<VolumeRemark>,
}

coded_enum! {
    /// What is odd about a partition.
    VolumeRemark {
        /// Its table hides it from people (MBR kind, GPT attribute).
        Hidden = "hidden",
        /// Another partition has bytes in common with it.
        Overlaps = "overlaps",
        /// Only the copy of the partition table at the end of the medium lists it.
        BackupTableOnly = "backup-table-only",
        /// Only the boot record lists it, not the GUID partition table beside it.
        BootRecordOnly = "boot-record-only",
        /// Of the two copies of its table one is damaged.
        OneTableCopy = "one-table-copy",
        /// More than one file system begins in it; the first was read.
        Ambiguous = "ambiguous",
        /// Its table claims bytes that the medium does not have.
        OutsideMedium = "outside-medium",
    }
}

/// What was put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// `directory`, `image` or `device`; `hold` when a held item went through the line again.
    pub kind: String,
    /// Path as given, escaped; the hold's identifier for a hold.
    pub source: String,
    /// Length of an image or device in bytes.
    pub size_bytes: Option<u64>,
    /// What a device says of itself, and what the policy said about it; none for a directory or image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceRecord>,
    /// Partitions and volumes.
    pub volumes: Vec<Volume>,
}

/// The named exception under which a held item went through the line again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceptionLine {
    /// The hold it was granted for.
    pub hold: String,
    /// Who granted it.
    pub reviewers: Vec<String>,
    /// The reason code given.
    pub reason: String,
}

/// What held the workers of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// What accounts for memory and processes: control groups with their version, or resource limits alone.
    pub resources: String,
    /// How many forbidden attempts were made before the session, in workers of every role; all were denied.
    pub attempts_denied: u32,
}

/// The session report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// Session identifier.
    pub session: String,
    /// Station identifier.
    pub station: String,
    /// Start, RFC 3339 UTC.
    pub started: String,
    /// End, RFC 3339 UTC.
    pub finished: String,
    /// What was put in.
    pub medium: Medium,
    /// What reviewers granted; none for a medium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionLine>,
    /// SHA-256 over policy, format table and rules in force.
    pub policy_sha256: Digest,
    /// Engines in force.
    pub engines: Vec<EngineStamp>,
    /// Confinement in force.
    pub confinement: Confinement,
    /// Sums.
    pub totals: Totals,
    /// One line per item.
    pub items: Vec<ItemLine>,
    /// Audit chain position (sequence number and hash) after the last item was recorded.
    pub audit_head: Option<String>,
}
