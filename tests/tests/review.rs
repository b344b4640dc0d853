//! Review with the real program: who may decide on a hold, who may not, and that every refusal is on record.

use anyhow::{Context as _, Result, ensure};
use audit::{Clock as _, Filter, OsEntropy, SystemClock, events};
use e2e::review::{CONTENT, Review};
use e2e::{command, program, run_with, settings};
use model::HoldClass;
use pipeline::{Station, Unobserved};
use scan::ClamdAddress;
use serde_json::Value;
use spool::reviews::{Decision, Filed, Statement, Wanted};
use spool::{HoldRecord, IdentityFile, Quarantine, ReviewerIdentity};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every file below a directory.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = walkdir::WalkDir::new(dir).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect())
}

#[test]
fn nothing_the_stations_account_can_read_opens_a_hold() -> Result<()> {
    let review = Review::new()?;
    let record = review.now_held(1)?;
    for file in files_below(&review.scratch.state())? {
        let bytes = fs::read(&file)?;
        ensure!(!bytes.windows(CONTENT.len()).any(|window| window == CONTENT), "{} has the content", file.display());
        ensure!(!bytes.windows(14).any(|window| window == b"AGE-SECRET-KEY"), "{} is an identity", file.display());
        // No file of the station serves as one either.
        if let Ok(identity) = IdentityFile::read(&file)?.open("") {
            ensure!(Quarantine::check_original(&review.quarantine(), &record, &identity).is_err(), "{} opens it", file.display());
        }
    }
    let anna = IdentityFile::read(&review.identity("anna"))?.open("")?;
    Quarantine::check_original(&review.quarantine(), &record, &anna)?;
    Ok(())
}

#[test]
fn one_reviewer_alone_releases_nothing_and_two_do() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    let first = review.approve("anna", &hold)?;
    ensure!(first.status == 0 && first.stdout.contains("1 of 2"), "{first:?}");
    review.check_refused(&review.approve("anna", &hold)?, "anna", "approved-already")?;
    assert_eq!(review.state(&hold)?, "open");
    ensure!(!review.scratch.release().exists(), "something was released");
    let second = review.approve("bert", &hold)?;
    ensure!(second.status != 5, "{second:?}");
    assert_eq!(review.state(&hold)?, "approved");
    let decided = review.recorded(events::REVIEW_DECIDED)?;
    let who: Vec<&str> = decided.iter().map(|(actor, _)| actor.as_str()).collect();
    assert_eq!(who, ["anna", "bert"]);
    assert!(decided.iter().all(|(_, payload)| payload["hold"] == hold.as_str() && payload["decision"] == "approve"));
    Ok(())
}

#[test]
fn a_rejection_takes_an_approval_back() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    assert_eq!(review.approve("anna", &hold)?.status, 0);
    assert_eq!(review.decide("reject", "bert", &hold, "hostile")?.status, 0);
    assert_eq!(review.state(&hold)?, "rejected");
    // Bert's approval is then the first again.
    let again = review.approve("bert", &hold)?;
    ensure!(again.status == 0 && again.stdout.contains("1 of 2"), "{again:?}");
    Ok(())
}

/// Puts something into the `reviews` of a hold that anna has approved; nothing goes through after that, and bert is refused.
fn check_meddling(what: &str, meddle: impl FnOnce(&Review, &HoldRecord) -> Result<()>) -> Result<()> {
    let review = Review::new()?;
    let record = review.now_held(1)?;
    ensure!(review.approve("anna", &record.hold)?.status == 0);
    meddle(&review, &record)?;
    let state = review.state(&record.hold)?;
    ensure!(state == "open", "{what}: {state}");
    review.check_refused(&review.approve("bert", &record.hold)?, "bert", "statement-broken").context(what.to_owned())?;
    ensure!(!review.scratch.release().exists(), "{what}: something was released");
    Ok(())
}

#[test]
fn a_statement_copied_under_another_name_does_not_count() -> Result<()> {
    check_meddling("copied", |review, record| {
        let dir = review.reviews(record);
        fs::copy(dir.join("001-anna.json"), dir.join("002-bert.json"))?;
        Ok(())
    })
}

#[test]
fn a_statement_edited_to_name_another_reviewer_does_not_count() -> Result<()> {
    check_meddling("edited", |review, record| {
        let dir = review.reviews(record);
        let edited =
            fs::read_to_string(dir.join("001-anna.json"))?.replace("\"anna\"", "\"bert\"").replace("\"number\": 1", "\"number\": 2");
        Ok(fs::write(dir.join("002-bert.json"), edited)?)
    })
}

#[test]
fn a_statement_about_another_hold_does_not_count() -> Result<()> {
    check_meddling("replayed", |review, record| {
        let other = review.now_held(2)?;
        // Of the same content, and with a fitting number.
        ensure!(review.approve("bert", &other.hold)?.status == 0);
        fs::copy(review.reviews(&other).join("001-bert.json"), review.reviews(record).join("001-bert.json"))?;
        Ok(())
    })
}

/// bert's approval of `record`, as `identity` signs it.
fn signed_as(name: &str, record: &HoldRecord, identity: &ReviewerIdentity) -> Result<Statement> {
    let policy = settings("")?.policy.review;
    let wanted = Wanted { decision: Decision::Approve, reason: "business-need", comment: "", reviewer: name };
    let now = SystemClock.now_unix_ms();
    Statement::sign(record, 2, &wanted, &policy, identity, now).context("a statement")
}

#[test]
fn a_statement_signed_with_another_key_does_not_count() -> Result<()> {
    check_meddling("forged", |review, record| {
        let forged = signed_as("bert", record, &ReviewerIdentity::generate()?)?;
        Ok(forged.file(&review.quarantine().join(&record.hold))?)
    })
}

#[test]
fn a_statement_of_somebody_unregistered_is_none() -> Result<()> {
    let review = Review::new()?;
    let record = review.now_held(1)?;
    assert_eq!(review.approve("anna", &record.hold)?.status, 0);
    signed_as("mallory", &record, &ReviewerIdentity::generate()?)?.file(&review.quarantine().join(&record.hold))?;
    assert_eq!(review.state(&record.hold)?, "open");
    ensure!(Filed::all(&review.quarantine().join(&record.hold))?.len() == 2);
    Ok(())
}

#[test]
fn malicious_content_is_approved_by_nobody() -> Result<()> {
    let review = Review::new()?;
    let record = review.hold(1, HoldClass::Malicious, "2026-11-01T00:00:00Z")?;
    for name in ["anna", "bert"] {
        review.check_refused(&review.approve(name, &record.hold)?, name, "malicious")?;
    }
    // Nor when somebody who can write the record calls it something else.
    let path = review.quarantine().join(&record.hold).join("record.json");
    let edited = fs::read_to_string(&path)?.replace("\"class\": \"malicious\"", "\"class\": \"policy\"");
    fs::write(&path, edited)?;
    review.check_refused(&review.approve("anna", &record.hold)?, "anna", "malicious")?;
    ensure!(!review.reviews(&record).exists(), "a statement was filed");
    Ok(())
}

#[test]
fn every_refusal_is_on_record_with_who_and_why() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    review.make("mallory")?;
    review.check_refused(&review.approve("mallory", &hold)?, "unknown", "reviewer-unknown")?;
    fs::write(review.identity("nothing"), "kein Schlüssel")?;
    review.check_refused(&review.approve("nothing", &hold)?, "unknown", "identity-not-opened")?;
    review.check_refused(&review.approve("anna", "20260101-000000-abcdef-999999")?, "anna", "hold-unknown")?;
    review.check_refused(&review.approve("anna", "../../etc")?, "anna", "hold-unknown")?;
    review.check_refused(&review.decide("approve", "anna", &hold, "because")?, "anna", "reason-unknown")?;
    review.check_refused(&review.decide("reject", "anna", &hold, "business-need")?, "anna", "reason-unknown")?;
    let long = "x".repeat(2_001);
    let words = ["quarantine", "reject", &hold, "--reason", "hostile", "--comment", &long, "--identity"];
    let identity = review.identity("anna");
    let words: Vec<&str> = words.into_iter().chain([identity.to_str().context("a path")?]).collect();
    review.check_refused(&review.scratch.schleuse(&words)?, "anna", "comment-too-long")?;
    // Registered after the content was locked away: decides, but cannot have seen it.
    assert_eq!(review.register("carl")?.status, 0);
    review.check_refused(&review.approve("carl", &hold)?, "carl", "cannot-decrypt")?;
    // Another content under the same record.
    let anna = fs::read_to_string(review.scratch.path("reviewers").join("anna.pub"))?;
    let anna: age::x25519::Recipient = anna.lines().next().context("a key")?.parse().map_err(anyhow::Error::msg)?;
    fs::write(review.quarantine().join(&hold).join("original.age"), age::encrypt(&anna, b"something else")?)?;
    review.check_refused(&review.approve("anna", &hold)?, "anna", "original-differs")?;
    // A key that is registered already, under another name.
    let copy = review.scratch.path("reviewers").join("dora.pub");
    fs::copy(review.scratch.path("reviewers").join("anna.pub"), &copy)?;
    let added = review.scratch.schleuse(&["reviewer", "add", &copy.to_string_lossy()])?;
    review.check_refused(&added, "administrator", "reviewer-not-accepted")?;
    assert_eq!(review.recorded(events::REVIEW_DECIDED)?, []);
    Ok(())
}

#[test]
fn a_removed_reviewer_decides_no_more_and_the_change_is_on_record() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    assert_eq!(review.approve("anna", &hold)?.status, 0);
    assert_eq!(review.register("carl")?.status, 0);
    assert_eq!(review.scratch.schleuse(&["reviewer", "remove", "anna"])?.status, 0);
    review.check_refused(&review.approve("anna", &hold)?, "unknown", "reviewer-unknown")?;
    // Nor does what anna said before.
    let second = review.approve("bert", &hold)?;
    ensure!(second.status == 0 && second.stdout.contains("1 of 2"), "{second:?}");
    let changes = review.recorded(events::CONFIGURATION_CHANGED)?;
    let changes: Vec<&str> = changes.iter().filter_map(|(_, payload)| payload["change"].as_str()).collect();
    assert_eq!(changes, ["add", "add", "add", "remove"]);
    Ok(())
}

#[test]
fn a_reviewer_decides_while_another_program_holds_the_chain() -> Result<()> {
    let review = Review::new()?;
    let hold = review.now_held(1)?.hold;
    let runtime = tokio::runtime::Runtime::new()?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
    let state = review.scratch.state();
    let opening =
        Station::open(&state, program("schleuse-worker")?, settings("")?, ClamdAddress::Auto, clock, entropy, Arc::new(Unobserved));
    let station = runtime.block_on(opening)?;
    let first = review.approve("anna", &hold)?;
    ensure!(first.status == 0, "{first:?}");
    let refused = review.approve("anna", &hold)?;
    ensure!(refused.status == 5, "{refused:?}");
    station.recorder().note(None, events::STATION_STOP, serde_json::json!({}));
    runtime.block_on(station.recorder().flush())?;
    drop(station);
    let verified = review.scratch.schleuse(&["audit", "verify"])?;
    ensure!(verified.status == 0, "{verified:?}");
    // One chain, in the order in which it happened.
    let all = audit::show(&state, Filter::default())?.collect::<Result<Vec<_>, _>>()?;
    let wanted = [events::REVIEW_DECIDED, events::REQUEST_REFUSED, events::STATION_STOP];
    let order: Vec<&str> = all.iter().map(|shown| shown.event.as_str()).filter(|event| wanted.contains(event)).collect();
    assert_eq!(order, wanted);
    Ok(())
}

#[test]
fn an_identity_is_protected_by_its_passphrase_and_a_wrong_one_is_on_record() -> Result<()> {
    let review = Review::new()?;
    let identity = review.identity("dora");
    let create = |input: &str| {
        let mut create = command(program("schleuse")?);
        // By its bare name, as a person does it.
        create
            .args(["reviewer", "create", "dora", "--passphrase-stdin", "--identity", "dora"])
            .current_dir(review.scratch.path("reviewers"));
        run_with(&mut create, input)
    };
    ensure!(create("vier Worte und ein Fisch\n")?.status == 0);
    ensure!(!fs::read(&identity)?.windows(14).any(|window| window == b"AGE-SECRET-KEY"), "it lies in clear");
    // Given again it is the same key, and only with the passphrase.
    let public = fs::read(review.scratch.path("reviewers").join("dora.pub"))?;
    ensure!(create("falsch\n")?.status == 2);
    ensure!(create("vier Worte und ein Fisch\n")?.status == 0);
    assert_eq!(fs::read(review.scratch.path("reviewers").join("dora.pub"))?, public);
    let add = review.scratch.path("reviewers").join("dora.pub");
    ensure!(review.scratch.schleuse(&["reviewer", "add", &add.to_string_lossy()])?.status == 0);
    let hold = review.now_held(1)?.hold;
    let approve = |input: &str| {
        let mut approve = command(program("schleuse")?);
        approve.args(["quarantine", "approve", &hold, "--reason", "business-need", "--passphrase-stdin", "--identity"]).arg(&identity);
        run_with(approve.arg("--state").arg(review.scratch.state()), input)
    };
    review.check_refused(&approve("falsch\n")?, "unknown", "identity-not-opened")?;
    let approved = approve("vier Worte und ein Fisch\n")?;
    ensure!(approved.status == 0 && approved.stdout.contains("1 of 2"), "{approved:?}");
    ensure!(!approved.stderr.contains("Fisch"), "the passphrase is shown");
    Ok(())
}

#[test]
fn destroying_wants_the_holds_name_and_leaves_record_and_statement() -> Result<()> {
    let review = Review::new()?;
    let record = review.now_held(1)?;
    let place = review.quarantine().join(&record.hold);
    review.check_refused(&review.decide("destroy", "anna", &record.hold, "privacy")?, "anna", "not-confirmed")?;
    ensure!(place.join("original.age").exists());
    let identity = review.identity("anna");
    let identity = identity.to_str().context("a path")?;
    let words = ["quarantine", "destroy", &record.hold, "--reason", "privacy", "--identity", identity, "--yes", &record.hold];
    let destroyed = review.scratch.schleuse(&words)?;
    ensure!(destroyed.status == 0, "{destroyed:?}");
    ensure!(!place.join("original.age").exists() && place.join("destroyed.json").exists());
    assert_eq!(Quarantine::show(&review.quarantine(), &record.hold)?, record);
    assert_eq!(review.state(&record.hold)?, "destroyed");
    let said = Filed::all(&place)?.pop().and_then(|filed| filed.statement).context("a statement")?;
    assert_eq!((said.decision, said.reviewer.as_str()), (Decision::Destroy, "anna"));
    let (actor, payload) = review.recorded(events::HOLD_DESTROYED)?.pop().context("not on record")?;
    assert_eq!((actor.as_str(), &payload["reason"]), ("anna", &Value::from("privacy")));
    review.check_refused(&review.scratch.schleuse(&words)?, "anna", "destroyed")?;
    review.check_refused(&review.approve("bert", &record.hold)?, "bert", "destroyed")?;
    Ok(())
}

#[test]
fn holds_are_listed_by_what_is_asked_for_and_counted() -> Result<()> {
    let review = Review::new()?;
    let old = review.hold(1, HoldClass::Malicious, "2020-01-01T00:00:00Z")?;
    let new = review.now_held(2)?;
    let listed = |words: &[&str]| -> Result<Vec<String>> {
        let words: Vec<&str> = ["quarantine", "list", "--json"].iter().chain(words).copied().collect();
        let ended = review.scratch.schleuse(&words)?;
        ensure!(ended.status == 0, "{ended:?}");
        let holds: Vec<Value> = serde_json::from_str(&ended.stdout)?;
        holds.iter().map(|hold| Ok(hold["hold"].as_str().context("a hold")?.to_owned())).collect()
    };
    let (old, new) = (old.hold.as_str(), new.hold.as_str());
    assert_eq!(listed(&[])?, [old, new]);
    assert_eq!(listed(&["--class", "malicious"])?, [old]);
    assert_eq!(listed(&["--reason", "stripped"])?, [new]);
    assert_eq!(listed(&["--older-than-days", "100"])?, [old]);
    assert_eq!(listed(&["--session", "another"])?, Vec::<String>::new());
    ensure!(review.decide("reject", "anna", new, "hostile")?.status == 0);
    assert_eq!(listed(&["--in", "rejected"])?, [new]);
    assert_eq!(listed(&["--in", "open", "--sort", "class"])?, [old]);
    let stats = review.scratch.schleuse(&["quarantine", "stats", "--json"])?;
    let stats: Value = serde_json::from_str(&stats.stdout)?;
    assert_eq!(stats["by"]["state"], serde_json::json!({ "open": 1, "rejected": 1 }));
    assert_eq!(stats["by"]["class"], serde_json::json!({ "malicious": 1, "policy": 1 }));
    assert_eq!(stats["by"]["age"], serde_json::json!({ "up to 1 day": 1, "more than 90 days": 1 }));
    Ok(())
}
