//! What is ended.

use crate::processes::{WorkerProcess, end, workers_of};
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::str::FromStr;

/// What is ended with SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Victim {
    /// The supervisor; its workers must end by themselves.
    Supervisor,
    /// Every worker but the reader, with everything they started.
    Worker,
    /// The worker that reads the medium.
    Reader,
    /// The ClamAV daemon.
    Clamd,
    /// The daemon, every worker, and the supervisor.
    All,
}

impl Victim {
    /// Every victim.
    pub const ALL: &[Self] = &[Self::Supervisor, Self::Worker, Self::Reader, Self::Clamd, Self::All];

    /// Whether the session cannot go on.
    pub const fn takes_the_supervisor(self) -> bool {
        matches!(self, Self::Supervisor | Self::All)
    }

    /// Whether the next session needs another daemon.
    pub const fn takes_clamd(self) -> bool {
        matches!(self, Self::Clamd | Self::All)
    }

    /// The workers that end now: by themselves, when only the supervisor is ended.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn workers(self, supervisor: Pid) -> Result<Vec<WorkerProcess>> {
        let mut workers = workers_of(supervisor)?;
        let reads = |worker: &WorkerProcess| ["tree", "read"].contains(&worker.role.as_str());
        workers.retain(|worker| match self {
            Self::Supervisor | Self::All => true,
            Self::Worker => !reads(worker),
            Self::Reader => reads(worker),
            Self::Clamd => false,
        });
        Ok(workers)
    }

    /// Ends it, `workers` being its [`Victim::workers`], and waits until it has ended. A supervisor that ends itself does not
    /// return.
    ///
    /// # Errors
    /// When something does not end.
    pub fn strike(self, supervisor: Pid, clamd: Pid, workers: &[WorkerProcess]) -> Result<()> {
        if self.takes_clamd() {
            end(&[clamd])?;
        }
        if self != Self::Supervisor {
            workers.iter().try_for_each(|worker| end(&worker.family))?;
        }
        if self.takes_the_supervisor() {
            if supervisor == rustix::process::getpid() {
                kill_process(supervisor, Signal::KILL)?;
                bail!("a process survived its own SIGKILL");
            }
            end(&[supervisor])?;
        }
        Ok(())
    }
}

impl FromStr for Victim {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|victim| format!("{victim:?}") == name).with_context(|| format!("no victim {name}"))
    }
}
