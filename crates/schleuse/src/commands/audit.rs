//! `schleuse audit`: the chain is checked, shown, exported, and sessions are erased from it.

use super::{BROKEN, key_for, no_station, print_json};
use crate::cli::{Audit, Erase, State, Verify, Which};
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use audit::{ExportFormat, Filter, OsEntropy, Position, PublicKey, SessionPayloads, SystemClock, export};
use pipeline::Recorder;
use pipeline::station::{StatePaths, station_name};
use serde::Deserialize;
use serde_json::json;
use std::fs;
use std::io::{BufReader, BufWriter, ErrorKind, Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub fn run(what: &Audit) -> anyhow::Result<u8> {
    match what {
        Audit::Verify(what) => verify(what),
        Audit::Show { which, limit, state } => show(which, *limit, state),
        Audit::Export { format, which, no_payload, state } => export_all(which, (*format).into(), !no_payload, state),
        Audit::Erase(what) => erase(what),
    }
}

fn verify(what: &Verify) -> anyhow::Result<u8> {
    let dir = settings::state_dir(what.state.state.as_deref())?;
    let key = key_for(what.key.as_deref(), &dir)?;
    let mut found = Reports::default();
    if let Some(reports) = &what.reports {
        found.look_in(reports)?;
    }
    let station = station_of(&dir, &key);
    let (own, foreign): (Vec<_>, Vec<_>) =
        found.anchors.iter().partition(|anchor| station.as_ref().is_none_or(|name| *name == anchor.station));
    let unused: Vec<String> = found.unreadable.iter().cloned().chain(foreign.iter().map(|anchor| anchor.of_another())).collect();
    let anchors: Vec<Position> = what.anchors.iter().copied().chain(own.iter().map(|anchor| anchor.position)).collect();
    let verified = audit::verify_against(&dir, &key, &anchors);
    if what.state.json {
        let said = match &verified {
            Ok(verified) => json!({
                "verified": true, "records": verified.records, "pending": verified.pending, "checkpoints": verified.checkpoints,
                "head": verified.head.to_string(), "station": verified.station, "anchors": anchors.len(), "reports_not_used": unused,
                "keys": verified.keys.iter().map(PublicKey::to_string).collect::<Vec<_>>(),
            }),
            Err(fault) => json!({
                "verified": false, "fault": fault.to_string(), "seq": fault.seq, "file": fault.file, "line": fault.line,
                "reports_not_used": unused,
            }),
        };
        print_json(&said)?;
    } else {
        for unused in &unused {
            println!("note: {unused}");
        }
        match &verified {
            Ok(verified) => println!(
                "the audit chain holds: {} records, {} signed checkpoints, {} keys, {} anchors, head {}",
                verified.records,
                verified.checkpoints,
                verified.keys.len(),
                anchors.len(),
                verified.head
            ),
            Err(fault) => println!("the audit chain is BROKEN: {fault}"),
        }
    }
    Ok(if verified.is_ok() { 0 } else { BROKEN })
}

/// The name of the station whose chain lies in `dir`: its reports are the ones that count. Unknown when the chain is broken at its
/// very end; then all count.
fn station_of(dir: &Path, key: &PublicKey) -> Option<String> {
    audit::first_key(dir, key).map(|first| station_name(&first))
}

/// Where a session report says the chain stood.
struct ReportAnchor {
    path: PathBuf,
    station: String,
    position: Position,
}

impl ReportAnchor {
    fn of_another(&self) -> String {
        format!("{} is of another station ({}) and was not used", self.path.display(), model::escape_text(&self.station))
    }
}

/// What a report is read for; the rest of it, which may be long, is passed over.
#[derive(Deserialize)]
struct ReportHead {
    station: String,
    audit_head: Option<String>,
}

/// Positions found in session reports.
#[derive(Default)]
struct Reports {
    anchors: Vec<ReportAnchor>,
    /// Reports without a position, in words.
    unreadable: Vec<String>,
}

impl Reports {
    /// Looks through `dir` and everything below; links are not followed.
    fn look_in(&mut self, dir: &Path) -> anyhow::Result<()> {
        let mut entries: Vec<_> =
            fs::read_dir(dir).and_then(Iterator::collect).with_context(|| format!("{} cannot be read", dir.display()))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                if let Err(error) = self.look_in(&path) {
                    self.unreadable.push(format!("{error:#}"));
                }
            } else if entry.file_name() == release::REPORT_JSON {
                match anchor_in(&path) {
                    Ok((station, position)) => self.anchors.push(ReportAnchor { path, station, position }),
                    Err(error) => self.unreadable.push(format!("{} has no position: {error:#}", path.display())),
                }
            }
        }
        Ok(())
    }
}

fn anchor_in(path: &Path) -> anyhow::Result<(String, Position)> {
    let head: ReportHead = serde_json::from_reader(BufReader::new(fs::File::open(path)?))?;
    let position = head.audit_head.context("it names none")?;
    Ok((head.station, position.parse()?))
}

impl Which {
    fn filter(&self, limit: Option<usize>) -> Filter {
        Filter { session: self.session.clone(), event: self.event.clone(), after: self.after, limit }
    }
}

fn show(which: &Which, limit: Option<usize>, state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    for shown in audit::show(&dir, which.filter(limit))? {
        let shown = shown?;
        if state.json {
            println!("{}", export::render(&shown, ExportFormat::Jsonl, true));
        } else {
            let payload = export::plain_json(&serde_json::to_value(&shown.payload)?);
            println!("{:>8}  {}  {:24}  {}  {}", shown.seq, shown.time, shown.event, shown.session.as_deref().unwrap_or("-"), payload);
        }
    }
    Ok(0)
}

fn export_all(which: &Which, format: ExportFormat, with_payload: bool, state: &State) -> anyhow::Result<u8> {
    let dir = settings::state_dir(state.state.as_deref())?;
    let mut out = BufWriter::new(stdout().lock());
    let mut write = |line: &str| match write!(out, "{line}{}", format.line_end()) {
        // Whoever reads has had enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    };
    if let Some(header) = format.header()
        && !write(header)?
    {
        return Ok(0);
    }
    for shown in audit::show(&dir, which.filter(None))? {
        if !write(&export::render(&shown?, format, with_payload))? {
            return Ok(0);
        }
    }
    out.flush()?;
    Ok(0)
}

fn erase(what: &Erase) -> anyhow::Result<u8> {
    let dir = settings::state_dir(what.state.state.as_deref())?;
    PublicKey::load(&dir).map_err(|error| no_station(&dir, &error))?;
    let (session, reason) = (what.session.as_str(), what.reason.as_str());
    let refused = |why: String| Err(ConfigurationError(why).into());
    let is_code = (1..=64).contains(&reason.len()) && reason.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !is_code {
        return refused("--reason wants 1 to 64 of a-z, 0-9 and -: it stays readable for ever".into());
    }
    match audit::session_payloads(&dir, session)? {
        SessionPayloads::Unknown => return refused(format!("no session {} has encrypted particulars here", model::escape_text(session))),
        SessionPayloads::Erased => return refused(format!("the particulars of session {session} were erased before")),
        SessionPayloads::Readable => {}
    }
    if StatePaths::new(&dir).sessions().join(format!("{session}.json")).exists() {
        return refused(format!("session {session} is not finished: what it still has to record could not be recorded any more"));
    }
    let recorder = Recorder::open(&dir, Arc::new(SystemClock), Arc::new(OsEntropy::new()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let position = runtime.block_on(recorder.erase_session(session, &what.by, reason))?;
    if what.state.json {
        print_json(&json!({ "erased": session, "audit_head": position.to_string() }))?;
    } else {
        println!("the particulars of session {session} can no longer be read; audit head {position}");
    }
    Ok(0)
}
