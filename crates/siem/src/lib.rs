//! Forwards the audit chain to a syslog collector (RFC 5424) over UDP, TCP or TLS (DESIGN.md section 8).
//!
//! The queue is the chain itself. A cursor (`STATE/siem/cursor.json`) names the last record the collector took; what stands
//! behind it in the chain is still to be sent. So nothing is lost while the collector is away, and nothing is kept twice.
//! Each message carries the position `SEQ:HASH` of its record: the collector holds anchors of the chain outside of the
//! station, which `schleuse audit verify --anchor` takes.
//!
//! **Invariants.** Forwarding never holds a session up: it has a thread of its own, which only reads the chain. Records go
//! out in the chain's order, each once; after a kill or a power loss the last ones may come again (a record is sent, then
//! the cursor moves), and `seq` tells. Over TLS nothing leaves before the collector's certificate was checked. Unless the
//! policy says `siem.payload`, nothing of a sealed payload leaves, and of a clear one numbers, yes/no and digests only.
//! One message is one well-formed line of printable ASCII, whatever stands in a payload.
//!
//! # What "taken" means
//!
//! Plain syslog has no acknowledgement. A record counts as taken when it was written, flushed, and the connection was not
//! closed by then. What a collector had received, but not stored, when it died is not sent again; over UDP neither is what
//! the network drops.

mod cursor;
mod error;
mod forwarder;
mod link;
mod message;
mod outgoing;
mod queue;
mod render;
mod severity;
mod tls;

pub use error::SiemError;
pub use forwarder::{Counts, Forwarding, start};
pub use message::{FACILITY_LOCAL0, MAX_DATAGRAM_BYTES, MAX_MESSAGE_BYTES, STRUCTURED_DATA_ID};
pub use outgoing::{Outcome, send_queued, send_test};
pub use severity::{Severity, severity_of};

use audit::Position;
use model::policy::SiemPolicy;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whether the collector can be reached, and over TLS is who it should be. Nothing is sent.
///
/// # Errors
/// What keeps it from being reached; no collector in the policy.
pub fn reach(policy: &SiemPolicy) -> Result<(), SiemError> {
    link::Link::connect(policy, Instant::now() + Duration::from_secs(policy.stall_seconds.into())).map(drop)
}

/// The last record of the chain below `state` that the collector took; the start of the chain when none was.
pub fn taken(state: &Path) -> Position {
    cursor::read(&cursor::path(state)).unwrap_or(Position::START)
}
