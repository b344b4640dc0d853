//! Kill it anywhere, many times: `kill_rounds ROUNDS SEED`. Ends with 1 at the first thing that does not hold.

use anyhow::{Context as _, Result};
use e2e::kill::{Rig, medium, random_rounds};
use std::time::Instant;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let rounds = words.next().context("the number of rounds")?.parse()?;
    let seed = words.next().context("a seed")?.parse()?;
    let begun = Instant::now();
    let mut rig = Rig::new(&medium()?, |_| Ok(()))?;
    let tally = random_rounds(&mut rig, seed, rounds, |number, moment, victim, round| {
        println!("{number:>5}  {victim:?} {moment:?}: {round:?}");
    })?;
    println!("\n{tally}violations: 0\nseconds: {}", begun.elapsed().as_secs());
    Ok(())
}
