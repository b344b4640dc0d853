//! `schleuse wipe`.

use super::print_json;
use crate::cli::{Wipe, WipeFormat};
use crate::settings;
use crate::terminal::WipeProgress;
use anyhow::Context as _;
use audit::{OsEntropy, SystemClock};
use model::escape_text;
use pipeline::station::{StatePaths, station_name};
use pipeline::workers;
use spool::Spool;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use wipe::{Confirmed, FileSystem, Finished, Order, Outcome, Progress, Quiet, Station, System, Target, WipeError};
use wire::VerifyKind;

/// Exit status when the medium has to be destroyed physically.
const DESTROY: u8 = 1;

pub fn run(order: &Wipe) -> anyhow::Result<u8> {
    let settings = settings::load(order.policy.policy.as_deref())?;
    let state = settings::state_dir(order.state.state.as_deref())?;
    let worker = settings::worker_program()?;
    let target = Target::look(&order.target, &state, &System::default())?;
    let confirmed = confirm(target, order.yes_erase.as_deref())?;
    let job = Order {
        passes: order.passes,
        file_system: order.format.map(|format| match format {
            WipeFormat::Fat32 => FileSystem::Fat32,
            WipeFormat::Exfat => FileSystem::Exfat,
        }),
        label: order.label.clone(),
        certificate_to: order.certificate_to.as_deref().map(std::path::absolute).transpose()?,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
    let mut station = Station::open(&state, settings.policy.wipe.clone(), station_name, clock, entropy)?;
    let accept = |pdf: &[u8]| verified(pdf, &state, &worker, &settings.policy).map_err(|error| format!("{error:#}"));
    let progress: Box<dyn Progress> = if order.state.json { Box::new(Quiet) } else { Box::new(WipeProgress::new()) };
    let finished = match wipe::wipe(&mut station, &confirmed, &job, &accept, progress.as_ref()) {
        Ok(finished) => finished,
        Err(WipeError::Refused(refusal)) => return Err(refusal.into()),
        Err(WipeError::Fault(fault)) => return Err(fault.into()),
    };
    if order.state.json {
        print_json(&finished.certificate)?;
    } else {
        print_result(&finished);
    }
    Ok(if finished.certificate.outcome == Outcome::Wiped { 0 } else { DESTROY })
}

/// The serial number, from the command line or typed by a person.
fn confirm(target: Target, yes_erase: Option<&str>) -> anyhow::Result<Confirmed> {
    if let Some(serial) = yes_erase {
        return Ok(target.confirm(serial)?);
    }
    let (what_de, what_en) = if target.has_serial { ("Seriennummer", "serial number") } else { ("Dateinamen", "file name") };
    eprintln!("{}  {}  {} bytes", escape_text(&target.path.to_string_lossy()), target.model, target.size_bytes);
    eprintln!("ALLES darauf wird unwiderruflich gelöscht. Zum Bestätigen {what_de} eintippen: {}", escape_text(&target.serial));
    eprintln!("EVERYTHING on it will be erased for good. To confirm, type the {what_en}: {}", escape_text(&target.serial));
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed).context("standard input cannot be read")?;
    Ok(target.confirm(typed.trim_end_matches(['\r', '\n']))?)
}

/// Has the strict verifier, in a confined worker, read a report.
fn verified(pdf: &[u8], state: &Path, worker: &Path, policy: &model::Policy) -> anyhow::Result<()> {
    let root = StatePaths::new(state).spool();
    // This process has the chain's lock: what lies there belongs to nobody.
    Spool::clear_leftovers(&root, &[])?;
    let spool = Spool::create(&root, "wipe-certificate", policy.session.max_spool_bytes)?;
    let file = spool.put(pdf)?;
    match workers::verify(worker, policy, &file, VerifyKind::ReportPdf, None) {
        Ok(Ok(_acceptance)) => Ok(()),
        Ok(Err(code)) => anyhow::bail!("{}", code.escaped()),
        Err(workers::Trouble::Station(fault)) => Err(fault.into()),
        Err(trouble) => anyhow::bail!("{trouble:?}"),
    }
}

fn print_result(finished: &Finished) {
    let certificate = &finished.certificate;
    let checked = &certificate.verification;
    match certificate.outcome {
        Outcome::Wiped => println!("WIPED / GELÖSCHT"),
        Outcome::Failed => println!("FAILED: destroy physically / FEHLGESCHLAGEN: physisch vernichten"),
    }
    println!("{}\n{}", certificate.level.statement.en, certificate.level.statement.de);
    println!("passes       {} of {}", certificate.done.passes.iter().filter(|p| p.complete).count(), certificate.done.passes_ordered);
    println!("read back    {} of {} bytes as written", checked.equal_bytes, certificate.medium.size_bytes);
    for range in checked.write_errors.ranges.iter().chain(&checked.read_errors.ranges) {
        println!("bad range    from {} for {} bytes ({:?})", range.offset, range.bytes, range.trouble);
    }
    if let Some(lie) = &checked.capacity_lie {
        println!("capacity     the medium is smaller than it says ({:?}); real size: {:?} bytes", lie.kind, lie.real_bytes);
    }
    println!("certificate  {}", escape_text(&finished.folder.to_string_lossy()));
}
