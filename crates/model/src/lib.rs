//! States, findings, verdict lattice, policy, report: the words of the lock as types. Pure, no I/O.
//!
//! **Invariant:** nothing in here opens, reads or writes anything; every function is a function of its arguments.

pub mod active;
pub mod device;
pub mod finding;
pub mod format;
pub mod item;
pub mod names;
pub mod policy;
pub mod reason;
pub mod report;
pub mod review;
pub mod untrusted;
pub mod verdict;

pub use active::{ActiveContent, Removed};
pub use device::{DeviceKind, DeviceRecord};
pub use finding::{Effect, EngineStamp, Finding, FindingCode};
pub use format::{Action, Family, Format, FormatTable};
pub use item::{Cleared, Digest, Identified, Item, Sanitised, Scanned, Spooled, State, Step};
pub use policy::Policy;
pub use reason::Reason;
pub use review::{Exception, HoldClass};
pub use untrusted::{Untrusted, escape_bytes, escape_text};
pub use verdict::{Coverage, Verdict, judge};

/// Declares an enum whose variants have stable kebab-case codes, with serde, `as_str`, `FromStr`-like `from_code` and `ALL`.
macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $code)] $variant),+ }
        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The stable code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
            /// The value with this code, or `None`.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
pub(crate) use coded_enum;
