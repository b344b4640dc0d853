//! The readers against media made by other programs, and against media made to hurt them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, both are how it fails")]

mod attacks;
mod common;
mod foreign;
mod image;
mod mutations;
mod partition_tables;
mod tree;
mod unlock;
mod unlock_bitlocker;
mod unlock_mutations;
