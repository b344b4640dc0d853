//! Names in the release, release targets, and who releases where.

use super::{Bounds, PolicyError};
use crate::escape_text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names in the release, where releases go, and how often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReleasePolicy {
    /// Longest file name in UTF-16 units (NTFS, SMB: 255).
    pub max_name_units: u32,
    /// Longest relative path in UTF-16 units.
    pub max_path_units: u32,
    /// Whether a session without an owner is refused.
    pub require_owner: bool,
    /// How often one file is tried before the target counts as gone.
    pub attempts: u32,
    /// Milliseconds before the second attempt; twice as long before each one after it.
    pub backoff_ms: u32,
    /// Seconds a target may be silent before it counts as gone.
    pub stall_seconds: u32,
    /// Seconds a session waits for its target; after them its release stays queued and the session ends.
    pub wait_seconds: u32,
    /// Bytes that must stay free on a target.
    pub min_free_bytes: u64,
    /// Release targets by name.
    pub targets: BTreeMap<String, TargetPlace>,
    /// Whose releases go where; the first route whose group the owner is in.
    pub routes: Vec<RoutePolicy>,
}

impl Default for ReleasePolicy {
    fn default() -> Self {
        Self {
            max_name_units: 200,
            max_path_units: 1_000,
            require_owner: false,
            attempts: 5,
            backoff_ms: 500,
            stall_seconds: 30,
            wait_seconds: 60,
            min_free_bytes: 256 << 20,
            targets: BTreeMap::new(),
            routes: Vec::new(),
        }
    }
}

/// Where a release target is. Secrets lie in files or systemd credentials, never in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TargetPlace {
    /// A directory of a local or mounted file system.
    Directory {
        /// Absolute path.
        path: String,
    },
    /// An SMB 3.1.1 share; nothing is sent unencrypted.
    Smb {
        /// Host name or address.
        server: String,
        /// TCP port.
        #[serde(default = "smb_port")]
        port: u16,
        /// Name of the share.
        share: String,
        /// Folder on the share, `/`-separated; empty for its root.
        #[serde(default)]
        folder: String,
        /// File with `username`, `password` and `domain` lines (smbclient's authentication file), or the name of a systemd
        /// credential after `credential:`.
        credentials: String,
    },
    /// A folder on an SFTP server.
    Sftp {
        /// Host name or address.
        server: String,
        /// TCP port.
        #[serde(default = "ssh_port")]
        port: u16,
        /// User there.
        user: String,
        /// Folder there, absolute.
        folder: String,
        /// File with the private key, or the name of a systemd credential after `credential:`.
        identity: String,
        /// File with the server's public host key, in the form of `known_hosts`.
        known_hosts: String,
    },
}

const fn smb_port() -> u16 {
    445
}

const fn ssh_port() -> u16 {
    22
}

/// Whose releases go where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePolicy {
    /// Group of the owner, as the name service (Active Directory by way of winbind or SSSD) spells it.
    pub group: String,
    /// Name of a target.
    pub target: String,
    /// Folder below the target, `/`-separated; of `{group}`, `{owner}`, `{station}`, `{year}`, `{month}`, `{day}` in it
    /// becomes what they say. Empty for the target's own folder.
    #[serde(default)]
    pub folder: String,
}

/// What may stand in braces in [`RoutePolicy::folder`].
pub const FOLDER_WORDS: [&str; 6] = ["group", "owner", "station", "year", "month", "day"];

impl ReleasePolicy {
    pub(super) fn in_range(&self, bounds: Bounds<'_>) -> Result<(), PolicyError> {
        bounds("release.max_name_units", self.max_name_units.into(), 32..=255, "between 32 and 255")?;
        bounds("release.max_path_units", self.max_path_units.into(), 100..=32_000, "between 100 and 32000")?;
        bounds("release.attempts", self.attempts.into(), 1..=100, "between 1 and 100")?;
        bounds("release.backoff_ms", self.backoff_ms.into(), 1..=600_000, "between 1 and 600000")?;
        bounds("release.stall_seconds", self.stall_seconds.into(), 1..=3_600, "between 1 and 3600")?;
        bounds("release.wait_seconds", self.wait_seconds.into(), 0..=604_800, "between 0 and 604800")?;
        for (name, place) in &self.targets {
            let name_fits = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !name_fits {
                let what = format!("the name \"{}\" may have letters, digits, - and _ only", escape_text(name));
                return Err(PolicyError::Text { key: "release.targets", what });
            }
            place.check()?;
        }
        for route in &self.routes {
            if !self.targets.contains_key(&route.target) {
                let what = format!("no target is called \"{}\"", escape_text(&route.target));
                return Err(PolicyError::Text { key: "release.routes.target", what });
            }
            if route.group.is_empty() {
                return Err(PolicyError::Text { key: "release.routes.group", what: "it is empty".into() });
            }
            check_folder(&route.folder)?;
        }
        Ok(())
    }
}

impl TargetPlace {
    fn check(&self) -> Result<(), PolicyError> {
        let text = |what: &str| Err(PolicyError::Text { key: "release.targets", what: what.to_owned() });
        // What becomes an argument of a program, or a line of its configuration, must not read as something else.
        let plain =
            |word: &str| !word.is_empty() && !word.starts_with('-') && word.chars().all(|c| c.is_alphanumeric() || ".-_:$@\\ ".contains(c));
        match self {
            Self::Directory { path } if !path.starts_with('/') => text("path must be absolute"),
            Self::Smb { server, share, .. } if !plain(server) || !plain(share) => text("server or share has a character it cannot have"),
            Self::Smb { folder, .. } => check_components("release.targets", folder),
            Self::Sftp { server, user, .. } if !plain(server) || !plain(user) => text("server or user has a character it cannot have"),
            Self::Sftp { folder, .. } if !folder.starts_with('/') => text("folder must be absolute"),
            Self::Sftp { folder, .. } => check_components("release.targets", folder.trim_start_matches('/')),
            Self::Directory { .. } => Ok(()),
        }
    }
}

/// Plain components, and in braces only the words there are.
fn check_folder(folder: &str) -> Result<(), PolicyError> {
    let mut bare = folder.to_owned();
    for word in FOLDER_WORDS {
        bare = bare.replace(&format!("{{{word}}}"), "x");
    }
    if bare.contains(['{', '}']) {
        let what = format!("\"{}\" has something in braces that is none of {}", escape_text(folder), FOLDER_WORDS.join(", "));
        return Err(PolicyError::Text { key: "release.routes.folder", what });
    }
    check_components("release.routes.folder", &bare)
}

fn check_components(key: &'static str, folder: &str) -> Result<(), PolicyError> {
    let fits = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with(['.', ' '])
            && !part.contains(['\\', '"', '\n', '\0', ':', '*', '?', '<', '>', '|'])
    };
    if folder.is_empty() || folder.trim_end_matches('/').split('/').all(fits) {
        return Ok(());
    }
    Err(PolicyError::Text { key, what: format!("\"{}\" has a part that is no plain folder name", escape_text(folder)) })
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    fn with_folder(folder: &str) -> String {
        format!(
            "[release.targets.out]\nkind = \"directory\"\npath = \"/srv/out\"\n\
             [[release.routes]]\ngroup = \"g\"\ntarget = \"out\"\nfolder = \"{folder}\"\n"
        )
    }

    #[test]
    fn a_template_names_only_what_there_is_and_never_climbs() {
        for good in ["", "{group}", "kunden/{group}/{year}-{month}", "a b/c"] {
            let policy = Policy::from_toml(&with_folder(good)).unwrap();
            assert_eq!(Policy::from_toml(&policy.to_toml().unwrap()).unwrap(), policy);
        }
        for bad in ["..", "a/../b", "/a", "a//b", "{home}", "{group", "}", ".hidden", "a:b", "a./b"] {
            assert!(Policy::from_toml(&with_folder(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_are_named_reachable_and_no_options() {
        let smb =
            |server: &str| format!("[release.targets.s]\nkind = \"smb\"\nserver = \"{server}\"\nshare = \"out\"\ncredentials = \"/c\"\n");
        assert!(Policy::from_toml(&smb("files.example.org")).is_ok());
        assert!(Policy::from_toml(&smb("-oProxyCommand=x")).is_err());
        assert!(Policy::from_toml("[[release.routes]]\ngroup = \"g\"\ntarget = \"none\"\n").is_err());
        assert!(Policy::from_toml("[release.targets.\"a b\"]\nkind = \"directory\"\npath = \"/x\"\n").is_err());
        assert!(Policy::from_toml("[release.targets.a]\nkind = \"directory\"\npath = \"x\"\n").is_err());
        assert!(Policy::from_toml("[release.targets.a]\nkind = \"directory\"\npath = \"/x\"\nextra = 1\n").is_err());
    }
}
