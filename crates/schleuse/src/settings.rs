//! Policy, format table and rules: built in, or from files the policy names.

use anyhow::{Context as _, bail};
use include_dir::{Dir, include_dir};
use model::{FormatTable, Policy};
use pipeline::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::RuleSource;

static RULES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../rules");
const DEFAULT_POLICY: &str = include_str!("../../../rules/policies/strict.toml");
/// Rules with which the line is tried (`pipeline::canary`).
const CANARY_RULES: &str = "canary.yar";
const FORMATS: &str = include_str!("../../../rules/formats.toml");

/// A problem with what a person configured: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigurationError(pub String);

/// Loads everything; what is wrong is a configuration error.
pub fn load(policy_file: Option<&Path>) -> anyhow::Result<Settings> {
    read(policy_file).map_err(|error| ConfigurationError(format!("{error:#}")).into())
}

fn read(policy_file: Option<&Path>) -> anyhow::Result<Settings> {
    let text = match policy_file {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("the policy {} cannot be read", path.display()))?,
        None => DEFAULT_POLICY.to_owned(),
    };
    let policy = Policy::from_toml(&text)?;
    let formats = FormatTable::from_toml(FORMATS)?;
    let rules = match &policy.scan.rules_dir {
        Some(dir) => {
            let mut rules = rules_in(Path::new(dir))?;
            if rules.is_empty() {
                bail!("there are no YARA rules");
            }
            // The rule the line is tried with is not for choice.
            rules.extend(built_in_rules().into_iter().filter(|rule| rule.name == CANARY_RULES));
            rules
        }
        None => built_in_rules(),
    };
    let policy_sha256 = Settings::fingerprint(&policy.to_toml()?, FORMATS, &rules);
    Ok(Settings { policy, formats, rules: Arc::new(rules), policy_sha256 })
}

fn built_in_rules() -> Vec<RuleSource> {
    let files = RULES.get_dir("yara").map(Dir::files).into_iter().flatten();
    let mut rules: Vec<RuleSource> = files
        .filter(|file| file.path().extension().is_some_and(|e| e == "yar"))
        .filter_map(|file| {
            let name = file.path().file_name()?.to_str()?.to_owned();
            Some(RuleSource { name, text: file.contents_utf8()?.to_owned() })
        })
        .collect();
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    rules
}

fn rules_in(dir: &Path) -> anyhow::Result<Vec<RuleSource>> {
    let mut rules = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("the rules in {} cannot be read", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "yar") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            let name = path.file_name().and_then(|n| n.to_str()).context("a rule file's name is not UTF-8")?;
            if name == CANARY_RULES {
                continue;
            }
            rules.push(RuleSource { name: name.to_owned(), text });
        }
    }
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rules)
}

/// The rules' hit and miss tests: name of the rule and text of its test file.
pub fn rule_tests(policy: &Policy) -> anyhow::Result<Vec<(String, String)>> {
    let mut tests = Vec::new();
    if let Some(dir) = &policy.scan.rules_dir {
        let dir = Path::new(dir).join("tests");
        for entry in std::fs::read_dir(&dir).with_context(|| format!("the tests in {} cannot be read", dir.display()))? {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            tests.push((stem(&path), text));
        }
        tests.retain(|(rule, _)| !is_canary(rule));
    }
    for file in RULES.get_dir("yara/tests").map(Dir::files).into_iter().flatten() {
        let rule = stem(file.path());
        if policy.scan.rules_dir.is_none() || is_canary(&rule) {
            tests.push((rule, file.contents_utf8().unwrap_or_default().to_owned()));
        }
    }
    tests.sort();
    Ok(tests)
}

fn is_canary(rule: &str) -> bool {
    rule.starts_with("canary_")
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The state directory: as given, or the usual place.
pub fn state_dir(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = given {
        return Ok(std::path::absolute(dir)?);
    }
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/schleuse".into());
    }
    match std::env::var_os("HOME") {
        Some(home) => Ok(Path::new(&home).join(".local/state/schleuse")),
        None => Err(ConfigurationError("there is no home directory; name a state directory with --state".into()).into()),
    }
}

/// The worker program: beside this one.
pub fn worker_program() -> anyhow::Result<PathBuf> {
    beside("schleuse-worker", "worker")
}

/// The program that attaches devices: beside this one.
pub fn mountd_program() -> anyhow::Result<PathBuf> {
    beside("schleuse-mountd", "mount")
}

fn beside(name: &str, what: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is unknown")?;
    let program = own.with_file_name(name);
    if !program.is_file() {
        return Err(ConfigurationError(format!("the {what} program {} is missing; install it beside schleuse", program.display())).into());
    }
    Ok(program)
}
