//! What an engine is.

use futures::future::BoxFuture;
use model::{Coverage, Digest, EngineStamp, Finding};
use std::path::PathBuf;

/// What an engine looks at: content in the spool, never a path on the medium.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Spool file.
    pub path: PathBuf,
    /// Its SHA-256.
    pub digest: Digest,
    /// Its length.
    pub size_bytes: u64,
}

/// What an engine saw, and whether it saw everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineReport {
    /// Facts.
    pub findings: Vec<Finding>,
    /// Coverage.
    pub coverage: Coverage,
}

/// The station cannot scan: stops the session, not just the item.
#[derive(Debug, thiserror::Error)]
pub enum ScanFault {
    /// Nobody answers.
    #[error(
        "ClamAV does not answer at {address}: {source}. Start it (Debian: `apt-get install clamav-daemon`, then \
         `systemctl start clamav-daemon`) or name another one with --clamd"
    )]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// No ClamAV was found where one usually is.
    #[error(
        "no ClamAV daemon answers on this machine (looked at {looked_at}). Install and start it (Debian: `apt-get install \
         clamav-daemon`), or name one with --clamd unix:PATH or --clamd tcp:HOST:PORT"
    )]
    NotFound {
        /// The places.
        looked_at: String,
    },
    /// What answers is no ClamAV.
    #[error("what answers at {address} is not ClamAV")]
    NotClamAv {
        /// Where.
        address: String,
    },
    /// The signatures are too old.
    #[error(
        "the ClamAV signatures are of {date}, which is {age_days} days ago; the policy allows {max_days}. Run `freshclam` and \
         start again"
    )]
    Stale {
        /// Their date.
        date: String,
        /// Their age.
        age_days: i64,
        /// What the policy allows.
        max_days: u32,
    },
    /// The signatures are dated in the future: either the date or the clock is wrong, and with it every age.
    #[error(
        "the ClamAV signatures are of {date}, which is {ahead_days} days ahead of this machine's clock; set the clock, then \
         start again"
    )]
    Ahead {
        /// Their date.
        date: String,
        /// How far ahead.
        ahead_days: i64,
    },
    /// Another daemon answers than at the beginning of the session.
    #[error("ClamAV at {address} is not the one the session began with (another version or signature set); start again")]
    Replaced {
        /// Where.
        address: String,
    },
    /// Nobody knows how old the signatures are.
    #[error(
        "ClamAV at {address} does not say how old its signatures are, and its database files cannot be looked at from here. \
         Install the official signatures with `freshclam`, or use a local daemon on a Unix socket"
    )]
    AgeUnknown {
        /// Where.
        address: String,
    },
    /// The spool file cannot be read.
    #[error("the spool file {path} cannot be read: {source}")]
    Spool {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// An engine: name, version, signature date, coverage, findings.
pub trait Engine: Send + Sync + std::fmt::Debug {
    /// Who it is.
    fn stamp(&self) -> &EngineStamp;
    /// Looks at one subject.
    fn scan<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<EngineReport, ScanFault>>;
}
