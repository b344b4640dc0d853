//! A sample: where it lies on the medium, what it is made of, and what the line is expected to do with it.

use anyhow::{Context as _, Result};
use model::report::Outcome;
use model::{Format, Reason, escape_bytes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What the line is expected to do with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// How it ends.
    pub disposition: Outcome,
    /// Why.
    pub reason: Reason,
    /// What the bytes are.
    pub format: Format,
    /// The items the line finds inside, for an archive that is unpacked.
    pub members: Vec<ExpectedMember>,
}

/// What the line is expected to do with a member of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedMember {
    /// Path inside the archive, escaped; members of a nested archive follow its own path and a slash.
    pub path: String,
    /// How it ends.
    pub disposition: Outcome,
    /// Why.
    pub reason: Reason,
    /// What the bytes are.
    pub format: Format,
}

impl Expected {
    fn new(disposition: Outcome, reason: Reason, format: Format) -> Self {
        Self { disposition, reason, format, members: Vec::new() }
    }

    /// Released as a PDF.
    pub fn converted(format: Format) -> Self {
        Self::new(Outcome::Released, Reason::Converted, format)
    }

    /// Released, encoded again.
    pub fn rebuilt(format: Format) -> Self {
        Self::new(Outcome::Released, Reason::Rebuilt, format)
    }

    /// Released as a folder of these members.
    pub fn unpacked<P: AsRef<str>>(format: Format, members: Vec<(P, Self)>) -> Self {
        let mut all = Vec::new();
        for (path, expected) in members {
            let path = path.as_ref();
            all.push(ExpectedMember {
                path: path.to_owned(),
                disposition: expected.disposition,
                reason: expected.reason,
                format: expected.format,
            });
            all.extend(expected.members.into_iter().map(|m| ExpectedMember { path: format!("{path}/{}", m.path), ..m }));
        }
        Self { disposition: Outcome::Released, reason: Reason::Unpacked, format, members: all }
    }

    /// Withheld.
    pub fn withheld(reason: Reason, format: Format) -> Self {
        Self::new(Outcome::Withheld, reason, format)
    }

    /// A link: in the report, without content.
    pub fn link() -> Self {
        Self::new(Outcome::Structural, Reason::Link, Format::Unknown)
    }
}

/// One file of the sample medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Name components from the root, as raw bytes.
    pub path: Vec<Vec<u8>>,
    /// Content.
    pub bytes: Vec<u8>,
    /// Why it is there, in one sentence.
    pub why: String,
    /// What the line is expected to do with it.
    pub expected: Expected,
}

impl Sample {
    /// A sample at a `/`-separated path.
    pub fn new(path: &str, why: &str, bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        Self { path: path.split('/').map(|c| c.as_bytes().to_vec()).collect(), bytes: bytes.into(), why: why.to_owned(), expected }
    }

    /// A sample in `folder` whose name is raw bytes.
    pub fn raw(folder: &str, name: &[u8], why: &str, bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        let mut sample = Self::new(folder, why, bytes, expected);
        sample.path.push(name.to_vec());
        sample
    }

    /// The path for people: escaped components, `/`-separated.
    pub fn escaped_path(&self) -> String {
        self.path.iter().map(|component| escape_bytes(component)).collect::<Vec<_>>().join("/")
    }

    /// The path as text, when every component is a name a FAT volume can hold.
    pub fn fat_path(&self) -> Option<String> {
        let components = self.path.iter().map(|c| std::str::from_utf8(c).ok().filter(|name| fat_can_hold(name)));
        components.collect::<Option<Vec<_>>>().map(|names| names.join("/"))
    }
}

/// Whether a long FAT name can be this (Microsoft FAT specification, section 7; characters past U+FFFF are left out
/// because the writer used here cannot encode them).
fn fat_can_hold(name: &str) -> bool {
    let allowed = |c: char| match c {
        '"' | '*' | '/' | ':' | '<' | '>' | '?' | '\\' | '|' => false,
        ' '..='~' | '\u{A0}'..='\u{FFFF}' => true,
        _ => false,
    };
    !name.is_empty() && name.len() <= 255 && name.chars().all(allowed) && !name.ends_with(['.', ' ']) && !name.starts_with(' ')
}

/// The samples a FAT volume can hold, with their paths: names of the right form, and of several that are equal after
/// case folding only the first.
pub fn fat_subset(samples: &[Sample]) -> Vec<(String, &Sample)> {
    let mut seen = BTreeSet::new();
    let paths = samples.iter().filter_map(|sample| Some((sample.fat_path()?, sample)));
    paths.filter(|(path, _)| seen.insert(path.to_lowercase())).collect()
}

/// Writes the samples as a directory tree below `dir`, which is made when it does not exist.
///
/// # Errors
/// When a directory or file cannot be written.
pub fn write_tree(dir: &Path, samples: &[Sample]) -> Result<()> {
    for sample in samples {
        let path: PathBuf = std::iter::once(dir).chain(sample.path.iter().map(|c| Path::new(OsStr::from_bytes(c)))).collect();
        let parent = path.parent().context("a sample without a name")?;
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        std::fs::write(&path, &sample.bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fat_cannot_hold() {
        for name in ["a\nb", "a\u{1B}b", "a.", "a ", "a:b", "", "\u{1F600}"] {
            assert!(!fat_can_hold(name), "{name:?}");
        }
        for name in ["Übersicht 2025.xlsx", "a\u{202E}fdp.exe", "CON.txt", ".verborgen"] {
            assert!(fat_can_hold(name), "{name:?}");
        }
    }

    #[test]
    fn of_names_equal_after_case_folding_fat_holds_the_first() {
        let sample = |path: &str| Sample::new(path, "", *b"", Expected::rebuilt(Format::Txt));
        let samples = [sample("A/b.txt"), sample("A/B.TXT"), sample("A/c.txt")];
        assert_eq!(fat_subset(&samples).iter().map(|(p, _)| p.as_str()).collect::<Vec<_>>(), ["A/b.txt", "A/c.txt"]);
    }

    #[test]
    fn raw_names_reach_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::raw("Namen", b"nicht\xFFutf8\n", "", *b"x", Expected::rebuilt(Format::Txt));
        write_tree(dir.path(), std::slice::from_ref(&sample)).unwrap();
        let entry = std::fs::read_dir(dir.path().join("Namen")).unwrap().next().unwrap().unwrap();
        assert_eq!(entry.file_name().as_bytes(), b"nicht\xFFutf8\n");
        assert_eq!(sample.escaped_path(), "Namen/nicht\\xFFutf8\\u{A}");
    }
}
