//! `schleuse rules test`: every rule that is shipped has been tried, and a rule that does not do what its test says fails.

use anyhow::{Context as _, Result};
use e2e::Scratch;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/yara")
}

/// Rules declared in the files of a folder.
fn declared(dir: &Path) -> Result<u64> {
    let mut rules = 0;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("yar")) {
            rules += fs::read_to_string(path)?.lines().filter(|line| line.starts_with("rule ")).count() as u64;
        }
    }
    Ok(rules)
}

#[test]
fn every_shipped_rule_does_what_its_tests_say() -> Result<()> {
    let ended = Scratch::new()?.schleuse(&["rules", "test", "--json"])?;
    assert_eq!(ended.status, 0, "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).context("JSON")?;
    let rules = declared(&shipped())?;
    assert!(rules > 0);
    assert_eq!(told["rules"].as_u64(), Some(rules));
    assert!(told["cases"].as_u64() >= Some(2 * rules), "a hit and a miss for each: {told}");
    Ok(())
}

#[test]
fn a_rule_that_misses_its_hit_fails() -> Result<()> {
    let scratch = Scratch::new()?;
    let rules = scratch.path("rules");
    fs::create_dir_all(rules.join("tests"))?;
    fs::write(rules.join("own.yar"), "rule own_word\n{\n    strings:\n        $a = \"Schleuse\"\n    condition:\n        $a\n}\n")?;
    let case = |hit: &str| format!("[[hit]]\nname = \"the word\"\ntext = \"{hit}\"\n\n[[miss]]\nname = \"another\"\ntext = \"Tor\"\n");
    let policy = scratch.path("policy.toml");
    fs::write(&policy, format!("[scan]\nrules_dir = \"{}\"\n", rules.display()))?;
    let test = [OsStr::new("rules"), OsStr::new("test"), OsStr::new("--policy"), policy.as_os_str()];

    fs::write(rules.join("tests/own_word.toml"), case("Datenträgerschleuse, die Schleuse"))?;
    let holds = scratch.schleuse(&test)?;
    assert_eq!(holds.status, 0, "{holds:?}");

    fs::write(rules.join("tests/own_word.toml"), case("Brücke"))?;
    let fails = scratch.schleuse(&test)?;
    assert_eq!(fails.status, 1, "{fails:?}");
    assert!(fails.stdout.contains("own_word: `the word` must hit"), "{fails:?}");
    Ok(())
}
