//! Kill it anywhere: a supervisor that is gone at any moment leaves nothing unverified on the share, no process of its own,
//! a chain that holds and a quarantine that can be read; the next start clears what is left (I8).

use anyhow::{Context as _, Result, ensure};
use e2e::released::check_audit;
use e2e::{Clamd, Scratch, run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use testkit::Sample;
use testkit::bits::Noise;

const ROUNDS: u32 = 20;
/// Where the moments of death come from; another number gives other moments.
const SEED: u64 = 20_260_115;
// BOUND: a killed supervisor's workers end with it, within milliseconds; this is for a busy machine.
const GONE_WITHIN: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Every kind of item, few of them slow: a run is short, and a death early in it is as likely as one while releasing.
fn medium() -> Result<Vec<Sample>> {
    let mut samples = testkit::sample_medium()?;
    samples.retain(|sample| {
        let path = sample.escaped_path();
        ["Archive/Aus dem Netz/", "Technik/", "Seltsame Namen/", "Verknüpfungen/", "Bilder/Aus dem Netz/"]
            .iter()
            .any(|folder| path.starts_with(folder))
            || ["Verträge und Angebote/Angebot 2026-014.docx", "Verträge und Angebote/Vollmacht.pdf"].contains(&path.as_str())
    });
    Ok(samples)
}

#[test]
fn a_killed_supervisor_leaves_nothing_unverified() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (medium, tiny) = (scratch.tree("medium", &medium()?)?, scratch.one_text_file("tiny")?);
    let whole = run(&mut scratch.process(&medium, &clamd.address())?)?;
    ensure!(whole.status == 10, "{whole:?}");
    let lines = whole.stderr.lines().count() as u32;
    ensure!(lines > 2 * ROUNDS, "only {lines} lines of progress");

    let mut moments = Noise::new(SEED);
    let (mut voided, mut workers) = (0, 0);
    for round in 0..ROUNDS {
        let line = 1 + moments.next_u32() % lines;
        let before = scratch.released_names()?.len();
        workers += kill_after(&scratch, &medium, &clamd, line).with_context(|| format!("round {round}, line {line}"))?;
        check_share(&scratch).with_context(|| format!("round {round}, line {line}"))?;
        let visible = |names: Vec<String>| names.iter().filter(|name| !name.starts_with('.')).count();
        voided += u32::from(visible(scratch.released_names()?) == before);
        check_restart(&scratch, &tiny, &clamd).with_context(|| format!("round {round}, line {line}"))?;
    }
    assert!(workers > 0, "no supervisor died with a worker at work");
    assert!(voided >= ROUNDS / 2, "only {voided} deaths came before the release");
    Ok(())
}

/// Kills a session after its nth line of progress, waits until every process it had has gone, and gives their number.
fn kill_after(scratch: &Scratch, medium: &Path, clamd: &Clamd, line: u32) -> Result<usize> {
    let mut child = scratch.process(medium, &clamd.address())?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // Kept open until the end: a supervisor that cannot write its progress would end by itself.
    let mut progress = BufReader::new(child.stderr.take().context("progress")?);
    let heard = progress.by_ref().lines().take(line as usize).count();
    let family = stopped_family(&child);
    child.kill()?;
    child.wait()?;
    ensure!(heard > 0, "no progress at all");
    let family = family?;
    for (name, process) in &family {
        let ready = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&GONE_WITHIN))?;
        ensure!(ready == 1, "{name} outlives its supervisor");
    }
    Ok(family.len())
}

/// All descendants of a process, which is stopped first so that they do not become more.
fn stopped_family(child: &Child) -> Result<Vec<(String, OwnedFd)>> {
    let supervisor = Pid::from_child(child);
    kill_process(supervisor, Signal::STOP)?;
    let processes = processes()?;
    let mut parents = vec![supervisor.as_raw_nonzero().get()];
    let mut family = Vec::new();
    while let Some(parent) = parents.pop() {
        for (id, name) in processes.iter().filter(|(_, of, _)| *of == parent).map(|(id, _, name)| (*id, name)) {
            parents.push(id);
            // One that ended meanwhile cannot be opened, and need not be waited for.
            if let Some(process) = Pid::from_raw(id).and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok()) {
                family.push((name.clone(), process));
            }
        }
    }
    Ok(family)
}

/// Identifier, parent and name of every process (`/proc/PID/stat`, proc(5)).
fn processes() -> Result<Vec<(i32, i32, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let Some((head, tail)) = stat.rsplit_once(") ") else { continue };
        let Some((id, name)) = head.split_once(" (") else { continue };
        let parent = tail.split(' ').nth(1).context("the parent's field")?;
        all.push((id.parse()?, parent.parse()?, name.to_owned()));
    }
    Ok(all)
}

/// Every folder one can see is a whole release.
fn check_share(scratch: &Scratch) -> Result<()> {
    for name in scratch.released_names()? {
        if name.starts_with('.') {
            ensure!(name.starts_with(".schleuse-") && name.ends_with(".partial"), "{name}");
            continue;
        }
        let verified = scratch.verify_release(&scratch.release().join(&name))?;
        ensure!(verified.status == 0, "{name}: {verified:?}");
    }
    Ok(())
}

/// The next session works, leaves nothing hidden, and chain and quarantine are in order.
fn check_restart(scratch: &Scratch, tiny: &Path, clamd: &Clamd) -> Result<()> {
    let next = run(&mut scratch.process(tiny, &clamd.address())?)?;
    ensure!(next.status == 0, "{next:?}");
    let hidden: Vec<String> = scratch.released_names()?.into_iter().filter(|name| name.starts_with('.')).collect();
    ensure!(hidden.is_empty(), "{hidden:?}");
    ensure!(entries(&scratch.state().join("spool"))?.is_empty(), "{:?}", entries(&scratch.state().join("spool"))?);
    ensure!(entries(&scratch.state().join("sessions"))?.is_empty(), "{:?}", entries(&scratch.state().join("sessions"))?);
    let listed = scratch.schleuse(&["quarantine", "list", "--json"])?;
    ensure!(listed.status == 0, "{listed:?}");
    check_audit(scratch)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}
