//! ClamAV through `clamav-client`: INSTREAM over a Unix or TCP socket, replies read strictly.
//!
//! The client crate has no time-outs and no typed reply (it reads until the daemon closes), so both are ours: the
//! connection is wrapped to cap the reply, every exchange has a deadline, and the reply is parsed by [`reply`].

mod database;
pub mod reply;
mod transport;

use crate::engine::{Engine, EngineReport, ScanFault, Subject};
use clamav_client::tokio as client;
use futures::future::BoxFuture;
use model::{Coverage, Effect, EngineStamp, Finding, FindingCode, escape_text};
use reply::Reply;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use transport::Transport;

/// Bytes per INSTREAM chunk: 64 KiB is nearly twice as fast as the client's default of 4 KiB.
const CHUNK_BYTES: usize = 64 << 10;
/// Deadline of PING and VERSION.
const SHORT_WAIT: Duration = Duration::from_secs(10);
/// Where Debian and others put the daemon's socket.
const USUAL_SOCKETS: &[&str] = &["/run/clamav/clamd.ctl", "/var/run/clamav/clamd.ctl", "/run/clamd.scan/clamd.sock", "/tmp/clamd.socket"];

/// Where a ClamAV daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamdAddress {
    /// The first of the usual sockets that answers.
    Auto,
    /// A Unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

/// An address that is none of the three forms.
#[derive(Debug, thiserror::Error)]
#[error("expected auto, unix:PATH or tcp:HOST:PORT")]
pub struct AddressError;

impl FromStr for ClamdAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", rest)) => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(rest.into())),
                _ => Err(AddressError),
            },
            _ => Err(AddressError),
        }
    }
}

impl std::fmt::Display for ClamdAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

/// The connected engine.
#[derive(Debug)]
pub struct ClamAv {
    address: ClamdAddress,
    stamp: EngineStamp,
    stream_max_bytes: u64,
    timeout: Duration,
}

impl ClamAv {
    /// Name under which the engine is required.
    pub const NAME: &str = "clamav";

    /// Finds the daemon, asks who it is, and checks the age of its signatures against the policy.
    ///
    /// `now_unix_seconds` is the station's clock.
    ///
    /// # Errors
    /// [`ScanFault`]: nobody there, not ClamAV, signatures too old or of unknown age.
    pub async fn connect(address: &ClamdAddress, policy: &model::policy::ScanPolicy, now_unix_seconds: i64) -> Result<Self, ScanFault> {
        let (address, version) = find(address).await?;
        let unreadable = || ScanFault::NotClamAv { address: address.to_string() };
        let version = reply::parse_version(&version).ok_or_else(unreadable)?;
        let dated = match version.signature_date {
            Some(date) => Some(date),
            None => database::newest_signature_date(&address).await,
        };
        let date = dated.ok_or_else(|| ScanFault::AgeUnknown { address: address.to_string() })?;
        let age_days = (now_unix_seconds - date.unix_timestamp()).div_euclid(86_400);
        let shown = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
        if age_days > i64::from(policy.max_signature_age_days) {
            return Err(ScanFault::Stale { date: shown, age_days, max_days: policy.max_signature_age_days });
        }
        Ok(Self {
            address,
            stamp: EngineStamp { name: Self::NAME.into(), version: version.engine, signatures: Some(shown) },
            stream_max_bytes: policy.clamd_stream_max_bytes,
            timeout: Duration::from_secs(policy.clamd_timeout_seconds.into()),
        })
    }

    /// Where the daemon was found.
    pub const fn address(&self) -> &ClamdAddress {
        &self.address
    }

    async fn look_at(&self, subject: &Subject) -> Result<EngineReport, ScanFault> {
        if subject.size_bytes > self.stream_max_bytes {
            let detail = format!("clamd_stream_max_bytes = {}", self.stream_max_bytes);
            return Ok(self.report(FindingCode::ClamavLimit, Effect::Undetermined, detail));
        }
        // The client's own errors do not tell our file from its socket, so the file is asked first.
        let readable = tokio::fs::File::open(&subject.path).await;
        readable.map_err(|source| ScanFault::Spool { path: subject.path.clone(), source })?;
        let deadline = self.timeout + Duration::from_secs(subject.size_bytes >> 20);
        let transport = Transport::new(&self.address);
        let exchange = tokio::time::timeout(deadline, client::scan_file(&subject.path, transport, Some(CHUNK_BYTES)));
        match exchange.await {
            Ok(Ok(bytes)) => Ok(self.judge_reply(&bytes)),
            Ok(Err(error)) => {
                // A daemon that is gone altogether is the station's trouble; one that hangs up on this content is the item's.
                ping(&self.address).await?;
                Ok(self.report(FindingCode::ClamavError, Effect::Undetermined, format!("connection: {}", error.kind())))
            }
            Err(_elapsed) => {
                ping(&self.address).await?;
                Ok(self.report(FindingCode::ClamavError, Effect::Undetermined, format!("no answer in {} s", deadline.as_secs())))
            }
        }
    }

    fn judge_reply(&self, bytes: &[u8]) -> EngineReport {
        match reply::parse_scan(bytes) {
            Reply::Nothing => EngineReport { findings: Vec::new(), coverage: coverage(true) },
            Reply::Found(name) => {
                let (code, effect, complete) = reply::meaning(&name);
                let finding = Finding::new(code, effect, self.stamp.clone(), escape_text(&name));
                EngineReport { findings: vec![finding], coverage: coverage(complete) }
            }
            Reply::SizeLimit => self.report(FindingCode::ClamavLimit, Effect::Undetermined, "StreamMaxLength of the daemon".into()),
            Reply::Error(text) => self.report(FindingCode::ClamavError, Effect::Undetermined, escape_text(&text)),
            Reply::Unreadable => self.report(FindingCode::ClamavError, Effect::Undetermined, "not an answer".into()),
        }
    }

    fn report(&self, code: FindingCode, effect: Effect, detail: String) -> EngineReport {
        let finding = Finding::new(code, effect, self.stamp.clone(), detail);
        EngineReport { findings: vec![finding], coverage: coverage(false) }
    }
}

fn coverage(complete: bool) -> Coverage {
    Coverage { engine: ClamAv::NAME.into(), complete }
}

impl Engine for ClamAv {
    fn stamp(&self) -> &EngineStamp {
        &self.stamp
    }

    fn scan<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<EngineReport, ScanFault>> {
        Box::pin(self.look_at(subject))
    }
}

async fn find(address: &ClamdAddress) -> Result<(ClamdAddress, Vec<u8>), ScanFault> {
    if *address != ClamdAddress::Auto {
        return Ok((address.clone(), version(address).await?));
    }
    for path in USUAL_SOCKETS {
        let candidate = ClamdAddress::Unix(path.into());
        if let Ok(answer) = version(&candidate).await {
            return Ok((candidate, answer));
        }
    }
    Err(ScanFault::NotFound { looked_at: USUAL_SOCKETS.join(", ") })
}

async fn version(address: &ClamdAddress) -> Result<Vec<u8>, ScanFault> {
    within(address, client::get_version(Transport::new(address))).await
}

async fn ping(address: &ClamdAddress) -> Result<(), ScanFault> {
    match within(address, client::ping(Transport::new(address))).await?.as_slice() {
        b"PONG\0" => Ok(()),
        _ => Err(ScanFault::NotClamAv { address: address.to_string() }),
    }
}

async fn within(address: &ClamdAddress, exchange: impl Future<Output = std::io::Result<Vec<u8>>>) -> Result<Vec<u8>, ScanFault> {
    let unreachable = |source| ScanFault::Unreachable { address: address.to_string(), source };
    match tokio::time::timeout(SHORT_WAIT, exchange).await {
        Ok(answer) => answer.map_err(unreachable),
        Err(_elapsed) => Err(unreachable(std::io::ErrorKind::TimedOut.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_three_forms() {
        assert_eq!("auto".parse::<ClamdAddress>().unwrap(), ClamdAddress::Auto);
        assert_eq!("unix:/run/x".parse::<ClamdAddress>().unwrap(), ClamdAddress::Unix("/run/x".into()));
        assert_eq!("tcp:[::1]:3310".parse::<ClamdAddress>().unwrap(), ClamdAddress::Tcp("[::1]:3310".into()));
        for wrong in ["", "unix:relative", "tcp:host", "tcp::3310", "http://x", "tcp:h:99999"] {
            assert!(wrong.parse::<ClamdAddress>().is_err(), "{wrong}");
        }
    }
}
