//! The station: keys, stores, policy and engines, opened once per run.

use crate::confinement;
use crate::fault::StationFault;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::record::{Identity, Recorder};
use crate::transition::{Transition, Transitions};
use audit::{Clock, Entropy, PublicKey, StationKey, events};
use model::report::Confinement;
use model::{DeviceRecord, Digest, FormatTable, Policy};
use scan::{ClamAv, ClamdAddress, Engine, HashList};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use spool::{Quarantine, Reviewers};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::RuleSource;

/// Where Debian puts the office suite.
pub const OFFICE_PROGRAM: &str = "/usr/lib/libreoffice/program/soffice.bin";

/// Policy, format table and rules in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// What becomes of what.
    pub formats: FormatTable,
    /// YARA rules.
    pub rules: Arc<Vec<RuleSource>>,
    /// SHA-256 over all three.
    pub policy_sha256: Digest,
}

impl Settings {
    /// SHA-256 over a policy (its whole TOML form), the format table's text and the rules.
    pub fn fingerprint(policy: &str, formats: &str, rules: &[RuleSource]) -> Digest {
        let mut hash = Sha256::new();
        for part in [policy, formats].into_iter().chain(rules.iter().flat_map(|r| [r.name.as_str(), r.text.as_str()])) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Digest(hash.finalize().into())
    }
}

/// Directories below the state directory.
#[derive(Debug, Clone)]
pub struct StatePaths {
    /// The state directory.
    pub root: PathBuf,
}

impl StatePaths {
    /// Layout below `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }
    /// Content being worked on.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }
    /// Holds.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }
    /// Journals of running sessions.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }
    /// Finished releases on their way.
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }
    /// Held by who tries the line.
    pub fn canary_lock(&self) -> PathBuf {
        self.root.join("canaries.lock")
    }
    /// Reviewers' public keys.
    pub fn reviewers(&self) -> PathBuf {
        self.root.join("keys/reviewers")
    }
    /// Where a first reviewer identity is put, to be taken away by the reviewer.
    pub fn first_identity(&self) -> PathBuf {
        self.root.join("reviewer-identity-MOVE-AWAY.txt")
    }
}

/// An opened station.
pub struct Station {
    pub(crate) paths: StatePaths,
    pub(crate) name: String,
    pub(crate) settings: Arc<Settings>,
    pub(crate) worker: PathBuf,
    pub(crate) key: Arc<StationKey>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clamd: ClamdAddress,
    pub(crate) confinement: Confinement,
    pub(crate) transitions: Arc<dyn Transitions>,
    pub(crate) metrics: Arc<Metrics>,
    /// Held by the one supervisor as long as it lives.
    supervisor: Option<File>,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("name", &self.name).field("state", &self.paths.root).finish_non_exhaustive()
    }
}

impl Station {
    /// Opens the state directory (made if absent) as its one supervisor, and finishes or voids sessions that a crash left open.
    /// `transitions` hears of every step of this start and of its sessions.
    ///
    /// # Errors
    /// [`StationFault`]; among others when another supervisor uses this state.
    pub async fn open(
        state: &Path,
        worker: PathBuf,
        settings: Settings,
        clamd: ClamdAddress,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        transitions: Arc<dyn Transitions>,
    ) -> Result<Self, StationFault> {
        let lock = supervisor_lock(state)?;
        Self::open_with(Some(lock), state, worker, settings, clamd, clock, entropy, transitions).await
    }

    /// The same beside a supervisor: for what people do while a kiosk works. It puts nothing right that a crash left.
    ///
    /// # Errors
    /// [`StationFault`].
    pub async fn open_beside(
        state: &Path,
        worker: PathBuf,
        settings: Settings,
        clamd: ClamdAddress,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StationFault> {
        Self::open_with(None, state, worker, settings, clamd, clock, entropy, Arc::new(crate::Unobserved)).await
    }

    #[expect(clippy::too_many_arguments, reason = "what a station is made of")]
    async fn open_with(
        supervisor: Option<File>,
        state: &Path,
        worker: PathBuf,
        settings: Settings,
        clamd: ClamdAddress,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        transitions: Arc<dyn Transitions>,
    ) -> Result<Self, StationFault> {
        let paths = StatePaths::new(state);
        let identity = Identity::load(state, entropy.as_ref())?;
        let recorder = Recorder::open_as(&identity, state, Arc::clone(&clock), Arc::clone(&entropy))?;
        let Identity { key, name } = identity;
        transitions.reached(Transition::ChainOpened);
        let reviewers = reviewers_of(&paths)?;
        let quarantine =
            Arc::new(Quarantine::open(&paths.quarantine(), reviewers, holds_to_spare(&paths, supervisor.is_some())?.as_deref())?);
        let settings = Arc::new(settings);
        let (program, policy) = (worker.clone(), settings.policy.worker.clone());
        let proof = tokio::task::spawn_blocking(move || confinement::prove(&program, &policy)).await;
        let confinement = match proof.unwrap_or(Err(StationFault::Internal("proof of confinement"))) {
            Ok(confinement) => confinement,
            Err(fault) => {
                recorder.note(None, events::STATION_FAULT, json!({ "fault": fault.to_string() }));
                recorder.flush().await?;
                return Err(fault);
            }
        };
        let metrics = Arc::new(Metrics::new(clock.now_unix_ms()));
        let station = Self {
            paths,
            name,
            settings,
            worker,
            key,
            quarantine,
            recorder,
            clock,
            entropy,
            clamd,
            confinement,
            transitions,
            metrics,
            supervisor,
        };
        station.recorder.note(
            None,
            events::STATION_START,
            json!({ "version": env!("CARGO_PKG_VERSION"), "confinement": station.confinement, "supervisor": station.supervisor.is_some() }),
        );
        if station.supervisor.is_some() {
            station.note_policy_change().await?;
        }
        station.recorder.flush().await?;
        station.transitions.reached(Transition::StationStarted);
        if station.supervisor.is_some() {
            station.recover().await?;
        }
        station.transitions.reached(Transition::RecoveryEnded);
        Ok(station)
    }

    /// Says so when policy, format table or rules are not those of the start before.
    async fn note_policy_change(&self) -> Result<(), StationFault> {
        let path = self.paths.root.join("policy.sha256");
        let now = self.settings.policy_sha256.hex();
        let before = std::fs::read_to_string(&path).ok();
        if before.as_deref() == Some(now.as_str()) {
            return Ok(());
        }
        if before.is_some() {
            let before = before.as_deref().and_then(Digest::from_hex);
            self.recorder.note(None, events::CONFIGURATION_CHANGED, json!({ "change": "policy", "before": before, "now": now }));
        }
        // Before it counts as known: a kill in between says it twice, never not at all.
        self.recorder.flush().await?;
        let partial = self.paths.root.join(".policy.sha256.partial");
        let written = std::fs::write(&partial, now).and_then(|()| std::fs::rename(&partial, &path));
        written.map_err(|source| StationFault::State { path, source })
    }

    /// Identifier of the station: the beginning of its public key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key releases and chain are signed with.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Where the reviewer's secret key lies until it is taken away; only after the first start, and only if no public key
    /// was there.
    pub fn first_identity(&self) -> PathBuf {
        self.paths.first_identity()
    }

    /// What happened since this start, in figures.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether this is the one supervisor of its state directory.
    pub(crate) const fn is_supervisor(&self) -> bool {
        self.supervisor.is_some()
    }

    /// Puts on record that this program ends its work in order.
    ///
    /// # Errors
    /// When the chain cannot be written.
    pub async fn stop(&self) -> Result<(), StationFault> {
        self.recorder.note(None, events::STATION_STOP, json!({ "supervisor": self.supervisor.is_some() }));
        self.recorder.flush().await.map(drop)
    }

    /// The way to the audit chain.
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Puts on record, durably, that a device is refused. `switched_off` says whether that was done; `None` when there was
    /// nothing to switch off.
    ///
    /// # Errors
    /// When the chain cannot be written.
    pub async fn refuse_device(&self, device: &DeviceRecord, switched_off: Option<bool>) -> Result<(), StationFault> {
        self.recorder.note(None, events::MEDIUM_REFUSED, json!({ "device": device, "switched_off": switched_off }));
        self.recorder.flush().await.map(drop)
    }

    /// Connects the engines of the supervisor's side and checks that every program the policy needs is there.
    pub(crate) async fn engines(&self) -> Result<Vec<Box<dyn Engine>>, StationFault> {
        if !Path::new(OFFICE_PROGRAM).is_file() {
            return Err(StationFault::OfficeAbsent { path: OFFICE_PROGRAM.into() });
        }
        let policy = &self.settings.policy.scan;
        let clamav = ClamAv::connect(&self.clamd, policy, self.clock.now_unix_ms() / 1_000).await?;
        let blocked = policy.blocked_sha256.iter().filter_map(|hex| Digest::from_hex(hex));
        Ok(vec![Box::new(HashList::new(blocked)), Box::new(clamav)])
    }
}

pub(crate) fn make_private(dir: &Path) -> Result<(), StationFault> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| StationFault::State { path: dir.into(), source })
}

/// Takes the place of the one supervisor; the kernel lets go of it when the program ends, however it ends.
fn supervisor_lock(state: &Path) -> Result<File, StationFault> {
    make_private(state)?;
    let path = state.join("supervisor.lock");
    let unusable = |source| StationFault::State { path: path.clone(), source };
    let lock = File::options().write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StationFault::SecondSupervisor { path }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Sessions whose unfinished holds a start does not remove; none where it removes none at all.
fn holds_to_spare(paths: &StatePaths, supervisor: bool) -> Result<Option<Vec<String>>, StationFault> {
    if supervisor { Journal::left(&paths.sessions()).map(|left| Some(left.at_work)) } else { Ok(None) }
}

/// The reviewers' keys; the first one is made where there is none. Two first starts at once agree on one.
fn reviewers_of(paths: &StatePaths) -> Result<Reviewers, StationFault> {
    let unusable = |source| StationFault::State { path: paths.root.clone(), source };
    let lock = File::open(&paths.root).map_err(unusable)?;
    lock.lock().map_err(unusable)?;
    match Reviewers::load(&paths.reviewers()) {
        Err(spool::ReviewerError::Absent { .. }) => Ok(Reviewers::create_first(&paths.reviewers(), &paths.first_identity())?),
        other => Ok(other?),
    }
}

/// Identifier of a station from its first key.
pub fn station_name(key: &PublicKey) -> String {
    format!("station-{}", key.to_string().chars().take(12).collect::<String>())
}
