//! What the reader brings: lines for what has no content, places on the line for what has.

use super::budget::Reached;
use super::{Accounted, Session};
use crate::fault::StationFault;
use crate::names::Mapped;
use crate::reading::{Arrival, Stopped};
use crate::stage::Unpacked;
use crate::transition::Transition;
use crate::workers::MemberContent;
use audit::events;
use model::item::Provenance;
use model::policy::UnlockPolicy;
use model::report::{ItemLine, Outcome, Volume};
use model::{Effect, Finding, FindingCode, Format, Item, Reason, Untrusted};
use serde_json::json;
use spool::SpoolFile;
use wire::{AreaKind, EntryKind, Failure, Locked, UnlockLimit};

impl Session<'_> {
    pub(super) fn arrived(&mut self, arrival: Arrival) -> Result<(), StationFault> {
        match arrival {
            Arrival::Volume(volume, readable) => self.take_volume(volume, readable),
            Arrival::Entry { path, kind, size_bytes } => {
                let order = vec![u32::try_from(self.found).map_err(|_| StationFault::Internal("entries"))?];
                self.found += 1;
                let mapped = self.names.map(&path, None, kind == EntryKind::Directory);
                self.take_entry(order, mapped, (kind, size_bytes), path.len());
                self.progress.entry();
                self.reached(Transition::EntryMet);
            }
            Arrival::InventoryEnd { entries, bytes } => {
                self.progress.inventory(entries, bytes);
                self.reached(Transition::InventoryEnded);
            }
            Arrival::Content { index, content } => {
                let Some(mapped) = self.awaited.remove(&index) else {
                    return Err(StationFault::Medium {
                        source_path: self.medium.source.clone(),
                        what: "the reader sent content nobody awaits".into(),
                    });
                };
                match content {
                    Ok(file) => {
                        self.progress.spooled(file.size_bytes);
                        self.queue(vec![index], mapped, &file, 0);
                        self.reached(Transition::ContentSpooled);
                    }
                    Err((failure, offset)) => self.unreadable(vec![index], &mapped, failure, offset),
                }
            }
            Arrival::Stopped(stopped) => self.stop(stopped)?,
        }
        Ok(())
    }

    /// Reading ended early. What nobody has met yet is a line too.
    fn stop(&mut self, stopped: Stopped) -> Result<(), StationFault> {
        self.note(events::READING_STOPPED, json!({ "reason": stopped.reason, "detail": stopped.finding.detail, "gone": stopped.gone }));
        if !stopped.inventoried {
            let order = vec![u32::try_from(self.found).map_err(|_| StationFault::Internal("entries"))?];
            self.found += 1;
            let rest = [Untrusted::new(b"(rest of the medium)".to_vec())];
            let mapped = self.names.map(&rest, None, false);
            self.not_read(order, &mapped, stopped.reason, stopped.finding.clone());
        }
        self.stopped = Some(stopped);
        Ok(())
    }

    fn take_volume(&mut self, volume: Volume, readable: bool) {
        if !readable {
            let detail = format!("{} {}", volume.scheme, volume.file_system);
            self.note(events::ITEM_UNREADABLE, json!({ "volume": volume.number, "what": detail }));
        }
        self.medium.volumes.push(volume);
    }

    fn take_entry(&mut self, order: Vec<u32>, mut mapped: Mapped, (kind, size_bytes): (EntryKind, u64), depth: usize) {
        let own = |code, detail: &str| Finding::own(code, Effect::Note, detail);
        let max_depth = self.station.settings.policy.session.max_depth;
        let (outcome, reason, finding) = match kind {
            EntryKind::File | EntryKind::Stream | EntryKind::Encrypted => {
                let [index] = order[..] else { return };
                if kind == EntryKind::Encrypted {
                    mapped.findings.push(Finding::own(FindingCode::Encrypted, Effect::Undetermined, "by the file system"));
                }
                self.awaited.insert(index, mapped);
                return;
            }
            EntryKind::Directory => (Outcome::Structural, Reason::Directory, None),
            EntryKind::Link => (Outcome::Structural, Reason::Link, Some(own(FindingCode::Link, "not followed"))),
            EntryKind::Special => (Outcome::Structural, Reason::SpecialFile, Some(own(FindingCode::SpecialFile, "not opened"))),
            EntryKind::Unreadable if depth >= max_depth as usize => {
                (Outcome::Unreadable, Reason::Limit, Some(own(FindingCode::LimitHit, &format!("session.max_depth = {max_depth}"))))
            }
            EntryKind::Unreadable => (Outcome::Unreadable, Reason::ReadError, Some(own(FindingCode::ReadError, "directory"))),
            EntryKind::Area(AreaKind::Unpartitioned) => (Outcome::Structural, Reason::Unpartitioned, None),
            EntryKind::Area(AreaKind::Extended) => (Outcome::Structural, Reason::Volume, None),
            EntryKind::Area(AreaKind::Unknown) => (Outcome::Unreadable, Reason::Volume, None),
            EntryKind::Area(AreaKind::Encrypted(locked)) => {
                let (reason, finding) = closed(locked, &self.station.settings.policy.unlock);
                (Outcome::Withheld, reason, Some(finding))
            }
        };
        let mut line = line_of(&mapped, outcome, reason);
        if matches!(kind, EntryKind::Area(_)) {
            line.size_bytes = size_bytes;
        }
        line.findings.extend(finding);
        self.complete(order, line);
    }

    fn unreadable(&mut self, order: Vec<u32>, mapped: &Mapped, failure: Failure, offset: u64) {
        let (reason, finding) = match failure {
            Failure::Limit => (Reason::Limit, Reached { key: "item.max_bytes", number: offset }.finding()),
            _ => (Reason::ReadError, Finding::own(FindingCode::ReadError, Effect::Undetermined, format!("at byte {offset}"))),
        };
        self.not_read(order, mapped, reason, finding);
    }

    fn not_read(&mut self, order: Vec<u32>, mapped: &Mapped, reason: Reason, finding: Finding) {
        let mut line = line_of(mapped, Outcome::Unreadable, reason);
        line.findings.push(finding);
        self.note(events::ITEM_UNREADABLE, json!({ "path": line.path, "reason": reason }));
        self.complete(order, line);
    }

    /// Files whose content the reader never sent: the medium went away, or the session's budget was used up.
    pub(super) fn never_came(&mut self) {
        for (index, mapped) in std::mem::take(&mut self.awaited) {
            match self.stopped.clone() {
                Some(Stopped { reason, finding, .. }) => self.not_read(vec![index], &mapped, reason, finding),
                None => self.unreadable(vec![index], &mapped, Failure::Read, 0),
            }
        }
    }

    fn complete(&mut self, order: Vec<u32>, line: ItemLine) {
        self.progress.ended(&line.path, line.disposition, line.reason);
        self.lines.insert(order, Accounted::Complete(line));
    }

    pub(super) fn queue(&mut self, order: Vec<u32>, mapped: Mapped, file: &SpoolFile, depth: u32) {
        let provenance = Provenance {
            order: order.clone(),
            shown_path: mapped.shown.clone(),
            release_path: mapped.release.clone(),
            claimed_extension: mapped.extension.clone(),
            depth,
        };
        self.waiting.push_back(Item::spooled(file.digest, file.size_bytes, provenance, mapped.findings.clone()));
        self.archives.insert(order, mapped);
    }

    pub(super) fn take_members(&mut self, unpacked: Unpacked) -> Result<(), StationFault> {
        let Some(archive) = self.archives.get(&unpacked.order).cloned() else { return Err(StationFault::Internal("archive")) };
        let depth = unpacked.order.len() as u32;
        self.progress.members(unpacked.members.len() as u32);
        for (position, member) in (0u32..).zip(unpacked.members) {
            self.found += 1;
            let max_items = self.station.settings.policy.session.max_items;
            if self.found > max_items.into() {
                let what = format!("it has more than {max_items} entries with those in archives (session.max_items)");
                return Err(StationFault::Medium { source_path: self.medium.source.clone(), what });
            }
            let mut order = unpacked.order.clone();
            order.push(position);
            let mapped = self.names.map(&member.path, Some(&archive), member.kind == EntryKind::Directory);
            match member.content {
                MemberContent::Spooled(file) => self.queue(order, mapped, &file, depth),
                MemberContent::None => {
                    self.take_entry(order, mapped, (member.kind, 0), 0);
                }
            }
        }
        self.reached(Transition::MembersTaken);
        Ok(())
    }
}

/// Why an encrypted volume stays closed.
fn closed(locked: Locked, policy: &UnlockPolicy) -> (Reason, Finding) {
    let own = |code, detail: String| Finding::own(code, Effect::Note, detail);
    let encrypted = |detail: &str| own(FindingCode::Encrypted, detail.into());
    match locked {
        Locked::NoKey => (Reason::EncryptedVolume, encrypted("volume")),
        Locked::WrongKey => (Reason::KeyDoesNotFit, encrypted("volume; no key given fits")),
        Locked::Unsupported => (Reason::VolumeNotOpened, encrypted("volume; encrypted in a way that is not supported")),
        Locked::Damaged => (Reason::VolumeNotOpened, own(FindingCode::Malformed, "header of an encrypted volume".into())),
        Locked::Limit { limit, wanted } => {
            let (key, number) = match limit {
                UnlockLimit::KdfMemory => ("unlock.max_kdf_memory_mib", policy.max_kdf_memory_mib),
                UnlockLimit::KdfFill => ("unlock.max_kdf_fill_mib", policy.max_kdf_fill_mib),
                UnlockLimit::KdfIterations => ("unlock.max_kdf_iterations", policy.max_kdf_iterations),
                UnlockLimit::Tries => ("unlock.max_tries", policy.max_tries),
            };
            (Reason::UnlockLimit, own(FindingCode::LimitHit, format!("{key} = {number}; the volume asks for {wanted}")))
        }
    }
}

/// A line without content of its own.
fn line_of(mapped: &Mapped, disposition: Outcome, reason: Reason) -> ItemLine {
    ItemLine {
        path: mapped.shown.clone(),
        claimed: mapped.extension.clone(),
        format: None::<Format>,
        size_bytes: 0,
        sha256: None,
        disposition,
        reason,
        reason_text: reason.text(),
        findings: mapped.findings.clone(),
        removed: Vec::new(),
        outputs: Vec::new(),
        hold: None,
    }
}
