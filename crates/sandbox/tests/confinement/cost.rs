//! What confinement costs; printed, not judged, because machines differ.

use crate::common::{ask, limits, program, start};
use sandbox::{Exit, Role};
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: usize = 31;

fn median(mut one: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            one();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times.get(ROUNDS / 2).copied().unwrap_or_default()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the plain start to compare with")]
fn a_confined_worker_starts_and_ends_in_milliseconds() {
    let plain = median(|| {
        let status = Command::new(program()).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).status();
        // Without arguments it ends before it confines itself.
        assert_eq!(status.unwrap().code(), Some(120));
    });
    let confined = median(|| {
        let (_, exit) = ask(start(Role::Verify, &limits()), "exit 0", None);
        assert_eq!(exit, Exit::Code(0));
    });
    println!("median of {ROUNDS}: plain {plain:?}, confined {confined:?}");
    assert!(confined < Duration::from_secs(1), "{confined:?}");
}
