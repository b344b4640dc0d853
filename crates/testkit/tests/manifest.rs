//! The sample medium: the same everywhere, complete, and as the committed manifest says.

#![expect(clippy::format_collect, reason = "a digest is short")]

use model::Format;
use model::report::Outcome;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use testkit::{Manifest, Sample, manifest_toml, sample_medium};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/MANIFEST.toml");

fn digest(samples: &[Sample]) -> String {
    let mut hash = Sha256::new();
    for sample in samples {
        for part in sample.path.iter().chain([&sample.bytes]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn two_builds_are_equal() {
    let (first, second) = (sample_medium().unwrap(), sample_medium().unwrap());
    println!("digest of the sample medium: {}", digest(&first));
    for (first, second) in first.iter().zip(&second) {
        assert!(first == second, "{}", first.escaped_path());
    }
    assert_eq!(first.len(), second.len());
}

/// With `TESTKIT_WRITE_MANIFEST` set, writes the manifest instead of comparing it.
#[test]
fn the_committed_manifest_is_what_the_code_makes() {
    let made = manifest_toml(&sample_medium().unwrap()).unwrap();
    if std::env::var_os("TESTKIT_WRITE_MANIFEST").is_some() {
        std::fs::write(COMMITTED, &made).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap();
    let (made_items, committed_items) = (Manifest::from_toml(&made).unwrap(), Manifest::from_toml(&committed).unwrap());
    for (made, committed) in made_items.item.iter().zip(&committed_items.item) {
        assert_eq!(made, committed);
    }
    assert_eq!(made, committed);
}

#[test]
fn the_medium_is_wide_enough() {
    let samples = sample_medium().unwrap();
    assert!(samples.len() >= 70, "{}", samples.len());
    let paths: BTreeSet<_> = samples.iter().map(|s| &s.path).collect();
    assert_eq!(paths.len(), samples.len(), "a path twice");
    let formats: BTreeSet<Format> = samples.iter().map(|s| s.expected.format).collect();
    assert!(formats.len() >= 40, "{}", formats.len());
    let released = samples.iter().filter(|s| s.expected.disposition == Outcome::Released).count();
    assert!(released > 30 && samples.len() - released > 30, "{released} of {}", samples.len());
    let total: usize = samples.iter().map(|s| s.bytes.len()).sum();
    assert!(total < 16 << 20, "{total}");
}

#[test]
fn no_sample_is_longer_than_the_demo_has_patience_for() {
    for sample in sample_medium().unwrap() {
        assert!(sample.bytes.len() < 1_200_000, "{} has {} bytes", sample.escaped_path(), sample.bytes.len());
        assert!(sample.why.ends_with('.'), "{}", sample.escaped_path());
    }
}
