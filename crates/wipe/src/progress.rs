//! Hearing how far a wipe has come.

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// An interrupted wipe goes on.
    Resumed {
        /// Pass, from 1; the last one when only read-back or formatting are left.
        pass: u32,
        /// Byte.
        offset: u64,
    },
    /// A pass is being written.
    Writing {
        /// Pass, from 1.
        pass: u32,
        /// Passes in all.
        passes: u32,
        /// Bytes written in this pass.
        offset: u64,
        /// Bytes of the medium.
        size: u64,
        /// Whether they are on the medium, and in the journal.
        synced: bool,
    },
    /// The device erases itself; this can take hours, without further word.
    Native,
    /// The last pass is being read back.
    Reading {
        /// Bytes read.
        offset: u64,
        /// Bytes of the medium.
        size: u64,
    },
    /// The file system is being written.
    Formatting,
}

/// Hears of each step.
pub trait Progress {
    /// The wipe has reached `at`.
    fn reached(&self, at: At);
}

/// Hears and says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn reached(&self, _at: At) {}
}
