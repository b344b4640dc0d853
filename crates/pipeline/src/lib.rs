//! The line: the order in which an item passes the stages, and everything around it: sessions, budgets, recovery.
//!
//! Read [`line`] first: it is the line of DESIGN section 3, in one screen. Stage files carry the stage's name. Nothing in
//! here parses a foreign format (I6); that is asked of confined workers through [`workers`].

mod alone;
pub mod canary;
pub mod confinement;
mod control;
mod encode;
pub mod fault;
pub mod journal;
pub mod line;
pub mod metrics;
mod names;
mod outbox;
pub mod progress;
mod reading;
mod record;
mod recovery;
mod rescan;
pub mod session;
pub mod source;
mod stage;
pub mod station;
pub mod transition;
pub mod workers;

pub use alone::{ReadAlone, read_alone};
pub use fault::{HoldRefusal, StationFault};
pub use outbox::{Delivery, ReleaseTo, Waiting};
pub use progress::{Progress, Quiet};
pub use record::{Recorder, STATION};
pub use rescan::{Rescanned, RetroHit, RetroHits, pack_hold, rescan_hold, retro_hits};
pub use session::{Again, Finished, Order, process, process_hold};
pub use source::{Attached, AttachedVolume, DeviceSource};
pub use station::{Settings, Station};
pub use transition::{Transition, Transitions, Unobserved};
pub use workers::pack_sample;
