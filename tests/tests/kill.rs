//! Kill it anywhere (I8, with I3 and I9): whatever is ended with SIGKILL, at every transition and at random moments, nothing
//! unverified is on the share, nothing withheld is lost, the chain holds, no process is left, and the next start finishes or
//! voids the session. `cargo xtask kill` does many more rounds.

use anyhow::{Result, ensure};
use e2e::kill::{Moment, Rig, Round, SessionEnd, Tally, Victim, medium, random_rounds, small_medium};
use e2e::samples_at;
use pipeline::Transition;
use std::fs;
use std::path::Path;
use testkit::Sample;

/// Random rounds of the ordinary run.
const ROUNDS: u32 = 12;
/// Where their moments and victims come from; another number gives others.
const SEED: u64 = 20_260_115;

/// Ends the victim at the first occurrence of every transition, one after the other, on one station.
fn at_every_transition(victim: Victim, medium: &[Sample], mut seen: impl FnMut(Transition, &Round) -> Result<()>) -> Result<Tally> {
    let (mut rig, mut tally) = (Rig::new(medium, |_| Ok(()))?, Tally::default());
    for &transition in Transition::ALL {
        let moment = Moment::At(transition, 1);
        let round = rig.round(moment, victim)?;
        ensure!(round.struck, "{transition:?} never came");
        seen(transition, &round)?;
        tally.add(moment, victim, &round);
    }
    Ok(tally)
}

#[test]
fn the_supervisor_killed_at_every_transition() -> Result<()> {
    let tally = at_every_transition(Victim::Supervisor, &small_medium()?, |_, _| Ok(()))?;
    assert!(tally.workers > 0, "no supervisor died with a worker at work");
    assert!(tally.ended(SessionEnd::Voided) >= 18 && tally.ended(SessionEnd::Finished) >= 4, "{tally}");
    Ok(())
}

#[test]
fn everything_killed_at_every_transition() -> Result<()> {
    let tally = at_every_transition(Victim::All, &small_medium()?, |_, _| Ok(()))?;
    assert!(tally.workers > 0, "nothing died with a worker at work");
    assert!(tally.ended(SessionEnd::Voided) >= 18 && tally.ended(SessionEnd::Finished) >= 4, "{tally}");
    Ok(())
}

#[test]
fn a_worker_killed_at_every_transition_costs_its_item() -> Result<()> {
    // The only document that becomes pages has five of them, megabytes each.
    let mut medium = small_medium()?;
    medium.retain(|sample| !sample.escaped_path().ends_with("Fax.tiff"));
    medium.extend(samples_at(&["Verträge und Angebote/Rahmenvertrag Müller & Söhne.pdf"])?);
    let tally = at_every_transition(Victim::Worker, &medium, |transition, round| {
        // They do not fit into the pipe: the renderer cannot be done when the first arrives.
        ensure!(transition != Transition::PageRendered || round.died > 0, "nobody missed the renderer: {round:?}");
        Ok(())
    })?;
    assert!(tally.died > 0 && tally.ended(SessionEnd::Finished) > 20, "{tally}");
    Ok(())
}

/// While the session is held at its first entry, this many arrivals fill the queue behind it, and the content the pipe.
fn more_than_queue_and_pipe(medium: &Path) -> Result<()> {
    (0..100).try_for_each(|n| fs::create_dir(medium.join(format!("leer {n:02}"))))?;
    Ok(fs::write(medium.join("Nullen.dat"), vec![0; 3 << 20])?)
}

#[test]
fn what_a_killed_reader_did_not_bring_is_unreadable_line_by_line() -> Result<()> {
    let mut rig = Rig::new(&small_medium()?, more_than_queue_and_pipe)?;
    for transition in [Transition::EntryMet, Transition::InventoryEnded, Transition::ContentSpooled, Transition::Identified] {
        // Later than at the first entry it may have ended before; then nothing changes.
        let round = rig.round(Moment::At(transition, 1), Victim::Reader)?;
        let at_work = transition == Transition::EntryMet;
        ensure!(!at_work || (round.workers, round.end) == (1, SessionEnd::Finished), "{transition:?}: {round:?}");
    }
    Ok(())
}

#[test]
fn clamd_killed_at_every_transition_releases_nothing_unscanned() -> Result<()> {
    let tally = at_every_transition(Victim::Clamd, &small_medium()?, |_, _| Ok(()))?;
    assert!(tally.ended(SessionEnd::Voided) >= 7 && tally.ended(SessionEnd::Finished) >= 9, "{tally}");
    Ok(())
}

#[test]
fn a_session_whose_share_is_away_is_decided_when_it_is_back() -> Result<()> {
    let end = Rig::new(&small_medium()?, |_| Ok(()))?.round_without_share()?;
    assert_eq!(end, SessionEnd::Finished);
    Ok(())
}

#[test]
fn anything_killed_at_random_moments() -> Result<()> {
    let tally = random_rounds(&mut Rig::new(&medium()?, |_| Ok(()))?, SEED, ROUNDS, |_, _, _, _| ())?;
    assert!(tally.over < ROUNDS / 2, "{tally}");
    Ok(())
}
