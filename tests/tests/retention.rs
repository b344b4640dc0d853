//! Retention with the real program: what is due is destroyed, to the end, and nothing else.

use anyhow::{Context as _, Result, ensure};
use audit::events;
use e2e::review::{Review, SESSION};
use model::HoldClass;
use serde_json::Value;
use spool::{Destruction, HoldRecord, Quarantine};
use std::fs;

#[test]
fn retention_destroys_what_is_due_finishes_what_was_interrupted_and_spares_what_is_under_review() -> Result<()> {
    let review = Review::new()?;
    let (old, young) = (review.hold(1, HoldClass::Policy, "2020-01-01T00:00:00Z")?, review.now_held(2)?);
    let under_review = review.hold(3, HoldClass::Policy, "2020-01-01T00:00:00Z")?;
    ensure!(review.approve("anna", &under_review.hold)?.status == 0);
    // Killed after the intent: before its record, and before the removal.
    let interrupted = review.hold(4, HoldClass::Policy, "2020-01-01T00:00:00Z")?;
    let intent = Destruction::of(&interrupted, "2026-01-01T00:00:00Z", "station", "retention");
    Quarantine::begin_destruction(&review.quarantine(), &intent)?;
    let original = |record: &HoldRecord| review.quarantine().join(&record.hold).join("original.age").exists();

    let dry = review.scratch.schleuse(&["retention", "run", "--dry-run"])?;
    ensure!(dry.status == 0 && dry.stdout.contains(&format!("would be destroyed: {}", old.hold)), "{dry:?}");
    ensure!(original(&old) && original(&interrupted));
    // Somebody decides on one at this moment: it is let be.
    let lock = Quarantine::lock(&review.quarantine(), &old.hold)?;
    let busy = review.scratch.schleuse(&["retention", "run", "--json"])?;
    let said: Value = serde_json::from_str(&busy.stdout)?;
    assert_eq!(said["kept"], serde_json::json!([old.hold, under_review.hold]));
    assert_eq!(said["finished"], serde_json::json!([interrupted.hold]));
    ensure!(original(&old) && !original(&interrupted));
    drop(lock);
    ensure!(review.scratch.schleuse(&["retention", "run"])?.status == 0);
    assert_eq!([&old, &young, &under_review].map(original), [false, true, true]);
    assert_eq!(review.state(&old.hold)?, "destroyed");
    let destroyed = review.recorded(events::HOLD_DESTROYED)?;
    let holds: Vec<&str> = destroyed.iter().filter_map(|(_, payload)| payload["hold"].as_str()).collect();
    assert_eq!(holds, [interrupted.hold.as_str(), old.hold.as_str()]);
    assert_eq!(destroyed.first().map(|(_, payload)| payload["after_interruption"].clone()), Some(Value::Bool(true)));
    assert_eq!(review.recorded(events::RETENTION_RUN)?.len(), 2);
    // And it is over: nothing is done twice.
    ensure!(review.scratch.schleuse(&["retention", "run"])?.status == 0);
    assert_eq!(review.recorded(events::HOLD_DESTROYED)?.len(), 2);
    Ok(())
}

#[test]
fn names_in_the_chain_are_erased_when_their_time_is_over_and_holds_stay_decidable() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    ensure!(review.approve("anna", &hold)?.status == 0);
    let keys = review.scratch.state().join("keys/sessions");
    ensure!(keys.join(format!("{SESSION}.key")).exists(), "nothing to erase");
    let policy = review.scratch.path("policy.toml");
    fs::write(&policy, "[retention]\nsession_names_days = 1\n")?;
    let policy = policy.to_string_lossy();
    ensure!(review.scratch.schleuse(&["retention", "run"])?.status == 0);
    ensure!(keys.join(format!("{SESSION}.key")).exists(), "erased without a policy that says so");
    let ended = review.scratch.schleuse(&["retention", "run", "--policy", &policy])?;
    ensure!(ended.status == 0 && ended.stdout.contains(SESSION), "{ended:?}");
    ensure!(!keys.join(format!("{SESSION}.key")).exists());
    let (_, payload) = review.recorded(events::REVIEW_DECIDED)?.pop().context("the record")?;
    assert_eq!(payload, "Erased");
    ensure!(review.scratch.schleuse(&["audit", "verify"])?.status == 0);
    let rejected = review.decide("reject", "bert", &hold, "privacy")?;
    ensure!(rejected.status == 0, "{rejected:?}");
    Ok(())
}
