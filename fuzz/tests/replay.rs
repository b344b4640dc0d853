//! Every target over its seeds and over what once broke it, with the ordinary tool chain.

use fuzz_targets::TARGETS;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Runs all inputs of a target, and names those that break it.
fn broken(run: fn(&[u8]), inputs: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<String> {
    inputs.filter(|(_, bytes)| catch_unwind(AssertUnwindSafe(|| run(bytes))).is_err()).map(|(name, _)| name).collect()
}

#[test]
fn every_target_takes_its_seeds() {
    let mut all_broken = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)().unwrap();
        assert!(!seeds.is_empty(), "{}", target.name);
        let named = seeds.into_iter().enumerate().map(|(index, seed)| (format!("seed {index}"), seed));
        // Nothing, and little, too.
        let all = named.chain([("nothing".into(), Vec::new()), ("one byte".into(), vec![7]), ("zeros".into(), vec![0; 600])]);
        all_broken.extend(broken(target.run, all).into_iter().map(|input| format!("{} by {input}", target.name)));
    }
    assert_eq!(all_broken, [""; 0]);
}

#[test]
fn what_once_broke_a_target_does_so_no_more() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut seen = 0;
    for folder in std::fs::read_dir(all).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target is called {name}"));
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        seen += files.len();
        let inputs = files.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap()));
        assert_eq!(broken(target.run, inputs), [""; 0]);
    }
    assert!(seen > 0, "no regressions found; the test is blind");
}
