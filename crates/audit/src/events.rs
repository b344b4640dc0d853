//! Names of events. They stand in chains that outlive this program: never rename one, only add.

/// The station began work.
pub const STATION_START: &str = "station-start";
/// The station ended work in order.
pub const STATION_STOP: &str = "station-stop";
/// The policy now in force (hash, source).
pub const POLICY_IN_FORCE: &str = "policy-in-force";
/// The engines now in force (versions, signature dates).
pub const ENGINES_IN_FORCE: &str = "engines-in-force";
/// The confinement now in force (what accounts for resources, how many forbidden attempts were denied).
pub const CONFINEMENT_IN_FORCE: &str = "confinement-in-force";
/// A session was opened.
pub const SESSION_OPENED: &str = "session-opened";
/// A medium was attached, read-only.
pub const MEDIUM_ATTACHED: &str = "medium-attached";
/// A medium's device was refused by the device policy; nothing of it was read.
pub const MEDIUM_REFUSED: &str = "medium-refused";
/// An item lies in the spool, with its digest.
pub const ITEM_SPOOLED: &str = "item-spooled";
/// Policy decided on an item.
pub const ITEM_DECIDED: &str = "item-decided";
/// An item was withheld.
pub const ITEM_WITHHELD: &str = "item-withheld";
/// An item's artefact was released.
pub const ITEM_RELEASED: &str = "item-released";
/// An item could not be read from the medium.
pub const ITEM_UNREADABLE: &str = "item-unreadable";
/// Reading a medium ended before its end.
pub const READING_STOPPED: &str = "reading-stopped";
/// The wiping of a medium begins, or goes on after an interruption; nothing was written before this record.
pub const WIPE_BEGUN: &str = "wipe-begun";
/// The wiping of a medium ended, with its outcome and the digest of its certificate.
pub const WIPE_ENDED: &str = "wipe-ended";
/// A session's artefacts are all on the release target.
pub const SESSION_RELEASED: &str = "session-released";
/// A session was closed: its sums add up.
pub const SESSION_CLOSED: &str = "session-closed";
/// A session was voided: nothing of it counts as released.
pub const SESSION_VOIDED: &str = "session-voided";
/// A session is reconciled and its release is finished, but its target cannot be reached; it is queued.
pub const RELEASE_WAITING: &str = "release-waiting";
/// A reviewer's decision about a hold (approve, reject), with its reason.
pub const REVIEW_DECIDED: &str = "review-decided";
/// A decision or other request of a person was refused, and why.
pub const REQUEST_REFUSED: &str = "request-refused";
/// A hold went through the line again under a named exception, with its outcome.
pub const HOLD_REPROCESSED: &str = "hold-reprocessed";
/// The original of a hold was destroyed: by a reviewer, or because its time was over.
pub const HOLD_DESTROYED: &str = "hold-destroyed";
/// The original of a hold was handed out as a sample.
pub const HOLD_EXPORTED: &str = "hold-exported";
/// Holds were looked at again with the engines in force, and what changed.
pub const HOLDS_RESCANNED: &str = "holds-rescanned";
/// Content that was released is named by a new rule, signature or list.
pub const RETRO_HIT: &str = "retro-hit";
/// What was due was deleted.
pub const RETENTION_RUN: &str = "retention-run";
/// The line was tried with known content, and how it did.
pub const CANARIES_TRIED: &str = "canaries-tried";
/// Intake stopped, or goes on again.
pub const INTAKE: &str = "intake";
/// A configuration file of the station changed.
pub const CONFIGURATION_CHANGED: &str = "configuration-changed";
/// The station's signing key was replaced. Written by the log itself.
pub const KEY_ROTATED: &str = "key-rotated";
/// The index was built anew.
pub const STATE_REBUILT: &str = "state-rebuilt";
/// The station could not work.
pub const STATION_FAULT: &str = "station-fault";
/// A restart finished or voided what it found.
pub const RECOVERY: &str = "recovery";
/// Signature over everything before it. Written by the log itself.
pub const CHECKPOINT: &str = "checkpoint";
/// Records missing from the chain after a crash were restored from `HEAD`. Written by the log itself.
pub const CHAIN_REPAIRED: &str = "chain-repaired";
/// A session's payload key was destroyed. Written by the log itself.
pub const PAYLOAD_ERASED: &str = "payload-erased";
/// The clock shows an earlier time than the record before. Written by the log itself.
pub const CLOCK_STEPPED_BACK: &str = "clock-stepped-back";

/// Whether only the log itself may write `event`.
pub(crate) fn is_reserved(event: &str) -> bool {
    matches!(event, CHECKPOINT | KEY_ROTATED | CHAIN_REPAIRED | PAYLOAD_ERASED | CLOCK_STEPPED_BACK)
}
