//! Encrypted media through the whole line: opened with a key from standard input, closed without, and no trace of the key.

use anyhow::{Context as _, Result, ensure};
use e2e::released::{check_audit, check_release, digests};
use e2e::{Clamd, Ended, Scratch, command, run, sha256_of};
use model::report::{ItemLine, Outcome, SessionReport};
use model::{FindingCode, Reason};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testkit::encrypted::{BitLocker, bitlocker};
use walkdir::WalkDir;

const WITHHELD: i32 = 10;
const USAGE: i32 = 2;
const PASSWORD: &str = "Hütte-am-See-4711";
const TEXT: &str = "Der Ausflug an den See fällt aus.\n";

fn tool(program: &str, arguments: &[&str]) -> Result<()> {
    let ended = run(command(program).args(arguments))?;
    ensure!(ended.status == 0, "{program} {arguments:?}: {ended:?}");
    Ok(())
}

/// A FAT volume with a text.
fn fat(scratch: &Scratch, length: u64) -> Result<PathBuf> {
    let (image, text) = (scratch.path("stick.img"), scratch.path("Notiz.txt"));
    File::create(&image)?.set_len(length)?;
    fs::write(&text, TEXT)?;
    let name = image.to_str().context("path")?;
    tool("mkfs.vfat", &[name])?;
    tool("mcopy", &["-i", name, text.to_str().context("path")?, "::NOTIZ.TXT"])?;
    Ok(image)
}

/// A LUKS2 volume of cryptsetup around it.
fn luks2(scratch: &Scratch, derivation: &[&str]) -> Result<PathBuf> {
    let (image, key) = (fat(scratch, 4 << 20)?, scratch.path("key"));
    File::options().write(true).open(&image)?.set_len(36 << 20)?;
    fs::write(&key, PASSWORD)?;
    let names = ["--key-file", key.to_str().context("path")?, image.to_str().context("path")?];
    let fixed = ["reencrypt", "--encrypt", "--type", "luks2", "--reduce-device-size", "32M", "--batch-mode", "--disable-locks"];
    tool("cryptsetup", &[&fixed, derivation, &names].concat())?;
    fs::remove_file(key)?;
    Ok(image)
}

const CHEAP: [&str; 8] = ["--pbkdf", "argon2id", "--pbkdf-memory", "64", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1"];

/// Where in /proc a process says how it was started.
const TOLD: [&str; 2] = ["cmdline", "environ"];

/// Runs a command with this standard input; with it, everything that it and what it started said in /proc about
/// themselves.
fn run_with_input(mut command: Command, input: &[u8]) -> Result<(Ended, Vec<u8>)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut stdin, own) = (child.stdin.take().context("stdin")?, child.id());
    let mut told = said_by(own);
    // A program that refuses its input need not read all of it.
    let _ = stdin.write_all(input);
    drop(stdin);
    let (mut out, mut err) = (child.stdout.take().context("stdout")?, child.stderr.take().context("stderr")?);
    let said = std::thread::spawn(move || -> Result<[String; 2]> {
        let [mut stdout, mut stderr] = [String::new(), String::new()];
        out.read_to_string(&mut stdout)?;
        err.read_to_string(&mut stderr)?;
        Ok([stdout, stderr])
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        told.extend(said_by(own));
    };
    let [stdout, stderr] = said.join().map_err(|_| anyhow::anyhow!("the reader of the output"))??;
    let told = told.into_iter().collect::<Vec<_>>().concat();
    Ok((Ended { status: status.code().unwrap_or(-1), stdout, stderr }, told))
}

/// What a process and all below it say of themselves now.
fn said_by(root: u32) -> BTreeSet<Vec<u8>> {
    let mut said = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(process) = waiting.pop() {
        let folder = PathBuf::from(format!("/proc/{process}"));
        said.extend(TOLD.iter().filter_map(|name| fs::read(folder.join(name)).ok()));
        for thread in fs::read_dir(folder.join("task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    said
}

fn found_in(bytes: &[u8], secret: &str) -> bool {
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [secret.as_bytes(), &utf16].iter().any(|form| bytes.windows(form.len()).any(|part| part == *form))
}

/// The secret is in no file of the session, in nothing it printed, and in nothing its processes were started with.
fn check_no_trace(scratch: &Scratch, ended: &Ended, told: &[u8], secret: &str) -> Result<()> {
    let mut files = 0;
    for root in [scratch.state(), scratch.release(), scratch.path("report.json")] {
        for entry in WalkDir::new(root).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file()) {
            files += 1;
            ensure!(!found_in(&fs::read(entry.path())?, secret), "the key is in {}", entry.path().display());
        }
    }
    let chain = scratch.schleuse(&["audit", "show", "--json"])?;
    for (name, bytes) in [("output", &ended.stdout), ("log", &ended.stderr), ("audit chain", &chain.stdout)] {
        ensure!(!found_in(bytes.as_bytes(), secret), "the key is in the {name}");
    }
    ensure!(!found_in(told, secret), "the key is in /proc");
    // The search looked at something.
    ensure!(files > 5 && !chain.stdout.is_empty() && found_in(told, "--unlock-stdin"), "{files} files, {ended:?}");
    Ok(())
}

/// A session with these keys, verbose; the image must be as it was.
fn session(scratch: &Scratch, image: &Path, clamd: &Clamd, keys: &str) -> Result<(Ended, SessionReport)> {
    let before = sha256_of(image)?;
    let mut command = scratch.process(image, &clamd.address())?;
    command.args(["--unlock-stdin", "--verbose"]).env("RUST_LOG", "trace");
    let (ended, told) = run_with_input(command, keys.as_bytes())?;
    ensure!(sha256_of(image)? == before, "the image was written");
    ensure!(ended.status == 0 || ended.status == WITHHELD, "{ended:?}");
    for key in keys.lines() {
        check_no_trace(scratch, &ended, &told, key)?;
    }
    Ok((ended, scratch.report()?))
}

fn check_open(scratch: &Scratch, (ended, report): &(Ended, SessionReport), file_system: &str) -> Result<()> {
    ensure!(ended.status == 0, "{ended:?}");
    let systems: Vec<&str> = report.medium.volumes.iter().map(|volume| volume.file_system.as_str()).collect();
    ensure!(systems == [file_system], "{systems:?}");
    ensure!(digests(report).len() == 1, "{report:?}");
    check_release(scratch, report)
}

/// The one line of a volume that stayed closed.
fn closed(scratch: &Scratch, report: &SessionReport) -> Result<ItemLine> {
    ensure!(report.totals.reconcile() && report.totals.withheld == 1 && report.totals.found == 1, "{:?}", report.totals);
    check_audit(scratch)?;
    let line = report.items.first().context("line")?.clone();
    ensure!(line.disposition == Outcome::Withheld && line.outputs.is_empty() && line.size_bytes > 0, "{line:?}");
    Ok(line)
}

#[test]
fn luks2_without_a_key_is_withheld_and_says_what_to_do() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = luks2(&scratch, &CHEAP)?;
    let before = sha256_of(&image)?;
    let ended = run(&mut scratch.process(&image, &clamd.address())?)?;
    assert_eq!(ended.status, WITHHELD, "{ended:?}");
    let line = closed(&scratch, &scratch.report()?)?;
    assert_eq!(line.reason, Reason::EncryptedVolume);
    assert!(line.reason_text.en.contains("password or recovery key"), "{line:?}");
    assert_eq!(sha256_of(&image)?, before);
    Ok(())
}

#[test]
fn luks2_with_its_key_is_released_and_the_key_leaves_no_trace() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = luks2(&scratch, &CHEAP)?;
    let done = session(&scratch, &image, &clamd, &format!("ein-anderes-Kennwort\n{PASSWORD}\n"))?;
    check_open(&scratch, &done, "fat12 in luks2")
}

/// What cryptsetup takes by itself: one GiB in four lanes.
#[test]
fn a_derivation_of_real_size_fits_into_the_worker() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = luks2(&scratch, &CHEAP)?;
    let key = scratch.path("key");
    fs::write(&key, PASSWORD)?;
    let large = ["--pbkdf", "argon2id", "--pbkdf-memory", "1048576", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "4"];
    let names = ["--key-file", key.to_str().context("path")?, image.to_str().context("path")?];
    tool("cryptsetup", &[&["luksConvertKey", "--batch-mode", "--disable-locks"], &large[..], &names].concat())?;
    fs::remove_file(key)?;
    let done = session(&scratch, &image, &clamd, &format!("{PASSWORD}\n"))?;
    check_open(&scratch, &done, "fat12 in luks2")
}

#[test]
fn a_key_that_does_not_fit_is_said_and_leaves_no_trace() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = luks2(&scratch, &CHEAP)?;
    let (ended, report) = session(&scratch, &image, &clamd, "nicht-das-Kennwort\n")?;
    assert_eq!(ended.status, WITHHELD, "{ended:?}");
    let line = closed(&scratch, &report)?;
    assert_eq!(line.reason, Reason::KeyDoesNotFit);
    assert!(line.reason_text.de.contains("passt nicht"), "{line:?}");
    Ok(())
}

#[test]
fn a_derivation_past_the_policy_is_withheld_with_its_number() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image =
        luks2(&scratch, &["--pbkdf", "argon2id", "--pbkdf-memory", "8192", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1"])?;
    let mut command = scratch.process_under(&image, &clamd.address(), "[unlock]\nmax_kdf_memory_mib = 7\n")?;
    command.arg("--unlock-stdin");
    let (ended, _) = run_with_input(command, PASSWORD.as_bytes())?;
    assert_eq!(ended.status, WITHHELD, "{ended:?}");
    let line = closed(&scratch, &scratch.report()?)?;
    assert_eq!(line.reason, Reason::UnlockLimit);
    let limit = line.findings.iter().find(|finding| finding.code == FindingCode::LimitHit).context("finding")?;
    assert_eq!(limit.detail, "unlock.max_kdf_memory_mib = 7; the volume asks for 8");
    Ok(())
}

#[test]
fn bitlocker_with_its_recovery_password_is_released() -> Result<()> {
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = fat(&scratch, 8 << 20)?;
    fs::write(&image, bitlocker(&fs::read(&image)?, &BitLocker::DEFAULT))?;
    let done = session(&scratch, &image, &clamd, &format!("{}\n", BitLocker::DEFAULT.recovery_password()))?;
    check_open(&scratch, &done, "fat12 in bitlocker")
}

#[test]
fn standard_input_without_a_key_or_with_too_much_is_an_error_of_usage() -> Result<()> {
    let scratch = Scratch::new()?;
    let medium = scratch.one_text_file("medium")?;
    let long = "x".repeat(513);
    let inputs: [(&[u8], &str); 5] = [
        (b"", "no line"),
        (b"\nfoo\n", "no line"),
        (long.as_bytes(), "more than 512 bytes"),
        (b"\xFF\xFE\n", "not UTF-8"),
        (&b"geheim\n".repeat(17), "more than 16 lines"),
    ];
    for (input, said) in inputs {
        let mut command = scratch.process(&medium, "unix:/nowhere/clamd.sock")?;
        command.arg("--unlock-stdin");
        let (ended, _) = run_with_input(command, input)?;
        assert_eq!(ended.status, USAGE, "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(!ended.stderr.contains("geheim") && !ended.stderr.contains("xxx"), "{ended:?}");
    }
    assert!(!scratch.state().exists());
    Ok(())
}
