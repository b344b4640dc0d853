//! Every number of the policy binds at its edge: what stays within it passes, what passes it is held or unreadable with the
//! number in the finding, and the items after it end as they should.

use anyhow::{Context as _, Result, ensure};
use e2e::fault::check_fault;
use e2e::released::check_audit;
use e2e::{Clamd, Scratch, run};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Reason};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::pdf::{PdfBuilder, pdf};

/// Runs a session under a policy and gives its report, which adds up.
fn session(clamd: &Clamd, scratch: &Scratch, medium: &Path, policy: &str) -> Result<SessionReport> {
    let ended = run(&mut scratch.process_under(medium, &clamd.address(), policy)?)?;
    ensure!(ended.status == 0 || ended.status == 10, "{policy}: {ended:?}");
    let report = scratch.report()?;
    ensure!(report.totals.reconcile(), "{policy}: {:?}", report.totals);
    check_audit(scratch)?;
    Ok(report)
}

fn medium(scratch: &Scratch, name: &str, files: &[(&str, &[u8])]) -> Result<PathBuf> {
    let dir = scratch.path(name);
    fs::create_dir(&dir)?;
    for (name, content) in files {
        fs::write(dir.join(name), content)?;
    }
    Ok(dir)
}

fn item<'a>(report: &'a SessionReport, name: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == name).with_context(|| format!("no line for {name}"))
}

/// The item ended this way, for a limit, and the finding says which.
fn reached(report: &SessionReport, name: &str, ended: Outcome, limit: &str) -> Result<()> {
    let line = item(report, name)?;
    ensure!(line.disposition == ended && line.reason == Reason::Limit, "{limit}: {line:?}");
    ensure!(line.findings.iter().any(|finding| finding.code == FindingCode::LimitHit && finding.detail == limit), "{limit}: {line:?}");
    Ok(())
}

fn released(report: &SessionReport, name: &str) -> Result<()> {
    let line = item(report, name)?;
    ensure!(line.disposition == Outcome::Released, "{line:?}");
    Ok(())
}

#[test]
fn numbers_of_a_session() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let thousand = "Zeile 7 Zeile 8\n".repeat(63).into_bytes().split_off(8);
    ensure!(thousand.len() == 1_000);
    let files: [(&str, &[u8]); 3] = [("a.txt", &thousand), ("b.txt", &thousand), ("c.txt", &thousand)];
    let dir = medium(&scratch, "three", &files)?;
    for (policy, limit) in [("max_bytes = 3000", None), ("max_bytes = 2999", Some("session.max_bytes = 2999"))] {
        let report = session(&clamd, &scratch, &dir, &format!("[session]\n{policy}\n"))?;
        released(&report, "a.txt")?;
        match limit {
            None => ensure!(report.totals.released == 3, "{:?}", report.totals),
            Some(limit) => reached(&report, "c.txt", Outcome::Unreadable, limit)?,
        }
    }
    // Room for one: what it becomes has none any more, and the others are not even read.
    let report = session(&clamd, &scratch, &dir, "[session]\nmax_spool_bytes = 999\n")?;
    for (name, ended) in [("a.txt", Outcome::Withheld), ("b.txt", Outcome::Unreadable), ("c.txt", Outcome::Unreadable)] {
        reached(&report, name, ended, "session.max_spool_bytes = 999")?;
    }
    let report = session(&clamd, &scratch, &dir, "[session]\nmax_items = 3\n")?;
    ensure!(report.totals.released == 3, "{:?}", report.totals);
    // What the inventory did not come to is one line, and nothing of such a medium is read.
    let report = session(&clamd, &scratch, &dir, "[session]\nmax_items = 2\n")?;
    for name in ["a.txt", "b.txt", "(rest of the medium)"] {
        reached(&report, name, Outcome::Unreadable, "session.max_items = 2")?;
    }
    ensure!(report.totals.found == 3, "{:?}", report.totals);
    Ok(())
}

#[test]
fn numbers_that_stop_a_session() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let dir = medium(&scratch, "three", &[("a.txt", b"a\n"), ("b.txt", b"b\n"), ("c.txt", b"c\n")])?;
    check_fault(&scratch, &dir, &clamd.address(), "[session]\nmin_free_bytes = 1152921504606846976\n", "session.min_free_bytes")?;
    let report = session(&clamd, &scratch, &dir, "")?;
    ensure!(report.totals.released == 3, "{:?}", report.totals);
    Ok(())
}

/// A text so long that the suite lays it out for many times the second it gets.
fn long_document() -> Vec<u8> {
    format!("{{\\rtf1\\ansi {}}}", "Zeile um Zeile um Zeile.\\par\n".repeat(150_000)).into_bytes()
}

/// One document takes longer than the whole session may; what waits behind it is held unopened.
#[test]
fn time_of_a_session() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let long = long_document();
    let texts: Vec<String> = (0..20).map(|n| format!("text {n:02}.txt")).collect();
    let mut files: Vec<(&str, &[u8])> = vec![("a.rtf", &long)];
    files.extend(texts.iter().map(|name| (name.as_str(), b"Eine Zeile.\n".as_slice())));
    let dir = medium(&scratch, "long", &files)?;
    let one_by_one = "parallel_items = 1\n[worker]\noffice_wall_seconds = 2\nseconds_per_mib = 0\n";
    let report = session(&clamd, &scratch, &dir, &format!("[session]\nwall_seconds = 1\n{one_by_one}"))?;
    ensure!(report.totals.found == 21, "{:?}", report.totals);
    reached(&report, "text 19.txt", Outcome::Withheld, "session.wall_seconds = 1")?;
    let report = session(&clamd, &scratch, &dir, &format!("[session]\n{one_by_one}"))?;
    ensure!(report.totals.released == 20, "{:?}", report.totals);
    Ok(())
}

#[test]
fn numbers_of_an_item() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let three = pdf(&["eins", "zwei", "drei"]);
    let dir = medium(&scratch, "items", &[("a.txt", &[b'x'; 1_000]), ("b.pdf", &three), ("c.txt", b"danach\n")])?;
    let size = three.len().max(1_000);
    let within = format!("[item]\nmax_bytes = {size}\n[convert]\nmax_pages = 3\n");
    let report = session(&clamd, &scratch, &dir, &within)?;
    ensure!(report.totals.released == 3, "{report:?}");
    let report = session(&clamd, &scratch, &dir, "[item]\nmax_bytes = 999\n")?;
    reached(&report, "a.txt", Outcome::Unreadable, "item.max_bytes = 999")?;
    released(&report, "c.txt")?;
    let report = session(&clamd, &scratch, &dir, "[convert]\nmax_pages = 2\n")?;
    reached(&report, "b.pdf", Outcome::Withheld, "convert.max_pages = 2")?;
    released(&report, "c.txt")
}

/// A page whose form draws another ten times, and that one the next, twelve deep: small, and never done.
fn endless_page() -> Vec<u8> {
    let mut file = PdfBuilder::new();
    let form = "/Type /XObject /Subtype /Form /BBox [0 0 100 100]";
    let mut inner = file.stream(form, b"0 0 50 50 re f");
    for _ in 0..12 {
        let entries = format!("{form} /Resources << /XObject << /F {inner} 0 R >> >>");
        inner = file.stream(&entries, "/F Do ".repeat(10).as_bytes());
    }
    let content = file.stream("", b"/F Do");
    let (page, pages) = (file.next(), file.next() + 1);
    file.add(format!(
        "<< /Type /Page /Parent {pages} 0 R /MediaBox [0 0 100 100] /Contents {content} 0 R /Resources << /XObject << /F {inner} 0 R >> >> >>"
    ));
    file.add(format!("<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>"));
    let root = file.add(format!("<< /Type /Catalog /Pages {pages} 0 R >>"));
    file.finish(root)
}

#[test]
fn time_of_an_item_and_the_next_one_is_not_slowed() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let endless = endless_page();
    let long = long_document();
    let files: [(&str, &[u8]); 4] = [("a.pdf", &endless), ("b.rtf", &long), ("c.pdf", &pdf(&["danach"])), ("d.txt", b"danach\n")];
    let dir = medium(&scratch, "slow", &files)?;
    let cpu = "[session]\nparallel_items = 1\n[worker]\ncpu_seconds = 2\noffice_wall_seconds = 1\nseconds_per_mib = 0\n";
    let report = session(&clamd, &scratch, &dir, cpu)?;
    reached(&report, "a.pdf", Outcome::Withheld, "worker.cpu_seconds = 2")?;
    let office = item(&report, "b.rtf")?;
    ensure!(office.disposition == Outcome::Withheld && office.reason == Reason::Timeout, "{office:?}");
    ensure!(office.findings.iter().any(|finding| finding.detail == "worker.office_wall_seconds = 1"), "{office:?}");
    released(&report, "c.pdf")?;
    released(&report, "d.txt")?;
    let report = session(&clamd, &scratch, &dir, "[worker]\nwall_seconds = 2\noffice_wall_seconds = 1\nseconds_per_mib = 0\n")?;
    let line = item(&report, "a.pdf")?;
    ensure!(line.reason == Reason::Timeout, "{line:?}");
    ensure!(line.findings.iter().any(|finding| finding.detail == "worker.wall_seconds = 2"), "{line:?}");
    released(&report, "c.pdf")
}
