//! Where things lie below the station's state directory.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the signed end of the chain, in the directory of the chain.
pub(crate) const HEAD: &str = "HEAD";
/// What else may lie there: the lock, and what a kill left of a `HEAD` being written.
const BESIDE: [&str; 3] = [HEAD, "HEAD.tmp", "LOCK"];

pub(crate) fn audit_dir(state: &Path) -> PathBuf {
    state.join("audit")
}

pub(crate) fn chain(state: &Path, file: &FileName) -> PathBuf {
    audit_dir(state).join(file.as_str())
}

pub(crate) fn head(state: &Path) -> PathBuf {
    audit_dir(state).join(HEAD)
}

pub(crate) fn lock(state: &Path) -> PathBuf {
    audit_dir(state).join("LOCK")
}

pub(crate) fn keys_dir(state: &Path) -> PathBuf {
    state.join("keys")
}

pub(crate) fn station_key(state: &Path) -> PathBuf {
    keys_dir(state).join("station.pk8")
}

/// The key of a rotation that is not finished.
pub(crate) fn next_key(state: &Path) -> PathBuf {
    keys_dir(state).join("next.pk8")
}

pub(crate) fn station_public_key(state: &Path) -> PathBuf {
    keys_dir(state).join("station.pub")
}

pub(crate) fn old_keys_dir(state: &Path) -> PathBuf {
    keys_dir(state).join("old")
}

pub(crate) fn sessions_dir(state: &Path) -> PathBuf {
    keys_dir(state).join("sessions")
}

/// Name of one file of the chain: `chain-YYYY-MM.jsonl`, after the UTC month of its first record. Their order by name is
/// their order in the chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName(String);

impl FileName {
    /// The file that a record of this `time` begins; `None` when that is no time.
    pub(crate) fn of_time(time: &str) -> Option<Self> {
        month_of(time).map(|month| Self(format!("chain-{month}.jsonl")))
    }

    /// Only such a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let month = name.strip_prefix("chain-")?.strip_suffix(".jsonl")?;
        (month.len() == 7 && month_of(month).is_some()).then(|| Self(name.to_owned()))
    }

    /// `YYYY-MM`.
    pub(crate) fn month(&self) -> &str {
        self.0.get(6..13).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The month (`YYYY-MM`) that `time` begins with.
pub(crate) fn month_of(time: &str) -> Option<&str> {
    let month = time.get(..7)?;
    let (year, number) = month.split_once('-')?;
    let digits = year.len() == 4 && number.len() == 2 && [year, number].concat().bytes().all(|byte| byte.is_ascii_digit());
    (digits && ("01"..="12").contains(&number)).then_some(month)
}

/// What lies in the directory of the chain.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The chain's files, oldest first.
    pub(crate) files: Vec<FileName>,
    /// The first name that has no place there.
    pub(crate) foreign: Option<String>,
}

impl Listing {
    /// Lists the directory of the chain below `state`; one that is not there is empty.
    pub(crate) fn of(state: &Path) -> io::Result<Self> {
        let mut listing = Self::default();
        let entries = match std::fs::read_dir(audit_dir(state)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            match FileName::parse(&name) {
                Some(file) => listing.files.push(file),
                None if BESIDE.contains(&name.as_str()) => {}
                None if listing.foreign.as_ref().is_none_or(|first| name < *first) => listing.foreign = Some(name),
                None => {}
            }
        }
        listing.files.sort_unstable();
        Ok(listing)
    }

    /// The first file after `file`.
    pub(crate) fn after(&self, file: &FileName) -> Option<&FileName> {
        self.files.iter().find(|found| *found > file)
    }

    /// The last file before `file`.
    pub(crate) fn before(&self, file: &FileName) -> Option<&FileName> {
        self.files.iter().rev().find(|found| *found < file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_months_name_files() {
        let file = FileName::of_time("2026-11-18T11:06:40.000Z").unwrap();
        assert_eq!((file.as_str(), file.month()), ("chain-2026-11.jsonl", "2026-11"));
        assert_eq!(FileName::parse("chain-2026-11.jsonl"), Some(file));
        for other in [
            "chain-2026-13.jsonl",
            "chain-2026-00.jsonl",
            "chain-2026-1.jsonl",
            "chain-2026-11.jsonl.bak",
            "chain-2026-11-01.jsonl",
            "chain-+026-11.jsonl",
            "chain.jsonl",
            "HEAD",
        ] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
        assert_eq!(FileName::of_time("2026"), None);
    }
}
