//! `schleuse audit`.

use super::State;
use audit::{ExportFormat, Position};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check the whole chain; names the first record that was edited, deleted, inserted, reordered or cut off.
    Verify(Verify),
    /// Print records, oldest first.
    Show {
        #[command(flatten)]
        which: Which,
        /// At most this many.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        #[command(flatten)]
        state: State,
    },
    /// Print records for another program, oldest first. Each names its position, SEQ:HASH.
    Export {
        /// The form.
        #[arg(long, value_name = "FORMAT")]
        format: Format,
        #[command(flatten)]
        which: Which,
        /// Leave the particulars out: no file names, no persons.
        #[arg(long)]
        no_payload: bool,
        #[command(flatten)]
        state: State,
    },
    /// Destroy the key under which a session's particulars are encrypted (a request under the GDPR). They can never be read
    /// again; the chain still verifies, and says who did it and why.
    Erase(Erase),
}

#[derive(Debug, Args)]
pub struct Verify {
    /// A public key of the station (64 hexadecimal digits), the one in force or an earlier one, instead of the one in the
    /// state directory.
    #[arg(long, value_name = "HEX")]
    pub key: Option<String>,
    /// A position kept outside of the station that the chain must contain. May be given more than once.
    #[arg(long = "anchor", value_name = "SEQ:HASH", value_parser = parse_position)]
    pub anchors: Vec<Position>,
    /// A folder of releases: the position in each session report below it must be in the chain.
    #[arg(long, value_name = "DIR")]
    pub reports: Option<PathBuf>,
    #[command(flatten)]
    pub state: State,
}

fn parse_position(text: &str) -> Result<Position, audit::NotAPosition> {
    text.parse()
}

/// Which records.
#[derive(Debug, Args)]
pub struct Which {
    /// Only this session.
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Only this event.
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// Only those after this number.
    #[arg(long, value_name = "SEQ")]
    pub after: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Erase {
    /// The session.
    pub session: String,
    /// Why, as a code without names (1 to 64 of a-z, 0-9 and -); it stays readable for ever.
    #[arg(long, value_name = "CODE")]
    pub reason: String,
    /// Who does it: a pseudonym; it stays readable for ever.
    #[arg(long, value_name = "NAME", default_value = "administrator")]
    pub by: String,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON Lines.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// Common Event Format.
    Cef,
    /// Elastic Common Schema.
    Ecs,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl,
            Format::Csv => Self::Csv,
            Format::Cef => Self::Cef,
            Format::Ecs => Self::Ecs,
        }
    }
}
