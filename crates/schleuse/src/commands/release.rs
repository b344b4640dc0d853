//! `schleuse release`: what waits in the outbox.

use super::{WAITING, print_json};
use crate::cli::Release;
use crate::settings;
use anyhow::Context as _;
use audit::{OsEntropy, SystemClock};
use pipeline::Station;
use serde_json::json;
use std::sync::Arc;

pub fn run(what: &Release) -> anyhow::Result<u8> {
    match what {
        Release::List { state } => {
            let waiting = Station::waiting(&settings::state_dir(state.state.as_deref())?)?;
            if state.json {
                let lines: Vec<_> = waiting.iter().map(|w| json!({ "session": w.session, "target": w.release_to.shown() })).collect();
                print_json(&lines)?;
                return Ok(0);
            }
            for release in &waiting {
                println!("{}  {}", release.session, release.release_to.shown());
            }
            println!("{} releases wait", waiting.len());
            Ok(0)
        }
        Release::Deliver { clamd, policy, state } => {
            let settings = settings::load(policy.policy.as_deref())?;
            let dir = settings::state_dir(state.state.as_deref())?;
            let worker = settings::worker_program()?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
            let still = runtime.block_on(async {
                let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy::new()));
                let station = Station::open_beside(&dir, worker, settings, clamd.clone(), clock, entropy).await?;
                station.deliver_waiting().await
            })?;
            if state.json {
                let lines: Vec<_> =
                    still.iter().map(|(w, why)| json!({ "session": w.session, "target": w.release_to.shown(), "why": why })).collect();
                print_json(&lines)?;
            } else {
                for (release, why) in &still {
                    println!("{}  {}: {why}", release.session, release.release_to.shown());
                }
                println!("{} releases wait", still.len());
            }
            Ok(if still.is_empty() { 0 } else { WAITING })
        }
    }
}
