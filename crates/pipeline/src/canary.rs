//! Canaries: known hostile and harmless content through the real line, at every start of intake and again when the policy's
//! interval is over.
//!
//! The stages, engines, workers and rules are those of a session; nothing is released and nothing goes into the quarantine.
//! **Invariant (I2):** when one of them does not end as it must, intake stops: no session begins.

mod known;
mod remembered;
mod trial;

pub use remembered::{Remembered, Tested};
pub use trial::{Trial, Tried};

use crate::fault::StationFault;
use crate::station::{OFFICE_PROGRAM, Settings, StatePaths, Station};
use audit::events;
use model::EngineStamp;
use scan::Engine;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The line as it stands, for a trial.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Policy, format table and rules.
    pub settings: Arc<Settings>,
    /// The worker program.
    pub worker: PathBuf,
    /// The connected engines.
    pub engines: Arc<Vec<Box<dyn Engine>>>,
}

impl Standing {
    /// What a trial of it speaks for.
    ///
    /// # Errors
    /// When a program is not there.
    pub fn tested(&self) -> Result<Tested, StationFault> {
        let mut engines: Vec<EngineStamp> = self.engines.iter().map(|engine| engine.stamp().clone()).collect();
        engines.push(EngineStamp::own());
        let programs = [self.worker.as_path(), Path::new(OFFICE_PROGRAM)];
        let tested = Tested::of(self.settings.policy_sha256, engines, &programs);
        tested.map_err(|source| StationFault::State { path: self.worker.clone(), source })
    }

    /// Tries the line; `state` is the directory its work files go to. One trial at a time in a state directory.
    ///
    /// # Errors
    /// What stops the station. A canary that is missed is no error here: see [`Tried::missed`].
    pub async fn try_in(&self, state: &Path) -> Result<Tried, StationFault> {
        let alone = lock(state).await?;
        let tried = self.try_alone(state).await;
        drop(alone);
        tried
    }

    async fn try_alone(&self, state: &Path) -> Result<Tried, StationFault> {
        let dir = state.join("canaries");
        let cleared = spool::Spool::clear_leftovers(&dir, &[]);
        cleared.map_err(|source| StationFault::State { path: dir.clone(), source })?;
        trial::run(self, &dir).await
    }
}

/// When a trial is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Unless one of this line has succeeded within the interval.
    WhenDue,
    Always,
}

impl Station {
    /// Tries the line, whatever is remembered.
    ///
    /// # Errors
    /// [`StationFault::CanaryMissed`], or what stops the station otherwise; on record in either case.
    pub async fn try_canaries(&self) -> Result<(), StationFault> {
        self.intake_of(Wanted::Always).await.map(drop)
    }

    /// The engines, when the line they belong to has shown that it works.
    pub(crate) async fn intake(&self) -> Result<Arc<Vec<Box<dyn Engine>>>, StationFault> {
        self.intake_of(Wanted::WhenDue).await
    }

    async fn intake_of(&self, wanted: Wanted) -> Result<Arc<Vec<Box<dyn Engine>>>, StationFault> {
        let open = self.open_intake(wanted).await;
        if let Err(fault) = &open {
            // There is no session yet; the station's own record says why none begins.
            self.recorder.note(None, events::STATION_FAULT, json!({ "fault": fault.to_string() }));
            self.recorder.flush().await?;
        }
        open
    }

    async fn open_intake(&self, wanted: Wanted) -> Result<Arc<Vec<Box<dyn Engine>>>, StationFault> {
        let engines = Arc::new(self.engines().await?);
        let standing = Standing { settings: Arc::clone(&self.settings), worker: self.worker.clone(), engines: Arc::clone(&engines) };
        let tested = standing.tested()?;
        let interval = self.settings.policy.canary.interval_hours;
        let state = &self.paths.root;
        let speaks = |last: &Remembered| last.speaks_for(&tested, self.clock.now_unix_ms(), interval);
        if wanted == Wanted::WhenDue && Remembered::read(state).as_ref().is_some_and(speaks) {
            return Ok(engines);
        }
        let _alone = lock(state).await?;
        // Another one may just have done it.
        let last = Remembered::read(state);
        if wanted == Wanted::WhenDue && last.as_ref().is_some_and(speaks) {
            return Ok(engines);
        }
        let tried = standing.try_alone(state).await?;
        self.recorder.note(None, events::CANARIES_TRIED, json!(tried));
        let missed = tried.missed().map(|trial| trial.canary.to_owned());
        if let Some(canary) = &missed {
            self.recorder.note(None, events::INTAKE, json!({ "open": false, "canary": canary }));
        } else if last.is_some_and(|last| last.missed()) {
            self.recorder.note(None, events::INTAKE, json!({ "open": true }));
        }
        let remembered = Remembered::new(self.clock.now_unix_ms(), missed, tested).write(state);
        remembered.map_err(|source| StationFault::State { path: state.clone(), source })?;
        self.recorder.flush().await?;
        tried.into_result()?;
        Ok(engines)
    }
}

/// Waits until nobody else tries the line of this state.
async fn lock(state: &Path) -> Result<File, StationFault> {
    let path = StatePaths::new(state).canary_lock();
    let waiting = tokio::task::spawn_blocking(move || {
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| StationFault::State { path, source })
    });
    waiting.await.map_err(|_| StationFault::Internal("canary lock"))?
}
