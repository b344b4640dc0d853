//! `schleuse quarantine`.

use super::{PolicyFile, State};
use clap::{Args, Subcommand, ValueEnum};
use model::{Format, HoldClass, Reason};
use scan::ClamdAddress;
use spool::reviews::HoldState;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List holds.
    List(List),
    /// Show the record of one hold, what reviewers said about it, and what is missing.
    Show(Show),
    /// Let a hold go through the line again. Takes as many different reviewers as the policy says, at least two; with the
    /// last one it goes: it is scanned, rebuilt and verified like anything else.
    Approve(Approve),
    /// Take the approvals of a hold back.
    Reject(Decide),
    /// Destroy the original of a hold. Its record stays.
    Destroy(Destroy),
    /// Write the original of a hold as a sample for analysts: a ZIP with the password "infected".
    Export(Export),
    /// Look at stored holds again with the engines in force.
    Rescan(Rescan),
    /// Count holds by class, state, reason and age.
    Stats(Stats),
}

fn class(code: &str) -> Result<HoldClass, String> {
    HoldClass::from_code(code).ok_or_else(|| "malicious, suspicious, uninspectable or policy".to_owned())
}

fn format(code: &str) -> Result<Format, String> {
    Format::from_code(code).ok_or_else(|| "no such format; `schleuse policy explain` lists them".to_owned())
}

fn reason(code: &str) -> Result<Reason, String> {
    Reason::from_code(code).ok_or_else(|| "no such reason; quarantine/README.md lists them".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    HeldAt,
    Size,
    Class,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Standing {
    Open,
    Approved,
    Rejected,
    Destroyed,
}

impl From<Standing> for HoldState {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Open => Self::Open,
            Standing::Approved => Self::Approved,
            Standing::Rejected => Self::Rejected,
            Standing::Destroyed => Self::Destroyed,
        }
    }
}

#[derive(Debug, Args)]
pub struct List {
    /// Only this session.
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Only this class.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    pub class: Option<HoldClass>,
    /// Only this format.
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub format: Option<Format>,
    /// Only held for this reason.
    #[arg(long, value_name = "CODE", value_parser = reason)]
    pub reason: Option<Reason>,
    /// Only in this state.
    #[arg(long = "in", value_name = "STATE")]
    pub standing: Option<Standing>,
    /// Only of media of this owner.
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Only held for more than so many days.
    #[arg(long, value_name = "DAYS")]
    pub older_than_days: Option<u32>,
    /// In which order; the largest, the worst or the oldest first.
    #[arg(long, value_name = "BY", default_value = "held-at")]
    pub sort: Sort,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
pub struct Show {
    /// The hold, as `quarantine list` names it.
    pub hold: String,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

/// Who does it, and with which settings.
#[derive(Debug, Args)]
pub struct By {
    /// The reviewer's identity.
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Read the identity's passphrase from the first line of standard input instead of asking.
    #[arg(long)]
    pub passphrase_stdin: bool,
    /// The ClamAV daemon: auto, unix:PATH or tcp:HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "auto")]
    pub clamd: ClamdAddress,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
pub struct Decide {
    /// The hold, as `quarantine list` names it.
    pub hold: String,
    /// A reason code of the policy (review.approve_reasons, review.reject_reasons).
    #[arg(long, value_name = "CODE")]
    pub reason: String,
    /// In your words, for the record.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
    #[command(flatten)]
    pub by: By,
}

#[derive(Debug, Args)]
pub struct Approve {
    #[command(flatten)]
    pub decide: Decide,
    /// Read the password of an encrypted archive or document from the next line of standard input.
    #[arg(long)]
    pub password_stdin: bool,
    /// Where the release goes; needed with the last approval.
    #[arg(long, value_name = "DIR")]
    pub release_to: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    pub decide: Decide,
    /// Destroy without asking, if this is the hold.
    #[arg(long, value_name = "HOLD")]
    pub yes: Option<String>,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The hold, as `quarantine list` names it.
    pub hold: String,
    /// The file to write; it must not be there.
    #[arg(long, value_name = "FILE.zip")]
    pub to: PathBuf,
    #[command(flatten)]
    pub by: By,
}

#[derive(Debug, Args)]
pub struct Rescan {
    /// Only this session.
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    #[command(flatten)]
    pub by: By,
}

#[derive(Debug, Args)]
pub struct Stats {
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}
