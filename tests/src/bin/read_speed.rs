//! Reads a medium into a spool and throws it away: `read_speed IMAGE SPOOL` prints entries, bytes, and the milliseconds until
//! the inventory and until the end. For `cargo xtask bench`.

use anyhow::{Context as _, Result};
use std::path::Path;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [image, spool] = &words[..] else { anyhow::bail!("read_speed IMAGE SPOOL") };
    let worker = e2e::program("schleuse-worker")?;
    let policy = e2e::settings("")?.policy;
    let met = pipeline::read_alone(&worker, &policy, Path::new(image), Path::new(spool)).context("reading")?;
    println!("{} {} {} {}", met.entries, met.bytes, met.inventory.as_millis(), met.whole.as_millis());
    Ok(())
}
