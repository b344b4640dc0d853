//! How far a session is, and how long it may still take: only what the figures so far allow to say.

use std::time::Duration;

/// Least share of the work that must be done before the rest is estimated from it.
const LEAST_SHARE: f64 = 0.05;
/// Least time it must have taken: the first items say nothing about those that follow.
const LEAST_TIME: Duration = Duration::from_secs(3);

/// Figures of a session so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Items met, members of archives included; 0 before the inventory is complete.
    pub items: u64,
    /// Items that ended.
    pub ended: u64,
    /// Bytes of all files, by the inventory.
    pub bytes: u64,
    /// Bytes read.
    pub read: u64,
}

impl Figures {
    /// The time that is left after `elapsed`, or `None` while nobody can know.
    ///
    /// Reading and judging go on beside one another; the one that is further behind counts. Unpacked archives bring more
    /// items, so that the time may grow: it is an estimate, and is shown as one.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let share = |done: u64, all: u64| if all == 0 { 1.0 } else { (done as f64 / all as f64).min(1.0) };
        let done = share(self.ended, self.items).min(share(self.read, self.bytes));
        let known = self.items > 0 && done >= LEAST_SHARE && elapsed >= LEAST_TIME;
        known.then(|| elapsed.mul_f64((1.0 - done) / done))
    }
}

/// A time as a person says it, never more exact than it is.
pub fn about(left: Duration) -> String {
    match left.as_secs() {
        0..=9 => "a few seconds".into(),
        seconds @ 10..=89 => format!("about {} s", seconds.div_ceil(10) * 10),
        seconds @ 90..=5_399 => format!("about {} min", seconds.div_ceil(60)),
        seconds => format!("about {} h", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_is_said_before_there_is_something_to_go_by() {
        assert_eq!(Figures::default().left(MINUTE), None);
        let begun = Figures { items: 100, ended: 4, bytes: 1_000, read: 1_000 };
        assert_eq!(begun.left(MINUTE), None);
        let quick = Figures { ended: 50, ..begun };
        assert_eq!(quick.left(Duration::from_secs(2)), None);
    }

    #[test]
    fn what_is_further_behind_counts() {
        let judged = Figures { items: 100, ended: 75, bytes: 1_000, read: 500 };
        assert_eq!(judged.left(MINUTE), Some(MINUTE));
        let read = Figures { items: 100, ended: 25, bytes: 1_000, read: 1_000 };
        assert_eq!(read.left(MINUTE), Some(3 * MINUTE));
        let ended = Figures { items: 10, ended: 10, bytes: 0, read: 0 };
        assert_eq!(ended.left(MINUTE), Some(Duration::ZERO));
        // More than was announced is no reason for a negative time.
        let more = Figures { items: 10, ended: 11, bytes: 5, read: 9 };
        assert_eq!(more.left(MINUTE), Some(Duration::ZERO));
    }

    #[test]
    fn times_are_rounded_up_to_what_can_be_said() {
        let said = [0, 9, 10, 11, 89, 90, 3_599, 5_399, 5_400, 7_201].map(|s| about(Duration::from_secs(s)));
        let wanted =
            ["a few seconds", "a few seconds", "about 10 s", "about 20 s", "about 90 s", "about 2 min", "about 60 min", "about 90 min"];
        assert_eq!(said[..8], wanted);
        assert_eq!(said[8..], ["about 2 h", "about 3 h"]);
    }
}
