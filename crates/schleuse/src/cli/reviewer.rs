//! `schleuse reviewer`.

use super::{PolicyFile, State};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Reviewer {
    /// Make a reviewer's keys. To be done on the reviewer's own machine; needs no station.
    Create(Create),
    /// List who is registered at this station.
    List {
        #[command(flatten)]
        state: State,
    },
    /// Register a reviewer: new holds are encrypted to the key from now on, and its decisions count.
    Add {
        /// The file NAME.pub that `reviewer create` wrote.
        file: PathBuf,
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
    /// End a reviewer's registration. Holds there are stay readable with that identity; its decisions do not count any more.
    Remove {
        /// The reviewer, as `reviewer list` names it.
        name: String,
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Args)]
pub struct Create {
    /// 1 to 32 of a-z, 0-9 and -. It stands in the audit chain for ever: a pseudonym.
    pub name: String,
    /// Where the secret goes, protected by a passphrase. One that is there is kept, and NAME.pub is made of it.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Where NAME.pub goes [default: beside the identity].
    #[arg(long, value_name = "DIR")]
    pub public_to: Option<PathBuf>,
    /// Read the passphrase from the first line of standard input instead of asking twice.
    #[arg(long)]
    pub passphrase_stdin: bool,
}
