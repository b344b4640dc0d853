//! A full disk, wherever it is: the session ends as a fault of the station that names the place (a full share: its release
//! waits), nothing unverified is on the share, and once there is room again the station goes on as if nothing had been.
//!
//! The full disk is a small tmpfs in a mount namespace of the test's own; making one takes root, as continuous integration
//! has it.

use anyhow::{Context as _, Result, ensure};
use e2e::{Clamd, Scratch, command, program, run};
use std::fs;
use std::path::Path;

/// Runs in the mount namespace: the place gets a file system of its own, a first session makes the state, then only ROOM KiB
/// are left, then there is room again. What each step ended with is left in files.
const SCRIPT: &str = r#"
set -u
mkdir -p "$PLACE" && mount -t tmpfs -o size=64m,mode=0700 tmpfs "$PLACE" || exit 99
session() {
    "$SCHLEUSE" process "$1" --release-to "$RELEASE" --state "$STATE" --clamd "$CLAMD" --policy "$POLICY" >"$OUT/$2.out" 2>"$OUT/$2.err"
    echo "$?" >"$OUT/$2.status"
    for folder in "$RELEASE"/*/; do
        [ -d "$folder" ] || continue
        "$SCHLEUSE" verify-release "$folder" --state "$STATE" >>"$OUT/$2.verified" 2>&1 || echo "$folder" >>"$OUT/$2.unverified"
    done
    "$SCHLEUSE" audit verify --state "$STATE" >"$OUT/$2.audit" 2>&1
    echo "$?" >"$OUT/$2.audit-status"
}
session "$TINY" begun
mount -o remount,size="$(( $(du -sk "$PLACE" | cut -f1) + ROOM ))k" "$PLACE" || exit 98
session "$MEDIUM" full
mount -o remount,size=256m "$PLACE" || exit 97
session "$MEDIUM" after
ls -A "$RELEASE" >"$OUT/share"
ls -A "$STATE/spool" "$STATE/sessions" "$STATE/outbox" >"$OUT/left"
"#;

fn medium(scratch: &Scratch) -> Result<std::path::PathBuf> {
    let dir = scratch.path("medium");
    fs::create_dir(&dir)?;
    fs::write(dir.join("lang.txt"), "Eine Zeile, die oft kommt, aber nicht immer gleich ist: 7\n".repeat(20_000))?;
    // Of no format: held, whole.
    fs::write(dir.join("unbekannt.bin"), testkit::bits::Noise::new(7).bytes(1 << 20))?;
    for n in 0..40 {
        fs::write(dir.join(format!("kurz {n:02}.txt")), format!("Notiz {n}\n"))?;
    }
    Ok(dir)
}

/// How a session ends that finds a place full.
struct FullEnd {
    /// Exit status.
    status: &'static str,
    /// Where it is said: what the program wrote there must contain `named`.
    said_in: &'static str,
    named: &'static str,
    /// Releases on the share when there is room again: the tiny session, the one after, and perhaps the one that waited.
    releases: usize,
}

/// A fault of the station that names the place: the session is void.
const fn fault(named: &'static str) -> FullEnd {
    FullEnd { status: "3", said_in: "full.err", named, releases: 2 }
}

/// One place runs full with `room_kib` left.
fn runs_full(place: &str, room_kib: u32, end: &FullEnd) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        println!("not root: no small file system can be mounted here");
        return Ok(());
    }
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let (medium, tiny, out) = (medium(&scratch)?, scratch.one_text_file("tiny")?, scratch.path("out"));
    fs::create_dir(&out)?;
    fs::create_dir(scratch.state())?;
    fs::write(
        scratch.path("policy.toml"),
        "[session]\nmin_free_bytes = 0\n[release]\nmin_free_bytes = 0\n[scan]\nclamd_stream_max_bytes = 8388608\n",
    )?;
    let mut script = command("unshare");
    script.args(["--mount", "--propagation", "private", "bash", "-c", SCRIPT]);
    script.env("PLACE", scratch.path(place)).env("ROOM", room_kib.to_string()).env("SCHLEUSE", program("schleuse")?);
    script.env("STATE", scratch.state()).env("RELEASE", scratch.release()).env("CLAMD", clamd.address());
    script.env("POLICY", scratch.path("policy.toml")).env("MEDIUM", medium).env("TINY", tiny).env("OUT", &out);
    let ended = run(&mut script)?;
    ensure!(ended.status == 0, "{ended:?}");
    let said = |name: &str| text(&out, name);
    ensure!(said("begun.status")? == "0", "{}", said("begun.err")?);
    ensure!(said("full.status")? == end.status, "{} {}", said("full.status")?, said("full.err")?);
    ensure!(said(end.said_in)?.contains(end.named), "`{}` is not named: {}", end.named, said(end.said_in)?);
    ensure!(said("after.status")? == "10", "{} {}", said("after.status")?, said("after.err")?);
    for step in ["begun", "full", "after"] {
        ensure!(!out.join(format!("{step}.unverified")).exists(), "{step}: {}", said(&format!("{step}.unverified"))?);
        // With no room at all the chain cannot be looked at to its end only where it is what is full.
        ensure!(step == "full" || said(&format!("{step}.audit-status"))? == "0", "{step}: {}", said(&format!("{step}.audit"))?);
    }
    // Nothing of one that failed, hidden or not.
    let share = said("share")?;
    ensure!(share.lines().count() == end.releases && share.lines().all(|name| !name.starts_with('.')), "{share}");
    let left = said("left")?;
    ensure!(left.lines().all(|line| line.is_empty() || line.ends_with(':')), "{left}");
    Ok(())
}

fn text(out: &Path, name: &str) -> Result<String> {
    let text = fs::read_to_string(out.join(name)).with_context(|| format!("the script left no {name}"))?;
    Ok(text.trim_end().to_owned())
}

#[test]
fn a_full_spool() -> Result<()> {
    runs_full("state/spool", 256, &fault("/state/spool"))
}

#[test]
fn a_full_share() -> Result<()> {
    // Nothing is lost: the release waits, and the next start delivers it.
    let waits = FullEnd { status: "6", said_in: "full.out", named: "WAITS for its target", releases: 3 };
    runs_full("release", 256, &waits)
}

#[test]
fn a_full_audit_directory() -> Result<()> {
    runs_full("state/audit", 12, &fault("/state/audit"))
}

#[test]
fn a_full_quarantine() -> Result<()> {
    runs_full("state/quarantine", 256, &fault("/state/quarantine"))
}
