//! What supervisor and `schleuse-mountd` say to each other: one request, one answer, names only.

use serde::{Deserialize, Serialize};

/// Longest message.
// BOUND: two short names; a kernel name has at most 31 bytes (`DISK_NAME_LEN`).
pub const MAX_MOUNT_BYTES: usize = 256;

/// What is asked for. Devices are named as the kernel names them (`sdb`, `sdb1`), never by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountRequest {
    /// Set the disk and all its partitions read-only, and open it. → [`MountAnswer::Attached`] with a descriptor.
    Attach {
        /// The whole disk.
        device: String,
    },
    /// Set the disk read-only as before, and mount it or one of its partitions, detached. → [`MountAnswer::Mounted`] with
    /// the descriptor of the root directory.
    Mount {
        /// The whole disk or a partition.
        device: String,
        /// The kernel's name of the file system.
        file_system: String,
    },
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountAnswer {
    /// The disk is read-only and open; the descriptor comes with this.
    Attached {
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// The file system is mounted read-only; the descriptor of its root comes with this.
    Mounted,
    /// It is not done.
    Refused(MountRefusal),
}

/// Why it is not done. Numbers are those of `errno(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MountRefusal {
    /// Not a name of the kernel's form.
    #[error("the name is none a kernel gives a block device")]
    Name,
    /// No such block device, or a partition where a disk is wanted.
    #[error("there is no such block device")]
    Absent,
    /// A disk of the machine itself, or of a kind that is not attached.
    #[error("it is not a removable device (USB, optical, card)")]
    NotRemovable,
    /// Somebody has it open for himself, or mounted.
    #[error("somebody else uses it; it is mounted, or part of something that is")]
    Busy,
    /// It cannot be opened.
    #[error("it cannot be opened (error {0})")]
    Open(i32),
    /// It will not be set read-only, or says afterwards that it is not.
    #[error("it cannot be set read-only (error {0})")]
    NotReadOnly(i32),
    /// Not a file system that is mounted here.
    #[error("file systems of this name are not mounted here")]
    FileSystem,
    /// The kernel does not mount it.
    #[error("the kernel does not mount it (error {0})")]
    Mount(i32),
}
