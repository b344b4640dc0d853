//! A station, a medium, and the rounds: kill, look, start again, look again.

use super::{Victim, after, compare};
use crate::processes::{adopt_orphans, collect_orphans, wait_for};
use crate::released::check_release;
use crate::{Clamd, Scratch, command, program, run};
use anyhow::{Context as _, Result, bail, ensure};
use model::report::SessionReport;
use pipeline::Transition;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use testkit::Sample;

/// Exit status of a session in which something was withheld.
pub(super) const WITHHELD: i32 = 10;
// BOUND: a session over the small media of these tests takes seconds; past this it hangs.
const ENDS_WITHIN: Duration = Duration::from_mins(4);

/// When something is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At the n-th occurrence (from 1) of a transition, by the supervisor itself.
    At(Transition, u32),
    /// From outside: after the n-th line of progress and so many milliseconds more.
    Line(u32, u64),
}

/// How the session of a round ended, its restart included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionEnd {
    /// Its release is there.
    Finished,
    /// It has no release, and the chain says so.
    Voided,
    /// None had begun.
    None,
}

/// What a round was.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Whether the moment came before the session was over.
    pub struck: bool,
    /// How the session ended.
    pub end: SessionEnd,
    /// Workers that were ended, or had to end because their supervisor did.
    pub workers: usize,
    /// Items held because their worker died.
    pub died: usize,
}

/// How a supervisor ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) struck: bool,
    pub(super) status: ExitStatus,
    pub(super) workers: usize,
    pub(super) said: String,
}

/// The session that nothing was ended in.
#[derive(Debug)]
struct Reference {
    /// Of the program that ends itself; its other features may encode a picture in other bytes than the product does.
    killable: SessionReport,
    /// Of the product.
    product: SessionReport,
    counts: BTreeMap<Transition, u32>,
    lines: u32,
}

/// The station and what its rounds are compared with.
#[derive(Debug)]
pub struct Rig {
    pub(super) scratch: Scratch,
    clamd: Clamd,
    medium: PathBuf,
    tiny: PathBuf,
    reference: Reference,
    /// Releases that were checked in earlier rounds.
    pub(super) known: BTreeSet<String>,
}

impl Rig {
    /// A station whose first starts were killed, and two sessions over `samples` in which nothing is ended: the first shows how
    /// often each transition comes, the second how many lines of progress there are.
    ///
    /// `more` adds to the medium what is no sample.
    ///
    /// # Errors
    /// When one does not end as it should.
    pub fn new(samples: &[Sample], more: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        adopt_orphans()?;
        let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
        let (medium, tiny) = (scratch.tree("medium", samples)?, scratch.one_text_file("tiny")?);
        more(&medium)?;
        scratch.canaries_tried(&clamd.address(), "")?;
        for transition in [Transition::ChainOpened, Transition::StationStarted] {
            let killed = run(&mut striking(&scratch, &medium, &clamd, transition, 1, Victim::Supervisor)?)?;
            ensure!(killed.status == -1, "{killed:?}");
        }
        let counted = run(&mut killable(&scratch, &medium, &clamd)?)?;
        ensure!(counted.status == WITHHELD, "{counted:?}");
        let (killable, mut counts) = (scratch.report()?, BTreeMap::new());
        for (name, count) in counted.stdout.lines().filter_map(|line| line.split_once(' ')) {
            let transition = Transition::ALL.iter().find(|known| format!("{known:?}") == name).context("a transition")?;
            counts.insert(*transition, count.parse()?);
        }
        let whole = run(&mut scratch.process(&medium, &clamd.address())?)?;
        ensure!(whole.status == WITHHELD, "{whole:?}");
        let product = scratch.report()?;
        check_release(&scratch, &product)?;
        let reference = Reference { killable, product, counts, lines: whole.stderr.lines().count() as u32 };
        let known = scratch.released_names()?.into_iter().collect();
        Ok(Self { scratch, clamd, medium, tiny, reference, known })
    }

    /// The session that nothing was ended in, of the program that runs to this moment.
    pub(super) const fn whole(&self, moment: Moment) -> &SessionReport {
        match moment {
            Moment::At(..) => &self.reference.killable,
            Moment::Line(..) => &self.reference.product,
        }
    }

    /// How often a transition comes in a session that nothing is ended in.
    pub fn count(&self, transition: Transition) -> u32 {
        self.reference.counts.get(&transition).copied().unwrap_or(0)
    }

    /// Lines of progress of such a session.
    pub const fn lines(&self) -> u32 {
        self.reference.lines
    }

    /// Ends the victim at the moment, looks at what is left, starts again, and looks again.
    ///
    /// # Errors
    /// What does not hold.
    pub fn round(&mut self, moment: Moment, victim: Victim) -> Result<Round> {
        self.round_of(moment, victim).with_context(|| format!("{victim:?} at {moment:?}"))
    }

    fn round_of(&mut self, moment: Moment, victim: Victim) -> Result<Round> {
        if let Some(last) = dead_before(moment) {
            let ended = self.run(Moment::At(last, 1), Victim::Supervisor)?;
            ensure!(ended.status.signal().is_some(), "{ended:?}");
            after::look(self)?;
        }
        let ended = self.run(moment, victim)?;
        collect_orphans(&[self.clamd.process()]).with_context(|| ended.said.clone())?;
        let killed = ended.status.signal().is_some();
        ensure!(killed == (ended.struck && victim.takes_the_supervisor()), "{ended:?}");
        let death = after::look(self).with_context(|| ended.said.clone())?;
        death.check(self, &ended, moment)?;
        let died = if killed { 0 } else { compare::check_survivor(self, &ended, &death, moment, victim)? };
        if victim.takes_clamd() {
            self.clamd = Clamd::start()?;
        }
        // A station that lost workers only has ended in order: the next round is its next session.
        if killed || victim.takes_clamd() {
            self.start_again().with_context(|| ended.said.clone())?;
        }
        let end = after::check(self, &death, moment).with_context(|| ended.said.clone())?;
        Ok(Round { struck: ended.struck, end, workers: ended.workers, died })
    }

    /// Ends the supervisor when its release has just become visible, starts again while the share is elsewhere, and once more
    /// when it is back: only then the session is decided, and rightly.
    ///
    /// # Errors
    /// What does not hold.
    pub fn round_without_share(&mut self) -> Result<SessionEnd> {
        let moment = Moment::At(Transition::ReleasePublished, 1);
        let ended = self.run(moment, Victim::Supervisor)?;
        let death = after::look(self)?;
        death.check(self, &ended, moment)?;
        let (share, elsewhere) = (self.scratch.release(), self.scratch.path("elsewhere"));
        fs::rename(&share, &elsewhere)?;
        self.start_again()?;
        let journal = self.scratch.state().join("sessions").join(death.open.as_deref().context("a journal")?).with_extension("json");
        ensure!(journal.exists(), "the session was decided without its share");
        // What was released meanwhile joins the rest when the share is back.
        for name in self.scratch.released_names()? {
            fs::rename(share.join(&name), elsewhere.join(&name))?;
        }
        fs::remove_dir(&share)?;
        fs::rename(&elsewhere, &share)?;
        self.start_again()?;
        after::check(self, &death, moment)
    }

    fn run(&self, moment: Moment, victim: Victim) -> Result<Ended> {
        match moment {
            Moment::At(transition, occurrence) => self.run_to_transition(transition, occurrence, victim),
            Moment::Line(line, milliseconds) => self.run_to_line(line, Duration::from_millis(milliseconds), victim),
        }
    }

    fn run_to_transition(&self, transition: Transition, occurrence: u32, victim: Victim) -> Result<Ended> {
        let log = self.scratch.path("killable.log");
        let mut command = striking(&self.scratch, &self.medium, &self.clamd, transition, occurrence, victim)?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).spawn()?;
        let status = wait(&mut child)?;
        let said = fs::read_to_string(&log)?;
        ensure!(!said.contains("not struck") && !said.contains("panicked"), "{said}");
        let met = said.lines().find_map(|line| line.strip_prefix("workers met: ")).and_then(|count| count.parse().ok());
        Ok(Ended { struck: said.contains("struck: "), status, workers: met.unwrap_or(0), said })
    }

    fn run_to_line(&self, line: u32, further: Duration, victim: Victim) -> Result<Ended> {
        let mut command = self.scratch.process(&self.medium, &self.clamd.address())?;
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        // Kept open until the end: a supervisor that cannot write its progress would end by itself.
        let mut progress = BufReader::new(child.stderr.take().context("progress")?);
        let mut said: String = progress.by_ref().lines().take(line as usize).map_while(Result::ok).collect::<Vec<_>>().join("\n");
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            progress.read_to_string(&mut rest).map(|_| rest)
        });
        let supervisor = Pid::from_child(&child);
        let struck = !wait_for(&pidfd_open(supervisor, PidfdFlags::empty())?, further)?;
        let workers = if struck { victim.workers(supervisor)? } else { Vec::new() };
        if struck {
            victim.strike(supervisor, self.clamd.process(), &workers)?;
        }
        let status = wait(&mut child)?;
        said.push('\n');
        said.push_str(&rest.join().ok().context("the reader of the progress")??);
        ensure!(!said.contains("panicked"), "{said}");
        // It may have ended in order between the last look and the stroke.
        let struck = struck && (!victim.takes_the_supervisor() || status.signal().is_some());
        Ok(Ended { struck, status, workers: workers.len(), said })
    }

    /// The next session, with the ordinary program, works.
    fn start_again(&self) -> Result<()> {
        let next = run(&mut self.scratch.process(&self.tiny, &self.clamd.address())?)?;
        ensure!(next.status == 0, "{next:?}");
        Ok(())
    }
}

/// A recovery needs something to recover: a session that died before its release was visible, or after.
const fn dead_before(moment: Moment) -> Option<Transition> {
    match moment {
        Moment::At(Transition::RecoveryBegun, _) => Some(Transition::ReleaseSealed),
        Moment::At(Transition::RecoveryRecorded, _) => Some(Transition::ReleasePublished),
        _ => None,
    }
}

fn killable(scratch: &Scratch, medium: &Path, clamd: &Clamd) -> Result<Command> {
    let report = scratch.path("report.json");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let mut command = command(program("killable")?);
    command.arg(medium).arg(scratch.release()).arg(scratch.state()).arg(clamd.address()).arg(report);
    Ok(command)
}

/// [`killable`] that ends something.
fn striking(scratch: &Scratch, medium: &Path, clamd: &Clamd, at: Transition, occurrence: u32, victim: Victim) -> Result<Command> {
    let mut command = killable(scratch, medium, clamd)?;
    command.args([format!("{at:?}"), occurrence.to_string(), format!("{victim:?}")]);
    command.arg(clamd.process().as_raw_nonzero().to_string());
    Ok(command)
}

/// Waits for a child, and no longer than any session takes.
fn wait(child: &mut Child) -> Result<ExitStatus> {
    if !wait_for(&pidfd_open(Pid::from_child(child), PidfdFlags::empty())?, ENDS_WITHIN)? {
        child.kill()?;
        child.wait()?;
        bail!("the session hangs");
    }
    Ok(child.wait()?)
}
