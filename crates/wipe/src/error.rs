//! Why a wipe does not begin ([`Refusal`]), and why it cannot go on ([`WipeFault`]).
//!
//! Trouble with the medium itself is neither: it is a bad range, and the certificate says so.

use model::escape_text;
use std::io;
use std::path::{Path, PathBuf};

/// A path for people: whoever named the file chose its characters.
fn shown(path: &Path) -> String {
    escape_text(&path.to_string_lossy())
}

/// The target must not or need not be wiped; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not there, or cannot be looked at.
    #[error("{} cannot be looked at: {source}", shown(.path))]
    Look {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is neither a block device nor a regular file.
    #[error("{} is neither a block device nor an image file", shown(.path))]
    Kind {
        /// Which.
        path: PathBuf,
    },
    /// The kernel does not know the device.
    #[error("the kernel knows no device behind {}", shown(.path))]
    Unknown {
        /// Which.
        path: PathBuf,
    },
    /// A partition: the table and what lies outside of it would stay.
    #[error("{name} is a partition; name the whole device")]
    Partition {
        /// Kernel name.
        name: String,
    },
    /// Made of other devices (device mapper, md).
    #[error("{name} is made of other devices ({below}); name those")]
    Composed {
        /// Kernel name.
        name: String,
        /// What it is made of.
        below: String,
    },
    /// The system runs from it.
    #[error("{name} is a system disk: {use_} is on it")]
    SystemDisk {
        /// Kernel name.
        name: String,
        /// Mount point or swap.
        use_: String,
    },
    /// It is mounted.
    #[error("{name} is in use: it is mounted at {mount_point}. Unmount it first")]
    Mounted {
        /// Kernel name or path.
        name: String,
        /// Where, escaped.
        mount_point: String,
    },
    /// Another device stands on it (LVM, LUKS, md, a loop device over the image).
    #[error("{name} is in use by {holder}")]
    Held {
        /// Kernel name or path.
        name: String,
        /// By which device.
        holder: String,
    },
    /// Somebody else has it open exclusively.
    #[error("{} is in use by another program or mount", shown(.path))]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// A CD, DVD or Blu-ray: what is on it cannot be overwritten.
    #[error("{name} is an optical drive; discs are not overwritten but destroyed physically")]
    Optical {
        /// Kernel name.
        name: String,
    },
    /// Write-protected.
    #[error("{name} is write-protected, by a switch or by the read-only rule of a lock; without that rule it can be wiped: docs/WIPE.md")]
    ReadOnly {
        /// Kernel name or path.
        name: String,
    },
    /// Nothing in the drive, or an empty file.
    #[error("{name} has no medium in it, or is empty")]
    Empty {
        /// Kernel name or path.
        name: String,
    },
    /// The image belongs to this station.
    #[error("{} lies in the station's own state directory", shown(.path))]
    OwnState {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be opened for writing.
    #[error("{} cannot be opened for writing: {source}", shown(.path))]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Between the look and the opening something else took its place.
    #[error("{} is no longer what it was a moment ago", shown(.path))]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// What was typed is not the serial number.
    #[error("{typed:?} is not the serial number of this medium; nothing was written")]
    SerialWrong {
        /// What was typed, escaped.
        typed: String,
    },
    /// Too few or too many passes.
    #[error("{passes} passes were asked for; at least {least} and at most {most} are made")]
    Passes {
        /// What was asked for.
        passes: u32,
        /// Least.
        least: u32,
        /// Most.
        most: u32,
    },
    /// The medium cannot be formatted so.
    #[error("this medium of {size_bytes} bytes cannot be formatted as {file_system}: {why}")]
    Format {
        /// As what.
        file_system: &'static str,
        /// Size of the medium.
        size_bytes: u64,
        /// Why.
        why: &'static str,
    },
    /// The label cannot be written.
    #[error("{label:?} cannot be a label: 1 to 11 of A-Z, 0-9, blank, - and _")]
    Label {
        /// The label, escaped.
        label: String,
    },
}

/// The station cannot go on; where it stopped stands in the journal, and the next call goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum WipeFault {
    /// The random stream refused; cannot happen with the keys and addresses used here.
    #[error("the random stream cannot be made")]
    Stream,
    /// A thread of this program ended early.
    #[error("a part of the program ended early: {0}")]
    Internal(&'static str),
    /// Journal, key or certificate cannot be read or written.
    #[error("{} cannot be used: {source}", shown(.path))]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The medium went away in the middle.
    #[error("the medium was removed at byte {offset}; insert it again and repeat the command, which goes on from there")]
    Removed {
        /// Where.
        offset: u64,
    },
    /// The medium became write-protected in the middle.
    #[error("the medium was made read-only at byte {offset}, by this machine's rules or by itself (docs/WIPE.md); then repeat the command")]
    ReadOnly {
        /// Where.
        offset: u64,
    },
    /// Keys or audit chain.
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    /// The certificate folder.
    #[error(transparent)]
    Release(#[from] release::ReleaseError),
    /// The certificate could not be written as PDF.
    #[error("the certificate could not be written: {0}")]
    Pdf(#[from] flatpdf::writer::WriteError),
    /// The certificate did not pass the strict verifier, or there was none to ask.
    #[error("the certificate's PDF was not accepted by the verifier: {0}")]
    PdfRejected(String),
    /// The certificate could not be written as JSON.
    #[error("the certificate could not be written: {0}")]
    Json(serde_json::Error),
}

/// Either of the two.
#[derive(Debug, thiserror::Error)]
pub enum WipeError {
    /// Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something may have been written.
    #[error(transparent)]
    Fault(#[from] WipeFault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_escaped() {
        let path = || PathBuf::from("a\u{1b}[2Jb\u{202e}");
        let source = || io::Error::other("x");
        let refusals = [
            Refusal::Look { path: path(), source: source() },
            Refusal::Kind { path: path() },
            Refusal::Unknown { path: path() },
            Refusal::Busy { path: path() },
            Refusal::OwnState { path: path() },
            Refusal::Open { path: path(), source: source() },
            Refusal::Changed { path: path() },
        ];
        let said = refusals.iter().map(ToString::to_string).chain([WipeFault::State { path: path(), source: source() }.to_string()]);
        for said in said {
            assert!(!said.contains(['\u{1b}', '\u{202e}']) && said.contains(&escape_text(&path().to_string_lossy())), "{said:?}");
        }
    }
}
