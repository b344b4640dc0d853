//! Reviews: signed statements of reviewers about a hold, and what they amount to.
//!
//! `HOLD/reviews/NNN-NAME.json`, one file a statement, never changed once it is there (quarantine/README.md has the form).
//! **Invariant:** [`exception`] is the only place of the product that makes a [`model::Exception`], and it believes nothing
//! but signatures under registered keys. A file that does not hold stops the whole: it is a trace of somebody's doing.

mod statement;

pub use statement::{Decision, Filed, REVIEW_SCHEMA, Statement, Wanted};

use crate::instant::{self, DAY_MS};
use crate::quarantine::{HoldRecord, Progress};
use crate::reviewers::{Reviewers, SigningKey};
use model::policy::ReviewPolicy;
use model::{Exception, HoldClass};
use serde::Serialize;

/// What one statement counts for, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "standing", content = "what")]
pub enum Standing {
    /// An approval that counts.
    Approves,
    /// A rejection or destruction.
    Rejects,
    /// An approval that a later rejection took back.
    TakenBack,
    /// An approval whose time is over.
    Expired,
    /// An approval that says a later time than the clock.
    FromTheFuture,
    /// Its reason code is not one of the policy (any more).
    ReasonUnknown,
    /// Nobody registered of that name, or without a signing key.
    Unregistered,
    /// The file is not what a reviewer signed for this hold.
    Broken(Defect),
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// It cannot be read as a statement.
    #[error("it is no statement")]
    Unreadable,
    /// Its name is not that of its number and reviewer.
    #[error("its name is not that of its number and reviewer")]
    Renamed,
    /// It speaks of another hold or content.
    #[error("it speaks of another hold or content")]
    Elsewhere,
    /// The signature is not the reviewer's over what it says.
    #[error("its signature does not hold")]
    Signature,
    /// A time in it is none.
    #[error("a time in it is none")]
    Time,
}

/// A statement's file, and what it counts for.
#[derive(Debug, Clone, Serialize)]
pub struct Judged<'a> {
    /// The file.
    #[serde(flatten)]
    pub filed: &'a Filed,
    /// What it counts for.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Why a hold may not go through the line again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody can approve it.
    #[error("hold {hold} is malicious: nobody can approve it")]
    Malicious {
        /// Which.
        hold: String,
    },
    /// Somebody meddled with the statements.
    #[error("the statement {file} of hold {hold} does not hold: {defect}. Find out who changed it, and remove it")]
    Broken {
        /// Which.
        hold: String,
        /// File in its `reviews`.
        file: String,
        /// What is wrong.
        defect: Defect,
    },
    /// The last word is a rejection.
    #[error("hold {hold} was rejected by {by}")]
    Rejected {
        /// Which.
        hold: String,
        /// By whom.
        by: String,
    },
    /// Too few approvals.
    #[error("hold {hold} has {} of {wanted} approvals{}", have.len(), if *expired { "; one or more have expired" } else { "" })]
    Missing {
        /// Which.
        hold: String,
        /// Whose are there.
        have: Vec<String>,
        /// How many it takes.
        wanted: u32,
        /// Whether there were others whose time is over.
        expired: bool,
    },
}

impl Refusal {
    /// Stable word for records.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malicious { .. } => "malicious",
            Self::Broken { .. } => "statement-broken",
            Self::Rejected { .. } => "rejected",
            Self::Missing { expired: true, .. } => "approval-expired",
            Self::Missing { .. } => "approvals-missing",
        }
    }
}

/// What each statement counts for at `now_unix_ms`.
pub fn judge<'a>(
    record: &HoldRecord,
    reviews: &'a [Filed],
    reviewers: &Reviewers,
    policy: &ReviewPolicy,
    now_unix_ms: i64,
) -> Vec<Judged<'a>> {
    let mut judged: Vec<Judged<'_>> =
        reviews.iter().map(|filed| Judged { filed, standing: standing(record, filed, reviewers, policy, now_unix_ms) }).collect();
    let number = |judged: &Judged<'_>| judged.filed.statement.as_ref().map_or(0, |statement| statement.number);
    let rejected = judged.iter().filter(|one| one.standing == Standing::Rejects).map(number).max();
    for one in &mut judged {
        // Of two with the same number, written at the same time, the rejection counts.
        if one.standing == Standing::Approves && rejected.is_some_and(|last| number(one) <= last) {
            one.standing = Standing::TakenBack;
        }
    }
    judged
}

/// What a statement counts for by itself.
fn standing(record: &HoldRecord, filed: &Filed, reviewers: &Reviewers, policy: &ReviewPolicy, now_unix_ms: i64) -> Standing {
    let Some(statement) = &filed.statement else {
        return Standing::Broken(Defect::Unreadable);
    };
    if filed.file != statement.file_name() {
        return Standing::Broken(Defect::Renamed);
    }
    if statement.hold != record.hold || statement.sha256 != record.sha256 {
        return Standing::Broken(Defect::Elsewhere);
    }
    let Some(key) = signing_key(reviewers, statement) else {
        return Standing::Unregistered;
    };
    if !statement.is_signed_by(&key) {
        return Standing::Broken(Defect::Signature);
    }
    if statement.decision != Decision::Approve {
        return Standing::Rejects;
    }
    if !policy.approve_reasons.contains(&statement.reason) {
        return Standing::ReasonUnknown;
    }
    let times = instant::parse(&statement.at).zip(statement.expires.as_deref().and_then(instant::parse));
    let Some((at, expires)) = times else {
        return Standing::Broken(Defect::Time);
    };
    // A policy that has become stricter since then counts.
    let expires = expires.min(at.saturating_add(i64::from(policy.expires_days) * DAY_MS));
    if at > now_unix_ms {
        Standing::FromTheFuture
    } else if now_unix_ms >= expires {
        Standing::Expired
    } else {
        Standing::Approves
    }
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldState {
    /// To be decided.
    Open,
    /// Reviewers let it go through the line again.
    Approved,
    /// The last word is a rejection.
    Rejected,
    /// The original is gone.
    Destroyed,
}

impl HoldState {
    /// Every one, in order.
    pub const ALL: [Self; 4] = [Self::Open, Self::Approved, Self::Rejected, Self::Destroyed];

    /// The word in output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Destroyed => "destroyed",
        }
    }

    /// Of a hold whose destruction has come so far, and whose statements amount to `granted`.
    pub fn of(progress: &Progress, granted: &Result<Exception, Refusal>) -> Self {
        match (progress, granted) {
            (Progress::Begun(_) | Progress::Done(_), _) => Self::Destroyed,
            (Progress::None, Ok(_)) => Self::Approved,
            (Progress::None, Err(Refusal::Rejected { .. })) => Self::Rejected,
            (Progress::None, Err(Refusal::Malicious { .. } | Refusal::Broken { .. } | Refusal::Missing { .. })) => Self::Open,
        }
    }
}

fn signing_key(reviewers: &Reviewers, statement: &Statement) -> Option<SigningKey> {
    reviewers.named(&statement.reviewer)?.signing
}

/// The exception that the statements amount to at `now_unix_ms`: as many different registered reviewers as the policy wants,
/// for this hold and content, none of them expired, none taken back by a later rejection, and never for malicious content.
///
/// # Errors
/// [`Refusal`]: why not.
pub fn exception(
    record: &HoldRecord,
    reviews: &[Filed],
    reviewers: &Reviewers,
    policy: &ReviewPolicy,
    now_unix_ms: i64,
) -> Result<Exception, Refusal> {
    let hold = record.hold.clone();
    // The class that was written and the one that follows from what was seen: the worse counts.
    if !record.class.approvable() || !HoldClass::of(record.reason, &record.findings).approvable() {
        return Err(Refusal::Malicious { hold });
    }
    let judged = judge(record, reviews, reviewers, policy, now_unix_ms);
    for one in &judged {
        if let Standing::Broken(defect) = one.standing {
            return Err(Refusal::Broken { hold, file: one.filed.shown_name(), defect });
        }
    }
    let mut approving: Vec<(SigningKey, &Statement)> = Vec::new();
    for statement in judged.iter().filter(|one| one.standing == Standing::Approves).filter_map(|one| one.filed.statement.as_ref()) {
        // Whoever holds one key is one reviewer, whatever the names.
        if let Some(key) = signing_key(reviewers, statement)
            && approving.iter().all(|(other, _)| *other != key)
        {
            approving.push((key, statement));
        }
    }
    let names: Vec<String> = approving.iter().map(|(_, statement)| statement.reviewer.clone()).collect();
    let wanted = policy.approvals.max(ReviewPolicy::LEAST_APPROVALS);
    if let Some(last) = approving.last().map(|(_, statement)| *statement)
        && approving.len() >= wanted as usize
    {
        #[expect(clippy::disallowed_methods, reason = "this is where the reviewers' signatures were checked")]
        let granted = Exception::by_reviewers(&hold, record.sha256, &names, &last.reason);
        return granted.ok_or(Refusal::Missing { hold, have: names, wanted, expired: false });
    }
    let last_rejection = judged
        .iter()
        .filter(|one| one.standing == Standing::Rejects)
        .filter_map(|one| one.filed.statement.as_ref())
        .max_by_key(|s| s.number);
    if let (Some(rejection), true) = (last_rejection, names.is_empty()) {
        return Err(Refusal::Rejected { hold, by: rejection.reviewer.clone() });
    }
    let expired = judged.iter().any(|one| one.standing == Standing::Expired);
    Err(Refusal::Missing { hold, have: names, wanted, expired })
}

#[cfg(test)]
pub(crate) mod tests;
