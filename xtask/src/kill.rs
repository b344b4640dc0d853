//! Kill it anywhere (I8), many times: rounds at random moments, on a debug build.

use crate::run::{build, cargo, command, run};
use std::path::Path;

/// Runs the rounds of the test package; fails at the first thing that does not hold.
pub fn kill(root: &Path, rounds: u32, seed: u64) -> anyhow::Result<()> {
    let programs = build(root, false)?;
    cargo(&["build", "--package", "e2e", "--bins"])?;
    let title = format!("{rounds} rounds, seed {seed}");
    run(&title, command(programs.join("kill_rounds")).args([rounds.to_string(), seed.to_string()]))
}
