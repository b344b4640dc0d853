//! Processes of a session, seen from outside: who descends from whom (`/proc/PID/stat`, proc(5)), ending them, and waiting
//! until they have gone.

use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, set_child_subreaper, waitpid};
use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

// BOUND: an ended process, or one whose supervisor ended, is gone within milliseconds; this is for a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// A worker of a supervisor, with everything it started.
#[derive(Debug)]
pub struct WorkerProcess {
    /// Its role, as it was started with.
    pub role: String,
    /// Its processes, from the first.
    pub family: Vec<Pid>,
}

/// The workers of a supervisor.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn workers_of(supervisor: Pid) -> Result<Vec<WorkerProcess>> {
    let table = table()?;
    let mut workers = Vec::new();
    for first in children(&table, supervisor) {
        // One that ended meanwhile has no command line any more.
        let Ok(line) = fs::read_to_string(format!("/proc/{}/cmdline", first.as_raw_nonzero())) else { continue };
        let mut words = line.split('\0');
        if words.next().is_none_or(|program| !program.ends_with("/schleuse-worker")) {
            continue;
        }
        let (role, mut family, mut at) = (words.next().unwrap_or_default().to_owned(), vec![first], 0);
        while let Some(parent) = family.get(at).copied() {
            family.extend(children(&table, parent));
            at += 1;
        }
        workers.push(WorkerProcess { role, family });
    }
    Ok(workers)
}

/// Ends processes with SIGKILL and waits until they have ended.
///
/// # Errors
/// When one does not end.
pub fn end(processes: &[Pid]) -> Result<()> {
    // One that is gone already cannot be opened, and need not be ended.
    let open: Vec<OwnedFd> = processes.iter().filter_map(|process| pidfd_open(*process, PidfdFlags::empty()).ok()).collect();
    for process in &open {
        // Fails only when it has been collected meanwhile.
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
    for process in &open {
        ensure!(wait_for(process, GONE_WITHIN)?, "a killed process does not end");
    }
    Ok(())
}

/// Whether a process ends within `time`.
///
/// # Errors
/// When it cannot be waited for.
pub fn wait_for(process: &OwnedFd, time: Duration) -> Result<bool> {
    let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    Ok(poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&time))? == 1)
}

/// Makes orphaned descendants children of this process, so that [`collect_orphans`] meets every one.
///
/// # Errors
/// When the kernel refuses.
pub fn adopt_orphans() -> Result<()> {
    Ok(set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Waits until every child of this process but `known` has ended by itself, and collects it. There are some after every
/// session: the station ends a worker by its first process, and leaves those behind it to the kernel.
///
/// # Errors
/// When one outlives its supervisor.
pub fn collect_orphans(known: &[Pid]) -> Result<()> {
    loop {
        let mut orphans = children(&table()?, rustix::process::getpid());
        orphans.retain(|orphan| !known.contains(orphan));
        if orphans.is_empty() {
            return Ok(());
        }
        for orphan in orphans {
            let name = fs::read_to_string(format!("/proc/{}/comm", orphan.as_raw_nonzero())).unwrap_or_default();
            let process = pidfd_open(orphan, PidfdFlags::empty())?;
            ensure!(wait_for(&process, GONE_WITHIN)?, "{} outlives its supervisor", name.trim_end());
            waitpid(Some(orphan), WaitOptions::empty())?;
        }
    }
}

fn children(table: &[(Pid, Pid)], of: Pid) -> Vec<Pid> {
    table.iter().filter(|(_, parent)| *parent == of).map(|(process, _)| *process).collect()
}

/// Identifier and parent of every process.
fn table() -> Result<Vec<(Pid, Pid)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        // Not a process, or one that ended meanwhile.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let (Some((head, _)), Some((_, tail))) = (stat.split_once(" ("), stat.rsplit_once(") ")) else { continue };
        let parent = tail.split(' ').nth(1).context("the parent's field")?.parse()?;
        if let (Some(process), Some(parent)) = (Pid::from_raw(head.parse()?), Pid::from_raw(parent)) {
            all.push((process, parent));
        }
    }
    Ok(all)
}
