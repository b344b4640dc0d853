//! Tests of what statements amount to.

use super::*;
use crate::identity::ReviewerIdentity;
use model::{Digest, Effect, Finding, FindingCode, Reason};
use std::fs;
use std::path::PathBuf;

pub(crate) const DAY: i64 = DAY_MS;
const NAMES: [&str; 3] = ["anna", "bert", "carl"];

/// A hold, three registered reviewers and the shipped policy.
pub(crate) struct Bench {
    root: tempfile::TempDir,
    identities: Vec<ReviewerIdentity>,
    pub(crate) reviewers: Reviewers,
    pub(crate) policy: ReviewPolicy,
    pub(crate) record: HoldRecord,
    now: i64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let identities: Vec<_> = NAMES.iter().map(|_| ReviewerIdentity::generate().unwrap()).collect();
        for (name, identity) in NAMES.iter().zip(&identities) {
            let file = root.path().join(format!("{name}.pub"));
            fs::write(&file, identity.public_lines()).unwrap();
            Reviewers::add(&root.path().join("reviewers"), &file).unwrap();
        }
        let reviewers = Reviewers::load(&root.path().join("reviewers")).unwrap();
        let record = HoldRecord {
            schema: crate::RECORD_SCHEMA.into(),
            hold: "20260101-000000-abcdef-000001".into(),
            session: "20260101-000000-abcdef".into(),
            station: "station-1".into(),
            owner: None,
            held_at: "2026-01-01T00:00:00Z".into(),
            path: "a/b.hta".into(),
            order: vec![1],
            release_path: vec!["a".into(), "b.hta".into()],
            claimed: "hta".into(),
            sha256: Digest([7; 32]),
            size_bytes: 5,
            format: None,
            reason: Reason::Stripped,
            class: HoldClass::Policy,
            findings: vec![],
            removed: vec![],
            policy_sha256: Digest([0; 32]),
            previews: vec![],
        };
        let now = instant::parse("2026-01-02T10:00:00Z").unwrap();
        Self { root, identities, reviewers, policy: ReviewPolicy::default(), record, now }
    }

    fn statement(&self, who: usize, number: u32, decision: Decision, reason: &str, at: i64) -> Statement {
        let wanted = Wanted { decision, reason, comment: "gesehen", reviewer: NAMES[who] };
        Statement::sign(&self.record, number, &wanted, &self.policy, &self.identities[who], at).unwrap()
    }

    pub(crate) fn approval(&self, who: usize, number: u32, at: i64) -> Filed {
        filed(self.statement(who, number, Decision::Approve, "business-need", at))
    }

    pub(crate) fn rejection(&self, who: usize, number: u32, at: i64) -> Filed {
        filed(self.statement(who, number, Decision::Reject, "hostile", at))
    }

    fn both(&self) -> Vec<Filed> {
        vec![self.approval(0, 1, self.now), self.approval(1, 2, self.now)]
    }

    fn at(&self, reviews: &[Filed], now: i64) -> Result<Exception, Refusal> {
        exception(&self.record, reviews, &self.reviewers, &self.policy, now)
    }

    fn now(&self, reviews: &[Filed]) -> Result<Exception, Refusal> {
        self.at(reviews, self.now)
    }

    fn hold_dir(&self) -> PathBuf {
        let dir = self.root.path().join("hold");
        fs::create_dir_all(&dir).unwrap();
        dir
    }
}

fn filed(statement: Statement) -> Filed {
    Filed { file: statement.file_name(), statement: Some(statement) }
}

fn broken(result: Result<Exception, Refusal>) -> Defect {
    match result {
        Err(Refusal::Broken { defect, .. }) => defect,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_different_reviewers_make_an_exception_and_one_never_does() {
    let bench = Bench::new();
    let granted = bench.now(&bench.both()).unwrap();
    assert_eq!((granted.reviewers(), granted.reason()), (&["anna".to_owned(), "bert".to_owned()][..], "business-need"));
    assert_eq!((granted.hold(), granted.digest()), (bench.record.hold.as_str(), bench.record.sha256));
    let missing = |reviews: &[Filed]| matches!(bench.now(reviews), Err(Refusal::Missing { .. }));
    assert!(missing(&[]) && missing(&[bench.approval(0, 1, bench.now)]));
    // Not twice either.
    assert!(missing(&[bench.approval(0, 1, bench.now), bench.approval(0, 2, bench.now)]));
}

#[test]
fn a_policy_that_wants_three_is_not_content_with_two_and_one_that_wants_one_is_not_obeyed() {
    let mut bench = Bench::new();
    bench.policy.approvals = 3;
    assert!(matches!(bench.now(&bench.both()), Err(Refusal::Missing { wanted: 3, .. })));
    bench.policy.approvals = 1;
    assert!(matches!(bench.now(&bench.both()[..1]), Err(Refusal::Missing { wanted: 2, .. })));
}

#[test]
fn malicious_content_is_approved_by_nobody_whatever_the_record_calls_it() {
    let mut bench = Bench::new();
    bench.record.class = HoldClass::Malicious;
    assert!(matches!(bench.now(&bench.both()), Err(Refusal::Malicious { .. })));
    bench.record.class = HoldClass::Policy;
    bench.record.reason = Reason::Malicious;
    assert!(matches!(bench.now(&bench.both()), Err(Refusal::Malicious { .. })));
    bench.record.reason = Reason::Encrypted;
    bench.record.findings = vec![Finding::own(FindingCode::ClamavMatch, Effect::Malicious, "Eicar")];
    assert!(matches!(bench.now(&bench.both()), Err(Refusal::Malicious { .. })));
}

#[test]
fn an_approval_is_good_until_its_last_second() {
    let bench = Bench::new();
    let reviews = [bench.approval(0, 1, bench.now), bench.approval(1, 2, bench.now + DAY)];
    assert!(bench.at(&reviews, bench.now + 7 * DAY - 1).is_ok());
    assert!(matches!(bench.at(&reviews, bench.now + 7 * DAY), Err(Refusal::Missing { expired: true, .. })));
    // Nor does one count that is to be given only later.
    assert!(matches!(bench.at(&reviews, bench.now), Err(Refusal::Missing { expired: false, .. })));
    // Signed for longer than the policy allows now.
    let mut stricter = bench;
    stricter.policy.expires_days = 2;
    assert!(matches!(stricter.at(&reviews, stricter.now + 2 * DAY), Err(Refusal::Missing { expired: true, .. })));
}

#[test]
fn a_later_rejection_takes_approvals_back_until_both_approve_anew() {
    let bench = Bench::new();
    let mut reviews = bench.both();
    reviews.push(bench.rejection(2, 3, bench.now));
    assert!(matches!(bench.now(&reviews), Err(Refusal::Rejected { by, .. }) if by == "carl"));
    reviews.push(bench.approval(0, 4, bench.now));
    assert!(matches!(bench.now(&reviews), Err(Refusal::Missing { .. })));
    reviews.push(bench.approval(1, 5, bench.now));
    assert!(bench.now(&reviews).is_ok());
    // Of two with one number, the rejection counts.
    let same = [bench.approval(0, 1, bench.now), bench.approval(1, 1, bench.now), bench.rejection(2, 1, bench.now)];
    assert!(matches!(bench.now(&same), Err(Refusal::Rejected { .. })));
}

#[test]
fn every_edited_value_breaks_the_signature() {
    let bench = Bench::new();
    let edits: [fn(&mut Statement); 6] = [
        |s| s.reason = "false-positive".into(),
        |s| s.comment.push('!'),
        |s| s.at = "2026-01-02T09:00:00Z".into(),
        |s| s.expires = Some("2036-01-01T00:00:00Z".into()),
        |s| s.decision = Decision::Reject,
        |s| s.signature = "0".repeat(128),
    ];
    for edit in edits {
        let mut statement = bench.statement(1, 2, Decision::Approve, "business-need", bench.now);
        edit(&mut statement);
        assert_eq!(broken(bench.now(&[bench.approval(0, 1, bench.now), filed(statement)])), Defect::Signature);
    }
}

#[test]
fn a_statement_under_another_name_number_hold_or_key_does_not_count() {
    let bench = Bench::new();
    let anna = || bench.statement(0, 1, Decision::Approve, "business-need", bench.now);
    // Renamed to look like somebody else's, or a later one.
    for file in ["002-bert.json", "002-anna.json", "x.json"] {
        let copy = Filed { file: file.into(), statement: Some(anna()) };
        assert_eq!(broken(bench.now(&[filed(anna()), copy])), Defect::Renamed);
    }
    // Rewritten to name somebody else: the signature is not theirs.
    let mut as_bert = anna();
    (as_bert.reviewer, as_bert.number) = ("bert".into(), 2);
    assert_eq!(broken(bench.now(&[filed(anna()), filed(as_bert)])), Defect::Signature);
    // Of another hold, or of other content under the name of this one.
    let mut elsewhere = Bench::new();
    elsewhere.record.hold = "20260101-000000-abcdef-000002".into();
    let mut other = bench.record.clone();
    other.sha256 = Digest([8; 32]);
    let wanted = Wanted { decision: Decision::Approve, reason: "business-need", comment: "", reviewer: "bert" };
    for record in [&elsewhere.record, &other] {
        let copied = Statement::sign(record, 2, &wanted, &bench.policy, &bench.identities[1], bench.now).unwrap();
        assert_eq!(broken(bench.now(&[filed(anna()), filed(copied)])), Defect::Elsewhere);
    }
    // Signed by somebody who is not registered, under the name of one who is.
    let stranger = ReviewerIdentity::generate().unwrap();
    let forged = Statement::sign(&bench.record, 2, &wanted, &bench.policy, &stranger, bench.now).unwrap();
    assert_eq!(broken(bench.now(&[filed(anna()), filed(forged)])), Defect::Signature);
    // And under a name that is not.
    let wanted = Wanted { reviewer: "mallory", ..wanted };
    let unknown = Statement::sign(&bench.record, 2, &wanted, &bench.policy, &stranger, bench.now).unwrap();
    assert!(matches!(bench.now(&[filed(anna()), filed(unknown)]), Err(Refusal::Missing { have, .. }) if have == ["anna"]));
}

#[test]
fn one_key_under_two_names_is_one_reviewer() {
    let bench = Bench::new();
    let dir = bench.root.path().join("reviewers");
    fs::copy(dir.join("anna.pub"), dir.join("bert.pub")).unwrap();
    let reviewers = Reviewers::load(&dir).unwrap();
    let wanted = Wanted { decision: Decision::Approve, reason: "business-need", comment: "", reviewer: "bert" };
    let second = Statement::sign(&bench.record, 2, &wanted, &bench.policy, &bench.identities[0], bench.now).unwrap();
    let reviews = [bench.approval(0, 1, bench.now), filed(second)];
    let granted = exception(&bench.record, &reviews, &reviewers, &bench.policy, bench.now);
    assert!(matches!(granted, Err(Refusal::Missing { have, .. }) if have == ["anna"]));
}

#[test]
fn a_reason_code_that_the_policy_does_not_have_does_not_count() {
    let bench = Bench::new();
    let odd = filed(bench.statement(1, 2, Decision::Approve, "because", bench.now));
    let reviews = [bench.approval(0, 1, bench.now), odd];
    assert!(matches!(bench.now(&reviews), Err(Refusal::Missing { .. })));
    let judged = judge(&bench.record, &reviews, &bench.reviewers, &bench.policy, bench.now);
    assert_eq!(judged[1].standing, Standing::ReasonUnknown);
}

#[test]
fn filed_statements_come_back_and_half_written_ones_do_not() {
    let bench = Bench::new();
    let dir = bench.hold_dir();
    assert_eq!(Filed::all(&dir).unwrap(), []);
    for filed in bench.both() {
        filed.statement.unwrap().file(&dir).unwrap();
    }
    // What a kill in the middle of a third leaves behind.
    fs::write(dir.join("reviews/.003-carl.json.partial"), "{").unwrap();
    let all = Filed::all(&dir).unwrap();
    assert_eq!((all.clone(), Filed::next_number(&all)), (bench.both(), 3));
    assert!(bench.both()[0].statement.clone().unwrap().file(&dir).is_err());
    for junk in ["{}", ""] {
        fs::write(dir.join("reviews/003-carl.json"), junk).unwrap();
        assert_eq!(broken(bench.now(&Filed::all(&dir).unwrap())), Defect::Unreadable);
    }
}
