//! `schleuse rules test`: every rule hits what it must and misses what it must, in the confined worker it will run in.

use super::print_json;
use crate::cli::{PolicyFile, State};
use crate::settings::{self, ConfigurationError};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use pipeline::workers::{Inspector, InspectorPool, Trouble};
use serde::Deserialize;
use serde_json::json;
use spool::Spool;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    hit: Vec<Case>,
    miss: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    extension: String,
    text: Option<String>,
    utf16le: Option<String>,
    hex: Option<String>,
    base64: Option<String>,
}

impl Case {
    fn body(&self) -> anyhow::Result<Vec<u8>> {
        Ok(match (&self.text, &self.utf16le, &self.hex, &self.base64) {
            (Some(text), None, None, None) => text.clone().into_bytes(),
            (None, Some(text), None, None) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            (None, None, Some(hex), None) => {
                let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
                let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
                digits.chunks(2).map(pair).collect::<Result<_, _>>()?
            }
            (None, None, None, Some(text)) => {
                let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                base64::engine::general_purpose::STANDARD.decode(compact)?
            }
            _ => bail!("exactly one of text, utf16le, hex, base64 is needed"),
        })
    }
}

pub fn test(policy: &PolicyFile, state: &State) -> anyhow::Result<u8> {
    let settings = settings::load(policy.policy.as_deref())?;
    let worker = settings::worker_program()?;
    let tests = settings::rule_tests(&settings.policy)?;
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let spool = Spool::create(scratch.path(), "rules-test", settings.policy.session.max_spool_bytes)?;
    let pool = InspectorPool::new(worker, Arc::clone(&settings.rules), &settings.policy);
    let mut failures = untested(&settings.rules, &tests);
    let mut cases = 0;
    for (rule, text) in &tests {
        let file: TestFile =
            toml::from_str(text).map_err(|error| ConfigurationError(format!("the tests of {rule} cannot be read: {error}")))?;
        for (wanted, case) in file.hit.iter().map(|c| (true, c)).chain(file.miss.iter().map(|c| (false, c))) {
            cases += 1;
            let content = spool.put(&case.body().with_context(|| format!("{rule}, {}", case.name))?)?;
            let timeout = settings.policy.scan.yara_timeout_seconds;
            let ask = |inspector: &mut Inspector| inspector.yara(&content, &case.format, &case.extension, timeout);
            let (complete, hits) = pool.with(content.size_bytes, ask).map_err(fault)?;
            let hit = hits.into_iter().any(|h| h.rule.into_untrusted().escaped() == *rule);
            if !complete || hit != wanted {
                failures.push(format!("{rule}: `{}` must {}", case.name, if wanted { "hit" } else { "miss" }));
            }
        }
    }
    if state.json {
        print_json(&json!({ "rules": tests.len(), "cases": cases, "failures": failures }))?;
    } else {
        for failure in &failures {
            println!("FAILED {failure}");
        }
        println!("{} rules, {cases} cases, {} failed", tests.len(), failures.len());
    }
    Ok(u8::from(!failures.is_empty()))
}

fn fault(trouble: Trouble) -> anyhow::Error {
    match trouble {
        Trouble::Station(fault) => fault.into(),
        other => anyhow::anyhow!("the confined worker failed: {other:?}"),
    }
}

/// Rules without a test file, and test files without a rule.
fn untested(rules: &[wire::RuleSource], tests: &[(String, String)]) -> Vec<String> {
    let declared: BTreeSet<&str> = rules.iter().flat_map(|source| source.text.lines()).filter_map(rule_name).collect();
    let tested: BTreeSet<&str> = tests.iter().map(|(rule, _)| rule.as_str()).collect();
    let without = declared.difference(&tested).map(|rule| format!("{rule}: has no test file"));
    without.chain(tested.difference(&declared).map(|rule| format!("{rule}: there is no such rule"))).collect()
}

fn rule_name(line: &str) -> Option<&str> {
    line.strip_prefix("rule ")?.split([' ', ':', '{']).find(|word| !word.is_empty())
}
