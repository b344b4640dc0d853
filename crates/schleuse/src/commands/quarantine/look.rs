//! `quarantine list`, `show` and `stats`: need no key and change nothing.

use crate::cli::{List, PolicyFile, Show, Sort, State, Stats};
use crate::commands::desk::now_unix_ms;
use crate::commands::print_json;
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use model::policy::ReviewPolicy;
use model::{HoldClass, Reason};
use pipeline::StationFault;
use pipeline::station::StatePaths;
use serde::Serialize;
use serde_json::json;
use spool::instant::{self, DAY_MS};
use spool::reviews::{Filed, HoldState, Judged, Refusal, exception, judge};
use spool::{HoldRecord, Progress, Quarantine, QuarantineError, Reviewers};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Ages that `stats` counts by: up to so many days, and the word for it.
const AGES: [(i64, &str); 4] = [(1, "up to 1 day"), (7, "up to 7 days"), (30, "up to 30 days"), (90, "up to 90 days")];
const OLDER: &str = "more than 90 days";

/// The store as these commands see it, at one moment.
struct Store {
    dir: PathBuf,
    review: ReviewPolicy,
    paths: StatePaths,
    now: i64,
}

/// A hold, and where it stands.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    record: HoldRecord,
    state: HoldState,
}

impl Store {
    fn open(policy: &PolicyFile, state: &State) -> anyhow::Result<Self> {
        let paths = StatePaths::new(&settings::state_dir(state.state.as_deref())?);
        let review = settings::load(policy.policy.as_deref())?.policy.review;
        Ok(Self { dir: paths.quarantine(), review, paths, now: now_unix_ms() })
    }

    fn reviewers(&self) -> anyhow::Result<Reviewers> {
        Ok(Reviewers::load(&self.paths.reviewers()).map_err(StationFault::from)?)
    }

    fn reviews(&self, record: &HoldRecord) -> anyhow::Result<Vec<Filed>> {
        Filed::all(&self.dir.join(&record.hold)).with_context(|| format!("the reviews of {} cannot be read", record.hold))
    }

    fn all(&self) -> anyhow::Result<Vec<Listed>> {
        let records = Quarantine::list(&self.dir).map_err(StationFault::from)?;
        if records.is_empty() {
            // A station that never started has no reviewers.
            return Ok(Vec::new());
        }
        let reviewers = self.reviewers()?;
        let listed = |record: HoldRecord| {
            let progress = Quarantine::destruction(&self.dir, &record.hold).map_err(StationFault::from)?;
            let granted = exception(&record, &self.reviews(&record)?, &reviewers, &self.review, self.now);
            Ok(Listed { state: HoldState::of(&progress, &granted), record })
        };
        records.into_iter().map(listed).collect()
    }

    /// Days since it is held; 0 where the record does not say.
    fn age_ms(&self, record: &HoldRecord) -> i64 {
        instant::parse(&record.held_at).map_or(0, |at| self.now.saturating_sub(at))
    }
}

pub fn list(wanted: &List) -> anyhow::Result<u8> {
    let store = Store::open(&wanted.policy, &wanted.state)?;
    let mut holds = store.all()?;
    holds.retain(|hold| admits(wanted, hold, &store));
    match wanted.sort {
        Sort::HeldAt => holds.sort_by(|a, b| (&a.record.held_at, &a.record.hold).cmp(&(&b.record.held_at, &b.record.hold))),
        Sort::Size => holds.sort_by_key(|hold| std::cmp::Reverse(hold.record.size_bytes)),
        Sort::Class => holds.sort_by_key(|hold| hold.record.class),
    }
    if wanted.state.json {
        print_json(&holds)?;
        return Ok(0);
    }
    for Listed { record, state } in &holds {
        let (class, reason) = (record.class.as_str(), record.reason.as_str());
        println!("{}  {:9}  {class:13}  {reason:18}  {:>10}  {}", record.hold, state.as_str(), record.size_bytes, record.path);
    }
    println!("{} holds", holds.len());
    Ok(0)
}

fn admits(wanted: &List, Listed { record, state }: &Listed, store: &Store) -> bool {
    wanted.session.as_ref().is_none_or(|session| *session == record.session)
        && wanted.class.is_none_or(|class| class == record.class)
        && wanted.format.is_none_or(|format| Some(format) == record.format)
        && wanted.reason.is_none_or(|reason| reason == record.reason)
        && wanted.standing.is_none_or(|standing| HoldState::from(standing) == *state)
        && wanted.owner.as_ref().is_none_or(|owner| Some(owner) == record.owner.as_ref())
        && wanted.older_than_days.is_none_or(|days| store.age_ms(record) > i64::from(days) * DAY_MS)
}

/// What is known about one hold.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    record: &'a HoldRecord,
    state: HoldState,
    reviews: Vec<Judged<'a>>,
    /// Why it may not go through the line again; none when it may.
    missing: Option<String>,
    destroyed_at: Option<String>,
}

pub fn show(wanted: &Show) -> anyhow::Result<u8> {
    let store = Store::open(&wanted.policy, &wanted.state)?;
    let record = match Quarantine::show(&store.dir, &wanted.hold) {
        Err(error @ QuarantineError::Unknown { .. }) => return Err(ConfigurationError(error.to_string()).into()),
        other => other.map_err(StationFault::from)?,
    };
    let (reviewers, reviews) = (store.reviewers()?, store.reviews(&record)?);
    let progress = Quarantine::destruction(&store.dir, &record.hold).map_err(StationFault::from)?;
    let granted = exception(&record, &reviews, &reviewers, &store.review, store.now);
    let shown = Shown {
        record: &record,
        state: HoldState::of(&progress, &granted),
        reviews: judge(&record, &reviews, &reviewers, &store.review, store.now),
        missing: granted.as_ref().err().map(Refusal::to_string),
        destroyed_at: match progress {
            Progress::Begun(destruction) | Progress::Done(destruction) => Some(destruction.destroyed_at),
            Progress::None => None,
        },
    };
    if wanted.state.json {
        print_json(&shown)?;
        return Ok(0);
    }
    print_record(&record);
    print_reviews(&shown);
    Ok(0)
}

fn print_record(record: &HoldRecord) {
    let text = record.reason.text();
    println!("hold      {}\npath      {}\nheld at   {}", record.hold, record.path, record.held_at);
    println!("owner     {}", record.owner.as_deref().map_or_else(|| "-".to_owned(), model::escape_text));
    println!("format    {}", record.format.map_or("-", model::Format::as_str));
    println!("size      {} bytes\nsha256    {}", record.size_bytes, record.sha256.hex());
    println!("class     {}\nreason    {}\n          {}\n          {}", record.class, record.reason, text.de, text.en);
    for finding in &record.findings {
        println!("finding   {} ({} {}): {}", finding.code, finding.engine.name, finding.engine.version, finding.detail);
    }
    for removed in &record.removed {
        println!("removed   {} × {}", removed.count, removed.kind);
    }
}

fn print_reviews(shown: &Shown<'_>) {
    println!("state     {}{}", shown.state.as_str(), shown.destroyed_at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default());
    for one in &shown.reviews {
        let standing = serde_json::to_value(&one.standing).ok().and_then(|value| Some(value.get("standing")?.as_str()?.to_owned()));
        let standing = standing.unwrap_or_default();
        match &one.filed.statement {
            Some(said) => println!(
                "review    {} {} by {}: {} ({standing}) {}",
                said.at,
                said.decision.as_str(),
                model::escape_text(&said.reviewer),
                model::escape_text(&said.reason),
                model::escape_text(&said.comment)
            ),
            None => println!("review    {}: {standing}", one.filed.shown_name()),
        }
    }
    if let (Some(missing), false) = (&shown.missing, shown.state == HoldState::Destroyed) {
        println!("missing   {missing}");
    }
}

pub fn stats(wanted: &Stats) -> anyhow::Result<u8> {
    let store = Store::open(&wanted.policy, &wanted.state)?;
    let holds = store.all()?;
    let count = |of: &dyn Fn(&Listed) -> &'static str| {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        for hold in &holds {
            *counts.entry(of(hold)).or_default() += 1;
        }
        counts
    };
    let age = |hold: &Listed| {
        let age_ms = store.age_ms(&hold.record);
        AGES.iter().find(|(days, _)| age_ms <= days * DAY_MS).map_or(OLDER, |(_, word)| word)
    };
    let by = [
        ("class", count(&|hold| HoldClass::as_str(hold.record.class))),
        ("state", count(&|hold| hold.state.as_str())),
        ("reason", count(&|hold| Reason::as_str(hold.record.reason))),
        ("age", count(&age)),
    ];
    let bytes: u64 = holds.iter().filter(|hold| hold.state != HoldState::Destroyed).map(|hold| hold.record.size_bytes).sum();
    if wanted.state.json {
        let by: BTreeMap<_, _> = by.into_iter().collect();
        print_json(&json!({ "holds": holds.len(), "original_bytes": bytes, "by": by }))?;
        return Ok(0);
    }
    println!("{} holds, {bytes} bytes of originals", holds.len());
    for (what, counts) in &by {
        println!("by {what}");
        for (word, number) in counts {
            println!("  {number:>8}  {word}");
        }
    }
    Ok(0)
}
