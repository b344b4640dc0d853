//! Tests of the hold store.

use super::*;
use crate::ReviewerError;
use crate::content::Spool;
use std::io::Read as _;

pub(crate) fn record(hold: &str, content: &SpoolFile) -> HoldRecord {
    HoldRecord {
        schema: RECORD_SCHEMA.into(),
        hold: hold.into(),
        session: "s".into(),
        station: "st".into(),
        owner: None,
        held_at: "2026-01-01T00:00:00Z".into(),
        path: "a/b.exe".into(),
        order: vec![1],
        release_path: vec!["a".into(), "b.exe".into()],
        claimed: "exe".into(),
        sha256: content.digest,
        size_bytes: content.size_bytes,
        format: Some(Format::Pe),
        reason: Reason::Stripped,
        class: HoldClass::Policy,
        findings: vec![],
        removed: vec![],
        policy_sha256: Digest([0; 32]),
        previews: vec![],
    }
}

#[test]
fn only_the_reviewers_identity_opens_a_hold() {
    let root = tempfile::tempdir().unwrap();
    let identity_file = root.path().join("identity.txt");
    let reviewers = Reviewers::create_first(&root.path().join("reviewers"), &identity_file).unwrap();
    assert_eq!(Reviewers::load(&root.path().join("reviewers")).unwrap().public_keys(), reviewers.public_keys());
    let spool = Spool::create(&root.path().join("spool"), "s", u64::MAX).unwrap();
    let content = spool.put(b"MZ hostile").unwrap();
    let dir = root.path().join("quarantine");
    let store = Quarantine::open(&dir, reviewers, Some(&[])).unwrap();
    store.hold(&record("s-000001", &content), &content, &[]).unwrap();

    let sealed = fs::read(dir.join("s-000001/original.age")).unwrap();
    assert!(!sealed.windows(7).any(|w| w == b"hostile"));
    let open_with = |identity: &age::x25519::Identity| {
        let decryptor = age::Decryptor::new(&sealed[..]).unwrap();
        let mut plain = Vec::new();
        decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map(|mut r| r.read_to_end(&mut plain).unwrap())?;
        Ok::<_, age::DecryptError>(plain)
    };
    let text = fs::read_to_string(&identity_file).unwrap();
    let identity = text.lines().find(|l| l.starts_with("AGE-SECRET-KEY")).unwrap().parse().unwrap();
    assert_eq!(open_with(&identity).unwrap(), b"MZ hostile");
    assert!(open_with(&age::x25519::Identity::generate()).is_err());
    assert_eq!(Quarantine::list(&dir).unwrap().len(), 1);
}

#[test]
fn unfinished_holds_are_removed_and_foreign_names_refused() {
    let root = tempfile::tempdir().unwrap();
    let reviewers = Reviewers::create_first(&root.path().join("r"), &root.path().join("id")).unwrap();
    let dir = root.path().join("q");
    fs::create_dir_all(dir.join(".partial-s-1")).unwrap();
    // Of a session that another program is at work on it stays.
    let again = Reviewers::load(&root.path().join("r")).unwrap();
    Quarantine::open(&dir, again, Some(&["s-1".to_owned()])).unwrap();
    assert!(dir.join(".partial-s-1").exists());
    Quarantine::open(&dir, reviewers, Some(&[])).unwrap();
    assert!(!dir.join(".partial-s-1").exists());
    assert!(matches!(Quarantine::show(&dir, "../../etc"), Err(QuarantineError::Unknown { .. })));
    assert!(matches!(Reviewers::load(&root.path().join("none")), Err(ReviewerError::Absent { .. })));
}

/// A store with one hold in it, and who opens it.
fn one_hold(root: &Path) -> (PathBuf, HoldRecord, crate::ReviewerIdentity) {
    let reviewers = Reviewers::create_first(&root.join("r"), &root.join("id")).unwrap();
    let spool = Spool::create(&root.join("spool"), "s", u64::MAX).unwrap();
    let content = spool.put(b"MZ hostile").unwrap();
    let record = record("s-000001", &content);
    let dir = root.join("q");
    Quarantine::open(&dir, reviewers, Some(&[])).unwrap().hold(&record, &content, &[]).unwrap();
    (dir, record, crate::IdentityFile::read(&root.join("id")).unwrap().open("").unwrap())
}

#[test]
fn an_original_is_read_to_its_end_only_if_it_is_what_was_held() {
    let root = tempfile::tempdir().unwrap();
    let (dir, record, identity) = one_hold(root.path());
    Quarantine::check_original(&dir, &record, &identity).unwrap();
    let stranger = crate::ReviewerIdentity::generate().unwrap();
    assert!(matches!(Quarantine::check_original(&dir, &record, &stranger), Err(OriginalError::NotForThis { .. })));
    // Another content, encrypted to the same reviewer: anybody can do that.
    let original = dir.join("s-000001/original.age");
    let sealed = fs::read(&original).unwrap();
    for content in [&b"MZ hostilE"[..], b"MZ", b"MZ hostile and more"] {
        let recipient = identity.recipient();
        fs::write(&original, age::encrypt(&recipient, content).unwrap()).unwrap();
        assert!(matches!(Quarantine::check_original(&dir, &record, &identity), Err(OriginalError::Differs { .. })));
    }
    fs::write(&original, &sealed[..sealed.len() - 1]).unwrap();
    assert!(matches!(Quarantine::check_original(&dir, &record, &identity), Err(OriginalError::Differs { .. })));
}

#[test]
fn a_hold_killed_after_any_of_its_file_operations_is_there_whole_or_not_at_all() {
    let root = tempfile::tempdir().unwrap();
    let (dir, record, identity) = one_hold(root.path());
    let whole = dir.join("s-000001");
    let (original, json) = (fs::read(whole.join("original.age")).unwrap(), fs::read(whole.join("record.json")).unwrap());
    // Everything before the rename, in its order: the directory, the original byte by byte, the record byte by byte.
    let halves = [None, Some((0, 0)), Some((original.len() / 2, 0)), Some((original.len(), 0)), Some((original.len(), json.len() / 2))];
    for written in halves.into_iter().chain([Some((original.len(), json.len()))]) {
        let partial = dir.join(".partial-s-000002");
        fs::create_dir(&partial).unwrap();
        if let Some((of_original, of_record)) = written {
            fs::write(partial.join("original.age"), &original[..of_original]).unwrap();
            if of_record > 0 {
                fs::write(partial.join("record.json"), &json[..of_record]).unwrap();
            }
        }
        assert_eq!(Quarantine::list(&dir).unwrap(), std::slice::from_ref(&record), "{written:?}");
        let reviewers = Reviewers::load(&root.path().join("r")).unwrap();
        Quarantine::open(&dir, reviewers, Some(&[])).unwrap();
        assert!(!partial.exists(), "{written:?}");
    }
    Quarantine::check_original(&dir, &record, &identity).unwrap();
}

#[test]
fn a_destruction_killed_after_any_step_leaves_a_whole_or_a_destroyed_hold_and_is_finished() {
    // After 0: half the intent is written; 1: the intent; 2: the original is gone; 3: the previews too; 4: the end.
    for step in 0..=4 {
        let root = tempfile::tempdir().unwrap();
        let (dir, record, identity) = one_hold(root.path());
        let place = dir.join(&record.hold);
        fs::write(place.join("preview-1.age"), "Bild").unwrap();
        let destruction = Destruction::of(&record, "2026-02-01T00:00:00Z", "station", "retention");
        if step == 0 {
            fs::write(place.join(".destroying.json.partial"), "{").unwrap();
            assert_eq!(Quarantine::destruction(&dir, &record.hold).unwrap(), Progress::None);
            Quarantine::check_original(&dir, &record, &identity).unwrap();
        }
        Quarantine::begin_destruction(&dir, &destruction).unwrap();
        match step {
            2 => fs::remove_file(place.join("original.age")).unwrap(),
            3 => {
                fs::remove_file(place.join("original.age")).unwrap();
                fs::remove_file(place.join("preview-1.age")).unwrap();
            }
            4 => Quarantine::finish_destruction(&dir, &record.hold).unwrap(),
            _ => {}
        }
        let expected = if step == 4 { Progress::Done(destruction.clone()) } else { Progress::Begun(destruction.clone()) };
        assert_eq!(Quarantine::destruction(&dir, &record.hold).unwrap(), expected, "{step}");
        assert!(matches!(Quarantine::original(&dir, &record, &identity), Err(OriginalError::Destroyed { .. })), "{step}");
        Quarantine::finish_destruction(&dir, &record.hold).unwrap();
        assert_eq!(Quarantine::destruction(&dir, &record.hold).unwrap(), Progress::Done(destruction), "{step}");
        assert!(!place.join("original.age").exists() && !place.join("preview-1.age").exists(), "{step}");
        // The record stays.
        assert_eq!(Quarantine::show(&dir, &record.hold).unwrap(), record, "{step}");
    }
}

#[test]
fn one_program_at_a_time_decides_on_a_hold() {
    let root = tempfile::tempdir().unwrap();
    let (dir, record, _) = one_hold(root.path());
    let lock = Quarantine::lock(&dir, &record.hold).unwrap();
    assert!(matches!(Quarantine::lock(&dir, &record.hold), Err(QuarantineError::Busy { .. })));
    drop(lock);
    let _again = Quarantine::lock(&dir, &record.hold).unwrap();
    assert!(matches!(Quarantine::lock(&dir, "../r"), Err(QuarantineError::Unknown { .. })));
}
