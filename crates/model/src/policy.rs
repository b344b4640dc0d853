//! The policy: every limit is a number in here, with a default (I10). Unknown keys are refused.

use crate::coded_enum;
use crate::device::{DeviceKind, DevicePattern, DevicePolicy, MountPolicy};
use serde::{Deserialize, Serialize};

mod evidence;
mod release;
mod review;

pub use evidence::{CanaryPolicy, SiemFormat, SiemPolicy, SiemTransport};
pub use release::{FOLDER_WORDS, ReleasePolicy, RoutePolicy, TargetPlace};
pub use review::{RetentionPolicy, ReviewPolicy};

/// The whole policy of a station. `Policy::default()` is the strictest one that is shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Limits of a session.
    pub session: SessionPolicy,
    /// Limits of one item.
    pub item: ItemPolicy,
    /// Limits of archives.
    pub archive: ArchivePolicy,
    /// Engines.
    pub scan: ScanPolicy,
    /// Rendering and writing.
    pub convert: ConvertPolicy,
    /// Opening encrypted volumes.
    pub unlock: UnlockPolicy,
    /// What a worker may cost.
    pub worker: WorkerPolicy,
    /// Names in the release, where releases go, and how often it is tried.
    pub release: ReleasePolicy,
    /// Who decides on holds, and how.
    pub review: ReviewPolicy,
    /// How long what is kept is kept.
    pub retention: RetentionPolicy,
    /// Where the chain's events are forwarded to.
    pub siem: SiemPolicy,
    /// How often the line is tried with known hostile and harmless content.
    pub canary: CanaryPolicy,
    /// How the file systems of a device are read.
    pub mount: MountPolicy,
    /// Which devices may be read.
    pub device: DevicePolicy,
    /// Wiping retired media.
    pub wipe: WipePolicy,
}

/// Limits of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionPolicy {
    /// Most entries a medium may have, archive members included.
    pub max_items: u32,
    /// Most bytes read from a medium.
    pub max_bytes: u64,
    /// Deepest directory nesting that is read.
    pub max_depth: u32,
    /// Wall-clock seconds; after them nothing more is read and what waits is held.
    pub wall_seconds: u32,
    /// Most bytes in the spool, work files included; past them nothing more is read and no new work file is begun.
    pub max_spool_bytes: u64,
    /// Bytes that must stay free on the state's file system.
    pub min_free_bytes: u64,
    /// Items worked on at the same time; 0 means one per processor.
    pub parallel_items: u32,
    /// Seconds a medium may give nothing before it counts as stalled; what has not been read then is unreadable.
    pub read_stall_seconds: u32,
    /// What becomes of a session whose medium is pulled out.
    pub on_medium_gone: OnMediumGone,
}

coded_enum! {
    /// What becomes of a session whose medium goes away before it is read to its end.
    OnMediumGone {
        /// What was read goes on; the rest is unreadable, line by line.
        Partial = "partial",
        /// Nothing is released.
        Void = "void",
    }
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            max_items: 200_000,
            max_bytes: 64 << 30,
            max_depth: 64,
            wall_seconds: 8 * 3_600,
            max_spool_bytes: 160 << 30,
            min_free_bytes: 512 << 20,
            parallel_items: 0,
            read_stall_seconds: 60,
            on_medium_gone: OnMediumGone::Void,
        }
    }
}

/// Limits of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemPolicy {
    /// Largest content that is looked at.
    pub max_bytes: u64,
}

impl Default for ItemPolicy {
    fn default() -> Self {
        Self { max_bytes: 1 << 30 }
    }
}

/// Limits of archives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchivePolicy {
    /// Archives within archives.
    pub max_depth: u32,
    /// Members of one archive, those of archives inside of it included.
    pub max_members: u32,
    /// Bytes all members of one archive expand to, those of archives inside of it included.
    pub max_expanded_bytes: u64,
    /// Expanded bytes per packed byte, above a floor of 1 MiB.
    pub max_ratio: u32,
}

impl Default for ArchivePolicy {
    fn default() -> Self {
        Self { max_depth: 5, max_members: 10_000, max_expanded_bytes: 2 << 30, max_ratio: 200 }
    }
}

/// Engines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanPolicy {
    /// Signatures older than this stop the station.
    pub max_signature_age_days: u32,
    /// The scanner's own `StreamMaxLength`; larger content is never sent and never clear.
    pub clamd_stream_max_bytes: u64,
    /// Longest wait for one answer of the scanner: this many seconds plus one per MiB.
    pub clamd_timeout_seconds: u32,
    /// Longest YARA scan of one item.
    pub yara_timeout_seconds: u32,
    /// SHA-256 digests that are never released, hexadecimal.
    pub blocked_sha256: Vec<String>,
    /// Rules in use instead of the built-in ones: a directory with `*.yar`.
    pub rules_dir: Option<String>,
}

impl Default for ScanPolicy {
    fn default() -> Self {
        Self {
            max_signature_age_days: 7,
            clamd_stream_max_bytes: 100 << 20,
            clamd_timeout_seconds: 60,
            yara_timeout_seconds: 30,
            blocked_sha256: Vec::new(),
            rules_dir: None,
        }
    }
}

/// Rendering and writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvertPolicy {
    /// Resolution of page images, dots per inch.
    pub dpi: u32,
    /// JPEG quality of photos, 1–100.
    pub jpeg_quality: u8,
    /// Most pages of a document; a longer one is withheld.
    pub max_pages: u32,
    /// Most pixels of one page or image; a larger page is rendered at a lower resolution.
    pub max_page_pixels: u64,
    /// Most bytes of one artefact.
    pub max_output_bytes: u64,
    /// Most characters of text layer kept per page.
    pub max_page_text: u32,
}

impl Default for ConvertPolicy {
    fn default() -> Self {
        Self {
            dpi: 150,
            jpeg_quality: 85,
            max_pages: 2_000,
            max_page_pixels: 40_000_000,
            max_output_bytes: 1 << 30,
            max_page_text: 200_000,
        }
    }
}

/// Opening encrypted volumes, when somebody gives a password or recovery key. The numbers of a derivation stand in the
/// volume's own header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnlockPolicy {
    /// Memory of one Argon2 derivation, MiB.
    pub max_kdf_memory_mib: u32,
    /// Memory times passes of one Argon2 derivation, MiB.
    pub max_kdf_fill_mib: u32,
    /// Rounds of one PBKDF2 derivation: iterations for each digest that the key is long; BitLocker has 1048576.
    pub max_kdf_iterations: u32,
    /// Derivations on one medium, over all keys and all key slots.
    pub max_tries: u32,
}

impl Default for UnlockPolicy {
    fn default() -> Self {
        // cryptsetup takes at most 1 GiB and four to ten passes over it, and up to some ten million rounds on a fast machine.
        Self { max_kdf_memory_mib: 1_024, max_kdf_fill_mib: 32_768, max_kdf_iterations: 50_000_000, max_tries: 100 }
    }
}

/// What a worker may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerPolicy {
    /// Processor seconds.
    pub cpu_seconds: u32,
    /// Wall-clock seconds without an answer before it is killed.
    pub silent_seconds: u32,
    /// Wall-clock seconds in all.
    pub wall_seconds: u32,
    /// Address space.
    pub memory_bytes: u64,
    /// Address space of the office suite, which maps much it never touches.
    pub office_memory_bytes: u64,
    /// Wall-clock seconds of one office document.
    pub office_wall_seconds: u32,
    /// Processes and threads of the office suite; every other worker is one process with one thread.
    pub office_processes: u32,
    /// Seconds that each MiB of content adds to `cpu_seconds`, `wall_seconds` and `office_wall_seconds`.
    pub seconds_per_mib: u32,
}

impl Default for WorkerPolicy {
    fn default() -> Self {
        Self {
            cpu_seconds: 300,
            silent_seconds: 90,
            wall_seconds: 900,
            memory_bytes: 2 << 30,
            office_memory_bytes: 4 << 30,
            office_wall_seconds: 120,
            office_processes: 64,
            seconds_per_mib: 2,
        }
    }
}

impl WorkerPolicy {
    /// The policy for one content: its time-outs grow with the content's size.
    #[must_use]
    pub fn scaled_to(&self, size_bytes: u64) -> Self {
        let more = u32::try_from((size_bytes >> 20).saturating_mul(self.seconds_per_mib.into())).unwrap_or(u32::MAX);
        let mut scaled = self.clone();
        for seconds in [&mut scaled.cpu_seconds, &mut scaled.wall_seconds, &mut scaled.office_wall_seconds] {
            *seconds = seconds.saturating_add(more);
        }
        scaled
    }
}

/// Wiping retired media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WipePolicy {
    /// Passes when none are asked for.
    pub passes_default: u32,
    /// Most passes that may be asked for.
    pub max_passes: u32,
    /// Bytes of one read or write.
    pub block_bytes: u64,
    /// Bytes after which the medium is synced and the journal written; so much is written again after a power loss.
    pub sync_bytes: u64,
    /// Bad ranges listed in the certificate; after as many failed requests a pass is given up.
    pub max_bad_ranges: u32,
    /// Largest medium that is formatted as FAT32 unless asked for; larger ones become exFAT.
    pub fat32_max_bytes: u64,
    /// The new volume's label when none is asked for.
    pub label: String,
}

impl WipePolicy {
    /// Fewest passes ever made: with one, nothing would tell the last pass from content that never changed.
    pub const LEAST_PASSES: u32 = 2;
}

impl Default for WipePolicy {
    fn default() -> Self {
        Self {
            passes_default: 3,
            max_passes: 35,
            block_bytes: 1 << 20,
            sync_bytes: 256 << 20,
            max_bad_ranges: 1_000,
            fat32_max_bytes: 32 << 30,
            label: "LEER".into(),
        }
    }
}

/// What checks a number: key, value, what it may be, and that in words.
pub(crate) type Bounds<'a> = &'a dyn Fn(&'static str, u64, std::ops::RangeInclusive<u64>, &'static str) -> Result<(), PolicyError>;

/// Why a policy was refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("the policy cannot be read: {0}")]
    Syntax(toml::de::Error),
    /// A number nothing can work with.
    #[error("the policy sets {key} to {value}; it must be {bounds}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it says.
        value: u64,
        /// What it may say.
        bounds: &'static str,
    },
    /// An entry of `blocked_sha256` that is no digest.
    #[error("the policy's blocked_sha256 has an entry that is not 64 hexadecimal characters")]
    Digest,
    /// An entry of `device.allow` or `device.deny` that names nothing, and so would mean every device.
    #[error("the policy's device.{0} has an entry without vendor, product, serial or port")]
    EmptyPattern(&'static str),
    /// A kind of device that is never read, or has a key of its own.
    #[error("the policy's device.kinds names {0}; it may name usb, optical and mmc (loop devices: device.allow_virtual)")]
    Kind(DeviceKind),
    /// A name, path or template that cannot be used.
    #[error("the policy's {key} cannot be used: {what}")]
    Text {
        /// The key.
        key: &'static str,
        /// What is wrong with it, in words; what it says, escaped.
        what: String,
    },
}

impl Policy {
    /// Reads a policy; keys that are absent keep their default.
    ///
    /// # Errors
    /// [`PolicyError`] naming the key.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(PolicyError::Syntax)?;
        policy.in_range()?;
        Ok(policy)
    }

    /// The policy as TOML, every key written out: what `policy explain` shows and what is hashed.
    ///
    /// # Errors
    /// Never for a policy that was read; the serialiser's error otherwise.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    fn in_range(&self) -> Result<(), PolicyError> {
        let bounds = |key, value: u64, range: std::ops::RangeInclusive<u64>, bounds| {
            if range.contains(&value) { Ok(()) } else { Err(PolicyError::Range { key, value, bounds }) }
        };
        bounds("convert.dpi", self.convert.dpi.into(), 36..=600, "between 36 and 600")?;
        bounds("convert.jpeg_quality", self.convert.jpeg_quality.into(), 1..=100, "between 1 and 100")?;
        bounds("convert.max_pages", self.convert.max_pages.into(), 1..=1_000_000, "between 1 and 1000000")?;
        bounds("convert.max_page_pixels", self.convert.max_page_pixels, 10_000..=400_000_000, "between 10000 and 400000000")?;
        bounds("archive.max_depth", self.archive.max_depth.into(), 0..=50, "between 0 and 50")?;
        bounds("session.max_items", self.session.max_items.into(), 1..=10_000_000, "between 1 and 10000000")?;
        bounds("session.max_depth", self.session.max_depth.into(), 1..=1_000, "between 1 and 1000")?;
        bounds("scan.clamd_stream_max_bytes", self.scan.clamd_stream_max_bytes, 1..=(4 << 30) - 1, "between 1 and 4294967295")?;
        bounds("scan.clamd_timeout_seconds", self.scan.clamd_timeout_seconds.into(), 1..=3_600, "between 1 and 3600")?;
        bounds("scan.yara_timeout_seconds", self.scan.yara_timeout_seconds.into(), 1..=3_600, "between 1 and 3600")?;
        bounds("worker.cpu_seconds", self.worker.cpu_seconds.into(), 1..=86_400, "between 1 and 86400")?;
        bounds("worker.wall_seconds", self.worker.wall_seconds.into(), 1..=86_400, "between 1 and 86400")?;
        bounds("worker.silent_seconds", self.worker.silent_seconds.into(), 1..=86_400, "between 1 and 86400")?;
        bounds("worker.office_wall_seconds", self.worker.office_wall_seconds.into(), 1..=86_400, "between 1 and 86400")?;
        bounds("session.wall_seconds", self.session.wall_seconds.into(), 1..=604_800, "between 1 and 604800")?;
        bounds("worker.office_processes", self.worker.office_processes.into(), 16..=4_096, "between 16 and 4096")?;
        bounds("worker.seconds_per_mib", self.worker.seconds_per_mib.into(), 0..=3_600, "between 0 and 3600")?;
        bounds("worker.memory_bytes", self.worker.memory_bytes, 256 << 20..=1 << 40, "between 268435456 and 1099511627776")?;
        bounds("worker.office_memory_bytes", self.worker.office_memory_bytes, 1 << 30..=1 << 40, "between 1073741824 and 1099511627776")?;
        bounds("unlock.max_kdf_memory_mib", self.unlock.max_kdf_memory_mib.into(), 1..=65_536, "between 1 and 65536")?;
        bounds("unlock.max_tries", self.unlock.max_tries.into(), 0..=100_000, "between 0 and 100000")?;
        self.release.in_range(&bounds)?;
        self.review.in_range(&bounds)?;
        self.retention.in_range(&bounds)?;
        self.siem.in_range(&bounds)?;
        self.canary.in_range(&bounds)?;
        bounds("wipe.max_passes", self.wipe.max_passes.into(), WipePolicy::LEAST_PASSES.into()..=100, "between 2 and 100")?;
        let passes = u64::from(WipePolicy::LEAST_PASSES)..=self.wipe.max_passes.into();
        bounds("wipe.passes_default", self.wipe.passes_default.into(), passes, "between 2 and wipe.max_passes")?;
        bounds("wipe.block_bytes", self.wipe.block_bytes, 64 << 10..=64 << 20, "between 65536 and 67108864")?;
        // The stream has a beginning at each multiple of 64 KiB.
        let odd = self.wipe.block_bytes % (64 << 10);
        bounds("wipe.block_bytes modulo 65536", odd, 0..=0, "0")?;
        bounds("wipe.sync_bytes", self.wipe.sync_bytes, self.wipe.block_bytes..=1 << 40, "between wipe.block_bytes and 1099511627776")?;
        bounds("wipe.max_bad_ranges", self.wipe.max_bad_ranges.into(), 1..=100_000, "between 1 and 100000")?;
        bounds("wipe.fat32_max_bytes", self.wipe.fat32_max_bytes, 0..=2 << 40, "between 0 and 2199023255552")?;
        if self.scan.blocked_sha256.iter().any(|hex| crate::Digest::from_hex(hex).is_none()) {
            return Err(PolicyError::Digest);
        }
        for (list, patterns) in [("allow", &self.device.allow), ("deny", &self.device.deny)] {
            if patterns.iter().any(DevicePattern::is_empty) {
                return Err(PolicyError::EmptyPattern(list));
            }
        }
        match self.device.kinds.iter().find(|kind| matches!(kind, DeviceKind::Virtual | DeviceKind::System)) {
            Some(kind) => Err(PolicyError::Kind(*kind)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_and_absurd_numbers_are_refused() {
        assert!(matches!(Policy::from_toml("[convert]\nscan_off = true\n"), Err(PolicyError::Syntax(_))));
        assert!(matches!(Policy::from_toml("[convert]\ndpi = 0\n"), Err(PolicyError::Range { key: "convert.dpi", .. })));
        assert!(matches!(Policy::from_toml("[wipe]\npasses_default = 1\n"), Err(PolicyError::Range { key: "wipe.passes_default", .. })));
        assert!(matches!(Policy::from_toml("[wipe]\nblock_bytes = 100000\n"), Err(PolicyError::Range { value: 34_464, .. })));
        assert!(matches!(Policy::from_toml("[scan]\nblocked_sha256 = [\"zz\"]\n"), Err(PolicyError::Digest)));
    }

    #[test]
    fn a_device_pattern_names_something_and_the_machine_itself_is_no_kind() {
        assert!(matches!(Policy::from_toml("[[device.deny]]\n"), Err(PolicyError::EmptyPattern("deny"))));
        assert!(matches!(Policy::from_toml("[device]\nkinds = [\"system\"]\n"), Err(PolicyError::Kind(DeviceKind::System))));
        let policy = Policy::from_toml("[[device.allow]]\nvendor = \"0781\"\nport = \"1-2\"\n").unwrap();
        assert_eq!(Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), policy);
        assert!(!policy.device.allow_virtual);
    }

    #[test]
    fn time_outs_grow_with_whole_mebibytes_and_never_overflow() {
        let policy = WorkerPolicy { cpu_seconds: 10, wall_seconds: 20, seconds_per_mib: 3, ..WorkerPolicy::default() };
        assert_eq!(policy.scaled_to((1 << 20) - 1), policy);
        let scaled = policy.scaled_to(5 << 20);
        assert_eq!((scaled.cpu_seconds, scaled.wall_seconds, scaled.office_wall_seconds), (25, 35, policy.office_wall_seconds + 15));
        assert_eq!(scaled.silent_seconds, policy.silent_seconds);
        assert_eq!(policy.scaled_to(u64::MAX).cpu_seconds, u32::MAX);
    }

    #[test]
    fn what_is_written_out_reads_back_equal() {
        let policy = Policy::from_toml("[convert]\ndpi = 200\n").unwrap();
        assert_eq!(Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), policy);
        assert_eq!(policy.convert.dpi, 200);
        assert_eq!(policy.archive, ArchivePolicy::default());
    }
}
