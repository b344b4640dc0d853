//! What keeps records from being sent.

use audit::{AuditError, Position};
use std::io;
use std::path::PathBuf;

/// Why something is not forwarded. It stays queued.
#[derive(Debug, thiserror::Error)]
pub enum SiemError {
    /// The policy names no collector.
    #[error("the policy names no collector (siem.collector)")]
    NoCollector,
    /// Another program of this station forwards.
    #[error("another program of this station forwards at the moment")]
    Elsewhere,
    /// The cursor's folder cannot be used.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Cursor {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The chain cannot be read.
    #[error("the audit chain cannot be read: {0}")]
    Chain(#[from] AuditError),
    /// The folder of the chain cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    ChainFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The chain is not the one whose records the collector holds: an older copy was put back, or another took its place.
    #[error(
        "the audit chain does not contain the record {taken} that the collector already has: an older copy was put back, or \
         another one took its place. Look with `schleuse audit verify --anchor {taken}`"
    )]
    OtherChain {
        /// Last record the collector took.
        taken: Position,
    },
    /// A certificate or key file cannot be used.
    #[error("{path} ({key}) cannot be used: {what}", path = path.display())]
    Pem {
        /// Key of the policy.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The TLS settings do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The collector's name is none.
    #[error("`{name}` is no host name or address")]
    Name {
        /// The name.
        name: String,
    },
    /// Nobody takes the connection.
    #[error("{collector} cannot be reached: {source}")]
    Connect {
        /// `HOST:PORT`.
        collector: String,
        /// Why.
        source: io::Error,
    },
    /// The TLS handshake failed: one side does not accept the other.
    #[error("no TLS with {collector}: {source}")]
    Handshake {
        /// `HOST:PORT`.
        collector: String,
        /// Why.
        source: io::Error,
    },
    /// A message could not be sent.
    #[error("{collector} did not take a message: {source}")]
    Send {
        /// `HOST:PORT`.
        collector: String,
        /// Why.
        source: io::Error,
    },
}

impl SiemError {
    /// Whether a person has to put it right in the policy or its files.
    pub const fn is_configuration(&self) -> bool {
        matches!(self, Self::NoCollector | Self::Pem { .. } | Self::Tls(_) | Self::Name { .. })
    }
}
