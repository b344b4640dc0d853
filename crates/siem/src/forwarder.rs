//! The thread that forwards while a supervisor works.
//!
//! **Invariant.** It never holds up who started it: not while it works, and at the end for at most `siem.stall_seconds`.

use crate::outgoing::Outgoing;
use crate::{SiemError, tls};
use model::policy::{SiemPolicy, SiemTransport};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two looks at the chain, when nobody rings.
// BOUND: a look is one directory listing; a second is what a person takes for "at once".
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What was forwarded since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Records the collector took.
    pub sent: AtomicU64,
    /// Attempts that failed.
    pub failures: AtomicU64,
}

/// What the thread waits for.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rung {
    look: bool,
    /// It ends: one more time, until then.
    end: Option<Instant>,
}

impl Bell {
    fn ring(&self, change: impl FnOnce(&mut Rung)) {
        change(&mut self.rung.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn end(&self) -> Option<Instant> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).end
    }

    /// Waits until it is rung, at most so long; says whether it is the end.
    fn wait(&self, at_most: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, at_most, |rung| !rung.look && rung.end.is_none());
        let (mut rung, _timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        rung.look = false;
        rung.end.is_some()
    }
}

/// The thread, at work; ends when dropped, after one last attempt.
#[derive(Debug)]
pub struct Forwarding {
    bell: Arc<Bell>,
    counts: Arc<Counts>,
    stall: Duration,
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Forwards the chain below `state` from now on; `None` when the policy names no collector.
///
/// # Errors
/// A certificate or key file that cannot be used.
pub fn start(state: &Path, policy: &SiemPolicy) -> Result<Option<Forwarding>, SiemError> {
    if policy.collector.is_none() {
        return Ok(None);
    }
    if policy.transport == SiemTransport::Tls {
        tls::client(policy)?;
    }
    let (bell, counts) = (Arc::new(Bell::default()), Arc::new(Counts::default()));
    let (end, ended) = channel();
    let mut work = Work {
        outgoing: Outgoing::new(state, policy),
        bell: Arc::clone(&bell),
        counts: Arc::clone(&counts),
        retry: Duration::from_secs(policy.retry_seconds.into()),
        away: false,
    };
    let thread = std::thread::spawn(move || {
        work.run();
        // The connection's farewell is part of it.
        drop(work);
        let _ = end.send(());
    });
    let stall = Duration::from_secs(policy.stall_seconds.into());
    Ok(Some(Forwarding { bell, counts, stall, ended, thread: Some(thread) }))
}

impl Forwarding {
    /// Looks at once, even while it waits for a collector that was away.
    pub fn look(&self) {
        self.bell.ring(|rung| rung.look = true);
    }

    /// What was forwarded since the start.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let end = Instant::now() + self.stall;
        self.bell.ring(|rung| rung.end = Some(end));
        // A name that does not resolve cannot be hurried: what hangs there ends with the program.
        let in_time = self.ended.recv_timeout(self.stall).is_ok();
        if let (true, Some(thread)) = (in_time, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

struct Work {
    outgoing: Outgoing,
    bell: Arc<Bell>,
    counts: Arc<Counts>,
    retry: Duration,
    /// Whether the last attempt failed, and was told.
    away: bool,
}

impl Work {
    fn run(&mut self) {
        loop {
            let pause = self.once();
            if self.bell.wait(pause) {
                self.once();
                return;
            }
        }
    }

    /// One attempt; gives the pause after it.
    fn once(&mut self) -> Duration {
        let (bell, counts) = (&self.bell, &self.counts);
        let sent = || {
            counts.sent.fetch_add(1, Relaxed);
        };
        match self.outgoing.send_all(|| bell.end(), sent) {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    tracing::warn!("the syslog collector takes records again");
                }
                LOOK_EVERY
            }
            // Somebody else of this station does it.
            Err(SiemError::Elsewhere) => LOOK_EVERY,
            Err(error) => {
                self.counts.failures.fetch_add(1, Relaxed);
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(%error, "records are not forwarded; they stay queued");
                }
                self.retry
            }
        }
    }
}
