//! Writes the seeds of targets: `fuzz-seeds DIR [TARGET...]` makes a folder for each below `DIR` and prints, line by line,
//! the name of the target and its longest input in bytes. `cargo xtask fuzz` calls it.

use anyhow::{Context as _, bail};
use fuzz_targets::TARGETS;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().context("usage: fuzz-seeds DIR [TARGET...]")?);
    let wanted: Vec<String> = arguments.collect();
    if let Some(unknown) = wanted.iter().find(|name| TARGETS.iter().all(|target| target.name != **name)) {
        bail!("no target is called {unknown}");
    }
    for target in TARGETS.iter().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target.name)) {
        let folder = dir.join(target.name);
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        for (index, seed) in (target.seeds)().with_context(|| format!("seeds of {}", target.name))?.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{index:03}")), seed.get(..target.max_bytes.min(seed.len())).unwrap_or_default())?;
        }
        println!("{} {}", target.name, target.max_bytes);
    }
    Ok(())
}
