//! The roles a worker can be started in.

use std::str::FromStr;

/// What a worker is for; decides its root directory, its Landlock rules and its seccomp profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads a directory tree below one handed-over directory descriptor.
    Tree,
    /// Reads partitions and file systems from descriptors.
    Read,
    /// Identifies formats, opens archives, runs rules.
    Inspect,
    /// Turns documents and images into pixels and text.
    Render,
    /// Like [`Role::Render`], through LibreOffice, which it may exec inside its own jail.
    RenderOffice,
    /// Verifies finished artefacts.
    Verify,
}

/// The word is not the name of a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a worker role; known are tree, read, inspect, render, render-office and verify.")]
pub struct UnknownRole(pub String);

impl Role {
    /// All roles, in the order of the line.
    pub const ALL: [Self; 6] = [Self::Tree, Self::Read, Self::Inspect, Self::Render, Self::RenderOffice, Self::Verify];

    /// The role's name as the worker's first argument spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Read => "read",
            Self::Inspect => "inspect",
            Self::Render => "render",
            Self::RenderOffice => "render-office",
            Self::Verify => "verify",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("Render".parse::<Role>().is_err());
    }
}
