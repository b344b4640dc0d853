//! Review of holds, and how long things are kept.

use super::{Bounds, PolicyError};
use crate::escape_text;
use crate::review::HoldClass;
use serde::{Deserialize, Serialize};

/// Who decides on holds, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewPolicy {
    /// Different reviewers an approval needs; never fewer than two.
    pub approvals: u32,
    /// Reason codes an approval may give.
    pub approve_reasons: Vec<String>,
    /// Reason codes a rejection or destruction may give.
    pub reject_reasons: Vec<String>,
    /// Days an approval is good for.
    pub expires_days: u32,
    /// Longest comment, in characters.
    pub max_comment_chars: u32,
    /// First pages of a document held as suspicious that are kept as pictures for its reviewers; 0 for none.
    pub preview_pages: u32,
}

impl ReviewPolicy {
    /// Fewest reviewers ever: one alone releases nothing.
    pub const LEAST_APPROVALS: u32 = 2;
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        let codes = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            approvals: Self::LEAST_APPROVALS,
            approve_reasons: codes(&["business-need", "false-positive", "known-sender", "password-supplied"]),
            reject_reasons: codes(&["hostile", "not-needed", "privacy", "sender-unknown"]),
            expires_days: 7,
            max_comment_chars: 2_000,
            preview_pages: 1,
        }
    }
}

impl ReviewPolicy {
    pub(super) fn in_range(&self, bounds: Bounds<'_>) -> Result<(), PolicyError> {
        bounds("review.approvals", self.approvals.into(), Self::LEAST_APPROVALS.into()..=10, "between 2 and 10")?;
        bounds("review.expires_days", self.expires_days.into(), 1..=365, "between 1 and 365")?;
        bounds("review.max_comment_chars", self.max_comment_chars.into(), 0..=100_000, "between 0 and 100000")?;
        bounds("review.preview_pages", self.preview_pages.into(), 0..=20, "between 0 and 20")?;
        for code in self.approve_reasons.iter().chain(&self.reject_reasons) {
            if code.is_empty() || code.len() > 64 || !code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                let what = format!("the reason code \"{}\" may have a-z, 0-9 and - only", escape_text(code));
                return Err(PolicyError::Text { key: "review.approve_reasons, review.reject_reasons", what });
            }
        }
        Ok(())
    }
}

/// How long what is kept is kept, in days. Nothing under review is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// Originals of malicious holds.
    pub malicious_days: u32,
    /// Originals of suspicious holds.
    pub suspicious_days: u32,
    /// Originals of holds that could not be inspected.
    pub uninspectable_days: u32,
    /// Originals of holds that policy keeps.
    pub policy_days: u32,
    /// Names in the audit chain: after so many days a session's payload key is destroyed. 0 means never.
    pub session_names_days: u32,
}

impl RetentionPolicy {
    /// Days the original of a hold of this class is kept.
    pub const fn days(&self, class: HoldClass) -> u32 {
        match class {
            HoldClass::Malicious => self.malicious_days,
            HoldClass::Suspicious => self.suspicious_days,
            HoldClass::Uninspectable => self.uninspectable_days,
            HoldClass::Policy => self.policy_days,
        }
    }

    pub(super) fn in_range(&self, bounds: Bounds<'_>) -> Result<(), PolicyError> {
        for (key, days) in [
            ("retention.malicious_days", self.malicious_days),
            ("retention.suspicious_days", self.suspicious_days),
            ("retention.uninspectable_days", self.uninspectable_days),
            ("retention.policy_days", self.policy_days),
        ] {
            bounds(key, days.into(), 1..=36_500, "between 1 and 36500")?;
        }
        bounds("retention.session_names_days", self.session_names_days.into(), 0..=36_500, "between 0 and 36500")
    }
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        Self { malicious_days: 365, suspicious_days: 90, uninspectable_days: 90, policy_days: 30, session_names_days: 0 }
    }
}
