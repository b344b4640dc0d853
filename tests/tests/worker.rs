//! A compromised worker in the place of the real one (I6): each lie holds the one item it is told about, with what happened
//! in the finding, and the items after it on the same station end as they should.
//!
//! The whole line is real but for the worker program, which `e2e::lies` plays; the name of a file picks what the honest
//! part of it is, the content the lie and the role that tells it.

use anyhow::{Context as _, Result, ensure};
use e2e::released::check_audit;
use e2e::{Clamd, Ended, Scratch, program, run};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Reason};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A lie: file extension, content, and what the item is held with.
type Lie = (&'static str, &'static str, Reason, FindingCode, &'static str);

const DIED: (Reason, FindingCode) = (Reason::WorkerDied, FindingCode::WorkerDied);
const PROTOCOL: (Reason, FindingCode) = (Reason::WorkerProtocol, FindingCode::WorkerProtocol);
const LIMIT: (Reason, FindingCode) = (Reason::Limit, FindingCode::LimitHit);
const TIMEOUT: (Reason, FindingCode) = (Reason::Timeout, FindingCode::WorkerTimeout);

const fn lie(extension: &'static str, content: &'static str, held: (Reason, FindingCode), detail: &'static str) -> Lie {
    (extension, content, held.0, held.1, detail)
}

const FORBIDDEN: &str = "signal 31 (SIGSYS), system call 41 (socket)";

/// Ends of every kind, in each role an item meets.
const ENDS: &[Lie] = &[
    lie("txt", "inspect: exit 0", DIED, "exit code 0"),
    lie("txt", "inspect: exit 7", DIED, "exit code 7"),
    lie("txt", "inspect: abort", DIED, "signal 6 (SIGABRT)"),
    lie("txt", "inspect: socket", DIED, FORBIDDEN),
    lie("txt", "render: exit 255", DIED, "exit code 255"),
    lie("txt", "render: panic", DIED, "exit code 101"),
    lie("txt", "render: socket", DIED, FORBIDDEN),
    lie("pdf", "render: abort", DIED, "signal 6 (SIGABRT)"),
    lie("pdf", "render: fill memory", LIMIT, "worker.memory_bytes = 268435456"),
    lie("pdf", "render: spin", LIMIT, "worker.cpu_seconds = 1"),
    lie("docx", "render-office: exit 7", DIED, "exit code 7"),
    lie("txt", "verify: exit 0", DIED, "exit code 0"),
    lie("txt", "verify: socket", DIED, FORBIDDEN),
    // Too little: it ends before its last answer.
    lie("txt", "render: half a frame", DIED, "exit code 0"),
];

/// Frames that are none, and answers to other questions.
const FRAMES: &[Lie] = &[
    lie("txt", "inspect: version", PROTOCOL, "frame"),
    lie("txt", "inspect: kind", PROTOCOL, "frame"),
    lie("txt", "inspect: length", PROTOCOL, "frame"),
    lie("txt", "inspect: one byte too long", PROTOCOL, "frame"),
    lie("txt", "inspect: no bytes", PROTOCOL, "frame"),
    lie("txt", "inspect: garbage", PROTOCOL, "frame"),
    lie("txt", "inspect: trailing", PROTOCOL, "frame"),
    lie("txt", "inspect: job before", PROTOCOL, "frame"),
    lie("txt", "inspect: job after", PROTOCOL, "frame"),
    lie("txt", "inspect: another answer", PROTOCOL, "answer to inspect"),
    lie("txt", "inspect: bytes for an answer", PROTOCOL, "answer to inspect"),
    lie("txt", "render: job after", PROTOCOL, "frame"),
    lie("txt", "render: another answer", PROTOCOL, "answer to rebuild"),
    lie("txt", "verify: garbage", PROTOCOL, "frame"),
    lie("txt", "verify: another answer", PROTOCOL, "answer to verify"),
    lie("txt", "verify: hang up and stay", PROTOCOL, "hung up without ending"),
];

/// Pages that cannot be, and counts that lie.
const PAGES: &[Lie] = &[
    lie("pdf", "render: no pages", (Reason::Malformed, FindingCode::Malformed), "structure"),
    lie("pdf", "render: 2^32-1 pages", LIMIT, "convert.max_pages = 100"),
    lie("pdf", "render: one page too many", LIMIT, "convert.max_pages = 100"),
    lie("pdf", "render: a page less", PROTOCOL, "page"),
    lie("pdf", "render: a page more", PROTOCOL, "end of document"),
    lie("pdf", "render: page of NaN", PROTOCOL, "page size"),
    lie("pdf", "render: page of infinity", PROTOCOL, "page size"),
    lie("pdf", "render: 0 x 0", PROTOCOL, "pixel size"),
    lie("png", "render: 65535 x 65535", PROTOCOL, "pixel size"),
    lie("png", "render: 2^32-1 x 2^32-1", PROTOCOL, "pixel size"),
    lie("pdf", "render: too few pixels", PROTOCOL, "too few pixels"),
    lie("pdf", "render: too many pixels", PROTOCOL, "too many pixels"),
    lie("pdf", "render: text at NaN", PROTOCOL, "text box"),
    lie("pdf", "render: 1,001 findings", PROTOCOL, "page text"),
    // It accepted something, but not this document of one page.
    lie("pdf", "render: a page for the lying verifier", PROTOCOL, "number of pages accepted"),
];

/// Too much of everything.
const FLOODS: &[Lie] = &[
    lie("txt", "inspect: endless bytes", PROTOCOL, "answer to inspect"),
    lie("txt", "render: endless bytes", LIMIT, "convert.max_output_bytes = 1048576"),
    lie("docx", "inspect: endless bytes", PROTOCOL, "answer to inspect"),
    lie("docx", "render-office: endless bytes", LIMIT, "convert.max_output_bytes = 1048576"),
    lie("txt", "verify: endless bytes", PROTOCOL, "answer to verify"),
];

/// Too little, too slowly: what is waited for, in seconds.
const WAITS: &[Lie] = &[
    lie("txt", "inspect: silence", TIMEOUT, "worker.silent_seconds = 4"),
    lie("txt", "render: silence", TIMEOUT, "worker.silent_seconds = 4"),
    lie("txt", "verify: silence", TIMEOUT, "worker.silent_seconds = 4"),
    lie("txt", "render: one byte at a time", TIMEOUT, "worker.wall_seconds = 8"),
    lie("pdf", "render: endless text", TIMEOUT, "worker.wall_seconds = 8"),
];

const POLICY: &str = "[session]\nparallel_items = 1\n[convert]\nmax_pages = 100\nmax_output_bytes = 1048576\n";

/// Runs a session with the lying worker over these files, in this order.
fn session(clamd: &Clamd, scratch: &Scratch, policy: &str, files: &[(String, &str)]) -> Result<(Ended, SessionReport)> {
    let (bin, medium) = (scratch.path("bin"), scratch.path("medium"));
    fs::create_dir(&bin)?;
    place(&program("schleuse")?, &bin.join("schleuse"))?;
    place(Path::new(env!("CARGO_BIN_EXE_lying-worker")), &bin.join("schleuse-worker"))?;
    fs::create_dir(&medium)?;
    for (name, content) in files {
        fs::write(medium.join(name), content)?;
    }
    fs::write(scratch.path("policy.toml"), policy)?;
    let honest = scratch.process_untried(&medium, &clamd.address())?;
    // It lies after its canaries.
    scratch.tried_with(&bin.join("schleuse-worker"), &clamd.address(), policy)?;
    let mut command: Command = e2e::command(bin.join("schleuse"));
    command.args(honest.get_args()).arg("--policy").arg(scratch.path("policy.toml"));
    let ended = run(&mut command)?;
    let report = scratch.report().with_context(|| format!("{ended:?}"))?;
    ensure!(report.totals.reconcile(), "{:?}", report.totals);
    check_audit(scratch)?;
    Ok((ended, report))
}

/// The program under another name; copied where a second name cannot be had.
fn place(program: &Path, name: &Path) -> Result<()> {
    if fs::hard_link(program, name).is_err() {
        fs::copy(program, name)?;
    }
    Ok(())
}

fn item<'a>(report: &'a SessionReport, name: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == name).with_context(|| format!("no line for {name}"))
}

/// Every lie and an honest file after it: the one is held with its finding, the other is released.
fn check(lies: &[Lie], policy: &str) -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let mut files = Vec::new();
    for (number, (extension, content, ..)) in lies.iter().enumerate() {
        files.push((format!("{number:02} a.{extension}"), *content));
        files.push((format!("{number:02} b.txt"), e2e::lies::HONEST));
    }
    let (ended, report) = session(&clamd, &scratch, policy, &files)?;
    ensure!(ended.status == 10, "{ended:?}");
    for (number, (extension, content, reason, code, detail)) in lies.iter().enumerate() {
        let lied = item(&report, &format!("{number:02} a.{extension}"))?;
        ensure!(
            lied.disposition == Outcome::Withheld && lied.reason == *reason && lied.hold.is_some(),
            "{content}: {} {:?}",
            lied.reason,
            lied.findings
        );
        let said: Vec<&str> = lied.findings.iter().filter(|f| f.code == *code).map(|f| f.detail.as_str()).collect();
        ensure!(said == [*detail], "{content}: {:?}", lied.findings);
        let next = item(&report, &format!("{number:02} b.txt"))?;
        ensure!(next.disposition == Outcome::Released && next.reason == Reason::Rebuilt, "after {content}: {next:?}");
    }
    ensure!(report.totals.withheld == lies.len() as u64 && report.totals.released == lies.len() as u64, "{:?}", report.totals);
    Ok(())
}

#[test]
fn a_worker_that_ends_holds_its_item_with_code_or_signal() -> Result<()> {
    check(ENDS, &format!("{POLICY}[worker]\ncpu_seconds = 1\nmemory_bytes = 268435456\n"))
}

#[test]
fn frames_that_are_none_hold_their_item() -> Result<()> {
    check(FRAMES, POLICY)
}

#[test]
fn pages_that_cannot_be_hold_their_document() -> Result<()> {
    check(PAGES, POLICY)
}

#[test]
fn a_flood_ends_at_a_limit() -> Result<()> {
    check(FLOODS, POLICY)
}

#[test]
fn silence_and_dribble_end_with_the_time() -> Result<()> {
    check(WAITS, &format!("{POLICY}[worker]\nsilent_seconds = 4\nwall_seconds = 8\n"))
}

#[test]
fn an_answer_too_many_and_descriptors_are_nobodys_trouble() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let names = ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"];
    let contents =
        ["inspect: answers twice", e2e::lies::HONEST, "inspect: sends descriptors", "render: sends descriptors", e2e::lies::HONEST];
    let files: Vec<_> = names.iter().map(|name| (*name).to_owned()).zip(contents).collect();
    let (ended, report) = session(&clamd, &scratch, POLICY, &files)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    for name in names {
        // The second answer had said PDF.
        assert_eq!(item(&report, name)?.format, Some(model::Format::Txt), "{name}");
        assert_eq!(item(&report, name)?.reason, Reason::Rebuilt, "{name}");
    }
    Ok(())
}

#[test]
fn what_a_worker_claims_is_shown_short_and_escaped_and_never_better_than_its_code() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let files = [
        ("deceptive.txt", "inspect: deceptive names"),
        ("encrypted.txt", "inspect: encrypted is a note"),
        ("picture.txt", "inspect: claims a picture"),
        ("removed.docx", "inspect: an absurd list of removed content"),
        ("rejected.txt", "verify: rejects with a long story"),
        ("rules.txt", "inspect: has nothing to do with the rules"),
    ];
    let files: Vec<_> = files.iter().map(|(name, content)| ((*name).to_owned(), *content)).collect();
    let (ended, report) = session(&clamd, &scratch, POLICY, &files)?;
    assert_eq!(ended.status, 10, "{ended:?}");
    for line in &report.items {
        assert!(line.findings.len() <= 405 && line.removed.len() <= 403, "{}: {} findings", line.path, line.findings.len());
        for text in line.findings.iter().map(|f| &f.detail).chain(line.removed.iter().filter_map(|r| r.name.as_ref())) {
            assert!(text.chars().count() <= 410 && !text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{}: {text:?}", line.path);
        }
    }
    let held = |name: &str| Ok::<_, anyhow::Error>((item(&report, name)?.disposition, item(&report, name)?.reason));
    assert_eq!(held("deceptive.txt")?, (Outcome::Released, Reason::Rebuilt));
    assert_eq!(held("encrypted.txt")?, (Outcome::Withheld, Reason::Encrypted));
    assert_eq!(held("rejected.txt")?, (Outcome::Withheld, Reason::VerifyRejected));
    assert_eq!(held("rules.txt")?, (Outcome::Withheld, Reason::ScanIncomplete));
    // Whatever it says the bytes are, only pixels or decoded text of them come out; the contradiction is on record.
    let picture = item(&report, "picture.txt")?;
    assert_eq!((picture.disposition, picture.format), (Outcome::Released, Some(model::Format::Png)));
    assert!(picture.findings.iter().any(|f| f.code == FindingCode::FormatMismatch), "{picture:?}");
    let removed = item(&report, "removed.docx")?;
    assert!(removed.disposition == Outcome::Released && removed.removed.iter().any(|r| r.count == u32::MAX), "{removed:?}");
    Ok(())
}
