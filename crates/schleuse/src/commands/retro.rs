//! `schleuse retro-hunt`: which past releases a list of digests names.

use super::print_json;
use crate::cli::retro::RetroHunt;
use crate::settings::{self, ConfigurationError};
use anyhow::Context as _;
use audit::{OsEntropy, SystemClock, events};
use model::Digest;
use pipeline::{RetroHits, Station};
use scan::ClamdAddress;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Exit status when something was named.
const NAMED: u8 = 1;

pub fn run(hunt: &RetroHunt) -> anyhow::Result<u8> {
    let settings = settings::load(hunt.policy.policy.as_deref())?;
    let state = settings::state_dir(hunt.state.state.as_deref())?;
    let digests = match &hunt.digests {
        Some(file) => digests_in(file)?,
        None => settings.policy.scan.blocked_sha256.iter().filter_map(|hex| Digest::from_hex(hex)).collect(),
    };
    let worker = settings::worker_program()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let found = runtime.block_on(async {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
        // Opened before the chain is read: what a crash left out of it is then in it. No engine is asked.
        let station = Station::open_beside(&state, worker, settings, ClamdAddress::Auto, clock, entropy).await?;
        let found = pipeline::retro_hits(&state, &digests)?;
        for hit in &found.hits {
            // With the session's key: erasing the session erases this too.
            station.recorder().note(Some(&hit.session), events::RETRO_HIT, json!(hit));
        }
        station.recorder().flush().await?;
        Ok::<_, anyhow::Error>(found)
    })?;
    if hunt.state.json {
        print_json(&found)?;
    } else {
        print(&found, digests.len());
    }
    Ok(if found.hits.is_empty() { 0 } else { NAMED })
}

fn digests_in(file: &Path) -> anyhow::Result<Vec<Digest>> {
    let wrong = |what: String| ConfigurationError(format!("the list {}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let words = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, line.split_whitespace().next()?)));
    let digests = words.filter(|(_, word)| !word.starts_with('#')).map(|(line, word)| {
        Digest::from_hex(word).ok_or_else(|| wrong(format!("line {line} does not begin with 64 hexadecimal digits")).into())
    });
    digests.collect()
}

fn print(found: &RetroHits, digests: usize) {
    for hit in &found.hits {
        println!("{}  {}  {}  {}", hit.time, hit.session, hit.sha256.hex(), hit.path);
        hit.outputs.iter().for_each(|output| println!("    came out as {output}"));
    }
    println!("{} of {} released items are named by {digests} digests", found.hits.len(), found.items);
    if found.sealed > 0 {
        println!("{} of them cannot be asked: their sessions were erased, or their keys are not here", found.sealed);
    }
}
