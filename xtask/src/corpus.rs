//! The line over a folder of documents nobody here wrote: what came of each format.

use crate::clamd::Clamd;
use crate::run::{build, command, output};
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Debug, Default)]
struct Row {
    files: u32,
    released: u32,
    reasons: BTreeMap<String, u32>,
    seconds: Vec<f64>,
    bytes_in: u64,
    bytes_out: u64,
}

/// Runs one session over `dir` and prints a table by the folder's own sub-folders.
pub fn corpus(root: &Path, dir: &Path) -> anyhow::Result<()> {
    let programs = build(root, true)?;
    let dir = dir.canonicalize().with_context(|| format!("{} cannot be read", dir.display()))?;
    let out = crate::run::built(root, "corpus");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let clamd = Clamd::any(&out.join("clamd"))?;
    let report = out.join("report.json");
    let begun = std::time::Instant::now();
    let run = output(
        command(programs.join("schleuse"))
            .args(["process", "--verbose"])
            .arg(&dir)
            .arg("--release-to")
            .arg(out.join("release"))
            .arg("--state")
            .arg(out.join("state"))
            .arg("--report")
            .arg(&report)
            .args(["--clamd", &clamd.address()]),
    )?;
    let seconds = begun.elapsed().as_secs_f64();
    let log = String::from_utf8_lossy(&run.stderr).into_owned();
    fs::write(out.join("log.txt"), &log)?;
    if !matches!(run.status.code(), Some(0 | 10)) {
        bail!("the session ended with {}; see {}", run.status, out.join("log.txt").display());
    }
    let report: Value = serde_json::from_slice(&fs::read(&report)?)?;
    let rows = rows(&report, &durations(&log), &out.join("release"))?;
    print(&rows);
    println!("\ntotals {}  in {seconds:.0} s", report.get("totals").context("totals")?);
    println!("everything lies in {}", out.display());
    Ok(())
}

/// Duration of each item of the medium by its position in the inventory, from the log lines `item ended`.
fn durations(log: &str) -> BTreeMap<usize, f64> {
    let lines = log.lines().filter(|line| line.contains("item ended"));
    let of = |line: &str, key: &str| -> Option<String> {
        let rest = line.split_once(&format!("{key}="))?.1;
        Some(rest.split(' ').next()?.to_owned())
    };
    lines
        .filter_map(|line| {
            let item = of(line, "item")?.trim_matches(['[', ']']).parse().ok()?;
            Some((item, of(line, "duration_ms")?.parse::<f64>().ok()? / 1000.0))
        })
        .collect()
}

fn rows(report: &Value, durations: &BTreeMap<usize, f64>, release: &Path) -> anyhow::Result<BTreeMap<String, Row>> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let folder = release.join(text(report, "session"));
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let items = report.get("items").and_then(Value::as_array).context("items")?;
    // Lines of the report come in the order of the inventory, members right behind their archive.
    let of_the_medium = items.iter().filter(|item| !text(item, "path").contains("!/"));
    for (position, item) in of_the_medium.enumerate() {
        if text(item, "disposition") == "structural" {
            continue;
        }
        let path = text(item, "path");
        let row = rows.entry(path.split('/').next().unwrap_or_default().to_owned()).or_default();
        row.files += 1;
        row.bytes_in += item.get("size_bytes").and_then(Value::as_u64).unwrap_or(0);
        if text(item, "disposition") == "released" {
            row.released += 1;
            for output in item.get("outputs").and_then(Value::as_array).into_iter().flatten() {
                row.bytes_out += fs::metadata(folder.join(text(output, "path"))).map_or(0, |m| m.len());
            }
        } else {
            *row.reasons.entry(text(item, "reason")).or_default() += 1;
        }
        row.seconds.extend(durations.get(&position));
    }
    Ok(rows)
}

fn print(rows: &BTreeMap<String, Row>) {
    println!("{:8} {:>5} {:>8} {:>7} {:>7} {:>9} {:>9}  withheld", "folder", "files", "released", "p50 s", "p95 s", "kB in", "kB out");
    for (name, row) in rows {
        let mut seconds = row.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        let at = |share: f64| seconds.get(((seconds.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(0.0);
        let reasons: Vec<String> = row.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        println!(
            "{name:8} {:>5} {:>8} {:>7.2} {:>7.2} {:>9} {:>9}  {}",
            row.files,
            row.released,
            at(0.5),
            at(0.95),
            row.bytes_in / 1000,
            row.bytes_out / 1000,
            reasons.join(", ")
        );
    }
}
