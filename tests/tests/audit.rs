//! The audit chain of a real session: whatever is done to it, `audit verify` says so (I9).

use anyhow::{Context as _, Result, ensure};
use e2e::released::check_audit;
use e2e::{Clamd, Scratch, run};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A state after one session, with its chain as lines.
fn recorded() -> Result<(Scratch, Vec<String>)> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let ended = run(&mut scratch.process(&scratch.one_text_file("medium")?, &clamd.address())?)?;
    ensure!(ended.status == 0, "{ended:?}");
    check_audit(&scratch)?;
    let chain = fs::read_to_string(chain_of(&scratch)?)?;
    let lines: Vec<String> = chain.lines().map(str::to_owned).collect();
    ensure!(lines.len() >= 6, "{} records", lines.len());
    Ok((scratch, lines))
}

/// The file of the month, which is the only one.
fn chain_of(scratch: &Scratch) -> Result<PathBuf> {
    let entries = fs::read_dir(scratch.state().join("audit"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut chains = entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let (chain, None) = (chains.next().context("a file of the chain")?, chains.next()) else {
        anyhow::bail!("several files in {}", scratch.state().display());
    };
    Ok(chain)
}

/// Writes another chain over the real one; the check must fail.
fn check_broken(scratch: &Scratch, what: &str, lines: &[String]) -> Result<()> {
    check_bytes_broken(scratch, what, (lines.join("\n") + "\n").as_bytes())
}

/// Cuts off the last record alone. It stands in the file `HEAD` too, so that a crash while it is written loses nothing: with
/// that file the whole chain is still there, without it the cut is seen.
fn check_last_record(scratch: &Scratch, lines: &[String]) -> Result<()> {
    let verify = || scratch.schleuse(&["audit", "verify", "--json"]);
    let chain = chain_of(scratch)?;
    fs::write(&chain, lines.join("\n") + "\n")?;
    let whole = verify()?;
    fs::write(&chain, lines[..lines.len() - 1].join("\n") + "\n")?;
    let cut = verify()?;
    let (whole, cut): (Value, Value) = (serde_json::from_str(&whole.stdout)?, serde_json::from_str(&cut.stdout)?);
    ensure!(cut["verified"] == true && cut["head"] == whole["head"] && cut["records"] == whole["records"], "{cut} instead of {whole}");
    fs::remove_file(scratch.state().join("audit/HEAD"))?;
    let ended = verify()?;
    ensure!(ended.status == 1, "{ended:?}");
    Ok(())
}

fn check_bytes_broken(scratch: &Scratch, what: &str, chain: &[u8]) -> Result<()> {
    fs::write(chain_of(scratch)?, chain)?;
    let ended = scratch.schleuse(&["audit", "verify"])?;
    ensure!(ended.status == 1, "{what}: {ended:?}");
    ensure!(ended.stdout.contains("BROKEN"), "{what}: {ended:?}");
    Ok(())
}

#[test]
fn an_edited_record_is_seen() -> Result<()> {
    let (scratch, lines) = recorded()?;
    let chain = (lines.join("\n") + "\n").into_bytes();
    // A byte of every seventieth, so that each field of some record is hit.
    for at in (0..chain.len()).step_by(chain.len() / 70) {
        let mut changed = chain.clone();
        *changed.get_mut(at).context("a byte of the chain")? ^= 1;
        check_bytes_broken(&scratch, &format!("byte {at} changed"), &changed)?;
    }
    Ok(())
}

#[test]
fn a_deleted_record_is_seen() -> Result<()> {
    let (scratch, lines) = recorded()?;
    for at in 0..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(at);
        check_broken(&scratch, &format!("record {at} deleted"), &fewer)?;
    }
    Ok(())
}

#[test]
fn a_repeated_record_is_seen() -> Result<()> {
    let (scratch, lines) = recorded()?;
    for at in 0..lines.len() {
        let mut more = lines.clone();
        more.insert(at, lines[at].clone());
        check_broken(&scratch, &format!("record {at} repeated"), &more)?;
    }
    Ok(())
}

#[test]
fn swapped_records_are_seen() -> Result<()> {
    let (scratch, lines) = recorded()?;
    for at in 1..lines.len() {
        let mut swapped = lines.clone();
        swapped.swap(at - 1, at);
        check_broken(&scratch, &format!("records {} and {at} swapped", at - 1), &swapped)?;
    }
    Ok(())
}

#[test]
fn a_chain_that_was_cut_off_is_seen() -> Result<()> {
    let (scratch, lines) = recorded()?;
    for left in 0..lines.len() - 1 {
        check_broken(&scratch, &format!("cut to {left} records"), &lines[..left])?;
    }
    check_last_record(&scratch, &lines)
}
