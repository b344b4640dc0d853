//! Worker-side parsing of foreign bytes: what they are, what can act inside them, what an archive holds, what YARA says.
//!
//! Everything here works on a [`Content`], a view on bytes that somebody else opened. [`inspect()`] identifies and scans,
//! [`strip()`] rewrites a document without its active content, [`unpack()`] hands out the members of an archive.
//!
//! **Invariant:** no function here opens a file, a socket or a thread; no length a file claims is believed before the
//! bytes have been counted; every loop over foreign bytes is bounded. What cannot be read whole is a finding, never
//! silence.

pub mod active;
pub mod archive;
pub mod content;
pub mod identify;
mod inspection;
mod pack;
mod parts;
pub mod strip;
pub mod vba;
mod xml;
pub mod yara;

pub use archive::{MemberSink, UnpackError, unpack};
pub use content::{Content, ContentError};
pub use inspection::inspect;
pub use pack::{PackError, pack};
pub use strip::{StripError, strip};
pub use yara::{Rules, RulesError, ScanError};
