//! Values on their way across: written by a worker, believed by nobody.

use model::Untrusted;
use serde::{Deserialize, Serialize};

/// A value a worker sends. The supervisor can only turn it into a [`model::Untrusted`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign<T>(T);

impl<T> Foreign<T> {
    /// Wraps a value on the worker's side.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
    /// The value as the supervisor may hold it.
    pub fn into_untrusted(self) -> Untrusted<T> {
        Untrusted::new(self.0)
    }
}

impl<T> std::fmt::Debug for Foreign<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Foreign(..)")
    }
}
