//! Encrypted volumes around any plain one: LUKS and BitLocker, with derivations that take no time where the format allows.
//!
//! **Invariant:** keys, salts and nonces are fixed; two volumes of one content are equal. These builders are proven by other
//! programs (cryptsetup, dislocker), because builder and reader could otherwise share a mistake.

pub mod bitlocker;
mod ciphers;
pub mod luks;

pub use bitlocker::{BitLocker, bitlocker};
pub use luks::{luks1, luks2};
