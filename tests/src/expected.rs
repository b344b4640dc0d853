//! What `samples/MANIFEST.toml` says about an item, side by side with what the report says.

use model::report::{ItemLine, Outcome, SessionReport};
use model::{Format, Reason};
use std::collections::{BTreeMap, BTreeSet};
use testkit::{Manifest, Sample};

/// How an item ends.
pub type Ending = (Outcome, Reason, Format);

/// Where expectation and report differ, one line each; empty when they agree.
///
/// Directories of the medium are no samples and are left out. Members are compared by the path behind their archive.
pub fn differences(samples: &[Sample], report: &SessionReport) -> Vec<String> {
    let mut wanted: BTreeMap<String, Vec<Ending>> = BTreeMap::new();
    for item in Manifest::of(samples).item {
        for member in &item.member {
            let path = format!("{}/{}", item.path, member.path);
            wanted.entry(path).or_default().push((member.disposition, member.reason, member.format));
        }
        wanted.entry(item.path).or_default().push((item.disposition, item.reason, item.format));
    }
    let mut met: BTreeMap<String, Vec<Ending>> = BTreeMap::new();
    for item in report.items.iter().filter(|item| item.reason != Reason::Directory) {
        let ending = (item.disposition, item.reason, item.format.unwrap_or(Format::Unknown));
        met.entry(item.path.replace("!/", "/")).or_default().push(ending);
    }
    let paths: BTreeSet<&String> = wanted.keys().chain(met.keys()).collect();
    let differing = paths.into_iter().filter(|path| wanted.get(*path) != met.get(*path));
    differing.map(|path| format!("{path}: expected {:?}, ended as {:?}", wanted.get(path), met.get(path))).collect()
}

/// A report without the lines of areas that belong to no partition, and those lines: no sample stands for them.
pub fn without_gaps(report: SessionReport) -> (SessionReport, Vec<ItemLine>) {
    let (gaps, items) = report.items.into_iter().partition(|item| item.reason == Reason::Unpartitioned);
    (SessionReport { items, ..report }, gaps)
}
