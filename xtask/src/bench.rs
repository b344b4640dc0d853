//! The ratios of the design, each measured against its floor in the same run, on a release build.

use crate::clamd::Clamd;
use crate::run::{build, cargo, command, output};
use anyhow::{Context as _, ensure};
use sandbox::{Exit, Limits, ResourceControl, Role};
use std::fs;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Small files in the pass-through tree.
const SMALL_FILES: u32 = 2_000;
/// Starts of a worker; the median counts.
const STARTS: usize = 101;
/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 3;
/// The medium that is read: its size in MiB, and its files.
const MEDIUM_MIB: u64 = 2_000;
const MEDIUM_FILES: u32 = 10_000;
/// The image that is wiped, in MiB.
const WIPE_MIB: u64 = 1_024;
const OFFICE: &[&str] = &["docx", "docm", "xlsx", "xlsm", "pptx", "odt", "ods", "odp", "rtf", "doc", "xls", "ppt"];

struct Bench {
    schleuse: PathBuf,
    programs: PathBuf,
    clamd: Clamd,
    scratch: tempfile::TempDir,
}

/// Measures and prints a table.
pub fn bench(root: &Path, documents: Option<&Path>) -> anyhow::Result<()> {
    let programs = build(root, true)?;
    cargo(&["build", "--release", "--package", "render", "--example", "bare_render"])?;
    cargo(&["build", "--release", "--package", "e2e", "--bin", "read_speed"])?;
    let scratch = tempfile::tempdir()?;
    let clamd = Clamd::private(&scratch.path().join("clamd"))?;
    let bench = Bench { schleuse: programs.join("schleuse"), programs, clamd, scratch };
    let sample_documents = bench.scratch.path().join("documents");
    let documents = match documents {
        Some(dir) => dir.to_path_buf(),
        None => {
            fs::create_dir_all(&sample_documents)?;
            testkit::write_tree(&sample_documents, &testkit::sample_medium()?)?;
            sample_documents
        }
    };
    println!("{:34} {:>10} {:>10} {:>7}  goal", "", "lock", "floor", "ratio");
    bench.confinement()?;
    bench.wipe()?;
    bench.reading()?;
    bench.pass_through()?;
    bench.pdf(&documents)?;
    bench.office(&documents)
}

impl Bench {
    /// Seconds and peak memory (KiB) of a session over `dir`.
    fn session(&self, dir: &Path, name: &str) -> anyhow::Result<(f64, u64)> {
        let state = self.scratch.path().join(format!("state-{name}"));
        let release = self.scratch.path().join(format!("release-{name}"));
        let begun = Instant::now();
        let run = output(
            command(&self.schleuse)
                .args(["process", "--verbose", "--clamd", &self.clamd.address()])
                .arg(dir)
                .arg("--release-to")
                .arg(&release)
                .arg("--state")
                .arg(&state),
        )?;
        let seconds = begun.elapsed().as_secs_f64();
        let log = String::from_utf8_lossy(&run.stderr).into_owned();
        ensure!(matches!(run.status.code(), Some(0 | 10)), "a session ended with {}: {log}", run.status);
        let peak = log.split_once("peak_kib=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        fs::remove_dir_all(&release)?;
        fs::remove_dir_all(&state)?;
        Ok((seconds, peak.unwrap_or(0)))
    }

    /// A confined worker without a job, next to the plain start of the same program; alternating, so that both see the same
    /// machine.
    fn confinement(&self) -> anyhow::Result<()> {
        let worker = self.programs.join("schleuse-worker");
        let limits = Limits { cpu_seconds: 10, memory_bytes: 1 << 30, file_bytes: 0, processes: 1 };
        let (mut confined, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let begun = Instant::now();
            // Without a role it ends before it confines itself.
            let _refused = output(&mut command(&worker))?;
            plain.push(begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            let mut started = sandbox::spawn(&worker, Role::Verify, &limits, None)?;
            started.job().context("the job socket")?.shutdown(Shutdown::Write)?;
            ensure!(started.wait()? == Exit::Code(0), "an empty job did not end well");
            confined.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let (ours, floor) = (median(confined), median(plain));
        row("empty confined job, ms (fork+exec)", ours, floor, ours / floor, "<= 15 ms");
        println!("{:34} {}", "  resources accounted by", ResourceControl::in_force());
        Ok(())
    }

    /// A pass of `wipe` next to `dd` from /dev/zero with the same block size to the same file, both to the point where it is
    /// on the disk.
    fn wipe(&self) -> anyhow::Result<()> {
        let image = self.scratch.path().join("wipe.img");
        let dd = || -> anyhow::Result<f64> {
            let begun = Instant::now();
            let ran = output(
                command("dd")
                    .args(["if=/dev/zero", "bs=1M", "conv=notrunc,fdatasync", "status=none"])
                    .arg(format!("count={WIPE_MIB}"))
                    .arg(format!("of={}", image.display())),
            )?;
            ensure!(ran.status.success(), "dd: {}", String::from_utf8_lossy(&ran.stderr));
            Ok(begun.elapsed().as_secs_f64())
        };
        // The file has its blocks before anything is measured.
        dd()?;
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let state = self.scratch.path().join(format!("state-wipe-{round}"));
            floor.push(dd()?);
            let ran =
                output(command(&self.schleuse).args(["wipe", "--yes-erase", "wipe.img", "--json"]).arg(&image).arg("--state").arg(&state))?;
            ensure!(ran.status.success(), "wipe: {}", String::from_utf8_lossy(&ran.stderr));
            let certificate: serde_json::Value = serde_json::from_slice(&ran.stdout).context("a certificate")?;
            let passes = certificate.pointer("/done/passes").and_then(|p| p.as_array()).context("passes")?;
            ours.extend(passes.iter().filter_map(|pass| Some(pass.get("milliseconds")?.as_f64()? / 1e3)));
            fs::remove_dir_all(&state)?;
        }
        fs::remove_file(&image)?;
        let rate = |seconds| WIPE_MIB as f64 / median(seconds);
        let (ours, floor) = (rate(ours), rate(floor));
        row("wipe, a pass, MiB/s (dd fdatasync)", ours, floor, ours / floor, ">= 0.9");
        Ok(())
    }

    /// A FAT32 image of 2 GB with 10,000 files into the spool, hashed, next to `cp -r` from a mount of the same image.
    fn reading(&self) -> anyhow::Result<()> {
        let (tree, image) = (self.scratch.path().join("stick"), self.scratch.path().join("stick.img"));
        let bytes = MEDIUM_MIB * 1024 * 1024 * 9 / 10 / u64::from(MEDIUM_FILES);
        for n in 0..MEDIUM_FILES {
            let dir = tree.join(format!("ORDNER{:02}", n % 100));
            fs::create_dir_all(&dir)?;
            // Names of eight letters: what every driver of FAT can read.
            fs::write(dir.join(format!("DATEI{:03}.BIN", n / 100)), testkit::bits::Noise::new(n.into()).bytes(bytes as usize))?;
        }
        fs::File::create(&image)?.set_len(MEDIUM_MIB * 1024 * 1024)?;
        let done = output(command("mkfs.vfat").args(["-F", "32"]).arg(&image))?;
        ensure!(done.status.success(), "mkfs.vfat: {}", String::from_utf8_lossy(&done.stderr));
        let folders: Vec<PathBuf> = fs::read_dir(&tree)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        let done = output(command("mcopy").args(["-s", "-Q", "-i"]).arg(&image).args(&folders).arg("::"))?;
        ensure!(done.status.success(), "mcopy: {}", String::from_utf8_lossy(&done.stderr));
        fs::remove_dir_all(&tree)?;
        let Some(mount) = Mount::of(&image, &tree)? else {
            println!("{:34} skipped: neither the kernel nor fusefat mounts FAT here", "  reading a medium");
            return Ok(());
        };
        let (copy, spool) = (self.scratch.path().join("copy"), self.scratch.path().join("spool"));
        let (mut ours, mut floor, mut inventory) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let done = output(command("cp").arg("-r").arg(&tree).arg(&copy))?;
            ensure!(done.status.success(), "cp: {}", String::from_utf8_lossy(&done.stderr));
            floor.push(begun.elapsed().as_secs_f64());
            fs::remove_dir_all(&copy)?;
            let ran = output(command(self.programs.join("read_speed")).arg(&image).arg(&spool))?;
            ensure!(ran.status.success(), "read_speed: {}", String::from_utf8_lossy(&ran.stderr));
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            let numbers: Vec<u64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
            let [entries, read, first, whole] = numbers[..] else { anyhow::bail!("read_speed said {said}") };
            ensure!(entries == u64::from(MEDIUM_FILES) + 100 && read == bytes * u64::from(MEDIUM_FILES), "not the whole medium: {said}");
            inventory.push(first as f64 / 1e3);
            ours.push(whole as f64 / 1e3);
        }
        let kind = mount.kind;
        drop(mount);
        fs::remove_file(&image)?;
        let rate = |seconds| (bytes * u64::from(MEDIUM_FILES)) as f64 / 1e6 / median(seconds);
        let (ours, floor) = (rate(ours), rate(floor));
        row(&format!("FAT32 into the spool, MB/s ({kind}, cp -r)"), ours, floor, ours / floor, ">= 0.5");
        println!("{:34} {:>10.2} s with {MEDIUM_FILES} files; goal 2 s", "  first figures after", median(inventory));
        Ok(())
    }

    fn pass_through(&self) -> anyhow::Result<()> {
        let tree = self.scratch.path().join("small");
        for n in 0..SMALL_FILES {
            let dir = tree.join(format!("ordner-{:02}", n % 40));
            fs::create_dir_all(&dir)?;
            fs::write(dir.join(format!("datei-{n}.txt")), format!("Messwert {n}: {}\n", n * 7919).repeat(20))?;
        }
        let config = self.clamd.config().context("a private clamd has a configuration")?;
        let (mut ours, mut floor, mut peak) = (Vec::new(), Vec::new(), 0);
        for round in 0..ROUNDS {
            let begun = Instant::now();
            let scan = output(
                command("clamdscan").args(["--multiscan", "--fdpass", "--no-summary", "--quiet", "--config-file"]).arg(config).arg(&tree),
            )?;
            ensure!(scan.status.success(), "clamdscan: {}", String::from_utf8_lossy(&scan.stderr));
            floor.push(begun.elapsed().as_secs_f64());
            let (seconds, kib) = self.session(&tree, &format!("small-{round}"))?;
            ours.push(seconds);
            peak = peak.max(kib);
        }
        let (ours, floor) = (median(ours), median(floor));
        row(&format!("{SMALL_FILES} small files, s (clamdscan)"), ours, floor, ours / floor, "<= 1.25");
        println!("{:34} {:>10}", "  peak memory of the supervisor, MiB", peak / 1024);
        Ok(())
    }

    fn pdf(&self, documents: &Path) -> anyhow::Result<()> {
        let tree = self.scratch.path().join("pdf");
        let copied = copy_matching(documents, &tree, &["pdf"])?;
        let (mut ours, mut floor, mut pages) = (Vec::new(), Vec::new(), 0u64);
        for round in 0..ROUNDS {
            let begun = Instant::now();
            let bare = output(command(self.programs.join("examples/bare_render")).args(&copied))?;
            floor.push(begun.elapsed().as_secs_f64());
            pages = String::from_utf8_lossy(&bare.stdout).trim().parse().context("bare_render prints pages")?;
            ours.push(self.session(&tree, &format!("pdf-{round}"))?.0);
        }
        let (ours, floor) = (pages as f64 / median(ours), pages as f64 / median(floor));
        let cores = std::thread::available_parallelism()?.get();
        row(&format!("{pages} PDF pages, pages/s (hayro)"), ours, floor, ours / floor, &format!(">= {:.1}", 0.9 * cores as f64));
        Ok(())
    }

    fn office(&self, documents: &Path) -> anyhow::Result<()> {
        let tree = self.scratch.path().join("office");
        let mut copied = copy_matching(documents, &tree, OFFICE)?;
        // BOUND: the floor takes two seconds a document; two dozen are enough for a ratio.
        for extra in copied.split_off(copied.len().min(24)) {
            fs::remove_file(extra)?;
        }
        let begun = Instant::now();
        for (n, document) in copied.iter().enumerate() {
            let profile = self.scratch.path().join(format!("profile-{n}"));
            // What a naive converter does: the wrapper, an empty profile, one process a file.
            output(
                command("soffice")
                    .arg(format!("-env:UserInstallation=file://{}", profile.display()))
                    .args(["--headless", "--convert-to", "pdf", "--outdir"])
                    .arg(self.scratch.path().join("soffice-out"))
                    .arg(document),
            )?;
        }
        let floor = copied.len() as f64 / begun.elapsed().as_secs_f64();
        let mut seconds = Vec::new();
        for round in 0..ROUNDS {
            seconds.push(self.session(&tree, &format!("office-{round}"))?.0);
        }
        let ours = copied.len() as f64 / median(seconds);
        row(&format!("{} office documents, docs/s (soffice)", copied.len()), ours, floor, ours / floor, ">= 3");
        Ok(())
    }
}

/// A mounted image; unmounted when dropped.
struct Mount {
    at: PathBuf,
    kind: &'static str,
}

impl Mount {
    /// By the kernel's driver, or by the one in user space where the kernel has none; `None` where neither works.
    fn of(image: &Path, at: &Path) -> anyhow::Result<Option<Self>> {
        fs::create_dir_all(at)?;
        let mut kernel = command("mount");
        kernel.args(["-t", "vfat", "-o", "loop,ro"]).arg(image).arg(at);
        let mut user = command("fusefat");
        user.args(["-o", "ro"]).arg(image).arg(at);
        for (kind, mut driver) in [("kernel", kernel), ("fusefat", user)] {
            if output(&mut driver).is_ok_and(|done| done.status.success()) {
                return Ok(Some(Self { at: at.into(), kind }));
            }
        }
        Ok(None)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = output(command("umount").arg(&self.at));
    }
}

fn copy_matching(from: &Path, to: &Path, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    fs::create_dir_all(to)?;
    let mut waiting = vec![from.to_path_buf()];
    let mut copied = Vec::new();
    while let Some(dir) = waiting.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(dir)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        entries.sort();
        for path in entries {
            if path.is_dir() {
                waiting.push(path);
            } else if path.is_file() && path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
                let target = to.join(format!("{:03}-{}", copied.len(), path.file_name().unwrap_or_default().to_string_lossy()));
                fs::copy(&path, &target)?;
                copied.push(target);
            }
        }
    }
    Ok(copied)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn row(name: &str, ours: f64, floor: f64, ratio: f64, goal: &str) {
    println!("{name:34} {ours:>10.2} {floor:>10.2} {ratio:>7.2}  {goal}");
}
