//! Review: classes of holds, and the named exception under which a held item may go through the line again.

use crate::coded_enum;
use crate::finding::{Effect, Finding};
use crate::item::Digest;
use crate::reason::Reason;

coded_enum! {
    /// What kind of hold it is: who may decide on it, and how long it is kept.
    HoldClass {
        /// An engine or a list knows the content as hostile. Nobody can approve it.
        Malicious = "malicious",
        /// A person must judge what an inspector saw.
        Suspicious = "suspicious",
        /// It could not be looked into, or not to its end.
        Uninspectable = "uninspectable",
        /// Nothing speaks against it but the policy.
        Policy = "policy",
    }
}

impl HoldClass {
    /// The class of a hold, from why it is held and what was seen: the worst of both.
    pub fn of(reason: Reason, findings: &[Finding]) -> Self {
        let by_reason = match reason {
            Reason::Malicious | Reason::Blocklisted => Self::Malicious,
            Reason::Suspicious | Reason::Polyglot => Self::Suspicious,
            Reason::Stripped | Reason::FormatWithheld | Reason::FormatUnknown | Reason::Empty => Self::Policy,
            _ => Self::Uninspectable,
        };
        let by_finding = findings.iter().map(|finding| match finding.effect {
            Effect::Malicious => Self::Malicious,
            Effect::Suspicious => Self::Suspicious,
            Effect::Undetermined => Self::Uninspectable,
            Effect::Note | Effect::Strip => Self::Policy,
        });
        // Declared from worst to mildest.
        by_finding.fold(by_reason, Self::min)
    }

    /// Whether reviewers may send it through the line again.
    pub const fn approvable(self) -> bool {
        !matches!(self, Self::Malicious)
    }
}

/// A named exception: two or more reviewers, by signed statements, let one content through the decision that held it. It
/// changes that decision only; the content is still rebuilt and verified.
///
/// ```compile_fail
/// // Its fields are private.
/// let alone = model::review::Exception { hold: String::new(), digest: model::Digest([0; 32]), reviewers: vec![], reason: String::new() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    hold: String,
    digest: Digest,
    reviewers: Vec<String>,
    reason: String,
}

impl Exception {
    /// The exception that `reviewers` granted for the content `digest` of `hold`; `None` unless at least
    /// [`ReviewPolicy::LEAST_APPROVALS`](crate::policy::ReviewPolicy::LEAST_APPROVALS) different ones did.
    ///
    /// Only where their signatures were checked may this be called; `clippy.toml` bans it everywhere else.
    pub fn by_reviewers(hold: &str, digest: Digest, reviewers: &[String], reason: &str) -> Option<Self> {
        let mut different = reviewers.to_vec();
        different.sort_unstable();
        different.dedup();
        let enough = different.len() >= crate::policy::ReviewPolicy::LEAST_APPROVALS as usize;
        enough.then(|| Self { hold: hold.to_owned(), digest, reviewers: different, reason: reason.to_owned() })
    }
    /// The hold it was granted for.
    pub fn hold(&self) -> &str {
        &self.hold
    }
    /// The content it was granted for; no other goes through.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
    /// Who granted it, by name, sorted.
    pub fn reviewers(&self) -> &[String] {
        &self.reviewers
    }
    /// The reason code given.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::FindingCode;

    #[test]
    fn the_worst_of_reason_and_findings_is_the_class() {
        let finding = |effect| Finding::own(FindingCode::YaraMatch, effect, "");
        assert_eq!(HoldClass::of(Reason::Stripped, &[]), HoldClass::Policy);
        assert_eq!(HoldClass::of(Reason::Stripped, &[finding(Effect::Suspicious)]), HoldClass::Suspicious);
        assert_eq!(HoldClass::of(Reason::Encrypted, &[finding(Effect::Malicious)]), HoldClass::Malicious);
        assert_eq!(HoldClass::of(Reason::Timeout, &[finding(Effect::Note)]), HoldClass::Uninspectable);
        assert_eq!(HoldClass::of(Reason::Blocklisted, &[]), HoldClass::Malicious);
        assert!(!HoldClass::Malicious.approvable() && HoldClass::Policy.approvable());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what makes an exception is what is tested")]
    fn one_reviewer_is_never_enough_not_even_twice() {
        let grant = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
            Exception::by_reviewers("h", Digest([1; 32]), &names, "business-need")
        };
        assert_eq!(grant(&["anna"]), None);
        assert_eq!(grant(&["anna", "anna"]), None);
        assert_eq!(grant(&["bert", "anna"]).unwrap().reviewers(), ["anna", "bert"]);
    }
}
