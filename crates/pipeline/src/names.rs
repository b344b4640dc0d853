//! The name policy over a whole tree: equal paths map equally, different ones stay different.

use model::names::{claimed_extension, collision_key, map_component};
use model::{Effect, Finding, FindingCode, Untrusted, escape_bytes};
use std::collections::{HashMap, HashSet};

/// A foreign path after the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// As people see it, escaped.
    pub(crate) shown: String,
    /// Components for the release.
    pub(crate) release: Vec<String>,
    /// Extension the last component claims.
    pub(crate) extension: String,
    /// What was wrong with its own name, and path tricks on the way.
    pub(crate) findings: Vec<Finding>,
}

/// Remembers what was mapped to what. One per session.
#[derive(Debug)]
pub(crate) struct Names {
    max_name_units: u32,
    max_path_units: u32,
    known: HashMap<(Vec<String>, Vec<u8>), String>,
    taken: HashSet<String>,
}

impl Names {
    pub(crate) fn new(policy: &model::policy::ReleasePolicy) -> Self {
        Self { max_name_units: policy.max_name_units, max_path_units: policy.max_path_units, known: HashMap::new(), taken: HashSet::new() }
    }

    /// Maps a path; `within` is the archive it is in, `None` for the medium. Equal directories are one directory; two files
    /// of the same name (a broken FAT can hold them) stay two.
    pub(crate) fn map(&mut self, path: &[Untrusted<Vec<u8>>], within: Option<&Mapped>, directory: bool) -> Mapped {
        let mut mapped = within.map_or_else(Mapped::default, |archive| Mapped {
            shown: archive.shown.clone() + "!",
            release: archive.release.clone(),
            ..Mapped::default()
        });
        for (position, component) in path.iter().enumerate() {
            let once = position + 1 == path.len() && !directory;
            if within.is_some() || !mapped.release.is_empty() {
                mapped.shown.push('/');
            }
            mapped.shown.push_str(&component.escaped());
            let (name, findings) = self.component(&mapped.release, component, once);
            mapped.release.push(name);
            // What was wrong with an ordinary directory is told once, at its own line; a path trick is told wherever it is.
            mapped.findings.retain(|finding| finding.code == FindingCode::NamePath);
            mapped.findings.extend(findings);
        }
        mapped.extension = path.last().map(claimed_extension).unwrap_or_default();
        self.shorten(&mut mapped);
        mapped
    }

    fn component(&mut self, parent: &[String], foreign: &Untrusted<Vec<u8>>, once: bool) -> (String, Vec<Finding>) {
        let mut mapped = map_component(foreign, self.max_name_units);
        let Ok(raw) = foreign.check(|bytes| Ok::<_, std::convert::Infallible>(bytes.clone()));
        if matches!(raw.as_slice(), b".." | b"." | b"") || raw.iter().any(|b| matches!(b, b'/' | b'\\')) {
            mapped.findings.push(Finding::own(FindingCode::NamePath, Effect::Note, escape_bytes(&raw)));
        }
        let key = (parent.to_vec(), raw);
        if let Some(name) = self.known.get(&key).filter(|_| !once) {
            return (name.clone(), mapped.findings);
        }
        let mut name = mapped.name.clone();
        let mut number = 2u32;
        while !self.taken.insert(collision_key(&format!("{}/{name}", parent.join("/")))) {
            if number == 2 {
                mapped.findings.push(Finding::own(FindingCode::NameCollision, Effect::Note, model::escape_text(&mapped.name)));
            }
            name = numbered(&mapped.name, number);
            number += 1;
        }
        if !once {
            self.known.insert(key, name.clone());
        }
        (name, mapped.findings)
    }

    /// A path longer than the target allows loses directories from the middle; the report has the full one.
    fn shorten(&self, mapped: &mut Mapped) {
        let units = |path: &[String]| path.iter().map(|c| c.encode_utf16().count() as u32 + 1).sum::<u32>();
        if units(&mapped.release) <= self.max_path_units {
            return;
        }
        let limit = format!("max_path_units = {}", self.max_path_units);
        mapped.findings.push(Finding::own(FindingCode::NameTooLong, Effect::Note, limit));
        while units(&mapped.release) > self.max_path_units && mapped.release.len() > 2 {
            let middle = mapped.release.len() / 2;
            mapped.release.remove(middle);
        }
    }
}

fn numbered(name: &str, number: u32) -> String {
    match name.rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => format!("{stem} ({number}).{ext}"),
        _ => format!("{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &[&str]) -> Vec<Untrusted<Vec<u8>>> {
        text.iter().map(|c| Untrusted::new(c.as_bytes().to_vec())).collect()
    }

    #[test]
    fn equal_paths_map_equally_and_twins_stay_two() {
        let mut names = Names::new(&model::policy::ReleasePolicy::default());
        assert_eq!(names.map(&path(&["Daten", "a.txt"]), None, false).release, ["Daten", "a.txt"]);
        assert_eq!(names.map(&path(&["Daten", "A.TXT"]), None, false).release, ["Daten", "A (2).TXT"]);
        assert_eq!(names.map(&path(&["Daten", "a.txt"]), None, false).release, ["Daten", "a (3).txt"]);
        assert_eq!(names.map(&path(&["Daten"]), None, true).release, ["Daten"]);
        assert_eq!(names.map(&path(&["daten", "b.txt"]), None, false).release, ["daten (2)", "b.txt"]);
    }

    #[test]
    fn members_are_shown_behind_their_archive_and_cannot_climb() {
        let mut names = Names::new(&model::policy::ReleasePolicy::default());
        let archive = names.map(&path(&["x.zip"]), None, false);
        let member = names.map(&path(&["..", "..", "etc", "passwd"]), Some(&archive), false);
        assert_eq!(member.shown, "x.zip!/../../etc/passwd");
        assert_eq!(member.release, ["x.zip", "_", "_", "etc", "passwd"]);
        assert_eq!(member.findings.iter().filter(|f| f.code == FindingCode::NamePath).count(), 2);
    }

    #[test]
    fn too_long_paths_lose_their_middle() {
        let mut names = Names::new(&model::policy::ReleasePolicy { max_path_units: 300, ..Default::default() });
        let long: Vec<String> = (0..50).map(|n| format!("ordner-{n:03}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let mapped = names.map(&path(&long), None, false);
        assert!(mapped.release.join("/").len() <= 300);
        assert_eq!(mapped.release.last().unwrap(), "ordner-049");
        assert_eq!(mapped.findings[0].code, FindingCode::NameTooLong);
    }
}
