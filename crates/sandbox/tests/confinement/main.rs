//! Real confinement on this machine: what a worker can do, what it cannot, and what the supervisor sees of its end.
//!
//! Nothing is mocked. A machine that cannot confine fails these tests, as it would refuse the work.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;
mod cost;
mod forbidden;
mod life;
mod office;
mod tree;
mod users;
