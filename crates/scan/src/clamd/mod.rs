//! ClamAV through `clamav-client`: INSTREAM over a Unix or TCP socket, replies read strictly.
//!
//! The client crate has no time-outs and no typed reply (it reads until the daemon closes), so both are ours: the
//! connection is wrapped to cap the reply, every exchange has a deadline, and the reply is parsed by [`reply`].

mod local;
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
use transport::{Early, Transport};

/// Bytes per INSTREAM chunk: 64 KiB is nearly twice as fast as the client's default of 4 KiB.
const CHUNK_BYTES: usize = 64 << 10;
/// Longest wait for the answer to VERSION, unless `scan.clamd_timeout_seconds` is less.
// BOUND: the daemon answers at once, whatever it is scanning; ten seconds survive a machine that is swapping.
const SHORT_WAIT: Duration = Duration::from_secs(10);
/// Signatures may be dated this far ahead of the clock: the header's time zone is not read, and clocks differ.
const AHEAD_DAYS: i64 = 1;
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
    /// What it answered to VERSION when the session began.
    version: Vec<u8>,
    /// Whether a heuristic's alert means that no signature matched anywhere; `false` when that is not known.
    signatures_first: bool,
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
        let timeout = Duration::from_secs(policy.clamd_timeout_seconds.into());
        let (address, answer) = find(address, timeout).await?;
        let unreadable = || ScanFault::NotClamAv { address: address.to_string() };
        let version = reply::parse_version(&answer).ok_or_else(unreadable)?;
        let configuration = local::configuration(&address).await;
        let dated = match (version.signature_date, &configuration) {
            (Some(date), _) => Some(date),
            (None, Some(configuration)) => local::newest_signature_date(configuration).await,
            (None, None) => None,
        };
        let date = dated.ok_or_else(|| ScanFault::AgeUnknown { address: address.to_string() })?;
        let age_days = (now_unix_seconds - date.unix_timestamp()).div_euclid(86_400);
        let shown = format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day());
        if age_days > i64::from(policy.max_signature_age_days) {
            return Err(ScanFault::Stale { date: shown, age_days, max_days: policy.max_signature_age_days });
        }
        if -age_days > AHEAD_DAYS {
            return Err(ScanFault::Ahead { date: shown, ahead_days: -age_days });
        }
        Ok(Self {
            address,
            stamp: EngineStamp { name: Self::NAME.into(), version: version.engine, signatures: Some(shown) },
            version: answer,
            signatures_first: configuration.is_some_and(|text| local::signatures_come_first(&text)),
            stream_max_bytes: policy.clamd_stream_max_bytes,
            timeout,
        })
    }

    /// Where the daemon was found.
    pub const fn address(&self) -> &ClamdAddress {
        &self.address
    }

    async fn look_at(&self, subject: &Subject) -> Result<EngineReport, ScanFault> {
        if subject.size_bytes > self.stream_max_bytes {
            let detail = format!("scan.clamd_stream_max_bytes = {}", self.stream_max_bytes);
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
            Ok(Err(error)) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Early>()) {
                Some(Early(said)) => Ok(self.judge_early(said)),
                None => {
                    // A daemon that is gone altogether is the station's trouble; one that hangs up on this content is the
                    // item's.
                    self.is_still_there().await?;
                    Ok(self.report(FindingCode::ClamavError, Effect::Undetermined, format!("connection: {}", error.kind())))
                }
            },
            Err(_elapsed) => {
                self.is_still_there().await?;
                Ok(self.report(FindingCode::ClamavError, Effect::Undetermined, format!("no answer in {} s", deadline.as_secs())))
            }
        }
    }

    /// After trouble: somebody answers, and it is the daemon the session began with.
    async fn is_still_there(&self) -> Result<(), ScanFault> {
        if version(&self.address, self.timeout).await? == self.version {
            Ok(())
        } else {
            Err(ScanFault::Replaced { address: self.address.to_string() })
        }
    }

    /// What it said before it had all of the content can only be why it does not want it.
    fn judge_early(&self, bytes: &[u8]) -> EngineReport {
        match reply::parse_scan(bytes) {
            Reply::SizeLimit | Reply::Error(_) => self.judge_reply(bytes),
            Reply::Nothing | Reply::Found(_) | Reply::Unreadable => {
                self.report(FindingCode::ClamavError, Effect::Undetermined, "an answer before the end of the content".into())
            }
        }
    }

    fn judge_reply(&self, bytes: &[u8]) -> EngineReport {
        match reply::parse_scan(bytes) {
            Reply::Nothing => EngineReport { findings: Vec::new(), coverage: coverage(true) },
            Reply::Found(name) => {
                let (code, effect, complete) = reply::meaning(&name);
                let mut findings = vec![Finding::new(code, effect, self.stamp.clone(), escape_text(&name))];
                let complete = complete && (code != FindingCode::ClamavMacros || self.signatures_first);
                if code == FindingCode::ClamavMacros && !complete {
                    let detail = "may have stopped at the macros: HeuristicScanPrecedence is not known to be no".to_owned();
                    findings.push(Finding::new(FindingCode::ClamavError, Effect::Undetermined, self.stamp.clone(), detail));
                }
                EngineReport { findings, coverage: coverage(complete) }
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

async fn find(address: &ClamdAddress, timeout: Duration) -> Result<(ClamdAddress, Vec<u8>), ScanFault> {
    if *address != ClamdAddress::Auto {
        return Ok((address.clone(), version(address, timeout).await?));
    }
    for path in USUAL_SOCKETS {
        let candidate = ClamdAddress::Unix(path.into());
        if let Ok(answer) = version(&candidate, timeout).await {
            return Ok((candidate, answer));
        }
    }
    Err(ScanFault::NotFound { looked_at: USUAL_SOCKETS.join(", ") })
}

async fn version(address: &ClamdAddress, timeout: Duration) -> Result<Vec<u8>, ScanFault> {
    let wait = timeout.min(SHORT_WAIT);
    let unreachable = |source| ScanFault::Unreachable { address: address.to_string(), source };
    match tokio::time::timeout(wait, client::get_version(Transport::new(address))).await {
        Ok(Ok(answer)) if answer.is_empty() => {
            Err(unreachable(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it hung up without an answer")))
        }
        Ok(answer) => answer.map_err(unreachable),
        Err(_elapsed) => {
            Err(unreachable(std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {} s", wait.as_secs()))))
        }
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
