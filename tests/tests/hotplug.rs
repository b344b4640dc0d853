//! Media that come and go while `schleuse watch` runs: real events of a real udevd, loop devices as sticks. One at a time.

use anyhow::{Context as _, Result, bail, ensure};
use e2e::loops::{self, LoopDevice};
use e2e::udevd::{self, Udevd};
use e2e::{Clamd, Scratch, command, program, run, sha256_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use testkit::{Partition, write_fat32_image};

// BOUND: a session of one text file takes some seconds; this is for a busy machine.
const LINE_WAIT: Duration = Duration::from_secs(120);

fn skipped() -> bool {
    let missing = loops::missing().or_else(udevd::missing);
    if let Some(why) = missing {
        println!("skipped: {why}");
    }
    missing.is_some()
}

/// A running `schleuse watch --json` and what it says.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    /// Watches for the media of this test only: other images may be attached on this machine.
    fn start(scratch: &Scratch, clamd: &Clamd) -> Result<Self> {
        let mut policy = "[device]\nallow_virtual = true\n".to_owned();
        for which in 0..8 {
            policy += &format!("[[device.allow]]\nport = \"{}\"\n", LoopDevice::name_of(which));
        }
        fs::write(scratch.path("policy.toml"), policy)?;
        let mut command = command(program("schleuse")?);
        command.args(["watch", "--json", "--clamd", &clamd.address()]).arg("--release-to").arg(scratch.release());
        command.arg("--state").arg(scratch.state()).arg("--policy").arg(scratch.path("policy.toml"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let said = BufReader::new(child.stdout.take().context("its output")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Self { child, lines })
    }

    /// Waits for an event about a device.
    fn await_event(&self, device: &str, wanted: &str) -> Result<Value> {
        self.await_all(&[device], wanted)?.pop().context("no event")
    }

    /// Waits for an event about each of these devices, in any order; what else is said meanwhile is skipped.
    fn await_all(&self, devices: &[&str], wanted: &str) -> Result<Vec<Value>> {
        let (mut missing, mut met) = (devices.to_vec(), Vec::new());
        while !missing.is_empty() {
            let line = self.lines.recv_timeout(LINE_WAIT).with_context(|| format!("no {wanted} of {missing:?}"))?;
            let event: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            let name = event["device"]["name"].as_str().or_else(|| event["device"].as_str()).unwrap_or_default();
            let Some(at) = missing.iter().position(|device| *device == name) else { continue };
            let said = event["event"].as_str().unwrap_or_default();
            if said == wanted {
                missing.remove(at);
                met.push(event);
            } else if said == "session-failed" {
                bail!("{line}");
            }
        }
        Ok(met)
    }

    /// Waits until the session of a device has ended, in whatever way.
    fn await_end(&self, device: &str) -> Result<Value> {
        loop {
            let line = self.lines.recv_timeout(LINE_WAIT).with_context(|| format!("no end of {device}"))?;
            let event: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            let ended = event["event"].as_str().is_some_and(|said| said.starts_with("session-"));
            if ended && event["device"] == device {
                return Ok(event);
            }
        }
    }

    /// Asks it to stop and waits until it has.
    fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let ended = self.child.wait()?;
        ensure!(ended.success(), "{ended:?}");
        Ok(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stick(scratch: &Scratch, name: &str) -> Result<PathBuf> {
    let image = scratch.path(name);
    let sample = e2e::samples_at(&["Bilder/Ausflug an den See/Diagramm.png"])?.remove(0);
    write_fat32_image(&image, &[sample], Partition::Mbr)?;
    Ok(image)
}

fn folder(event: &Value) -> Result<PathBuf> {
    Ok(PathBuf::from(event["folder"].as_str().context("no folder")?))
}

#[test]
fn every_medium_gets_its_session_two_at_once_and_what_was_there_before() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _udevd = Udevd::start()?;
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let images = ["erster", "zweiter", "dritter"].map(|name| stick(&scratch, name)).into_iter().collect::<Result<Vec<_>>>()?;
    let before = images.iter().map(|image| sha256_of(image)).collect::<Result<Vec<_>>>()?;
    let mut first = LoopDevice::attach(&images[0], 0)?;
    let watching = Watching::start(&scratch, &clamd)?;
    watching.await_event(&first.name(), "insert")?;
    let mut ended = vec![watching.await_event(&first.name(), "session-ended")?];
    first.detach()?;
    watching.await_event(&first.name(), "remove")?;

    let (second, third) = (LoopDevice::attach(&images[1], 1)?, LoopDevice::attach(&images[2], 2)?);
    ended.extend(watching.await_all(&[&second.name(), &third.name()], "session-ended")?);
    assert!(second.is_read_only()? && third.is_read_only()?);
    for event in &ended {
        assert_eq!(event["totals"]["released"], 1, "{event}");
        let verified = scratch.verify_release(&folder(event)?)?;
        assert_eq!(verified.status, 0, "{verified:?}");
    }
    // The same slot, another medium: another session.
    let again = LoopDevice::attach(&images[1], 0);
    drop((second, third));
    let again = again?;
    watching.await_event(&again.name(), "session-ended")?;
    watching.stop()?;
    drop((first, again));
    assert_eq!(scratch.released_names()?.len(), 4);
    let after = images.iter().map(|image| sha256_of(image)).collect::<Result<Vec<_>>>()?;
    assert_eq!(after, before);
    Ok(())
}

/// A loop device that is detached stays until the reader has closed it; that is no yank. Cutting the image off is: every further
/// read of the disk fails with an input/output error, as after a stick was pulled.
#[test]
fn a_medium_that_goes_away_in_the_middle_ends_its_own_session_only() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _udevd = Udevd::start()?;
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (image, next) = (stick(&scratch, "gezogen")?, stick(&scratch, "danach")?);
    let watching = Watching::start(&scratch, &clamd)?;
    let mut pulled = LoopDevice::attach(&image, 0)?;
    watching.await_event(&pulled.name(), "insert")?;
    // It is admitted and on record; its session begins.
    File::options().write(true).open(&image)?.set_len(512)?;
    pulled.detach()?;
    // Whether it came so far that there is a report is a matter of the moment; that it ends, and without the picture, is not.
    let ended = watching.await_end(&pulled.name())?;
    assert!(ended["event"] == "session-failed" || ended["totals"]["released"] == 0, "{ended}");

    let after = LoopDevice::attach(&next, 1)?;
    let ended = watching.await_event(&after.name(), "session-ended")?;
    assert_eq!(ended["totals"]["released"], 1, "{ended}");
    watching.stop()?;
    let chain = scratch.schleuse(&["audit", "verify"])?;
    assert_eq!(chain.status, 0, "{chain:?}");
    Ok(())
}

#[test]
fn without_udevd_one_sentence_says_so() -> Result<()> {
    let _lock = udevd::lock()?;
    if udevd::answers() {
        println!("skipped: the machine's own udevd runs");
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let media = run(command(program("schleuse")?).args(["media", "watch"]))?;
    assert_eq!(media.status, 3, "{media:?}");
    assert!(media.stderr.contains("udevd is not running"), "{media:?}");
    assert_eq!(media.stderr.lines().count(), 1, "{media:?}");
    if loops::missing().is_none() {
        let watch = scratch.schleuse(&["watch", "--release-to", &scratch.release().to_string_lossy()])?;
        assert_eq!(watch.status, 3, "{watch:?}");
        assert!(!Path::new(&scratch.state()).exists(), "something was made");
    }
    // What is there can be listed all the same.
    let listed = run(command(program("schleuse")?).args(["media", "list", "--json"]))?;
    let devices: Vec<Value> = serde_json::from_str(&listed.stdout)?;
    assert!(devices.iter().all(|device| device["judgement"].is_string() && device["device"]["kind"].is_string()));
    Ok(())
}
