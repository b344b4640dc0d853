//! The certificate: what was done to which medium, what the read-back found, and the level that honestly was reached.
//!
//! **Invariant.** The level is a function of what is in the certificate ([`Level::of`]); nothing can be handed in. It is never
//! more than *Clear*, whatever the device says of its own erasing.

use crate::bad::BadRanges;
use crate::error::WipeFault;
use crate::format::FileSystem;
use crate::journal::PassRecord;
use crate::native::NativeResult;
use crate::people::certificate_pdf;
use crate::target::{Kind, Target};
use crate::verify::{CapacityLie, ReadBack};
use audit::StationKey;
use model::Digest;
use release::{Language, Purpose, Release, Sealed};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name and version of the certificate's JSON form (`docs/schema/wipe-certificate.schema.json`).
pub const SCHEMA: &str = "datenschleuse-wipe-certificate/1";
/// The certificate for machines.
pub const CERTIFICATE_JSON: &str = "certificate.json";
/// The certificate for people, German.
pub const CERTIFICATE_DE: &str = "Loeschnachweis.pdf";
/// The certificate for people, English.
pub const CERTIFICATE_EN: &str = "wipe-certificate.pdf";
/// What every pass writes.
pub const STREAM: &str = "AES-256 counter mode, key used once and destroyed, another stream in each pass";

/// How a wipe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every address was overwritten and read back as written.
    Wiped,
    /// Not so: the medium is to be destroyed physically.
    Failed,
}

/// The medium, as the station saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WipedMedium {
    /// Device or image.
    pub kind: Kind,
    /// Path, escaped.
    pub path: String,
    /// Vendor and model, escaped; empty when unknown.
    pub model: String,
    /// Serial number, escaped; none when the medium tells none.
    pub serial: Option<String>,
    /// Size the medium claims, in bytes.
    pub size_bytes: u64,
    /// Whether the kernel says it does not rotate; none for images.
    pub flash: Option<bool>,
}

impl WipedMedium {
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            kind: target.kind,
            path: model::escape_text(&target.path.to_string_lossy()),
            model: target.model.clone(),
            serial: target.has_serial.then(|| target.serial.clone()),
            size_bytes: target.size_bytes,
            flash: target.flash,
        }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What the passes wrote.
    pub stream: String,
    /// Passes asked for.
    pub passes_ordered: u32,
    /// Passes made.
    pub passes: Vec<PassRecord>,
    /// The device's own erasing, before the last pass.
    pub native: Vec<NativeResult>,
}

/// What was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Bytes of the last pass that read back as written.
    pub equal_bytes: u64,
    /// Whether every byte of the medium was read.
    pub complete: bool,
    /// Ranges that could not be written, in any pass.
    pub write_errors: BadRanges,
    /// Ranges that could not be read back, or read back as something else.
    pub read_errors: BadRanges,
    /// What is known of a false claim of size.
    pub capacity_lie: Option<CapacityLie>,
}

impl Verification {
    pub(crate) fn of(written: BadRanges, read: ReadBack) -> Self {
        Self {
            equal_bytes: read.equal_bytes,
            complete: read.complete,
            write_errors: written,
            read_errors: read.bad,
            capacity_lie: read.capacity_lie,
        }
    }
}

/// The file system it has now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formatted {
    /// Which.
    pub file_system: FileSystem,
    /// Its label.
    pub label: String,
    /// Whether what was written read back the same; an error of the medium counts as no.
    pub read_back_equal: bool,
}

/// The level reached, by NIST SP 800-88 Revision 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The publication.
    pub standard: String,
    /// The level.
    pub reached: Reached,
    /// What that means, for people.
    pub statement: Text,
}

/// A level of the publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// *Clear*.
    Clear,
    /// None.
    None,
}

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

/// The certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// [`SCHEMA`].
    pub schema: String,
    /// Identifier of the wipe.
    pub wipe: String,
    /// Identifier of the station.
    pub station: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// RFC 3339, UTC.
    pub finished: String,
    /// Times it was interrupted and went on.
    pub interruptions: u32,
    /// The medium.
    pub medium: WipedMedium,
    /// What was done.
    pub done: Done,
    /// What was checked.
    pub verification: Verification,
    /// The file system it has now; none when none was written.
    pub formatted: Option<Formatted>,
    /// How it ended.
    pub outcome: Outcome,
    /// The level reached.
    pub level: Level,
    /// Where the audit chain stood when it was made out.
    pub audit_head: String,
}

impl Level {
    /// The level reached; all that counts is in the arguments.
    pub fn of(medium: &WipedMedium, done: &Done, verification: &Verification, formatted: Option<&Formatted>) -> (Outcome, Self) {
        let whole = |record: &PassRecord| record.complete && record.bytes == medium.size_bytes;
        let holds = done.passes.len() == done.passes_ordered as usize
            && done.passes.iter().all(whole)
            && verification.complete
            && verification.equal_bytes == medium.size_bytes
            && verification.write_errors.is_empty()
            && verification.read_errors.is_empty()
            && verification.capacity_lie.is_none()
            && formatted.is_some_and(|formatted| formatted.read_back_equal);
        let (outcome, reached) = if holds { (Outcome::Wiped, Reached::Clear) } else { (Outcome::Failed, Reached::None) };
        (outcome, Self { standard: "NIST SP 800-88 Rev. 2".into(), reached, statement: statement(outcome, medium) })
    }
}

fn statement(outcome: Outcome, medium: &WipedMedium) -> Text {
    let text = |de: &str, en: &str| Text { de: de.into(), en: en.into() };
    match (outcome, medium.kind, medium.flash) {
        (Outcome::Failed, ..) => text(
            "Fehlgeschlagen: keine Stufe erreicht. Der Datenträger ist physisch zu vernichten.",
            "Failed: no level reached. Destroy the medium physically.",
        ),
        (Outcome::Wiped, Kind::Image, _) => text(
            "Clear für die Abbilddatei selbst. Kopien, Schnappschüsse und der Träger, auf dem die Datei liegt, sind nicht erfasst.",
            "Clear for the image file itself. Copies, snapshots and the carrier the file lies on are not covered.",
        ),
        (Outcome::Wiped, Kind::Device, Some(false)) => text(
            "Clear: alle vom System ansprechbaren Adressen sind überschrieben und zurückgelesen. Ausgelagerte Sektoren und \
             verborgene Bereiche (HPA, DCO) sind nicht erreicht. Purge wird nicht behauptet.",
            "Clear: every address the system can reach was overwritten and read back. Reallocated sectors and hidden areas (HPA, \
             DCO) were not reached. Purge is not claimed.",
        ),
        (Outcome::Wiped, Kind::Device, _) => text(
            "Clear: alle vom System ansprechbaren Adressen sind überschrieben und zurückgelesen. Reserveblöcke des \
             Flash-Speichers können alte Inhalte behalten und sind von außen nicht erreichbar; Überschreiben ist daher nie Purge. \
             Was das Gerät über eigene Löschbefehle meldet, ist hier nicht nachprüfbar.",
            "Clear: every address the system can reach was overwritten and read back. Spare blocks of flash memory may keep old \
             content and cannot be reached from outside; overwriting is therefore never Purge. What the device reports of its \
             own erase commands cannot be checked here.",
        ),
    }
}

impl Certificate {
    /// The certificate as JSON and PDFs in a signed folder below `target`, whole and still hidden; and the digest of its JSON.
    /// `accept` is asked about each PDF and says why not.
    ///
    /// # Errors
    /// When writing fails, or a PDF is not accepted.
    pub fn seal(
        &self,
        target: &Path,
        key: &StationKey,
        accept: &dyn Fn(&[u8]) -> Result<(), String>,
    ) -> Result<(Sealed, Digest), WipeFault> {
        // What a kill in here left; nothing of it was ever visible.
        release::remove_leftovers(target, &self.wipe).map_err(|source| WipeFault::State { path: target.into(), source })?;
        let mut folder = Release::begin(target, &self.wipe)?;
        let json = serde_json::to_vec_pretty(self).map_err(WipeFault::Json)?;
        let digest = folder.add_record(CERTIFICATE_JSON, &json)?;
        for (name, language) in [(CERTIFICATE_DE, Language::De), (CERTIFICATE_EN, Language::En)] {
            let pdf = certificate_pdf(self, language)?;
            accept(&pdf).map_err(WipeFault::PdfRejected)?;
            folder.add_record(name, &pdf)?;
        }
        Ok((folder.seal_for(key, Purpose::WipeCertificate)?, digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::LieKind;

    fn good() -> (WipedMedium, Done, Verification, Formatted) {
        let pass = |pass| PassRecord { pass, bytes: 4_096, milliseconds: 1, complete: true };
        (
            WipedMedium {
                kind: Kind::Device,
                path: "/dev/sdx".into(),
                model: String::new(),
                serial: None,
                size_bytes: 4_096,
                flash: Some(true),
            },
            Done { stream: STREAM.into(), passes_ordered: 2, passes: vec![pass(1), pass(2)], native: Vec::new() },
            Verification {
                equal_bytes: 4_096,
                complete: true,
                write_errors: BadRanges::default(),
                read_errors: BadRanges::default(),
                capacity_lie: None,
            },
            Formatted { file_system: FileSystem::Exfat, label: "LEER".into(), read_back_equal: true },
        )
    }

    #[test]
    fn clear_needs_everything_and_purge_is_never_reached() {
        type Spoil = fn(&mut Done, &mut Verification, &mut Formatted);
        let spoils: &[Spoil] = &[
            |done, _, _| done.passes.truncate(1),
            |done, _, _| done.passes[0].complete = false,
            |done, _, _| done.passes[1].bytes -= 1,
            |_, checked, _| checked.complete = false,
            |_, checked, _| checked.equal_bytes -= 1,
            |_, checked, _| checked.write_errors.bytes = 1,
            |_, checked, _| checked.read_errors.bytes = 1,
            |_, checked, _| {
                checked.capacity_lie = Some(CapacityLie { kind: LieKind::Drops, real_bytes: None, read_at: 0, holds: None });
            },
            |_, _, formatted| formatted.read_back_equal = false,
        ];
        let (medium, done, verification, formatted) = good();
        let (outcome, level) = Level::of(&medium, &done, &verification, Some(&formatted));
        assert_eq!((outcome, level.reached), (Outcome::Wiped, Reached::Clear));
        assert_eq!(Level::of(&medium, &done, &verification, None).0, Outcome::Failed);
        for (number, spoil) in spoils.iter().enumerate() {
            let (medium, mut done, mut verification, mut formatted) = good();
            spoil(&mut done, &mut verification, &mut formatted);
            let (outcome, level) = Level::of(&medium, &done, &verification, Some(&formatted));
            assert_eq!((outcome, level.reached), (Outcome::Failed, Reached::None), "spoil {number}");
            assert!(level.statement.en.contains("Destroy the medium physically"));
        }
    }
}
