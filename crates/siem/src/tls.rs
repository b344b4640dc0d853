//! TLS settings: who vouches for the collector, and who the station is.
//!
//! **Invariant.** The collector's certificate is always checked, chain and name; there is no switch.

use crate::SiemError;
use model::policy::SiemPolicy;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// A connection about to begin, from the files the policy names as they are now: a renewed certificate counts from the next
/// connection on.
///
/// # Errors
/// A file that cannot be used, or settings that do not fit together.
pub fn client(policy: &SiemPolicy) -> Result<ClientConnection, SiemError> {
    let mut roots = RootCertStore::empty();
    let ca = policy.ca_file.as_deref().unwrap_or_default();
    for certificate in certificates("siem.ca_file", ca)? {
        roots.add(certificate)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_root_certificates(roots);
    let mut config = match (&policy.client_certificate, &policy.client_key) {
        (Some(chain), Some(key)) => {
            let chain = certificates("siem.client_certificate", chain)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| pem("siem.client_key", key, &error))?;
            builder.with_client_auth_cert(chain, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    // A resumed session would not show whether the collector still accepts the station's certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(ClientConnection::new(Arc::new(config), server_name(policy)?)?)
}

fn server_name(policy: &SiemPolicy) -> Result<ServerName<'static>, SiemError> {
    let host = policy.collector.as_deref().and_then(|place| place.rsplit_once(':')).map(|(host, _port)| host);
    let name = policy.server_name.as_deref().or(host).unwrap_or_default().trim_matches(['[', ']']).to_owned();
    ServerName::try_from(name.clone()).map_err(|_| SiemError::Name { name })
}

fn certificates(key: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, SiemError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| pem(key, path, &error))?;
    if certificates.is_empty() {
        return Err(SiemError::Pem { key, path: path.into(), what: "it holds no certificate".into() });
    }
    Ok(certificates)
}

fn pem(key: &'static str, path: &str, error: &rustls::pki_types::pem::Error) -> SiemError {
    SiemError::Pem { key, path: Path::new(path).into(), what: error.to_string() }
}
