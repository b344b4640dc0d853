//! [`wipe`]: the whole order, with the station's records around it.

use crate::blocks::Cut;
use crate::certificate::{Certificate, Done, Formatted, Level, Outcome, SCHEMA, STREAM, Verification, WipedMedium};
use crate::error::{Refusal, WipeError, WipeFault};
use crate::format::{FileSystem, Label, Layout};
use crate::journal::{Journal, Journals, Stage, fingerprint};
use crate::medium::OpenMedium;
use crate::native::{self, Tools};
use crate::people::certificate_pdf;
use crate::progress::{At, Progress};
use crate::resume;
use crate::stream::KEY_BYTES;
use crate::system::System;
use crate::target::{Confirmed, Target};
use crate::work::{Work, Worked};
use audit::{AuditLog, Clock, Entropy, Event, KeyHistory, PublicKey, StationKey, events};
use model::policy::WipePolicy;
use release::Language;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who acts, in the audit chain.
const ACTOR: &str = "station";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// Passes; none: the policy's number.
    pub passes: Option<u32>,
    /// File system; none: by size.
    pub file_system: Option<FileSystem>,
    /// Label; none: the policy's.
    pub label: Option<String>,
    /// Where the certificate's folder goes; none: `certificates` in the state directory.
    pub certificate_to: Option<PathBuf>,
}

/// A wipe that came to its end, well or not.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The certificate.
    pub certificate: Certificate,
    /// Its folder.
    pub folder: PathBuf,
}

/// The station while it wipes: its state, its keys, the chain's lock. While it has the lock nothing else works on this state.
pub struct Station {
    state: PathBuf,
    name: String,
    key: Arc<StationKey>,
    log: AuditLog,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    journals: Journals,
    policy: WipePolicy,
    /// Where the system tells of its devices.
    system: System,
    /// Where the programs for native erasing are.
    tools: Tools,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("name", &self.name).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Station {
    /// Opens the state directory (made if absent) and takes the chain's lock.
    ///
    /// # Errors
    /// [`WipeFault`]; among others when another process uses this state.
    pub fn open(
        state: &Path,
        policy: WipePolicy,
        name_of: impl Fn(&PublicKey) -> String,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, WipeFault> {
        let key = Arc::new(StationKey::load_or_create(state, entropy.as_ref())?);
        // The name stays when the key is replaced.
        let name = name_of(&KeyHistory::load(state)?.first());
        let log = AuditLog::open(state, &name, Arc::clone(&key), Arc::clone(&clock), Arc::clone(&entropy))?;
        let journals = Journals::open(state)?;
        let (system, tools) = (System::default(), Tools::default());
        Ok(Self { state: state.into(), name, key, log, clock, entropy, journals, policy, system, tools })
    }

    fn note(&mut self, wipe: &str, event: &'static str, payload: Value) -> Result<(), WipeFault> {
        self.log.append(&[Event { session: Some(wipe), actor: ACTOR, event, payload }])?;
        Ok(())
    }

    fn now(&self) -> String {
        let nanoseconds = i128::from(self.clock.now_unix_ms()) * 1_000_000;
        let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        time.format(&time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z")).unwrap_or_default()
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], WipeFault> {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Bytes of one block and the like, from the policy.
    fn cut(&self) -> Cut {
        Cut {
            block_bytes: usize::try_from(self.policy.block_bytes).unwrap_or(crate::UNIT_BYTES),
            sync_bytes: self.policy.sync_bytes,
            max_bad_ranges: self.policy.max_bad_ranges as usize,
        }
    }
}

/// Wipes a confirmed target. `accept` is asked about each PDF of the certificate and says why not.
///
/// # Errors
/// [`WipeError::Refused`]: nothing was written. [`WipeError::Fault`]: the next call goes on from where this one stopped.
pub fn wipe(
    station: &mut Station,
    confirmed: &Confirmed,
    order: &Order,
    accept: &dyn Fn(&[u8]) -> Result<(), String>,
    progress: &dyn Progress,
) -> Result<Finished, WipeError> {
    let target = confirmed.target();
    let plan = Plan::of(station, target, order)?;
    let medium = OpenMedium::open(confirmed)?;
    let (mut journal, key) = journal_for(station, target, &plan, &medium, progress)?;
    // Whether a certificate will be accepted is found out before the first write, not after hours.
    let trial = certify(station, target, &plan, &journal, Worked { read_back: crate::ReadBack::default(), formatted: None });
    accept(&certificate_pdf(&trial, Language::De).map_err(WipeFault::from)?).map_err(WipeFault::PdfRejected)?;
    station.note(&journal.wipe, events::WIPE_BEGUN, begun(target, &journal))?;
    let steps = native::plan(target, &station.system, &station.tools);
    let work = Work {
        medium: &medium,
        key: &key,
        cut: station.cut(),
        layout: &plan.layout,
        native: &|| {
            if !steps.is_empty() {
                progress.reached(At::Native);
            }
            native::run(&steps, medium.as_fd(), target.size_bytes)
        },
        journals: &station.journals,
        clock: station.clock.as_ref(),
        progress,
    };
    let worked = work.run(&mut journal);
    let ended = worked.and_then(|worked| {
        let certificate = certify(station, target, &plan, &journal, worked);
        let folder = publish(station, &certificate, &plan, accept)?;
        station.journals.forget(&journal.medium)?;
        Ok(Finished { certificate, folder })
    });
    if let Err(fault) = &ended {
        // The fault itself is what is reported; a chain that cannot be written either changes nothing about it.
        let _ = station.note(&journal.wipe, events::STATION_FAULT, json!({ "fault": fault.to_string() }));
    }
    station.log.close_session(&journal.wipe).map_err(WipeFault::from)?;
    Ok(ended?)
}

/// What is decided before anything is opened for writing.
struct Plan {
    passes: u32,
    file_system: FileSystem,
    label: Label,
    layout: Layout,
    certificates: PathBuf,
}

impl Plan {
    fn of(station: &Station, target: &Target, order: &Order) -> Result<Self, WipeError> {
        let policy = &station.policy;
        let passes = order.passes.unwrap_or(policy.passes_default);
        let (least, most) = (WipePolicy::LEAST_PASSES, policy.max_passes);
        if !(least..=most).contains(&passes) {
            return Err(Refusal::Passes { passes, least, most }.into());
        }
        let label = Label::new(order.label.as_deref().unwrap_or(&policy.label))?;
        let file_system = order.file_system.unwrap_or(FileSystem::usual(target.size_bytes, policy.fat32_max_bytes));
        let serial = u32::from_le_bytes(station.random()?);
        let layout = Layout::plan(file_system, target.size_bytes, target.logical_block_bytes, &label, serial)?;
        let certificates = order.certificate_to.clone().unwrap_or_else(|| station.state.join("certificates"));
        Ok(Self { passes, file_system, label, layout, certificates })
    }
}

fn absolute(folder: &Path) -> Result<OsString, WipeFault> {
    let found = std::path::absolute(folder).map_err(|source| WipeFault::State { path: folder.into(), source })?;
    Ok(found.into_os_string())
}

/// The journal of an interrupted wipe of this very medium, or a new one with a new key.
fn journal_for(
    station: &Station,
    target: &Target,
    plan: &Plan,
    medium: &OpenMedium,
    progress: &dyn Progress,
) -> Result<(Journal, [u8; KEY_BYTES]), WipeFault> {
    let fingerprint = fingerprint(target);
    if let Some((mut journal, key)) = station.journals.load(&fingerprint)? {
        if !journal.has_certificate(&plan.certificates) && journal.passes == plan.passes && resume::is_of(&journal, medium, &key)? {
            journal.take_up();
            journal.certificates = absolute(&plan.certificates)?;
            let (pass, offset) = match journal.stage {
                Stage::Writing { pass, offset } => (pass, offset),
                Stage::ReadingBack | Stage::Formatting => (journal.passes, target.size_bytes),
            };
            progress.reached(At::Resumed { pass, offset });
            station.journals.save(&journal)?;
            return Ok((journal, key));
        }
        station.journals.forget(&fingerprint)?;
    }
    let key = station.random()?;
    let started = station.now();
    let [a, b, c] = station.random()?;
    let stamp: String = started.chars().filter(char::is_ascii_digit).take(14).collect();
    let (day, time) = stamp.split_at_checked(8).unwrap_or((&stamp, ""));
    let journal = Journal {
        wipe: format!("wipe-{day}-{time}-{a:02x}{b:02x}{c:02x}"),
        medium: fingerprint,
        started,
        passes: plan.passes,
        interruptions: 0,
        stage: Stage::Writing { pass: 1, offset: 0 },
        written: Vec::new(),
        native: None,
        bad: crate::BadRanges::default(),
        certificates: absolute(&plan.certificates)?,
    };
    station.journals.keep_key(&journal.medium, &key)?;
    station.journals.save(&journal)?;
    Ok((journal, key))
}

fn begun(target: &Target, journal: &Journal) -> Value {
    json!({
        "medium": WipedMedium::of(target), "passes": journal.passes,
        "interruptions": journal.interruptions, "stage": journal.stage,
    })
}

fn certify(station: &Station, target: &Target, plan: &Plan, journal: &Journal, worked: Worked) -> Certificate {
    let medium = WipedMedium::of(target);
    let done = Done {
        stream: STREAM.into(),
        passes_ordered: journal.passes,
        passes: journal.written.clone(),
        native: journal.native.clone().unwrap_or_default(),
    };
    let verification = Verification::of(journal.bad.clone(), worked.read_back);
    let formatted = worked.formatted.map(|read_back_equal| Formatted {
        file_system: plan.file_system,
        label: plan.label.as_str().to_owned(),
        read_back_equal,
    });
    let (outcome, level) = Level::of(&medium, &done, &verification, formatted.as_ref());
    Certificate {
        schema: SCHEMA.into(),
        wipe: journal.wipe.clone(),
        station: station.name.clone(),
        started: journal.started.clone(),
        finished: station.now(),
        interruptions: journal.interruptions,
        medium,
        done,
        verification,
        formatted,
        outcome,
        level,
        audit_head: station.log.head().to_string(),
    }
}

/// Recorded first, visible then: there is no certificate the chain does not know.
fn publish(
    station: &mut Station,
    certificate: &Certificate,
    plan: &Plan,
    accept: &dyn Fn(&[u8]) -> Result<(), String>,
) -> Result<PathBuf, WipeFault> {
    std::fs::create_dir_all(&plan.certificates).map_err(|source| WipeFault::State { path: plan.certificates.clone(), source })?;
    let (sealed, digest) = certificate.seal(&plan.certificates, &station.key, accept)?;
    let failed = certificate.outcome == Outcome::Failed;
    let payload = json!({
        "outcome": certificate.outcome, "level": certificate.level.reached, "certificate_sha256": digest,
        "destroy_physically": failed,
    });
    station.note(&certificate.wipe, events::WIPE_ENDED, payload)?;
    Ok(sealed.publish()?)
}
