//! Fuzzing with libFuzzer on the stable tool chain: builds the programs of `fuzz/libfuzzer` with coverage counters, writes
//! the seeds, runs every target for a while, and says what came of it.

use crate::run::{command, output, run};
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// What instruments every crate but build scripts and macros (which `--target` keeps apart). `cargo fuzz` sets the same, with a
/// sanitizer on top that needs another tool chain; what is fuzzed here is safe Rust.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg",
    "fuzzing",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
/// Longest time one input may take, seconds.
// BOUND: far above what any input costs an idle machine; a worker of the product would have 300 s of processor.
const TIMEOUT_SECONDS: u32 = 25;
/// Most memory a target may take.
// BOUND: what the policy gives a worker.
const MEMORY_MIB: u32 = 2048;

/// A target and its longest input, bytes.
struct Target {
    name: String,
    max_bytes: String,
}

/// Runs targets (all, when none is named), `parallel` at a time, `seconds` each.
pub fn fuzz(root: &Path, seconds: u32, parallel: usize, wanted: &[String]) -> anyhow::Result<()> {
    let home = root.join("fuzz");
    let targets = seeded(&home.join("corpus"), wanted)?;
    let programs = built(&home, &targets)?;
    let mut waiting = targets.iter();
    let mut running: Vec<(&Target, Child)> = Vec::new();
    let mut failed = Vec::new();
    println!("── {} targets, {seconds} s each, {parallel} at a time; logs in fuzz/logs", targets.len());
    println!("{:16} {:>12} {:>8} {:>9} {:>7}  findings", "target", "executions", "per s", "coverage", "corpus");
    loop {
        while running.len() < parallel.max(1)
            && let Some(target) = waiting.next()
        {
            running.push((target, started(&home, &programs, target, seconds)?));
        }
        if running.is_empty() {
            break;
        }
        // Started together, they end together: the first is waited for, and whoever else is done is taken up behind it.
        let (target, mut child) = running.remove(0);
        let status = child.wait().with_context(|| format!("waiting for {}", target.name))?;
        let findings = artifacts(&home, target)?;
        println!("{}", line(&home, target, &findings)?);
        if !status.success() || !findings.is_empty() {
            failed.push(target.name.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("findings in {}; the inputs lie in fuzz/artifacts, see fuzz/README.md for what to do with one", failed.join(", "))
}

/// Writes the seeds and asks which targets there are.
fn seeded(corpus: &Path, wanted: &[String]) -> anyhow::Result<Vec<Target>> {
    println!("── seeds");
    let mut seeds = command("cargo");
    seeds.args(["run", "--quiet", "--package", "fuzz-targets", "--bin", "fuzz-seeds", "--"]).arg(corpus).args(wanted);
    let told = output(seeds.stderr(Stdio::inherit()))?;
    if !told.status.success() {
        bail!("the seeds could not be written");
    }
    let told = String::from_utf8(told.stdout)?;
    let targets = told.lines().filter_map(|line| line.split_once(' '));
    Ok(targets.map(|(name, max_bytes)| Target { name: name.into(), max_bytes: max_bytes.into() }).collect())
}

/// Builds the programs of the targets, with the counters, and gives the folder they lie in.
fn built(home: &Path, targets: &[Target]) -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| home.join("libfuzzer/target"), |dir| PathBuf::from(dir).join("fuzz"));
    let mut cargo = command("cargo");
    cargo.args(["build", "--target", PLATFORM, "--manifest-path"]).arg(home.join("libfuzzer/Cargo.toml")).arg("--target-dir").arg(&folder);
    for target in targets {
        cargo.args(["--bin", &target.name]);
    }
    run("cargo build (instrumented)", cargo.env("RUSTFLAGS", FLAGS.join(" ")))?;
    Ok(folder.join(PLATFORM).join("debug"))
}

fn started(home: &Path, programs: &Path, target: &Target, seconds: u32) -> anyhow::Result<Child> {
    let [corpus, artifacts, logs] = ["corpus", "artifacts", "logs"].map(|folder| home.join(folder));
    let (corpus, artifacts) = (corpus.join(&target.name), artifacts.join(&target.name));
    for folder in [&corpus, &artifacts, &logs] {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let log = std::fs::File::create(logs.join(format!("{}.log", target.name)))?;
    let mut program = command(programs.join(&target.name));
    program
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .arg(format!("-max_len={}", target.max_bytes))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1");
    // `verify_pdf` and `active_pdf` speak the words of `pdf`.
    let language = target.name.rsplit('_').next().unwrap_or_default();
    let dictionary = home.join("dictionaries").join(format!("{language}.dict"));
    if dictionary.is_file() {
        program.arg(format!("-dict={}", dictionary.display()));
    }
    program.arg(corpus).stdout(Stdio::null()).stderr(log);
    program.spawn().with_context(|| format!("starting {}", target.name))
}

fn artifacts(home: &Path, target: &Target) -> anyhow::Result<Vec<String>> {
    let folder = home.join("artifacts").join(&target.name);
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let names = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    // What merely took long is told, and no finding.
    Ok(names.filter(|name| !name.starts_with("slow-unit-")).collect())
}

/// One line of the table, from the log of a run.
fn line(home: &Path, target: &Target, findings: &[String]) -> anyhow::Result<String> {
    let log = std::fs::read(home.join("logs").join(format!("{}.log", target.name)))?;
    let log = String::from_utf8_lossy(&log);
    let stat = |name: &str| log.lines().rev().find_map(|line| line.strip_prefix(name)).map_or("?", str::trim).to_owned();
    let progress = log.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or_default();
    let word = |name: &str| progress.split_once(name).and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or("?").to_owned();
    let executions = stat("stat::number_of_executed_units:");
    let per_second = stat("stat::average_exec_per_sec:");
    let corpus = word(" corp: ");
    let corpus = corpus.split('/').next().unwrap_or("?");
    let findings = if findings.is_empty() { "none".to_owned() } else { findings.join(" ") };
    Ok(format!("{:16} {executions:>12} {per_second:>8} {:>9} {corpus:>7}  {findings}", target.name, word(" cov: ")))
}
