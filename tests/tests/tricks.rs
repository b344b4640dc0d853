//! Tricks of archives, texts and pictures whose outcome is more than a line of the manifest: limits with small numbers in
//! the policy, named with that number; and what must not be among the bytes that come out.

use anyhow::{Context as _, Result, ensure};
use e2e::released::{check_release, folder};
use e2e::{Clamd, Scratch, run, samples_at};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Format};
use std::fs;
use std::path::Path;
use testkit::{Expected, Sample, gzip_of, zip_of};

/// A sample whose expectation nobody asks for here.
fn file(name: &str, bytes: impl Into<Vec<u8>>) -> Sample {
    Sample::new(name, "made by a test", bytes, Expected::rebuilt(Format::Txt))
}

fn session(scratch: &Scratch, samples: &[Sample], policy: &str) -> Result<SessionReport> {
    let clamd = Clamd::start()?;
    let medium = scratch.tree("medium", samples)?;
    let ended = run(&mut scratch.process_under(&medium, &clamd.address(), policy)?)?;
    ensure!(matches!(ended.status, 0 | 10), "{ended:?}");
    let report = scratch.report()?;
    check_release(scratch, &report)?;
    Ok(report)
}

fn item<'a>(report: &'a SessionReport, path: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == path).with_context(|| format!("no line {path}"))
}

/// Checks that an item is withheld for a limit, with the key of the policy and its number.
fn check_limit(report: &SessionReport, path: &str, said: &str) -> Result<()> {
    let item = item(report, path)?;
    let named = item.findings.iter().any(|finding| finding.code == FindingCode::LimitHit && finding.detail == said);
    ensure!(item.disposition == Outcome::Withheld && named, "`{said}` expected: {item:?}");
    Ok(())
}

#[test]
fn every_limit_of_an_archive_is_named_with_its_number() -> Result<()> {
    let scratch = Scratch::new()?;
    let small =
        |count: u32| -> Vec<(String, Vec<u8>)> { (0..count).map(|n| (format!("{n}.txt"), format!("Zeile {n}\n").into_bytes())).collect() };
    let within = zip_of(&[("innen.zip", zip_of(&[("tief.zip", zip_of(&[("notiz.txt", b"Alles gut.\n")]))]))]);
    let samples = [
        file("Viele.zip", zip_of(&small(13))),
        file("Viele in zweien.zip", zip_of(&[("a.zip", zip_of(&small(6))), ("b.zip", zip_of(&small(6)))])),
        file("Groß.zip", zip_of(&[("gross.txt", testkit::bits::Noise::new(1).bytes(3 << 20))])),
        file("Dicht.gz", gzip_of("dicht.txt", &vec![b'a'; 2 << 20])),
        file("Tief.zip", within),
    ];
    let policy = "[archive]\nmax_members = 12\nmax_expanded_bytes = 2097152\nmax_ratio = 20\nmax_depth = 2\n";
    let report = session(&scratch, &samples, policy)?;
    check_limit(&report, "Viele.zip", "archive.max_members = 12")?;
    check_limit(&report, "Groß.zip", "archive.max_expanded_bytes = 2097152")?;
    check_limit(&report, "Dicht.gz", "archive.max_ratio = 20")?;
    check_limit(&report, "Tief.zip!/innen.zip!/tief.zip", "archive.max_depth = 2")?;
    // Each of the two is small enough; what they come to together, with themselves, is not.
    let both = ["Viele in zweien.zip!/a.zip", "Viele in zweien.zip!/b.zip"];
    let held: Vec<&str> =
        both.into_iter().filter(|path| item(&report, path).is_ok_and(|item| item.disposition == Outcome::Withheld)).collect();
    ensure!(!held.is_empty(), "{:?}", report.items);
    held.iter().try_for_each(|path| check_limit(&report, path, "archive.max_members = 12"))
}

#[test]
fn a_member_larger_than_an_item_may_be_is_named_with_its_number() -> Result<()> {
    let scratch = Scratch::new()?;
    let samples = [file("Mitglied.zip", zip_of(&[("mitglied.txt", b"Messwert 20,5 Grad\n".repeat(20_000))]))];
    let report = session(&scratch, &samples, "[item]\nmax_bytes = 100000\n")?;
    check_limit(&report, "Mitglied.zip", "item.max_bytes = 100000")
}

/// Archives in archives, none of them past a limit, that together would fill any disk.
#[test]
fn a_bomb_of_many_archives_has_one_budget() -> Result<()> {
    let scratch = Scratch::new()?;
    let leaf = zip_of(&[("zeilen.txt", b"Messwert 20,5 Grad\n".repeat(10_000))]);
    let bomb = (0..2).fold(leaf, |inner, _| {
        let members: Vec<(String, &[u8])> = (0..5).map(|n| (format!("{n}.zip"), &inner[..])).collect();
        zip_of(&members)
    });
    let report = session(&scratch, &[file("Bombe.zip", bomb)], "[archive]\nmax_expanded_bytes = 1000000\nmax_ratio = 100000\n")?;
    let expanded: u64 = report.items.iter().filter(|item| item.path.contains('!')).map(|item| item.size_bytes).sum();
    assert!(expanded <= 1_000_000, "{expanded}");
    // Which of the archives still find room depends on who comes first; five of the innermost fit.
    let texts = report.items.iter().filter(|item| item.path.ends_with(".txt")).count();
    assert!(texts <= 5 && report.totals.withheld > 0, "{texts} texts, {:?}", report.totals);
    let held = report.items.iter().filter(|item| item.disposition == Outcome::Withheld);
    held.map(|item| item.path.as_str()).try_for_each(|path| check_limit(&report, path, "archive.max_expanded_bytes = 1000000"))
}

/// Text is decoded and normalised in memory: that is bounded by the worker's, and what does not fit is held.
#[test]
fn one_long_line_stays_within_memory_or_ends_at_a_number() -> Result<()> {
    let line = || "Messwert 20,5 Grad; ".repeat(1 << 20).into_bytes();
    let scratch = Scratch::new()?;
    let report = session(&scratch, &[file("Zeile.txt", line())], "[worker]\nmemory_bytes = 268435456\n")?;
    ensure!(item(&report, "Zeile.txt")?.disposition == Outcome::Released, "{:?}", report.items);
    for (policy, said) in [
        ("[convert]\nmax_output_bytes = 1000000\n", "convert.max_output_bytes = 1000000"),
        ("[item]\nmax_bytes = 1000000\n", "item.max_bytes = 1000000"),
    ] {
        let scratch = Scratch::new()?;
        let report = session(&scratch, &[file("Zeile.txt", line())], policy)?;
        let item = item(&report, "Zeile.txt")?;
        ensure!(
            item.disposition != Outcome::Released && item.findings.iter().any(|f| f.detail.contains(said)),
            "`{said}` expected: {item:?}"
        );
    }
    let scratch = Scratch::new()?;
    let report = session(&scratch, &[file("Zeile.txt", line())], "[scan]\nclamd_stream_max_bytes = 1000000\n")?;
    let item = item(&report, "Zeile.txt")?;
    ensure!(item.disposition == Outcome::Withheld && item.findings.iter().any(|f| f.detail.contains("1000000")), "{item:?}");
    Ok(())
}

/// The bytes an item was released as.
fn released(scratch: &Scratch, report: &SessionReport, path: &str) -> Result<Vec<u8>> {
    let item = item(report, path)?;
    let output = item.outputs.first().with_context(|| format!("{item:?}"))?;
    ensure!(item.outputs.len() == 1, "{item:?}");
    let path = folder(scratch, report).join(&output.path);
    fs::read(&path).with_context(|| path.display().to_string())
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn what_hid_in_a_picture_is_not_in_what_comes_out() -> Result<()> {
    let folder = "Bilder/Aus dem Netz/";
    let paths: Vec<String> = ["Vorschau.jpg", "Viel Exif.jpg", "Viel Exif.png", "Bewegt.png", "Bewegt.webp", "Verweise.svg", "Anhang.png"]
        .iter()
        .map(|name| format!("{folder}{name}"))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).chain(["Bilder/Ausflug an den See/Foto 001.jpg"]).collect();
    let (scratch, samples) = (Scratch::new()?, samples_at(&paths)?);
    let report = session(&scratch, &samples, "")?;
    for path in &paths {
        let bytes = released(&scratch, &report, path)?;
        for what in ["Exif", "MakerNote", "Mustermann", "Musterphone", "boese.example", "acTL", "fdAT", "Text hinter", "script"] {
            ensure!(!holds(&bytes, what.as_bytes()), "{path}: `{what}` came out");
        }
        let known = bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.starts_with(b"\xFF\xD8\xFF");
        // A thumbnail is a JPEG of its own: its start would be a second one.
        ensure!(known && !holds(bytes.get(3..).unwrap_or_default(), b"\xFF\xD8\xFF"), "{path}: not one picture");
        ensure!(
            item(&report, path)?
                .findings
                .iter()
                .any(|f| matches!(f.code, FindingCode::Metadata | FindingCode::ActiveContent | FindingCode::TrailingBytes)),
            "{path}: nothing was said"
        );
    }
    Ok(())
}

#[test]
fn what_hid_in_a_text_is_not_in_what_comes_out() -> Result<()> {
    let folder = "Technik/Texte aus dem Netz/";
    let names = [
        "UTF-16 BE.txt",
        "UTF-16 ohne Marke.txt",
        "UTF-32 LE.txt",
        "UTF-32 BE.txt",
        "Kaputt.txt",
        "Konsole.log",
        "freigabe.c",
        "Stückliste.tsv",
    ];
    let paths: Vec<String> = names.iter().map(|name| format!("{folder}{name}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (scratch, samples) = (Scratch::new()?, samples_at(&paths)?);
    let report = session(&scratch, &samples, "")?;
    for path in &paths {
        let text = String::from_utf8(released(&scratch, &report, path)?).with_context(|| (*path).to_owned())?;
        let foul = |c: &char| {
            c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
        };
        ensure!(text.chars().find(foul).is_none(), "{path}: {text:?}");
        if Path::new(path).file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("UTF-")) {
            ensure!(text.starts_with("Grüße aus der Straße: 5 € je Stück"), "{path}: {text:?}");
        }
        if path.ends_with(".tsv") {
            for cell in text.split(['\t', '\n', ';']).map(|cell| cell.trim_matches(['"', ' '])) {
                ensure!(!cell.starts_with(['=', '+', '-', '@', '\u{FF1D}']), "{path}: {cell:?} in {text:?}");
            }
        }
    }
    Ok(())
}

/// A member's name may be in any code page; bytes that are no UTF-8 become replacements, and two names stay two.
#[test]
fn names_of_foreign_code_pages_come_out_harmless_and_apart() -> Result<()> {
    let path = "Archive/Aus dem Netz/Zeichensätze.zip";
    let (scratch, samples) = (Scratch::new()?, samples_at(&[path])?);
    let report = session(&scratch, &samples, "")?;
    let mut names: Vec<&str> =
        report.items.iter().flat_map(|item| &item.outputs).filter(|o| o.sha256.is_some()).map(|o| o.path.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| !name.contains('\u{FFFD}')), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with("/Grüße.txt")), "{names:?}");
    Ok(())
}
