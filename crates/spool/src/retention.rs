//! Which holds have been kept long enough.

use crate::instant::{self, DAY_MS};
use crate::quarantine::HoldRecord;
use crate::reviewers::Reviewers;
use crate::reviews::{Filed, Standing, judge};
use model::HoldClass;
use model::policy::{RetentionPolicy, ReviewPolicy};
use serde::Serialize;

/// What becomes of a hold now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// Its time is not over.
    NotYet,
    /// Its time is over, but a reviewer's approval stands, or a statement is broken and somebody has to look.
    UnderReview,
    /// Its time is over.
    Now,
    /// Its record does not say since when it is held.
    Undated,
}

/// Whether the original of a hold is to be destroyed at `now_unix_ms`. One that is kept N days is due when N days have passed
/// to the second.
pub fn due(
    record: &HoldRecord,
    reviews: &[Filed],
    reviewers: &Reviewers,
    (retention, review): (&RetentionPolicy, &ReviewPolicy),
    now_unix_ms: i64,
) -> Due {
    let Some(held_at) = instant::parse(&record.held_at) else {
        return Due::Undated;
    };
    // As for approvals: of the class that was written and the one that follows from what was seen, the worse.
    let class = record.class.min(HoldClass::of(record.reason, &record.findings));
    if now_unix_ms < held_at.saturating_add(i64::from(retention.days(class)) * DAY_MS) {
        return Due::NotYet;
    }
    let judged = judge(record, reviews, reviewers, review, now_unix_ms);
    let open = |standing: &Standing| matches!(standing, Standing::Approves | Standing::FromTheFuture | Standing::Broken(_));
    if judged.iter().any(|one| open(&one.standing)) { Due::UnderReview } else { Due::Now }
}

/// When a session began, from its identifier (`YYYYMMDD-HHMMSS-…`), in milliseconds since 1970.
pub fn session_began(session: &str) -> Option<i64> {
    let (day, time) = (session.get(..8)?, session.get(9..15)?);
    let part = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(day, 0, 4)?,
        part(day, 4, 6)?,
        part(day, 6, 8)?,
        part(time, 0, 2)?,
        part(time, 2, 4)?,
        part(time, 4, 6)?
    );
    instant::parse(&text)
}

/// Whether the names of a session have been kept `days` days at `now_unix_ms`; never for 0.
pub fn names_due(session: &str, days: u32, now_unix_ms: i64) -> bool {
    days > 0 && session_began(session).is_some_and(|began| now_unix_ms >= began.saturating_add(i64::from(days) * DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reviews::tests::{Bench, DAY};

    #[test]
    fn a_hold_is_kept_to_the_second_and_while_an_approval_stands() {
        let bench = Bench::new();
        let policies = (&RetentionPolicy { policy_days: 30, ..RetentionPolicy::default() }, &bench.policy);
        let held_at = instant::parse(&bench.record.held_at).unwrap();
        let at = |reviews: &[Filed], now| due(&bench.record, reviews, &bench.reviewers, policies, now);
        assert_eq!(at(&[], held_at + 30 * DAY - 1), Due::NotYet);
        assert_eq!(at(&[], held_at + 30 * DAY), Due::Now);
        // Approved by one on day 25: good until day 32.
        let approval = [bench.approval(0, 1, held_at + 25 * DAY)];
        assert_eq!(at(&approval, held_at + 32 * DAY - 1), Due::UnderReview);
        assert_eq!(at(&approval, held_at + 32 * DAY), Due::Now);
        let rejected = [approval[0].clone(), bench.rejection(1, 2, held_at + 26 * DAY)];
        assert_eq!(at(&rejected, held_at + 30 * DAY), Due::Now);
    }

    #[test]
    fn each_class_has_its_days_and_an_edited_class_does_not_shorten_them() {
        let bench = Bench::new();
        let policy = RetentionPolicy { malicious_days: 365, policy_days: 30, ..RetentionPolicy::default() };
        let mut record = bench.record.clone();
        record.reason = model::Reason::Malicious;
        let held_at = instant::parse(&record.held_at).unwrap();
        let at = |now| due(&record, &[], &bench.reviewers, (&policy, &bench.policy), now);
        assert_eq!((at(held_at + 365 * DAY - 1), at(held_at + 365 * DAY)), (Due::NotYet, Due::Now));
        record.held_at = "gestern".into();
        assert_eq!(due(&record, &[], &bench.reviewers, (&policy, &bench.policy), i64::MAX), Due::Undated);
    }

    #[test]
    fn a_sessions_names_are_due_to_the_second_and_never_at_zero() {
        let began = instant::parse("2026-11-23T12:00:07Z").unwrap();
        assert_eq!(session_began("20261123-120007-d439c9"), Some(began));
        assert_eq!(session_began("sitzung"), None);
        assert!(!names_due("20261123-120007-d439c9", 10, began + 10 * DAY - 1));
        assert!(names_due("20261123-120007-d439c9", 10, began + 10 * DAY));
        assert!(!names_due("20261123-120007-d439c9", 0, i64::MAX));
    }
}
