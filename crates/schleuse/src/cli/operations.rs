//! Commands for who operates the station: forwarding, figures.

use super::{PolicyFile, State};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub enum Siem {
    /// Send what is queued now, and end. Exit status 0: all of it is sent; 1: something is still queued.
    Send {
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
    /// Send one test message (event `siem-test`). Exit status 0: the collector took it; 1: it did not.
    Test {
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Args)]
pub struct Metrics {
    #[command(flatten)]
    pub state: State,
}
