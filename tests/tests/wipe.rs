//! Retired media: image files and real loop devices, wiped by the real program.

use anyhow::{Context as _, Result, ensure};
use e2e::{Ended, Scratch, command, program, run, sha256_of};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECRET: &[u8] = b"Personalakte Nr. 4711 - streng vertraulich";
const MIB: u64 = 1 << 20;

/// An image full of what must not be found afterwards.
fn image(scratch: &Scratch, name: &str, mebibytes: u64) -> Result<PathBuf> {
    let path = scratch.path(name);
    let bytes: Vec<u8> = SECRET.iter().copied().cycle().take((mebibytes * MIB) as usize).collect();
    fs::write(&path, bytes)?;
    Ok(path)
}

fn wipe(scratch: &Scratch, target: &Path, more: &[&str]) -> Result<Command> {
    let mut command = command(program("schleuse")?);
    command.arg("wipe").arg(target).arg("--state").arg(scratch.state()).args(more);
    Ok(command)
}

/// The one certificate of this station.
fn certificate(scratch: &Scratch) -> Result<(PathBuf, Value)> {
    let mut folders = fs::read_dir(scratch.state().join("certificates"))?;
    let folder = folders.next().context("no certificate")??.path();
    ensure!(folders.next().is_none(), "more than one certificate");
    let json = serde_json::from_slice(&fs::read(folder.join("certificate.json"))?)?;
    Ok((folder, json))
}

fn verify_certificate(scratch: &Scratch, what: &Path) -> Result<Ended> {
    scratch.schleuse(&[OsStr::new("verify-certificate"), what.as_os_str()])
}

fn holds_secret(bytes: &[u8]) -> bool {
    // A sector that was left holds it whole.
    bytes.windows(16).any(|run| run == &SECRET[..16])
}

/// What is left of journals and keys.
fn journals(scratch: &Scratch) -> Result<Vec<String>> {
    let entries = fs::read_dir(scratch.state().join("wipe"))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A loop device over a file; detached when dropped.
struct Loop(PathBuf);

impl Loop {
    /// None where the machine has no loop devices to give.
    fn over(image: &Path, options: &[&str]) -> Result<Option<Self>> {
        if !is_root() {
            return Ok(None);
        }
        let ended = run(command("losetup").args(["--find", "--show"]).args(options).arg(image))?;
        Ok((ended.status == 0).then(|| Self(ended.stdout.trim().into())))
    }
    fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run(command("losetup").arg("--detach").arg(&self.0));
    }
}

/// A mounted file system; unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn at(point: PathBuf, arguments: &[&OsStr]) -> Result<Self> {
        fs::create_dir(&point)?;
        let ended = run(command("mount").args(arguments).arg(&point))?;
        ensure!(ended.status == 0, "{ended:?}");
        Ok(Self(point))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run(command("umount").arg(&self.0));
    }
}

#[test]
fn an_image_is_overwritten_read_back_formatted_and_certified() -> Result<()> {
    let scratch = Scratch::new()?;
    // Not a whole number of blocks.
    let image = image(&scratch, "Stick 7.img", 9)?;
    fs::File::options().write(true).open(&image)?.set_len(9 * MIB - 512)?;
    let ended = run(&mut wipe(&scratch, &image, &["--yes-erase", "Stick 7.img", "--label", "leer 7"])?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let content = fs::read(&image)?;
    assert_eq!(content.len() as u64, 9 * MIB - 512);
    assert!(!holds_secret(&content));
    // Past the empty file system it is random: each value of a byte about as often as any other.
    let tail = &content[content.len() - 1_000_000..];
    let mut counts = [0_u32; 256];
    for byte in tail {
        counts[usize::from(*byte)] += 1;
    }
    assert!(counts.iter().all(|count| (3_500..4_400).contains(count)), "{counts:?}");
    let checked = run(command("fsck.exfat").arg("-n").arg(&image))?;
    assert_eq!(checked.status, 0, "{checked:?}");

    let (folder, json) = certificate(&scratch)?;
    assert_eq!(json["outcome"], "wiped");
    assert_eq!(json["level"]["reached"], "clear");
    assert_eq!(json["done"]["passes"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["verification"]["equal_bytes"], 9 * MIB - 512);
    assert_eq!(json["formatted"]["label"], "LEER 7");
    assert!(journals(&scratch)?.is_empty());
    for what in [folder.clone(), folder.join("certificate.json"), folder.join("Loeschnachweis.pdf")] {
        let verified = verify_certificate(&scratch, &what)?;
        assert_eq!(verified.status, 0, "{verified:?}");
    }
    Ok(())
}

#[test]
fn the_chain_knows_the_wipe_before_its_first_write_and_the_digest_of_its_certificate() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "stick.img", 2)?;
    let ended = run(&mut wipe(&scratch, &image, &["--yes-erase", "stick.img", "--json"])?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let (folder, json) = certificate(&scratch)?;
    assert_eq!(serde_json::from_str::<Value>(&ended.stdout)?, json);
    let shown = scratch.schleuse(&["audit", "show", "--json"])?;
    let records: Vec<Value> = shown.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let payload = |event: &str| records.iter().find(|r| r["event"] == event).map(|r| r["payload"].to_string()).unwrap_or_default();
    assert!(payload("wipe-begun").contains("stick.img"), "{shown:?}");
    assert!(payload("wipe-ended").contains(&sha256_of(&folder.join("certificate.json"))?), "{shown:?}");
    assert_eq!(scratch.schleuse(&["audit", "verify"])?.status, 0);
    Ok(())
}

#[test]
fn an_edited_certificate_is_seen_and_no_release_passes_for_one() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "stick.img", 2)?;
    ensure!(run(&mut wipe(&scratch, &image, &["--yes-erase", "stick.img"])?)?.status == 0);
    let (folder, _) = certificate(&scratch)?;
    // Signed for one purpose, it does not hold for another.
    let as_release = scratch.verify_release(&folder)?;
    assert!(as_release.status == 1 && as_release.stdout.contains("signature"), "{as_release:?}");
    let json = folder.join("certificate.json");
    let text = fs::read_to_string(&json)?;
    fs::write(&json, text.replace("\"clear\"", "\"purge\""))?;
    let refused = verify_certificate(&scratch, &json)?;
    assert!(refused.status == 1 && refused.stdout.contains("changed: certificate.json"), "{refused:?}");
    fs::write(&json, text)?;
    fs::remove_file(folder.join("wipe-certificate.pdf"))?;
    assert_eq!(verify_certificate(&scratch, &folder)?.status, 1);
    Ok(())
}

#[test]
fn the_certificates_for_people_say_the_level_and_embed_no_font() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "stick.img", 2)?;
    ensure!(run(&mut wipe(&scratch, &image, &["--yes-erase", "stick.img", "--passes", "2"])?)?.status == 0);
    let (folder, _) = certificate(&scratch)?;
    for (name, title, passes) in
        [("Loeschnachweis.pdf", "Löschnachweis", "Durchgänge: 2 / 2"), ("wipe-certificate.pdf", "Wipe certificate", "Passes: 2 / 2")]
    {
        let text = run(command("pdftotext").arg(folder.join(name)).arg("-"))?.stdout;
        for expected in [title, passes, "NIST SP 800-88 Rev. 2: Clear", "stick.img"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let fonts = run(command("pdffonts").arg(folder.join(name)))?.stdout;
        let embedded = fonts.lines().skip(2).filter(|line| line.split_whitespace().rev().nth(4) != Some("no")).count();
        assert!(fonts.lines().count() > 2 && embedded == 0, "{fonts}");
    }
    Ok(())
}

#[test]
fn a_person_types_the_name_and_anything_else_writes_nothing() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "stick.img", 2)?;
    let before = sha256_of(&image)?;
    for typed in ["", "\n", "yes\n", "stick\n", "STICK.IMG\n"] {
        let ended = run_typing(&mut wipe(&scratch, &image, &[])?, typed)?;
        assert_eq!(ended.status, 2, "{typed:?}: {ended:?}");
        assert!(ended.stderr.contains("ALLES darauf") && ended.stderr.contains("EVERYTHING on it"), "{ended:?}");
    }
    for arguments in [["--yes-erase", "stick"], ["--yes-erase", ""]] {
        assert_eq!(run(&mut wipe(&scratch, &image, &arguments)?)?.status, 2);
    }
    assert_eq!(sha256_of(&image)?, before);
    assert_eq!(run_typing(&mut wipe(&scratch, &image, &[])?, "stick.img\n")?.status, 0);
    Ok(())
}

fn run_typing(command: &mut Command, typed: &str) -> Result<Ended> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no stdin")?.write_all(typed.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) })
}

#[test]
fn one_pass_wrong_labels_and_impossible_formats_are_refused_before_anything_is_written() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "stick.img", 2)?;
    let before = sha256_of(&image)?;
    for (arguments, said) in [
        (["--passes", "1"], "at least 2"),
        (["--passes", "0"], "at least 2"),
        (["--passes", "36"], "at most 35"),
        (["--label", "GRÜN"], "cannot be a label"),
        (["--format", "fat32"], "smaller than 64 MiB"),
    ] {
        let ended = run(wipe(&scratch, &image, &arguments)?.args(["--yes-erase", "stick.img"]))?;
        assert!(ended.status == 2 && ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    assert_eq!(sha256_of(&image)?, before);
    assert!(journals(&scratch)?.is_empty());
    Ok(())
}

#[test]
fn after_a_power_loss_the_wipe_goes_on_where_it_was() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = killed_in_pass_two(&scratch)?;
    let ended = run(&mut resumable(&scratch, &image)?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.contains("goes on after an interruption: pass 2"), "{ended:?}");
    assert!(!ended.stderr.contains("pass 1/3"), "{ended:?}");
    let (folder, json) = certificate(&scratch)?;
    assert_eq!((&json["outcome"], &json["interruptions"]), (&Value::from("wiped"), &Value::from(1)));
    assert_eq!(json["done"]["passes"].as_array().map(Vec::len), Some(3));
    assert_eq!(verify_certificate(&scratch, &folder)?.status, 0);
    assert_eq!(scratch.schleuse(&["audit", "verify"])?.status, 0);
    assert!(journals(&scratch)?.is_empty());
    assert!(!holds_secret(&fs::read(&image)?));
    Ok(())
}

#[test]
fn another_medium_under_the_same_name_begins_anew() -> Result<()> {
    let scratch = Scratch::new()?;
    killed_in_pass_two(&scratch)?;
    let image = image(&scratch, "stick.img", 48)?;
    let ended = run(&mut resumable(&scratch, &image)?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.contains("pass 1/3") && !ended.stderr.contains("goes on"), "{ended:?}");
    assert_eq!(certificate(&scratch)?.1["interruptions"], 0);
    Ok(())
}

/// A wipe that syncs often.
fn resumable(scratch: &Scratch, image: &Path) -> Result<Command> {
    let policy = scratch.path("policy.toml");
    fs::write(&policy, "[wipe]\nblock_bytes = 65536\nsync_bytes = 1048576\n")?;
    let mut command = wipe(scratch, image, &["--yes-erase", "stick.img", "--policy"])?;
    command.arg(policy);
    Ok(command)
}

/// A wipe killed when it has said that the second pass is under way.
fn killed_in_pass_two(scratch: &Scratch) -> Result<PathBuf> {
    let image = image(scratch, "stick.img", 48)?;
    let mut child = resumable(scratch, &image)?.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
    let under_way = lines.any(|line| line.is_ok_and(|line| line.starts_with("pass 2/3: 2")));
    child.kill()?;
    child.wait()?;
    ensure!(under_way, "the second pass was never begun");
    let mut left = journals(scratch)?;
    left.retain(|name| !name.ends_with(".partial"));
    left.sort();
    ensure!(left.len() == 2 && left[0].ends_with(".json") && left[1].ends_with(".key"), "{left:?}");
    ensure!(!scratch.state().join("certificates").exists() || certificate(scratch).is_err(), "certified too early");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(scratch.state().join("wipe").join(&left[1]))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    Ok(image)
}

#[test]
fn a_loop_device_is_wiped_like_a_stick() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = image(&scratch, "behind.img", 70)?;
    let Some(device) = Loop::over(&image, &[])? else {
        println!("skipped: no loop device to be had");
        return Ok(());
    };
    // The file below a device is not wiped while the device is there.
    let ended = run(&mut wipe(&scratch, &image, &["--yes-erase", "behind.img"])?)?;
    assert!(ended.status == 2 && ended.stderr.contains(&device.name()), "{ended:?}");
    let ended = run(&mut wipe(&scratch, &device.0, &["--yes-erase", &device.name(), "--passes", "2"])?)?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let (_, json) = certificate(&scratch)?;
    assert_eq!((&json["medium"]["kind"], &json["formatted"]["file_system"]), (&Value::from("device"), &Value::from("fat32")));
    // A loop device discards; that it says so lifts no level.
    let native: Vec<&Value> = json["done"]["native"].as_array().context("native")?.iter().map(|step| &step["method"]).collect();
    assert_eq!(native, ["discard"]);
    assert_eq!(json["level"]["reached"], "clear");
    drop(device);
    assert!(!holds_secret(&fs::read(&image)?));
    let checked = run(command("fsck.vfat").arg("-n").arg(&image))?;
    assert_eq!(checked.status, 0, "{checked:?}");
    Ok(())
}

#[test]
fn a_mounted_a_partitioned_and_a_protected_device_are_refused() -> Result<()> {
    let scratch = Scratch::new()?;
    let image = scratch.path("ext4.img");
    fs::File::create(&image)?.set_len(16 * MIB)?;
    ensure!(run(command("mkfs.ext4").arg("-q").arg(&image))?.status == 0, "mkfs.ext4");
    let Some(device) = Loop::over(&image, &[])? else {
        println!("skipped: no loop device to be had");
        return Ok(());
    };
    let mounted = Mounted::at(scratch.path("mnt"), &[device.0.as_os_str()])?;
    fs::write(mounted.0.join("Akte.txt"), SECRET)?;
    let refused = |said: &str, device: &Loop| -> Result<()> {
        let ended = run(&mut wipe(&scratch, &device.0, &["--yes-erase", &device.name()])?)?;
        ensure!(ended.status == 2 && ended.stderr.contains(said), "{said}: {ended:?}");
        Ok(())
    };
    refused("mounted at", &device)?;
    assert_eq!(fs::read(mounted.0.join("Akte.txt"))?, SECRET);
    drop(mounted);
    drop(device);
    let before = sha256_of(&image)?;
    let Some(device) = Loop::over(&image, &["--read-only"])? else { return Ok(()) };
    refused("write-protected", &device)?;
    drop(device);
    assert_eq!(sha256_of(&image)?, before);
    Ok(())
}

#[test]
fn a_medium_that_takes_only_half_is_certified_as_failed() -> Result<()> {
    let scratch = Scratch::new()?;
    if !is_root() {
        println!("skipped: no right to mount");
        return Ok(());
    }
    // A file system that is full in the middle of the image: what is written past that is refused.
    let options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"].map(OsStr::new);
    let full = Mounted::at(scratch.path("full"), &options)?;
    let image = full.0.join("stick.img");
    fs::File::create(&image)?.set_len(8 * MIB)?;
    let ended = run(&mut wipe(&scratch, &image, &["--yes-erase", "stick.img"])?)?;
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.stdout.contains("destroy physically") && ended.stdout.contains("physisch vernichten"), "{ended:?}");
    let (folder, json) = certificate(&scratch)?;
    assert_eq!((&json["outcome"], &json["level"]["reached"], &json["formatted"]), (&"failed".into(), &"none".into(), &Value::Null));
    let bad = &json["verification"]["write_errors"];
    assert!((4 * MIB..=5 * MIB).contains(&bad["bytes"].as_u64().context("bytes")?), "{bad}");
    let last = bad["ranges"].as_array().and_then(|all| all.last()).context("ranges")?;
    assert_eq!(last["offset"].as_u64().zip(last["bytes"].as_u64()).map(|(offset, bytes)| offset + bytes), Some(8 * MIB), "{bad}");
    // The certificate of a failure is signed as well, and says so first.
    assert_eq!(verify_certificate(&scratch, &folder)?.status, 0);
    let text = run(command("pdftotext").arg(folder.join("Loeschnachweis.pdf")).arg("-"))?.stdout;
    assert!(text.contains("FEHLGESCHLAGEN: physisch vernichten"), "{text}");
    Ok(())
}

#[test]
fn while_a_wipe_has_the_state_nothing_else_works_on_it() -> Result<()> {
    let scratch = Scratch::new()?;
    let (one, two) = (image(&scratch, "stick.img", 48)?, image(&scratch, "two.img", 2)?);
    let mut child = resumable(&scratch, &one)?.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no stderr")?).lines();
    let begun = lines.any(|line| line.is_ok_and(|line| line.starts_with("pass 1/3")));
    let second = run(&mut wipe(&scratch, &two, &["--yes-erase", "two.img"])?)?;
    child.kill()?;
    child.wait()?;
    assert!(begun && second.status == 3 && second.stderr.contains("audit chain"), "{second:?}");
    assert!(holds_secret(&fs::read(&two)?));
    Ok(())
}
