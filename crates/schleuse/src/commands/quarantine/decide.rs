//! `quarantine approve`, `reject` and `destroy`: a reviewer decides.
//!
//! **Invariant:** a decision is on record before its statement is filed, and a refusal before it is told. The content of a
//! hold goes from memory into the line's spool and nowhere else.

use crate::cli::{Approve, By, Decide, Destroy};
use crate::commands::WAITING;
use crate::commands::desk::{Desk, Request, Why, now_text, now_unix_ms};
use crate::commands::{print_json, retention, secrets};
use crate::destination;
use crate::settings::ConfigurationError;
use crate::terminal;
use anyhow::Context as _;
use audit::{Filter, ShownPayload, events};
use model::Exception;
use pipeline::{Again, Progress as Telling, Quiet, StationFault};
use serde_json::json;
use spool::reviews::{Decision, Filed, Refusal, Standing, Statement, Wanted, exception, judge};
use spool::{Destruction, HoldLock, HoldRecord, OriginalError, Progress, Quarantine, QuarantineError, ReviewerIdentity, Reviewers};
use std::io::BufRead as _;
use std::sync::Arc;

/// Exit status when something was withheld again.
const WITHHELD: u8 = 10;

/// A registered reviewer in front of a hold on which nobody else decides.
pub struct Admitted {
    pub identity: ReviewerIdentity,
    pub reviewer: String,
    pub record: HoldRecord,
    pub _lock: HoldLock,
}

/// Who asks is a registered reviewer, the hold is there, whole, and nobody else is at it.
pub async fn admit(desk: &Desk, by: &By, what: &'static str, hold: &str) -> anyhow::Result<Admitted> {
    let (identity, reviewer) = desk.identify(by, what, hold).await?;
    let request = Request { what, actor: &reviewer, hold };
    let dir = desk.quarantine();
    let found = Quarantine::show(&dir, hold).and_then(|record| Ok((Quarantine::lock(&dir, hold)?, record)));
    let (lock, record) = match found {
        Ok(found) => found,
        Err(error @ QuarantineError::Unknown { .. }) => {
            return Err(desk.refuse(request, Why::new("hold-unknown", error.to_string())).await);
        }
        Err(error @ QuarantineError::Busy { .. }) => return Err(desk.refuse(request, Why::new("hold-busy", error.to_string())).await),
        Err(error) => return Err(StationFault::from(error).into()),
    };
    if let Progress::Done(gone) = Quarantine::destruction(&dir, hold).map_err(StationFault::from)? {
        let sentence = format!("hold {hold} was destroyed at {} by {}", gone.destroyed_at, gone.by);
        return Err(desk.refuse(request, Why::new("destroyed", sentence)).await);
    }
    Ok(Admitted { identity, reviewer, record, _lock: lock })
}

/// Proof that the reviewer opens the original, and that it is what the record says.
pub async fn open_for(
    desk: &Desk,
    what: &'static str,
    actor: &str,
    record: &HoldRecord,
    identity: &ReviewerIdentity,
) -> anyhow::Result<()> {
    let code = match Quarantine::check_original(&desk.quarantine(), record, identity) {
        Ok(()) => return Ok(()),
        Err(OriginalError::Store(error)) => return Err(StationFault::from(error).into()),
        Err(error @ OriginalError::Destroyed { .. }) => ("destroyed", error.to_string()),
        Err(error @ OriginalError::NotForThis { .. }) => ("cannot-decrypt", error.to_string()),
        Err(error @ OriginalError::Differs { .. }) => ("original-differs", error.to_string()),
    };
    Err(desk.refuse(Request { what, actor, hold: &record.hold }, Why::new(code.0, code.1)).await)
}

/// The reason code is one of the policy, and the comment is not too long.
async fn check_words(desk: &Desk, request: Request<'_>, decide: &Decide, codes: &[String]) -> anyhow::Result<()> {
    if !codes.contains(&decide.reason) {
        let sentence = format!("the policy's reason codes are: {}", codes.join(", "));
        return Err(desk.refuse(request, Why::new("reason-unknown", sentence)).await);
    }
    let most = desk.policy.review.max_comment_chars;
    if decide.comment.chars().count() > most as usize {
        return Err(desk.refuse(request, Why::new("comment-too-long", format!("a comment has at most {most} characters"))).await);
    }
    Ok(())
}

/// What has been said about a hold, and by whom it may be.
struct Case {
    reviewers: Reviewers,
    reviews: Vec<Filed>,
    now: i64,
}

impl Case {
    fn of(desk: &Desk, record: &HoldRecord) -> anyhow::Result<Self> {
        let reviews = Filed::all(&desk.quarantine().join(&record.hold));
        let reviews = reviews.with_context(|| format!("the reviews of {} cannot be read", record.hold))?;
        Ok(Self { reviewers: desk.reviewers()?, reviews, now: now_unix_ms() })
    }

    fn amounts_to(&self, desk: &Desk, record: &HoldRecord, reviews: &[Filed]) -> Result<Exception, Refusal> {
        exception(record, reviews, &self.reviewers, &desk.policy.review, self.now)
    }

    /// Whether an approval of this reviewer stands.
    fn approved_by(&self, desk: &Desk, record: &HoldRecord, reviewer: &str) -> bool {
        let judged = judge(record, &self.reviews, &self.reviewers, &desk.policy.review, self.now);
        let own = |one: &Filed| one.statement.as_ref().is_some_and(|statement| statement.reviewer == reviewer);
        judged.iter().any(|one| one.standing == Standing::Approves && own(one.filed))
    }

    fn sign(&self, desk: &Desk, admitted: &Admitted, decision: Decision, decide: &Decide) -> anyhow::Result<Statement> {
        let wanted = Wanted { decision, reason: &decide.reason, comment: &decide.comment, reviewer: &admitted.reviewer };
        let number = Filed::next_number(&self.reviews);
        let signed = Statement::sign(&admitted.record, number, &wanted, &desk.policy.review, &admitted.identity, self.now);
        signed.ok_or_else(|| ConfigurationError("the clock shows no usable time".into()).into())
    }
}

/// Puts a decision on record, then files its statement.
async fn file(desk: &Desk, record: &HoldRecord, statement: &Statement) -> anyhow::Result<()> {
    let session = desk.session_of(record);
    // What a person wrote may name people: without a key to seal it with it stays out of the chain (it is in the statement).
    let comment = session.map(|_| statement.comment.as_str());
    let payload = json!({
        "hold": record.hold, "sha256": record.sha256, "decision": statement.decision, "reason": statement.reason,
        "comment": comment, "expires": statement.expires, "number": statement.number,
    });
    desk.record(&statement.reviewer, session, events::REVIEW_DECIDED, payload).await?;
    statement.file(&desk.quarantine().join(&record.hold)).with_context(|| format!("the review of {} cannot be written", record.hold))
}

pub async fn approve(wanted: &Approve) -> anyhow::Result<u8> {
    let (decide, by) = (&wanted.decide, &wanted.decide.by);
    let desk = Desk::open(&by.policy, &by.state, by.clamd.clone()).await?;
    let admitted = admit(&desk, by, "approve", &decide.hold).await?;
    let password = if wanted.password_stdin { Some(secrets::next_line("--password-stdin")?) } else { None };
    let Admitted { identity, reviewer, record, .. } = &admitted;
    let (folder, owner) = (wanted.release_to.as_deref(), record.owner.as_deref());
    let request = Request { what: "approve", actor: reviewer, hold: &record.hold };
    let case = Case::of(&desk, record)?;
    let so_far = case.amounts_to(&desk, record, &case.reviews);
    if let Err(refusal @ (Refusal::Malicious { .. } | Refusal::Broken { .. })) = &so_far {
        return Err(desk.refuse(request, Why::new(refusal.code(), refusal.to_string())).await);
    }
    check_words(&desk, request, decide, &desk.policy.review.approve_reasons).await?;
    open_for(&desk, "approve", reviewer, record, identity).await?;
    let (granted, destination) = match (so_far, case.approved_by(&desk, record, reviewer)) {
        // All was said before, but the line did not end: it is tried again.
        (Ok(_), true) if already_released(&desk, record, &case)? => {
            let sentence = format!("hold {} was released under these approvals already; another release needs new ones", record.hold);
            return Err(desk.refuse(request, Why::new("released-already", sentence)).await);
        }
        (Ok(granted), true) => (granted, destination::choose(desk.station()?, &desk.policy.release, folder, owner).await?),
        (Err(_), true) => {
            let sentence = format!("{reviewer} approved hold {} already; another reviewer is needed", record.hold);
            return Err(desk.refuse(request, Why::new("approved-already", sentence)).await);
        }
        (_, false) => {
            let statement = case.sign(&desk, &admitted, Decision::Approve, decide)?;
            let filed = Filed { file: statement.file_name(), statement: Some(statement.clone()) };
            let then: Vec<Filed> = case.reviews.iter().cloned().chain([filed]).collect();
            match case.amounts_to(&desk, record, &then) {
                Ok(granted) => {
                    // Where it goes is known before anything is signed away.
                    let destination = destination::choose(desk.station()?, &desk.policy.release, folder, owner).await?;
                    file(&desk, record, &statement).await?;
                    (granted, destination)
                }
                Err(missing) => {
                    file(&desk, record, &statement).await?;
                    return told(by.state.json, record, &missing);
                }
            }
        }
    };
    let as_json = by.state.json;
    let again = Again { record: record.clone(), exception: granted, password, release_to: destination.release_to };
    go_through(&desk, &admitted, again, as_json).await
}

/// Whether these approvals have been used: a session over this hold released something after the last of them.
fn already_released(desk: &Desk, record: &HoldRecord, case: &Case) -> anyhow::Result<bool> {
    let last = case.reviews.iter().filter_map(|filed| Some(filed.statement.as_ref()?.at.clone())).max().unwrap_or_default();
    let of_event = |event: &str| Filter { event: Some(event.to_owned()), ..Filter::default() };
    let mut used = Vec::new();
    for shown in audit::show(&desk.paths.root, of_event(events::HOLD_REPROCESSED))? {
        let shown = shown?;
        // Times are of one spelling up to the second. One whose names were erased cannot be asked, and counts.
        let later = shown.time.get(..19) >= last.get(..19);
        let this = match &shown.payload {
            ShownPayload::Opened(payload) | ShownPayload::Clear(payload) => {
                payload["hold"] == record.hold.as_str() && payload["outcome"] == "released"
            }
            _ => true,
        };
        if later && this {
            used.extend(shown.session);
        }
    }
    // A session that was voided has released nothing.
    for shown in audit::show(&desk.paths.root, of_event(events::SESSION_VOIDED))? {
        let voided = shown?.session;
        used.retain(|session| Some(session) != voided.as_ref());
    }
    Ok(!used.is_empty())
}

/// The approval is filed, and others are needed.
fn told(as_json: bool, record: &HoldRecord, missing: &Refusal) -> anyhow::Result<u8> {
    if as_json {
        print_json(&json!({ "hold": record.hold, "granted": false, "missing": missing.to_string() }))?;
    } else {
        println!("filed; {missing}");
    }
    Ok(0)
}

async fn go_through(desk: &Desk, admitted: &Admitted, again: Again, as_json: bool) -> anyhow::Result<u8> {
    let mut content = Quarantine::original(&desk.quarantine(), &admitted.record, &admitted.identity)?;
    let progress: Arc<dyn Telling> = if as_json { Arc::new(Quiet) } else { terminal::progress() };
    let finished = pipeline::process_hold(desk.station()?, again, &mut content, progress).await?;
    if as_json {
        print_json(&finished.report)?;
    } else {
        print!("{}", terminal::session_table(&finished, &desk.paths.root));
    }
    if finished.waiting.is_some() {
        return Ok(WAITING);
    }
    let totals = &finished.report.totals;
    Ok(if totals.withheld + totals.unreadable > 0 { WITHHELD } else { 0 })
}

pub async fn reject(wanted: &Decide) -> anyhow::Result<u8> {
    let desk = Desk::light(&wanted.by.policy, &wanted.by.state)?;
    let admitted = admit(&desk, &wanted.by, "reject", &wanted.hold).await?;
    let request = Request { what: "reject", actor: &admitted.reviewer, hold: &wanted.hold };
    check_words(&desk, request, wanted, &desk.policy.review.reject_reasons).await?;
    let statement = Case::of(&desk, &admitted.record)?.sign(&desk, &admitted, Decision::Reject, wanted)?;
    file(&desk, &admitted.record, &statement).await?;
    println!("rejected: {}", admitted.record.hold);
    Ok(0)
}

pub async fn destroy(wanted: &Destroy) -> anyhow::Result<u8> {
    let decide = &wanted.decide;
    let desk = Desk::light(&decide.by.policy, &decide.by.state)?;
    let admitted = admit(&desk, &decide.by, "destroy", &decide.hold).await?;
    let Admitted { record, reviewer, .. } = &admitted;
    let request = Request { what: "destroy", actor: reviewer, hold: &record.hold };
    check_words(&desk, request, decide, &desk.policy.review.reject_reasons).await?;
    if !confirmed(record, wanted.yes.as_deref())? {
        return Err(desk.refuse(request, Why::new("not-confirmed", "not confirmed; nothing was destroyed")).await);
    }
    let dir = desk.quarantine();
    if let Progress::Begun(left) = Quarantine::destruction(&dir, &record.hold).map_err(StationFault::from)? {
        retention::carry_out(&desk, record, &left, true).await?;
    } else {
        let statement = Case::of(&desk, record)?.sign(&desk, &admitted, Decision::Destroy, decide)?;
        file(&desk, record, &statement).await?;
        let destruction = Destruction::of(record, &now_text()?, reviewer, &decide.reason);
        Quarantine::begin_destruction(&dir, &destruction).map_err(StationFault::from)?;
        retention::carry_out(&desk, record, &destruction, false).await?;
    }
    println!("destroyed: {}", record.hold);
    Ok(0)
}

/// The hold's name, from the command line or typed by a person.
fn confirmed(record: &HoldRecord, yes: Option<&str>) -> anyhow::Result<bool> {
    if let Some(hold) = yes {
        return Ok(hold == record.hold);
    }
    eprintln!("{}  {}  {} bytes", record.hold, record.path, record.size_bytes);
    eprintln!("Das Original wird endgültig vernichtet. Zum Bestätigen die Kennung eintippen: {}", record.hold);
    eprintln!("The original will be destroyed for good. To confirm, type the hold: {}", record.hold);
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).context("standard input cannot be read")?;
    Ok(typed.trim_end_matches(['\r', '\n']) == record.hold)
}
