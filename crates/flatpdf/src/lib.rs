//! Pixels to flattened PDF, and the strict verifier that shares nothing with it.

pub mod verify;
pub mod writer;
