//! Where a person's request about this station is judged: the way to the audit chain, and the refusal that goes there.
//!
//! **Invariant:** a request that is refused is on record, durably, before the person hears of it.

use crate::cli::{By, PolicyFile, State};
use crate::commands::secrets;
use crate::settings::{self, ConfigurationError};
use audit::{Clock as _, OsEntropy, SystemClock, events};
use model::{Policy, escape_text};
use pipeline::station::StatePaths;
use pipeline::{Recorder, Station, StationFault};
use scan::ClamdAddress;
use serde_json::{Value, json};
use spool::{HoldRecord, IdentityError, IdentityFile, ReviewerIdentity, Reviewers};
use std::path::PathBuf;
use std::sync::Arc;

/// Actor of a request by nobody this station knows.
pub const UNKNOWN: &str = "unknown";
/// Actor of what an administrator does at the command line of the station.
pub const ADMINISTRATOR: &str = "administrator";

/// A person's request is refused; that is on record.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RequestRefused(pub String);

/// Why a request is refused: a stable word for the record, and a sentence.
#[derive(Debug)]
pub struct Why {
    pub code: &'static str,
    pub sentence: String,
}

impl Why {
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

/// What is asked for, and by whom, as far as known.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub what: &'static str,
    pub actor: &'a str,
    pub hold: &'a str,
}

/// The station as a person's command sees it.
pub struct Desk {
    way: Way,
    pub policy: Policy,
    pub paths: StatePaths,
}

/// What a command needs of the station.
enum Way {
    /// Its engines and workers too: content is looked at.
    Whole(Box<Station>),
    /// Only its record.
    Light(Recorder),
}

impl Desk {
    /// With engines and workers.
    pub async fn open(policy: &PolicyFile, state: &State, clamd: ClamdAddress) -> anyhow::Result<Self> {
        let settings = settings::load(policy.policy.as_deref())?;
        let state = settings::state_dir(state.state.as_deref())?;
        let worker = settings::worker_program()?;
        let policy = settings.policy.clone();
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        let station = Station::open_beside(&state, worker, settings, clamd, clock, entropy).await?;
        Ok(Self { way: Way::Whole(Box::new(station)), policy, paths: StatePaths::new(&state) })
    }

    /// For what looks at no content: nothing but the way to the chain is opened.
    pub fn light(policy: &PolicyFile, state: &State) -> anyhow::Result<Self> {
        let settings = settings::load(policy.policy.as_deref())?;
        let state = settings::state_dir(state.state.as_deref())?;
        let recorder = Recorder::open(&state, Arc::new(SystemClock), Arc::new(OsEntropy::new()))?;
        Ok(Self { way: Way::Light(recorder), policy: settings.policy, paths: StatePaths::new(&state) })
    }

    pub fn recorder(&self) -> &Recorder {
        match &self.way {
            Way::Whole(station) => station.recorder(),
            Way::Light(recorder) => recorder,
        }
    }

    /// The whole station, for a command that opened it.
    pub fn station(&self) -> anyhow::Result<&Station> {
        match &self.way {
            Way::Whole(station) => Ok(station),
            Way::Light(_) => Err(StationFault::Internal("desk").into()),
        }
    }

    pub fn quarantine(&self) -> PathBuf {
        self.paths.quarantine()
    }

    pub fn reviewers(&self) -> anyhow::Result<Reviewers> {
        Ok(Reviewers::load(&self.paths.reviewers()).map_err(StationFault::from)?)
    }

    /// Puts an event on record, durably.
    pub async fn record(&self, actor: &str, session: Option<&str>, event: &'static str, payload: Value) -> anyhow::Result<()> {
        self.recorder().note_by(actor, session, event, payload);
        self.recorder().flush().await?;
        Ok(())
    }

    /// The session under whose key what concerns a hold is recorded; none once its names were erased.
    pub fn session_of<'a>(&self, record: &'a HoldRecord) -> Option<&'a str> {
        let tombstone = self.paths.root.join("keys/sessions").join(format!("{}.erased", record.session));
        (!tombstone.exists()).then_some(record.session.as_str())
    }

    /// Puts a refusal on record, and gives the error for the person.
    pub async fn refuse(&self, request: Request<'_>, why: Why) -> anyhow::Error {
        // BOUND: a name that a person typed may be anything; the chain takes so much of it.
        let hold: String = escape_text(request.hold).chars().take(200).collect();
        let payload = json!({ "request": request.what, "hold": hold, "why": why.code });
        match self.record(request.actor, None, events::REQUEST_REFUSED, payload).await {
            Ok(()) => RequestRefused(why.sentence).into(),
            Err(fault) => fault,
        }
    }

    /// Opens the identity a request comes with, and finds out whose it is.
    pub async fn identify(&self, by: &By, what: &'static str, hold: &str) -> anyhow::Result<(ReviewerIdentity, String)> {
        let request = Request { what, actor: UNKNOWN, hold };
        let identity = match open_identity(by)? {
            Ok(identity) => identity,
            Err(error) => return Err(self.refuse(request, Why::new("identity-not-opened", error.to_string())).await),
        };
        match self.reviewers()?.whose(&identity) {
            Some(reviewer) => Ok((identity, reviewer.name.clone())),
            None => {
                let sentence = "this identity is not one of a registered reviewer (`schleuse reviewer list`; one without a signing line \
                                cannot decide: give `reviewer create` and `reviewer add` for it)";
                Err(self.refuse(request, Why::new("reviewer-unknown", sentence)).await)
            }
        }
    }
}

/// The outer error is a file or a terminal that cannot be used; the inner one an identity that does not open.
fn open_identity(by: &By) -> anyhow::Result<Result<ReviewerIdentity, IdentityError>> {
    let file = IdentityFile::read(&by.identity).map_err(|error| ConfigurationError(error.to_string()))?;
    if !file.wants_passphrase() {
        return Ok(file.open(""));
    }
    let passphrase = if by.passphrase_stdin {
        secrets::next_line("--passphrase-stdin")?
    } else {
        secrets::typed("Passphrase of the identity (nothing is shown):", "--passphrase-stdin")?
    };
    Ok(file.open(passphrase.reveal()))
}

/// This machine's time, milliseconds since 1970.
pub fn now_unix_ms() -> i64 {
    SystemClock.now_unix_ms()
}

/// The same as records write it.
pub fn now_text() -> anyhow::Result<String> {
    spool::instant::rfc3339(now_unix_ms()).ok_or_else(|| ConfigurationError("the clock shows no usable time".into()).into())
}

/// Runs a command's future to its end.
pub fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    use anyhow::Context as _;
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?.block_on(command)
}
