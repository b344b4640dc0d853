//! Time and randomness, handed in so that a test or a replay decides them.
//!
//! **Invariant.** [`SystemClock`] is the one place of the program that reads the machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use crate::AuditError;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z, negative before. It may step back; the chain records that.
    fn now_unix_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the machine's clock")]
    fn now_unix_ms(&self) -> i64 {
        // Milliseconds since 1970 leave i64 only in 292 million years; saturating is exact until then.
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }
}

/// Gives unpredictable bytes for keys and nonces.
pub trait Entropy: Send + Sync {
    /// Fills `buf` completely.
    ///
    /// # Errors
    /// [`AuditError::Entropy`] when no randomness can be had; `buf` must then not be used.
    fn fill(&self, buf: &mut [u8]) -> Result<(), AuditError>;
}

/// The kernel's random generator (`getrandom(2)`).
#[derive(Debug, Clone)]
pub struct OsEntropy(SystemRandom);

impl OsEntropy {
    /// A handle to the kernel's generator; costs nothing.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for OsEntropy {
    fn fill(&self, buf: &mut [u8]) -> Result<(), AuditError> {
        self.0.fill(buf).map_err(|_unspecified| AuditError::Entropy)
    }
}
