//! `schleuse keys`.

use super::State;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Print the station's public keys: the one in force, and those before with their periods.
    Show {
        #[command(flatten)]
        state: State,
    },
    /// Replace the station's signing key. The old key names its successor in the chain and is destroyed; its public half is
    /// kept, so that what it signed still verifies. The station must not be at work.
    Rotate {
        /// Who does it: a pseudonym; it stays readable for ever.
        #[arg(long, value_name = "NAME", default_value = "administrator")]
        by: String,
        #[command(flatten)]
        state: State,
    },
}
