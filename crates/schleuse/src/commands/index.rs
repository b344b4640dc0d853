//! `schleuse state` and `schleuse find`; and what the end of a session does for the index.

use super::{desk, print_json};
use crate::cli::index::{Find, Indexed};
use crate::settings::{self, ConfigurationError};
use ::index::{Counts, Index, SeenAs};
use audit::{OsEntropy, SystemClock, events};
use model::Digest;
use pipeline::Recorder;
use std::path::Path;
use std::sync::Arc;

pub fn run(what: &Indexed) -> anyhow::Result<u8> {
    let (state, anew) = match what {
        Indexed::Show { state } => (state, false),
        Indexed::Rebuild { state } => (state, true),
    };
    let dir = present(&settings::state_dir(state.state.as_deref())?)?;
    let index = if anew { Index::rebuild(&dir)? } else { Index::open(&dir)? };
    let counts = index.counts()?;
    if anew {
        desk::block_on(async {
            let recorder = Recorder::open(&dir, Arc::new(SystemClock), Arc::new(OsEntropy::new()))?;
            recorder.note_by(desk::ADMINISTRATOR, None, events::STATE_REBUILT, serde_json::to_value(&counts)?);
            recorder.flush().await?;
            Ok(())
        })?;
    }
    if state.json {
        print_json(&counts)?;
    } else {
        println!("{}", sentence(&counts));
    }
    Ok(0)
}

pub fn find(what: &Find) -> anyhow::Result<u8> {
    let digest = Digest::from_hex(&what.sha256).ok_or_else(|| ConfigurationError("a SHA-256 has 64 hexadecimal digits".into()))?;
    let dir = present(&settings::state_dir(what.state.state.as_deref())?)?;
    let seen = Index::open(&dir)?.find(digest)?;
    if what.state.json {
        print_json(&seen)?;
        return Ok(0);
    }
    for one in &seen {
        let as_what = match one.seen_as {
            SeenAs::Content => "content",
            SeenAs::Output => "output",
        };
        let (opened, reason) = (one.opened_at.as_deref().unwrap_or("-"), one.reason.as_deref().unwrap_or("-"));
        println!("{}  {opened}  record {:>8}  {as_what:8} {:10} {reason}", one.session, one.seq, one.outcome);
    }
    println!("{} places", seen.len());
    Ok(0)
}

/// Brings the index up to the chain after a session. What is wrong with it is no fault of the session.
pub fn keep(state: &Path) {
    if let Err(error) = Index::open(state) {
        tracing::warn!(%error, "the index was not brought up to date");
    }
}

fn present(dir: &Path) -> Result<std::path::PathBuf, ConfigurationError> {
    if dir.is_dir() { Ok(dir.to_path_buf()) } else { Err(ConfigurationError(format!("there is no state in {}", dir.display()))) }
}

fn sentence(counts: &Counts) -> String {
    let seq = counts.chain_seq.map_or_else(|| "no record yet".into(), |seq| format!("up to record {seq}"));
    format!(
        "index of form {}, {seq}: {} sessions ({} erased), {} items, {} outputs, {} holds ({} more destroyed)",
        counts.version, counts.sessions, counts.erased, counts.items, counts.outputs, counts.held, counts.destroyed
    )
}
