//! Held items after review: through the line again under a named exception, with a password, looked at again; and released
//! ones, named by a list of digests.

use anyhow::{Context as _, Result, bail, ensure};
use e2e::again::{again, granted, hold_of, opened, original, password, rescan};
use e2e::released::{check_audit, check_pdf, check_release, folder};
use e2e::{Clamd, Scratch, command, program, run, samples_at, sha256_of};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{HoldClass, Reason};
use pipeline::{Again, HoldRefusal, StationFault};
use spool::{HoldRecord, Quarantine};
use std::fs;
use std::path::{Path, PathBuf};
use testkit::archive::ZipBuilder;
use testkit::pdf::{pdf_encrypted, pdf_with_attachment};
use walkdir::WalkDir;

const WITHHELD: i32 = 10;
const PASSWORD: &str = "Hütte-am-See-4711";
/// 7-Zip takes no other characters for ZIP.
const ASCII_PASSWORD: &str = "Kahn-am-Steg-0815";
/// [`PASSWORD`] as Windows-1252 spells it.
const WESTERN: &[u8] = b"H\xFCtte-am-See-4711";
/// A program among the samples.
const PROGRAM: &str = "Programme/setup.exe";
const TEXT: &str = "Der Ausflug an den See fällt aus.\n";

/// A station that has seen a medium with these files.
struct Bench {
    clamd: Clamd,
    scratch: Scratch,
    medium: SessionReport,
}

impl Bench {
    fn new(files: &[(&str, Vec<u8>)]) -> Result<Self> {
        let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
        let dir = scratch.path("medium");
        fs::create_dir(&dir)?;
        for (name, content) in files {
            fs::write(dir.join(name), content)?;
        }
        let ended = run(&mut scratch.process(&dir, &clamd.address())?)?;
        ensure!(ended.status == WITHHELD, "{ended:?}");
        let medium = scratch.report()?;
        Ok(Self { clamd, scratch, medium })
    }

    fn hold(&self, path: &str) -> Result<HoldRecord> {
        hold_of(&self.scratch.state(), path)
    }

    /// Sends a hold through the line again with an exception of its own.
    fn again(&self, record: &HoldRecord, secret: Option<&str>) -> Result<SessionReport> {
        let order = self.order(record, record, secret)?;
        let finished = again(&self.scratch, &self.clamd, order, &original(&self.scratch.state(), &record.hold)?)??;
        let report = finished.report;
        ensure!(finished.place == folder(&self.scratch, &report).to_string_lossy(), "{}", finished.place);
        check_release(&self.scratch, &report)?;
        ensure!((report.medium.kind.as_str(), &report.medium.source) == ("hold", &record.hold), "{:?}", report.medium);
        let exception = report.exception.as_ref().context("no exception in the report")?;
        ensure!((&exception.hold, exception.reviewers.join(" ").as_str()) == (&record.hold, "anna bert"), "{exception:?}");
        ensure!(report.session != record.session, "the same session");
        Ok(report)
    }

    /// What is to be done with a hold, under an exception for another.
    fn order(&self, record: &HoldRecord, exception_for: &HoldRecord, secret: Option<&str>) -> Result<Again> {
        let exception = granted(exception_for)?;
        let secret = secret.map(password).transpose()?;
        Ok(Again { record: record.clone(), exception, password: secret, release_to: self.scratch.release().into() })
    }

    /// Payloads of the records of this event.
    fn noted(&self, event: &str) -> Result<Vec<serde_json::Value>> {
        let shown = self.scratch.schleuse(&["audit", "show", "--event", event, "--json"])?;
        ensure!(shown.status == 0, "{shown:?}");
        let lines = shown.stdout.lines().map(|line| Ok(serde_json::from_str::<serde_json::Value>(line)?["payload"]["content"].take()));
        lines.collect()
    }
}

fn line<'a>(report: &'a SessionReport, path: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == path).with_context(|| format!("no line for {path}"))
}

fn ended(report: &SessionReport, path: &str, disposition: Outcome, reason: Reason) -> Result<()> {
    let line = line(report, path)?;
    ensure!((line.disposition, line.reason) == (disposition, reason), "{line:?}");
    Ok(())
}

/// Held as suspicious: a script is attached.
fn suspicious() -> Vec<u8> {
    pdf_with_attachment("Rechnung über 3 Tische.", "rechnung.js", b"var preis = 3;")
}

fn digest_of_tree(dir: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            files.push((entry.path().to_path_buf(), sha256_of(entry.path())?));
        }
    }
    Ok(files)
}

#[test]
fn a_suspicious_document_comes_out_rebuilt_under_an_exception() -> Result<()> {
    let bench = Bench::new(&[("Rechnung.pdf", suspicious()), ("Kopie.pdf", suspicious())])?;
    ended(&bench.medium, "Rechnung.pdf", Outcome::Withheld, Reason::Suspicious)?;
    let record = bench.hold("Rechnung.pdf")?;
    let hold = bench.scratch.state().join("quarantine").join(&record.hold);
    let before = digest_of_tree(&hold)?;
    let report = bench.again(&record, None)?;
    ended(&report, "Rechnung.pdf", Outcome::Released, Reason::Converted)?;
    let output = &line(&report, "Rechnung.pdf")?.outputs[0];
    ensure!(output.path == "files/Rechnung.pdf", "{output:?}");
    check_pdf(&folder(&bench.scratch, &report).join(&output.path), 1)?;
    ensure!(digest_of_tree(&hold)? == before, "the hold was touched");
    let noted = bench.noted("hold-reprocessed")?;
    let [noted] = &noted[..] else { bail!("{noted:?}") };
    ensure!(noted["hold"] == record.hold.as_str() && noted["outcome"] == "released", "{noted}");
    ensure!(noted["reviewers"] == serde_json::json!(["anna", "bert"]) && noted["approved_for"] == "business-need", "{noted}");

    // Without it, the same content is held as before.
    let again = bench.scratch.path("again");
    fs::create_dir(&again)?;
    fs::write(again.join("Rechnung.pdf"), suspicious())?;
    ensure!(run(&mut bench.scratch.process(&again, &bench.clamd.address())?)?.status == WITHHELD);
    ended(&bench.scratch.report()?, "Rechnung.pdf", Outcome::Withheld, Reason::Suspicious)
}

/// Width and height in the header of a PNG (PNG 3.0, 11.2.1).
fn size_of_png(bytes: &[u8]) -> Result<(u32, u32)> {
    ensure!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
    let number = |at: usize| Ok::<_, anyhow::Error>(u32::from_be_bytes(bytes.get(at..at + 4).context("cut")?.try_into()?));
    Ok((number(16)?, number(20)?))
}

#[test]
fn what_a_person_must_judge_has_a_picture_for_reviewers_and_nothing_else_has() -> Result<()> {
    let photo = samples_at(&["Bilder/Ausflug an den See/Foto 002 (gedreht).jpg"])?;
    let mut picture = photo[0].bytes.clone();
    picture.extend(b"%PDF-1.7 and more behind the end".repeat(8));
    let files = [
        ("Rechnung.pdf", suspicious()),
        ("Geheim.pdf", pdf_encrypted("Gehalt: 4711 Taler.", "geheim")?),
        ("Muster.txt", testkit::eicar()),
        ("start.bat", b"@echo off\r\nstart calc.exe\r\n".to_vec()),
        ("Bild.jpg", picture),
    ];
    let bench = Bench::new(&files)?;
    let record = bench.hold("Rechnung.pdf")?;
    let [preview] = &record.previews[..] else { bail!("{record:?}") };
    let hold = bench.scratch.state().join("quarantine").join(&record.hold);
    let png = opened(&bench.scratch.state(), &record.hold, "preview-1.age")?;
    fs::write(bench.scratch.path("preview.png"), &png)?;
    ensure!(sha256_of(&bench.scratch.path("preview.png"))? == preview.sha256.hex(), "another picture than the record says");
    ensure!((preview.page, size_of_png(&png)?) == (1, (preview.width, preview.height)), "{preview:?}");
    ensure!(preview.width > 400 && preview.height > 600, "{preview:?}");
    ensure!(!fs::read(hold.join("preview-1.age"))?.windows(4).any(|window| window == b"IHDR"), "it lies open");
    for name in ["Geheim.pdf", "Muster.txt", "start.bat"] {
        let record = bench.hold(name)?;
        let files = digest_of_tree(&bench.scratch.state().join("quarantine").join(&record.hold))?.len();
        ensure!(record.previews.is_empty() && files == 2, "{record:?}");
    }
    let picture = bench.hold("Bild.jpg")?;
    ensure!(picture.class == HoldClass::Suspicious && picture.previews.len() == 1, "{picture:?}");
    // None where the policy wants none; the item is held all the same.
    let policy = bench.scratch.path("policy.toml");
    fs::write(&policy, "[review]\npreview_pages = 0\n")?;
    let medium = bench.scratch.path("medium");
    let without = run(bench.scratch.process(&medium, &bench.clamd.address())?.arg("--policy").arg(&policy))?;
    ensure!(without.status == WITHHELD, "{without:?}");
    let held = line(&bench.scratch.report()?, "Rechnung.pdf")?.hold.clone().context("a hold")?;
    ensure!(Quarantine::show(&bench.scratch.state().join("quarantine"), &held)?.previews.is_empty());
    Ok(())
}

#[test]
fn an_exception_is_for_one_hold_and_one_content() -> Result<()> {
    let other = pdf_with_attachment("Rechnung über 4 Tische.", "rechnung.js", b"var preis = 4;");
    let bench = Bench::new(&[("Rechnung.pdf", suspicious()), ("Andere.pdf", other.clone())])?;
    let (record, another) = (bench.hold("Rechnung.pdf")?, bench.hold("Andere.pdf")?);
    let (names, holds) = (bench.scratch.released_names()?.len(), Quarantine::list(&bench.scratch.state().join("quarantine"))?.len());
    let refused = |order: Again, content: &[u8], wanted: HoldRefusal| match again(&bench.scratch, &bench.clamd, order, content)? {
        Err(StationFault::HoldRefused { why, .. }) if why == wanted => Ok(()),
        other => bail!("{wanted:?}: {other:?}"),
    };
    refused(bench.order(&record, &another, None)?, &suspicious(), HoldRefusal::Exception)?;
    // The right exception, and other bytes; longer, shorter, or of the same length.
    let mut altered = suspicious();
    altered[20] ^= 1;
    for content in [other, suspicious()[1..].to_vec(), altered, Vec::new()] {
        refused(bench.order(&record, &record, None)?, &content, HoldRefusal::Content)?;
    }
    let mut malicious = record.clone();
    malicious.class = HoldClass::Malicious;
    refused(bench.order(&malicious, &record, None)?, &suspicious(), HoldRefusal::Malicious)?;
    let mut nowhere = record.clone();
    nowhere.order.clear();
    refused(bench.order(&nowhere, &record, None)?, &suspicious(), HoldRefusal::Record)?;
    ensure!(bench.scratch.released_names()?.len() == names, "something was released");
    ensure!(Quarantine::list(&bench.scratch.state().join("quarantine"))?.len() == holds, "there are other holds");
    ensure!(bench.noted("request-refused")?.len() == 3 && bench.noted("session-voided")?.len() == 4, "not all refusals are on record");
    check_audit(&bench.scratch)
}

#[test]
fn what_an_engine_has_learned_since_is_held_as_malicious() -> Result<()> {
    let mut bench = Bench::new(&[("Rechnung.pdf", suspicious())])?;
    let record = bench.hold("Rechnung.pdf")?;
    let same = rescan(&bench.scratch, &bench.clamd, &record)?;
    ensure!((same.before, same.after) == (HoldClass::Suspicious, HoldClass::Suspicious), "{same:?}");
    ensure!(same.new_findings.is_empty() && same.gone_findings.is_empty(), "{same:?}");

    let hex: String = b"/F (rechnung.js)".iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(bench.clamd.database().join("learned.ndb"), format!("Learned-Since:0:*:{hex}\n"))?;
    bench.clamd.kill()?;
    bench.clamd.start_again()?;
    let learned = rescan(&bench.scratch, &bench.clamd, &record)?;
    ensure!((learned.before, learned.after) == (HoldClass::Suspicious, HoldClass::Malicious), "{learned:?}");
    ensure!(learned.new_findings.len() == 1 && learned.gone_findings.is_empty(), "{learned:?}");
    ensure!(fs::read_dir(bench.scratch.state().join("spool"))?.next().is_none(), "content stays in the spool");

    let report = bench.again(&record, None)?;
    ended(&report, "Rechnung.pdf", Outcome::Withheld, Reason::Malicious)?;
    let held = line(&report, "Rechnung.pdf")?.hold.clone().context("a hold")?;
    ensure!(held != record.hold && Quarantine::show(&bench.scratch.state().join("quarantine"), &held)?.class == HoldClass::Malicious);
    let noted = bench.noted("hold-reprocessed")?;
    ensure!(noted.len() == 1 && noted[0]["outcome"] == "withheld" && noted[0]["new_hold"] == held.as_str(), "{noted:?}");
    Ok(())
}

/// Packs files with 7-Zip, under [`ASCII_PASSWORD`].
fn seven_zip(scratch: &Scratch, name: &str, method: &str, files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let (dir, archive) = (scratch.path(&format!("{name}.d")), scratch.path(name));
    fs::create_dir(&dir)?;
    for (name, content) in files {
        fs::write(dir.join(name), content)?;
    }
    let mut pack = command("7z");
    pack.args(["a", "-tzip", &format!("-mem={method}"), &format!("-p{ASCII_PASSWORD}")]).arg(&archive).arg(".").current_dir(&dir);
    let ended = run(&mut pack)?;
    ensure!(ended.status == 0, "{ended:?}");
    Ok(fs::read(archive)?)
}

#[test]
fn encrypted_archives_open_with_the_right_password_only_and_members_have_no_exception() -> Result<()> {
    let (packing, program) = (Scratch::new()?, samples_at(&[PROGRAM])?);
    let members = [
        ("Notiz.txt", TEXT.as_bytes().to_vec()),
        ("Muster.txt", testkit::eicar()),
        ("Setup.exe", program[0].bytes.clone()),
        ("Rechnung.pdf", suspicious()),
    ];
    let aes = seven_zip(&packing, "aes.zip", "AES256", &members)?;
    let old = seven_zip(&packing, "alt.zip", "ZipCrypto", &members)?;
    let bench = Bench::new(&[("aes.zip", aes), ("alt.zip", old)])?;
    for name in ["aes.zip", "alt.zip"] {
        ended(&bench.medium, name, Outcome::Withheld, Reason::Encrypted)?;
        let record = bench.hold(name)?;
        ensure!(record.class == HoldClass::Uninspectable, "{record:?}");
        ended(&bench.again(&record, None)?, name, Outcome::Withheld, Reason::Encrypted)?;
        ended(&bench.again(&record, Some("falsch"))?, name, Outcome::Withheld, Reason::PasswordWrong)?;
        let report = bench.again(&record, Some(ASCII_PASSWORD))?;
        ended(&report, name, Outcome::Released, Reason::Unpacked)?;
        let inside = |member: &str| format!("{name}!/{member}");
        ended(&report, &inside("Notiz.txt"), Outcome::Released, Reason::Rebuilt)?;
        ended(&report, &inside("Muster.txt"), Outcome::Withheld, Reason::Malicious)?;
        ended(&report, &inside("Setup.exe"), Outcome::Withheld, Reason::Stripped)?;
        ended(&report, &inside("Rechnung.pdf"), Outcome::Withheld, Reason::Suspicious)?;
        let notes = folder(&bench.scratch, &report).join("files").join(name).join("Notiz.txt");
        ensure!(fs::read_to_string(&notes)? == TEXT, "{}", notes.display());
    }
    no_trace_of_the_password(&bench.scratch)
}

#[test]
fn a_password_fits_in_the_spelling_the_packer_used() -> Result<()> {
    let packed = |password: &[u8]| ZipBuilder::new().encrypted("Notiz.txt", TEXT.as_bytes(), password).finish();
    let bench = Bench::new(&[("utf8.zip", packed(PASSWORD.as_bytes())), ("western.zip", packed(WESTERN))])?;
    for name in ["utf8.zip", "western.zip"] {
        let report = bench.again(&bench.hold(name)?, Some(PASSWORD))?;
        ended(&report, name, Outcome::Released, Reason::Unpacked)?;
        ended(&report, &format!("{name}!/Notiz.txt"), Outcome::Released, Reason::Rebuilt)?;
    }
    no_trace_of_the_password(&bench.scratch)
}

/// Neither state nor release say the password.
fn no_trace_of_the_password(scratch: &Scratch) -> Result<()> {
    for entry in WalkDir::new(scratch.state()).into_iter().chain(WalkDir::new(scratch.release())) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path())?;
            for password in [PASSWORD, ASCII_PASSWORD] {
                let said = bytes.windows(password.len()).any(|window| window == password.as_bytes());
                ensure!(!said, "{password} stands in {}", entry.path().display());
            }
        }
    }
    let shown = scratch.schleuse(&["audit", "show", "--json"])?;
    ensure!(shown.status == 0 && [PASSWORD, ASCII_PASSWORD, "falsch"].iter().all(|password| !shown.stdout.contains(password)));
    Ok(())
}

#[test]
fn an_encrypted_pdf_opens_with_the_right_password_only() -> Result<()> {
    let plain = Scratch::new()?;
    let (source, modern) = (plain.path("plain.pdf"), plain.path("modern.pdf"));
    fs::write(&source, testkit::pdf::pdf(&["Gehalt: 4711 Taler."]))?;
    let encrypt = ["--encrypt", PASSWORD, "Besitzer", "256", "--"];
    let made = run(command("qpdf").args(encrypt).arg(&source).arg(&modern))?;
    ensure!(made.status == 0, "{made:?}");
    let bench = Bench::new(&[("rc4.pdf", pdf_encrypted("Gehalt: 4711 Taler.", "geheim")?), ("aes.pdf", fs::read(modern)?)])?;
    for (name, right) in [("rc4.pdf", "geheim"), ("aes.pdf", PASSWORD)] {
        ended(&bench.medium, name, Outcome::Withheld, Reason::Encrypted)?;
        let record = bench.hold(name)?;
        ended(&bench.again(&record, None)?, name, Outcome::Withheld, Reason::Encrypted)?;
        ended(&bench.again(&record, Some("falsch"))?, name, Outcome::Withheld, Reason::PasswordWrong)?;
        let report = bench.again(&record, Some(right))?;
        ended(&report, name, Outcome::Released, Reason::Converted)?;
        let released = folder(&bench.scratch, &report).join(&line(&report, name)?.outputs[0].path);
        check_pdf(&released, 1)?;
        ensure!(e2e::released::text_of(&released)?.contains("4711 Taler"), "{name}: the page is empty");
    }
    no_trace_of_the_password(&bench.scratch)
}

#[test]
fn what_nothing_can_rebuild_stays_held_whatever_was_granted() -> Result<()> {
    let program = samples_at(&[PROGRAM])?;
    let bench = Bench::new(&[("Setup.exe", program[0].bytes.clone()), ("start.bat", b"@echo off\r\nstart calc.exe\r\n".to_vec())])?;
    for name in ["Setup.exe", "start.bat"] {
        let record = bench.hold(name)?;
        ensure!(record.class.approvable(), "{record:?}");
        let report = bench.again(&record, None)?;
        ended(&report, name, Outcome::Withheld, record.reason)?;
        ensure!(report.totals.released == 0 && report.totals.found == 1, "{:?}", report.totals);
    }
    Ok(())
}

#[test]
fn past_releases_are_named_by_digest() -> Result<()> {
    let bench = Bench::new(&[("Notiz.txt", TEXT.as_bytes().to_vec()), ("Rechnung.pdf", suspicious())])?;
    let note = line(&bench.medium, "Notiz.txt")?;
    let (content, output) = (note.sha256.context("a digest")?, note.outputs[0].sha256.context("a digest")?);
    let list = bench.scratch.path("list");
    let list_name = list.to_str().context("path")?;
    let hunt = |text: String| -> Result<_> {
        fs::write(&list, text)?;
        bench.scratch.schleuse(&["retro-hunt", "--digests", list_name])
    };
    // What was held was not released.
    let held = hunt(format!("# held\n{}  Rechnung.pdf\n", bench.hold("Rechnung.pdf")?.sha256.hex()))?;
    ensure!(held.status == 0 && held.stdout.contains("0 of 1 released items"), "{held:?}");
    for digest in [content, output] {
        let named = hunt(digest.hex())?;
        ensure!(named.status == 1 && named.stdout.contains("Notiz.txt") && named.stdout.contains(&bench.medium.session), "{named:?}");
    }
    ensure!(bench.noted("retro-hit")?.len() == 2);
    ensure!(hunt("no digest\n".into())?.status == 2);
    // By default the policy's own list.
    let policy = bench.scratch.path("policy.toml");
    fs::write(&policy, format!("[scan]\nblocked_sha256 = [\"{}\"]\n", content.hex()))?;
    let named = bench.scratch.schleuse(&["retro-hunt", "--policy", policy.to_str().context("path")?])?;
    ensure!(named.status == 1, "{named:?}");
    check_audit(&bench.scratch)
}

#[test]
fn killed_in_the_middle_it_is_voided_and_the_hold_is_whole() -> Result<()> {
    let bench = Bench::new(&[("Rechnung.pdf", suspicious())])?;
    let record = bench.hold("Rechnung.pdf")?;
    let hold = bench.scratch.state().join("quarantine").join(&record.hold);
    let (before, names) = (digest_of_tree(&hold)?, bench.scratch.released_names()?);
    let moments = ["SessionRecorded", "ContentSpooled", "Scanned", "Decided", "PageRendered", "Verified", "Reconciled", "ReleaseSealed"];
    for (round, moment) in moments.iter().enumerate() {
        let mut killable = command(program("killable")?);
        killable.arg(format!("hold:{}", record.hold)).arg(bench.scratch.release()).arg(bench.scratch.state());
        killable.arg(bench.clamd.address()).arg(bench.scratch.path("killed.json")).args([moment, "1", "Supervisor"]);
        killable.arg(bench.clamd.process().as_raw_nonzero().to_string());
        let killed = run(&mut killable)?;
        ensure!(killed.status == -1 && killed.stderr.contains("struck"), "{moment}: {killed:?}");
        ensure!(digest_of_tree(&hold)? == before, "{moment}: the hold was touched");
        ensure!(bench.scratch.released_names()?.iter().filter(|name| !name.starts_with('.')).eq(names.iter()), "{moment}: released");
        // The next start of a supervisor voids it, even of one that is refused a session for want of a destination.
        let mut next = command(program("schleuse")?);
        next.arg("process").arg(bench.scratch.state().join("keys")).args(["--clamd", &bench.clamd.address()]);
        let next = run(next.arg("--state").arg(bench.scratch.state()))?;
        ensure!(next.status == 2, "{moment}: {next:?}");
        ensure!(bench.noted("session-voided")?.len() == round + 1, "{moment}: not voided");
        ensure!(bench.scratch.released_names()? == names, "{moment}: something is left");
        ensure!(fs::read_dir(bench.scratch.state().join("spool"))?.next().is_none(), "{moment}: content stays in the spool");
        check_audit(&bench.scratch)?;
    }
    ensure!(Quarantine::list(&bench.scratch.state().join("quarantine"))?.len() == 1, "another hold");
    // And it still goes through.
    ended(&bench.again(&record, None)?, "Rechnung.pdf", Outcome::Released, Reason::Converted)
}
