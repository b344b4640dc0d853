//! A release whose target is away waits, and is delivered once, by whoever comes next; the owner's group decides where; and
//! two programs of one station write one chain.

use anyhow::{Context as _, Result, ensure};
use audit::{Filter, OsEntropy, SystemClock, events};
use e2e::released::check_audit;
use e2e::{Clamd, Scratch, command, program, run, settings};
use pipeline::{Order, Quiet, Station};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn word(arguments: &[&str]) -> Result<String> {
    let ended = run(command("id").args(arguments))?;
    ensure!(ended.status == 0, "{ended:?}");
    Ok(ended.stdout.trim_end().to_owned())
}

/// A policy whose one route sends the group of whoever runs this test below `share`.
fn routed(scratch: &Scratch, share: &Path) -> Result<String> {
    let path = scratch.path("policy.toml");
    let text = format!(
        "[release]\nrequire_owner = true\nwait_seconds = 0\nmin_free_bytes = 0\nbackoff_ms = 1\n\
         [release.targets.kunde]\nkind = \"directory\"\npath = \"{}\"\n\
         [[release.routes]]\ngroup = \"{}\"\ntarget = \"kunde\"\nfolder = \"von/{{owner}}\"\n",
        share.display(),
        word(&["-gn"])?
    );
    fs::write(&path, text)?;
    Ok(path.to_string_lossy().into_owned())
}

fn process(scratch: &Scratch, medium: &Path, clamd: &Clamd, policy: &str, further: &[&str]) -> Result<std::process::Command> {
    let mut order = command(program("schleuse")?);
    order.arg("process").arg(medium).args(["--clamd", &clamd.address(), "--policy", policy]).arg("--state").arg(scratch.state());
    order.args(further);
    Ok(order)
}

fn events_of(scratch: &Scratch, event: &str) -> Result<usize> {
    let filter = Filter { event: Some(event.to_owned()), ..Filter::default() };
    let mut count = 0;
    for record in audit::show(&scratch.state(), filter)? {
        record?;
        count += 1;
    }
    Ok(count)
}

#[test]
fn a_release_waits_for_its_target_and_is_delivered_once() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (medium, share, owner) = (scratch.one_text_file("medium")?, scratch.path("share"), word(&["-un"])?);
    let policy = routed(&scratch, &share)?;
    for _ in 0..2 {
        let ended = run(&mut process(&scratch, &medium, &clamd, &policy, &["--owner", &owner])?)?;
        ensure!(ended.status == 6 && ended.stdout.contains("WAITS for its target"), "{ended:?}");
    }
    let state = scratch.state().to_string_lossy().into_owned();
    let release = |what: &[&str]| run(command(program("schleuse")?).arg("release").args(what).args(["--state", &state]));
    let deliver = ["deliver", "--clamd", &clamd.address(), "--policy", &policy];
    ensure!(release(&["list"])?.stdout.contains("2 releases wait"));
    ensure!(release(&deliver)?.status == 6);
    check_audit(&scratch)?;
    ensure!(events_of(&scratch, events::SESSION_RELEASED)? == 0 && events_of(&scratch, events::SESSION_CLOSED)? == 2);

    fs::create_dir(&share)?;
    let delivered = release(&deliver)?;
    ensure!(delivered.status == 0, "{delivered:?}");
    let folders: Vec<_> = fs::read_dir(share.join("von").join(&owner))?.collect::<Result<_, _>>()?;
    ensure!(folders.len() == 2, "{folders:?}");
    for folder in &folders {
        ensure!(scratch.verify_release(&folder.path())?.status == 0, "{folder:?}");
    }
    ensure!(fs::read_dir(scratch.state().join("outbox"))?.next().is_none(), "the outbox is not empty");
    ensure!(fs::read_dir(scratch.state().join("sessions"))?.next().is_none(), "a journal is left");
    // Again changes nothing.
    ensure!(release(&deliver)?.status == 0 && events_of(&scratch, events::SESSION_RELEASED)? == 2);
    ensure!(events_of(&scratch, events::SESSION_VOIDED)? == 0);
    check_audit(&scratch)?;
    Ok(())
}

#[test]
fn a_session_without_an_owner_or_a_route_is_refused_on_record() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (medium, share) = (scratch.one_text_file("medium")?, scratch.path("share"));
    fs::create_dir(&share)?;
    let policy = routed(&scratch, &share)?;
    let release_to = scratch.release().to_string_lossy().into_owned();
    let other = "daemon";
    for (further, said) in [
        (&[][..], "--owner"),
        (&["--owner", other][..], "no group that has a route"),
        (&["--owner", "nobody-knows-her"][..], "nobody-knows-her"),
        (&["--owner", "../x"][..], "cannot be a user's name"),
        (&["--owner", other, "--release-to", &release_to][..], "--release-to"),
    ] {
        let ended = run(&mut process(&scratch, &medium, &clamd, &policy, further)?)?;
        ensure!(ended.status == 2 && ended.stderr.contains(said), "{further:?}: {ended:?}");
    }
    ensure!(events_of(&scratch, events::REQUEST_REFUSED)? == 5 && events_of(&scratch, events::SESSION_OPENED)? == 0);
    ensure!(fs::read_dir(&share)?.next().is_none());
    Ok(())
}

#[test]
fn several_stations_beside_each_other_write_one_chain() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let medium = scratch.path("many");
    fs::create_dir(&medium)?;
    for n in 0..150 {
        fs::write(medium.join(format!("Notiz {n}.txt")), format!("Notiz {n}\n"))?;
    }
    // Whoever comes first holds the chain; the others hand their records over, and the next takes it when the first ends.
    let session = || -> Result<()> {
        let order = Order { source: medium.clone(), device: None, release_to: scratch.release().into(), owner: None, keys: Vec::new() };
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        let (worker, address) = (program("schleuse-worker")?, clamd.address().parse()?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let station = Station::open_beside(&scratch.state(), worker, settings("")?, address, clock, entropy).await?;
            pipeline::process(&station, &order, Arc::new(Quiet)).await?;
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..3).map(|_| scope.spawn(session)).collect();
        running.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a session panicked"))?)
    })?;
    check_audit(&scratch)?;
    let released = scratch.released_names()?;
    ensure!(released.len() == 3 && released.iter().all(|name| !name.starts_with('.')), "{released:?}");
    ensure!(events_of(&scratch, events::SESSION_RELEASED)? == 3 && events_of(&scratch, events::ITEM_RELEASED)? == 450);
    for session in &released {
        let filter = Filter { session: Some(session.clone()), ..Filter::default() };
        let last = audit::show(&scratch.state(), filter)?.last().context("records")??;
        ensure!(last.event == events::CHECKPOINT, "{last:?}");
    }
    Ok(())
}
