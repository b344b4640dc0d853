//! How bad an event is, for syslog (RFC 5424 section 6.2.1) and CEF.

use audit::{Shown, ShownPayload, events};
use serde_json::Value;

/// The severities in use; the number is syslog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody must act: the station cannot work, a wipe failed, something released is bad.
    Error = 3,
    /// Somebody should look.
    Warning = 4,
    /// Normal, but of weight: decisions of people, deletions, starts.
    Notice = 5,
    /// The rest.
    Informational = 6,
}

impl Severity {
    /// Syslog's number.
    pub const fn syslog(self) -> u8 {
        self as u8
    }

    /// CEF's, from 0 to 10.
    pub const fn cef(self) -> u8 {
        match self {
            Self::Error => 8,
            Self::Warning => 6,
            Self::Notice => 3,
            Self::Informational => 1,
        }
    }

    /// Its name in syslog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Informational => "informational",
        }
    }
}

/// The severity of a record.
pub fn severity_of(record: &Shown) -> Severity {
    match record.event.as_str() {
        events::STATION_FAULT | events::RETRO_HIT => Severity::Error,
        events::WIPE_ENDED => wipe(record),
        events::ITEM_WITHHELD
        | events::ITEM_UNREADABLE
        | events::MEDIUM_REFUSED
        | events::READING_STOPPED
        | events::SESSION_VOIDED
        | events::RELEASE_WAITING
        | events::REQUEST_REFUSED
        | events::INTAKE
        | events::RECOVERY
        | events::CHAIN_REPAIRED
        | events::CLOCK_STEPPED_BACK => Severity::Warning,
        events::STATION_START
        | events::STATION_STOP
        | events::SESSION_RELEASED
        | events::REVIEW_DECIDED
        | events::HOLD_REPROCESSED
        | events::HOLD_DESTROYED
        | events::HOLD_EXPORTED
        | events::HOLDS_RESCANNED
        | events::RETENTION_RUN
        | events::CONFIGURATION_CHANGED
        | events::KEY_ROTATED
        | events::STATE_REBUILT
        | events::PAYLOAD_ERASED
        | events::WIPE_BEGUN => Severity::Notice,
        _ => Severity::Informational,
    }
}

/// A wipe that failed is an error; one whose outcome cannot be read any more may have failed.
fn wipe(record: &Shown) -> Severity {
    let outcome = match &record.payload {
        ShownPayload::Clear(payload) | ShownPayload::Opened(payload) => payload.get("outcome").and_then(Value::as_str),
        ShownPayload::Erased | ShownPayload::KeyAbsent | ShownPayload::Undecipherable => None,
    };
    match outcome {
        Some("wiped") => Severity::Notice,
        Some(_) => Severity::Error,
        None => Severity::Warning,
    }
}
