//! The index says what the chain says, however it came about, and holds no names.

use anyhow::{Context as _, Result, ensure};
use audit::{AuditLog, OsEntropy, StationKey, SystemClock};
use e2e::{Clamd, Scratch, run, small_medium};
use index::{FILE, Index, IndexError, SeenAs};
use model::report::{Outcome, SessionReport};
use std::fs;
use std::sync::Arc;

/// Two sessions: documents of every way, and one text file.
fn worked() -> Result<(Clamd, Scratch, Vec<SessionReport>)> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let mut reports = Vec::new();
    for medium in [scratch.tree("medium", &small_medium()?)?, scratch.one_text_file("note")?] {
        let ended = run(&mut scratch.process(&medium, &clamd.address())?)?;
        ensure!(matches!(ended.status, 0 | 10), "{ended:?}");
        reports.push(scratch.report()?);
    }
    Ok((clamd, scratch, reports))
}

/// What the index says, but not how far in the chain it has read: building it anew is a record too.
fn rows(index: &Index) -> Result<Vec<String>> {
    let mut rows = index.dump()?;
    rows.retain(|row| !row.starts_with("progress"));
    Ok(rows)
}

#[test]
fn the_kept_index_and_one_built_anew_say_the_same_and_no_names() -> Result<()> {
    let (_clamd, scratch, reports) = worked()?;
    // The sessions' own ends have brought it up to date.
    let kept = Index::open(&scratch.state())?;
    let counts = kept.counts()?;
    let sum = |of: fn(&SessionReport) -> u64| reports.iter().map(of).sum::<u64>();
    ensure!(counts.sessions == 2 && counts.held == sum(|r| r.totals.withheld) && counts.held > 0, "{counts:?}");
    ensure!(counts.items == sum(|r| r.totals.released + r.totals.withheld + r.totals.unreadable), "{counts:?}");
    let said = rows(&kept)?;
    drop(kept);
    let anew = scratch.schleuse(&["state", "rebuild", "--json"])?;
    ensure!(anew.status == 0, "{anew:?}");
    assert_eq!(rows(&Index::open(&scratch.state())?)?, said);
    fs::remove_file(scratch.state().join(FILE))?;
    assert_eq!(rows(&Index::open(&scratch.state())?)?, said);
    // By digest of what came, and of what went out.
    let item =
        reports[0].items.iter().find(|item| item.disposition == Outcome::Released && !item.outputs.is_empty()).context("released")?;
    for (digest, seen_as) in [(item.sha256, SeenAs::Content), (item.outputs[0].sha256, SeenAs::Output)] {
        let seen = Index::open(&scratch.state())?.find(digest.context("a digest")?)?;
        ensure!(seen.iter().any(|one| one.seen_as == seen_as && one.session == reports[0].session), "{seen:?}");
    }
    let bytes = fs::read(scratch.state().join(FILE))?;
    let names = reports.iter().flat_map(|r| &r.items).flat_map(|item| item.path.split('/')).filter(|name| name.len() > 5);
    for name in names {
        ensure!(!bytes.windows(name.len()).any(|window| window == name.as_bytes()), "{name} stands in the index");
    }
    Ok(())
}

#[test]
fn what_was_erased_is_gone_from_the_index_and_stays_gone() -> Result<()> {
    let (_clamd, scratch, reports) = worked()?;
    let (state, session) = (scratch.state(), &reports[0].session);
    let entropy = Arc::new(OsEntropy::new());
    let key = Arc::new(StationKey::load_or_create(&state, entropy.as_ref())?);
    let mut log = AuditLog::open(&state, &reports[0].station, key, Arc::new(SystemClock), entropy)?;
    log.erase_session(session, "officer", "request of the person")?;
    drop(log);
    let kept = Index::open(&state)?.dump()?;
    ensure!(!kept.iter().any(|line| line.starts_with("items") && line.contains(session.as_str())), "{kept:?}");
    assert_eq!(Index::open(&state)?.counts()?.erased, 1);
    assert_eq!(Index::rebuild(&state)?.dump()?, kept);
    Ok(())
}

#[test]
fn a_damaged_index_is_built_anew_and_one_of_a_later_program_is_left_alone() -> Result<()> {
    let (clamd, scratch, _) = worked()?;
    let (file, said) = (scratch.state().join(FILE), rows(&Index::open(&scratch.state())?)?);
    let whole = fs::read(&file)?;
    let mut torn = whole.clone();
    torn[100..].iter_mut().for_each(|byte| *byte ^= 0x5A);
    for damaged in [b"no database at all, but of some length".repeat(100), torn, whole[..whole.len() / 2].to_vec()] {
        fs::write(&file, damaged)?;
        assert_eq!(rows(&Index::open(&scratch.state())?)?, said);
    }
    // `PRAGMA user_version` of a later program: bytes 60 to 63 of the header.
    let mut later = whole;
    later[60..64].copy_from_slice(&1_000u32.to_be_bytes());
    fs::write(&file, &later)?;
    let refused = Index::open(&scratch.state()).err();
    ensure!(matches!(refused, Some(IndexError::Newer { found: 1_000, .. })), "{refused:?}");
    // Intake goes on without it.
    let ended = run(&mut scratch.process(&scratch.path("note"), &clamd.address())?)?;
    ensure!(ended.status == 0 && fs::read(&file)? == later, "{ended:?}");
    Ok(())
}

#[test]
fn two_programs_bring_it_up_to_date_at_once() -> Result<()> {
    let (_clamd, scratch, _) = worked()?;
    let said = rows(&Index::open(&scratch.state())?)?;
    fs::remove_file(scratch.state().join(FILE))?;
    let both: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(|| scratch.schleuse(&["state", "rebuild"]))).collect();
        running.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    for ended in both {
        let ended = ended.map_err(|_| anyhow::anyhow!("a thread"))??;
        ensure!(ended.status == 0, "{ended:?}");
    }
    assert_eq!(rows(&Index::open(&scratch.state())?)?, said);
    Ok(())
}
