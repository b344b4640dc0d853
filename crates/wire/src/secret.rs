//! Passwords and recovery keys on their way to the one worker that tries them.
//!
//! **Invariant:** a secret is never shown, and its memory is wiped when it is dropped. It crosses in the job channel only:
//! not in an argument, an environment, a file, a log or an answer.

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Longest secret in bytes.
// BOUND: cryptsetup takes 512 characters from a person; BitLocker 256.
pub const MAX_SECRET_BYTES: usize = 512;
/// Most secrets of one order.
// BOUND: a person who tries more does not know the password; each one costs seconds per key slot.
pub const MAX_SECRETS: usize = 16;

/// A password or recovery key; at least one byte, at most [`MAX_SECRET_BYTES`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a password; `None` when it is empty or too long.
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (1..=MAX_SECRET_BYTES).contains(&text.len()).then_some(Self(text))
    }

    /// The password, for the derivation of a key and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Secret::new(Zeroizing::new(text.to_owned())).ok_or_else(|| E::custom("length of a secret"))
            }
        }
        // Borrowed, so that no copy is made that nobody wipes.
        deserializer.deserialize_str(Text)
    }
}

/// What may be spent on the keys of encrypted volumes (policy: `unlock.*`); what a header asks for beyond it stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnlockLimits {
    /// Memory of one Argon2 derivation, MiB.
    pub max_kdf_memory_mib: u32,
    /// Memory times passes of one Argon2 derivation, MiB.
    pub max_kdf_fill_mib: u32,
    /// Rounds of one PBKDF2 derivation: iterations for each digest that the key is long.
    pub max_kdf_iterations: u32,
    /// Derivations on one medium.
    pub max_tries: u32,
}

/// What encrypted volumes are opened with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unlock {
    /// Passwords and recovery keys; each is tried on every encrypted volume.
    keys: Vec<Secret>,
    /// What that may cost.
    pub limits: UnlockLimits,
}

impl Unlock {
    /// These keys; `None` when they are more than [`MAX_SECRETS`].
    pub fn new(keys: Vec<Secret>, limits: UnlockLimits) -> Option<Self> {
        (keys.len() <= MAX_SECRETS).then_some(Self { keys, limits })
    }

    /// The keys, in the order given.
    pub fn keys(&self) -> &[Secret] {
        &self.keys
    }
}

impl Serialize for Unlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.keys, self.limits).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Unlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (keys, limits) = <(Vec<Secret>, UnlockLimits)>::deserialize(deserializer)?;
        if keys.len() > MAX_SECRETS {
            return Err(D::Error::custom("number of secrets"));
        }
        Ok(Self { keys, limits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[test]
    fn secrets_are_bounded_and_never_shown() {
        assert!(Secret::new(Zeroizing::new(String::new())).is_none());
        assert!(Secret::new(Zeroizing::new("x".repeat(MAX_SECRET_BYTES + 1))).is_none());
        assert!(Unlock::new(vec![secret("Kennwort"); MAX_SECRETS + 1], UnlockLimits::default()).is_none());
        let unlock = Unlock::new(vec![secret("Kennwort"); MAX_SECRETS], UnlockLimits::default()).unwrap();
        assert_eq!(unlock.keys().len(), MAX_SECRETS);
        assert!(!format!("{unlock:?}").contains("Kennwort"));
    }

    #[test]
    fn what_crosses_is_bounded_again() {
        let unlock = Unlock::new(vec![secret("a"), secret("ü")], UnlockLimits { max_tries: 3, ..UnlockLimits::default() }).unwrap();
        let bytes = postcard::to_stdvec(&unlock).unwrap();
        assert_eq!(postcard::from_bytes::<Unlock>(&bytes).unwrap(), unlock);
        let many = postcard::to_stdvec(&(vec![secret("a"); MAX_SECRETS + 1], unlock.limits)).unwrap();
        assert!(postcard::from_bytes::<Unlock>(&many).is_err());
        let long = postcard::to_stdvec(&(vec!["x".repeat(MAX_SECRET_BYTES + 1)], unlock.limits)).unwrap();
        assert!(postcard::from_bytes::<Unlock>(&long).is_err());
    }
}
