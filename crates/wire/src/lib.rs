//! Framed, versioned, length-capped messages between supervisor and worker.
//!
//! A job is one [`Request`] with at most one descriptor, sent over the worker's job channel (a Unix stream socket,
//! descriptor passed with `SCM_RIGHTS`). The worker answers on one pipe in [`Frame`]s: control messages ([`Answer`]) and
//! raw bytes (pixels, member content). What follows what is written at each request.
//!
//! **Invariant:** no length is believed before it is compared with its cap; strings from a worker arrive as
//! [`Foreign`] and leave only as [`model::Untrusted`]. Requests may hold secrets ([`Secret`]): their buffers are wiped.

pub mod channel;
pub mod foreign;
pub mod frame;
pub mod message;
pub mod mount;
pub mod secret;

pub use channel::{receive_mount_answer, receive_mount_request, receive_request, send_mount_answer, send_mount_request, send_request};
pub use foreign::Foreign;
pub use frame::{Frame, FrameReader, FrameWriter, MAX_FRAME_BYTES, VERSION, WireError};
pub use message::{
    Answer, AreaKind, EntryKind, Failure, Inspected, Locked, OfficeJob, PageStart, PixelFormat, RawFinding, RawRemoved, RenderLimits,
    Request, RuleSource, SAMPLE_PASSWORD, TextEncoding, TextPiece, UnlockLimit, UnpackLimits, VerifyKind, VolumeInfo, YaraHit,
};
pub use mount::{MountAnswer, MountRefusal, MountRequest};
pub use secret::{MAX_SECRET_BYTES, MAX_SECRETS, Secret, Unlock, UnlockLimits};
