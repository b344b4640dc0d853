//! A station with reviewers and holds, for the tests of review and retention: everything is done with the real program.

use crate::{Ended, Scratch, command, program, run};
use age::secrecy::ExposeSecret as _;
use anyhow::{Context as _, Result, ensure};
use audit::{Clock as _, Filter, ShownPayload, SystemClock, events};
use model::{Digest, HoldClass, Reason};
use serde_json::Value;
use spool::{HoldRecord, Quarantine, RECORD_SCHEMA, Reviewers, Spool};
use std::fs;
use std::path::PathBuf;

/// Session that every hold comes from.
pub const SESSION: &str = "20260101-000000-abcdef";
/// What is held.
pub const CONTENT: &[u8] = b"<script>alert(1)</script>";

/// A station's state with the reviewers anna and bert, whose identities lie elsewhere, and holds as sessions leave them.
#[derive(Debug)]
pub struct Review {
    /// Its directories.
    pub scratch: Scratch,
}

impl Review {
    /// The station, with anna and bert registered.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn new() -> Result<Self> {
        let review = Self { scratch: Scratch::new()? };
        fs::create_dir(review.scratch.path("reviewers"))?;
        for name in ["anna", "bert"] {
            let added = review.register(name)?;
            ensure!(added.status == 0, "{added:?}");
        }
        ensure!(!review.scratch.state().join("reviewer-identity-MOVE-AWAY.txt").exists(), "a key nobody asked for");
        Ok(review)
    }

    /// Where a reviewer's identity lies.
    pub fn identity(&self, name: &str) -> PathBuf {
        self.scratch.path("reviewers").join(name)
    }

    /// An identity as age-keygen makes it, and its `.pub`.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn make(&self, name: &str) -> Result<PathBuf> {
        let secret = age::x25519::Identity::generate().to_string();
        fs::write(self.identity(name), format!("{}\n", secret.expose_secret()))?;
        let made = run(command(program("schleuse")?).args(["reviewer", "create", name, "--identity"]).arg(self.identity(name)))?;
        ensure!(made.status == 0, "{made:?}");
        Ok(self.scratch.path("reviewers").join(format!("{name}.pub")))
    }

    /// Makes a reviewer's keys and registers them.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn register(&self, name: &str) -> Result<Ended> {
        let public = self.make(name)?;
        self.scratch.schleuse(&["reviewer", "add", &public.to_string_lossy()])
    }

    /// The store.
    pub fn quarantine(&self) -> PathBuf {
        self.scratch.state().join("quarantine")
    }

    /// Holds [`CONTENT`] as entry `number` of a session.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn hold(&self, number: u32, class: HoldClass, held_at: &str) -> Result<HoldRecord> {
        let spool = Spool::create(&self.scratch.path("spool"), &format!("s{number}"), u64::MAX)?;
        let content = spool.put(CONTENT)?;
        let record = HoldRecord {
            schema: RECORD_SCHEMA.into(),
            hold: format!("{SESSION}-{number:06}"),
            session: SESSION.into(),
            station: "station-1".into(),
            owner: None,
            held_at: held_at.into(),
            path: format!("Seite {number}.hta"),
            order: vec![number],
            release_path: vec![format!("Seite {number}.hta")],
            claimed: "hta".into(),
            sha256: content.digest,
            size_bytes: content.size_bytes,
            format: None,
            reason: if class == HoldClass::Malicious { Reason::Malicious } else { Reason::Stripped },
            class,
            findings: vec![],
            removed: vec![],
            policy_sha256: Digest([0; 32]),
            previews: Vec::new(),
        };
        let reviewers = Reviewers::load(&self.scratch.state().join("keys/reviewers"))?;
        Quarantine::open(&self.quarantine(), reviewers, None)?.hold(&record, &content, &[])?;
        Ok(record)
    }

    /// The same, held for policy, now.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn now_held(&self, number: u32) -> Result<HoldRecord> {
        let now = spool::instant::rfc3339(SystemClock.now_unix_ms()).context("the time")?;
        self.hold(number, HoldClass::Policy, &now)
    }

    /// A decision of a reviewer.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn decide(&self, what: &str, name: &str, hold: &str, reason: &str) -> Result<Ended> {
        let identity = self.identity(name);
        let mut words = vec!["quarantine", what, hold, "--reason", reason, "--comment", "gesehen"];
        let (identity, release) = (identity.to_string_lossy(), self.scratch.release());
        let release = release.to_string_lossy();
        words.extend(["--identity", &identity]);
        if what == "approve" {
            words.extend(["--release-to", &release]);
        }
        self.scratch.schleuse(&words)
    }

    /// An approval with a reason of the shipped policy.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn approve(&self, name: &str, hold: &str) -> Result<Ended> {
        self.decide("approve", name, hold, "business-need")
    }

    /// The state of a hold as `quarantine show` gives it.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn state(&self, hold: &str) -> Result<String> {
        let shown = self.scratch.schleuse(&["quarantine", "show", hold, "--json"])?;
        ensure!(shown.status == 0, "{shown:?}");
        let shown: Value = serde_json::from_str(&shown.stdout)?;
        Ok(shown["state"].as_str().context("a state")?.to_owned())
    }

    /// Actors and payloads of an event, oldest first.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn recorded(&self, event: &str) -> Result<Vec<(String, Value)>> {
        let filter = Filter { event: Some(event.into()), ..Filter::default() };
        let records = audit::show(&self.scratch.state(), filter)?;
        let content = |payload| match payload {
            ShownPayload::Clear(value) | ShownPayload::Opened(value) => value,
            other => Value::String(format!("{other:?}")),
        };
        records.map(|shown| shown.map(|shown| (shown.actor, content(shown.payload)))).collect::<Result<_, _>>().map_err(Into::into)
    }

    /// The program refused, and the newest refusal on record says so.
    ///
    /// # Errors
    /// When a file or program cannot be used, or it is otherwise.
    pub fn check_refused(&self, ended: &Ended, actor: &str, why: &str) -> Result<()> {
        ensure!(ended.status == 5, "{ended:?}");
        let (by, payload) = self.recorded(events::REQUEST_REFUSED)?.pop().context("no refusal on record")?;
        ensure!(by == actor && payload["why"] == why, "{by}: {payload} instead of {actor}: {why}");
        let verified = self.scratch.schleuse(&["audit", "verify"])?;
        ensure!(verified.status == 0, "{verified:?}");
        Ok(())
    }

    /// Where statements about a hold lie.
    pub fn reviews(&self, record: &HoldRecord) -> PathBuf {
        self.quarantine().join(&record.hold).join("reviews")
    }
}
