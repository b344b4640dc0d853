//! The sample medium through the whole line: every item ends as `samples/MANIFEST.toml` says, and what comes out is whole.

use anyhow::{Context as _, Result, ensure};
use e2e::released::{check_pdf, check_release, digests, folder, outputs, text_of};
use e2e::{Clamd, Scratch, expected, run, sha256_of, small_medium};
use model::report::{Outcome, SessionReport};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use testkit::tree::fat_subset;
use testkit::{Partition, Sample, write_fat32_image};

/// Exit status of a session in which something was withheld.
const WITHHELD: i32 = 10;

/// Runs a session that must reconcile with something withheld, and gives its report.
fn session(scratch: &Scratch, source: &Path, clamd: &Clamd) -> Result<SessionReport> {
    let ended = run(&mut scratch.process(source, &clamd.address())?)?;
    ensure!(ended.status == WITHHELD, "{ended:?}");
    scratch.report()
}

#[test]
fn every_sample_of_a_tree_ends_as_the_manifest_says() -> Result<()> {
    let (clamd, scratch, samples) = (Clamd::start()?, Scratch::new()?, testkit::sample_medium()?);
    let tree = scratch.tree("medium", &samples)?;
    let report = session(&scratch, &tree, &clamd)?;
    check_release(&scratch, &report)?;
    check_contract(&scratch)?;
    check_pdfs(&scratch, &report)?;
    let differences = expected::differences(&samples, &report);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));

    // The same state takes the next medium.
    let next = run(&mut scratch.process(&scratch.one_text_file("next")?, &clamd.address())?)?;
    assert_eq!(next.status, 0, "{next:?}");
    check_release(&scratch, &scratch.report()?)?;
    assert_eq!(scratch.released_names()?.len(), 2);
    Ok(())
}

/// The keys that readers of the report rely on.
fn check_contract(scratch: &Scratch) -> Result<()> {
    let report: Value = serde_json::from_slice(&fs::read(scratch.path("report.json"))?)?;
    let has = |value: &Value, keys: &[&str]| -> Result<()> {
        keys.iter().try_for_each(|key| value.get(key).map(drop).with_context(|| format!("no `{key}` in {value}")))
    };
    has(&report, &["schema", "session", "medium", "policy_sha256", "engines", "totals", "items"])?;
    let items = report["items"].as_array().context("items")?;
    for item in items {
        has(item, &["path", "claimed", "format", "size_bytes", "sha256", "disposition", "reason", "reason_text"])?;
        has(item, &["findings", "removed", "outputs"])?;
        has(&item["reason_text"], &["de", "en"])?;
        item["outputs"].as_array().context("outputs")?.iter().try_for_each(|output| has(output, &["path", "sha256", "pages"]))?;
    }
    Ok(())
}

/// Every PDF of the release in foreign readers, those about the session too, and words that must be found in them.
fn check_pdfs(scratch: &Scratch, report: &SessionReport) -> Result<()> {
    let folder = folder(scratch, report);
    let mut text = String::new();
    for output in outputs(report).filter(|output| Path::new(&output.path).extension().is_some_and(|ending| ending == "pdf")) {
        let path = folder.join(&output.path);
        check_pdf(&path, output.pages.with_context(|| format!("no page count for {}", output.path))?)?;
        text.push_str(&text_of(&path)?);
    }
    for word in ["Vergütung", "Förderanlage", "Vertraulichkeit", "Grüße", "€", "Umsätze"] {
        ensure!(text.contains(word), "`{word}` is in no text layer");
    }
    for (name, word) in [("Sitzungsbericht.pdf", "zurückgehalten"), ("session-report.pdf", "Not released")] {
        let found = text_of(&folder.join(name))?;
        ensure!(found.contains(word), "`{word}` is not in {name}");
    }
    Ok(())
}

fn samples_on_fat() -> Result<Vec<Sample>> {
    Ok(fat_subset(&testkit::sample_medium()?).into_iter().map(|(_, sample)| sample.clone()).collect())
}

/// The image in one form: same outcomes, and not a byte of it written, even by a user who may.
fn check_image(partition: Partition, mode: u32, scheme: &str) -> Result<()> {
    let (clamd, scratch, samples) = (Clamd::start()?, Scratch::new()?, samples_on_fat()?);
    let image = scratch.path("stick.img");
    write_fat32_image(&image, &samples, partition)?;
    fs::set_permissions(&image, fs::Permissions::from_mode(mode))?;
    let before = sha256_of(&image)?;
    let report = session(&scratch, &image, &clamd)?;
    ensure!(sha256_of(&image)? == before, "the image was written");
    let volumes: Vec<&str> = report.medium.volumes.iter().map(|volume| volume.scheme.as_str()).collect();
    ensure!(volumes == [scheme], "{:?}", report.medium.volumes);
    check_release(&scratch, &report)?;
    // What lies between table and partition is a line, and no file of the tree.
    let (report, gaps) = expected::without_gaps(report);
    ensure!(gaps.len() == usize::from(partition != Partition::None), "{gaps:?}");
    ensure!(gaps.iter().all(|gap| gap.disposition == Outcome::Structural), "{gaps:?}");
    let differences = expected::differences(&samples, &report);
    ensure!(differences.is_empty(), "\n{}", differences.join("\n"));
    Ok(())
}

#[test]
fn a_fat32_image_without_partitions_ends_like_the_tree() -> Result<()> {
    check_image(Partition::None, 0o444, "none")
}

#[test]
fn a_fat32_partition_of_an_mbr_ends_like_the_tree() -> Result<()> {
    check_image(Partition::Mbr, 0o644, "mbr")
}

#[test]
fn a_fat32_partition_of_a_gpt_ends_like_the_tree() -> Result<()> {
    check_image(Partition::Gpt, 0o444, "gpt")
}

#[test]
fn a_session_without_holds_ends_with_status_0() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let ended = run(&mut scratch.process(&scratch.one_text_file("medium")?, &clamd.address())?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let report = scratch.report()?;
    assert_eq!((report.totals.found, report.totals.released), (1, 1));
    check_release(&scratch, &report)
}

#[test]
fn an_empty_medium_ends_with_status_0() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let medium = scratch.tree("medium", &[])?;
    let ended = run(&mut scratch.process(&medium, &clamd.address())?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let report = scratch.report()?;
    assert_eq!((report.totals.found, report.totals.structural), (0, 0));
    check_release(&scratch, &report)
}

#[test]
fn the_same_medium_twice_gives_the_same_bytes() -> Result<()> {
    let (clamd, samples) = (Clamd::start()?, small_medium()?);
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let scratch = Scratch::new()?;
            let report = session(&scratch, &scratch.tree("medium", &samples)?, &clamd)?;
            check_release(&scratch, &report)?;
            Ok(digests(&report))
        })
        .collect::<Result<_>>()?;
    assert!(runs[0].len() >= 6, "{:?}", runs[0]);
    assert_eq!(runs[0], runs[1]);
    Ok(())
}
