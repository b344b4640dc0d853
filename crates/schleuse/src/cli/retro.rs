//! `schleuse retro-hunt`.

use super::{PolicyFile, State};
use clap::Args;
use std::path::PathBuf;

/// Which digests past releases are asked for.
#[derive(Debug, Args)]
pub struct RetroHunt {
    /// SHA-256 digests, one a line, hexadecimal; what follows a digest on its line is not read, lines with # are comments
    /// [default: scan.blocked_sha256 of the policy].
    #[arg(long, value_name = "FILE")]
    pub digests: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}
