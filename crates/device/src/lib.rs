//! Block devices as the supervisor sees them: which are there, what they are, whether they may be read, and the way to a
//! descriptor that cannot write.
//!
//! **Invariant:** nothing in here reads a byte of a medium. What a device is comes from sysfs, what happens to it from udev,
//! and descriptors come from `schleuse-mountd`, which has set the device read-only before it hands one out (I5).
//!
//! A crate of its own because it links the C library libudev, which must never be linked into a worker, and need not be into
//! the tests of the line.

pub mod attach;
pub mod authorise;
pub mod discovery;
pub mod facts;
pub mod judgement;
pub mod watch;

pub use attach::{AttachError, Mountd};
pub use authorise::{AuthoriseError, deauthorise};
pub use discovery::{Change, Discovery, Happening};
pub use facts::{DeviceFacts, FactsError, Interface, Partition, block_names, facts, name_of_node};
pub use judgement::{Judgement, Refusal, judge};
pub use watch::{Look, Watch, WatchError, look};
