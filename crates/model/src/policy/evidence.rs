//! Where events are forwarded to, and how often the line proves that it still works.

use super::{Bounds, PolicyError};
use crate::coded_enum;
use serde::{Deserialize, Serialize};

coded_enum! {
    /// How syslog messages travel.
    SiemTransport {
        /// One datagram a message (RFC 5426); what is lost is lost.
        Udp = "udp",
        /// Octet-counted frames over TCP (RFC 6587).
        Tcp = "tcp",
        /// Octet-counted frames over TLS (RFC 5425).
        Tls = "tls",
    }
}

coded_enum! {
    /// What stands in the message part.
    SiemFormat {
        /// ArcSight Common Event Format.
        Cef = "cef",
        /// One JSON object.
        Json = "json",
    }
}

/// Where the chain's events are forwarded to: a syslog collector (RFC 5424).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiemPolicy {
    /// `HOST:PORT`; none: nothing is forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collector: Option<String>,
    /// How it travels.
    pub transport: SiemTransport,
    /// Form of the message.
    pub format: SiemFormat,
    /// Whether file names, users and the like go along. They cannot be erased there.
    pub payload: bool,
    /// Certificates (PEM) that vouch for the collector; TLS needs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The station's own certificate chain (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its private key (PEM).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
    /// Name in the collector's certificate, where it is not its host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Seconds the collector may take to connect or to take a message.
    pub stall_seconds: u32,
    /// Seconds between attempts while it is away.
    pub retry_seconds: u32,
}

impl Default for SiemPolicy {
    fn default() -> Self {
        Self {
            collector: None,
            transport: SiemTransport::Tls,
            format: SiemFormat::Cef,
            payload: false,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            server_name: None,
            stall_seconds: 10,
            retry_seconds: 30,
        }
    }
}

impl SiemPolicy {
    pub(super) fn in_range(&self, bounds: Bounds<'_>) -> Result<(), PolicyError> {
        bounds("siem.stall_seconds", self.stall_seconds.into(), 1..=600, "between 1 and 600")?;
        bounds("siem.retry_seconds", self.retry_seconds.into(), 1..=86_400, "between 1 and 86400")?;
        let text = |key, what: &str| Err(PolicyError::Text { key, what: what.to_owned() });
        if self
            .collector
            .as_ref()
            .is_some_and(|place| place.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err()))
        {
            return text("siem.collector", "it must be HOST:PORT");
        }
        if self.collector.is_some() && self.transport == SiemTransport::Tls && self.ca_file.is_none() {
            return text("siem.ca_file", "TLS needs the certificates that vouch for the collector");
        }
        if self.client_certificate.is_some() != self.client_key.is_some() {
            return text("siem.client_certificate", "certificate and key (siem.client_key) go together");
        }
        Ok(())
    }
}

/// How often the line is tried with known hostile and harmless content. At every start it is, whatever this says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CanaryPolicy {
    /// Hours after which it is tried again.
    pub interval_hours: u32,
}

impl Default for CanaryPolicy {
    fn default() -> Self {
        Self { interval_hours: 24 }
    }
}

impl CanaryPolicy {
    pub(super) fn in_range(&self, bounds: Bounds<'_>) -> Result<(), PolicyError> {
        bounds("canary.interval_hours", self.interval_hours.into(), 1..=168, "between 1 and 168")
    }
}
