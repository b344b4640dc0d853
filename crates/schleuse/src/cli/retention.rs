//! `schleuse retention`.

use super::{PolicyFile, State};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Retention {
    /// Destroy the originals of holds that were kept as long as the policy says (retention.*_days), and finish destructions
    /// that were interrupted. Records stay. Nothing under review is touched.
    Run(DueNow),
}

#[derive(Debug, Args)]
pub struct DueNow {
    /// Only say what would be destroyed.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}
