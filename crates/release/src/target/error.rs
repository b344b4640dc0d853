//! What can go wrong with a target, sorted by what helps.

use model::escape_text;
use std::io;
use std::path::PathBuf;

/// Why something could not be delivered. Each text says what happened, where, and what to do; none holds a secret, and what
/// came from elsewhere is escaped in it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Away: not mounted, no connection, silent for too long.
    #[error("{place} cannot be reached: {cause}. The release waits in the outbox; check server, network and mount")]
    Gone {
        /// Which target.
        place: String,
        /// What was seen.
        cause: String,
    },
    /// No room.
    #[error("{place} has no room: {cause}. The release waits in the outbox; make room there")]
    Full {
        /// Which target.
        place: String,
        /// What was seen.
        cause: String,
    },
    /// The target, or this program, refuses to work with the other: permission, login, encryption, host key.
    #[error("{place} is refused: {cause}. The release waits in the outbox; check account, permission and encryption")]
    Denied {
        /// Which target.
        place: String,
        /// What was seen.
        cause: String,
    },
    /// Something else has the name.
    #[error("{place} already has \"{name}\", and it is not this release; nothing was overwritten. Move it away")]
    Exists {
        /// Which target.
        place: String,
        /// The name.
        name: String,
    },
    /// The target cannot have such a name or file, ever.
    #[error("{place} does not take \"{name}\": {cause}. The release waits in the outbox; choose another target, or shorter names")]
    Refused {
        /// Which target.
        place: String,
        /// What it does not take.
        name: String,
        /// What was seen.
        cause: String,
    },
    /// The target gives back other bytes than it was given, again and again.
    #[error("{place} changes what is written: \"{name}\" reads back differently after {attempts} attempts. Check the target's disk")]
    Altered {
        /// Which target.
        place: String,
        /// Which file.
        name: String,
        /// How often it was written.
        attempts: u32,
    },
    /// The sealed folder is no longer what was sealed; nothing of it was made visible.
    #[error("the sealed release {path} is not what was sealed: {cause}")]
    Outbox {
        /// Which folder.
        path: PathBuf,
        /// What is wrong.
        cause: OutboxFault,
    },
}

/// What is wrong with a sealed folder.
#[derive(Debug, thiserror::Error)]
pub enum OutboxFault {
    /// Something in it cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The manifest is none.
    #[error("its manifest is not in the form this program writes")]
    Manifest,
    /// The signature does not hold.
    #[error("its signature does not match its manifest")]
    Signature,
    /// A file was changed; escaped.
    #[error("\"{0}\" was changed")]
    Changed(String),
    /// The session's name cannot be the name of a folder; escaped.
    #[error("\"{0}\" cannot be the name of a release")]
    Session(String),
}

impl TargetError {
    /// [`TargetError::Gone`], escaped.
    pub fn gone(place: &str, cause: impl AsRef<str>) -> Self {
        Self::Gone { place: place.into(), cause: escape_text(cause.as_ref()) }
    }
    /// [`TargetError::Full`], escaped.
    pub fn full(place: &str, cause: impl AsRef<str>) -> Self {
        Self::Full { place: place.into(), cause: escape_text(cause.as_ref()) }
    }
    /// [`TargetError::Denied`], escaped.
    pub fn denied(place: &str, cause: impl AsRef<str>) -> Self {
        Self::Denied { place: place.into(), cause: escape_text(cause.as_ref()) }
    }
    /// [`TargetError::Exists`], escaped.
    pub fn exists(place: &str, name: &str) -> Self {
        Self::Exists { place: place.into(), name: escape_text(name) }
    }
    /// [`TargetError::Refused`], escaped.
    pub fn refused(place: &str, name: &str, cause: impl AsRef<str>) -> Self {
        Self::Refused { place: place.into(), name: escape_text(name), cause: escape_text(cause.as_ref()) }
    }

    /// Whether the same call may work later without anybody changing the release: it waits. Otherwise a person decides.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Gone { .. } | Self::Full { .. } | Self::Denied { .. } | Self::Altered { .. } => true,
            Self::Exists { .. } | Self::Refused { .. } | Self::Outbox { .. } => false,
        }
    }

    /// One word for records: `gone`, `full`, `denied`, `exists`, `refused`, `altered`, `outbox`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "gone",
            Self::Full { .. } => "full",
            Self::Denied { .. } => "denied",
            Self::Exists { .. } => "exists",
            Self::Refused { .. } => "refused",
            Self::Altered { .. } => "altered",
            Self::Outbox { .. } => "outbox",
        }
    }

    /// What a failure of a system call at `name` means.
    pub(super) fn of_call(place: &str, name: &str, error: &io::Error) -> Self {
        use rustix::io::Errno;
        let cause = || error.to_string();
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Self::full(place, cause()),
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::denied(place, format!("{name}: {}", cause())),
            Some(Errno::LOOP | Errno::XDEV) => Self::denied(place, format!("{name}: a link lies where a folder or file should")),
            Some(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR | Errno::ISDIR) => Self::exists(place, name),
            Some(Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ | Errno::FBIG) => Self::refused(place, name, cause()),
            // Input/output errors, stale handles, dead file servers, and what is gone with its parent.
            _ => Self::gone(place, if name.is_empty() { cause() } else { format!("{name}: {}", cause()) }),
        }
    }
}
