//! The block list: SHA-256 digests that are never released.

use crate::engine::{Engine, EngineReport, ScanFault, Subject};
use futures::future::BoxFuture;
use model::{Coverage, Digest, Effect, EngineStamp, Finding, FindingCode};
use std::collections::BTreeSet;

/// Digests from the policy.
#[derive(Debug)]
pub struct HashList {
    stamp: EngineStamp,
    blocked: BTreeSet<Digest>,
}

impl HashList {
    /// Name under which the engine is required.
    pub const NAME: &str = "hash-list";

    /// A list of these digests.
    pub fn new(blocked: impl IntoIterator<Item = Digest>) -> Self {
        let blocked: BTreeSet<Digest> = blocked.into_iter().collect();
        let stamp = EngineStamp {
            name: Self::NAME.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            signatures: Some(format!("{} digests", blocked.len())),
        };
        Self { stamp, blocked }
    }
}

impl Engine for HashList {
    fn stamp(&self) -> &EngineStamp {
        &self.stamp
    }

    fn scan<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<EngineReport, ScanFault>> {
        let findings = if self.blocked.contains(&subject.digest) {
            let detail = subject.digest.hex();
            vec![Finding::new(FindingCode::HashListed, Effect::Malicious, self.stamp.clone(), detail)]
        } else {
            Vec::new()
        };
        let coverage = Coverage { engine: Self::NAME.into(), complete: true };
        Box::pin(std::future::ready(Ok(EngineReport { findings, coverage })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_listed_digests_are_blocked() {
        let list = HashList::new([Digest([7; 32])]);
        let subject = |byte| Subject { path: "/nowhere".into(), digest: Digest([byte; 32]), size_bytes: 1 };
        assert_eq!(list.scan(&subject(7)).await.unwrap().findings[0].code, FindingCode::HashListed);
        assert!(list.scan(&subject(8)).await.unwrap().findings.is_empty());
    }
}
