//! Commands over the index.

use super::State;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Indexed {
    /// Say how much is in the index.
    Show {
        #[command(flatten)]
        state: State,
    },
    /// Build the index anew from the audit chain and the quarantine.
    Rebuild {
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Args)]
pub struct Find {
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
    #[command(flatten)]
    pub state: State,
}
