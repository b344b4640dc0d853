//! Kill it anywhere (I8): a session in which something is ended with SIGKILL at a chosen moment, the next start, and what
//! must hold after both.
//!
//! The session is that of `killable`, which opens the station as the product does and hands in its own
//! [`pipeline::Transitions`], or that of the product itself, killed from outside. The next start is always the product's.

mod after;
mod compare;
mod random;
mod rig;
mod victim;

pub use random::{Tally, medium, random_rounds, small_medium};
pub use rig::{Moment, Rig, Round, SessionEnd};
pub use victim::Victim;
