//! Encrypted volumes: recognised by their headers, and opened when a key fits.
//!
//! **Invariant (I6):** headers and content of an encrypted volume are foreign bytes, so they are read here, in the confined
//! worker, and not by a device mapper or a program of root. Keys arrive in the request and are wiped when it ends; no key
//! is in an answer. What a header asks for is compared with the policy before anything is spent (I10).
//!
//! **How to add a kind:** one module with an `open` like [`luks1::open`], and one line in [`recognise`] and [`unlock`].

mod bitlocker;
mod cipher;
mod kdf;
mod luks;
mod luks1;
mod luks2;
mod plain;

use crate::cache::Window;
use std::rc::Rc;
use wire::{Locked, Secret, Unlock, UnlockLimit, UnlockLimits};

/// The name of the kind of encrypted volume this is.
///
/// LUKS: on-disk format specifications 1.2.3 and 2 (`LUKS\xBA\xBE`, version); BitLocker: the OEM name of its boot sector,
/// and of BitLocker To Go the volume identifier beside a FAT name.
pub(crate) fn recognise(window: &Window) -> Option<&'static str> {
    let mut sector = [0u8; 512];
    window.read_exact_at(0, &mut sector).ok()?;
    match sector {
        [b'L', b'U', b'K', b'S', 0xBA, 0xBE, 0, 1, ..] => Some("luks1"),
        [b'L', b'U', b'K', b'S', 0xBA, 0xBE, ..] => Some("luks2"),
        _ if sector.get(3..11) == Some(&b"-FVE-FS-"[..]) => Some("bitlocker"),
        _ if sector.get(424..440) == Some(&bitlocker::VOLUME_IDENTIFIER[..]) => Some("bitlocker"),
        _ => None,
    }
}

/// The kind of encrypted volume whose first header is gone: asked when no reader knows the volume.
pub(crate) fn recognise_by_copy(window: &Window) -> Option<&'static str> {
    luks2::has_second_header(window).then_some("luks2")
}

/// The plain side of an encrypted volume.
///
/// # Errors
/// Why it stays closed.
pub(crate) fn unlock(kind: &str, volume: &Window, attempts: &mut Attempts<'_>) -> Result<Window, Locked> {
    let plain = match kind {
        "luks1" => luks1::open(volume, attempts)?,
        "luks2" => luks2::open(volume, attempts)?,
        "bitlocker" => bitlocker::open(volume, attempts)?,
        _ => return Err(Locked::Unsupported),
    };
    let length = plain.length();
    Ok(Window::new(Rc::new(plain), 0, length))
}

/// The keys of a medium, and what may still be spent on trying them.
pub(crate) struct Attempts<'a> {
    unlock: &'a Unlock,
    tries_left: &'a mut u32,
    /// Told before each derivation, which may take seconds.
    trying: &'a mut dyn FnMut(),
}

impl<'a> Attempts<'a> {
    /// `tries_left`: of [`UnlockLimits::max_tries`], for all volumes of a medium together.
    pub(crate) fn new(unlock: &'a Unlock, tries_left: &'a mut u32, trying: &'a mut dyn FnMut()) -> Self {
        Self { unlock, tries_left, trying }
    }

    fn keys(&self) -> &'a [Secret] {
        self.unlock.keys()
    }

    const fn limits(&self) -> &'a UnlockLimits {
        &self.unlock.limits
    }

    /// One derivation is about to be made.
    fn begin(&mut self) -> Result<(), Locked> {
        *self.tries_left = self
            .tries_left
            .checked_sub(1)
            .ok_or(Locked::Limit { limit: UnlockLimit::Tries, wanted: u64::from(self.limits().max_tries) + 1 })?;
        (self.trying)();
        Ok(())
    }

    /// Gives every key to every lock until one opens. Why not, if none does: a limit rather than a wrong key, because the
    /// key may be right.
    fn each<L, T>(
        &mut self,
        locks: &[L],
        mut attempt: impl FnMut(&mut Self, &L, &Secret) -> Result<Option<T>, Locked>,
    ) -> Result<T, Locked> {
        let mut why = if locks.is_empty() {
            Locked::Unsupported
        } else if self.keys().is_empty() {
            Locked::NoKey
        } else {
            Locked::WrongKey
        };
        for lock in locks {
            for key in self.keys() {
                match attempt(self, lock, key) {
                    Ok(Some(opened)) => return Ok(opened),
                    Ok(None) => {}
                    Err(refused @ Locked::Limit { limit: UnlockLimit::Tries, .. }) => return Err(refused),
                    Err(refused) => {
                        if why == Locked::WrongKey {
                            why = refused;
                        }
                    }
                }
            }
        }
        Err(why)
    }
}

/// The first `N` bytes at an offset, as an array.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Zero-terminated text in a field of fixed length.
fn text(bytes: &[u8], at: usize, length: usize) -> Option<&str> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
    std::str::from_utf8(field.get(..end)?).ok()
}
