//! The transitions of a start, a session and the line, by name, and somebody who hears of each.
//!
//! The product hands in [`Unobserved`]. Tests hand in one that ends processes there (I8): a kill at any of these points must
//! leave nothing that the next start cannot put right.
//!
//! **Invariant:** hearing of a transition changes nothing about it: there is no return value, and nothing to configure.

macro_rules! transitions {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What has just become so. In the order of a session; what several items pass comes in turn for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Transition {
            $($(#[$doc])+ $name,)+
        }

        impl Transition {
            /// Every transition.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

transitions! {
    /// The station's key is there and the chain is open, repaired where needed.
    ChainOpened,
    /// The stores are open and the start is on record.
    StationStarted,
    /// The journal of a session that never ended was found; nothing has been done about it.
    RecoveryBegun,
    /// What became of that session is on record; its journal is still there.
    RecoveryRecorded,
    /// The start has put everything right.
    RecoveryEnded,
    /// The journal of a new session is there.
    JournalWritten,
    /// The beginning of the session is on record, durably; the reader is about to start.
    SessionRecorded,
    /// An entry of the medium was met.
    EntryMet,
    /// The inventory is complete.
    InventoryEnded,
    /// The content of an entry lies in the spool.
    ContentSpooled,
    /// An item was identified.
    Identified,
    /// An item was scanned; it has a verdict.
    Scanned,
    /// An item was cleared, and what becomes of it decided.
    Decided,
    /// An item passed stripping.
    Stripped,
    /// A page or picture came from the renderer, which may be at work on the next.
    PageRendered,
    /// Finished bytes lie in the spool, not verified.
    Converted,
    /// Finished bytes were accepted: there is an artefact.
    Verified,
    /// An item is about to be held.
    HoldBegun,
    /// The original of an item lies in the quarantine, durably; nothing about it is on record.
    HoldSealed,
    /// An item ended; its event is queued for the chain.
    ItemEnded,
    /// The members of an archive entered the line.
    MembersTaken,
    /// Every item ended, and the sums add up.
    Reconciled,
    /// The hidden folder of the release is there, in the outbox.
    ReleaseBegun,
    /// An item's artefacts lie in the hidden folder.
    ArtefactsWritten,
    /// Every item is on record, durably.
    ItemsRecorded,
    /// The report lies in the hidden folder.
    ReportWritten,
    /// Manifest and signature lie in the hidden folder of the outbox, everything is synced.
    ReleaseSealed,
    /// The release lies in the outbox under its name; nothing of it is on its target.
    ReleaseQueued,
    /// The release is visible on its target; that is not on record.
    ReleasePublished,
    /// The end of the session is on record with a signed checkpoint; its journal is still there.
    AuditClosed,
    /// The release has left the outbox.
    OutboxCleared,
    /// The journal is gone: the session is over.
    JournalClosed,
}

/// Hears of transitions. Called from several tasks and threads, inside the line: it must be quick.
pub trait Transitions: Send + Sync + std::fmt::Debug {
    /// `transition` has just happened.
    fn reached(&self, transition: Transition);
}

/// Nobody listens: what the product hands in.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Transitions for Unobserved {
    fn reached(&self, _transition: Transition) {}
}
