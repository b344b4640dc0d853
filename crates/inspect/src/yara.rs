//! YARA: rules compiled once, run over bytes with the two external variables every rule may use.
//!
//! **Invariant:** rules read no file (`include` is off); a scan that did not finish is an error, never an empty list.

use model::Effect;
use std::time::{Duration, Instant};
use wire::{Foreign, RuleSource, YaraHit};
use yara::{Compiler, MetadataValue, Scanner};

/// A compiled rule set.
pub struct Rules(yara::Rules);

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules(..)")
    }
}

/// Why rules do not compile.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The engine would not start.
    #[error("the YARA engine does not start: {0}")]
    Engine(#[source] yara::errors::YaraError),
    /// A rule file has errors.
    #[error("rule file {name} does not compile: {source}")]
    Compile {
        /// The file.
        name: String,
        /// What the compiler says.
        source: yara::Error,
    },
}

/// Why a scan did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Out of time.
    #[error("the YARA scan ran out of time")]
    Timeout,
    /// The engine gave up, or refused a variable.
    #[error("the YARA engine gave up")]
    Engine,
}

impl Rules {
    /// Compiles rule files, each in the namespace of its name.
    ///
    /// # Errors
    /// [`RulesError`] naming the first file with an error.
    pub fn compile(sources: &[RuleSource]) -> Result<Self, RulesError> {
        let mut compiler = Compiler::new().map_err(RulesError::Engine)?;
        compiler.disable_include_directive();
        for variable in ["format", "extension"] {
            compiler.define_variable(variable, "").map_err(RulesError::Engine)?;
        }
        for source in sources {
            compiler = compiler
                .add_rules_str_with_namespace(&source.text, &source.name)
                .map_err(|error| RulesError::Compile { name: source.name.clone(), source: error })?;
        }
        compiler.compile_rules().map(Self).map_err(RulesError::Engine)
    }

    /// Runs the rules; `format` and `extension` become the external variables. `timeout` counts in whole seconds, at least one.
    ///
    /// # Errors
    /// [`ScanError`] when not every byte was looked at.
    pub fn scan(&self, bytes: &[u8], format: &str, extension: &str, timeout: Duration) -> Result<Vec<YaraHit>, ScanError> {
        let started = Instant::now();
        let mut scanner = self.scanner(format, extension, timeout)?;
        let matches =
            scanner.scan_mem(bytes).map_err(|_| if started.elapsed() >= timeout { ScanError::Timeout } else { ScanError::Engine })?;
        Ok(matches
            .iter()
            .map(|rule| YaraHit { rule: Foreign::new(rule.identifier.to_owned()), effect: effect(rule), part: None })
            .collect())
    }

    fn scanner(&self, format: &str, extension: &str, timeout: Duration) -> Result<Scanner<'_>, ScanError> {
        let mut scanner = self.0.scanner().map_err(|_| ScanError::Engine)?;
        // A NUL would end the variable early; no format or extension has one.
        for (name, value) in [("format", format), ("extension", extension)] {
            scanner.define_variable(name, value.replace('\0', "").as_str()).map_err(|_| ScanError::Engine)?;
        }
        scanner.set_timeout(i32::try_from(timeout.as_secs().max(1)).unwrap_or(i32::MAX));
        Ok(scanner)
    }
}

/// The rule's `effect`; a rule without one, or with a word nobody knows, asks for a person.
fn effect(rule: &yara::Rule<'_>) -> Effect {
    let value = rule.metadatas.iter().find(|meta| meta.identifier == "effect").map(|meta| &meta.value);
    match value {
        Some(MetadataValue::String("note")) => Effect::Note,
        Some(MetadataValue::String("strip")) => Effect::Strip,
        Some(MetadataValue::String("undetermined")) => Effect::Undetermined,
        Some(MetadataValue::String("malicious")) => Effect::Malicious,
        _ => Effect::Suspicious,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> RuleSource {
        RuleSource { name: "test.yar".into(), text: text.into() }
    }

    #[test]
    fn variables_and_effects() {
        let text = r#"
            rule bad { meta: effect = "malicious" strings: $a = "evil" condition: $a and format == "txt" }
            rule odd { strings: $a = "evil" condition: $a and extension == "log" }
        "#;
        let rules = Rules::compile(&[source(text)]).unwrap();
        let effects = |format: &str, extension: &str| {
            let hits = rules.scan(b"some evil text", format, extension, Duration::from_secs(5)).unwrap();
            hits.iter().map(|hit| hit.effect).collect::<Vec<_>>()
        };
        assert_eq!(effects("txt", "log"), [Effect::Malicious, Effect::Suspicious]);
        assert_eq!(effects("txt", ""), [Effect::Malicious]);
        assert!(effects("pdf", "").is_empty());
    }

    #[test]
    fn broken_rules_and_includes_are_named() {
        for text in ["rule x { condition: nothing }", "include \"/etc/passwd\""] {
            let error = Rules::compile(&[source(text)]).unwrap_err();
            assert!(error.to_string().contains("test.yar"), "{error}");
        }
    }
}
