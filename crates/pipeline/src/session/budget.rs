//! What a whole session may cost. Past it nothing more is begun: what has not been read is unreadable, what waits is held,
//! each with the number that was reached; what is being worked on has its own budget.

use model::policy::SessionPolicy;
use model::{Effect, Finding, FindingCode};
use spool::Spool;
use std::time::{Duration, Instant};

/// A number of the policy that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Key of the policy.
    pub(crate) key: &'static str,
    /// Its number.
    pub(crate) number: u64,
}

impl Reached {
    /// The finding an item is held with.
    pub(crate) fn finding(self) -> Finding {
        Finding::own(FindingCode::LimitHit, Effect::Undetermined, format!("{} = {}", self.key, self.number))
    }
}

/// The budget of a session, running since [`SessionBudget::begin`].
#[derive(Debug, Clone)]
pub(crate) struct SessionBudget {
    until: Instant,
    wall_seconds: u32,
    max_bytes: u64,
}

impl SessionBudget {
    /// Starts the clock.
    pub(crate) fn begin(policy: &SessionPolicy) -> Self {
        let wall_seconds = policy.wall_seconds;
        Self { until: Instant::now() + Duration::from_secs(wall_seconds.into()), wall_seconds, max_bytes: policy.max_bytes }
    }

    /// The time, when it is up.
    pub(crate) fn time_up(&self) -> Option<Reached> {
        (Instant::now() >= self.until).then_some(Reached { key: "session.wall_seconds", number: self.wall_seconds.into() })
    }

    /// Whether reading has to end: time, bytes of the medium (`read` so far), room in the spool.
    pub(crate) fn reading_over(&self, read: u64, spool: &Spool) -> Option<Reached> {
        let bytes = || (read > self.max_bytes).then_some(Reached { key: "session.max_bytes", number: self.max_bytes });
        let full = || spool.full().map(|number| Reached { key: "session.max_spool_bytes", number });
        self.time_up().or_else(bytes).or_else(full)
    }
}
