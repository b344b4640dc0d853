//! Media that misbehave: what they did not give is unreadable with the offset or the time, the rest goes on, and what they
//! gave at the first read is all that counts.

use anyhow::{Context as _, Result, bail, ensure};
use audit::{OsEntropy, SystemClock};
use e2e::released::{check_audit, check_release};
use e2e::stick::{Behaviour, Stick};
use e2e::{Clamd, Scratch, program, run, settings, sha256_of};
use model::device::{DeviceKind, DeviceRecord};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{Format, Reason};
use pipeline::{Attached, DeviceSource, Order, Quiet, Station, StationFault, Unobserved};
use std::fs::{self, File};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use testkit::{Expected, Sample, eicar, fat32_image};

/// Bytes of the large file in the middle.
const LARGE: usize = 1 << 20;

fn sample(path: &str, bytes: Vec<u8>) -> Sample {
    Sample::new(path, "", bytes, Expected::rebuilt(Format::Txt))
}

/// Text that is different everywhere.
fn text(bytes: usize) -> Vec<u8> {
    (0..).flat_map(|line: u32| format!("Zeile {line}\n").into_bytes()).take(bytes).collect()
}

/// A volume with a small file, a large one and another small one, and where the large one lies.
fn volume() -> Result<(Vec<u8>, Range<u64>)> {
    let large = text(LARGE);
    let samples =
        [sample("A.txt", b"Vorher.\n".to_vec()), sample("B.txt", large.clone()), sample("C.txt", b"Nachher, noch eine Zeile.\n".to_vec())];
    let image = fat32_image(&samples)?;
    let at = image.windows(4_096).position(|window| window == &large[..4_096]).context("the large file")?;
    ensure!(image[at..at + LARGE] == large, "it lies in one piece");
    Ok((image, at as u64..(at + LARGE) as u64))
}

fn session(scratch: &Scratch, clamd: &Clamd, stick: &Stick, policy: &str) -> Result<SessionReport> {
    let ended = run(&mut scratch.process_under(&stick.image(), &clamd.address(), policy)?)?;
    ensure!(matches!(ended.status, 0 | 10), "{ended:?}");
    let report = scratch.report()?;
    check_release(scratch, &report)?;
    check_audit(scratch)?;
    ensure!(stick.writers() == 0, "somebody wanted to write to the medium");
    Ok(report)
}

fn line<'a>(report: &'a SessionReport, path: &str) -> Result<&'a ItemLine> {
    report.items.iter().find(|item| item.path == path).with_context(|| format!("no line for {path}"))
}

/// It could not be read, and the finding begins so.
fn unreadable(report: &SessionReport, path: &str, detail: &str) -> Result<()> {
    let line = line(report, path)?;
    ensure!((line.disposition, line.reason) == (Outcome::Unreadable, Reason::ReadError), "{line:?}");
    ensure!(line.findings.iter().any(|finding| finding.detail.starts_with(detail)), "`{detail}` expected: {line:?}");
    Ok(())
}

fn released(report: &SessionReport, path: &str) -> Result<()> {
    let line = line(report, path)?;
    ensure!(line.disposition == Outcome::Released, "{line:?}");
    Ok(())
}

#[test]
fn every_byte_of_the_content_is_read_once() -> Result<()> {
    let (clamd, scratch, (image, large)) = (Clamd::start()?, Scratch::new()?, volume()?);
    let Some(stick) = Stick::insert(image, Vec::new())? else { return Ok(()) };
    let report = session(&scratch, &clamd, &stick, "")?;
    ensure!(report.totals.released == 3, "{:?}", report.totals);
    let reads = stick.reads(large);
    ensure!(reads.iter().all(|count| *count == 1), "{reads:?}");
    Ok(())
}

#[test]
fn what_a_medium_says_later_changes_nothing() -> Result<()> {
    let (clamd, scratch, (image, large)) = (Clamd::start()?, Scratch::new()?, volume()?);
    let first = scratch.path("first.txt");
    fs::write(&first, &image[large.start as usize..large.end as usize])?;
    let hostile = eicar().into_iter().cycle().take(LARGE).collect();
    let Some(stick) = Stick::insert(image, vec![(large, Behaviour::Changes(hostile))])? else { return Ok(()) };
    // The stick does give other bytes when it is read again.
    let before = sha256_of(&stick.image())?;
    ensure!(sha256_of(&stick.image())? != before, "a stick that changes nothing");
    drop(stick);

    let (image, large) = volume()?;
    let hostile = eicar().into_iter().cycle().take(LARGE).collect();
    let Some(stick) = Stick::insert(image, vec![(large, Behaviour::Changes(hostile))])? else { return Ok(()) };
    let report = session(&scratch, &clamd, &stick, "")?;
    released(&report, "B.txt")?;
    let digest = line(&report, "B.txt")?.sha256.context("a digest")?.hex();
    ensure!(digest == sha256_of(&first)?, "what was judged is not what was read first");
    Ok(())
}

#[test]
fn a_defective_place_costs_one_file_and_says_where() -> Result<()> {
    let (clamd, scratch, (image, large)) = (Clamd::start()?, Scratch::new()?, volume()?);
    let defective = large.start + 300 * 1_024..large.start + 300 * 1_024 + 1;
    let Some(stick) = Stick::insert(image, vec![(defective, Behaviour::Defective)])? else { return Ok(()) };
    let report = session(&scratch, &clamd, &stick, "")?;
    unreadable(&report, "B.txt", "at byte 307200")?;
    released(&report, "A.txt")?;
    released(&report, "C.txt")
}

#[test]
fn a_medium_that_stalls_is_named_and_what_it_gave_goes_on() -> Result<()> {
    let (clamd, scratch, (image, large)) = (Clamd::start()?, Scratch::new()?, volume()?);
    let stalls = large.start + 512 * 1_024..large.end;
    let Some(stick) = Stick::insert(image, vec![(stalls, Behaviour::Stalls)])? else { return Ok(()) };
    let report = session(&scratch, &clamd, &stick, "[session]\nread_stall_seconds = 1\n")?;
    released(&report, "A.txt")?;
    for path in ["B.txt", "C.txt"] {
        unreadable(&report, path, "the medium gave nothing: session.read_stall_seconds = 1")?;
    }
    Ok(())
}

#[test]
fn a_medium_that_stalls_at_once_is_a_line_too() -> Result<()> {
    let (clamd, scratch, (image, _)) = (Clamd::start()?, Scratch::new()?, volume()?);
    let Some(stick) = Stick::insert(image, vec![(0..512, Behaviour::Stalls)])? else { return Ok(()) };
    let report = session(&scratch, &clamd, &stick, "[session]\nread_stall_seconds = 1\n")?;
    ensure!(report.totals.found == 1, "{:?}", report.totals);
    unreadable(&report, "(rest of the medium)", "the medium gave nothing: session.read_stall_seconds = 1")
}

/// An admitted device that is pulled out as soon as it gives an error.
#[derive(Debug)]
struct Pulled(PathBuf);

impl DeviceSource for Pulled {
    fn record(&self) -> DeviceRecord {
        let none = None::<String>;
        DeviceRecord {
            name: "sdz".into(),
            kind: DeviceKind::Usb,
            usb_id: none.clone(),
            vendor: none.clone(),
            product: none.clone(),
            serial: none.clone(),
            port: none,
            size_bytes: 0,
            judgement: "admitted".into(),
        }
    }

    fn attach(&self) -> Result<Attached, String> {
        File::open(&self.0).map(|file| Attached::Disk(file.into())).map_err(|error| error.to_string())
    }

    fn is_gone(&self) -> bool {
        true
    }
}

/// A session with a stick that is pulled out in the middle of its large file.
fn pulled_out(scratch: &Scratch, clamd: &Clamd, policy: &str) -> Result<Option<Result<SessionReport, StationFault>>> {
    let (image, large) = volume()?;
    let rest = large.start + 300 * 1_024..image.len() as u64;
    pulled_out_with(scratch, clamd, policy, image, (rest, Behaviour::Defective))
}

/// A session with a stick that is gone, as `behaviour` of its bytes shows.
fn pulled_out_with(
    scratch: &Scratch,
    clamd: &Clamd,
    policy: &str,
    image: Vec<u8>,
    behaviour: (Range<u64>, Behaviour),
) -> Result<Option<Result<SessionReport, StationFault>>> {
    let Some(stick) = Stick::insert(image, vec![behaviour])? else { return Ok(None) };
    let settings = settings(policy)?;
    fs::create_dir_all(scratch.release())?;
    scratch.canaries_tried(&clamd.address(), policy)?;
    let device: Arc<dyn DeviceSource> = Arc::new(Pulled(stick.image()));
    let order = Order { source: stick.image(), device: Some(device), release_to: scratch.release().into(), owner: None, keys: Vec::new() };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (worker, address) = (program("schleuse-worker")?, clamd.address().parse()?);
        let station = Station::open(&scratch.state(), worker, settings, address, clock, entropy, Arc::new(Unobserved)).await?;
        anyhow::Ok(pipeline::process(&station, &order, Arc::new(Quiet)).await)
    })?;
    check_audit(scratch)?;
    Ok(Some(ended.map(|finished| finished.report)))
}

#[test]
fn of_a_medium_that_is_pulled_out_nothing_is_released() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let Some(ended) = pulled_out(&scratch, &clamd, "")? else { return Ok(()) };
    let Err(fault) = ended else { bail!("{ended:?}") };
    ensure!(matches!(fault, StationFault::MediumGone { found: 3, .. }), "{fault}");
    ensure!(scratch.released_names()?.is_empty(), "something was released");
    Ok(())
}

#[test]
fn however_a_reader_meets_that_the_medium_is_gone_nothing_is_released() -> Result<()> {
    // Silence in the middle of a file; at once, before there is an inventory; one last place that cannot be read.
    let (image, large) = volume()?;
    let last = large.end - 1..large.end;
    for behaviour in [
        (large.start + 512 * 1_024..large.end, Behaviour::Stalls),
        (0..512, Behaviour::Stalls),
        (0..512, Behaviour::Defective),
        (last, Behaviour::Defective),
    ] {
        let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
        let policy = "[session]\nread_stall_seconds = 1\n";
        let Some(ended) = pulled_out_with(&scratch, &clamd, policy, image.clone(), behaviour)? else { return Ok(()) };
        let Err(fault) = ended else { bail!("{ended:?}") };
        ensure!(matches!(fault, StationFault::MediumGone { .. }), "{fault}");
        ensure!(scratch.released_names()?.is_empty(), "something was released");
    }
    Ok(())
}

#[test]
fn by_policy_what_came_before_a_medium_was_pulled_out_is_released() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let Some(ended) = pulled_out(&scratch, &clamd, "[session]\non_medium_gone = \"partial\"\n")? else { return Ok(()) };
    let report = ended?;
    released(&report, "A.txt")?;
    for path in ["B.txt", "C.txt"] {
        let line = line(&report, path)?;
        ensure!((line.disposition, line.reason) == (Outcome::Unreadable, Reason::MediumGone), "{line:?}");
    }
    ensure!(report.totals.reconcile(), "{:?}", report.totals);
    Ok(())
}
